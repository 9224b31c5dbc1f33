# SPDX-License-Identifier: Apache-2.0
"""Mutants of rules 7 to 10: fence, unknown commits, taking office, lease."""
from mutant import Edit, Mutant

STORE, FENCING = "migrations/0001_store.sql", "migrations/0003_lock.sql"
OFFICE = FENCING
MEMORY, KEEPER, LEASE = "resolver/memory.c", "resolver/keeper_ask.c", "resolver/lease.c"
FENCE = "  DELETE FROM watermark WHERE version = p_from AND term = p_term RETURNING lock INTO held;\n"

MUTANTS = [
    # ---- 7: the fence ----
    Mutant(7, "the-fence-knows-no-version", "any batch of the same term passes, also a stalled older one", [
        Edit(FENCING, FENCE, "  DELETE FROM watermark WHERE term = p_term RETURNING lock INTO held;\n")],
        ["resolver_office_test.py::test_the_fence_compares_term_and_version"],
        history="-: batches of one leader are sent over one session, in order; a stalled one beside a fresh one takes a test of its own"),
    Mutant(7, "the-fence-knows-no-term", "a batch of another leader passes if the version fits", [
        Edit(FENCING, FENCE, "  DELETE FROM watermark WHERE version = p_from RETURNING lock INTO held;\n")],
        ["resolver_office_test.py::test_the_fence_compares_term_and_version"],
        history="-: the version parts two leaders as long as they do not send the same one; that they can takes a test by hand"),
    Mutant(7, "no-fence", "whatever comes is applied", [
        Edit(FENCING, FENCE, "  DELETE FROM watermark RETURNING lock INTO held;\n"),
        Edit(FENCING, "  IF NOT FOUND THEN\n    RAISE EXCEPTION 'fenced: the watermark is not at version % of term %', p_from, p_term USING ERRCODE = 'VD001';\n  END IF;\n", "")],
        ["resolver_office_test.py::test_the_fence_compares_term_and_version",
         "test_leader.py::test_a_frozen_pipeline_lands_late"], history="frozen_pipeline"),
    Mutant(7, "no-fence-without-winners", "a batch in which nobody wins moves no watermark", [
        Edit("resolver/apply.c", "\tvd_pg_query(segment, &fence, params, NULL, NULL);\n",
             "\tif (batch->counts.committed > 0)\n\t\tvd_pg_query(segment, &fence, params, NULL, NULL);\n")],
        ["resolver_office_test.py::test_a_batch_without_winners_passes_the_fence"],
        history="-: its leader dies of it"),

    # ---- 8: unknown commits ----
    Mutant(8, "what-is-unknown-has-landed", "a commit whose end is unknown is taken for done", [
        Edit(MEMORY, "\tif (version == memory->versions.newest)\n\t\treturn VD_SETTLED_KNOWN;\n",
             "\tif (version == memory->versions.newest) {\n\t\t*landed = memory->under_way_count > 0 &&\n"
             "\t\t\tmemory->under_way[0]->state == VD_BATCH_RESOLVED;\n\t\treturn VD_SETTLED_KNOWN;\n\t}\n")],
        ["resolver_memory_test.c::test_a_lost_commit_is_settled_by_the_watermark",
         "resolver_rules_test.py::test_an_unknown_commit_that_did_not_land"], history="cuts"),
    Mutant(8, "what-is-unknown-has-not-landed", "a commit whose end is unknown is taken for undone, and resolved again on what it was resolved on before", [
        Edit(MEMORY, "\t\t\t*landed = i + 1;\n", "\t\t\t*landed = 0;\n")],
        ["resolver_memory_test.c::test_a_lost_commit_is_settled_by_the_watermark",
         "resolver_rules_test.py::test_an_unknown_commit_that_landed"],
        history="-: its next batch does not pass the fence, for its version is not the newest"),
    Mutant(8, "memory-is-kept-whatever-happened", "window and outcomes are believed after somebody else has moved the watermark", [
        Edit(MEMORY, "\treturn VD_SETTLED_UNEXPECTED;\n", "\treturn VD_SETTLED_KNOWN;\n")],
        ["resolver_rules_test.py::test_another_one_moved_the_watermark"],
        history="-: nobody but the leader moves the watermark in its term"),
    Mutant(8, "a-reload-keeps-the-window", "after a reload the floor is the old one, and the memory behind it empty", [
        Edit(MEMORY, "\tVD_ASSERT(version >= memory->versions.newest);\n\tbegin_anew(memory, version);\n",
             "\tVD_ASSERT(version >= memory->versions.newest);\n\tbegin_anew(memory, 0);\n")],
        ["resolver_memory_test.c::test_after_a_reload_nothing_is_remembered_and_the_floor_is_its_version"], history="moved"),
    Mutant(8, "a-reload-keeps-the-clients", "after a reload outcomes are those that memory had", [
        Edit(MEMORY, "\tvd_clients_forget_all(&memory->clients);\n", "")],
        ["resolver_memory_test.c::test_after_a_reload_nothing_is_remembered_and_the_floor_is_its_version"],
        history="-: what the database knows more of is refused at the fence, and then loaded"),
    Mutant(8, "a-restart-is-nothing", "after a restart of the server memory is kept", [
        Edit("resolver/settle.c", "settled == VD_SETTLED_UNEXPECTED || was_restarted)", "settled == VD_SETTLED_UNEXPECTED)")],
        ["resolver_lead_test.py::test_a_leader_alone_meets_a_restarted_server"],
        history="-: a clean restart loses nothing but the queue, whose arrivals begin anew"),
    Mutant(8, "another-server-is-nothing", "a term outlives a promotion", [
        Edit("resolver/hinge.c", "\treturn takeover->system_identifier == server->system_identifier &&\n"
             "\t\t   takeover->timeline == server->timeline && takeover->database_oid == server->database_oid;\n",
             "\treturn takeover->system_identifier == server->system_identifier &&\n"
             "\t\t   takeover->database_oid == server->database_oid;\n")],
        ["resolver_rules_test.py::test_a_standby_is_promoted"],
        history="-: of a standby that lagged the watermark tells as much; one that did not lag goes on where the primary was"),
    Mutant(8, "any-end-of-commit-will-do", "COMMIT of an aborted transaction counts as committed", [
        Edit("common/pg/rows.c", '\treturn strcmp(vd_pg_rows_tag(rows), "COMMIT") == 0;\n',
             '\treturn strcmp(vd_pg_rows_tag(rows), "COMMIT") == 0 || strcmp(vd_pg_rows_tag(rows), "ROLLBACK") == 0;\n')],
        ["pg_pipeline_test.c::a_commit_of_an_aborted_transaction_is_seen_as_a_rollback"],
        history="-: an error skips to the sync, so that no COMMIT is sent behind it; this is the second of two guards"),
    Mutant(8, "an-ok-without-commit-is-a-commit", "… at the end of the pipeline", [
        Edit("resolver/apply.c", "\tif (outcome->status == VD_PG_OK)\n\t\treturn VD_APPLY_WORLD;\n",
             "\tif (outcome->status == VD_PG_OK)\n\t\treturn VD_APPLY_COMMITTED;\n")],
        ["resolver_apply_test.c::every_answer_has_its_consequence"],
        history="-: an error skips to the sync, so that no COMMIT is sent behind it; this is the second of two guards"),

    # ---- 9: taking office ----
    Mutant(9, "office-without-a-wait", "taking office reads the watermark and does not wait for the batch in flight", [
        Edit(OFFICE, "  LOOP\n    DELETE FROM watermark w RETURNING w.version, w.term, w.lock INTO old.version, old.term, old.lock;\n    EXIT WHEN FOUND;\n  END LOOP;\n",
             "  SELECT w.version, w.term, w.lock INTO old.version, old.term, old.lock FROM watermark w ORDER BY w.version DESC LIMIT 1;\n"
             "  DELETE FROM watermark w WHERE w.version = old.version;\n"),
        Edit(OFFICE, "  IF held.epoch <> p_epoch OR held.renewals <> p_renewals THEN\n    RETURN;\n  END IF;\n  LOCK TABLE gate IN ROW EXCLUSIVE MODE;\n",
             "  IF held.epoch <> p_epoch OR held.renewals <> p_renewals THEN\n    RETURN;\n  END IF;\n")],
        ["resolver_office_test.py::test_taking_office_waits_for_a_batch_in_flight"], history="frozen_in_flight"),
    Mutant(9, "office-without-an-end-of-sessions", "the old leader's sessions go on", [
        Edit(OFFICE, "  BEGIN\n    PERFORM pg_terminate_backend(a.pid)\n", "  BEGIN\n    PERFORM a.pid\n")],
        ["resolver_office_test.py::test_taking_office_ends_the_sessions_that_the_lease_names"],
        history="-: it is about how long a frozen leader is waited for; the fence does the rest"),
    Mutant(9, "the-lease-names-the-keeper-alone", "the sessions that apply are not among those that are ended", [
        Edit(KEEPER, "\tfor (int i = 0; i < VD_BACKENDS; i++) {\n\t\tint32_t pid", "\tfor (int i = 0; i < 0; i++) {\n\t\tint32_t pid")],
        ["resolver_office_test.py::test_the_lease_names_all_sessions_of_the_leader"],
        history="-: it is about how long a frozen leader is waited for; the fence does the rest"),
    Mutant(9, "the-applies-do-not-wait-for-their-entry", "a batch is sent over a session that the lease does not name yet", [
        Edit("resolver/office.c", "vd_wires_pg(office->wires, VD_BACKEND_APPLY) != NULL &&\n\t\t   vd_hinge_backends_are_entered(office->hinge);",
             "vd_wires_pg(office->wires, VD_BACKEND_APPLY) != NULL;")],
        ["resolver_lead_test.py::test_nothing_is_applied_over_a_connection_that_the_lease_does_not_name"],
        history="-: it is about how long a frozen leader is waited for; the fence does the rest"),
    Mutant(9, "office-on-an-old-look", "who has looked before another one took office takes it as well", [
        Edit(OFFICE, "  SELECT * INTO held FROM lease;\n  IF held.epoch <> p_epoch OR held.renewals <> p_renewals THEN\n    RETURN;\n  END IF;\n",
             "  SELECT * INTO held FROM lease;\n"),
        Edit(OFFICE, "  SELECT * INTO held FROM lease FOR UPDATE;\n  IF held.epoch <> p_epoch OR held.renewals <> p_renewals THEN\n    RETURN;\n  END IF;\n",
             "  SELECT * INTO held FROM lease FOR UPDATE;\n")],
        ["resolver_office_test.py::test_office_is_taken_by_one_of_two"],
        history="-: two leaders in turn are slow, and right: the fence parts them"),

    # ---- 10: the lease ----
    Mutant(10, "a-still-counter-is-a-held-lease", "a lease that is not renewed counts as held until the database's clock says otherwise", [
        Edit(LEASE, "\tif (stands_still)\n\t\treturn VD_LEASE_STANDS_STILL;\n", "")],
        ["resolver_lease_test.c::a_counter_that_stands_still"], quick=True, history="-: safety does not rest on the lease"),
    Mutant(10, "a-lease-of-any-length", "a lease that ends far in the future is held until then", [
        Edit(LEASE, "\tif (seen->ends_too_late)\n\t\treturn VD_LEASE_TOO_LONG;\n", "")],
        ["resolver_lease_test.c::what_frees_it_at_once"], history="-: safety does not rest on the lease"),
    Mutant(10, "an-expired-lease-is-held", "the database's clock does not count", [
        Edit(LEASE, "\tif (seen->is_expired)\n\t\treturn VD_LEASE_EXPIRED;\n", "")],
        ["resolver_lease_test.c::what_frees_it_at_once"], history="-: safety does not rest on the lease"),
    Mutant(10, "ones-own-lease-is-anothers", "a leader cannot take back its own lease before it has run out", [
        Edit(LEASE, "\tif (seen->is_own)\n\t\treturn VD_LEASE_OWN;\n", "")],
        ["resolver_lease_test.c::what_frees_it_at_once"], history="-: safety does not rest on the lease"),
    Mutant(10, "a-renewal-undoes-a-release", "a renewal on its way extends a lease that was released", [
        Edit(STORE, "   WHERE term = p_term AND NOT released;\n  RETURN FOUND;\nEND $$;\n\n-- Steps down", "   WHERE term = p_term;\n  RETURN FOUND;\nEND $$;\n\n-- Steps down"),
        Edit(STORE, "  UPDATE lease SET renewals = renewals + 1, expires_at = clock_timestamp() + p_ttl,", "  UPDATE lease SET renewals = renewals + 1, released = false, expires_at = clock_timestamp() + p_ttl,")],
        ["resolver_office_test.py::test_a_renewal_that_comes_after_the_release"], history="-: safety does not rest on the lease"),
    Mutant(10, "renewals-wait-for-applies", "the lease is behind the same lock as the watermark", [
        Edit(STORE, "  UPDATE lease SET renewals = renewals + 1,", "  PERFORM share_watermark();\n  UPDATE lease SET renewals = renewals + 1,")],
        ["resolver_office_test.py::test_a_long_apply_does_not_lose_the_lease"], history="-: safety does not rest on the lease"),
    Mutant(10, "a-stuck-loop-keeps-the-lease", "the keeper renews for an event loop that does not turn", [
        Edit(KEEPER, "\tif (pulse_age_ms > keeper->settings->lease_ttl_ms / 2) {", "\tif (false) {")],
        ["resolver_lead_test.py::test_a_stuck_loop_loses_the_lease"], history="-: safety does not rest on the lease"),
]
