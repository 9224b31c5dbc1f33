# SPDX-License-Identifier: Apache-2.0
"""Mutants of rules 11 to 16: identity, what is never inferred, adoption, giving up, bounded outcomes, durability."""
from mutant import Edit, Mutant

STORE, FENCING, OPERATIONS = "migrations/0001_store.sql", "migrations/0003_lock.sql", "migrations/0005_operations.sql"
RESOLVE, CLIENTS = "resolver/resolve.c", "resolver/clients.c"
OUTCOME, LIFE, INBOX = "follower/commit/outcome.c", "follower/commit/life.c", "follower/commit/inbox.c"
TOMBSTONES = """  IF EXISTS (SELECT 1 FROM tombstones t WHERE t.client = ANY (p_clients)) THEN
    IF EXISTS (SELECT 1 FROM unnest(p_owners, p_sequences) e(owner, sequence)
                 JOIN tombstones t ON t.client = p_clients[e.owner] AND t.sequence = e.sequence) THEN
      RAISE EXCEPTION 'refused: a request of this batch was cancelled' USING ERRCODE = 'VD002';
    END IF;
  END IF;
"""
LOW_WATERS = """  IF (SELECT count(*) FROM unnest(p_clients, p_generations, p_firsts) e(client, generation, first)
        JOIN clients c ON c.client = e.client AND c.generation = e.generation AND c.low_water < e.first)
     <> cardinality(p_clients) THEN
    RAISE EXCEPTION 'refused: a client was purged, or has been told what this batch would decide' USING ERRCODE = 'VD002';
  END IF;
"""

MUTANTS = [
    # ---- 11: identity ----
    Mutant(11, "a-verdict-is-not-learned", "a second copy is decided like the first", [
        Edit(RESOLVE, "\tvd_client_learn(resolver->clients, owner->client, &item->verdict);\n", "")],
        ["resolver_resolve_test.c::test_two_copies_in_one_batch_are_applied_once",
         "resolver_resolve_test.c::test_two_copies_in_adjacent_batches_are_applied_once"], quick=True, history="copies"),
    Mutant(11, "the-next-leader-knows-no-verdicts", "a copy that comes to the next leader is decided again", [
        Edit(CLIENTS, "\t\tif (known.sequence > client->low_water && vd_client_known(client, known.sequence) == NULL)\n"
             "\t\t\tvd_client_learn(clients, client, &known);\n", "")],
        ["resolver_rules_test.py::test_a_copy_at_the_next_leader"], history="copies"),
    Mutant(11, "the-digest-is-not-compared", "other content under the same identity gets the verdict of the first", [
        Edit(RESOLVE, "if (is_tombstone || known->digest == item->digest) {", "if (true) {")],
        ["resolver_resolve_test.c::test_the_same_identity_with_other_content_is_denied"],
        history="-: no library sends two requests under one identity"),
    Mutant(11, "any-generation-will-do", "a request of a registration that is gone is applied", [
        Edit(RESOLVE, "client->state != VD_CLIENT_REGISTERED || client->generation != item->generation ||", "client->state != VD_CLIENT_REGISTERED ||")],
        ["resolver_resolve_test.c::test_another_generation_is_dropped_silently"],
        history="-: it takes a registration that is purged and made again under the same id, which no library does"),
    Mutant(11, "a-generation-comes-again", "registering again revives the old identity", [
        Edit(STORE, "  generation := random_bigint();\n", "  generation := 1;\n")],
        ["resolver_answers_test.py::test_registering_again_revives_nothing"],
        history="-: it takes a registration that is purged and made again under the same id, which no library does"),
    Mutant(11, "a-lost-batch-keeps-its-verdicts", "a batch that did not land is answered to copies as if it had", [
        Edit(RESOLVE, "\t\tif (item->fate == VD_FATE_DECIDED)\n\t\t\tvd_client_unlearn(", "\t\tif (false)\n\t\t\tvd_client_unlearn(")],
        ["resolver_memory_test.c::test_a_discarded_batch_leaves_no_trace"], history="cuts"),
    Mutant(11, "not-registered-is-a-conflict", "what was open when the registration went is told as a conflict", [
        Edit("follower/commit/committer.c", "vd_committer_decide(committer, commit, VD_CODE_COMMIT_UNKNOWN_RESULT, why);",
             "vd_committer_decide(committer, commit, VD_CODE_NOT_COMMITTED, why);")],
        ["test_commit.py::test_a_forgotten_client_takes_a_new_identity"], history="forgotten"),
    Mutant(11, "an-identity-is-kept-for-ever", "a client that is not registered any more does not take a new identity", [
        Edit("follower/commit/committer.c", "\tif (!vd_identity_draw(&committer->identity))\n\t\tcommitter->desk_rests = committer->clock_ms + VD_COMMIT_QUIET_MS;\n}\n\n/* ---- time",
             "}\n\n/* ---- time")],
        ["test_commit.py::test_a_forgotten_client_takes_a_new_identity"], history="-: it commits nothing any more"),
    Mutant(11, "a-fork-is-not-noticed", "a child of fork() goes on under its parent's identity", [
        Edit("follower/guard.c", "\tif (guard->forks != atomic_load_explicit(&forks, memory_order_relaxed))\n\t\treturn VD_CODE_CLIENT_INVALID_OPERATION;\n", "")],
        ["follower_guard_test.c::the_child_of_a_fork_does_not_enter"], quick=True, history="-: no worker forks"),
    Mutant(11, "a-copy-has-another-number", "what is sent again goes under a number of its own", [
        Edit(LIFE, "\tcommit->in_statement = true;\n\tmove(commits, commit, VD_COMMIT_RESENDING);\n",
             "\tcommit->in_statement = true;\n\tLIST_REMOVE(commit, bucket);\n\tcommit->sequence = ++commits->last_sequence;\n"
             "\tLIST_INSERT_HEAD(bucket_of(commits, commit->sequence), commit, bucket);\n\tmove(commits, commit, VD_COMMIT_RESENDING);\n")],
        ["follower_life_test.c::a_resend_is_the_same_request", "test_commit.py::test_what_is_neither_queued_nor_decided_is_sent_again"],
        history="worker_cuts"),

    # ---- 12: never inferred ----
    Mutant(12, "outcomes-are-not-stored", "a verdict is told once, and kept nowhere", [
        Edit("resolver/apply.c", "\t\tvd_pg_query(segment, &insert_outcomes, params, NULL, NULL);\n", "")],
        ["resolver_rules_test.py::test_a_copy_at_the_next_leader", "test_copies.py::test_copies_after_the_verdict[the next leader]"],
        history="kills"),
    Mutant(12, "neither-is-a-conflict", "what is neither queued nor decided is told as not committed", [
        Edit(OUTCOME, "\t\tif (commit->state == VD_COMMIT_SUBMITTED)\n\t\t\tvd_commits_doubt(commits, commit);\n\t\tbreak;\n",
             "\t\tvd_committer_decide(committer, commit, VD_CODE_NOT_COMMITTED, \"\");\n\t\tbreak;\n")],
        ["test_commit.py::test_what_is_neither_queued_nor_decided_is_sent_again"],
        history="-: what was not there was not committed; that it may yet arrive takes a connection that dies late (copies by hand)"),
    Mutant(12, "a-lost-connection-is-a-conflict", "a submit whose connection is lost is told as not committed", [
        Edit("follower/commit/submit.c", "\t\telse\n\t\t\tvd_commits_doubt(&committer->commits, commit);\n",
             "\t\telse\n\t\t\tvd_committer_decide(committer, commit, VD_CODE_NOT_COMMITTED, \"\");\n")],
        ["test_commit_cut.py::test_cut_at_every_byte"], history="worker_cuts"),
    Mutant(12, "a-lost-connection-is-a-commit", "… or as committed", [
        Edit("follower/commit/submit.c", "\t\telse\n\t\t\tvd_commits_doubt(&committer->commits, commit);\n",
             "\t\telse\n\t\t\tvd_committer_decide(committer, commit, VD_CODE_SUCCESS, \"\");\n")],
        ["test_commit_cut.py::test_cut_at_every_byte"], history="worker_cuts"),
    Mutant(12, "no-look-behind-a-listen", "replies that went while nobody listened are not looked for", [
        Edit(INBOX, "\tvd_look_at_all(committer);\n", "")],
        ["test_commit.py::test_a_lost_inbox_is_followed_by_a_look"],
        history="-: the next look finds them, half a second later"),
    Mutant(12, "no-look-at-all", "a lost reply is waited for until the end of days", [
        Edit(OUTCOME, "\tif (look->under_way || committer->commits.count[VD_COMMIT_SUBMITTED] == 0)\n\t\treturn;\n", "\tif (true)\n\t\treturn;\n")],
        ["test_commit.py::test_a_look_finds_what_no_reply_told"],
        history="-: who waits tells nothing wrong; only that there is no end"),
    Mutant(12, "a-look-tells-another-version", "a verdict that is looked up has the version of the watermark, not its own", [
        Edit(STORE, "         o.version, o.place, ('x' ||", "         CASE WHEN o.code = 0 THEN (SELECT max(w.version) FROM watermark w) ELSE o.version END, o.place, ('x' ||")],
        ["resolver_answers_test.py::test_looks_tell_what_replies_tell"], history="worker_cuts"),
    Mutant(12, "a-look-tells-no-order", "… or order 0", [
        Edit(STORE, "           ('x' || substr(e.hex, 13, 4))::bit(16)::integer AS place\n", "           0 AS place\n")],
        ["resolver_answers_test.py::test_looks_tell_what_replies_tell"], history="worker_cuts"),
    Mutant(12, "resends-go-in-any-order", "several are sent again out of order of sequence", [
        Edit("follower/commit/submit.c", "\tTAILQ_FOREACH(commit, &commits->open, link)\n", "\tTAILQ_FOREACH_REVERSE(commit, &commits->open, vd_commit_list, link)\n")],
        ["test_commit.py::test_what_is_sent_again_goes_in_order_of_sequence"],
        history="-: it is about dead-locks, which PostgreSQL ends"),

    # ---- 13: adoption ----
    Mutant(13, "a-new-leader-empties-the-queue", "what the old leader had not decided is lost at an election", [
        Edit(FENCING, "  INSERT INTO watermark (version, term, lock) VALUES (take_office.version, p_term, old.lock);\n",
             "  INSERT INTO watermark (version, term, lock) VALUES (take_office.version, p_term, old.lock);\n  DELETE FROM commit_requests;\n")],
        ["resolver_lead_test.py::test_the_queue_outlives_its_leader"],
        history="-: the library sends again what is neither queued nor decided"),
    Mutant(13, "a-hand-over-drops-the-queue", "who steps down leaves without a last look", [
        Edit("resolver/drain.c", "bool is_last = drain->is_resigning && (drain->looks.has_seen_all || vd_clock_ms() >= drain->resign_by_ms);",
             "bool is_last = drain->is_resigning;"),
        Edit("resolver/turn.c", "\tvd_memory_publish(memory_of(drain), turn->batch, vd_clock_us());\n",
             "\tvd_memory_publish(memory_of(drain), turn->batch, vd_clock_us());\n\tif (drain->is_resigning)\n\t\tdrain->looks.has_more = false;\n")],
        ["resolver_office_test.py::test_who_steps_down_finishes_the_queue"],
        history="-: the next leader finds it in the queue"),

    # ---- 14: giving up ----
    Mutant(14, "a-cancel-does-not-wait-for-an-apply", "giving up reads what is known without the watermark's lock", [
        Edit(STORE, "  PERFORM share_watermark();\n  SELECT * INTO found_answer", "  SELECT * INTO found_answer")],
        ["resolver_office_test.py::test_a_cancel_waits_for_an_apply[no row]"],
        history="-: where there is a row in the queue, its lock is waited for as well; none is left only by a crash"),
    Mutant(14, "a-cancel-reads-before-it-locks", "what is known is read first, and the lock taken then", [
        Edit(STORE, "  PERFORM share_watermark();\n  SELECT * INTO found_answer FROM answers(p_client, p_generation, ARRAY[p_sequence]);\n",
             "  SELECT * INTO found_answer FROM answers(p_client, p_generation, ARRAY[p_sequence]);\n  PERFORM share_watermark();\n")],
        ["resolver_office_test.py::test_a_cancel_waits_for_an_apply[no row]"],
        history="-: where there is a row in the queue, its lock is waited for as well; none is left only by a crash"),
    Mutant(14, "no-tombstone", "what was given up is remembered nowhere", [
        Edit(STORE, "    INSERT INTO tombstones VALUES (p_client, p_sequence);\n", "")],
        ["resolver_drain_test.py::test_a_cancelled_request_is_certainly_not_committed"], history="give_up"),
    Mutant(14, "the-fence-knows-no-tombstones", "a batch with a request that was given up meanwhile is applied", [
        Edit(FENCING, "  IF EXISTS (SELECT 1 FROM tombstones t WHERE t.client = ANY (p_clients)) THEN\n", "  IF false THEN\n")],
        ["resolver_drain_test.py::test_a_cancel_that_meets_a_full_batch", "resolver_rules_test.py::test_overlap_with_a_failing_batch"], history="give_up"),
    Mutant(14, "low-waters-before-tombstones", "what was given up, and acknowledged between the two looks, is committed", [
        Edit(FENCING, TOMBSTONES + LOW_WATERS, LOW_WATERS + TOMBSTONES)],
        ["resolver_drain_test.py::test_cancelled_and_acknowledged_in_the_middle_of_a_fence"],
        history="-: an acknowledgement has to come in the microseconds between"),
    Mutant(14, "the-fence-knows-no-low-water", "a batch decides a number that its client was told of already", [
        Edit(FENCING, " AND c.low_water < e.first)", ")")],
        ["resolver_office_test.py::test_the_fence_refuses_what_was_told_and_who_is_gone"],
        history="-: a library acknowledges only what is decided"),
    Mutant(14, "the-fence-knows-no-registrations", "a batch decides for a client that is not registered any more", [
        Edit(FENCING, "        JOIN clients c ON c.client = e.client AND c.generation = e.generation AND c.low_water < e.first)\n     <> cardinality(p_clients) THEN",
             "        JOIN clients c ON c.client = e.client AND c.generation = e.generation AND c.low_water >= e.first)\n     <> 0 THEN")],
        ["resolver_drain_test.py::test_a_purged_client_is_refused",
         "resolver_office_test.py::test_the_fence_refuses_what_was_told_and_who_is_gone"],
        history="-: who is not registered is told 1021, which is true of anything"),
    Mutant(14, "a-refused-leader-learns-nothing", "a batch that the fence refused is resolved again on what was known", [
        Edit("resolver/mend.c", "\t\tvd_memory_forget_clients(memory, turn->batch);\n", "\t\t(void)memory;\n")],
        ["resolver_drain_test.py::test_a_cancel_that_meets_a_full_batch"], history="-: it makes no progress, and tells nothing wrong"),
    Mutant(14, "a-cancel-of-strangers-writes", "giving up without a registration leaves a tombstone", [
        Edit(STORE, "  IF found_answer.state IN (0, 1) THEN\n", "  IF found_answer.state IN (0, 1, 4) THEN\n")],
        ["resolver_answers_test.py::test_giving_up_writes_only_where_it_must"], history="-: it is about rows that nobody needs"),
    Mutant(14, "a-cancel-of-the-told-writes", "… or of what was told", [
        Edit(STORE, "  IF found_answer.state IN (0, 1) THEN\n", "  IF found_answer.state IN (0, 1, 3) THEN\n")],
        ["resolver_answers_test.py::test_giving_up_writes_only_where_it_must"], history="-: it is about rows that nobody needs"),
    Mutant(14, "a-cancel-in-any-isolation", "in a snapshot of before, an outcome is not seen", [
        Edit(STORE, "IF current_setting('transaction_isolation') <> 'read committed' THEN", "IF false THEN")],
        ["resolver_answers_test.py::test_giving_up_needs_read_committed"], history="-: the library calls it outside of any transaction"),
    Mutant(14, "a-time-out-asks-nobody", "a commit that is given up ends at once, as not committed", [
        Edit(LIFE, "\tif (commit->state != VD_COMMIT_WAITING) {\n\t\tmove(commits, commit, VD_COMMIT_GIVING_UP);\n\t\treturn;\n\t}\n", "")],
        ["test_commit.py::test_given_up_after_it_was_decided"], history="give_up"),

    # ---- 15: bounded outcomes ----
    Mutant(15, "the-low-water-is-no-prefix", "all numbers up to the last are acknowledged, whatever is open", [
        Edit(LIFE, "\treturn oldest != NULL ? oldest->sequence - 1 : commits->last_sequence;\n", "\treturn oldest != NULL && oldest->sequence == commits->last_sequence ? oldest->sequence - 1 : commits->last_sequence - (oldest != NULL);\n")],
        ["follower_life_test.c::low_water_is_a_prefix"], quick=True,
        history="-: it ends with 1021, which is true of anything"),
    Mutant(15, "acknowledgements-do-not-travel-alone", "a client that submits nothing keeps its outcomes for ever", [
        Edit(OUTCOME, "\tif (!idle && low_water - committer->acknowledged < VD_COMMIT_ACKNOWLEDGE_MOST)\n\t\treturn;\n", "\tif (low_water > 0)\n\t\treturn;\n")],
        ["test_commit.py::test_acknowledgements_ride_along_and_go_alone"], history="-: it is about room"),
    Mutant(15, "a-told-copy-is-decided", "a copy at or below the low-water is decided again", [
        Edit(RESOLVE, "client->generation != item->generation ||\n\t\titem->sequence <= client->low_water) {", "client->generation != item->generation) {"),
        Edit(CLIENTS, "\tVD_ASSERT(known->sequence > client->low_water);\n", "\tif (known->sequence <= client->low_water)\n\t\treturn;\n")],
        ["resolver_resolve_test.c::test_at_or_below_the_low_water_is_dropped_silently"], history="copies"),
    Mutant(15, "forgotten-before-it-is-told", "an acknowledgement takes outcomes above it along", [
        Edit(STORE, "    DELETE FROM outcomes WHERE client = p_client AND last <= p_low_water;\n", "    DELETE FROM outcomes WHERE client = p_client;\n")],
        ["resolver_answers_test.py::test_only_what_was_told_is_forgotten"], history="-: a library acknowledges alone when nothing is open"),
    Mutant(15, "forgotten-before-it-is-told-in-an-apply", "… in an apply", [
        Edit(STORE, "AND o.last > e.before AND o.last <= e.low_water;", "AND o.last > e.before;")],
        ["resolver_answers_test.py::test_only_what_was_told_is_forgotten"],
        history="-: it takes a lost reply and a lost leader at once, which no schedule has"),
    Mutant(15, "nobody-waits-at-his-limit", "a client may leave any number of verdicts unacknowledged", [
        Edit(CLIENTS, "\treturn client->known_used >= clients->limit_known;\n", "\treturn false;\n")],
        ["resolver_resolve_test.c::test_a_client_at_its_limit_waits_and_others_do_not"], history="-: it is about room"),
    Mutant(15, "a-purge-does-not-wait-for-an-apply", "a registration goes while a batch of its client is applied", [
        Edit(OPERATIONS, "  PERFORM share_watermark();\n  WITH d AS", "  WITH d AS")],
        ["resolver_office_test.py::test_a_purge_waits_for_an_apply"], history="-: it takes a client that has been silent for a day and commits now"),
    Mutant(15, "a-purge-of-all", "registrations in use are purged", [
        Edit(OPERATIONS, "WHERE seen_at < clock_timestamp() - p_age LIMIT 1000) s;", "LIMIT 1000) s;"),
        Edit(OPERATIONS, "WHERE client = ANY (old) AND seen_at < clock_timestamp() - p_age FOR UPDATE SKIP LOCKED)", "WHERE client = ANY (old) FOR UPDATE SKIP LOCKED)")],
        ["test_admin.py::test_purge_forgets_clients_long_gone"], history="-: it ends with 1021, which is true of anything"),

    # ---- 16: durability ----
    Mutant(16, "an-apply-commits-asynchronously", "what was told is lost when the server crashes", [
        Edit(FENCING, "    PERFORM set_config('synchronous_commit', 'local', true);", "    PERFORM set_config('synchronous_commit', 'off', true);"),
        Edit("resolver/wires.c", "ELSE 'on' END", "ELSE 'off' END")],
        ["resolver_answers_test.py::test_acknowledged_means_flushed"],
        history="-: workers give something up all the time, which is flushed, and all that was before it as well"),
    Mutant(16, "a-registration-is-asynchronous", "a client is told that it is registered before it is certain", [
        Edit(STORE, "BEGIN\n  PERFORM insist_on_durability();\n  generation :=", "BEGIN\n  generation :=")],
        ["resolver_answers_test.py::test_what_a_follower_calls_is_flushed"], history="-: it ends with 1021, which is true of anything"),
    Mutant(16, "a-cancel-is-asynchronous", "a tombstone is lost when the server crashes, and the request comes again", [
        Edit(STORE, "  PERFORM insist_on_durability();\n  PERFORM insist_on_an_end();\n  DELETE FROM commit_requests", "  PERFORM insist_on_an_end();\n  DELETE FROM commit_requests")],
        ["resolver_answers_test.py::test_what_a_follower_calls_is_flushed"],
        history="-: a copy must arrive after the crash of a request that no follower will send again"),
    Mutant(16, "replies-before-the-standby", "with synchronous standbys replies go in COMMIT's own segment", [
        Edit("resolver/apply.c", "\tif (!apply->order->is_synchronous)\n\t\tquery_replies(&apply->arena, segment, apply->batch, apply->order->schema, false);",
             "\tquery_replies(&apply->arena, segment, apply->batch, apply->order->schema, true);")],
        ["resolver_rules_test.py::test_acknowledged_means_replicated"],
        history="-: the answer is wrong only if the primary is lost in those milliseconds"),
    Mutant(16, "a-warning-is-nothing", "a wait for a standby that was broken off counts as its end", [
        Edit("resolver/apply.c", "apply->end == VD_APPLY_COMMITTED && !outcome->warned && outcome->status", "apply->end == VD_APPLY_COMMITTED && outcome->status")],
        ["resolver_rules_test.py::test_acknowledged_means_replicated"],
        history="-: the answer is wrong only if the primary is lost in those milliseconds"),
    Mutant(16, "a-warned-look-is-believed", "… for the follower", [
        Edit(OUTCOME, "\tif (outcome->status == VD_PG_OK && !outcome->warned)\n\t\tfor", "\tif (outcome->status == VD_PG_OK)\n\t\tfor")],
        ["test_commit.py::test_an_answer_with_a_warning_does_not_count"],
        history="-: the answer is wrong only if the primary is lost in those milliseconds"),
    Mutant(16, "looks-do-not-wait", "a look tells what no standby has", [
        Edit(STORE, "   WHERE client = p_client AND generation = p_generation AND seen_at < clock_timestamp() - interval '1 minute';\n  PERFORM wait_for_standbys();\n",
             "   WHERE client = p_client AND generation = p_generation AND seen_at < clock_timestamp() - interval '1 minute';\n")],
        ["test_commit.py::test_an_answer_with_a_warning_does_not_count"],
        history="-: the answer is wrong only if the primary is lost in those milliseconds"),
    Mutant(16, "standbys-that-came-meanwhile-do-not-count", "replies go out though a standby is to be waited for by now", [
        Edit("resolver/apply.c", '" WHERE $3 OR current_setting(\'synchronous_standby_names\') = \'\'",', '" WHERE $3 OR true",')],
        ["resolver_rules_test.py::test_standbys_are_switched_on_in_the_middle_of_an_apply"],
        history="-: the answer is wrong only if the primary is lost in those milliseconds"),
]
