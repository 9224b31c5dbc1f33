/* SPDX-License-Identifier: Apache-2.0 */
/* leader.c: how a leader's batches end, and what else it does: resolver/turn.c, resolver/mend.c, resolver/memory.c. */
#include "docs/model/step.h"

#include <string.h>

#define NODE(n) ((n) + 1) /* as it is said */

static struct md_pipeline *pipeline_of(struct md_state *state, const struct md_turn *turn)
{
	return &state->pipeline[turn->pipeline - 1];
}

/* ---- publish ------------------------------------------------------------------------------------------------ */

static void reply(
	struct md_walk *walk, struct md_state *state, const struct md_turn *turn, const struct md_node *node)
{
	for (int r = 0; r < MD_REQUESTS; r++) {
		uint8_t verdict = turn->verdict[r];
		if (!(turn->mask >> r & 1) || (turn->other >> r & 1))
			continue; /* the token of other content is not this one's */
		if (verdict == MD_REPEATED)
			md_tell(walk, state, r, node->outcome[r], node->at[r]);
		else if (verdict == MD_DENIED)
			md_tell(walk, state, r, MD_REJECTED, 0);
		else if (md_is_decided(verdict))
			md_tell(walk, state, r, verdict, verdict == MD_COMMITTED ? turn->to : 0);
	}
}

static void publish(struct md_walk *walk, const struct md_state *state, int n)
{
	struct md_state next = *state;
	struct md_node *node = &next.node[n];
	struct md_turn turn = node->turn[0];
	bool is_clean = pipeline_of(&next, &turn)->stage == MD_APPLIED;
	bool has_replied =
		walk->setup->bounds.replication == MD_SWITCHED && !pipeline_of(&next, &turn)->is_synchronous;
	memset(pipeline_of(&next, &turn), 0, sizeof(struct md_pipeline));
	md_publish(walk->setup, node, &turn);
	md_turns_shift(node);
	struct md_state told = next;
	md_reach(walk, &next, MD_STEP_leader_publish, n, "node %d learns that version %d is committed; %s",
		NODE(n), turn.to,
		has_replied ? "the replies were behind COMMIT"
		: is_clean  ? "the replies are lost"
					: "it was warned, and tells nobody");
	if (!is_clean || has_replied)
		return;
	reply(walk, &told, &turn, &told.node[n]);
	md_reach(walk, &told, MD_STEP_leader_publish, n,
		"node %d learns that version %d is committed; the replies arrive", NODE(n), turn.to);
}

/* ---- what was refused for a reason that PostgreSQL told ----------------------------------------------------- */

static void forget_clients(struct md_node *node, uint8_t mask)
{
	for (int c = 0; c < MD_CLIENTS; c++) {
		bool is_in = false;
		for (int r = 0; r < MD_REQUESTS; r++)
			is_in |= (mask >> r & 1) && md_client_of(r) == c;
		if (!is_in)
			continue;
		node->client[c] = node->generation[c] = 0;
		for (int r = 0; r < MD_REQUESTS; r++)
			if (md_client_of(r) == c)
				node->outcome[r] = node->at[r] = node->other[r] = 0;
	}
}

static void isolate(struct md_turn *turn)
{
	int order[MD_REQUESTS];
	int count = md_in_order(turn->mask, turn->descends, order);
	if (count == 1)
		turn->refused = turn->mask;
	for (int i = (count + 1) / 2; i < count; i++)
		turn->mask &= (uint8_t) ~(1 << order[i]);
	turn->other &= turn->mask;
}

/* The one behind it goes back to the queue, and the batch is resolved again where it is. */
static void mend(struct md_walk *walk, const struct md_state *state, int n)
{
	struct md_state next = *state;
	struct md_node *node = &next.node[n];
	struct md_turn *turn = &node->turn[0];
	uint8_t end = pipeline_of(&next, turn)->stage;
	for (int t = 0; t < MD_TURNS; t++)
		if (node->turn[t].pipeline != 0)
			memset(pipeline_of(&next, &node->turn[t]), 0, sizeof(struct md_pipeline));
	memset(&node->turn[1], 0, sizeof node->turn[1]);
	memset(turn->verdict, 0, sizeof turn->verdict);
	turn->from = turn->to = turn->pipeline = 0;
	turn->stage = MD_TURN_CLAIMED;
	if (end == MD_STANDBYS)
		node->is_synchronous = !node->is_synchronous;
	if (end == MD_REFUSED && md_with(walk->setup, MD_WITHOUT_REFRESH))
		forget_clients(node, turn->mask);
	if (end == MD_CONTENT && md_with(walk->setup, MD_WITHOUT_ISOLATION))
		isolate(turn);
	md_reach(walk, &next, MD_STEP_leader_mend, n, "node %d discards the batch and resolves it again%s",
		NODE(n),
		end == MD_CONTENT    ? ", halved or alone"
		: end == MD_STANDBYS ? ", with the standbys as they are"
							 : "");
}

static void learn_end(struct md_walk *walk, const struct md_state *state, int n)
{
	const struct md_turn *turn = &state->node[n].turn[0];
	if (turn->stage != MD_TURN_SENT)
		return;
	switch (state->pipeline[turn->pipeline - 1].stage) {
	case MD_APPLIED:
	case MD_APPLIED_WARNED:
		publish(walk, state, n);
		break;
	case MD_REFUSED:
	case MD_STANDBYS:
	case MD_CONTENT:
		mend(walk, state, n);
		break;
	case MD_FENCED: {
		struct md_state next = *state;
		md_abandon(&next, n);
		next.node[n].office = MD_SETTLING;
		md_reach(walk, &next, MD_STEP_leader_hold, n,
			"node %d learns that version %d was fenced: it will settle", NODE(n), turn->to);
		break;
	}
	default:
		break;
	}
}

/* ---- what else a leader does -------------------------------------------------------------------------------- */

static void raise_floor(struct md_walk *walk, const struct md_state *state, int n)
{
	struct md_state next = *state;
	struct md_node *node = &next.node[n];
	if (!walk->setup->bounds.raises_floor || node->floor == node->newest)
		return;
	node->floor = node->newest;
	memset(node->written, 0, sizeof node->written);
	md_reach(
		walk, &next, MD_STEP_leader_raise_floor, n, "node %d raises its floor to %d", NODE(n), node->floor);
}

static void read_waiting(struct md_walk *walk, const struct md_state *state, int n)
{
	for (int c = 0; c < MD_CLIENTS; c++) {
		const struct md_node *node = &state->node[n];
		if (node->client[c] != MD_KNOWN || node->low_water[c] >= state->database.low_water[c] ||
			state->database.generation[c] != node->generation[c])
			continue;
		struct md_state next = *state;
		next.node[n].low_water[c] = state->database.low_water[c];
		md_reach(walk, &next, MD_STEP_leader_read_waiting, n, "node %d reads that client %c has acknowledged",
			NODE(n), 'A' + c);
	}
}

void md_leader_steps(struct md_walk *walk, const struct md_state *state)
{
	for (int n = 0; n < MD_NODES; n++) {
		if (state->node[n].office != MD_LEADING)
			continue;
		md_claim_steps(walk, state, n);
		for (int t = 0; t < MD_TURNS; t++)
			md_fetch_steps(walk, state, n, t);
		learn_end(walk, state, n);
		raise_floor(walk, state, n);
		if (walk->setup->bounds.limit > 0)
			read_waiting(walk, state, n);
	}
}
