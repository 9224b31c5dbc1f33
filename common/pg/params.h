/* SPDX-License-Identifier: Apache-2.0 */
/* Params: the values of a statement, in PostgreSQL's binary form.
 *
 * A set of params is filled from left to right, each value by its own function, and handed to vd_pg_query.
 *All encoding goes into the caller's arena, so nothing is freed one by one; bytes, text and uuids that stand
 *alone are borrowed and not copied. Everything must live until vd_pg_segment_end, which copies it into the
 *connection.
 *
 * Filling never fails at the call: if the arena is at its limit, or an array outgrows what PostgreSQL takes
 * (1 GB), the params are spoiled, and the segment that uses them ends with an error (SQLSTATE 53200 or
 *54000).
 *
 *	struct vd_pg_params params;
 *	vd_pg_params_init(&params, &arena);
 *	vd_pg_params_int8(&params, version);
 *	vd_pg_params_bytea_array(&params, keys, count);
 *	vd_pg_query(segment, &statement, &params, on_rows, batch);
 *
 * Thread: any, one at a time.
 */
#ifndef VD_COMMON_PG_PARAMS_H
#define VD_COMMON_PG_PARAMS_H

#include "common/base/bytes.h"
#include "common/pg/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vd_arena;

enum { VD_PG_PARAMS_MAX = 24 };

struct vd_pg_params {
	struct vd_arena *arena;
	size_t count;
	/* NULL, or the SQLSTATE of what went wrong */
	const char *spoiled;
	const char *values[VD_PG_PARAMS_MAX];
	int lengths[VD_PG_PARAMS_MAX];
	uint32_t types[VD_PG_PARAMS_MAX];
};

void vd_pg_params_init(struct vd_pg_params *params, struct vd_arena *arena);

void vd_pg_params_null(struct vd_pg_params *params, enum vd_pg_type type);
void vd_pg_params_bool(struct vd_pg_params *params, bool value);
void vd_pg_params_int4(struct vd_pg_params *params, int32_t value);
void vd_pg_params_int8(struct vd_pg_params *params, int64_t value);
void vd_pg_params_float8(struct vd_pg_params *params, double value);
/* Microseconds since 1970-01-01 UTC; INT64_MAX and INT64_MIN are the infinities. */
void vd_pg_params_timestamptz_us(struct vd_pg_params *params, int64_t value_us);
void vd_pg_params_interval_ms(struct vd_pg_params *params, int64_t value_ms);
/* Borrowed. */
void vd_pg_params_bytea(struct vd_pg_params *params, struct vd_bytes value);
/* Borrowed; ends with NUL; NULL is a null. */
void vd_pg_params_text(struct vd_pg_params *params, const char *value);
/* Borrowed: 16 bytes in network order. */
void vd_pg_params_uuid(struct vd_pg_params *params, const uint8_t value[16]);

/* Arrays of one dimension, without nulls. values may be NULL if count is 0. */
void vd_pg_params_int4_array(struct vd_pg_params *params, const int32_t *values, size_t count);
void vd_pg_params_int8_array(struct vd_pg_params *params, const int64_t *values, size_t count);
void vd_pg_params_timestamptz_us_array(struct vd_pg_params *params, const int64_t *values_us, size_t count);
void vd_pg_params_bytea_array(struct vd_pg_params *params, const struct vd_bytes *values, size_t count);
void vd_pg_params_text_array(struct vd_pg_params *params, const char *const *values, size_t count);
void vd_pg_params_uuid_array(struct vd_pg_params *params, const struct vd_pg_uuid *values, size_t count);
/* Where nulls[i], the element is null and values[i] is not looked at. */
void vd_pg_params_bytea_array_nulls(
	struct vd_pg_params *params, const struct vd_bytes *values, const bool *nulls, size_t count);

#endif
