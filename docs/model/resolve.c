/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.c: the verdicts of a batch, by what the leader has in memory: resolver/resolve.c and resolver/memory.c. */
#include "docs/model/step.h"

#include <string.h>

/* Memory as it will be if the batch below commits, and what this batch adds. */
struct view {
	const struct md_setup *setup;
	struct md_node node;  /* a copy, with the batch below published */
	uint8_t first_value;  /* of the first key, for preconditions */
	uint8_t written_here; /* keys that earlier winners of this batch write */
	uint8_t from;
};

void md_turns_clear(struct md_node *node)
{
	memset(node->turn, 0, sizeof node->turn);
}

void md_turns_shift(struct md_node *node)
{
	node->turn[0] = node->turn[1];
	memset(&node->turn[1], 0, sizeof node->turn[1]);
}

static void enter_window(const struct md_setup *setup, struct md_node *node, int r, uint8_t version)
{
	for (int k = 0; k < MD_KEYS; k++)
		if (md_writes(&setup->bounds, r) >> k & 1)
			node->written[k] = version;
}

void md_publish(const struct md_setup *setup, struct md_node *node, const struct md_turn *turn)
{
	for (int r = 0; r < MD_REQUESTS; r++) {
		uint8_t verdict = turn->verdict[r];
		if (!(turn->mask >> r & 1) || !md_is_decided(verdict))
			continue;
		node->outcome[r] = verdict;
		node->at[r] = verdict == MD_COMMITTED ? turn->to : 0;
		node->other[r] = turn->other >> r & 1;
		if (verdict == MD_COMMITTED || !md_with(setup, MD_WITHOUT_TRACELESS))
			enter_window(setup, node, r, turn->to);
	}
	node->newest = turn->to;
}

bool md_must_wait(const struct md_bounds *bounds, const struct md_node *node, int request)
{
	int c = md_client_of(request);
	int known = 0;
	if (bounds->limit == 0 || md_sequence_of(request) - node->low_water[c] <= bounds->limit)
		return false;
	for (int r = 0; r < MD_REQUESTS; r++)
		known += md_client_of(r) == c && node->outcome[r] != 0 && md_sequence_of(r) > node->low_water[c];
	return known >= bounds->limit;
}

/* vd_horizon_judge. */
static bool is_too_old(const struct view *view, const struct md_request *request, bool has_reads)
{
	const struct md_setup *setup = view->setup;
	const struct md_node *node = &view->node;
	if (request->version < node->jump && (has_reads || md_with(setup, MD_WITHOUT_BLIND_JUMP)))
		return true;
	if (!has_reads)
		return false;
	if (request->version > view->from)
		return true; /* future_version */
	if (request->version < node->floor && md_with(setup, MD_WITHOUT_FLOOR))
		return true;
	if (request->term == node->term || !md_with(setup, MD_WITHOUT_TERM))
		return false;
	return request->term != node->preceding || request->version != node->takeover;
}

static bool conflicts(const struct view *view, const struct md_request *request, uint8_t reads)
{
	bool has_window = md_with(view->setup, MD_WITHOUT_WINDOW);
	bool has_batch = md_with(view->setup, MD_WITHOUT_BATCH_WINDOW);
	for (int k = 0; k < MD_KEYS; k++) {
		if (!(reads >> k & 1))
			continue;
		if ((view->node.written[k] > request->version && has_window) ||
			((view->written_here >> k & 1) && has_batch))
			return true;
	}
	return false;
}

/* Duplicate, or nobody's: MD_OPEN if it is new. */
static uint8_t judge_identity(const struct view *view, int r, bool is_other)
{
	const struct md_setup *setup = view->setup;
	const struct md_node *node = &view->node;
	int c = md_client_of(r);
	if (node->generation[c] != 1) {
		if (!md_with(setup, MD_WITHOUT_UNREGISTERED))
			return MD_DENIED;
		if (md_with(setup, MD_WITHOUT_REGISTRATION_CHECK))
			return MD_DROPPED;
	}
	if (node->low_water[c] >= md_sequence_of(r) && md_with(setup, MD_WITHOUT_LOW_WATER))
		return MD_DROPPED;
	if (node->outcome[r] != 0) {
		bool is_same = node->outcome[r] == MD_CANCELLED || node->other[r] == is_other ||
					   !md_with(setup, MD_WITHOUT_DIGEST);
		return is_same ? MD_REPEATED : MD_DENIED;
	}
	return md_must_wait(&setup->bounds, node, r) ? MD_WAITING : MD_OPEN;
}

static uint8_t judge(struct view *view, const struct md_state *state, const struct md_turn *turn, int r)
{
	const struct md_bounds *bounds = &view->setup->bounds;
	bool is_other = turn->other >> r & 1;
	uint8_t verdict = judge_identity(view, r, is_other);
	uint8_t reads = md_reads(bounds, r);
	if (verdict != MD_OPEN)
		return verdict;
	if (turn->refused >> r & 1)
		verdict = MD_REJECTED;
	else if (is_too_old(view, &state->request[r], reads != 0))
		verdict = MD_TOO_OLD;
	else if (conflicts(view, &state->request[r], reads))
		verdict = MD_CONFLICT;
	else if (md_demands_absence(bounds, r) && view->first_value != 0)
		verdict = MD_REJECTED;
	else
		verdict = MD_COMMITTED;
	if (verdict == MD_COMMITTED || !md_with(view->setup, MD_WITHOUT_TRACELESS)) {
		view->written_here |= md_writes(bounds, r);
		if (md_writes(bounds, r) & 1)
			view->first_value = md_writer(r, is_other);
	}
	return verdict;
}

static int free_pipeline(const struct md_state *state)
{
	for (int p = 0; p < MD_PIPELINES; p++)
		if (state->pipeline[p].stage == 0)
			return p;
	return -1;
}

static void send(const struct md_state *state, struct md_turn *turn, struct md_pipeline *pipeline, int n)
{
	*pipeline = (struct md_pipeline){ .stage = MD_SENT,
		.node = (uint8_t)(n + 1),
		.term = state->node[n].term,
		.from = turn->from,
		.to = turn->to,
		.mask = turn->mask,
		.other = turn->other,
		.descends = turn->descends,
		.is_synchronous = state->node[n].is_synchronous };
	memcpy(pipeline->verdict, turn->verdict, sizeof pipeline->verdict);
	memcpy(pipeline->low_water, state->node[n].low_water, sizeof pipeline->low_water);
}

/* A client without a registration is not remembered. */
static void let_go(struct md_node *node)
{
	for (int c = 0; c < MD_CLIENTS; c++)
		if (node->client[c] == MD_KNOWN && node->generation[c] != 1)
			node->client[c] = node->generation[c] = 0;
}

bool md_resolve(const struct md_setup *setup, struct md_state *state, int n, int t)
{
	struct md_node *node = &state->node[n];
	struct md_turn *turn = &node->turn[t];
	int p = free_pipeline(state);
	if (p < 0 || (setup->bounds.batches > 0 && state->batches == 0))
		return false;
	struct view view = { .setup = setup, .node = *node, .first_value = turn->base };
	if (t > 0 && md_with(setup, MD_WITHOUT_STAGE))
		md_publish(setup, &view.node, &node->turn[0]);
	view.from = t > 0 ? node->turn[0].to : node->newest;
	int order[MD_REQUESTS];
	int count = md_in_order(turn->mask, turn->descends, order);
	for (int i = 0; i < count; i++) {
		int r = order[i];
		turn->verdict[r] = judge(&view, state, turn, r);
		if (turn->verdict[r] == MD_WAITING) {
			turn->verdict[r] = 0;
			turn->mask &= (uint8_t) ~(1 << r);
		} else if (md_is_decided(turn->verdict[r])) {
			view.node.outcome[r] = turn->verdict[r]; /* so that the limit counts it */
		}
	}
	if (turn->mask == 0)
		return false;
	turn->from = view.from;
	turn->to =
		(uint8_t)(1 + (node->sent > view.from && md_with(setup, MD_WITHOUT_SENT_VERSIONS) ? node->sent
																						  : view.from));
	turn->base = 0;
	if (node->sent < turn->to)
		node->sent = turn->to;
	turn->stage = MD_TURN_SENT;
	turn->pipeline = (uint8_t)(p + 1);
	send(state, turn, &state->pipeline[p], n);
	let_go(node);
	if (setup->bounds.batches > 0)
		state->batches--;
	return true;
}
