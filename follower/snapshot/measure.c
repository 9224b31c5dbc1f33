/* SPDX-License-Identifier: Apache-2.0 */
/* measure.c: how much a range holds, and where to cut it. */
#include "common/base/codes.h"
#include "follower/snapshot/internal.h"

#include <stdlib.h>

/* Columns are taken by number. */
enum { SIZE_ROWS, SIZE_BYTES };
enum { CHUNK_KEY };

/* What of the table is looked at, and how many times over each row counts. A value's length is known without fetching it. */
#define LENGTH          "octet_length(key) + octet_length(value) AS bytes"
#define COUNTED         "(SELECT key, " LENGTH " FROM kv WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3) AS r"
#define COUNTED_TIMES   "1"
#define SAMPLED_PERCENT "least(100, 100 * 8192000.0 / greatest(pg_relation_size('kv'), 1))"
#define SAMPLED                                                                                              \
	"(SELECT key, " LENGTH " FROM kv TABLESAMPLE SYSTEM (" SAMPLED_PERCENT ") REPEATABLE (1) "               \
	"WHERE key >= $1 AND key < $2 LIMIT $3) AS r"
#define SAMPLED_TIMES "100 / " SAMPLED_PERCENT

#define SIZE_STATEMENT(label, source, times)                                                                 \
	{                                                                                                        \
		.name = label,                                                                                       \
		.sql = "SELECT count(*) AS rows, (coalesce(sum(bytes), 0) * " times ")::int8 AS bytes FROM " source, \
		.params = { VD_PG_BYTEA, VD_PG_BYTEA, VD_PG_INT8 },                                                  \
		.columns = { { "rows", VD_PG_INT8 }, { "bytes", VD_PG_INT8 } },                                      \
	}

/* A chunk begins at the first key that has at least a chunk's bytes before it since the last one; $4 bytes a chunk, or more if
 * they would become more than $5. */
#define CHUNK_STATEMENT(label, source, times)                                                                \
	{                                                                                                        \
		.name = label,                                                                                       \
		.sql = "SELECT key FROM (SELECT key, chunk, lag(chunk) OVER (ORDER BY key) AS previous FROM ("       \
			   "SELECT key, floor(sum(bytes) OVER (ORDER BY key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 "     \
			   "PRECEDING) * " times " / greatest($4, sum(bytes) OVER () * " times " / $5)) AS chunk "       \
			   "FROM " source ") AS c) AS d WHERE chunk > coalesce(previous, 0) ORDER BY key",               \
		.params = { VD_PG_BYTEA, VD_PG_BYTEA, VD_PG_INT8, VD_PG_INT8, VD_PG_INT8 },                          \
		.columns = { { "key", VD_PG_BYTEA } },                                                               \
	}

static const struct vd_pg_statement read_sizes[2] = {
	SIZE_STATEMENT("read_size", COUNTED, COUNTED_TIMES),
	SIZE_STATEMENT("read_size_sample", SAMPLED, SAMPLED_TIMES),
};

static const struct vd_pg_statement read_chunks[2] = {
	CHUNK_STATEMENT("read_chunks", COUNTED, COUNTED_TIMES),
	CHUNK_STATEMENT("read_chunks_sample", SAMPLED, SAMPLED_TIMES),
};

static void on_measure(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_fetch *fetch = arg;
	fetch->rows = vd_pg_rows_keep(rows);
	fetch->no_memory = fetch->rows == NULL;
}

bool measure_ask(struct vd_pg_segment *segment, struct vd_fetch *fetch, struct vd_arena *arena)
{
	struct vd_pg_params *params = VD_ARENA_NEW(arena, struct vd_pg_params);
	bool has_chunks = fetch->chunk_bytes > 0;
	if (params == NULL)
		return false;
	vd_pg_params_init(params, arena);
	vd_pg_params_bytea(params, fetch->range.range.begin);
	vd_pg_params_bytea(params, fetch->range.range.end);
	vd_pg_params_int8(params, fetch->is_sample ? INT64_MAX : VD_MEASURE_ROWS + 1);
	if (has_chunks) {
		vd_pg_params_int8(params, fetch->chunk_bytes);
		vd_pg_params_int8(
			params, fetch->is_sample ? VD_MEASURE_CHUNKS_MAX : INT64_MAX); /* few rows, few chunks */
	}
	const struct vd_pg_statement *statements = has_chunks ? read_chunks : read_sizes;
	vd_pg_query(segment, &statements[fetch->is_sample], params, on_measure, fetch);
	return true;
}

static void tell_chunks(struct vd_fetch *fetch)
{
	size_t count = vd_pg_rows_count(fetch->rows);
	struct vd_stored_row *rows = calloc(count + 1, sizeof *rows);
	if (rows == NULL) {
		fetch_tell(fetch, VD_CODE_NO_MEMORY, "no memory for what was read");
		return;
	}
	for (size_t i = 0; i < count; i++)
		rows[i].key = vd_pg_rows_bytea(fetch->rows, i, CHUNK_KEY);
	fetch->handler(fetch->arg, &(struct vd_fetched){ .rows = rows, .count = count, .is_complete = true });
	free(rows);
	fetch_free(fetch);
}

void measure_tell(struct vd_fetch *fetch)
{
	if (fetch->no_memory || fetch->rows == NULL) {
		fetch_tell(fetch, VD_CODE_NO_MEMORY, "no memory for what was read");
		return;
	}
	if (fetch->chunk_bytes > 0) {
		tell_chunks(fetch);
		return;
	}
	struct vd_fetched fetched = {
		.bytes = vd_pg_rows_int8(fetch->rows, 0, SIZE_BYTES),
		.is_complete = !fetch->is_sample && vd_pg_rows_int8(fetch->rows, 0, SIZE_ROWS) <= VD_MEASURE_ROWS,
	};
	fetch->handler(fetch->arg, &fetched);
	fetch_free(fetch);
}

struct vd_fetch *vd_fetch_measure(struct vd_member *member, struct vd_range range, bool is_sample,
	int64_t chunk_bytes, vd_fetch_handler *handler, void *arg)
{
	struct vd_fetch *fetch = fetch_new(member, FETCH_MEASURE, range, handler, arg);
	if (fetch != NULL) {
		fetch->is_sample = is_sample;
		fetch->chunk_bytes = chunk_bytes;
	}
	return fetch;
}
