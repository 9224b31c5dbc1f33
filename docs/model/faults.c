/* SPDX-License-Identifier: Apache-2.0 */
/* faults.c: what may go wrong, each as often as the bounds allow; and what an administrator or a stranger does. */
#include "docs/model/step.h"

#include <string.h>

/* The sessions of the server are gone, with what they were doing, and the unlogged queue. */
static void sessions_end(struct md_state *state)
{
	memset(state->queue, 0, sizeof state->queue);
	memset(state->pipeline, 0, sizeof state->pipeline);
	for (int r = 0; r < MD_REQUESTS; r++)
		state->request[r].cancel = 0;
	for (int n = 0; n < MD_NODES; n++)
		if (state->node[n].office != MD_STANDBY) {
			md_abandon(state, n);
			state->node[n].office = MD_SETTLING_RESTARTED;
		}
}

static void crash(struct md_walk *walk, const struct md_state *state)
{
	if (state->crashes == 0)
		return;
	struct md_state next = *state;
	next.crashes--;
	sessions_end(&next);
	md_reach(walk, &next, MD_STEP_crash, 0, "PostgreSQL crashes and comes back: the queue is empty");
}

static void promote(struct md_walk *walk, const struct md_state *state)
{
	for (int loses = 0; state->promotions > 0 && loses <= state->lags; loses++) {
		struct md_state next = *state;
		next.promotions--;
		next.timeline++;
		for (int r = 0; r < MD_REQUESTS && loses && walk->setup->bounds.replication != MD_SYNCHRONOUS; r++)
			if (walk->setup->bounds.replication == MD_ASYNCHRONOUS ? state->request[r].stage == MD_TOLD
																   : state->unsure >> r & 1)
				next.exempt |= (uint8_t)(1 << r);
		if (loses)
			next.database = state->standby;
		next.lags = 0;
		next.standby = next.database;
		if (next.promotions == 0)
			memset(&next.standby, 0, sizeof next.standby);
		sessions_end(&next);
		md_reach(walk, &next, MD_STEP_promotion, 0, "a standby %s is promoted, at version %d",
			loses ? "that lags" : "that has everything", next.database.version);
	}
}

static void lose_leader(struct md_walk *walk, const struct md_state *state, int n)
{
	const struct md_node *node = &state->node[n];
	if (node->office == MD_STANDBY)
		return;
	if (state->deaths > 0) {
		struct md_state next = *state;
		next.deaths--;
		md_abandon(&next, n);
		memset(&next.node[n], 0, sizeof next.node[n]);
		md_reach(walk, &next, MD_STEP_leader_dies, n, "node %d dies", n + 1);
	}
	if (state->cuts > 0 && node->office == MD_LEADING && node->turn[0].stage != 0) {
		struct md_state next = *state;
		next.cuts--;
		md_abandon(&next, n);
		next.node[n].office = MD_SETTLING;
		md_reach(walk, &next, MD_STEP_connection_is_cut, n,
			"node %d loses its connection, what it sent may still run", n + 1);
	}
}

/* Under the lock that an apply's fence respects. */
static void purge(struct md_walk *walk, const struct md_state *state)
{
	bool waits = md_with(walk->setup, MD_WITHOUT_PURGE_LOCK) && md_watermark_is_taken(state);
	for (int c = 0; c < MD_CLIENTS && state->purges > 0 && !waits; c++) {
		if (state->database.generation[c] == 0)
			continue;
		struct md_database database = state->database;
		database.generation[c] = 0;
		md_database_acknowledge(&database, c, 0);
		for (int r = 0; r < MD_REQUESTS; r++)
			if (md_client_of(r) == c)
				md_database_forget(&database, r);
		database.low_water[c] = 0;
		struct md_ending endings[2];
		int count = md_endings(walk->setup, state, &database, endings);
		for (int i = 0; i < count; i++) {
			endings[i].state.purges--;
			md_reach(walk, &endings[i].state, MD_STEP_purge, c, "client %c is purged", 'A' + c);
		}
	}
}

static void return_client(struct md_walk *walk, const struct md_state *state)
{
	for (int c = 0; c < MD_CLIENTS && state->returns > 0; c++) {
		if (state->database.generation[c] != 0)
			continue;
		struct md_database database = state->database;
		database.generation[c] = md_with(walk->setup, MD_WITHOUT_GENERATION) ? 2 : 1;
		struct md_ending endings[2];
		int count = md_endings(walk->setup, state, &database, endings);
		for (int i = 0; i < count; i++) {
			endings[i].state.returns--;
			md_reach(walk, &endings[i].state, MD_STEP_register_again, c,
				"client %c is registered again with the same id", 'A' + c);
		}
	}
}

/* The session's view and the server's change at once; what is under way waits, or not, by the new one. */
static void switch_standbys(struct md_walk *walk, const struct md_state *state)
{
	if (state->switches == 0)
		return;
	struct md_state next = *state;
	next.switches--;
	next.is_synchronous = !state->is_synchronous;
	md_reach(walk, &next, MD_STEP_standbys_are_switched, 0, "synchronous standbys are switched %s",
		next.is_synchronous ? "on" : "off");
}

static void disturb(struct md_walk *walk, const struct md_state *state)
{
	if (state->twins > 0 && state->request[0].stage >= MD_ASKED) {
		struct md_state next = *state;
		next.twins--;
		next.request[0].twins++;
		md_reach(walk, &next, MD_STEP_twin_sends, 0, "a twin of A's sends other content as A1");
	}
	/* A reply without the token is passed over: nothing changes, but that it was taken. */
	bool is_believed = !md_with(walk->setup, MD_WITHOUT_TOKEN);
	for (int r = 0; r < MD_REQUESTS && walk->setup->bounds.strangers; r++) {
		if (state->request[r].stage != MD_ASKED)
			continue;
		struct md_state next = *state;
		if (is_believed)
			md_tell(walk, &next, r, MD_COMMITTED, state->database.version);
		md_reach(walk, &next, MD_STEP_stranger_notifies, r, "a stranger tells %s that it is committed",
			md_request_name(r));
	}
}

void md_fault_steps(struct md_walk *walk, const struct md_state *state)
{
	crash(walk, state);
	promote(walk, state);
	for (int n = 0; n < MD_NODES; n++)
		lose_leader(walk, state, n);
	purge(walk, state);
	return_client(walk, state);
	disturb(walk, state);
	switch_standbys(walk, state);
}
