/* SPDX-License-Identifier: Apache-2.0 */
/* submit.c: commits to the queue, as many in one statement as have gathered while the one before was under way.
 *
 * One first statement at a time, and one resend. What a statement's end says about its commits:
 *   ok      they are in the queue (or were there already, or are decided)
 *   lost    nothing is known: doubtful
 *   error   they are not in the queue by this statement; sent again by the same road as what is doubtful, for that
 *           road is right whatever happened
 */
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "follower/commit/committer.h"

/* Values: client, generation, acknowledged, sequences, tokens, payloads, and the doorbell's channel. */
/* model: copy_arrives */
#define INSERT                                                                                               \
	"INSERT INTO commit_requests (client, sequence, generation, acknowledged, token, payload) "              \
	"SELECT $1, s, $2, $3, t, p FROM unnest($4::bigint[], $5::bigint[], $6::bytea[]) AS r(s, t, p)"
#define UNLESS_THERE " ON CONFLICT DO NOTHING"
#define RING(insert) "WITH sent AS (" insert ") SELECT pg_notify($7, '')"

#define PARAMS VD_PG_UUID, VD_PG_INT8, VD_PG_INT8, VD_PG_INT8_ARRAY, VD_PG_INT8_ARRAY, VD_PG_BYTEA_ARRAY

static const struct vd_pg_statement submit = {
	.name = "submit", .sql = RING(INSERT), .params = { PARAMS, VD_PG_TEXT }
};
static const struct vd_pg_statement submit_quietly = {
	.name = "submit_quietly", .sql = INSERT, .params = { PARAMS }
};
static const struct vd_pg_statement resend = {
	.name = "resend", .sql = RING(INSERT UNLESS_THERE), .params = { PARAMS, VD_PG_TEXT }
};
static const struct vd_pg_statement resend_quietly = {
	.name = "resend_quietly", .sql = INSERT UNLESS_THERE, .params = { PARAMS }
};

#define NOTIFY_QUEUE_FULL "54000"

void vd_sending_init(struct vd_sending *sending, struct vd_committer *committer, bool is_resend)
{
	*sending = (struct vd_sending){ .committer = committer, .resend = is_resend };
	vd_arena_init(&sending->arena, SIZE_MAX);
}

void vd_sending_fini(struct vd_sending *sending)
{
	vd_vector_fini(&sending->sequences);
	vd_vector_fini(&sending->tokens);
	vd_vector_fini(&sending->payloads);
	vd_arena_fini(&sending->arena);
}

/* ---- the end of a statement ---- */

static void each_arrived(struct vd_sending *sending, bool arrived)
{
	struct vd_committer *committer = sending->committer;
	for (size_t i = 0; i < sending->sequences.count; i++) {
		struct vd_commit *commit =
			vd_commits_find(&committer->commits, (uint64_t)sending->sequences.items[i]);
		if (commit == NULL || !commit->in_statement)
			continue; /* a reply was faster, or it was forgotten */
		commit->asked_ms = committer->clock_ms;
		if (arrived)
			vd_commits_arrived(&committer->commits, commit);
		else
			vd_commits_doubt(&committer->commits, commit);
	}
}

static void on_sent(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_sending *sending = arg;
	struct vd_committer *committer = sending->committer;
	sending->under_way = false;
	if (sending->resend)
		vd_committer_heard(committer, outcome);
	each_arrived(sending, outcome->status == VD_PG_OK);
	if (outcome->status == VD_PG_OK) {
		if (!sending->resend)
			vd_backoff_reset(&committer->desk_backoff);
		if (sending->identity == committer->identity.number &&
			sending->acknowledged > committer->acknowledged)
			committer->acknowledged = sending->acknowledged;
	} else if (vd_pg_outcome_is(outcome, NOTIFY_QUEUE_FULL)) {
		committer->quiet_until = committer->clock_ms + VD_COMMIT_QUIET_MS;
	} else if (outcome->status == VD_PG_ERROR && sending->resend) {
		committer->inbox_rests = committer->clock_ms + vd_backoff_next_ms(&committer->inbox_backoff);
	} else if (outcome->status == VD_PG_ERROR) {
		vd_log_warning(
			"the queue did not take commits, they are sent again", VD_LOG_TEXT("error", outcome->message));
		committer->desk_rests = committer->clock_ms + vd_backoff_next_ms(&committer->desk_backoff);
	}
	vd_committer_pump(committer);
}

/* ---- the statement ---- */

static bool has_room(const struct vd_sending *sending, size_t bytes, const struct vd_commit *commit)
{
	return sending->sequences.count == 0 || (sending->sequences.count < VD_COMMIT_STATEMENT_REQUESTS &&
												bytes + commit->payload.size <= VD_COMMIT_STATEMENT_BYTES);
}

static void sending_clear(struct vd_sending *sending)
{
	sending->sequences.count = 0;
	sending->tokens.count = 0;
	sending->payloads.count = 0;
	vd_arena_reset(&sending->arena);
}

/* Room for one more in all three; then adding cannot fail. */
static bool sending_reserve(struct vd_sending *sending)
{
	size_t need = sending->sequences.count + 1;
	return vd_vector_reserve(&sending->sequences, need) && vd_vector_reserve(&sending->tokens, need) &&
		   vd_vector_reserve(&sending->payloads, need);
}

static void sending_add(struct vd_sending *sending, const struct vd_commit *commit)
{
	sending->sequences.items[sending->sequences.count++] = (int64_t)commit->sequence;
	sending->tokens.items[sending->tokens.count++] = (int64_t)commit->token;
	sending->payloads.items[sending->payloads.count++] = commit->payload;
}

static void sending_go(struct vd_sending *sending, struct vd_pg *pg)
{
	struct vd_committer *committer = sending->committer;
	bool quiet = committer->clock_ms < committer->quiet_until;
	sending->under_way = true;
	sending->identity = committer->identity.number;
	/* below every number in this statement, for those are open */
	sending->acknowledged = vd_commits_low_water(&committer->commits);
	committer->sent_ms = committer->clock_ms;
	struct vd_pg_params params;
	vd_pg_params_init(&params, &sending->arena);
	vd_pg_params_uuid(&params, committer->identity.client);
	vd_pg_params_int8(&params, committer->identity.generation);
	vd_pg_params_int8(&params, (int64_t)sending->acknowledged);
	vd_pg_params_int8_array(&params, sending->sequences.items, sending->sequences.count);
	vd_pg_params_int8_array(&params, sending->tokens.items, sending->tokens.count);
	vd_pg_params_bytea_array(&params, sending->payloads.items, sending->payloads.count);
	if (!quiet)
		vd_pg_params_text(&params, committer->doorbell.text);
	const struct vd_pg_statement *statement =
		sending->resend ? (quiet ? &resend_quietly : &resend) : (quiet ? &submit_quietly : &submit);
	vd_pg_ask(pg, statement, &params, NULL, on_sent, sending);
	sending->payloads.count = 0; /* borrowed: a commit may be freed from now on */
	vd_arena_reset(&sending->arena);
	if (VD_FAULT("commit.sent"))
		vd_pg_disconnect(pg, "fault point commit.sent");
}

/* What stands in the queue is bounded in number and in bytes; one always may. */
static bool queue_has_room(const struct vd_committer *committer, const struct vd_commit *commit)
{
	const struct vd_commits *commits = &committer->commits;
	return commits->open_count == 0 ||
		   (commits->open_count < (size_t)committer->database->settings.max_in_flight &&
			   commits->open_bytes + commit->payload.size <= VD_COMMIT_OPEN_BYTES);
}

/* model: follower_submit */
void vd_submit_pump(struct vd_committer *committer, struct vd_pg *desk)
{
	struct vd_sending *sending = &committer->sending;
	struct vd_commits *commits = &committer->commits;
	if (sending->under_way || committer->clock_ms < committer->desk_rests)
		return;
	sending_clear(sending);
	size_t bytes = 0;
	struct vd_commit *commit;
	while ((commit = TAILQ_FIRST(&commits->waiting)) != NULL && has_room(sending, bytes, commit) &&
		   queue_has_room(committer, commit)) {
		uint64_t token;
		if (!sending_reserve(sending) || !vd_random_bytes(&token, sizeof token))
			break;
		vd_commits_number(commits, commit, token);
		sending_add(sending, commit);
		bytes += commit->payload.size;
	}
	if (sending->sequences.count > 0)
		sending_go(sending, desk);
}

/* model: follower_resend */
void vd_resend_pump(struct vd_committer *committer, struct vd_pg *inbox)
{
	struct vd_sending *sending = &committer->resending;
	struct vd_commits *commits = &committer->commits;
	if (sending->under_way || commits->count[VD_COMMIT_DOUBTFUL] == 0 ||
		committer->clock_ms < committer->inbox_rests)
		return;
	sending_clear(sending);
	size_t bytes = 0;
	struct vd_commit *commit;
	TAILQ_FOREACH(commit, &commits->open, link)
	{
		if (commit->state != VD_COMMIT_DOUBTFUL)
			continue;
		if (!has_room(sending, bytes, commit) || !sending_reserve(sending))
			break;
		vd_commits_resend(commits, commit);
		sending_add(sending, commit);
		bytes += commit->payload.size;
	}
	if (sending->sequences.count > 0)
		sending_go(sending, inbox);
}
