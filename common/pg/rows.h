/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: what a statement gave back, read by typed getters.
 *
 * Results are binary. A getter is told row and column and returns what stands there; it borrows: what it
 * returns lives as long as the rows, and those live until the callback that was handed them returns, unless
 * they are kept (vd_pg_rows_keep). A statement names its columns and their types (pipeline.h); the pipeline
 * has checked them against the server's answer before anybody sees the rows, so a getter of the wrong type,
 * a row or a column out of range are bugs of the caller and abort.
 *
 * Null: vd_pg_rows_null says so; a getter asked for a null gives 0, false, empty, or a zero id.
 *
 * Thread: any, one at a time.
 */
#ifndef VD_COMMON_PG_ROWS_H
#define VD_COMMON_PG_ROWS_H

#include "common/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Object ids of the types that statements use; they are fixed in every PostgreSQL. */
enum vd_pg_type {
	VD_PG_BOOL = 16,
	VD_PG_BYTEA = 17,
	VD_PG_NAME = 19,
	VD_PG_INT8 = 20,
	VD_PG_INT2 = 21,
	VD_PG_INT4 = 23,
	VD_PG_TEXT = 25,
	VD_PG_OID = 26,
	VD_PG_FLOAT8 = 701,
	VD_PG_BOOL_ARRAY = 1000,
	VD_PG_BYTEA_ARRAY = 1001,
	VD_PG_INT4_ARRAY = 1007,
	VD_PG_TEXT_ARRAY = 1009,
	VD_PG_INT8_ARRAY = 1016,
	VD_PG_TIMESTAMPTZ = 1184,
	VD_PG_TIMESTAMPTZ_ARRAY = 1185,
	VD_PG_INTERVAL = 1186,
	VD_PG_VOID = 2278,
	VD_PG_UUID = 2950,
	VD_PG_UUID_ARRAY = 2951,
};

struct vd_pg_rows;

/* 16 bytes, in network order as PostgreSQL sends them. */
struct vd_pg_uuid {
	uint8_t bytes[16];
};

/* An array as it came: elements are read one after the other with vd_pg_array_next. One dimension. */
struct vd_pg_array {
	size_t count;
	/* how many were read; the rest is for the iterator alone */
	size_t at;
	const uint8_t *next;
	const uint8_t *end;
};

size_t vd_pg_rows_count(const struct vd_pg_rows *rows);
size_t vd_pg_rows_columns(const struct vd_pg_rows *rows);
/* The command's tag, such as "COMMIT", "ROLLBACK", "INSERT 0 3"; "" for none. */
const char *vd_pg_rows_tag(const struct vd_pg_rows *rows);
/* How many rows an INSERT, UPDATE, DELETE or SELECT touched, from its tag; 0 for others. */
uint64_t vd_pg_rows_affected(const struct vd_pg_rows *rows);
/* A COMMIT of an aborted transaction succeeds and says ROLLBACK: only this tells that it was committed. */
bool vd_pg_rows_committed(const struct vd_pg_rows *rows);

bool vd_pg_rows_null(const struct vd_pg_rows *rows, size_t row, size_t column);
bool vd_pg_rows_bool(const struct vd_pg_rows *rows, size_t row, size_t column);
/* int4 and also int2, widened. */
int32_t vd_pg_rows_int4(const struct vd_pg_rows *rows, size_t row, size_t column);
/* int8 and also int4, int2 and oid, widened. */
int64_t vd_pg_rows_int8(const struct vd_pg_rows *rows, size_t row, size_t column);
double vd_pg_rows_float8(const struct vd_pg_rows *rows, size_t row, size_t column);
struct vd_bytes vd_pg_rows_bytea(const struct vd_pg_rows *rows, size_t row, size_t column);
/* text and name; ends with a NUL that the length of vd_pg_rows_bytea would not count. */
const char *vd_pg_rows_text(const struct vd_pg_rows *rows, size_t row, size_t column);
struct vd_pg_uuid vd_pg_rows_uuid(const struct vd_pg_rows *rows, size_t row, size_t column);
/* Microseconds since 1970-01-01 UTC; INT64_MAX for infinity, INT64_MIN for -infinity. */
int64_t vd_pg_rows_timestamptz_us(const struct vd_pg_rows *rows, size_t row, size_t column);

/* Any array type above. A null array is an empty one. */
struct vd_pg_array vd_pg_rows_array(const struct vd_pg_rows *rows, size_t row, size_t column);
/* The next element's bytes; false at the end. For a null element *null is set and *element is empty; null may
 * be NULL where the array has none (a null then reads as empty). */
VD_MUST_USE bool vd_pg_array_next(struct vd_pg_array *array, struct vd_bytes *element, bool *null);
VD_MUST_USE bool vd_pg_array_next_int8(struct vd_pg_array *array, int64_t *element);
VD_MUST_USE bool vd_pg_array_next_int4(struct vd_pg_array *array, int32_t *element);
VD_MUST_USE bool vd_pg_array_next_timestamptz_us(struct vd_pg_array *array, int64_t *element_us);
/* From the bytes of an array in its binary form. */
struct vd_pg_array vd_pg_array_of(struct vd_bytes bytes);

/* Keep rows beyond the callback: once for each rows, inside its callback; ends with vd_pg_rows_free. NULL
 * without memory. */
VD_MUST_USE struct vd_pg_rows *vd_pg_rows_keep(const struct vd_pg_rows *rows);
void vd_pg_rows_free(struct vd_pg_rows *rows);

#endif
