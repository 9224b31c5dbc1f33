/* SPDX-License-Identifier: Apache-2.0 */
/* invariants.c: what must hold: in every state, when a verdict is told, and when a batch is applied. */
#include "docs/model/step.h"

const struct md_invariant_text md_invariant_texts[MD_INVARIANT_COUNT] = { { "", "" },
#define MD_TEXT(id, name, what) { name, what },
	MD_INVARIANTS(MD_TEXT)
#undef MD_TEXT
};

void md_tell(struct md_walk *walk, struct md_state *state, int r, uint8_t verdict, uint8_t at)
{
	struct md_request *request = &state->request[r];
	if (request->stage == MD_ASKED) {
		if (walk->setup->bounds.replication == MD_SWITCHED && !state->is_synchronous)
			state->unsure |= (uint8_t)(1 << r);
		request->stage = MD_TOLD;
		request->told = verdict;
		request->told_at = verdict == MD_COMMITTED ? at : 0;
		return;
	}
	/* It is not open any more, so nobody hears this. But it must not be another verdict. */
	bool is_same = request->told == verdict && request->told_at == (verdict == MD_COMMITTED ? at : 0);
	if (!is_same && request->told != MD_UNKNOWN && verdict != MD_UNKNOWN && !(state->exempt >> r & 1))
		md_break(walk, MD_ONE_VERDICT, "%s was told %s@%d, and now %s@%d", md_request_name(r),
			md_verdict_name(request->told), request->told_at, md_verdict_name(verdict), at);
}

static void check_committed(struct md_walk *walk, const struct md_state *state, int r)
{
	const struct md_database *database = &state->database;
	const struct md_request *request = &state->request[r];
	if (database->applied[r] != 1)
		md_break(walk, state->timeline > 1 ? MD_ACKNOWLEDGED_IS_DURABLE : MD_TOLD_IS_DURABLE,
			"%s was told as committed, %s", md_request_name(r),
			database->applied[r] == 0 ? "and is not in the database"
									  : "but other content is in the database");
	else if (database->outcome[r] != 0 &&
			 (database->outcome[r] != MD_COMMITTED || database->at[r] != request->told_at))
		md_break(walk, MD_TOLD_IS_DURABLE, "%s was told as committed@%d, and its durable outcome is %s@%d",
			md_request_name(r), request->told_at, md_verdict_name(database->outcome[r]), database->at[r]);
}

void md_check(struct md_walk *walk, const struct md_state *state)
{
	const struct md_database *database = &state->database;
	for (int r = 0; r < MD_REQUESTS; r++) {
		const struct md_request *request = &state->request[r];
		if (request->stage != MD_TOLD || request->told == MD_UNKNOWN)
			continue;
		if (request->told == MD_COMMITTED) {
			if (!(state->exempt >> r & 1))
				check_committed(walk, state, r);
			continue;
		}
		bool is_applied =
			database->applied[r] == 1 || (database->outcome[r] == MD_COMMITTED && !database->other[r]);
		if (is_applied)
			md_break(walk, request->told == MD_CANCELLED ? MD_CANCELLED_IS_NOT_COMMITTED : MD_TOLD_IS_DURABLE,
				"%s was told as %s, and is committed", md_request_name(r), md_verdict_name(request->told));
	}
}

/* What a request of the batch has read, or could have lost to, as it stands when its turn comes. */
static void check_reads(struct md_walk *walk, const struct md_state *state,
	const struct md_pipeline *pipeline, int r, const uint8_t value[MD_KEYS])
{
	const struct md_bounds *bounds = &walk->setup->bounds;
	bool has_changed = false;
	for (int k = 0; k < MD_KEYS; k++)
		has_changed |= (md_reads(bounds, r) >> k & 1) && state->request[r].seen[k] != value[k];
	if (pipeline->verdict[r] == MD_COMMITTED && has_changed)
		md_break(walk, MD_SERIALIZABLE, "%s commits at %d, though what it has read is not so",
			md_request_name(r), pipeline->to);
	if (pipeline->verdict[r] == MD_CONFLICT && !has_changed)
		md_break(walk, MD_CONFLICT_IS_REAL, "%s loses at %d, though all that it has read is still so",
			md_request_name(r), pipeline->to);
	if (pipeline->verdict[r] == MD_COMMITTED && md_demands_absence(bounds, r) && value[0] != 0)
		md_break(walk, MD_PRECONDITION_HOLDS, "%s commits at %d, though the key is not absent",
			md_request_name(r), pipeline->to);
}

static void check_identity(
	struct md_walk *walk, const struct md_state *state, const struct md_pipeline *pipeline, int r)
{
	int c = md_client_of(r);
	if (pipeline->verdict[r] == MD_COMMITTED && state->database.applied[r] != 0)
		md_break(walk, MD_APPLIED_ONCE, "%s is applied a second time", md_request_name(r));
	if (pipeline->verdict[r] == MD_COMMITTED && state->database.generation[c] != 1)
		md_break(walk, MD_ONLY_REGISTERED, "%s is applied though its client is not registered",
			md_request_name(r));
	if (state->database.generation[c] == 1 && state->database.low_water[c] >= md_sequence_of(r))
		md_break(walk, MD_DECIDED_ONCE, "%s is decided anew, after its verdict was acknowledged",
			md_request_name(r));
}

void md_check_apply(struct md_walk *walk, const struct md_state *state, const struct md_pipeline *pipeline)
{
	const struct md_setup *setup = walk->setup;
	uint8_t value[MD_KEYS];
	int order[MD_REQUESTS];
	int count = md_in_order(pipeline->mask, pipeline->descends, order);
	int winners = 0;
	for (int k = 0; k < MD_KEYS; k++)
		value[k] = state->database.value[k];
	for (int i = 0; i < count; i++) {
		int r = order[i];
		if (!md_is_decided(pipeline->verdict[r]))
			continue;
		check_identity(walk, state, pipeline, r);
		check_reads(walk, state, pipeline, r, value);
		if (pipeline->verdict[r] != MD_COMMITTED)
			continue;
		winners++;
		for (int k = 0; k < MD_KEYS; k++)
			if (md_writes(&setup->bounds, r) >> k & 1)
				value[k] = md_writer(r, pipeline->other >> r & 1);
	}
	bool is_used = setup->bounds.batches > 0 && (state->used[pipeline->to / 8 % 8] >> pipeline->to % 8 & 1);
	if (winners > 0 && is_used)
		md_break(walk, MD_STAMPS_ARE_UNIQUE, "version %d stamps the commits of two batches", pipeline->to);
	if (winners > 1 && !md_with(setup, MD_WITHOUT_ORDER))
		md_break(walk, MD_STAMPS_ARE_UNIQUE, "two commits of version %d have the order 0", pipeline->to);
	if (pipeline->to <= state->database.version)
		md_break(walk, MD_VERSIONS_GROW, "version %d comes after version %d", pipeline->to,
			state->database.version);
}
