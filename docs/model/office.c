/* SPDX-License-Identifier: Apache-2.0 */
/* office.c: taking office, and settling: take_office() of the migration, resolver/settle.c and resolver/memory.c. */
#include "docs/model/step.h"

#include <string.h>

void md_abandon(struct md_state *state, int n)
{
	for (int p = 0; p < MD_PIPELINES; p++) {
		struct md_pipeline *pipeline = &state->pipeline[p];
		if (pipeline->stage == 0 || pipeline->node != n + 1)
			continue;
		if (pipeline->stage <= MD_CHECKED)
			pipeline->node = 0;
		else
			memset(pipeline, 0, sizeof *pipeline);
	}
	for (int t = 0; t < MD_TURNS; t++) {
		struct md_turn *turn = &state->node[n].turn[t];
		turn->pipeline = 0;
		if (turn->stage != MD_TURN_SENT)
			memset(turn, 0, sizeof *turn);
	}
}

/* ---- taking office ------------------------------------------------------------------------------------------ */

static bool somebody_leads(const struct md_state *state, int but)
{
	for (int n = 0; n < MD_NODES; n++)
		if (n != but && state->node[n].office != MD_STANDBY && state->node[n].term == state->database.term &&
			state->node[n].timeline == state->timeline)
			return true;
	return false;
}

static void jump(const struct md_setup *setup, const struct md_state *state, struct md_database *database)
{
	if (database->timeline == state->timeline)
		return;
	database->timeline = state->timeline;
	if (!md_with(setup, MD_WITHOUT_JUMP))
		return;
	if (!md_with(setup, MD_WITHOUT_RANDOM_JUMP))
		database->version = (uint8_t)(database->version + MD_JUMP);
	else if (setup->bounds.batches == 0)
		database->version = (uint8_t)(md_state_top(state) + 1);
	else
		database->version = (uint8_t)(MD_JUMP * state->timeline);
	database->jump = database->version;
}

/* Waits for a batch in flight, which is past its fence, and fences what comes later. */
static void take_office(struct md_walk *walk, const struct md_state *state, int n)
{
	if (state->node[n].office != MD_STANDBY || md_watermark_is_taken(state) || md_watermark_is_shared(state))
		return;
	bool is_early = somebody_leads(state, n);
	if (is_early && state->leases == 0)
		return;
	struct md_database database = state->database;
	uint8_t preceding = database.term;
	database.term = md_state_fresh_term(state);
	jump(walk->setup, state, &database);
	struct md_ending endings[2];
	int count = md_endings(walk->setup, state, &database, endings);
	for (int i = 0; i < count; i++) {
		struct md_state *next = &endings[i].state;
		struct md_node *node = &next->node[n];
		node->office = MD_LEADING;
		node->is_synchronous = state->is_synchronous;
		node->term = database.term;
		node->preceding = preceding;
		node->jump = database.jump;
		node->timeline = state->timeline;
		node->takeover = node->newest = node->floor = node->sent = database.version;
		next->leases = (uint8_t)(next->leases - is_early);
		for (int r = 0; r < MD_REQUESTS && !md_with(walk->setup, MD_WITHOUT_ADOPTION); r++)
			if (next->queue[r] != 0)
				next->queue[r] |= MD_ROW_ADOPTED_NOT;
		md_reach(walk, next, is_early ? MD_STEP_lease_runs_out : MD_STEP_take_office, n,
			"%snode %d takes office at version %d%s%s", is_early ? "the leader's lease runs out; " : "",
			n + 1, node->newest, database.version != state->database.version ? " (jumped)" : "",
			endings[i].is_warned ? " (not replicated)" : "");
	}
}

/* ---- settling ----------------------------------------------------------------------------------------------- */

static void reload(const struct md_setup *setup, struct md_node *node, uint8_t version)
{
	if (node->sent < version)
		node->sent = version;
	node->newest = version;
	if (!md_with(setup, MD_WITHOUT_RELOAD))
		return;
	node->floor = version;
	memset(node->written, 0, sizeof node->written);
	memset(node->outcome, 0, sizeof node->outcome);
	memset(node->at, 0, sizeof node->at);
	memset(node->other, 0, sizeof node->other);
	memset(node->client, 0, sizeof node->client);
	memset(node->generation, 0, sizeof node->generation);
	memset(node->low_water, 0, sizeof node->low_water);
}

/* Replies of a commit whose end nobody saw: with synchronous standbys there are none. */
static void reply_settled(struct md_walk *walk, struct md_state *state, const struct md_turn *turn)
{
	for (int r = 0; r < MD_REQUESTS; r++)
		if ((turn->mask >> r & 1) && md_is_decided(turn->verdict[r]) && !(turn->other >> r & 1))
			md_tell(walk, state, r, turn->verdict[r], turn->verdict[r] == MD_COMMITTED ? turn->to : 0);
}

static void settle_landed(struct md_walk *walk, struct md_state *next, int n, int landed)
{
	const struct md_setup *setup = walk->setup;
	struct md_node *node = &next->node[n];
	struct md_turn turns[MD_TURNS];
	memcpy(turns, node->turn, sizeof turns);
	for (int i = 0; i < landed; i++)
		md_publish(setup, node, &turns[i]);
	md_turns_clear(node);
	node->office = MD_LEADING;
	struct md_state told = *next;
	md_reach(walk, next, MD_STEP_leader_settle, n,
		"node %d settles by version %d: %d of its batches landed, memory is kept", n + 1, node->newest,
		landed);
	if (landed == 0 || (next->is_synchronous && md_with(setup, MD_WITHOUT_SYNC_SETTLE)))
		return;
	for (int i = 0; i < landed; i++)
		reply_settled(walk, &told, &turns[i]);
	md_reach(walk, &told, MD_STEP_leader_settle, n,
		"node %d settles by version %d: %d of its batches landed, the replies arrive", n + 1,
		told.node[n].newest, landed);
}

/* On a fresh connection. */
static void settle(struct md_walk *walk, const struct md_state *state, int n)
{
	const struct md_setup *setup = walk->setup;
	const struct md_database *database = &state->database;
	struct md_state next = *state;
	struct md_node *node = &next.node[n];
	bool is_elsewhere = node->timeline != state->timeline && md_with(setup, MD_WITHOUT_TIMELINE);
	bool was_restarted = node->office == MD_SETTLING_RESTARTED;
	if (is_elsewhere || database->term != node->term || database->version < node->newest) {
		memset(node, 0, sizeof *node);
		md_reach(walk, &next, MD_STEP_leader_settle, n, "node %d settles by version %d%s: its term is over",
			n + 1, database->version,
			is_elsewhere                   ? " on another timeline"
			: database->term != node->term ? " of another term"
										   : "");
		return;
	}
	node->is_synchronous = state->is_synchronous;
	int landed = -1;
	if (database->version == node->newest)
		landed = 0;
	for (int t = 0; t < MD_TURNS; t++)
		if (node->turn[t].stage == MD_TURN_SENT && node->turn[t].to == database->version)
			landed = t + 1;
	if (landed >= 0 && !was_restarted) {
		settle_landed(walk, &next, n, landed);
		return;
	}
	md_turns_clear(node);
	reload(setup, node, database->version);
	node->office = MD_LEADING;
	md_reach(walk, &next, MD_STEP_leader_settle, n, "node %d settles by version %d, %s: all is read anew",
		n + 1, database->version, was_restarted ? "of a restarted server" : "which it does not know");
}

void md_office_steps(struct md_walk *walk, const struct md_state *state)
{
	for (int n = 0; n < MD_NODES; n++) {
		take_office(walk, state, n);
		if (state->node[n].office >= MD_SETTLING)
			settle(walk, state, n);
	}
}
