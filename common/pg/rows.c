/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/rows.h"

#include "common/base/endian.h"
#include "common/pg/binary.h"
#include "common/pg/internal.h"

#include <stdlib.h>

size_t vd_pg_rows_count(const struct vd_pg_rows *rows)
{
	return (size_t)PQntuples(rows->result);
}

size_t vd_pg_rows_columns(const struct vd_pg_rows *rows)
{
	return (size_t)PQnfields(rows->result);
}

const char *vd_pg_rows_tag(const struct vd_pg_rows *rows)
{
	const char *tag = PQcmdStatus(rows->result);
	return tag == NULL ? "" : tag;
}

uint64_t vd_pg_rows_affected(const struct vd_pg_rows *rows)
{
	return strtoull(PQcmdTuples(rows->result), NULL, 10);
}

bool vd_pg_rows_committed(const struct vd_pg_rows *rows)
{
	return strcmp(vd_pg_rows_tag(rows), "COMMIT") == 0;
}

bool vd_pg_rows_null(const struct vd_pg_rows *rows, size_t row, size_t column)
{
	VD_ASSERT(row < vd_pg_rows_count(rows) && column < vd_pg_rows_columns(rows));
	return PQgetisnull(rows->result, (int)row, (int)column) != 0;
}

/* The bytes of a field; empty for a null. */
static struct vd_bytes field(const struct vd_pg_rows *rows, size_t row, size_t column, Oid *type)
{
	if (type != NULL)
		*type = PQftype(rows->result, (int)column);
	if (vd_pg_rows_null(rows, row, column))
		return vd_bytes_of(NULL, 0);
	VD_ASSERT(PQfformat(rows->result, (int)column) == 1);
	return vd_bytes_of(PQgetvalue(rows->result, (int)row, (int)column),
		(size_t)PQgetlength(rows->result, (int)row, (int)column));
}

bool vd_pg_rows_bool(const struct vd_pg_rows *rows, size_t row, size_t column)
{
	Oid type;
	struct vd_bytes bytes = field(rows, row, column, &type);
	VD_ASSERT(type == VD_PG_BOOL);
	return bytes.size == 1 && bytes.data[0] != 0;
}

static int64_t integer(struct vd_bytes bytes)
{
	switch (bytes.size) {
	case 0:
		return 0;
	case 2:
		return (int16_t)vd_load_be16(bytes.data);
	case 4:
		return (int32_t)vd_load_be32(bytes.data);
	case 8:
		return (int64_t)vd_load_be64(bytes.data);
	default:
		VD_UNREACHABLE("an integer of 2, 4 or 8 bytes");
	}
}

int32_t vd_pg_rows_int4(const struct vd_pg_rows *rows, size_t row, size_t column)
{
	Oid type;
	struct vd_bytes bytes = field(rows, row, column, &type);
	VD_ASSERT(type == VD_PG_INT4 || type == VD_PG_INT2);
	return (int32_t)integer(bytes);
}

int64_t vd_pg_rows_int8(const struct vd_pg_rows *rows, size_t row, size_t column)
{
	Oid type;
	struct vd_bytes bytes = field(rows, row, column, &type);
	VD_ASSERT(type == VD_PG_INT8 || type == VD_PG_INT4 || type == VD_PG_INT2 || type == VD_PG_OID);
	int64_t value = integer(bytes);
	return type == VD_PG_OID ? (int64_t)(uint32_t)value : value;
}

double vd_pg_rows_float8(const struct vd_pg_rows *rows, size_t row, size_t column)
{
	Oid type;
	struct vd_bytes bytes = field(rows, row, column, &type);
	VD_ASSERT(type == VD_PG_FLOAT8);
	double value;
	int64_t bits = integer(bytes);
	memcpy(&value, &bits, sizeof value);
	return value;
}

struct vd_bytes vd_pg_rows_bytea(const struct vd_pg_rows *rows, size_t row, size_t column)
{
	Oid type;
	struct vd_bytes bytes = field(rows, row, column, &type);
	VD_ASSERT(type == VD_PG_BYTEA);
	return bytes;
}

const char *vd_pg_rows_text(const struct vd_pg_rows *rows, size_t row, size_t column)
{
	Oid type;
	struct vd_bytes bytes = field(rows, row, column, &type);
	VD_ASSERT(type == VD_PG_TEXT || type == VD_PG_NAME);
	return bytes.data == NULL ? "" : (const char *)bytes.data; /* libpq puts a NUL behind every field */
}

struct vd_pg_uuid vd_pg_rows_uuid(const struct vd_pg_rows *rows, size_t row, size_t column)
{
	Oid type;
	struct vd_pg_uuid uuid = { { 0 } };
	struct vd_bytes bytes = field(rows, row, column, &type);
	VD_ASSERT(type == VD_PG_UUID);
	if (bytes.size == sizeof uuid.bytes)
		memcpy(uuid.bytes, bytes.data, sizeof uuid.bytes);
	return uuid;
}

int64_t vd_pg_rows_timestamptz_us(const struct vd_pg_rows *rows, size_t row, size_t column)
{
	Oid type;
	struct vd_bytes bytes = field(rows, row, column, &type);
	VD_ASSERT(type == VD_PG_TIMESTAMPTZ);
	return bytes.size == 0 ? 0 : binary_time_to_unix_us(integer(bytes));
}

struct vd_pg_array vd_pg_rows_array(const struct vd_pg_rows *rows, size_t row, size_t column)
{
	struct vd_bytes bytes = field(rows, row, column, NULL);
	return vd_pg_array_of(bytes);
}

struct vd_pg_array vd_pg_array_of(struct vd_bytes bytes)
{
	struct vd_pg_array array = { 0 };
	if (bytes.size < BINARY_ARRAY_HEADER_BYTES)
		return array;
	VD_ASSERT(vd_load_be32(bytes.data) == 1); /* one dimension */
	array.count = vd_load_be32(bytes.data + 12);
	array.next = bytes.data + BINARY_ARRAY_HEADER_BYTES;
	array.end = bytes.data + bytes.size;
	return array;
}

bool vd_pg_array_next(struct vd_pg_array *array, struct vd_bytes *element, bool *null)
{
	if (array->at == array->count)
		return false;
	VD_ASSERT(array->end - array->next >= 4);
	uint32_t size = vd_load_be32(array->next);
	bool is_null = size == UINT32_MAX;
	array->next += 4;
	*element = vd_bytes_of(array->next, is_null ? 0 : size);
	VD_ASSERT((size_t)(array->end - array->next) >= element->size);
	array->next += element->size;
	array->at++;
	if (null != NULL)
		*null = is_null;
	return true;
}

bool vd_pg_array_next_int8(struct vd_pg_array *array, int64_t *element)
{
	struct vd_bytes bytes;
	if (!vd_pg_array_next(array, &bytes, NULL))
		return false;
	*element = integer(bytes);
	return true;
}

bool vd_pg_array_next_int4(struct vd_pg_array *array, int32_t *element)
{
	struct vd_bytes bytes;
	if (!vd_pg_array_next(array, &bytes, NULL))
		return false;
	*element = (int32_t)integer(bytes);
	return true;
}

bool vd_pg_array_next_timestamptz_us(struct vd_pg_array *array, int64_t *element_us)
{
	if (!vd_pg_array_next_int8(array, element_us))
		return false;
	*element_us = binary_time_to_unix_us(*element_us);
	return true;
}

struct vd_pg_rows *vd_pg_rows_keep(const struct vd_pg_rows *rows)
{
	struct vd_pg_rows *kept = malloc(sizeof *kept);
	if (kept == NULL)
		return NULL;
	VD_ASSERT(!rows->kept);
	*kept = *rows;
	((struct vd_pg_rows *)(uintptr_t)rows)->kept =
		true; /* the pipeline's own, which then lets go of the result */
	return kept;
}

void vd_pg_rows_free(struct vd_pg_rows *rows)
{
	if (rows == NULL)
		return;
	PQclear(rows->result);
	free(rows);
}
