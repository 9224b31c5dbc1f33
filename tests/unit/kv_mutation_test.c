/* SPDX-License-Identifier: Apache-2.0 */
/* kv_mutation_test.c: every op, row by row of the table in docs/semantics.md, and the stamps. */
#include "tests/unit/test.h"

#include "common/base/arena.h"
#include "common/kv/mutation.h"

#define ABSENT ((struct vd_bytes){ (const uint8_t *)"absent", SIZE_MAX })

enum { LIMIT = 1200 };

static struct vd_arena arena;

static int set_up(void **state)
{
	(void)state;
	vd_arena_init(&arena, (size_t)16 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	vd_arena_fini(&arena);
	return 0;
}

static struct vd_value value_from(struct vd_bytes bytes)
{
	return bytes.size == SIZE_MAX ? (struct vd_value){ 0 }
								  : (struct vd_value){ .is_present = true, .bytes = bytes };
}

static void expect(uint32_t op, struct vd_bytes before, struct vd_bytes operand, struct vd_bytes after)
{
	struct vd_value value = value_from(before);
	assert_true(vd_atomic_apply(op, &value, operand, LIMIT, &arena));
	if (after.size == SIZE_MAX) {
		assert_false(value.is_present);
		return;
	}
	assert_true(value.is_present);
	assert_int_equal(value.bytes.size, after.size);
	assert_memory_equal(value.bytes.data, after.size == 0 ? value.bytes.data : after.data, after.size);
}

static struct vd_bytes filled(size_t size, int byte)
{
	uint8_t *bytes = vd_arena_alloc_bytes(&arena, size);
	assert_non_null(bytes);
	memset(bytes, byte, size);
	return vd_bytes_of(bytes, size);
}

struct row {
	uint32_t op;
	struct vd_bytes before, operand, after;
};

#define B(text) VD_BYTES(text)

static void the_table(void **state)
{
	(void)state;
	const struct row rows[] = {
		{ VD_OP_ADD, ABSENT, B("\5"), B("\5") },
		{ VD_OP_ADD, B(""), B("\5\0"), B("\5\0") },
		{ VD_OP_ADD, B("\5"), B(""), B("") },
		{ VD_OP_ADD, B("\xff"), B("\1"), B("\0") },       /* the carry is dropped */
		{ VD_OP_ADD, B("\xff"), B("\1\0"), B("\0\1") },   /* or goes on */
		{ VD_OP_ADD, B("\1\2\3"), B("\1\1"), B("\2\3") }, /* the value is cut */
		{ VD_OP_ADD, B("\xff\xff"), B("\1\0\0\0\0\0\0\0"), B("\0\0\1\0\0\0\0\0") },
		{ VD_OP_ADD, B("\1\0\0\0\0\0\0\0"), B("\xff\xff\xff\xff\xff\xff\xff\xff"), B("\0\0\0\0\0\0\0\0") },
		{ VD_OP_ADD, B("\xff\xff\xff\xff\xff\xff\xff\xff"), B("\1\0\0\0\0\0\0\0\0"),
			B("\0\0\0\0\0\0\0\0\1") },
		{ VD_OP_BIT_AND, ABSENT, B("\x0f"), B("\x0f") },
		{ VD_OP_BIT_AND, B(""), B("\x0f\x0f"), B("\0\0") },
		{ VD_OP_BIT_AND, B("\x3c"), B("\x0f\x0f"), B("\x0c\0") },
		{ VD_OP_BIT_AND, B("\x3c\x3c\x3c"), B("\x0f"), B("\x0c") },
		{ VD_OP_BIT_AND, B("\x3c"), B(""), B("") },
		{ VD_OP_BIT_OR, ABSENT, B("\x0f"), B("\x0f") },
		{ VD_OP_BIT_OR, B(""), B("\x0f"), B("\x0f") },
		{ VD_OP_BIT_OR, B("\x30"), B("\x0f\x01"), B("\x3f\x01") },
		{ VD_OP_BIT_OR, B("\x30\x30"), B("\x0f"), B("\x3f") },
		{ VD_OP_BIT_XOR, ABSENT, B("\x0f"), B("\x0f") },
		{ VD_OP_BIT_XOR, B("\x3f"), B("\x0f\x01"), B("\x30\x01") },
		{ VD_OP_BIT_XOR, B("\x3f\x01"), B("\x0f"), B("\x30") },
		{ VD_OP_APPEND_IF_FITS, ABSENT, B("xy"), B("xy") },
		{ VD_OP_APPEND_IF_FITS, B(""), B("xy"), B("xy") },
		{ VD_OP_APPEND_IF_FITS, B("ab"), B("xy"), B("abxy") },
		{ VD_OP_APPEND_IF_FITS, B("ab"), B(""), B("ab") },
		{ VD_OP_MAX, ABSENT, B("\1"), B("\1") },
		{ VD_OP_MAX, B(""), B("\0\0"), B("\0\0") },
		{ VD_OP_MAX, B("\2"), B("\1\0"), B("\2\0") },     /* extended to the operand's length */
		{ VD_OP_MAX, B("\0\1"), B("\xff\0"), B("\0\1") }, /* little-endian: 256 > 255 */
		{ VD_OP_MAX, B("\1\0\1"), B("\2\0"), B("\2\0") }, /* the value is cut before it is compared */
		{ VD_OP_MAX, B("\x80"), B("\x7f"), B("\x80") },   /* unsigned */
		{ VD_OP_MAX, B("\5"), B(""), B("") },
		{ VD_OP_MIN, ABSENT, B("\1"), B("\1") },
		{ VD_OP_MIN, B(""), B("\7\7"), B("\0\0") },
		{ VD_OP_MIN, B("\2"), B("\1\0"), B("\1\0") },
		{ VD_OP_MIN, B("\0\1"), B("\xff\0"), B("\xff\0") },
		{ VD_OP_MIN, B("\1\0\1"), B("\2\0"), B("\1\0") },
		{ VD_OP_MIN, B("\x80"), B("\x7f"), B("\x7f") },
		{ VD_OP_BYTE_MIN, ABSENT, B("m"), B("m") },
		{ VD_OP_BYTE_MIN, B(""), B("m"), B("") },
		{ VD_OP_BYTE_MIN, B("a"), B("aa"), B("a") },
		{ VD_OP_BYTE_MIN, B("zzz"), B("m"), B("m") },
		{ VD_OP_BYTE_MIN, B("\x80"), B("\x7f"), B("\x7f") },
		{ VD_OP_BYTE_MAX, ABSENT, B("m"), B("m") },
		{ VD_OP_BYTE_MAX, B(""), B("m"), B("m") },
		{ VD_OP_BYTE_MAX, B("a"), B("aa"), B("aa") },
		{ VD_OP_BYTE_MAX, B("zzz"), B("m"), B("zzz") },
		{ VD_OP_COMPARE_AND_CLEAR, ABSENT, B(""), ABSENT },
		{ VD_OP_COMPARE_AND_CLEAR, B(""), B(""), ABSENT },
		{ VD_OP_COMPARE_AND_CLEAR, B("v"), B("v"), ABSENT },
		{ VD_OP_COMPARE_AND_CLEAR, B("v"), B("v\0"), B("v") },
		{ VD_OP_COMPARE_AND_CLEAR, B("v"), B(""), B("v") },
	};
	for (size_t i = 0; i < VD_COUNT(rows); i++)
		expect(rows[i].op, rows[i].before, rows[i].operand, rows[i].after);
}

static void every_length(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 7, 8, 9, 1000 };
	for (size_t i = 0; i < VD_COUNT(sizes); i++)
		for (size_t j = 0; j < VD_COUNT(sizes); j++) {
			size_t v = sizes[i];
			size_t p = sizes[j];
			size_t both = v < p ? v : p;
			uint8_t *result = vd_arena_zalloc(&arena, p + 1);
			assert_non_null(result);
			for (size_t k = 0; k < p; k++)
				result[k] = k < both ? 0x01 | 0x02 : 0x02;
			expect(VD_OP_BIT_OR, filled(v, 1), filled(p, 2), vd_bytes_of(result, p));
			expect(VD_OP_BIT_XOR, filled(v, 1), filled(p, 2), vd_bytes_of(result, p));
			expect(VD_OP_ADD, filled(v, 1), filled(p, 2), vd_bytes_of(result, p));
			for (size_t k = 0; k < p; k++)
				result[k] = k < both ? 3 : 0;
			expect(VD_OP_BIT_AND, filled(v, 7), filled(p, 3), vd_bytes_of(result, p));
			/* the longer operand has higher bytes than the value */
			expect(VD_OP_MAX, filled(v, 7), filled(p, 3), p > v ? filled(p, 3) : filled(p, 7));
			expect(VD_OP_BYTE_MAX, filled(v, 3), filled(p, 3), filled(v > p ? v : p, 3));
			expect(VD_OP_BYTE_MIN, filled(v, 3), filled(p, 3), filled(both, 3));
			expect(VD_OP_APPEND_IF_FITS, filled(v, 3), filled(p, 3),
				v + p <= LIMIT ? filled(v + p, 3) : filled(v, 3));
			expect(VD_OP_COMPARE_AND_CLEAR, filled(v, 3), filled(p, 3), v == p ? ABSENT : filled(v, 3));
		}
	expect(VD_OP_APPEND_IF_FITS, filled(LIMIT - 1, 3), filled(1, 3), filled(LIMIT, 3));
	expect(VD_OP_APPEND_IF_FITS, filled(LIMIT, 3), filled(1, 3), filled(LIMIT, 3));
}

static void nothing_is_overwritten(void **state)
{
	(void)state;
	static const uint32_t ops[] = { VD_OP_ADD, VD_OP_BIT_AND, VD_OP_BIT_OR, VD_OP_BIT_XOR, VD_OP_MAX,
		VD_OP_MIN, VD_OP_BYTE_MAX, VD_OP_BYTE_MIN, VD_OP_APPEND_IF_FITS };
	for (size_t i = 0; i < VD_COUNT(ops); i++) {
		struct vd_value value = value_from(VD_BYTES("before")); /* a literal: writing to it would crash */
		assert_true(vd_atomic_apply(ops[i], &value, VD_BYTES("operand"), LIMIT, &arena));
	}
	struct vd_value log = value_from(VD_BYTES("a"));
	assert_true(vd_atomic_apply(VD_OP_APPEND_IF_FITS, &log, VD_BYTES("b"), LIMIT, &arena));
	struct vd_bytes seen = log.bytes;
	assert_true(vd_atomic_apply(VD_OP_APPEND_IF_FITS, &log, VD_BYTES("c"), LIMIT, &arena));
	assert_true(vd_bytes_equal(seen, VD_BYTES("ab")) && vd_bytes_equal(log.bytes, VD_BYTES("abc")));
}

static void a_thousand_appends_take_linear_memory(void **state)
{
	(void)state;
	struct vd_value log = value_from(filled(50000, 'x'));
	for (int i = 0; i < 1000; i++)
		assert_true(vd_atomic_apply(VD_OP_APPEND_IF_FITS, &log, VD_BYTES("0123456789"), 100000, &arena));
	assert_int_equal(log.bytes.size, 60000);
	assert_true(vd_arena_used_bytes(&arena) < 400000);
}

static void at_the_arenas_limit_nothing_changes(void **state)
{
	(void)state;
	struct vd_arena none;
	vd_arena_init(&none, 0);
	struct vd_value value = value_from(VD_BYTES("\1"));
	assert_false(vd_atomic_apply(VD_OP_ADD, &value, VD_BYTES("\1"), LIMIT, &none));
	assert_false(vd_atomic_apply(VD_OP_APPEND_IF_FITS, &value, VD_BYTES("\1"), LIMIT, &none));
	assert_false(vd_atomic_apply(VD_OP_MAX, &value, VD_BYTES("\0\0"), LIMIT, &none));
	assert_true(vd_bytes_equal(value.bytes, VD_BYTES("\1")));
	vd_arena_fini(&none);
}

static void codes_and_names(void **state)
{
	(void)state;
	static const uint32_t with_base[] = { 2, 6, 7, 8, 9, 12, 13, 16, 17, 20 };
	static const uint32_t without[] = { 0, 1, 3, 14, 15, 128, 129 };
	size_t known = 0;
	for (uint32_t op = 0; op < 300; op++) {
		enum vd_op found;
		known += vd_op_is_known(op);
		assert_int_equal(vd_op_is_known(op), vd_op_name(op) != NULL);
		if (vd_op_is_known(op)) {
			assert_true(vd_op_by_name(vd_bytes_of_string(vd_op_name(op)), &found));
			assert_int_equal(found, op);
		}
	}
	assert_int_equal(known, VD_COUNT(with_base) + VD_COUNT(without));
	for (size_t i = 0; i < VD_COUNT(with_base); i++)
		assert_true(vd_op_needs_base(with_base[i]));
	for (size_t i = 0; i < VD_COUNT(without); i++)
		assert_true(vd_op_is_known(without[i]) && !vd_op_needs_base(without[i]));
	enum vd_op found;
	assert_false(vd_op_by_name(VD_BYTES("subtract"), &found));
	assert_false(vd_op_by_name(VD_BYTES("ad"), &found));
}

static void a_stamp_goes_where_the_offset_says(void **state)
{
	(void)state;
	struct vd_stamp stamp = { 0x0102030405060708, 0x090a };
	struct vd_bytes stamped;
	assert_true(vd_stamp_place(&arena, VD_BYTES("ab..........cd\2\0\0\0"), stamp, &stamped));
	assert_true(vd_bytes_equal(stamped, VD_BYTES("ab\1\2\3\4\5\6\7\x08\x09\x0a"
												 "cd")));
	assert_true(vd_stamp_place(&arena, VD_BYTES("..........\0\0\0\0"), stamp, &stamped));
	assert_true(vd_bytes_equal(stamped, VD_BYTES("\1\2\3\4\5\6\7\x08\x09\x0a")));
	static const struct vd_bytes bad[] = { VD_BYTES(""), VD_BYTES("\0\0\0"), VD_BYTES("\0\0\0\0"),
		VD_BYTES(".........\0\0\0\0"), VD_BYTES("..........\1\0\0\0"),
		VD_BYTES("..........\xff\xff\xff\xff") };
	for (size_t i = 0; i < VD_COUNT(bad); i++)
		assert_false(vd_stamp_place(&arena, bad[i], stamp, &stamped));
}

static void a_stamped_mutation_becomes_a_set(void **state)
{
	(void)state;
	struct vd_stamp stamp = { 1, 2 };
	struct vd_mutation plain;
	struct vd_mutation key = { .op = VD_OP_SET_VERSIONSTAMPED_KEY,
		.no_write_conflict = true,
		.key = VD_BYTES("k..........\1\0\0\0"),
		.value = VD_BYTES("v") };
	assert_true(vd_mutation_stamp(&arena, &key, stamp, &plain));
	assert_int_equal(plain.op, VD_OP_SET);
	assert_true(plain.no_write_conflict);
	assert_true(vd_bytes_equal(plain.key, VD_BYTES("k\0\0\0\0\0\0\0\1\0\2")));
	assert_true(vd_bytes_equal(plain.value, VD_BYTES("v")));
	struct vd_mutation value = {
		.op = VD_OP_SET_VERSIONSTAMPED_VALUE, .key = VD_BYTES("k"), .value = VD_BYTES("..........\0\0\0\0")
	};
	assert_true(vd_mutation_stamp(&arena, &value, stamp, &plain));
	assert_int_equal(plain.op, VD_OP_SET);
	assert_true(vd_bytes_equal(plain.value, VD_BYTES("\0\0\0\0\0\0\0\1\0\2")));
	struct vd_mutation add = { .op = VD_OP_ADD, .key = VD_BYTES("k"), .value = VD_BYTES("\1") };
	assert_true(vd_mutation_stamp(&arena, &add, stamp, &plain));
	assert_int_equal(plain.op, VD_OP_ADD);
	value.value = VD_BYTES("\0\0\0\0");
	assert_false(vd_mutation_stamp(&arena, &value, stamp, &plain));
}

static void stamps_sort_as_commits(void **state)
{
	(void)state;
	static const struct vd_stamp stamps[] = { { 0, 0 }, { 0, 1 }, { 0, 256 }, { 0, 65535 }, { 1, 0 },
		{ 255, 9 }, { 256, 0 }, { (uint64_t)1 << 40, 3 }, { UINT64_MAX, 65535 } };
	uint8_t before[VD_STAMP_BYTES];
	uint8_t after[VD_STAMP_BYTES];
	for (size_t i = 1; i < VD_COUNT(stamps); i++) {
		vd_stamp_write(stamps[i - 1], before);
		vd_stamp_write(stamps[i], after);
		assert_true(memcmp(before, after, sizeof before) < 0);
	}
}

static void the_stamped_range_holds_all_that_it_may_become(void **state)
{
	(void)state;
	struct vd_range range;
	struct vd_bytes key = VD_BYTES("k..........z\1\0\0\0");
	struct vd_bytes stamped;
	assert_true(vd_stamp_range(&arena, key, 100, &range));
	static const struct vd_stamp inside[] = { { 100, 0 }, { 100, 7 }, { 5000, 1 }, { UINT64_MAX, 65535 } };
	for (size_t i = 0; i < VD_COUNT(inside); i++) {
		assert_true(vd_stamp_place(&arena, key, inside[i], &stamped));
		assert_true(vd_range_has(range, stamped));
	}
	assert_true(vd_stamp_place(&arena, key, (struct vd_stamp){ 99, 65535 }, &stamped));
	assert_false(vd_range_has(range, stamped));
	assert_true(vd_bytes_equal(range.end, VD_BYTES("k\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffz\0")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_table, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_length, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_overwritten, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_thousand_appends_take_linear_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(at_the_arenas_limit_nothing_changes, set_up, tear_down),
		cmocka_unit_test(codes_and_names),
		cmocka_unit_test_setup_teardown(a_stamp_goes_where_the_offset_says, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_stamped_mutation_becomes_a_set, set_up, tear_down),
		cmocka_unit_test(stamps_sort_as_commits),
		cmocka_unit_test_setup_teardown(the_stamped_range_holds_all_that_it_may_become, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
