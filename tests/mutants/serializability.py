# SPDX-License-Identifier: Apache-2.0
"""Mutants of rules 1 to 6: conflict, floor, terms, snapshots, one pass, versions."""
from mutant import Edit, Mutant

CONFLICT, RESOLVE, WINDOW = "resolver/conflict.c", "resolver/resolve.c", "common/kv/window.c"
MEMORY, VERSION, STORE = "resolver/memory.c", "resolver/version.c", "migrations/0001_store.sql"
OFFICE = "migrations/0003_lock.sql"

MUTANTS = [
    # ---- 1: conflict ----
    Mutant(1, "the-window-is-not-asked", "what was committed since a request read is overlooked", [
        Edit(WINDOW, "for (unsigned i = window->age_count; i-- > 0 && age_at(window, i)->version > read_version;)",
             "for (unsigned i = 0; i-- > 0;)")],
        ["resolver_resolve_test.c::test_a_read_loses_to_a_later_write"], quick=True, history="plain"),
    Mutant(1, "earlier-winners-are-not-asked", "a winner earlier in the same batch is overlooked", [
        Edit(WINDOW, "if (window->staged[i].version > read_version) {", "if (false) {")],
        ["resolver_resolve_test.c::test_a_read_loses_to_an_earlier_winner_of_its_batch"], history="plain"),
    Mutant(1, "only-the-first-range-is-asked", "a second range that was read is not looked at", [
        Edit(CONFLICT, "while (*from < request->read_count) {", "while (*from < 1 && *from < request->read_count) {")],
        ["resolver_resolve_test.c::test_a_conflict_names_the_range_that_lost"], history="plain"),
    Mutant(1, "a-read-at-the-writes-version-loses", "who has read a write is in conflict with it", [
        Edit(CONFLICT, "request->reads[i], request->read_version)", "request->reads[i], request->read_version - 1)")],
        ["resolver_resolve_test.c::test_a_read_at_the_writes_own_version_wins"],
        history="plain"),
    Mutant(1, "writes-conflict-with-writes", "who writes what was written meanwhile loses", [
        Edit(RESOLVE, "\tif (item->verdict.code == 0)\n\t\titem->verdict.code = (uint16_t)vd_preconditions_judge(batch, &item->request);\n",
             "\tif (item->verdict.code == 0)\n\t\titem->verdict.code = (uint16_t)vd_preconditions_judge(batch, &item->request);\n"
             "\tstruct vd_write_walk walk = vd_write_walk_of(&item->request, (struct vd_stamp){ batch->version, 0 }, &batch->work);\n"
             "\tstruct vd_range range;\n"
             "\twhile (item->verdict.code == 0 && vd_write_walk_next(&walk, &range))\n"
             "\t\tif (vd_window_query(resolver->window, range, item->request.read_version) != 0)\n"
             "\t\t\titem->verdict.code = VD_CODE_NOT_COMMITTED;\n")],
        ["resolver_resolve_test.c::test_writes_do_not_conflict_with_writes"],
        history="plain"),
    Mutant(1, "readers-make-writers-fail", "what a winner has read counts as written", [
        Edit(RESOLVE, "\treturn !walk.failed;\n",
             "\tfor (size_t i = 0; i < request->read_count; i++)\n"
             "\t\tif (!vd_window_stage(resolver->window, request->reads[i], stamp.version))\n\t\t\treturn false;\n"
             "\treturn !walk.failed;\n")],
        ["resolver_resolve_test.c::test_a_reader_does_not_make_a_writer_fail"],
        history="plain"),

    # ---- 2: the floor ----
    Mutant(2, "below-the-floor-skips-the-check", "a request older than the memory is judged by what the memory has", [
        Edit(RESOLVE, "\tif (version < horizon->floor)\n\t\treturn VD_CODE_TRANSACTION_TOO_OLD;\n", ""),
        Edit(WINDOW, "\tif (read_version < window->floor) {\n", "\tif (false) {\n")],
        ["resolver_resolve_test.c::test_below_the_floor_is_too_old", "resolver_drain_test.py::test_too_old_and_future"],
        history="short_window"),
    Mutant(2, "without-reads-too-old-as-well", "a request that has read nothing is too old", [
        Edit(RESOLVE, "\tif (request->read_count == 0)\n\t\treturn 0;\n", "")],
        ["resolver_resolve_test.c::test_without_reads_nothing_is_too_old_but_for_a_jump"],
        history="-: it refuses more than it has to, and what is refused is not wrong"),
    Mutant(2, "a-new-leaders-floor-is-0", "a new leader judges requests from before its office by an empty memory", [
        Edit(MEMORY, "\tbegin_anew(memory, version);\n\tmemcpy(horizon->term", "\tbegin_anew(memory, 0);\n\tmemcpy(horizon->term"),
        Edit(RESOLVE, "if (term_is(request->read_term, horizon->preceding_term) && version == horizon->takeover_version)",
             "if (term_is(request->read_term, horizon->preceding_term))")],
        ["resolver_resolve_test.c::test_the_preceding_term_counts_at_the_takeovers_version_only"], history="kills"),
    Mutant(2, "the-high-water-is-the-floor", "a new leader's floor lies ahead, so all are too old for seconds", [
        Edit(RESOLVE, "if (version < horizon->floor)", "if (version < horizon->takeover_version + 5000000)")],
        ["resolver_resolve_test.c::test_the_preceding_term_counts_at_the_takeovers_version_only"],
        history="-: it refuses more than it has to, and what is refused is not wrong"),
    Mutant(2, "the-floor-sinks", "a lower floor is taken as well", [
        Edit(WINDOW, "\tif (version <= window->floor) {\n\t\treturn;\n\t}\n", "")],
        ["kv_window_test.c::the_floor_only_rises"],
        history="-: nobody proposes a lower one: vd_memory asks for higher ones only, so this is the second of two guards"),
    Mutant(2, "the-floor-by-arithmetic", "the floor is the newest version less five seconds", [
        Edit(VERSION, "\treturn versions->old;\n",
             "\treturn versions->newest - (uint64_t)versions->history_us;\n")],
        ["resolver_version_test.c::test_after_an_idle_hour_the_floor_is_what_was_newest_before_it"],
        history="-: it refuses more than it has to, and what is refused is not wrong"),
    Mutant(2, "a-timed-cold-window", "for a while after an election everything is too old", [
        Edit(RESOLVE, "\tif (version < horizon->floor)\n", "\tif (version < horizon->floor || horizon->newest < horizon->takeover_version + 2000000)\n")],
        ["resolver_resolve_test.c::test_a_read_loses_to_a_later_write"],
        history="-: it refuses more than it has to, and what is refused is not wrong"),

    # ---- 3: terms ----
    Mutant(3, "terms-are-not-compared", "the version alone decides, whose term it is does not count", [
        Edit(RESOLVE, "\treturn VD_CODE_TRANSACTION_TOO_OLD;\n}\n\n/* ---- The gates",
             "\treturn 0;\n}\n\n/* ---- The gates")],
        ["resolver_resolve_test.c::test_any_other_term_is_too_old_though_its_version_fits"],
        history="-: what is above the floor is of this term, unless a promotion did not jump: one of two guards"),
    Mutant(3, "the-preceding-term-at-any-version", "a request of the term before counts at any version", [
        Edit(RESOLVE, " && version == horizon->takeover_version)", ")"),
        Edit(RESOLVE, "\tif (version < horizon->floor)\n\t\treturn VD_CODE_TRANSACTION_TOO_OLD;\n", ""),
        Edit(WINDOW, "\tif (read_version < window->floor) {\n", "\tif (false) {\n")],
        ["resolver_resolve_test.c::test_the_preceding_term_counts_at_the_takeovers_version_only"], history="kills"),
    Mutant(3, "the-future-is-believed", "a version above the newest is judged as any other", [
        Edit(RESOLVE, "\tif (version > horizon->newest)\n\t\treturn VD_CODE_FUTURE_VERSION;\n", "")],
        ["resolver_resolve_test.c::test_above_the_newest_is_future"],
        history="-: a library sends no version that it has not read, but after a promotion that lost commits, and then the term differs"),
    Mutant(3, "a-jump-is-forgotten", "a blind write from a history that was lost is applied", [
        Edit(RESOLVE, "\tif (version < horizon->jump_version)\n\t\treturn VD_CODE_TRANSACTION_TOO_OLD;\n", "")],
        ["resolver_resolve_test.c::test_without_reads_nothing_is_too_old_but_for_a_jump",
         "test_commit_resolver.py::test_a_version_from_before_a_jump_is_left_behind"],
        history="-: a write without reads depends on nothing that a history holds; that its maker had seen what was lost is not in it"),
    Mutant(3, "a-jump-is-not-stored", "only the leader that has jumped knows of it", [
        Edit(OFFICE, "    jump_version := version;\n", "")],
        ["test_commit_resolver.py::test_a_version_from_before_a_jump_is_left_behind"],
        history="-: the same, at the next leader"),
    Mutant(3, "a-new-timeline-is-no-difference", "after a promotion versions go on from where the standby was", [
        Edit(OFFICE, "(held.system_identifier, held.timeline, held.database) IS DISTINCT FROM (system_identifier, timeline, database)",
             "(held.system_identifier, held.database) IS DISTINCT FROM (system_identifier, database)")],
        ["resolver_rules_test.py::test_a_standby_is_promoted", "test_postgresql.py::test_a_lagging_standby_is_promoted"],
        history="lagging_promotion"),
    Mutant(3, "a-fixed-jump", "two promotions that lose each other jump to the same version", [
        Edit(OFFICE, "version := version + 10000000000000 + (abs(random_bigint() % 10000000000000));",
             "version := version + 10000000000000;")],
        ["resolver_office_test.py::test_two_jumps_from_one_state_differ"],
        history="-: it takes two promotions, of which the second was not told of the first"),
    Mutant(3, "a-term-is-its-epoch", "a term's id can come again, as its epoch can", [
        Edit("resolver/keeper_ask.c", "\tVD_ASSERT(vd_random_bytes(keeper->term, sizeof keeper->term));\n",
             "\tmemset(keeper->term, 0, sizeof keeper->term);\n\tkeeper->term[15] = (uint8_t)(keeper->seen.epoch + 1);\n")],
        ["resolver_office_test.py::test_a_term_never_comes_again"],
        history="-: it takes two promotions, of which the second was not told of the first"),

    # ---- 4: snapshots ----
    Mutant(4, "a-snapshot-is-joined-late", "a transaction reads in a snapshot that was taken before it began", [
        Edit("follower/snapshot/snapshot.c", "\t\tmember->asked == 0 ? NULL : snapshot_at(snapshots, member->asked, member->is_long);\n",
             "\t\tmember->asked == 0 ? NULL : snapshot_at(snapshots, member->asked, member->is_long);\n"
             "\tfor (unsigned i = 0; i < snapshots->reader_count && member->asked == 0 && !member->is_long; i++)\n"
             "\t\tif (!snapshots->readers[i].is_long && snapshots->readers[i].snapshot != NULL && snapshots->readers[i].snapshot->has_version)\n"
             "\t\t\tsnapshot = snapshots->readers[i].snapshot;\n"),
        Edit("follower/snapshot/fetch.c", "kind == FETCH_VERSION ? &snapshot->versions", "kind == FETCH_VERSION && !snapshot->has_version ? &snapshot->versions"),
        Edit("follower/snapshot/fetch.c", "\tif (snapshot->state == SNAPSHOT_OPEN && kind != FETCH_VERSION)\n", "\tif (snapshot->state == SNAPSHOT_OPEN)\n")],
        ["test_snapshot.py::test_a_snapshot_is_not_joined_once_it_was_sent"], history="plain"),
    Mutant(4, "a-cached-version", "the version that a transaction says it read at is the newest that is known, not its snapshot's", [
        Edit("follower/submission.c", "request->read_version = member->has_version ? member->version : newest->version;",
             "request->read_version = newest->version > 0 ? newest->version : member->version;")],
        ["test_transaction.py::test_conflict_and_its_details"], history="plain"),
    Mutant(4, "an-old-cached-version", "… or an older one, so that a client conflicts with its own last commit", [
        Edit("follower/snapshot/batch.c", "\tsnapshot->version = (uint64_t)vd_pg_rows_int8(rows, 0, WATERMARK_VERSION);\n",
             "\tsnapshot->version = (uint64_t)vd_pg_rows_int8(rows, 0, WATERMARK_VERSION);\n"
             "\tif (snapshot->pool->database->newest.known && snapshot->pool->database->newest.version < snapshot->version)\n"
             "\t\tsnapshot->version = snapshot->pool->database->newest.version;\n")],
        ["test_snapshot.py::test_a_snapshot_stands_still_and_a_later_transaction_sees_more"],
        history="-: it refuses more than it has to, and what is refused is not wrong"),
    Mutant(4, "no-snapshot-at-all", "each read of a transaction sees what is newest then", [
        Edit("common/pg/segment.c", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY")],
        ["test_snapshot.py::test_a_snapshot_stands_still_and_a_later_transaction_sees_more"], history="plain"),
    Mutant(4, "a-standby-is-read-from", "any server of the list will do", [
        Edit("follower/database.c", '.target_session_attrs = "read-write",', '.target_session_attrs = "any",')],
        ["test_snapshot.py::test_a_standby_is_not_read_from"],
        history="-: workers are given one server"),

    # ---- 5: one pass ----
    Mutant(5, "too-old-comes-before-duplicate", "a copy of what was committed is told that it is too old", [
        Edit(RESOLVE, "\t\tif (!gate_identity(resolver, batch, item) && !decide(resolver, batch, item))",
             "\t\tint age = item->refused_code != 0 ? 0 : vd_horizon_judge(&resolver->horizon, &item->request);\n"
             "\t\tif (age == VD_CODE_TRANSACTION_TOO_OLD) {\n"
             "\t\t\titem->fate = VD_FATE_REPEATED;\n"
             "\t\t\titem->verdict = (struct vd_known){ .sequence = item->sequence, .version = batch->version, .code = (uint16_t)age };\n"
             "\t\t\tcontinue;\n\t\t}\n"
             "\t\tif (!gate_identity(resolver, batch, item) && !decide(resolver, batch, item))")],
        ["resolver_resolve_test.c::test_a_copy_is_answered_though_it_is_too_old_by_now"],
        history="-: who is told by the reply to a copy was told before, or looks first and finds the outcome"),
    Mutant(5, "preconditions-come-first", "a request that has lost is told that a demand of it failed", [
        Edit(RESOLVE, "\titem->verdict.code = item->refused_code;\n",
             "\titem->verdict.code = item->refused_code;\n"
             "\tif (item->verdict.code == 0)\n\t\titem->verdict.code = (uint16_t)vd_preconditions_judge(batch, &item->request);\n")],
        ["resolver_precondition_test.c::test_conflict_and_age_come_before"],
        history="-: either refuses it, and neither is wrong"),
    Mutant(5, "preconditions-are-not-judged", "a demand that does not hold is passed over", [
        Edit("resolver/precondition.c", "\t\t\treturn VD_CODE_PRECONDITION_FAILED;", "\t\t\treturn 0;")],
        ["resolver_precondition_test.c::test_over_what_is_stored"],
        history="-: the workload makes no demands; its model is tests/model"),
    Mutant(5, "a-stamped-key-under-another-name", "the window remembers a stamped key before it has its stamp", [
        Edit("common/kv/request.c", "vd_stamp_place(walk->arena, mutation->key, walk->stamp, &key)",
             "vd_stamp_place(walk->arena, mutation->key, (struct vd_stamp){ 0 }, &key)")],
        ["resolver_resolve_test.c::test_a_stamped_key_is_written_and_remembered_under_its_final_name"],
        history="-: the workload does not read stamped keys by their names"),
    Mutant(5, "a-sequenced-key-without-its-number", "the window remembers neither the number nor the counter", [
        Edit(RESOLVE, "!stage_writes(resolver, batch, &numbered.request, stamp)", "!stage_writes(resolver, batch, &item->request, stamp)")],
        ["resolver_sequence_test.c::test_readers_of_key_and_counter_conflict_and_appenders_do_not"],
        history="-: the workload does not sequence keys"),
    Mutant(5, "losers-leave-a-trace", "a request that has lost is remembered as if it had written", [
        Edit(RESOLVE, "\titem->fate = VD_FATE_DECIDED;\n\tvd_client_learn",
             "\tif (item->verdict.code != 0 && item->refused_code == 0 &&\n"
             "\t\t!stage_writes(resolver, batch, &item->request, (struct vd_stamp){ batch->version, 0 }))\n\t\treturn false;\n"
             "\titem->fate = VD_FATE_DECIDED;\n\tvd_client_learn")],
        ["resolver_precondition_test.c::test_a_rejected_request_leaves_no_trace"],
        history="plain"),
    Mutant(5, "losers-are-folded", "what a request that has lost would have written is written", [
        Edit(RESOLVE, "\titem->fate = VD_FATE_DECIDED;\n\tvd_client_learn",
             "\tif (item->verdict.code == VD_CODE_NOT_COMMITTED &&\n"
             "\t\t!vd_fold_request(batch, &item->request, (struct vd_stamp){ batch->version, 0 }))\n\t\treturn false;\n"
             "\titem->fate = VD_FATE_DECIDED;\n\tvd_client_learn")],
        ["resolver_fold_test.c::test_losers_leave_no_trace_in_the_write_set"], quick=True, history="plain"),
    Mutant(5, "a-hot-key-is-read-for-each-op", "the base is asked for once for each operation, not once a key", [
        Edit("resolver/fold.c", "\tif (is_new)\n\t\tkeys[batch->base_count++] = key;", "\tkeys[batch->base_count++] = key;")],
        ["resolver_fold_test.c::test_a_hot_key_is_asked_for_once"], history="-: it is about work, not about answers"),
    Mutant(5, "the-base-overlooks-the-batch-before", "atomic ops count from what is stored, not from what is being applied", [
        Edit("resolver/fold.c", "const struct vd_overlay *below = batch->below == NULL ? NULL : batch->below->overlay;",
             "const struct vd_overlay *below = NULL;")],
        ["resolver_fold_test.c::test_the_batch_before_answers_what_it_changes"], history="plain"),

    # ---- 6: versions ----
    Mutant(6, "a-version-is-sent-twice", "the version of a batch that did not land is given to another", [
        Edit(VERSION, "\tif (next <= versions->sent)\n\t\tnext = versions->sent + 1;\n", "")],
        ["resolver_version_test.c::test_no_version_is_sent_twice_though_the_batch_did_not_land"],
        history="-: versions follow the clock, so that the same one comes again only within the same microsecond"),
    Mutant(6, "one-order-for-all", "the commits of a batch have the same stamp", [
        Edit(RESOLVE, "struct vd_stamp stamp = { batch->version, (uint16_t)batch->counts.committed };",
             "struct vd_stamp stamp = { batch->version, 0 };")],
        ["resolver_resolve_test.c::test_orders_count_winners_only"], quick=True, history="plain"),
    Mutant(6, "orders-run-backwards", "stamps are not ordered as the commits are", [
        Edit(RESOLVE, "struct vd_stamp stamp = { batch->version, (uint16_t)batch->counts.committed };",
             "struct vd_stamp stamp = { batch->version, (uint16_t)(UINT16_MAX - batch->counts.committed) };")],
        ["resolver_resolve_test.c::test_orders_count_winners_only"], history="plain"),
    Mutant(6, "a-batch-of-more-than-16-bits", "the order in a batch wraps", [
        Edit("resolver/batch.c", "\tif (batch->count == VD_BATCH_REQUESTS_MAX)\n\t\treturn false;\n", "")],
        ["resolver_batch_test.c::test_the_65536th_request_stays_in_the_queue"],
        history="-: no load here fills a batch with 65,536 requests"),
    Mutant(6, "versions-begin-at-1", "a stamp, or a version less five seconds, could fall below 0", [
        Edit(STORE, "INSERT INTO watermark VALUES (1000000000,", "INSERT INTO watermark VALUES (1,")],
        ["resolver_office_test.py::test_versions_begin_far_above_five_seconds"],
        history="-: it is about room below the first version"),
]
