/* SPDX-License-Identifier: Apache-2.0 */
/* claim.c: a turn from the queue to its pipeline: claim, load, base, resolve: resolver/turn.c and resolver/claim.c. */
#include "docs/model/step.h"

#include <string.h>

#define NODE(n) ((n) + 1) /* as it is said */

static bool is_strange(const struct md_node *node, uint8_t mask)
{
	for (int r = 0; r < MD_REQUESTS; r++)
		if ((mask >> r & 1) && node->client[md_client_of(r)] != MD_KNOWN)
			return true;
	return false;
}

/* The clients are known: goes on as far as it goes in one step. Reached unless there is nothing to send. */
static void go_on(
	struct md_walk *walk, struct md_state *next, int n, int t, enum md_step step, const char *said)
{
	struct md_turn *turn = &next->node[n].turn[t];
	bool demands = (turn->mask & walk->setup->bounds.put_if_absent & ~turn->refused) != 0;
	if (demands || walk->setup->bounds.slow_claim)
		turn->stage = demands ? MD_TURN_BASED_NOT : MD_TURN_BASED;
	else if (!md_resolve(walk->setup, next, n, t))
		return;
	const uint8_t *verdict = turn->verdict;
	md_reach(walk, next, step, n, "node %d %s {%s%s%s}%s, version %d to %d: A1 %s, B1 %s, A2 %s", NODE(n),
		said, turn->mask & MD_A1 ? " A1" : "", turn->mask & MD_B1 ? " B1" : "",
		turn->mask & MD_A2 ? " A2" : "",
		turn->stage == MD_TURN_SENT
			? (t > 0 ? ", resolves it over the batch under way, and sends it" : ", resolves and sends it")
			: "",
		turn->from, turn->to, md_verdict_name(verdict[0]), md_verdict_name(verdict[1]),
		md_verdict_name(verdict[2]));
}

static uint8_t claimable(const struct md_setup *setup, const struct md_state *state, int n, int t)
{
	const struct md_node *node = &state->node[n];
	uint8_t mask = 0;
	for (int r = 0; r < MD_REQUESTS; r++) {
		if (state->queue[r] == 0 || (state->queue[r] & MD_ROW_ADOPTED_NOT))
			continue;
		/* The same row as in the batch under way; once that is applied, it is another. */
		bool is_under_way = t > 0 && (node->turn[0].mask >> r & 1) &&
							state->pipeline[node->turn[0].pipeline - 1].stage < MD_APPLIED;
		if (!is_under_way &&
			!(node->client[md_client_of(r)] == MD_KNOWN && md_must_wait(&setup->bounds, node, r)))
			mask |= (uint8_t)(1 << r);
	}
	return mask;
}

static void claim_these(
	struct md_walk *walk, const struct md_state *state, int n, int t, uint8_t mask, bool descends)
{
	struct md_state next = *state;
	struct md_node *node = &next.node[n];
	struct md_turn *turn = &node->turn[t];
	*turn = (struct md_turn){ .mask = mask, .descends = descends };
	for (int r = 0; r < MD_REQUESTS; r++) {
		if (!(mask >> r & 1))
			continue;
		uint8_t acknowledged = state->queue[r] / MD_ROW_ACKNOWLEDGED;
		if (state->queue[r] & MD_ROW_OTHER)
			turn->other |= (uint8_t)(1 << r);
		if (node->low_water[md_client_of(r)] < acknowledged)
			node->low_water[md_client_of(r)] = acknowledged;
	}
	next.bell = 0;
	turn->stage = MD_TURN_CLAIMED;
	if (!is_strange(node, mask)) {
		go_on(walk, &next, n, t, MD_STEP_leader_claim, "claims");
		return;
	}
	md_reach(walk, &next, MD_STEP_leader_claim, n, "node %d claims {%s%s%s}", NODE(n),
		mask & MD_A1 ? " A1" : "", mask & MD_B1 ? " B1" : "", mask & MD_A2 ? " A2" : "");
}

/* Any of the rows that are there: more than the order of arrival and the limits of a batch allow. */
void md_claim_steps(struct md_walk *walk, const struct md_state *state, int n)
{
	const struct md_setup *setup = walk->setup;
	const struct md_node *node = &state->node[n];
	int t = node->turn[0].stage == 0 ? 0 : 1;
	if (node->turn[t].stage != 0 ||
		(t > 0 && (node->turn[0].stage != MD_TURN_SENT || !setup->bounds.overlaps)) ||
		(setup->bounds.batches > 0 && state->batches == 0) ||
		(!md_with(setup, MD_WITHOUT_BACKSTOP) && !state->bell))
		return;
	uint8_t all = claimable(setup, state, n, t);
	for (uint8_t mask = all; mask != 0; mask = (uint8_t)((mask - 1) & all)) {
		claim_these(walk, state, n, t, mask, false);
		if ((mask & (mask - 1)) != 0)
			claim_these(walk, state, n, t, mask, true);
	}
}

static void load_clients(struct md_walk *walk, const struct md_state *state, int n, int t)
{
	struct md_state next = *state;
	struct md_node *node = &next.node[n];
	struct md_turn *turn = &node->turn[t];
	if (!is_strange(node, turn->mask)) {
		go_on(walk, &next, n, t, MD_STEP_leader_load_clients, "resolves again");
		return;
	}
	for (int r = 0; r < MD_REQUESTS; r++) {
		int c = md_client_of(r);
		if (!(turn->mask >> r & 1) || node->client[c] != MD_STRANGE)
			continue;
		node->client[c] = MD_HALF_LOADED;
		node->generation[c] = state->database.generation[c];
		if (node->low_water[c] < state->database.low_water[c])
			node->low_water[c] = state->database.low_water[c];
	}
	turn->stage = MD_TURN_LOADING;
	md_reach(walk, &next, MD_STEP_leader_load_clients, n,
		"node %d reads the registrations of the batch's clients", NODE(n));
}

/* A later statement, so a later snapshot. Tombstones of the requests at hand only. */
static void load_outcomes(struct md_walk *walk, const struct md_state *state, int n, int t)
{
	struct md_state next = *state;
	struct md_node *node = &next.node[n];
	struct md_turn *turn = &node->turn[t];
	for (int r = 0; r < MD_REQUESTS; r++) {
		int c = md_client_of(r);
		uint8_t outcome = state->database.outcome[r];
		bool is_wanted = outcome != MD_CANCELLED || (turn->mask >> r & 1);
		if (node->client[c] != MD_HALF_LOADED || node->low_water[c] >= md_sequence_of(r) || !is_wanted)
			continue;
		node->outcome[r] = outcome;
		node->at[r] = state->database.at[r];
		node->other[r] = state->database.other[r];
	}
	for (int c = 0; c < MD_CLIENTS; c++)
		if (node->client[c] == MD_HALF_LOADED)
			node->client[c] = MD_KNOWN;
	go_on(walk, &next, n, t, MD_STEP_leader_load_outcomes, "reads their outcomes; goes on with");
}

/* The value of the first key, and what the batch below makes of it, whatever becomes of that batch: if it fails, so does this. */
static void read_base(struct md_walk *walk, const struct md_state *state, int n, int t)
{
	struct md_state next = *state;
	struct md_turn *turn = &next.node[n].turn[t];
	const struct md_turn *below = &state->node[n].turn[0];
	turn->base = state->database.value[0];
	if (t > 0 && md_with(walk->setup, MD_WITHOUT_BASE_BELOW)) {
		int order[MD_REQUESTS];
		int count = md_in_order(below->mask, below->descends, order);
		for (int i = 0; i < count; i++)
			if (below->verdict[order[i]] == MD_COMMITTED && (md_writes(&walk->setup->bounds, order[i]) & 1))
				turn->base = md_writer(order[i], below->other >> order[i] & 1);
	}
	turn->stage = MD_TURN_BASED;
	md_reach(
		walk, &next, MD_STEP_leader_base, n, "node %d reads what its batch's preconditions need", NODE(n));
}

static void resolve(struct md_walk *walk, const struct md_state *state, int n, int t)
{
	struct md_state next = *state;
	struct md_turn *turn = &next.node[n].turn[t];
	if (!md_resolve(walk->setup, &next, n, t)) {
		if (turn->mask != 0)
			return; /* no room */
		memset(turn, 0, sizeof *turn);
	}
	const uint8_t *verdict = turn->verdict;
	md_reach(walk, &next, MD_STEP_leader_resolve, n,
		"node %d resolves its batch and sends it, version %d to %d: A1 %s, B1 %s, A2 %s", NODE(n), turn->from,
		turn->to, md_verdict_name(verdict[0]), md_verdict_name(verdict[1]), md_verdict_name(verdict[2]));
}

void md_fetch_steps(struct md_walk *walk, const struct md_state *state, int n, int t)
{
	switch (state->node[n].turn[t].stage) {
	case MD_TURN_CLAIMED:
		load_clients(walk, state, n, t);
		break;
	case MD_TURN_LOADING:
		load_outcomes(walk, state, n, t);
		break;
	case MD_TURN_BASED_NOT:
		read_base(walk, state, n, t);
		break;
	case MD_TURN_BASED:
		resolve(walk, state, n, t);
		break;
	default:
		break;
	}
}
