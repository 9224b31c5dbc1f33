/* SPDX-License-Identifier: Apache-2.0 */
/* apply.c: the statements, in the order in which they run.
 *
 * Fault points: apply.before_send (fail: as if memory were too short), apply.middle (fence passed, COMMIT not sent: the transaction is open),
 * apply.after_commit (committed, nothing told but what stood in COMMIT's own segment).
 */
#include "resolver/apply.h"

#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/pg/connection.h"
#include "common/pg/names.h"

#include <string.h>

static const struct vd_pg_statement delete_requests = {
	.name = "delete_requests",
	.sql = "DELETE FROM commit_requests WHERE arrival = ANY ($1)",
	.params = { VD_PG_INT8_ARRAY },
};
static const struct vd_pg_statement fence = {
	.name = "fence",
	.sql = "SELECT fence($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	.params = { VD_PG_UUID, VD_PG_INT8, VD_PG_INT8, VD_PG_BOOL, VD_PG_UUID_ARRAY, VD_PG_INT8_ARRAY,
		VD_PG_INT8_ARRAY, VD_PG_INT4_ARRAY, VD_PG_INT8_ARRAY },
};
static const struct vd_pg_statement clear_ranges = {
	.name = "clear_ranges",
	.sql = "SELECT clear_ranges($1, $2, $3)",
	.params = { VD_PG_BYTEA_ARRAY, VD_PG_BYTEA_ARRAY, VD_PG_INT8 },
};
/* The place of the one row of the key k. Entries of a key are in order of place, and its newest version is nearly always the last:
 * what an old snapshot holds back lies before it and is not walked over. Nobody else writes behind the fence, so the place is still
 * true when it is used. */
#define PLACE "(SELECT o.ctid FROM kv o WHERE o.key >= k AND o.key <= k ORDER BY o.key DESC LIMIT 1) AS place"

static const struct vd_pg_statement delete_keys = {
	.name = "delete_keys",
	.sql = "WITH r AS MATERIALIZED (SELECT " PLACE " FROM unnest($1::bytea[]) AS u(k))"
		   " DELETE FROM kv USING r WHERE kv.ctid = r.place",
	.params = { VD_PG_BYTEA_ARRAY },
};
static const struct vd_pg_statement upsert = {
	.name = "upsert",
	.sql = "WITH r AS MATERIALIZED (SELECT k, v, " PLACE " FROM unnest($1::bytea[], $2::bytea[]) AS u(k, v)),"
		   " updated AS (UPDATE kv SET value = r.v FROM r WHERE kv.ctid = r.place)"
		   " INSERT INTO kv (key, value) SELECT k, v FROM r WHERE place IS NULL",
	.params = { VD_PG_BYTEA_ARRAY, VD_PG_BYTEA_ARRAY },
};
static const struct vd_pg_statement insert_outcomes = {
	.name = "insert_outcomes",
	.sql = "INSERT INTO outcomes (client, first, last, version, entries, details, notes)"
		   " SELECT c, f, l, v, e, d, nullif(n, '')::jsonb"
		   " FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[], "
		   "$7::text[])"
		   " AS r(c, f, l, v, e, d, n)",
	.params = { VD_PG_UUID_ARRAY, VD_PG_INT8_ARRAY, VD_PG_INT8_ARRAY, VD_PG_INT8_ARRAY, VD_PG_BYTEA_ARRAY,
		VD_PG_BYTEA_ARRAY, VD_PG_TEXT_ARRAY },
};
/* Behind the fence, which has carried the lock on as it was. */
static const struct vd_pg_statement change_lock = {
	.name = "change_lock",
	.sql = "UPDATE watermark SET lock = CASE WHEN $1 THEN $2 END",
	.params = { VD_PG_BOOL, VD_PG_UUID },
};
static const struct vd_pg_statement forget = {
	.name = "forget",
	.sql = "SELECT forget($1, $2, $3)",
	.params = { VD_PG_UUID_ARRAY, VD_PG_INT8_ARRAY, VD_PG_INT8_ARRAY },
};
/* Of what no standby has confirmed, nothing is told once there are standbys: a look finds it, and waits for them. */
static const struct vd_pg_statement notify_all = {
	.name = "notify_all",
	.sql = "SELECT pg_notify(c, p) FROM unnest($1::text[], $2::text[]) AS r(c, p)"
		   " WHERE $3 OR current_setting('synchronous_standby_names') = ''",
	.params = { VD_PG_TEXT_ARRAY, VD_PG_TEXT_ARRAY, VD_PG_BOOL },
};

/* ---- how it ended ------------------------------------------------------------------------------------------ */

enum vd_apply_end vd_apply_end_of(const struct vd_apply_judge *judge, const struct vd_pg_outcome *outcome)
{
	/* A failing NOTIFY behind COMMIT (54000: its queue is full) is no apply error. */
	if (judge->committed)
		return VD_APPLY_COMMITTED;
	if (outcome->status == VD_PG_LOST)
		return VD_APPLY_LOST;
	/* A COMMIT of an aborted transaction succeeds, as ROLLBACK. */
	if (outcome->status == VD_PG_OK)
		return VD_APPLY_WORLD;
	if (vd_pg_outcome_is(outcome, "VD001"))
		return VD_APPLY_FENCED;
	if (vd_pg_outcome_is(outcome, "VD002"))
		return VD_APPLY_REFUSED;
	if (vd_pg_outcome_is(outcome, "VD004"))
		return VD_APPLY_STANDBYS;
	if (vd_pg_outcome_is(outcome, "VD003"))
		return VD_APPLY_CLEAR;
	bool is_data = outcome->failed >= judge->data_begin && outcome->failed < judge->data_end;
	if (is_data && (vd_pg_outcome_is_class(outcome, "22") || vd_pg_outcome_is_class(outcome, "23") ||
					   vd_pg_outcome_is_class(outcome, "54")))
		return VD_APPLY_CONTENT;
	return VD_APPLY_WORLD;
}

const char *vd_apply_end_text(enum vd_apply_end end)
{
	static const char *const texts[] = {
		[VD_APPLY_UNDER_WAY] = "is under way",
		[VD_APPLY_COMMITTED] = "is committed",
		[VD_APPLY_FENCED] = "was fenced: the watermark is not where it was resolved",
		[VD_APPLY_REFUSED] = "was refused: the database knows more of a client than this leader",
		[VD_APPLY_STANDBYS] = "was refused: synchronous standbys were switched on or off",
		[VD_APPLY_CLEAR] = "holds a clear of a range that would delete too many rows",
		[VD_APPLY_CONTENT] = "holds what the database does not take",
		[VD_APPLY_WORLD] = "failed by no fault of its own",
		[VD_APPLY_LOST] = "was sent, and the connection was lost before the answer",
	};
	VD_ASSERT((unsigned)end < VD_COUNT(texts));
	return texts[end];
}

/* Class 53 is what the server's machine lacks. All of it is tried again, until there is enough. */
static const char *hint_of(const struct vd_pg_outcome *outcome)
{
	if (vd_pg_outcome_is(outcome, "53100"))
		return "make room on the disk of the server, the batch is tried again until there is some";
	if (vd_pg_outcome_is(outcome, "53200"))
		return "the server has too little memory, the batch is tried again until there is enough";
	return NULL;
}

/* ---- filling in -------------------------------------------------------------------------------------------- */

static const struct vd_pg_uuid *uuids(const struct vd_client_id *ids)
{
	VD_STATIC_ASSERT(sizeof(struct vd_client_id) == sizeof(struct vd_pg_uuid), "both are 16 bytes");
	return (const struct vd_pg_uuid *)ids;
}

/* They must live until the segment ends. */
static struct vd_pg_params *new_params(struct vd_arena *arena)
{
	struct vd_pg_params *params = VD_ARENA_NEW(arena, struct vd_pg_params);
	VD_ASSERT(params != NULL);
	vd_pg_params_init(params, arena);
	return params;
}

/* model: apply_fence */
static void query_fence(struct vd_apply *apply, struct vd_pg_segment *segment)
{
	const struct vd_batch *batch = apply->batch;
	const struct vd_batch_rows *rows = &batch->rows;
	struct vd_pg_params *params;
	params = new_params(&apply->arena);
	vd_pg_params_int8_array(params, rows->arrivals, rows->arrival_count);
	vd_pg_query(segment, &delete_requests, params, NULL, NULL);

	params = new_params(&apply->arena);
	vd_pg_params_uuid(params, apply->order->term);
	vd_pg_params_int8(params, (int64_t)batch->from);
	vd_pg_params_int8(params, (int64_t)batch->version);
	vd_pg_params_bool(params, apply->order->is_synchronous);
	vd_pg_params_uuid_array(params, uuids(rows->clients), rows->client_count);
	vd_pg_params_int8_array(params, rows->generations, rows->client_count);
	vd_pg_params_int8_array(params, rows->firsts, rows->client_count);
	vd_pg_params_int4_array(params, rows->owners, rows->sequence_count);
	vd_pg_params_int8_array(params, rows->sequences, rows->sequence_count);
	vd_pg_query(segment, &fence, params, NULL, NULL);
}

/* Returns how many statements these are. */
static size_t query_data(struct vd_apply *apply, struct vd_pg_segment *segment)
{
	const struct vd_batch_writes *writes = &apply->batch->writes;
	struct vd_pg_params *params;
	size_t count = 0;
	if (writes->range_count > 0) {
		params = new_params(&apply->arena);
		vd_pg_params_bytea_array(params, writes->range_begins, writes->range_count);
		vd_pg_params_bytea_array(params, writes->range_ends, writes->range_count);
		vd_pg_params_int8(params, apply->order->clear_max_rows);
		vd_pg_query(segment, &clear_ranges, params, NULL, NULL);
		count++;
	}
	if (writes->delete_count > 0) {
		params = new_params(&apply->arena);
		vd_pg_params_bytea_array(params, writes->deletes, writes->delete_count);
		vd_pg_query(segment, &delete_keys, params, NULL, NULL);
		count++;
	}
	if (writes->upsert_count > 0) {
		params = new_params(&apply->arena);
		vd_pg_params_bytea_array(params, writes->upsert_keys, writes->upsert_count);
		vd_pg_params_bytea_array(params, writes->upsert_values, writes->upsert_count);
		vd_pg_query(segment, &upsert, params, NULL, NULL);
		count++;
	}
	return count;
}

static void query_lock(struct vd_apply *apply, struct vd_pg_segment *segment)
{
	const struct vd_batch *batch = apply->batch;
	if (vd_lock_equal(&batch->lock, &batch->lock_before))
		return;
	struct vd_pg_params *params = new_params(&apply->arena);
	vd_pg_params_bool(params, batch->lock.is_held);
	vd_pg_params_uuid(params, batch->lock.id);
	vd_pg_query(segment, &change_lock, params, NULL, NULL);
}

static void query_outcomes(struct vd_apply *apply, struct vd_pg_segment *segment)
{
	const struct vd_batch_rows *rows = &apply->batch->rows;
	struct vd_pg_params *params;
	if (rows->client_count > 0) {
		params = new_params(&apply->arena);
		vd_pg_params_uuid_array(params, uuids(rows->clients), rows->client_count);
		vd_pg_params_int8_array(params, rows->firsts, rows->client_count);
		vd_pg_params_int8_array(params, rows->lasts, rows->client_count);
		vd_pg_params_int8_array(params, rows->versions, rows->client_count);
		vd_pg_params_bytea_array(params, rows->entries, rows->client_count);
		vd_pg_params_bytea_array_nulls(params, rows->details, rows->detail_nulls, rows->client_count);
		vd_pg_params_text_array(params, rows->notes, rows->client_count);
		vd_pg_query(segment, &insert_outcomes, params, NULL, NULL);
	}
	if (rows->forget_count > 0) {
		params = new_params(&apply->arena);
		vd_pg_params_uuid_array(params, uuids(rows->forget_clients), rows->forget_count);
		vd_pg_params_int8_array(params, rows->forget_generations, rows->forget_count);
		vd_pg_params_int8_array(params, rows->forget_low_waters, rows->forget_count);
		vd_pg_query(segment, &forget, params, NULL, NULL);
	}
}

static void query_replies(struct vd_arena *arena, struct vd_pg_segment *segment, const struct vd_batch *batch,
	const char *schema, bool is_confirmed)
{
	size_t count = batch->reply_count + batch->line_count;
	if (count == 0)
		return;
	const char **channels = vd_arena_array(arena, count, sizeof *channels);
	const char **payloads = vd_arena_array(arena, count, sizeof *payloads);
	if (channels == NULL || payloads == NULL)
		return; /* found by a look */
	for (size_t i = 0; i < count; i++) {
		bool is_reply = i < batch->reply_count;
		const struct vd_reply *reply = is_reply ? &batch->replies[i] : &batch->lines[i - batch->reply_count];
		struct vd_pg_name name =
			is_reply ? vd_pg_channel_reply(schema, reply->reply) : vd_pg_channel_verdicts(schema);
		channels[i] = vd_arena_string(arena, name.text);
		payloads[i] = (const char *)reply->payload.data;
		if (channels[i] == NULL)
			return;
	}
	struct vd_pg_params *params = new_params(arena);
	vd_pg_params_text_array(params, channels, count);
	vd_pg_params_text_array(params, payloads, count);
	vd_pg_params_bool(params, is_confirmed);
	vd_pg_query(segment, &notify_all, params, NULL, NULL);
}

/* ---- sending ----------------------------------------------------------------------------------------------- */

static void on_commit_row(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_apply *apply = arg;
	apply->judge.committed = vd_pg_rows_committed(rows);
}

static void finish(struct vd_apply *apply, const struct vd_pg_outcome *outcome)
{
	apply->end = vd_apply_end_of(&apply->judge, outcome);
	apply->is_clean = apply->end == VD_APPLY_COMMITTED && !outcome->warned && outcome->status != VD_PG_LOST;
	snprintf(apply->message, sizeof apply->message, "%s", outcome->message);
	apply->hint = hint_of(outcome);
	if (apply->end == VD_APPLY_COMMITTED)
		(void)VD_FAULT("apply.after_commit");
	if (apply->end == VD_APPLY_COMMITTED && outcome->status == VD_PG_ERROR)
		vd_log_warning("replies could not be sent, followers find their verdicts by a look",
			VD_LOG_TEXT("error", outcome->message));
	if (apply->end == VD_APPLY_COMMITTED && outcome->warned)
		vd_log_warning("the server warned at a commit, so nothing is told of it until a later one ends clean",
			VD_LOG_TEXT("warning", outcome->warning));
	vd_arena_reset(&apply->arena);
	apply->callback(apply->arg);
}

static void on_rolled_back(void *arg, const struct vd_pg_outcome *outcome)
{
	(void)arg;
	(void)outcome;
}

/* An error leaves the session inside its failed transaction. (A batch that was sent right behind finds it so,
 * and fails with it, as it should.) */
static void on_done(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_apply *apply = arg;
	if (outcome->status == VD_PG_ERROR && !apply->judge.committed)
		vd_pg_ask(apply->pg, &vd_pg_rollback, NULL, NULL, on_rolled_back, NULL);
	finish(apply, outcome);
}

/* model: apply_commit */
static void query_rest(struct vd_apply *apply, struct vd_pg_segment *segment, size_t before)
{
	apply->judge.data_begin = before;
	apply->judge.data_end = before + query_data(apply, segment);
	query_lock(apply, segment);
	query_outcomes(apply, segment);
	vd_pg_query(segment, &vd_pg_commit, NULL, on_commit_row, apply);
	if (!apply->order->is_synchronous)
		query_replies(&apply->arena, segment, apply->batch, apply->order->schema, false);
}

/* The first half of a batch in two flushes is over: its transaction is open, and holds the watermark's lock. */
static void on_half(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_apply *apply = arg;
	if (outcome->status != VD_PG_OK) {
		on_done(apply, outcome);
		return;
	}
	(void)VD_FAULT("apply.middle");
	struct vd_pg_segment *segment = vd_pg_segment_begin(apply->pg);
	query_rest(apply, segment, 0);
	vd_pg_segment_end(segment, on_done, apply);
}

bool vd_apply_is_split(void)
{
	return vd_fault_is_watched("apply.middle");
}

void vd_apply_send(struct vd_apply *apply, struct vd_pg *pg, const struct vd_batch *batch,
	const struct vd_apply_order *order, void (*callback)(void *arg), void *arg)
{
	VD_ASSERT(batch->rows.arrival_count > 0);
	apply->end = VD_APPLY_UNDER_WAY;
	apply->judge = (struct vd_apply_judge){ 0 };
	apply->pg = pg;
	apply->batch = batch;
	apply->order = order;
	apply->callback = callback;
	apply->arg = arg;
	struct vd_pg_params *none = new_params(&apply->arena);
	if (VD_FAULT("apply.before_send"))
		none->spoiled = "53200";
	struct vd_pg_segment *segment = vd_pg_segment_begin(pg);
	vd_pg_query(segment, &vd_pg_begin_committed, none, NULL, NULL);
	query_fence(apply, segment);
	if (vd_apply_is_split()) {
		vd_pg_segment_end(segment, on_half, apply);
		return;
	}
	query_rest(apply, segment, 3);
	vd_pg_segment_end(segment, on_done, apply);
}

static void on_replied(void *arg, const struct vd_pg_outcome *outcome)
{
	(void)arg;
	if (outcome->status == VD_PG_ERROR)
		vd_log_warning("replies could not be sent, followers find their verdicts by a look",
			VD_LOG_TEXT("error", outcome->message));
}

void vd_apply_send_replies(struct vd_apply *apply, struct vd_pg *pg, const struct vd_batch *batch,
	const char *schema, bool is_confirmed)
{
	if (batch->reply_count + batch->line_count == 0)
		return;
	struct vd_pg_segment *segment = vd_pg_segment_begin(pg);
	query_replies(&apply->arena, segment, batch, schema, is_confirmed);
	vd_pg_segment_end(segment, on_replied, NULL);
	vd_arena_reset(&apply->arena);
}

void vd_apply_init(struct vd_apply *apply)
{
	*apply = (struct vd_apply){ 0 };
	vd_arena_init(&apply->arena, (size_t)1 << 30);
}

void vd_apply_fini(struct vd_apply *apply)
{
	vd_arena_fini(&apply->arena);
}
