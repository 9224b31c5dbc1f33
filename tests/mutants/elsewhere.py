# SPDX-License-Identifier: Apache-2.0
"""Mutants of what no rule says, and what went wrong in other systems (the table in docs/failures.md); "rule 0". More of them are
tests/model/seeded."""
from mutant import Edit, Mutant

NO_HISTORY = "-: of no rule"

MUTANTS = [
    Mutant(0, "a-commit-keeps-its-connection", "a commit holds its snapshot while it waits for its verdict", [
        Edit("follower/submission.c", "\tvd_member_leave(&transaction->member);\n\tif (request_of", "\tif (request_of")],
        ["test_snapshot.py::test_nothing_is_held_while_a_commit_waits"], history=NO_HISTORY),
    Mutant(0, "signed-min-and-max", "a number with its highest bit set is below 0", [
        Edit("common/kv/mutation.c", "\t\tint v = i < value.size ? value.data[i] : 0;\n\t\tint p = operand.data[i];\n",
             "\t\tint v = i < value.size ? (int8_t)value.data[i] : 0;\n\t\tint p = (int8_t)operand.data[i];\n")],
        ["kv_mutation_test.c::the_table"], history=NO_HISTORY),
    Mutant(0, "an-op-after-a-clear-reads-the-store", "a cleared key has its old value for the next atomic operation", [
        Edit("common/kv/overlay.c", "\tbecome(overlay, begin, VD_OVERLAY_ABSENT, VD_BYTES(\"\"));\n\tbegin->is_unreadable = begin->hides_after = false;\n",
             "\tbegin->is_unreadable = begin->hides_after = false;\n")],
        ["kv_overlay_test.c::after_a_clear_an_op_reads_nothing"], history=NO_HISTORY),
    Mutant(0, "columns-by-position", "what a changed statement answers is read as what it answered before", [
        Edit("common/pg/pipeline.c", "\tif (plan->columns_checked || columns[0].name == NULL)\n", "\tif (true)\n")],
        ["pg_pipeline_test.c::columns_that_shifted_end_the_connection"], history=NO_HISTORY),
    Mutant(0, "passwords-in-logs", "a connection string is shown as it was given", [
        Edit("common/base/redact.c", "\t\t\treturn length == size ? KEY_SECRET : KEY_BLURRED;\n", "\t\t\treturn KEY_PLAIN;\n")],
        ["base_redact_test.c::secrets_are_replaced"], history=NO_HISTORY),
    Mutant(0, "deaf-after-a-loss", "who has lost its connection does not listen on the next one", [
        Edit("follower/commit/inbox.c", "\tvd_pg_listener_attach(committer->listener, pg);\n\tvd_committer_pump(committer);\n",
             "\tif (committer->heard_ms == 0)\n\t\tvd_pg_listener_attach(committer->listener, pg);\n\tvd_committer_pump(committer);\n")],
        ["test_commit.py::test_a_lost_inbox_is_followed_by_a_look"], history=NO_HISTORY),
    # ---- the lock (docs/adr/0031) ----
    Mutant(0, "a-locked-store-takes-anything", "the leader commits what is not aware of the lock", [
        Edit("resolver/lock.c", "\tif (lock->is_held && (!request->is_lock_aware ||", "\tif (lock->is_held && (")],
        ["resolver_lock_test.c::test_who_is_refused", "test_lock.py::test_everybody_else_is_refused"], history=NO_HISTORY),
    Mutant(0, "the-fence-forgets-the-lock", "the lock is gone with the next batch's row", [
        Edit("migrations/0003_lock.sql", "  INSERT INTO watermark (version, term, lock) VALUES (p_to, p_term, held);\n",
             "  INSERT INTO watermark (version, term) VALUES (p_to, p_term);\n")],
        ["test_lock.py::test_it_outlives_its_leader"], history=NO_HISTORY),
    Mutant(0, "a-new-leader-knows-no-lock", "a leader takes office as if nobody had locked the store", [
        Edit("resolver/office.c", "\tvd_memory_set_lock(office->memory, &takeover->lock);\n", "")],
        ["test_lock.py::test_it_outlives_its_leader"], history=NO_HISTORY),
    Mutant(0, "a-reload-knows-no-lock", "what is read anew after a crash is read without the lock", [
        Edit("resolver/mend.c", "\tvd_memory_set_lock(memory_of(drain), lock);\n", "\t(void)lock;\n")],
        ["test_lock.py::test_it_outlives_its_server"], history=NO_HISTORY),
    Mutant(0, "reads-see-a-locked-store", "half of what is being loaded is shown to everybody", [
        Edit("follower/snapshot/snapshot.c", "\t\t   (snapshot->is_locked && !member->is_lock_aware);", "\t\t   false;")],
        ["test_lock.py::test_everybody_else_is_refused", "test_lock.py::test_who_is_aware_of_it"], history=NO_HISTORY),
    Mutant(0, "counters-are-anybodys", "whoever says that he is aware of a lock writes system keys", [
        Edit("resolver/lock.c", "\tif (request->is_lock_aware && !will_be_held && vd_request_writes_system(request))", "\tif (false && will_be_held)")],
        ["resolver_lock_test.c::test_who_is_refused", "test_lock.py::test_system_keys_in_a_locked_store"], history=NO_HISTORY),
]
