/* SPDX-License-Identifier: Apache-2.0 */
/* follower.c: a request from its snapshot to its verdict, as follower/commit/ does it; and a transaction that only reads. */
#include "docs/model/step.h"

static void read_values(const struct md_state *state, struct md_request *request, uint8_t reads)
{
	for (int k = 0; k < MD_KEYS; k++)
		if (reads >> k & 1)
			request->seen[k] = state->database.value[k];
}

static void read_version(const struct md_state *state, struct md_request *request)
{
	request->term = state->database.term;
	request->version = state->database.version;
}

/* Reads, all in one snapshot with the watermark; then the first statement is sent. */
static void submit(struct md_walk *walk, const struct md_state *state, int r)
{
	const struct md_setup *setup = walk->setup;
	const struct md_request *before = &state->request[r];
	if (before->stage > MD_READING || (r == 2 && state->request[0].stage < MD_ASKED))
		return;
	struct md_state next = *state;
	struct md_request *request = &next.request[r];
	if (before->stage == MD_IDLE)
		read_values(state, request, md_reads(&setup->bounds, r));
	if (before->stage == MD_IDLE && !md_with(setup, MD_WITHOUT_INSIDE_SNAPSHOT)) {
		request->stage = MD_READING;
		md_reach(walk, &next, MD_STEP_follower_submit, r, "%s reads", md_request_name(r));
		return;
	}
	read_version(state, request);
	request->stage = MD_ASKED;
	request->copies = 1;
	md_reach(walk, &next, MD_STEP_follower_submit, r, "%s has read at version %d, and is sent",
		md_request_name(r), request->version);
}

/* INSERT … ON CONFLICT DO NOTHING: it waits for who deletes such a row. */
static void copy_arrives(struct md_walk *walk, const struct md_state *state, int r)
{
	const struct md_setup *setup = walk->setup;
	const struct md_request *request = &state->request[r];
	if (md_row_is_locked(state, r))
		return;
	for (int is_twin = 0; is_twin < 2; is_twin++) {
		if ((is_twin ? request->twins : request->copies) == 0)
			continue;
		uint8_t prefix =
			setup->bounds.acknowledging & MD_ACK_RIDES ? md_told_prefix(setup, state, md_client_of(r)) : 0;
		if (prefix >= md_sequence_of(r))
			prefix = (uint8_t)(md_sequence_of(r) - 1);
		bool may_be_silent = !md_with(setup, MD_WITHOUT_BACKSTOP);
		for (int is_silent = 0; is_silent <= may_be_silent; is_silent++) {
			struct md_state next = *state;
			if (is_twin)
				next.request[r].twins--;
			else
				next.request[r].copies--;
			if (next.queue[r] == 0)
				next.queue[r] =
					(uint8_t)(MD_ROW | (is_twin ? MD_ROW_OTHER : 0) | MD_ROW_ACKNOWLEDGED * prefix);
			if (may_be_silent && !is_silent)
				next.bell = 1;
			md_reach(walk, &next, MD_STEP_copy_arrives, r, "a copy of %s%s arrives in the queue%s%s",
				md_request_name(r), is_twin ? " with other content" : "",
				state->queue[r] != 0 ? ", where one is" : "",
				is_silent ? "; no doorbell rings, the notify queue is full" : "");
		}
	}
}

static void send_again(struct md_walk *walk, const struct md_state *state, int r)
{
	const struct md_request *request = &state->request[r];
	if (request->stage != MD_ASKED || request->copies >= walk->setup->bounds.copies)
		return;
	struct md_state next = *state;
	next.request[r].copies++;
	bool is_nowhere = state->database.outcome[r] == 0 && state->queue[r] == 0 &&
					  state->database.generation[md_client_of(r)] == 1;
	if (is_nowhere && md_with(walk->setup, MD_WITHOUT_RESEND))
		md_reach(walk, &next, MD_STEP_follower_resend, r,
			"%s looks: neither queued nor decided; it is sent again", md_request_name(r));
	else if (state->doubts > 0) {
		next.doubts--;
		md_reach(walk, &next, MD_STEP_follower_doubts, r,
			"%s loses the connection that its statement went over, and is sent again; that copy may still "
			"arrive",
			md_request_name(r));
	}
}

static void look(struct md_walk *walk, const struct md_state *state, int r)
{
	if (state->request[r].stage != MD_ASKED)
		return;
	struct md_state next = *state;
	const struct md_database *database = &state->database;
	if (md_with(walk->setup, MD_WITHOUT_SYNC_LOOK))
		md_replicate(&next);
	if (database->generation[md_client_of(r)] != 1) {
		md_tell(walk, &next, r, MD_UNKNOWN, 0);
		md_reach(walk, &next, MD_STEP_follower_look, r,
			"%s looks: not registered; it is told that the outcome is unknown", md_request_name(r));
	} else if (database->outcome[r] != 0 && !database->other[r]) {
		/* One of other content would be told as well: an outcome is asked for by identity alone (README.md). */
		md_tell(walk, &next, r, database->outcome[r], database->at[r]);
		md_reach(walk, &next, MD_STEP_follower_look, r, "%s looks, and is told: %s@%d", md_request_name(r),
			md_verdict_name(database->outcome[r]), database->at[r]);
	}
}

static void acknowledge(struct md_walk *walk, const struct md_state *state, int c)
{
	const struct md_setup *setup = walk->setup;
	if (!(setup->bounds.acknowledging & MD_ACK_ALONE) || state->database.generation[c] != 1 ||
		!md_with(setup, MD_WITHOUT_LONELY_ACKNOWLEDGEMENT))
		return;
	struct md_database database = state->database;
	uint8_t prefix = md_told_prefix(setup, state, c);
	bool is_new = prefix > database.low_water[c];
	if (is_new)
		md_database_acknowledge(&database, c, prefix);
	if (!md_with(setup, MD_WITHOUT_KEEPING))
		for (int r = 0; r < MD_REQUESTS; r++)
			if (md_client_of(r) == c && state->request[r].stage == MD_TOLD && database.outcome[r] != 0) {
				md_database_forget(&database, r);
				is_new = true;
			}
	struct md_ending endings[2];
	int count = is_new ? md_endings(setup, state, &database, endings) : 0;
	for (int i = 0; i < count; i++)
		md_reach(walk, &endings[i].state, MD_STEP_follower_acknowledge, c,
			"client %c acknowledges all up to %d%s", 'A' + c, prefix,
			endings[i].is_warned ? " (not replicated)" : "");
}

void md_follower_steps(struct md_walk *walk, const struct md_state *state)
{
	for (int r = 0; r < MD_REQUESTS; r++) {
		if (!(walk->setup->bounds.requests >> r & 1))
			continue;
		submit(walk, state, r);
		copy_arrives(walk, state, r);
		send_again(walk, state, r);
		look(walk, state, r);
	}
	for (int c = 0; c < MD_CLIENTS; c++)
		acknowledge(walk, state, c);
}

/* ---- a transaction that only reads -------------------------------------------------------------------------- */

static uint8_t applied_now(const struct md_state *state)
{
	uint8_t sees = 0;
	for (int r = 0; r < MD_REQUESTS; r++)
		sees |= (uint8_t)((state->database.applied[r] == 1) << r);
	return sees;
}

void md_reader_steps(struct md_walk *walk, const struct md_state *state)
{
	if (!walk->setup->bounds.reader)
		return;
	struct md_state next = *state;
	if (!state->reader) {
		next.reader = 1;
		next.reader_sees = applied_now(state);
		md_reach(walk, &next, MD_STEP_reader_opens, 0, "a snapshot is taken, for a transaction of before");
		return;
	}
	/* The rule: none joins it; its own is taken now. */
	bool is_fresh = md_with(walk->setup, MD_WITHOUT_FRESH_SNAPSHOT);
	uint8_t sees = is_fresh ? applied_now(state) : state->reader_sees;
	next.reader = next.reader_sees = 0;
	for (int r = 0; r < MD_REQUESTS; r++)
		if (state->request[r].told == MD_COMMITTED && !(state->exempt >> r & 1) && !(sees >> r & 1))
			md_break(walk, MD_READS_SEE_ACKNOWLEDGED,
				"a transaction begins after %s was told as committed, and does not see it",
				md_request_name(r));
	md_reach(walk, &next, MD_STEP_reader_begins, 0, "a transaction begins, and reads in %s",
		is_fresh ? "a snapshot of its own" : "the snapshot that is open");
}
