/* SPDX-License-Identifier: Apache-2.0 */
/* batch.c: the reads of one snapshot that go out in one turn of the loop, as one segment: point reads together, ranges one by
 * one. What comes back is kept until the segment's end says that all of it is true, and told then, in the order of the
 * calls. */
#include "common/base/codes.h"
#include "follower/snapshot/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads of one segment, so that the answer of a flood of reads is taken in parts. */
enum { BATCH_MAX = 256 };

/* Columns are taken by number. */
enum { WATERMARK_TERM, WATERMARK_VERSION, WATERMARK_LOCK };
enum { ROW_KEY, ROW_VALUE };

static const struct vd_pg_statement read_watermark = {
	.name = "read_watermark",
	.sql = "SELECT term, version, lock FROM watermark ORDER BY version DESC LIMIT 1",
	.columns = { { "term", VD_PG_UUID }, { "version", VD_PG_INT8 }, { "lock", VD_PG_UUID } },
};

/* Each key from its end: its newest version lies behind all those that an old snapshot of somebody's holds back. */
static const struct vd_pg_statement read_keys = {
	.name = "read_keys",
	.sql = "SELECT o.key, o.value FROM unnest($1::bytea[]) AS r(k),"
		   " LATERAL (SELECT key, value FROM kv WHERE key >= k AND key <= k ORDER BY key DESC LIMIT 1) o",
	.params = { VD_PG_BYTEA_ARRAY },
	.columns = { { "key", VD_PG_BYTEA }, { "value", VD_PG_BYTEA } },
};

/* At most $3 rows, and none behind the one that reaches $4 bytes: what lies before a row decides about it. The window counts
 * lengths only, so no value is fetched that is not returned. */
#define RANGE_SQL(value, length, order)                                                                      \
	"SELECT key, " value " AS value FROM (SELECT key, value, sum(" length ") OVER (ORDER BY key " order      \
	" ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM kv WHERE key >= $1 AND key < $2 "     \
	"ORDER BY key " order " LIMIT $3) AS r WHERE coalesce(before, 0) < $4 ORDER BY key " order

#define RANGE_STATEMENT(label, value, length, order)                                                         \
	{                                                                                                        \
		.name = label, .sql = RANGE_SQL(value, length, order),                                               \
		.params = { VD_PG_BYTEA, VD_PG_BYTEA, VD_PG_INT8, VD_PG_INT8 },                                      \
		.columns = { { "key", VD_PG_BYTEA }, { "value", VD_PG_BYTEA } },                                     \
	}

#define LENGTH_OF_ROW "octet_length(key) + octet_length(value)"
#define LENGTH_OF_KEY "octet_length(key)"

static const struct vd_pg_statement read_ranges[2][2] = {
	{ RANGE_STATEMENT("read_range_keys", "''::bytea", LENGTH_OF_KEY, "ASC"),
		RANGE_STATEMENT("read_range", "value", LENGTH_OF_ROW, "ASC") },
	{ RANGE_STATEMENT("read_range_keys_reverse", "''::bytea", LENGTH_OF_KEY, "DESC"),
		RANGE_STATEMENT("read_range_reverse", "value", LENGTH_OF_ROW, "DESC") },
};

struct batch {
	struct vd_snapshot *snapshot;
	struct fetches fetches; /* in order of the calls */
	size_t count;
	struct vd_pg_rows *point_rows;
	bool no_memory;
	/* the fetches of keys, by key */
	size_t point_count;
	struct vd_fetch *points[];
};

/* ---- what comes back ---- */

static void on_watermark(void *arg, const struct vd_pg_rows *rows)
{
	struct batch *batch = arg;
	struct vd_snapshot *snapshot = batch->snapshot;
	if (vd_pg_rows_count(rows) == 0)
		return;
	struct vd_pg_uuid term = vd_pg_rows_uuid(rows, 0, WATERMARK_TERM);
	memcpy(snapshot->term, term.bytes, VD_TERM_BYTES);
	snapshot->version = (uint64_t)vd_pg_rows_int8(rows, 0, WATERMARK_VERSION);
	snapshot->is_locked = !vd_pg_rows_null(rows, 0, WATERMARK_LOCK);
}

static void on_points(void *arg, const struct vd_pg_rows *rows)
{
	struct batch *batch = arg;
	batch->point_rows = vd_pg_rows_keep(rows);
	batch->no_memory |= batch->point_rows == NULL;
}

static void on_range(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_fetch *fetch = arg;
	fetch->rows = vd_pg_rows_keep(rows);
	fetch->no_memory = fetch->rows == NULL;
}

static int compare_points(const void *a, const void *b)
{
	const struct vd_fetch *const *left = a;
	const struct vd_fetch *const *right = b;
	return vd_bytes_compare((*left)->range.range.begin, (*right)->range.range.begin);
}

/* Each row goes to all who asked for its key. */
static void points_deal(struct batch *batch)
{
	size_t count = batch->point_rows == NULL ? 0 : vd_pg_rows_count(batch->point_rows);
	for (size_t row = 0; row < count; row++) {
		struct vd_bytes key = vd_pg_rows_bytea(batch->point_rows, row, ROW_KEY);
		size_t low = 0, high = batch->point_count;
		while (low < high) {
			size_t middle = low + (high - low) / 2;
			if (vd_bytes_less(batch->points[middle]->range.range.begin, key))
				low = middle + 1;
			else
				high = middle;
		}
		for (; low < batch->point_count && vd_bytes_equal(batch->points[low]->range.range.begin, key);
			 low++) {
			batch->points[low]->is_present = true;
			batch->points[low]->value = vd_pg_rows_bytea(batch->point_rows, row, ROW_VALUE);
		}
	}
}

static const char no_memory[] = "no memory for what was read";

static void tell_range(struct vd_fetch *fetch)
{
	size_t count = fetch->rows == NULL ? 0 : vd_pg_rows_count(fetch->rows);
	struct vd_stored_row *rows = calloc(count + 1, sizeof *rows);
	int64_t bytes = 0;
	if (rows == NULL || fetch->no_memory) {
		free(rows);
		fetch_tell(fetch, VD_CODE_NO_MEMORY, no_memory);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		rows[i].key = vd_pg_rows_bytea(fetch->rows, i, ROW_KEY);
		rows[i].value = vd_pg_rows_bytea(fetch->rows, i, ROW_VALUE);
		bytes += (int64_t)(rows[i].key.size + rows[i].value.size);
	}
	/* the statement stopped for the one reason or the other, else there is no more */
	bool is_complete = (int64_t)count < fetch->range.rows && bytes < fetch->range.bytes;
	fetch->handler(fetch->arg,
		&(struct vd_fetched){ .rows = rows, .count = count, .is_complete = is_complete, .bytes = bytes });
	free(rows);
	fetch_free(fetch);
}

static void tell(struct batch *batch, struct vd_fetch *fetch)
{
	if (fetch->handler == NULL)
		fetch_free(fetch);
	else if (fetch_is_refused(fetch))
		fetch_tell(fetch, 0, NULL);
	else if (fetch->kind == FETCH_RANGE)
		tell_range(fetch);
	else if (fetch->kind == FETCH_MEASURE)
		measure_tell(fetch);
	else if (batch->no_memory)
		fetch_tell(fetch, VD_CODE_NO_MEMORY, no_memory);
	else {
		fetch->handler(
			fetch->arg, &(struct vd_fetched){ .is_present = fetch->is_present, .value = fetch->value });
		fetch_free(fetch);
	}
}

static void tell_versions(struct vd_snapshot *snapshot)
{
	snapshot->has_version = true;
	snapshot_versioned(snapshot);
	struct vd_fetch *fetch;
	while ((fetch = TAILQ_FIRST(&snapshot->versions)) != NULL) {
		TAILQ_REMOVE(&snapshot->versions, fetch, link);
		fetch_tell(fetch, 0, "");
	}
}

/* A store that cannot be read at all (no such table, no privilege) is not worth another try. */
static int code_of(const struct vd_pg_outcome *outcome)
{
	bool is_hopeless = outcome->status == VD_PG_ERROR && vd_pg_outcome_is_class(outcome, "42");
	return is_hopeless ? VD_CODE_SQL_ERROR : VD_CODE_TRANSACTION_TOO_OLD;
}

static void on_batch(void *arg, const struct vd_pg_outcome *outcome)
{
	struct batch *batch = arg;
	struct vd_snapshot *snapshot = batch->snapshot;
	struct vd_fetch *fetch;
	char message[180] = "";
	bool is_good = outcome->status == VD_PG_OK;
	int code = code_of(outcome);
	if (is_good) {
		points_deal(batch);
		if (!snapshot->has_version)
			tell_versions(snapshot);
	} else {
		snprintf(message, sizeof message, "the transaction's snapshot was lost: %s", outcome->message);
		snapshot_end(snapshot, code, true, message);
	}
	while ((fetch = TAILQ_FIRST(&batch->fetches)) != NULL) {
		TAILQ_REMOVE(&batch->fetches, fetch, link);
		if (is_good)
			tell(batch, fetch);
		else
			fetch_tell(fetch, code, message);
	}
	if (batch->point_rows != NULL)
		vd_pg_rows_free(batch->point_rows);
	free(batch);
	snapshot->batches--;
	snapshot_settle(snapshot);
}

/* ---- what goes out ---- */

/* Takes up to BATCH_MAX fetches from the queue; the keys among them by key. NULL without memory. */
static struct batch *batch_new(struct vd_snapshot *snapshot)
{
	size_t count = 0;
	struct vd_fetch *fetch;
	TAILQ_FOREACH(fetch, &snapshot->queued, link)
	if (++count == BATCH_MAX)
		break;
	struct batch *batch = calloc(1, sizeof *batch + count * sizeof(struct vd_fetch *));
	if (batch == NULL)
		return NULL;
	batch->snapshot = snapshot;
	TAILQ_INIT(&batch->fetches);
	for (; batch->count < count; batch->count++) {
		fetch = TAILQ_FIRST(&snapshot->queued);
		TAILQ_REMOVE(&snapshot->queued, fetch, link);
		TAILQ_INSERT_TAIL(&batch->fetches, fetch, link);
		fetch->list = NULL;
		if (fetch->kind == FETCH_KEY)
			batch->points[batch->point_count++] = fetch;
	}
	qsort(batch->points, batch->point_count, sizeof batch->points[0], compare_points);
	return batch;
}

static struct vd_pg_params *params_new(struct vd_arena *arena)
{
	struct vd_pg_params *params = VD_ARENA_NEW(arena, struct vd_pg_params);
	if (params != NULL)
		vd_pg_params_init(params, arena);
	return params;
}

static bool ask_points(struct vd_pg_segment *segment, struct batch *batch, struct vd_arena *arena)
{
	struct vd_pg_params *params = params_new(arena);
	struct vd_bytes *keys = vd_arena_array(arena, batch->point_count, sizeof *keys);
	if (params == NULL || keys == NULL)
		return false;
	size_t count = 0;
	for (size_t i = 0; i < batch->point_count; i++) {
		struct vd_bytes key = batch->points[i]->range.range.begin;
		if (count == 0 || !vd_bytes_equal(keys[count - 1], key))
			keys[count++] = key;
	}
	vd_pg_params_bytea_array(params, keys, count);
	vd_pg_query(segment, &read_keys, params, on_points, batch);
	return true;
}

static bool ask_range(struct vd_pg_segment *segment, struct vd_fetch *fetch, struct vd_arena *arena)
{
	struct vd_pg_params *params = params_new(arena);
	if (params == NULL)
		return false;
	const struct vd_fetch_range *range = &fetch->range;
	vd_pg_params_bytea(params, range->range.begin);
	vd_pg_params_bytea(params, range->range.end);
	vd_pg_params_int8(params, range->rows);
	vd_pg_params_int8(params, range->bytes);
	vd_pg_query(segment, &read_ranges[range->is_reverse][range->with_values], params, on_range, fetch);
	return true;
}

static bool ask(struct vd_pg_segment *segment, struct batch *batch, struct vd_arena *arena)
{
	bool is_good = batch->point_count == 0 || ask_points(segment, batch, arena);
	struct vd_fetch *fetch;
	TAILQ_FOREACH(fetch, &batch->fetches, link)
	{
		if (fetch->kind == FETCH_RANGE && is_good)
			is_good = ask_range(segment, fetch, arena);
		if (fetch->kind == FETCH_MEASURE && is_good)
			is_good = measure_ask(segment, fetch, arena);
	}
	return is_good;
}

/* False: nothing was sent, for want of memory. */
static bool batch_send(struct vd_snapshot *snapshot, bool opens)
{
	struct vd_arena *arena = &snapshot->pool->scratch;
	struct batch *batch = batch_new(snapshot);
	if (batch == NULL)
		return false;
	struct vd_pg_segment *segment = vd_pg_segment_begin(snapshot->reader->pg);
	if (opens) {
		vd_pg_query(segment, &vd_pg_begin_snapshot, NULL, NULL, NULL);
		vd_pg_query(segment, &read_watermark, NULL, on_watermark, batch);
	}
	bool is_good = ask(segment, batch, arena);
	if (is_good) {
		snapshot->batches++;
		vd_pg_segment_end(segment, on_batch, batch);
	} else {
		vd_pg_segment_abandon(segment);
		TAILQ_CONCAT(&snapshot->queued, &batch->fetches, link);
		free(batch);
	}
	vd_arena_reset(arena);
	return is_good;
}

void snapshot_send(struct vd_snapshot *snapshot, bool opens)
{
	do {
		if (!batch_send(snapshot, opens)) {
			snapshot_end(snapshot, VD_CODE_NO_MEMORY, true, no_memory);
			return;
		}
		opens = false;
	} while (!TAILQ_EMPTY(&snapshot->queued));
}
