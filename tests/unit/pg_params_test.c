/* SPDX-License-Identifier: Apache-2.0 */
/* The encodings byte by byte, and what is done when there is no room. Against a server: tests/integration/pg_values_test.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/arena.h"
#include "common/pg/params.h"

static struct vd_arena arena;
static struct vd_pg_params params;

static int setup(void **state)
{
	(void)state;
	vd_arena_init(&arena, SIZE_MAX);
	vd_pg_params_init(&params, &arena);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vd_arena_fini(&arena);
	return 0;
}

#define ASSERT_PARAM(i, type, bytes)                                                                         \
	do {                                                                                                     \
		assert_int_equal(params.types[i], type);                                                             \
		assert_int_equal(params.lengths[i], sizeof(bytes) - 1);                                              \
		assert_memory_equal(params.values[i], bytes, sizeof(bytes) - 1);                                     \
	} while (0)

static void scalars_are_big_endian(void **state)
{
	(void)state;
	vd_pg_params_bool(&params, false);
	vd_pg_params_int4(&params, -2);
	vd_pg_params_int8(&params, 0x0102030405060708);
	vd_pg_params_timestamptz_us(&params, INT64_C(946684800000001));
	vd_pg_params_interval_ms(&params, 1);
	vd_pg_params_bytea(&params, vd_bytes_of(NULL, 0));
	vd_pg_params_null(&params, VD_PG_TEXT);
	assert_int_equal(params.count, 7);
	ASSERT_PARAM(0, VD_PG_BOOL, "\0");
	ASSERT_PARAM(1, VD_PG_INT4, "\xff\xff\xff\xfe");
	ASSERT_PARAM(2, VD_PG_INT8, "\1\2\3\4\5\6\7\10");
	ASSERT_PARAM(3, VD_PG_TIMESTAMPTZ, "\0\0\0\0\0\0\0\1");
	ASSERT_PARAM(4, VD_PG_INTERVAL, "\0\0\0\0\0\0\3\xe8\0\0\0\0\0\0\0\0");
	assert_non_null(params.values[5]);
	assert_int_equal(params.lengths[5], 0);
	assert_null(params.values[6]);
	assert_null(params.spoiled);
}

static void arrays_have_the_server_s_form(void **state)
{
	(void)state;
	static const struct vd_bytes values[] = { { (const uint8_t *)"ab", 2 }, { NULL, 0 } };
	static const bool nulls[] = { false, true };
	static const int64_t numbers[] = { 1 };
	vd_pg_params_bytea_array_nulls(&params, values, nulls, 2);
	vd_pg_params_int8_array(&params, numbers, 1);
	vd_pg_params_text_array(&params, NULL, 0);
	ASSERT_PARAM(0, VD_PG_BYTEA_ARRAY,
		"\0\0\0\1\0\0\0\1\0\0\0\x11\0\0\0\2\0\0\0\1\0\0\0\2"
		"ab\xff\xff\xff\xff");
	ASSERT_PARAM(1, VD_PG_INT8_ARRAY, "\0\0\0\1\0\0\0\0\0\0\0\x14\0\0\0\1\0\0\0\1\0\0\0\10\0\0\0\0\0\0\0\1");
	ASSERT_PARAM(2, VD_PG_TEXT_ARRAY, "\0\0\0\0\0\0\0\0\0\0\0\x19");
	struct vd_bytes element;
	bool null;
	struct vd_pg_array array = vd_pg_array_of(vd_bytes_of(params.values[0], (size_t)params.lengths[0]));
	assert_int_equal(array.count, 2);
	assert_true(vd_pg_array_next(&array, &element, &null) && !null && element.size == 2);
	assert_true(vd_pg_array_next(&array, &element, &null) && null);
	assert_false(vd_pg_array_next(&array, &element, &null));
}

static void without_room_the_params_are_spoiled(void **state)
{
	struct vd_arena small;
	static const int64_t numbers[100] = { 1 };
	(void)state;
	vd_arena_init(&small, 1);
	vd_pg_params_init(&params, &small);
	vd_pg_params_int8_array(&params, numbers, 100);
	vd_pg_params_int8(&params, 1);
	assert_int_equal(params.count, 2); /* the places of the others stay right */
	assert_string_equal(params.spoiled, "53200");
	vd_arena_fini(&small);
}

static void what_is_too_large_for_the_server_is_refused_here(void **state)
{
	(void)state;
	/* never read: only the sizes count */
	const struct vd_bytes halves[] = { { (const uint8_t *)"", 0x20000000 },
		{ (const uint8_t *)"", 0x20000000 } };
	const struct vd_bytes endless[] = { { (const uint8_t *)"", SIZE_MAX },
		{ (const uint8_t *)"", SIZE_MAX } };
	vd_pg_params_bytea_array(&params, halves, 2);
	assert_string_equal(params.spoiled, "54000");
	vd_pg_params_init(&params, &arena);
	vd_pg_params_bytea_array(&params, endless, 2);
	assert_string_equal(params.spoiled, "54000");
	vd_pg_params_init(&params, &arena);
	vd_pg_params_bytea(&params, endless[0]);
	assert_string_equal(params.spoiled, "54000");
	vd_pg_params_init(&params, &arena);
	vd_pg_params_int8_array(&params, (const int64_t[]){ 1 }, SIZE_MAX / 8);
	assert_string_equal(params.spoiled, "54000");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(scalars_are_big_endian),
		CASE(arrays_have_the_server_s_form),
		CASE(without_room_the_params_are_spoiled),
		CASE(what_is_too_large_for_the_server_is_refused_here),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
