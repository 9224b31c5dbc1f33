# SPDX-License-Identifier: Apache-2.0
"""Mutants of rules 17 to 19: validation, bounds, NOTIFY; and of what is not written in a rule but went wrong elsewhere."""
from mutant import Edit, Mutant

STORE, APPLY, INBOX = "migrations/0001_store.sql", "resolver/apply.c", "follower/commit/inbox.c"
NOBODY = "-: what is refused, or not, is content; the workload has none that is wrong"
BOUND = "-: it is about room"

MUTANTS = [
    # ---- 17: validation ----
    Mutant(17, "the-follower-does-not-validate", "a bad write is found out by the leader", [
        Edit("follower/write.c", "\tif (vd_mutation_validate(&mutation, last, limits, &refusal) != 0) {", "\tif (false) {")],
        ["test_transaction.py::test_errors_of_writes_are_kept"], history=NOBODY),
    Mutant(17, "the-leader-does-not-validate", "a bad request is applied, or ends the term", [
        Edit("resolver/batch.c", "\tif (code == 0) {\n\t\tstruct vd_refusal refusal;", "\tif (false) {\n\t\tstruct vd_refusal refusal;")],
        ["resolver_batch_test.c::test_poison_becomes_a_rejected_verdict_and_the_rest_goes_on", "resolver_drain_test.py::test_poison[long key]"],
        history=NOBODY),
    Mutant(17, "the-table-takes-any-key", "a key that no index takes", [
        Edit(STORE, "  key   bytea NOT NULL CHECK (octet_length(key) <= 2600),", "  key   bytea NOT NULL,")],
        ["resolver_office_test.py::test_the_tables_check_lengths"], history=NOBODY),
    Mutant(17, "the-queue-takes-any-size", "a payload that a claim must not load", [
        Edit(STORE, "  payload      bytea  NOT NULL CHECK (octet_length(payload) BETWEEN 1 AND 16000000),", "  payload      bytea  NOT NULL,")],
        ["resolver_office_test.py::test_the_tables_check_lengths"], history=NOBODY),
    Mutant(17, "unknown-fields-are-passed-over", "a demand of a later version is not met, and not refused", [
        Edit("common/kv/codec.c", '\treturn has_unknown ? "request has a field that this version does not know" : NULL;', "\treturn NULL;")],
        ["kv_codec_test.c::what_is_refused", "resolver_drain_test.py::test_poison[unknown field]"], history=NOBODY),
    Mutant(17, "a-bad-stamp-offset", "a versionstamp may lie outside of its key", [
        Edit("common/kv/mutation.c", "\tif (at > rest - size) {\n\t\treturn false;\n\t}\n", "\tat = at > rest - size ? rest - size : at;\n")],
        ["kv_mutation_test.c::a_stamp_goes_where_the_offset_says", "resolver_drain_test.py::test_poison[stamp over the end]"], history=NOBODY),
    Mutant(17, "content-is-the-worlds-fault", "what PostgreSQL does not take is tried for ever", [
        Edit(APPLY, "\t\treturn VD_APPLY_CONTENT;\n", "\t\treturn VD_APPLY_WORLD;\n")],
        ["resolver_apply_test.c::every_answer_has_its_consequence"], history=NOBODY),
    Mutant(17, "a-full-disk-is-content", "what the world does wrong is blamed on requests", [
        Edit(APPLY, 'vd_pg_outcome_is_class(outcome, "54")))', 'vd_pg_outcome_is_class(outcome, "54") || vd_pg_outcome_is_class(outcome, "53")))')],
        ["resolver_apply_test.c::every_answer_has_its_consequence"], quick=True, history="-: no disk is full here"),
    Mutant(17, "any-statement-is-a-data-statement", "an error of an outcome is blamed on a request", [
        Edit(APPLY, "\tbool is_data = outcome->failed >= judge->data_begin && outcome->failed < judge->data_end;\n", "\tbool is_data = true;\n")],
        ["resolver_apply_test.c::every_answer_has_its_consequence"], history=NOBODY),
    Mutant(17, "the-whole-batch-is-rejected", "with the request that PostgreSQL does not take, its neighbours are refused", [
        Edit("resolver/mend.c", "\tif (batch->count > 1) {\n\t\tuint32_t half", "\tif (batch->count > 1) {\n\t\tfor (uint32_t i = 0; i < batch->count; i++)\n"
             "\t\t\tvd_batch_reject(batch, i, VD_CODE_SQL_ERROR, turn->apply.message);\n\t} else if (false) {\n\t\tuint32_t half")],
        ["resolver_drain_test.py::test_content_that_only_postgresql_refuses"], history=NOBODY),

    # ---- 18: bounds ----
    Mutant(18, "a-claim-of-any-size", "more bytes are claimed than a batch takes", [
        Edit("resolver/claim.c", '\t\t   " WHERE running <= $4 OR running = octet_length(payload) ORDER BY arrival",\n\t.params = { REQUEST_PARAMS },',
             '\t\t   " WHERE running <= $4 OR true ORDER BY arrival",\n\t.params = { REQUEST_PARAMS },')],
        ["resolver_drain_test.py::test_a_claim_is_bounded[bound0-30000]"], history=BOUND),
    Mutant(18, "a-claim-of-any-number", "more requests are claimed than a batch takes", [
        Edit("resolver/turn.c", "\t\t.requests = drain->limit,\n", "\t\t.requests = 60000,\n")],
        ["resolver_drain_test.py::test_a_claim_is_bounded[bound1-1]"], history=BOUND),
    Mutant(18, "a-window-of-any-size", "the window's memory is not bounded", [
        Edit("common/kv/window.c", "i < window->age_count && bytes > window->limit_bytes; i++)", "i < 0; i++)")],
        ["kv_window_test.c::memory_is_bounded_by_the_proposed_floor", "resolver_memory_test.c::test_the_window_is_bounded_by_raising_the_floor"], history=BOUND),
    Mutant(18, "replies-of-any-length", "a payload longer than a NOTIFY takes", [
        Edit("resolver/reply.h", "#define VD_REPLY_PAYLOAD_BYTES 7900", "#define VD_REPLY_PAYLOAD_BYTES 8192")],
        ["resolver_reply_test.c::test_payloads_stay_under_their_limit_and_say_all"], history=BOUND),
    Mutant(18, "a-clear-of-any-number-of-rows", "one clear keeps the leader busy for minutes", [
        Edit(STORE, "  IF widest > p_max THEN\n", "  IF false THEN\n"),
        Edit(STORE, "key < r.ends LIMIT p_max + 1) x", "key < r.ends) x")],
        ["resolver_drain_test.py::test_a_clear_at_its_limit_and_one_above"], history=BOUND),
    Mutant(18, "a-queue-of-any-length", "a follower has any number in flight", [
        Edit("follower/commit/submit.c", "(commits->open_count < (size_t)committer->database->settings.max_in_flight &&", "(true &&")],
        ["test_commit.py::test_above_max_in_flight_commits_wait_in_the_library"], history=BOUND),
    Mutant(18, "a-queue-of-any-weight", "… or any number of bytes", [
        Edit("follower/commit/submit.c", "\t\t\t   commits->open_bytes + commit->payload.size <= VD_COMMIT_OPEN_BYTES);", "\t\t\t   true);")],
        ["test_size.py::test_what_a_worker_has_in_the_queue_is_bounded_in_bytes"], history=BOUND),
    Mutant(18, "a-request-of-any-memory", "a few bytes on the wire take all of the leader's memory", [
        Edit("common/kv/codec.c", "\tif (size > decoder->rest_bytes) {\n\t\tdecoder->is_over = true;\n\t\treturn NULL;\n\t}\n", "")],
        ["kv_codec_test.c::a_few_bytes_may_not_take_all_memory"], history=BOUND),
    Mutant(18, "what-a-client-gives-up-is-not-bounded", "tombstones without end", [
        Edit(STORE, "WHERE c.client = p_client) > 100000 THEN", "WHERE c.client = p_client) > 100000000000 THEN")],
        ["resolver_guard_test.py::test_what_a_client_gives_up_is_bounded"], history=BOUND),

    # ---- 19: NOTIFY ----
    Mutant(19, "any-reply-is-believed", "anybody who may send can tell a follower what became of its commits", [
        Edit(INBOX, "\t\tif (commit == NULL || commit->token != entry.token)\n", "\t\tif (commit == NULL)\n")],
        ["test_commit.py::test_forged_and_malformed_replies_are_not_believed"], history="-: nobody forges here"),
    Mutant(19, "a-failing-reply-is-an-apply-error", "replies that could not be sent make a batch fail that is committed", [
        Edit(APPLY, "\tif (judge->committed)\n\t\treturn VD_APPLY_COMMITTED;\n\tif (outcome->status == VD_PG_LOST)\n",
             "\tif (judge->committed && outcome->status != VD_PG_ERROR)\n\t\treturn VD_APPLY_COMMITTED;\n\tif (outcome->status == VD_PG_LOST)\n")],
        ["resolver_apply_test.c::every_answer_has_its_consequence"], history="-: it settles, and goes on"),
    Mutant(19, "channels-of-any-length", "a name that fails the whole statement", [
        Edit("common/pg/names.c", "return length > 0 && length <= VD_PG_SCHEMA_BYTES_MAX && schema[length] == 0 &&", "return length > 0 && schema[length] == 0 &&")],
        ["pg_names_test.c::legal_schemas"], history="-: names are given"),
    Mutant(19, "a-full-queue-stops-submits", "followers go on ringing when the notify queue is full", [
        Edit("follower/commit/submit.c", "\t\tcommitter->quiet_until = committer->clock_ms + VD_COMMIT_QUIET_MS;\n", "\t\t;\n")],
        ["test_commit.py::test_the_notify_queue_is_full"], history="-: who waits tells nothing wrong; only that there is no end"),
    Mutant(19, "no-look-without-a-doorbell", "a leader that is not rung does not look", [
        Edit("resolver/drain.c", "\tdrain->looks.is_due = true;\n\tdrain->is_held", "\tdrain->is_held")],
        ["resolver_drain_test.py::test_doorbells_are_hints"], history="-: who waits tells nothing wrong; only that there is no end"),
    Mutant(19, "laggards-stay", "a session of ours that does not read fills the notify queue", [
        Edit("resolver/sweep.c", "pg_terminate_backend(a.pid) AS ended", "false AS ended")],
        ["resolver_drain_test.py::test_laggards_of_ours_are_ended_when_the_notify_queue_fills_up"], history="-: who waits tells nothing wrong; only that there is no end"),
    Mutant(19, "a-flood-costs-a-look-each", "each doorbell is answered by a look", [
        Edit("resolver/looks.c", "(looks->is_rung && looks->empty_in_row < EMPTY_MOST);", "looks->is_rung;")],
        ["resolver_looks_test.c::a_flood_is_bounded"], history="-: it is about work"),
]
