/* SPDX-License-Identifier: Apache-2.0 */
/* state.c: the normal form of a state, and its packed form. */
#include "docs/model/state.h"

#include <string.h>

const char *md_request_name(int request)
{
	static const char *const names[MD_REQUESTS] = { "A1", "B1", "A2" };
	return names[request];
}

const char *md_verdict_name(uint8_t verdict)
{
	static const char *const names[] = { "-", "committed", "conflict", "too_old", "rejected", "cancelled",
		"repeated", "denied", "dropped", "waiting", "unknown" };
	return names[verdict];
}

/* ---- every version and every term of a state, in a fixed order ---------------------------------------------- */

struct numbers {
	uint8_t *at[128];
	int count;
};

static void add(struct numbers *numbers, uint8_t *number)
{
	if (*number != 0)
		numbers->at[numbers->count++] = number;
}

static void database_versions(struct md_database *database, struct numbers *to)
{
	add(to, &database->version);
	add(to, &database->jump);
	for (int r = 0; r < MD_REQUESTS; r++)
		add(to, &database->at[r]);
}

static void node_versions(struct md_node *node, struct numbers *to)
{
	uint8_t *const some[] = { &node->takeover, &node->jump, &node->newest, &node->floor, &node->sent };
	for (size_t i = 0; i < sizeof some / sizeof *some; i++)
		add(to, some[i]);
	for (int k = 0; k < MD_KEYS; k++)
		add(to, &node->written[k]);
	for (int r = 0; r < MD_REQUESTS; r++)
		add(to, &node->at[r]);
	for (int i = 0; i < MD_TURNS; i++) {
		add(to, &node->turn[i].from);
		add(to, &node->turn[i].to);
	}
}

static void versions_of(struct md_state *state, struct numbers *to)
{
	to->count = 0;
	database_versions(&state->database, to);
	database_versions(&state->standby, to);
	for (int i = 0; i < MD_NODES; i++)
		node_versions(&state->node[i], to);
	for (int i = 0; i < MD_PIPELINES; i++) {
		add(to, &state->pipeline[i].from);
		add(to, &state->pipeline[i].to);
	}
	for (int r = 0; r < MD_REQUESTS; r++) {
		add(to, &state->request[r].version);
		add(to, &state->request[r].told_at);
	}
}

static void terms_of(struct md_state *state, struct numbers *to)
{
	to->count = 0;
	add(to, &state->database.term);
	add(to, &state->standby.term);
	for (int i = 0; i < MD_NODES; i++) {
		add(to, &state->node[i].term);
		add(to, &state->node[i].preceding);
	}
	for (int r = 0; r < MD_REQUESTS; r++)
		add(to, &state->request[r].term);
	for (int i = 0; i < MD_PIPELINES; i++)
		add(to, &state->pipeline[i].term);
}

uint8_t md_state_top(const struct md_state *state)
{
	struct numbers versions;
	uint8_t top = 0;
	versions_of((struct md_state *)state, &versions);
	for (int i = 0; i < versions.count; i++)
		if (*versions.at[i] > top)
			top = *versions.at[i];
	return top;
}

uint8_t md_state_fresh_term(const struct md_state *state)
{
	struct numbers terms;
	uint8_t term = 1;
	terms_of((struct md_state *)state, &terms);
	for (int i = 0; i < terms.count; i++)
		if (*terms.at[i] == term) {
			term++;
			i = -1;
		}
	return term;
}

/* To 1, 2, 3… in the order that they have. */
static void rename_versions(struct md_state *state)
{
	struct numbers versions;
	bool is_there[256] = { false };
	uint8_t name[256];
	uint8_t next = 0;
	versions_of(state, &versions);
	for (int i = 0; i < versions.count; i++)
		is_there[*versions.at[i]] = true;
	for (int i = 0; i < 256; i++)
		if (is_there[i])
			name[i] = ++next;
	for (int i = 0; i < versions.count; i++)
		*versions.at[i] = name[*versions.at[i]];
}

/* To 1, 2, 3… in the order in which they are met. */
static void rename_terms(struct md_state *state)
{
	struct numbers terms;
	uint8_t name[256] = { 0 };
	uint8_t next = 0;
	terms_of(state, &terms);
	for (int i = 0; i < terms.count; i++) {
		if (name[*terms.at[i]] == 0)
			name[*terms.at[i]] = ++next;
		*terms.at[i] = name[*terms.at[i]];
	}
}

/* ---- what nobody will look at ------------------------------------------------------------------------------- */

/* Nothing in the world can bring this request to a leader any more. */
static bool is_nowhere(const struct md_state *state, int r)
{
	if (state->queue[r] != 0 || state->request[r].copies > 0 || state->request[r].twins > 0)
		return false;
	for (int i = 0; i < MD_PIPELINES; i++)
		if (state->pipeline[i].stage != 0 && (state->pipeline[i].mask >> r & 1))
			return false;
	for (int i = 0; i < MD_NODES * MD_TURNS; i++)
		if (state->node[i / MD_TURNS].turn[i % MD_TURNS].mask >> r & 1)
			return false;
	return true;
}

static void forget_dead(struct md_state *state)
{
	for (int r = 0; r < MD_REQUESTS; r++) {
		struct md_request *request = &state->request[r];
		if (request->stage == MD_TOLD && is_nowhere(state, r)) {
			request->term = request->version = 0;
			memset(request->seen, 0, sizeof request->seen);
		}
	}
}

static void sort_pipelines(struct md_state *state)
{
	uint8_t order[MD_PIPELINES];
	struct md_pipeline sorted[MD_PIPELINES];
	for (int i = 0; i < MD_PIPELINES; i++) {
		int at = i;
		for (; at > 0; at--) {
			const struct md_pipeline *before = &state->pipeline[order[at - 1]];
			if (memcmp(before, &state->pipeline[i], sizeof *before) >= 0)
				break;
			order[at] = order[at - 1];
		}
		order[at] = (uint8_t)i;
	}
	uint8_t place[MD_PIPELINES + 1] = { 0 };
	for (int i = 0; i < MD_PIPELINES; i++) {
		sorted[i] = state->pipeline[order[i]];
		place[order[i] + 1] = (uint8_t)(i + 1);
	}
	memcpy(state->pipeline, sorted, sizeof sorted);
	for (int i = 0; i < MD_NODES * MD_TURNS; i++) {
		struct md_turn *turn = &state->node[i / MD_TURNS].turn[i % MD_TURNS];
		turn->pipeline = place[turn->pipeline];
	}
}

void md_state_normalize(struct md_state *state, bool renames_versions)
{
	forget_dead(state);
	if (renames_versions)
		rename_versions(state);
	rename_terms(state);
	sort_pipelines(state);
}

/* ---- packed ------------------------------------------------------------------------------------------------- */

enum { BITMAP = (sizeof(struct md_state) + 7) / 8 };

size_t md_state_pack(const struct md_state *state, uint8_t *bytes)
{
	const uint8_t *from = (const uint8_t *)state;
	uint8_t *to = bytes + BITMAP;
	memset(bytes, 0, BITMAP);
	for (size_t i = 0; i < sizeof *state; i++)
		if (from[i] != 0) {
			bytes[i / 8] |= (uint8_t)(1 << i % 8);
			*to++ = from[i];
		}
	return (size_t)(to - bytes);
}

void md_state_unpack(struct md_state *state, const uint8_t *bytes)
{
	uint8_t *to = (uint8_t *)state;
	const uint8_t *from = bytes + BITMAP;
	memset(state, 0, sizeof *state);
	for (size_t i = 0; i < sizeof *state; i++)
		if (bytes[i / 8] >> i % 8 & 1)
			to[i] = *from++;
}
