/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline.c: a batch's transaction as PostgreSQL runs it: resolver/apply.c and fence() of the migration.
 *
 * Two steps: the fence with the first look behind it; the second look with the writes and COMMIT. Between the other statements
 * nothing can happen that matters: who waits for the watermark waits from the fence to COMMIT, and an acknowledgement, which
 * does not wait, might as well have come before or after. Where the bounds say slow_apply, the second look is a step of its own.
 */
#include "docs/model/step.h"

#include <string.h>

static bool finds_tombstone(
	const struct md_setup *setup, const struct md_state *state, const struct md_pipeline *pipeline)
{
	for (int r = 0; r < MD_REQUESTS; r++)
		if (md_is_decided(pipeline->verdict[r]) && state->database.outcome[r] == MD_CANCELLED &&
			md_with(setup, MD_WITHOUT_TOMBSTONE_CHECK))
			return true;
	return false;
}

static bool finds_told_or_gone(
	const struct md_setup *setup, const struct md_state *state, const struct md_pipeline *pipeline)
{
	for (int r = 0; r < MD_REQUESTS; r++) {
		int c = md_client_of(r);
		if (!md_is_decided(pipeline->verdict[r]))
			continue;
		if (state->database.generation[c] != 1 && md_with(setup, MD_WITHOUT_REGISTRATION_CHECK))
			return true;
		if (state->database.low_water[c] >= md_sequence_of(r) && md_with(setup, MD_WITHOUT_LOW_WATER_CHECK))
			return true;
	}
	return false;
}

static bool passes_fence(
	const struct md_setup *setup, const struct md_state *state, const struct md_pipeline *pipeline)
{
	const struct md_database *database = &state->database;
	if (!md_with(setup, MD_WITHOUT_FENCE))
		return true;
	if (database->term != pipeline->term)
		return false;
	return database->version == pipeline->from || !md_with(setup, MD_WITHOUT_FENCE_VERSION);
}

/* Nobody hears the answer: then there is none. */
static void end_with(struct md_state *state, int p, uint8_t stage)
{
	if (state->pipeline[p].node == 0)
		memset(&state->pipeline[p], 0, sizeof state->pipeline[p]);
	else
		state->pipeline[p].stage = stage;
}

/* Terms have no names that last. */
static const char *age_of(const struct md_state *state, const struct md_pipeline *pipeline)
{
	return pipeline->term == state->database.term ? "" : " of an older term";
}

static enum md_step step_of(const struct md_pipeline *pipeline, enum md_step step)
{
	return pipeline->node == 0 ? MD_STEP_stalled_backend : step;
}

/* DELETE of the queue rows, the watermark's move, and the first look. */
static void fence(struct md_walk *walk, const struct md_state *state, int p)
{
	const struct md_setup *setup = walk->setup;
	const struct md_pipeline *pipeline = &state->pipeline[p];
	if (pipeline->stage != MD_SENT || md_watermark_is_taken(state) ||
		(md_watermark_is_shared(state) && md_with(setup, MD_WITHOUT_SHARE)))
		return;
	for (int r = 0; r < MD_REQUESTS; r++)
		if ((pipeline->mask >> r & 1) && md_row_is_locked(state, r))
			return;
	struct md_state next = *state;
	bool looks_right = md_with(setup, MD_WITHOUT_CHECK_ORDER);
	const char *how = "passes its fence";
	if (!passes_fence(setup, state, pipeline)) {
		how = "does not pass its fence";
		end_with(&next, p, MD_FENCED);
	} else if (pipeline->is_synchronous != state->is_synchronous) {
		how = "finds that the synchronous standbys were switched";
		end_with(&next, p, MD_STANDBYS);
	} else if (looks_right ? finds_tombstone(setup, state, pipeline)
						   : finds_told_or_gone(setup, state, pipeline)) {
		how = looks_right ? "finds a tombstone behind its fence"
						  : "finds what was told, or a client that is gone, behind its fence";
		end_with(&next, p, MD_REFUSED);
	} else {
		next.pipeline[p].stage = MD_PAST_FENCE;
	}
	md_reach(walk, &next, step_of(pipeline, MD_STEP_apply_fence), 0, "the %sbatch%s, version %d to %d, %s",
		pipeline->node == 0 ? "stalled " : "", age_of(state, pipeline), pipeline->from, pipeline->to, how);
}

static void write(
	const struct md_setup *setup, const struct md_pipeline *pipeline, struct md_database *database)
{
	int order[MD_REQUESTS];
	int count = md_in_order(pipeline->mask, pipeline->descends, order);
	database->version = pipeline->to;
	for (int i = 0; i < count; i++) {
		int r = order[i];
		bool is_other = pipeline->other >> r & 1;
		if (!md_is_decided(pipeline->verdict[r]))
			continue;
		if (pipeline->verdict[r] == MD_COMMITTED) {
			database->applied[r] = is_other ? 2 : 1;
			for (int k = 0; k < MD_KEYS; k++)
				if (md_writes(&setup->bounds, r) >> k & 1)
					database->value[k] = md_writer(r, is_other);
		}
		if (pipeline->verdict[r] == MD_COMMITTED && !md_with(setup, MD_WITHOUT_OUTCOME))
			continue;
		database->outcome[r] = pipeline->verdict[r];
		database->at[r] = pipeline->verdict[r] == MD_COMMITTED ? pipeline->to : 0;
		database->other[r] = is_other;
	}
	for (int c = 0; c < MD_CLIENTS; c++)
		if (database->generation[c] == 1 && pipeline->low_water[c] > 0)
			md_database_acknowledge(database, c, pipeline->low_water[c]);
}

static bool is_poisoned(const struct md_setup *setup, const struct md_pipeline *pipeline)
{
	for (int r = 0; r < MD_REQUESTS; r++)
		if (pipeline->verdict[r] == MD_COMMITTED && (setup->bounds.poison >> r & 1))
			return true;
	return false;
}

static bool has_winner(const struct md_pipeline *pipeline)
{
	for (int r = 0; r < MD_REQUESTS; r++)
		if (pipeline->verdict[r] == MD_COMMITTED)
			return true;
	return false;
}

/* Without standbys the replies are behind COMMIT already. */
static void reply_early(struct md_walk *walk, struct md_state *next, const struct md_pipeline *pipeline)
{
	for (int r = 0; r < MD_REQUESTS; r++)
		if (md_is_decided(pipeline->verdict[r]) && !(pipeline->other >> r & 1))
			md_tell(
				walk, next, r, pipeline->verdict[r], pipeline->verdict[r] == MD_COMMITTED ? pipeline->to : 0);
}

static void land(struct md_walk *walk, struct md_ending *ending, int p, const struct md_pipeline *pipeline)
{
	const struct md_setup *setup = walk->setup;
	struct md_state *next = &ending->state;
	for (int r = 0; r < MD_REQUESTS; r++)
		if (pipeline->mask >> r & 1)
			next->queue[r] = 0;
	if (setup->bounds.batches > 0 && has_winner(pipeline))
		next->used[pipeline->to / 8 % 8] |= (uint8_t)(1 << pipeline->to % 8);
	end_with(next, p, ending->is_warned ? MD_APPLIED_WARNED : MD_APPLIED);
	bool replies = setup->bounds.replication == MD_SWITCHED && !pipeline->is_synchronous &&
				   (!next->is_synchronous || !md_with(setup, MD_WITHOUT_SYNC_STILL_NONE));
	if (replies) {
		struct md_state told = *next;
		reply_early(walk, &told, pipeline);
		md_reach(walk, &told, step_of(pipeline, MD_STEP_apply_commit), 0,
			"the batch, version %d to %d, commits, and its replies arrive", pipeline->from, pipeline->to);
	}
	if (!md_with(setup, MD_WITHOUT_SYNC_REPLY))
		reply_early(walk, next, pipeline);
	md_reach(walk, next, step_of(pipeline, MD_STEP_apply_commit), 0,
		"the %sbatch, version %d to %d, commits: A1 %s, B1 %s, A2 %s%s",
		pipeline->node == 0 ? "stalled " : "", pipeline->from, pipeline->to,
		md_verdict_name(pipeline->verdict[0]), md_verdict_name(pipeline->verdict[1]),
		md_verdict_name(pipeline->verdict[2]),
		ending->is_warned ? " (not replicated: the wait was broken off)" : "");
}

/* The second look. */
static bool is_taken(struct md_walk *walk, const struct md_state *state, int p, enum md_step step)
{
	const struct md_setup *setup = walk->setup;
	const struct md_pipeline *pipeline = &state->pipeline[p];
	bool looks_right = md_with(setup, MD_WITHOUT_CHECK_ORDER);
	bool is_refused =
		looks_right ? finds_told_or_gone(setup, state, pipeline) : finds_tombstone(setup, state, pipeline);
	if (!is_refused && !is_poisoned(setup, pipeline))
		return true;
	struct md_state next = *state;
	end_with(&next, p, is_refused ? MD_REFUSED : MD_CONTENT);
	md_reach(walk, &next, step_of(pipeline, step), 0, "the batch, version %d to %d, %s", pipeline->from,
		pipeline->to,
		is_refused ? "is refused behind its fence" : "has content that PostgreSQL does not take");
	return false;
}

static void check(struct md_walk *walk, const struct md_state *state, int p)
{
	if (!is_taken(walk, state, p, MD_STEP_apply_check))
		return;
	struct md_state next = *state;
	next.pipeline[p].stage = MD_CHECKED;
	md_reach(walk, &next, step_of(&state->pipeline[p], MD_STEP_apply_check), 0,
		"the batch finds nothing behind its fence");
}

/* The writes, and COMMIT. */
static void commit(struct md_walk *walk, const struct md_state *state, int p)
{
	const struct md_setup *setup = walk->setup;
	const struct md_pipeline *pipeline = &state->pipeline[p];
	if (pipeline->stage == MD_PAST_FENCE && !is_taken(walk, state, p, MD_STEP_apply_commit))
		return;
	struct md_database database = state->database;
	struct md_ending endings[2];
	write(setup, pipeline, &database);
	int count = pipeline->is_synchronous ? md_endings(setup, state, &database, endings)
										 : md_local_ending(setup, state, &database, endings);
	for (int i = 0; i < count; i++) {
		md_check_apply(walk, state, pipeline);
		land(walk, &endings[i], p, pipeline);
	}
}

void md_pipeline_steps(struct md_walk *walk, const struct md_state *state)
{
	for (int p = 0; p < MD_PIPELINES; p++) {
		const struct md_pipeline *pipeline = &state->pipeline[p];
		if (pipeline->stage == 0)
			continue;
		bool is_ended = pipeline->node == 0 && md_with(walk->setup, MD_WITHOUT_ENDED_BACKENDS);
		bool is_frozen = pipeline->node == 0 && !is_ended;
		fence(walk, state, p);
		if (pipeline->stage == MD_PAST_FENCE && walk->setup->bounds.slow_apply && !is_frozen)
			check(walk, state, p);
		else if ((pipeline->stage == MD_PAST_FENCE || pipeline->stage == MD_CHECKED) && !is_frozen)
			commit(walk, state, p);
		if (is_ended) {
			struct md_state next = *state;
			memset(&next.pipeline[p], 0, sizeof next.pipeline[p]);
			md_reach(walk, &next, MD_STEP_end_backends, 0,
				"the stalled batch, version %d to %d, is rolled back: its backend is ended", pipeline->from,
				pipeline->to);
		}
	}
}
