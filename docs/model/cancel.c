/* SPDX-License-Identifier: Apache-2.0 */
/* cancel.c: giving up, statement by statement: cancel() of the migration. */
#include "docs/model/step.h"

static bool holds_row(const struct md_request *request)
{
	return request->cancel == MD_CANCEL_ROW || request->cancel == MD_CANCEL_SHARES_ROW;
}

/* Its transaction ends without a tombstone. */
static void end_call(struct md_state *state, int r)
{
	if (holds_row(&state->request[r]))
		state->queue[r] = 0;
	state->request[r].cancel = 0;
}

static void call(struct md_walk *walk, const struct md_state *state, int r)
{
	if (state->request[r].stage != MD_ASKED || state->request[r].cancel != 0 ||
		!(walk->setup->bounds.cancels >> r & 1))
		return;
	struct md_state next = *state;
	next.request[r].cancel = MD_CANCEL_CALLED;
	md_reach(walk, &next, MD_STEP_follower_cancel, r, "%s is given up: cancel is called", md_request_name(r));
}

static void dequeue(struct md_walk *walk, const struct md_state *state, int r)
{
	if (state->request[r].cancel != MD_CANCEL_CALLED || md_row_is_locked(state, r))
		return;
	struct md_state next = *state;
	next.request[r].cancel = state->queue[r] != 0 ? MD_CANCEL_ROW : MD_CANCEL_NO_ROW;
	md_reach(walk, &next, MD_STEP_cancel_dequeue, r, "cancel of %s deletes the queue row%s",
		md_request_name(r), state->queue[r] != 0 ? "" : ": there is none");
}

static void answer(struct md_walk *walk, const struct md_state *state, int r, uint8_t verdict, uint8_t at)
{
	struct md_state next = *state;
	end_call(&next, r);
	struct md_state told = next;
	if (state->request[r].stage == MD_ASKED)
		md_reach(walk, &next, MD_STEP_answer_is_lost, r, "cancel of %s finds %s, and its answer is lost",
			md_request_name(r), md_verdict_name(verdict));
	if (md_with(walk->setup, MD_WITHOUT_SYNC_LOOK))
		md_replicate(&told);
	md_tell(walk, &told, r, verdict, at);
	md_reach(walk, &told, MD_STEP_cancel_share, r, "cancel of %s returns %s@%d", md_request_name(r),
		md_verdict_name(verdict), at);
}

/* Shares the watermark, and reads what is known. */
static void share(struct md_walk *walk, const struct md_state *state, int r)
{
	const struct md_setup *setup = walk->setup;
	const struct md_database *database = &state->database;
	uint8_t cancel = state->request[r].cancel;
	if (cancel != MD_CANCEL_NO_ROW && cancel != MD_CANCEL_ROW)
		return;
	struct md_state next = *state;
	if (md_with(setup, MD_WITHOUT_SHARE) && md_watermark_is_taken(state)) {
		next.request[r].cancel = 0; /* the row is back */
		md_reach(walk, &next, MD_STEP_cancel_times_out, r,
			"cancel of %s has waited too long for the watermark", md_request_name(r));
		return;
	}
	int c = md_client_of(r);
	if (database->generation[c] != 1 && md_with(setup, MD_WITHOUT_CANCEL_REGISTRATION)) {
		answer(walk, state, r, MD_UNKNOWN, 0);
		return;
	}
	if (database->low_water[c] >= md_sequence_of(r) && md_with(setup, MD_WITHOUT_CANCEL_LOW_WATER)) {
		end_call(&next, r);
		md_reach(walk, &next, MD_STEP_cancel_share, r, "cancel of %s: told long ago, nothing is written",
			md_request_name(r));
		return;
	}
	if (database->outcome[r] != 0) {
		answer(walk, state, r, database->outcome[r], database->at[r]);
		return;
	}
	next.request[r].cancel = cancel == MD_CANCEL_ROW ? MD_CANCEL_SHARES_ROW : MD_CANCEL_SHARES_NO_ROW;
	md_reach(walk, &next, MD_STEP_cancel_share, r, "cancel of %s %s, and finds no outcome",
		md_request_name(r),
		md_with(setup, MD_WITHOUT_SHARE) ? "shares the watermark" : "goes on without the watermark");
}

/* The tombstone, and COMMIT. */
static void bury(struct md_walk *walk, const struct md_state *state, int r)
{
	const struct md_setup *setup = walk->setup;
	if (state->request[r].cancel < MD_CANCEL_SHARES_NO_ROW)
		return;
	struct md_database database = state->database;
	if (md_with(setup, MD_WITHOUT_TOMBSTONE)) {
		database.outcome[r] = MD_CANCELLED;
		database.at[r] = database.other[r] = 0;
	}
	struct md_ending endings[2];
	int count = md_endings(setup, state, &database, endings);
	for (int i = 0; i < count; i++) {
		struct md_state next = endings[i].state;
		end_call(&next, r);
		struct md_state told = next;
		const char *how = endings[i].is_warned ? " (not replicated: the wait was broken off)" : "";
		if (state->request[r].stage == MD_ASKED)
			md_reach(walk, &next, MD_STEP_answer_is_lost, r,
				"cancel of %s commits a tombstone%s, and its answer is lost", md_request_name(r), how);
		if (endings[i].is_warned && md_with(setup, MD_WITHOUT_SYNC_CANCEL))
			continue;
		md_tell(walk, &told, r, MD_CANCELLED, 0);
		md_reach(walk, &told, MD_STEP_cancel_bury, r,
			"cancel of %s commits a tombstone%s: it is told as cancelled", md_request_name(r), how);
	}
}

void md_cancel_steps(struct md_walk *walk, const struct md_state *state)
{
	for (int r = 0; r < MD_REQUESTS; r++) {
		call(walk, state, r);
		dequeue(walk, state, r);
		share(walk, state, r);
		bury(walk, state, r);
	}
}
