/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.c: what became of a commit: asked for, insisted on, and acknowledged.
 *
 * An answer counts only if its statement ended without a warning: a wait for a standby that was broken off leaves what it
 * reports unreplicated. Rows are stored as they come and believed when the statement has ended.
 */
#include "common/base/log.h"
#include "common/pg/rows.h"
#include "follower/commit/committer.h"

#include <stdlib.h>

enum answer_state {
	ANSWER_NEITHER = 0,
	ANSWER_QUEUED = 1,
	ANSWER_DECIDED = 2,
	ANSWER_TOLD = 3,
	ANSWER_UNREGISTERED = 4,
};

#define ANSWER_COLUMNS                                                                                       \
	{                                                                                                        \
		{ "sequence", VD_PG_INT8 }, { "state", VD_PG_INT2 }, { "code", VD_PG_INT4 },                         \
			{ "version", VD_PG_INT8 }, { "place", VD_PG_INT4 }, { "detail_range", VD_PG_INT8 },              \
			{ "detail_version", VD_PG_INT8 }, { "note", VD_PG_TEXT }, { "further", VD_PG_BYTEA },            \
	}
#define ANSWER                                                                                               \
	"SELECT sequence, state, code, version, place, detail_range, detail_version, note, further FROM "

static const struct vd_pg_statement look_statement = {
	.name = "look",
	.sql = ANSWER "look($1, $2, $3)",
	.params = { VD_PG_UUID, VD_PG_INT8, VD_PG_INT8_ARRAY },
	.columns = ANSWER_COLUMNS,
};
/* model: cancel_dequeue, cancel_share, cancel_bury */
static const struct vd_pg_statement cancel_statement = {
	.name = "cancel",
	.sql = ANSWER "cancel($1, $2, $3)",
	.params = { VD_PG_UUID, VD_PG_INT8, VD_PG_INT8 },
	.columns = ANSWER_COLUMNS,
};
static const struct vd_pg_statement acknowledge_statement = {
	.name = "acknowledge",
	.sql = "SELECT acknowledge($1, $2, $3)",
	.params = { VD_PG_UUID, VD_PG_INT8, VD_PG_INT8 },
};

static void params_identity(
	struct vd_pg_params *params, struct vd_arena *arena, const struct vd_committer *committer)
{
	vd_pg_params_init(params, arena);
	vd_pg_params_uuid(params, committer->identity.client);
	vd_pg_params_int8(params, committer->identity.generation);
}

/* A database that is locked or slow, or takes no more cancels for now, has been reached; one that refuses us, or has lost its tables, can decide nothing. */
void vd_committer_heard(struct vd_committer *committer, const struct vd_pg_outcome *outcome)
{
	static const char *const busy[] = { "55P03", "40P01", "40001", "57014", "VD006" };
	bool heard = outcome->status == VD_PG_OK;
	if (heard)
		vd_backoff_reset(&committer->inbox_backoff);
	for (size_t i = 0; i < VD_COUNT(busy); i++)
		heard |= outcome->status == VD_PG_ERROR && vd_pg_outcome_is(outcome, busy[i]);
	if (heard)
		committer->heard_ms = committer->clock_ms;
	else if (outcome->status == VD_PG_ERROR)
		vd_log_warning(
			"the database could not answer, it is asked again", VD_LOG_TEXT("error", outcome->message));
}

/* ---- answers ---- */

/* False without memory for the note, or for the ranges. */
static bool answer_read(
	struct vd_answer *answer, const struct vd_pg_rows *rows, size_t row, struct vd_arena *arena)
{
	*answer = (struct vd_answer){
		.sequence = (uint64_t)vd_pg_rows_int8(rows, row, 0),
		.state = vd_pg_rows_int4(rows, row, 1),
		.verdict = {
			.code = vd_pg_rows_int4(rows, row, 2),
			.version = (uint64_t)vd_pg_rows_int8(rows, row, 3),
			.order = (uint16_t)vd_pg_rows_int4(rows, row, 4),
			.conflict_range = (uint32_t)vd_pg_rows_int8(rows, row, 5),
			.conflict_version = (uint64_t)vd_pg_rows_int8(rows, row, 6),
			.message = "",
		},
	};
	if (answer->verdict.code == VD_CODE_SUCCESS)
		answer->verdict.number = (uint64_t)vd_pg_rows_int8(rows, row, 6);
	else
		answer->verdict.order = 0;
	if (!vd_bytes_dup(arena, vd_pg_rows_bytea(rows, row, 8), &answer->verdict.further))
		return false;
	if (vd_pg_rows_null(rows, row, 7))
		return true;
	answer->verdict.message = vd_arena_string(arena, vd_pg_rows_text(rows, row, 7));
	return answer->verdict.message != NULL;
}

static void answer_believe(struct vd_committer *committer, const struct vd_answer *answer)
{
	struct vd_commits *commits = &committer->commits;
	struct vd_commit *commit = vd_commits_find(commits, answer->sequence);
	if (commit == NULL)
		return; /* told by a reply meanwhile */
	switch ((enum answer_state)answer->state) {
	case ANSWER_NEITHER:
		if (commit->state == VD_COMMIT_SUBMITTED)
			vd_commits_doubt(commits, commit);
		break;
	case ANSWER_QUEUED:
		break;
	case ANSWER_DECIDED:
		vd_database_see(committer->database, NULL, answer->verdict.version);
		vd_commits_decide(commits, commit, &answer->verdict);
		break;
	case ANSWER_TOLD:
		vd_committer_decide(committer, commit, VD_CODE_COMMIT_UNKNOWN_RESULT,
			"the database has the verdict acknowledged, and forgot it");
		break;
	case ANSWER_UNREGISTERED:
		vd_committer_forgotten(committer, "the database does not know this client any more");
		break;
	}
}

/* ---- look ---- */

void vd_look_init(struct vd_look *look)
{
	*look = (struct vd_look){ 0 };
	vd_arena_init(&look->arena, SIZE_MAX);
}

void vd_look_fini(struct vd_look *look)
{
	vd_vector_fini(&look->sequences);
	vd_vector_fini(&look->answers);
	vd_arena_fini(&look->arena);
}

static void on_look_rows(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_committer *committer = arg;
	struct vd_look *look = &committer->look;
	for (size_t row = 0; row < vd_pg_rows_count(rows); row++) {
		struct vd_answer answer;
		/* without memory the rest is looked at another time */
		if (!answer_read(&answer, rows, row, &look->arena) || !vd_vector_push(&look->answers, answer))
			return;
	}
}

static void on_looked(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_committer *committer = arg;
	struct vd_look *look = &committer->look;
	look->under_way = false;
	vd_committer_heard(committer, outcome);
	if (outcome->status == VD_PG_OK && !outcome->warned)
		for (size_t i = 0; i < look->answers.count; i++)
			if (look->identity == committer->identity.number)
				answer_believe(committer, &look->answers.items[i]);
	vd_committer_pump(committer);
}

void vd_look_at_all(struct vd_committer *committer)
{
	struct vd_commit *commit;
	TAILQ_FOREACH(commit, &committer->commits.open, link)
	commit->look_now = true;
}

/* model: follower_look */
void vd_look_pump(struct vd_committer *committer, struct vd_pg *inbox)
{
	struct vd_look *look = &committer->look;
	if (look->under_way || committer->commits.count[VD_COMMIT_SUBMITTED] == 0)
		return;
	look->sequences.count = 0;
	look->answers.count = 0;
	vd_arena_reset(&look->arena);
	struct vd_commit *commit;
	TAILQ_FOREACH(commit, &committer->commits.open, link)
	{
		if (commit->state != VD_COMMIT_SUBMITTED ||
			(!commit->look_now && committer->clock_ms - commit->asked_ms < VD_COMMIT_LOOK_AFTER_MS))
			continue;
		if (look->sequences.count >= VD_COMMIT_LOOK_MOST ||
			!vd_vector_push(&look->sequences, (int64_t)commit->sequence))
			break;
		commit->look_now = false;
		commit->asked_ms = committer->clock_ms;
	}
	if (look->sequences.count == 0)
		return;
	look->under_way = true;
	look->identity = committer->identity.number;
	struct vd_pg_params params;
	params_identity(&params, &look->arena, committer);
	vd_pg_params_int8_array(&params, look->sequences.items, look->sequences.count);
	vd_pg_ask(inbox, &look_statement, &params, on_look_rows, on_looked, committer);
}

/* ---- cancel ---- */

struct cancel {
	struct vd_committer *committer;
	unsigned identity;
	uint64_t sequence;
	bool answered;
	struct vd_answer answer;
	struct vd_arena arena;
};

static void on_cancel_rows(void *arg, const struct vd_pg_rows *rows)
{
	struct cancel *cancel = arg;
	if (vd_pg_rows_count(rows) == 1)
		cancel->answered = answer_read(&cancel->answer, rows, 0, &cancel->arena);
}

static void on_cancelled(void *arg, const struct vd_pg_outcome *outcome)
{
	struct cancel *cancel = arg;
	struct vd_committer *committer = cancel->committer;
	committer->cancels--;
	struct vd_commit *commit = vd_commits_find(&committer->commits, cancel->sequence);
	if (commit != NULL)
		commit->in_cancel = false;
	vd_committer_heard(committer, outcome);
	if (outcome->status == VD_PG_OK && !outcome->warned && cancel->answered) {
		if (cancel->identity == committer->identity.number)
			answer_believe(committer, &cancel->answer);
	} else if (outcome->status != VD_PG_LOST) {
		/* an apply holds the lock for longer than we wait in one go: its reply, or the next attempt */
		committer->inbox_rests = committer->clock_ms + vd_backoff_next_ms(&committer->inbox_backoff);
	}
	vd_arena_fini(&cancel->arena);
	free(cancel);
	vd_committer_pump(committer);
}

/* model: follower_cancel */
static bool cancel_go(struct vd_committer *committer, struct vd_pg *inbox, struct vd_commit *commit)
{
	struct cancel *cancel = calloc(1, sizeof *cancel);
	if (cancel == NULL)
		return false;
	cancel->committer = committer;
	cancel->identity = committer->identity.number;
	cancel->sequence = commit->sequence;
	vd_arena_init(&cancel->arena, SIZE_MAX);
	commit->in_cancel = true;
	committer->cancels++;
	/* a segment of its own for each: two in one transaction would take a queue row after the watermark */
	struct vd_pg_params params;
	params_identity(&params, &cancel->arena, committer);
	vd_pg_params_int8(&params, (int64_t)commit->sequence);
	vd_pg_ask(inbox, &cancel_statement, &params, on_cancel_rows, on_cancelled, cancel);
	return true;
}

void vd_cancel_pump(struct vd_committer *committer, struct vd_pg *inbox)
{
	if (committer->commits.count[VD_COMMIT_GIVING_UP] <= committer->cancels ||
		committer->clock_ms < committer->inbox_rests)
		return;
	struct vd_commit *commit;
	TAILQ_FOREACH(commit, &committer->commits.open, link)
	{
		if (commit->state != VD_COMMIT_GIVING_UP || commit->in_cancel)
			continue;
		if (committer->cancels >= VD_COMMIT_CANCELS_MOST || !cancel_go(committer, inbox, commit))
			return;
	}
}

/* ---- acknowledge ---- */

static void on_acknowledged(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_committer *committer = arg;
	committer->acknowledging = false;
	vd_committer_heard(committer, outcome);
	if (outcome->status == VD_PG_ERROR)
		committer->inbox_rests = committer->clock_ms + vd_backoff_next_ms(&committer->inbox_backoff);
	else if (outcome->status == VD_PG_OK && committer->acknowledging_to > committer->acknowledged)
		committer->acknowledged = committer->acknowledging_to;
	vd_committer_pump(committer);
}

/* model: follower_acknowledge */
void vd_acknowledge_pump(struct vd_committer *committer, struct vd_pg *inbox)
{
	uint64_t low_water = vd_commits_low_water(&committer->commits);
	if (committer->acknowledging || low_water <= committer->acknowledged ||
		committer->clock_ms < committer->inbox_rests)
		return;
	bool idle =
		committer->closing || committer->clock_ms - committer->sent_ms >= VD_COMMIT_ACKNOWLEDGE_IDLE_MS;
	if (!idle && low_water - committer->acknowledged < VD_COMMIT_ACKNOWLEDGE_MOST)
		return;
	committer->acknowledging = true;
	committer->acknowledging_to = low_water;
	struct vd_arena arena;
	vd_arena_init(&arena, SIZE_MAX);
	struct vd_pg_params params;
	params_identity(&params, &arena, committer);
	vd_pg_params_int8(&params, (int64_t)low_water);
	vd_pg_ask(inbox, &acknowledge_statement, &params, NULL, on_acknowledged, committer);
	vd_arena_fini(&arena);
}
