/* SPDX-License-Identifier: Apache-2.0 */
/* The binary forms are those of the types' receive functions in PostgreSQL (src/backend/utils/adt: array_recv, int8recv,
 * timestamptz_recv, …). */
#include "common/pg/params.h"

#include "common/base/arena.h"
#include "common/base/endian.h"
#include "common/pg/binary.h"

#include <limits.h>

/* PostgreSQL takes no field of 1 GB or more (MaxAllocSize). */
static const size_t field_bytes_max = 0x3fffffff;

void vd_pg_params_init(struct vd_pg_params *params, struct vd_arena *arena)
{
	params->arena = arena;
	params->count = 0;
	params->spoiled = NULL;
}

static void spoil(struct vd_pg_params *params, const char *sqlstate)
{
	if (params->spoiled == NULL)
		params->spoiled = sqlstate;
}

static void put(struct vd_pg_params *params, enum vd_pg_type type, const void *data, size_t size)
{
	VD_ASSERT(params->count < VD_PG_PARAMS_MAX);
	if (size > field_bytes_max) {
		spoil(params, "54000");
		size = 0;
	}
	params->values[params->count] = data;
	params->lengths[params->count] = (int)size;
	params->types[params->count] = type;
	params->count++;
}

/* Room for a value of `size` bytes, already put; NULL if the arena has none. */
static uint8_t *put_new(struct vd_pg_params *params, enum vd_pg_type type, size_t size)
{
	uint8_t *data = size > field_bytes_max ? NULL : vd_arena_alloc_bytes(params->arena, size);
	if (data == NULL)
		spoil(params, size > field_bytes_max ? "54000" : "53200");
	put(params, type, data, data == NULL ? 0 : size);
	return data;
}

void vd_pg_params_null(struct vd_pg_params *params, enum vd_pg_type type)
{
	put(params, type, NULL, 0);
}

void vd_pg_params_bool(struct vd_pg_params *params, bool value)
{
	put(params, VD_PG_BOOL, value ? "\1" : "\0", 1);
}

void vd_pg_params_int4(struct vd_pg_params *params, int32_t value)
{
	uint8_t *data = put_new(params, VD_PG_INT4, 4);
	if (data != NULL)
		vd_store_be32(data, (uint32_t)value);
}

static void put_int8(struct vd_pg_params *params, enum vd_pg_type type, int64_t value)
{
	uint8_t *data = put_new(params, type, 8);
	if (data != NULL)
		vd_store_be64(data, (uint64_t)value);
}

void vd_pg_params_int8(struct vd_pg_params *params, int64_t value)
{
	put_int8(params, VD_PG_INT8, value);
}

void vd_pg_params_float8(struct vd_pg_params *params, double value)
{
	int64_t bits;
	memcpy(&bits, &value, sizeof bits);
	put_int8(params, VD_PG_FLOAT8, bits);
}

void vd_pg_params_timestamptz_us(struct vd_pg_params *params, int64_t value_us)
{
	put_int8(params, VD_PG_TIMESTAMPTZ, binary_time_of_unix_us(value_us));
}

void vd_pg_params_interval_ms(struct vd_pg_params *params, int64_t value_ms)
{
	uint8_t *data = put_new(params, VD_PG_INTERVAL, 16);
	if (data == NULL)
		return;
	vd_store_be64(data, (uint64_t)value_ms * 1000);
	vd_store_be64(data + 8, 0); /* days, months */
}

void vd_pg_params_bytea(struct vd_pg_params *params, struct vd_bytes value)
{
	/* a NULL would be a null, not an empty value */
	put(params, VD_PG_BYTEA, value.size == 0 ? (const void *)"" : value.data, value.size);
}

void vd_pg_params_text(struct vd_pg_params *params, const char *value)
{
	put(params, VD_PG_TEXT, value, value == NULL ? 0 : strlen(value));
}

void vd_pg_params_uuid(struct vd_pg_params *params, const uint8_t value[16])
{
	put(params, VD_PG_UUID, value, 16);
}

/* An array's header, and behind it room for payload_bytes and the length word of each element; NULL if there is none.
 * An array without elements has no dimension. */
static uint8_t *put_array(struct vd_pg_params *params, enum vd_pg_type type, enum vd_pg_type element,
	size_t count, size_t payload_bytes, bool nulls)
{
	if (count > INT_MAX / 4 || payload_bytes > field_bytes_max) {
		spoil(params, "54000");
		put(params, type, NULL, 0);
		return NULL;
	}
	size_t header_bytes = count == 0 ? BINARY_ARRAY_EMPTY_BYTES : BINARY_ARRAY_HEADER_BYTES;
	uint8_t *data = put_new(params, type, header_bytes + 4 * count + payload_bytes);
	if (data == NULL)
		return NULL;
	vd_store_be32(data, count == 0 ? 0 : 1);
	vd_store_be32(data + 4, nulls ? 1 : 0);
	vd_store_be32(data + 8, element);
	if (count > 0) {
		vd_store_be32(data + 12, (uint32_t)count);
		vd_store_be32(data + 16, 1); /* the first index */
	}
	return data + header_bytes;
}

void vd_pg_params_int4_array(struct vd_pg_params *params, const int32_t *values, size_t count)
{
	uint8_t *at = put_array(params, VD_PG_INT4_ARRAY, VD_PG_INT4, count, 4 * count, false);
	for (size_t i = 0; at != NULL && i < count; i++, at += 8) {
		vd_store_be32(at, 4);
		vd_store_be32(at + 4, (uint32_t)values[i]);
	}
}

void vd_pg_params_int8_array(struct vd_pg_params *params, const int64_t *values, size_t count)
{
	uint8_t *at = put_array(params, VD_PG_INT8_ARRAY, VD_PG_INT8, count, 8 * count, false);
	for (size_t i = 0; at != NULL && i < count; i++, at += 12) {
		vd_store_be32(at, 8);
		vd_store_be64(at + 4, (uint64_t)values[i]);
	}
}

void vd_pg_params_timestamptz_us_array(struct vd_pg_params *params, const int64_t *values_us, size_t count)
{
	uint8_t *at = put_array(params, VD_PG_TIMESTAMPTZ_ARRAY, VD_PG_TIMESTAMPTZ, count, 8 * count, false);
	for (size_t i = 0; at != NULL && i < count; i++, at += 12) {
		vd_store_be32(at, 8);
		vd_store_be64(at + 4, (uint64_t)binary_time_of_unix_us(values_us[i]));
	}
}

static uint8_t *put_element(uint8_t *at, const void *data, size_t size)
{
	vd_store_be32(at, (uint32_t)size);
	if (size > 0)
		memcpy(at + 4, data, size);
	return at + 4 + size;
}

void vd_pg_params_uuid_array(struct vd_pg_params *params, const struct vd_pg_uuid *values, size_t count)
{
	uint8_t *at = put_array(params, VD_PG_UUID_ARRAY, VD_PG_UUID, count, 16 * count, false);
	for (size_t i = 0; at != NULL && i < count; i++)
		at = put_element(at, values[i].bytes, 16);
}

/* Stops counting beyond what any array may hold, so that the sum cannot overflow. */
static size_t add_capped(size_t sum, size_t more)
{
	return sum > field_bytes_max || more > field_bytes_max ? field_bytes_max + 1 : sum + more;
}

void vd_pg_params_text_array(struct vd_pg_params *params, const char *const *values, size_t count)
{
	size_t payload_bytes = 0;
	for (size_t i = 0; i < count; i++)
		payload_bytes = add_capped(payload_bytes, strlen(values[i]));
	uint8_t *at = put_array(params, VD_PG_TEXT_ARRAY, VD_PG_TEXT, count, payload_bytes, false);
	for (size_t i = 0; at != NULL && i < count; i++)
		at = put_element(at, values[i], strlen(values[i]));
}

void vd_pg_params_bytea_array(struct vd_pg_params *params, const struct vd_bytes *values, size_t count)
{
	vd_pg_params_bytea_array_nulls(params, values, NULL, count);
}

void vd_pg_params_bytea_array_nulls(
	struct vd_pg_params *params, const struct vd_bytes *values, const bool *nulls, size_t count)
{
	size_t payload_bytes = 0;
	bool any = false;
	for (size_t i = 0; i < count; i++) {
		if (nulls != NULL && nulls[i])
			any = true;
		else
			payload_bytes = add_capped(payload_bytes, values[i].size);
	}
	uint8_t *at = put_array(params, VD_PG_BYTEA_ARRAY, VD_PG_BYTEA, count, payload_bytes, any);
	for (size_t i = 0; at != NULL && i < count; i++) {
		if (nulls != NULL && nulls[i]) {
			vd_store_be32(at, UINT32_MAX);
			at += 4;
		} else {
			at = put_element(at, values[i].data, values[i].size);
		}
	}
}
