/* SPDX-License-Identifier: Apache-2.0 */
/* Params and rows against the server: what goes in binary comes back the same, and means the same to PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/pg_fixture.h"

static const struct vd_pg_statement scalars = {
	.name = "scalars",
	.sql =
		"SELECT $1 AS b, $2 AS i4, $3 AS i8, $4 AS f8, $5 AS by, $6 AS tx, $7 AS id, $8 AS ts, $9 AS nothing,"
		" $3::text AS i8_text, $7::text AS id_text, extract(epoch FROM $8)::int8 AS ts_s, $4::text AS "
		"f8_text,"
		" (extract(epoch FROM $10::interval) * 1000)::int8 AS iv_ms, 7::int2 AS i2, 4000000000::oid AS o",
	.params = { VD_PG_BOOL, VD_PG_INT4, VD_PG_INT8, VD_PG_FLOAT8, VD_PG_BYTEA, VD_PG_TEXT, VD_PG_UUID,
		VD_PG_TIMESTAMPTZ, VD_PG_INT8, VD_PG_INTERVAL },
	.columns = { { "b", VD_PG_BOOL }, { "i4", VD_PG_INT4 }, { "i8", VD_PG_INT8 }, { "f8", VD_PG_FLOAT8 },
		{ "by", VD_PG_BYTEA }, { "tx", VD_PG_TEXT }, { "id", VD_PG_UUID }, { "ts", VD_PG_TIMESTAMPTZ },
		{ "nothing", VD_PG_INT8 }, { "i8_text", VD_PG_TEXT }, { "id_text", VD_PG_TEXT },
		{ "ts_s", VD_PG_INT8 }, { "f8_text", VD_PG_TEXT }, { "iv_ms", VD_PG_INT8 }, { "i2", VD_PG_INT2 },
		{ "o", VD_PG_OID } },
};

static const uint8_t uuid[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb,
	0xcc, 0xdd, 0xee, 0xff };

static int setup(void **state)
{
	static struct fixture f;
	fixture_init(&f);
	fixture_connect(&f);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	return 0;
}

static void keep(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_pg_rows **kept = arg;
	*kept = vd_pg_rows_keep(rows);
	assert_non_null(*kept);
}

/* The rows of one statement. */
static struct vd_pg_rows *ask(
	struct fixture *f, const struct vd_pg_statement *statement, const struct vd_pg_params *params)
{
	struct vd_pg_rows *kept = NULL;
	struct seen seen = { .fixture = f };
	struct vd_pg_segment *segment = vd_pg_segment_begin(f->pg);
	vd_pg_query(segment, statement, params, keep, &kept);
	vd_pg_segment_end(segment, seen_outcome, &seen);
	FIXTURE_RUN_UNTIL(f, seen.times > 0);
	if (seen.status != VD_PG_OK)
		fail_msg("%s", seen.message);
	return kept;
}

static void scalars_go_and_come(void **state)
{
	struct fixture *f = *state;
	struct vd_pg_params params;
	static const uint8_t bytes[] = { 0, 1, 0xff, '\\', '\'' };
	vd_pg_params_init(&params, &f->arena);
	vd_pg_params_bool(&params, true);
	vd_pg_params_int4(&params, INT32_MIN);
	vd_pg_params_int8(&params, INT64_C(-1234567890123));
	vd_pg_params_float8(&params, 0.25);
	vd_pg_params_bytea(&params, vd_bytes_of(bytes, sizeof bytes));
	vd_pg_params_text(&params, "größer");
	vd_pg_params_uuid(&params, uuid);
	vd_pg_params_timestamptz_us(&params, INT64_C(1000000000000000));
	vd_pg_params_null(&params, VD_PG_INT8);
	vd_pg_params_interval_ms(&params, 90061001);
	struct vd_pg_rows *rows = ask(f, &scalars, &params);
	assert_int_equal(vd_pg_rows_count(rows), 1);
	assert_int_equal(vd_pg_rows_columns(rows), 16);
	assert_string_equal(vd_pg_rows_tag(rows), "SELECT 1");
	assert_int_equal(vd_pg_rows_affected(rows), 1);
	assert_true(vd_pg_rows_bool(rows, 0, 0));
	assert_int_equal(vd_pg_rows_int4(rows, 0, 1), INT32_MIN);
	assert_int_equal(vd_pg_rows_int8(rows, 0, 2), INT64_C(-1234567890123));
	assert_true(vd_pg_rows_float8(rows, 0, 3) == 0.25);
	assert_true(vd_bytes_equal(vd_pg_rows_bytea(rows, 0, 4), vd_bytes_of(bytes, sizeof bytes)));
	assert_string_equal(vd_pg_rows_text(rows, 0, 5), "größer");
	assert_memory_equal(vd_pg_rows_uuid(rows, 0, 6).bytes, uuid, 16);
	assert_int_equal(vd_pg_rows_timestamptz_us(rows, 0, 7), INT64_C(1000000000000000));
	assert_true(vd_pg_rows_null(rows, 0, 8));
	assert_false(vd_pg_rows_null(rows, 0, 7));
	assert_int_equal(vd_pg_rows_int8(rows, 0, 8), 0);
	assert_string_equal(vd_pg_rows_text(rows, 0, 9), "-1234567890123");
	assert_string_equal(vd_pg_rows_text(rows, 0, 10), "00112233-4455-6677-8899-aabbccddeeff");
	assert_int_equal(vd_pg_rows_int8(rows, 0, 11), 1000000000);
	assert_string_equal(vd_pg_rows_text(rows, 0, 12), "0.25");
	assert_int_equal(vd_pg_rows_int8(rows, 0, 13), 90061001);
	assert_int_equal(vd_pg_rows_int4(rows, 0, 14), 7);
	assert_int_equal(vd_pg_rows_int8(rows, 0, 15), INT64_C(4000000000));
	vd_pg_rows_free(rows);
}

static void empty_is_not_null(void **state)
{
	static const struct vd_pg_statement statement = {
		.name = "empty",
		.sql =
			"SELECT $1 IS NULL AS a, octet_length($1)::int8 AS b, $2 IS NULL AS c, $3 IS NULL AS d, $1 AS e",
		.params = { VD_PG_BYTEA, VD_PG_TEXT, VD_PG_TEXT },
	};
	struct fixture *f = *state;
	struct vd_pg_params params;
	vd_pg_params_init(&params, &f->arena);
	vd_pg_params_bytea(&params, vd_bytes_of(NULL, 0));
	vd_pg_params_text(&params, "");
	vd_pg_params_text(&params, NULL);
	struct vd_pg_rows *rows = ask(f, &statement, &params);
	assert_false(vd_pg_rows_bool(rows, 0, 0));
	assert_int_equal(vd_pg_rows_int8(rows, 0, 1), 0);
	assert_false(vd_pg_rows_bool(rows, 0, 2));
	assert_true(vd_pg_rows_bool(rows, 0, 3));
	assert_false(vd_pg_rows_null(rows, 0, 4));
	assert_int_equal(vd_pg_rows_bytea(rows, 0, 4).size, 0);
	vd_pg_rows_free(rows);
}

static void infinities_stay(void **state)
{
	static const struct vd_pg_statement statement = {
		.name = "infinities",
		.sql = "SELECT $1 = 'infinity' AND $2 = '-infinity' AS a, 'infinity'::timestamptz AS b, "
			   "'-infinity'::timestamptz AS c",
		.params = { VD_PG_TIMESTAMPTZ, VD_PG_TIMESTAMPTZ },
	};
	struct fixture *f = *state;
	struct vd_pg_params params;
	vd_pg_params_init(&params, &f->arena);
	vd_pg_params_timestamptz_us(&params, INT64_MAX);
	vd_pg_params_timestamptz_us(&params, INT64_MIN);
	struct vd_pg_rows *rows = ask(f, &statement, &params);
	assert_true(vd_pg_rows_bool(rows, 0, 0));
	assert_true(vd_pg_rows_timestamptz_us(rows, 0, 1) == INT64_MAX);
	assert_true(vd_pg_rows_timestamptz_us(rows, 0, 2) == INT64_MIN);
	vd_pg_rows_free(rows);
}

static const struct vd_pg_statement arrays = {
	.name = "arrays",
	.sql = "SELECT $1 AS i4, $2 AS i8, $3 AS by, $4 AS tx, $5 AS id, $6 AS ts, $3::text AS by_text, $1::text "
		   "AS i4_text,"
		   " coalesce(array_length($3, 1), 0)::int8 AS length",
	.params = { VD_PG_INT4_ARRAY, VD_PG_INT8_ARRAY, VD_PG_BYTEA_ARRAY, VD_PG_TEXT_ARRAY, VD_PG_UUID_ARRAY,
		VD_PG_TIMESTAMPTZ_ARRAY },
};

static void arrays_go_and_come(void **state)
{
	struct fixture *f = *state;
	struct vd_pg_params params;
	static const int32_t i4[] = { 1, -2, INT32_MAX };
	static const int64_t i8[] = { INT64_MIN, 0, INT64_MAX };
	static const struct vd_bytes by[] = { { (const uint8_t *)"a\0b", 3 }, { NULL, 0 }, { NULL, 0 } };
	static const bool nulls[] = { false, false, true };
	static const char *const tx[] = { "one", "", "NULL" };
	struct vd_pg_uuid ids[2] = { { { 0 } }, { { 1 } } };
	vd_pg_params_init(&params, &f->arena);
	vd_pg_params_int4_array(&params, i4, 3);
	vd_pg_params_int8_array(&params, i8, 3);
	vd_pg_params_bytea_array_nulls(&params, by, nulls, 3);
	vd_pg_params_text_array(&params, tx, 3);
	vd_pg_params_uuid_array(&params, ids, 2);
	vd_pg_params_timestamptz_us_array(&params, i8, 3);
	struct vd_pg_rows *rows = ask(f, &arrays, &params);

	struct vd_pg_array array = vd_pg_rows_array(rows, 0, 0);
	int32_t number4;
	assert_int_equal(array.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(vd_pg_array_next_int4(&array, &number4));
		assert_int_equal(number4, i4[i]);
	}
	assert_false(vd_pg_array_next_int4(&array, &number4));

	array = vd_pg_rows_array(rows, 0, 1);
	int64_t number8;
	for (size_t i = 0; i < 3; i++) {
		assert_true(vd_pg_array_next_int8(&array, &number8));
		assert_true(number8 == i8[i]);
	}
	array = vd_pg_rows_array(rows, 0, 5);
	for (size_t i = 0; i < 3; i++) {
		assert_true(vd_pg_array_next_timestamptz_us(&array, &number8));
		assert_true(number8 == i8[i]);
	}
	struct vd_bytes element;
	bool null;
	array = vd_pg_rows_array(rows, 0, 2);
	assert_true(vd_pg_array_next(&array, &element, &null));
	assert_true(!null && vd_bytes_equal(element, by[0]));
	assert_true(vd_pg_array_next(&array, &element, &null));
	assert_true(!null && element.size == 0);
	assert_true(vd_pg_array_next(&array, &element, &null));
	assert_true(null);
	assert_false(vd_pg_array_next(&array, &element, &null));

	array = vd_pg_rows_array(rows, 0, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(vd_pg_array_next(&array, &element, NULL));
		assert_true(vd_bytes_equal(element, vd_bytes_of_string(tx[i])));
	}
	array = vd_pg_rows_array(rows, 0, 4);
	for (size_t i = 0; i < 2; i++) {
		assert_true(vd_pg_array_next(&array, &element, NULL));
		assert_int_equal(element.size, 16);
		assert_memory_equal(element.data, ids[i].bytes, 16);
	}
	assert_string_equal(vd_pg_rows_text(rows, 0, 6), "{\"\\\\x610062\",\"\\\\x\",NULL}");
	assert_string_equal(vd_pg_rows_text(rows, 0, 7), "{1,-2,2147483647}");
	assert_int_equal(vd_pg_rows_int8(rows, 0, 8), 3);
	vd_pg_rows_free(rows);
}

static void empty_arrays_go_and_come(void **state)
{
	struct fixture *f = *state;
	struct vd_pg_params params;
	vd_pg_params_init(&params, &f->arena);
	vd_pg_params_int4_array(&params, NULL, 0);
	vd_pg_params_int8_array(&params, NULL, 0);
	vd_pg_params_bytea_array(&params, NULL, 0);
	vd_pg_params_text_array(&params, NULL, 0);
	vd_pg_params_uuid_array(&params, NULL, 0);
	vd_pg_params_null(&params, VD_PG_TIMESTAMPTZ_ARRAY);
	struct vd_pg_rows *rows = ask(f, &arrays, &params);
	for (size_t column = 0; column < 6; column++) {
		struct vd_bytes element;
		struct vd_pg_array array = vd_pg_rows_array(rows, 0, column);
		assert_int_equal(array.count, 0);
		assert_false(vd_pg_array_next(&array, &element, NULL));
		assert_int_equal(vd_pg_rows_null(rows, 0, column), column == 5);
	}
	assert_string_equal(vd_pg_rows_text(rows, 0, 7), "{}");
	vd_pg_rows_free(rows);
}

static void many_random_arrays_go_and_come(void **state)
{
	enum { ELEMENTS = 5000 };
	static const struct vd_pg_statement statement = {
		.name = "unnested",
		.sql = "SELECT k, v FROM unnest($1, $2) WITH ORDINALITY AS u(k, v, n) ORDER BY n",
		.params = { VD_PG_BYTEA_ARRAY, VD_PG_INT8_ARRAY },
		.columns = { { "k", VD_PG_BYTEA }, { "v", VD_PG_INT8 } },
	};
	struct fixture *f = *state;
	struct vd_rng rng;
	struct vd_pg_params params;
	struct vd_bytes *keys = vd_arena_array(&f->arena, ELEMENTS, sizeof *keys);
	int64_t *values = vd_arena_array(&f->arena, ELEMENTS, sizeof *values);
	vd_rng_seed(&rng, 7);
	for (size_t i = 0; i < ELEMENTS; i++) {
		size_t size = vd_rng_below(&rng, 100);
		uint8_t *data = vd_arena_alloc_bytes(&f->arena, size);
		for (size_t b = 0; b < size; b++)
			data[b] = (uint8_t)vd_rng_next(&rng);
		keys[i] = vd_bytes_of(data, size);
		values[i] = (int64_t)vd_rng_next(&rng);
	}
	vd_pg_params_init(&params, &f->arena);
	vd_pg_params_bytea_array(&params, keys, ELEMENTS);
	vd_pg_params_int8_array(&params, values, ELEMENTS);
	struct vd_pg_rows *rows = ask(f, &statement, &params);
	assert_int_equal(vd_pg_rows_count(rows), ELEMENTS);
	for (size_t i = 0; i < ELEMENTS; i++) {
		assert_true(vd_bytes_equal(vd_pg_rows_bytea(rows, i, 0), keys[i]));
		assert_true(vd_pg_rows_int8(rows, i, 1) == values[i]);
	}
	vd_pg_rows_free(rows);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(scalars_go_and_come),
		CASE(empty_is_not_null),
		CASE(infinities_stay),
		CASE(arrays_go_and_come),
		CASE(empty_arrays_go_and_come),
		CASE(many_random_arrays_go_and_come),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
