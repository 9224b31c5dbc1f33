/* SPDX-License-Identifier: Apache-2.0 */
/* step.c: what all steps share: locks, durability, and how a step is said. */
#include "docs/model/step.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct md_step_text md_step_texts[MD_STEP_COUNT] = {
#define MD_TEXT(name, nature, where) { #name, nature, where },
	MD_STEPS(MD_TEXT)
#undef MD_TEXT
};

void md_reach(
	struct md_walk *walk, struct md_state *next, enum md_step step, int subject, const char *format, ...)
{
	walk->step = step;
	walk->subject = subject;
	if (walk->is_told) {
		va_list arguments;
		va_start(arguments, format);
		vsnprintf(walk->text, sizeof walk->text, format, arguments);
		va_end(arguments);
	}
	walk->reached(walk, next);
	walk->breach = MD_HOLDS;
}

void md_break(struct md_walk *walk, enum md_invariant breach, const char *format, ...)
{
	if (walk->breach != MD_HOLDS || (walk->setup->only != MD_HOLDS && walk->setup->only != breach))
		return;
	walk->breach = breach;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(walk->breach_text, sizeof walk->breach_text, format, arguments);
	va_end(arguments);
}

void md_walk_all(struct md_walk *walk, const struct md_state *state)
{
	md_follower_steps(walk, state);
	md_cancel_steps(walk, state);
	md_reader_steps(walk, state);
	md_pipeline_steps(walk, state);
	md_leader_steps(walk, state);
	md_office_steps(walk, state);
	md_fault_steps(walk, state);
}

void md_begin(struct md_state *state, const struct md_bounds *bounds)
{
	memset(state, 0, sizeof *state);
	state->database.term = state->database.version = state->database.timeline = state->timeline = 1;
	for (int c = 0; c < MD_CLIENTS; c++)
		state->database.generation[c] = 1;
	struct md_node *node = &state->node[0];
	node->office = MD_LEADING;
	node->term = node->takeover = node->newest = node->floor = node->sent = node->timeline = 1;
	state->crashes = bounds->crashes;
	state->promotions = bounds->promotions;
	state->cuts = bounds->cuts;
	state->deaths = bounds->deaths;
	state->leases = bounds->leases;
	state->doubts = bounds->doubts;
	state->purges = bounds->purges;
	state->returns = bounds->returns;
	state->twins = bounds->twins;
	state->batches = bounds->batches;
	state->switches = bounds->switches;
	state->is_synchronous = node->is_synchronous = bounds->replication == MD_SYNCHRONOUS;
	if (bounds->replication != MD_ALONE && bounds->promotions > 0)
		state->standby = state->database;
}

/* ---- locks -------------------------------------------------------------------------------------------------- */

static bool is_open(const struct md_pipeline *pipeline)
{
	return pipeline->stage == MD_PAST_FENCE || pipeline->stage == MD_CHECKED;
}

bool md_watermark_is_taken(const struct md_state *state)
{
	for (int i = 0; i < MD_PIPELINES; i++)
		if (is_open(&state->pipeline[i]))
			return true;
	return false;
}

bool md_watermark_is_shared(const struct md_state *state)
{
	for (int r = 0; r < MD_REQUESTS; r++)
		if (state->request[r].cancel >= MD_CANCEL_SHARES_NO_ROW)
			return true;
	return false;
}

bool md_row_is_locked(const struct md_state *state, int request)
{
	uint8_t cancel = state->request[request].cancel;
	if (cancel == MD_CANCEL_ROW || cancel == MD_CANCEL_SHARES_ROW)
		return true;
	for (int i = 0; i < MD_PIPELINES; i++)
		if (is_open(&state->pipeline[i]) && (state->pipeline[i].mask >> request & 1))
			return true;
	return false;
}

/* ---- durability --------------------------------------------------------------------------------------------- */

int md_endings(const struct md_setup *setup, const struct md_state *state, const struct md_database *database,
	struct md_ending endings[2])
{
	for (int i = 0; i < 2; i++) {
		endings[i].state = *state;
		endings[i].state.database = *database;
		endings[i].is_warned = false;
	}
	if (setup->bounds.replication == MD_ALONE || state->promotions == 0)
		return 1;
	if (state->is_synchronous) {
		endings[0].state.standby = *database;
		endings[0].state.lags = 0;
		endings[1].state.lags = 1;
		endings[1].is_warned = true;
		return 2;
	}
	return md_local_ending(setup, state, database, endings);
}

int md_local_ending(const struct md_setup *setup, const struct md_state *state,
	const struct md_database *database, struct md_ending endings[2])
{
	for (int i = 0; i < 2; i++) {
		endings[i].state = *state;
		endings[i].state.database = *database;
		endings[i].is_warned = false;
	}
	if (setup->bounds.replication == MD_ALONE || state->promotions == 0)
		return 1;
	endings[1].state.lags = 1;                  /* is further behind */
	endings[0].state.standby = state->database; /* it had all before */
	endings[0].state.lags = 1;
	return state->lags ? 2 : 1;
}

void md_replicate(struct md_state *state)
{
	if (!state->is_synchronous || state->promotions == 0)
		return;
	state->standby = state->database;
	state->lags = 0;
}

void md_database_forget(struct md_database *database, int request)
{
	database->outcome[request] = database->at[request] = database->other[request] = 0;
}

void md_database_acknowledge(struct md_database *database, int client, uint8_t low_water)
{
	if (database->low_water[client] < low_water)
		database->low_water[client] = low_water;
	for (int r = 0; r < MD_REQUESTS; r++)
		if (md_client_of(r) == client && md_sequence_of(r) <= low_water)
			md_database_forget(database, r);
}

/* ---- requests ----------------------------------------------------------------------------------------------- */

uint8_t md_reads(const struct md_bounds *bounds, int request)
{
	if ((bounds->blind | bounds->put_if_absent) >> request & 1)
		return 0;
	return bounds->ranged >> request & 1 ? 3 : bounds->apart >> request & 1 ? 2 : 1;
}

uint8_t md_writes(const struct md_bounds *bounds, int request)
{
	return (bounds->ranged | bounds->apart) >> request & 1 ? 2 : 1;
}

int md_in_order(uint8_t mask, bool descends, int requests[MD_REQUESTS])
{
	int count = 0;
	for (int i = 0; i < MD_REQUESTS; i++) {
		int r = descends ? MD_REQUESTS - 1 - i : i;
		if (mask >> r & 1)
			requests[count++] = r;
	}
	return count;
}

bool md_is_decided(uint8_t verdict)
{
	return verdict == MD_COMMITTED || verdict == MD_CONFLICT || verdict == MD_TOO_OLD ||
		   verdict == MD_REJECTED;
}

uint8_t md_told_prefix(const struct md_setup *setup, const struct md_state *state, int client)
{
	uint8_t prefix = 0;
	for (int r = 0; r < MD_REQUESTS; r++)
		if (md_client_of(r) == client && (setup->bounds.requests >> r & 1)) {
			if (state->request[r].stage != MD_TOLD || state->request[r].told == MD_UNKNOWN)
				break;
			prefix = md_sequence_of(r);
		}
	return prefix;
}
