/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/arena.h"
#include "common/base/bytes.h"

static int sign(int number)
{
	return (number > 0) - (number < 0);
}

static void order_is_memcmp_then_length(void **state)
{
	(void)state;
	const struct vd_bytes ordered[] = { { NULL, 0 }, VD_BYTES("\0"), VD_BYTES("\0\0"), VD_BYTES("a"),
		VD_BYTES("a\0"), VD_BYTES("aa"), VD_BYTES("b"), VD_BYTES("\x7f"), VD_BYTES("\x80"), VD_BYTES("\xff"),
		VD_BYTES("\xff\xff") };
	for (size_t i = 0; i < VD_COUNT(ordered); i++)
		for (size_t j = 0; j < VD_COUNT(ordered); j++) {
			assert_int_equal(sign(vd_bytes_compare(ordered[i], ordered[j])), (i > j) - (i < j));
			assert_int_equal(vd_bytes_less(ordered[i], ordered[j]), i < j);
			assert_int_equal(vd_bytes_equal(ordered[i], ordered[j]), i == j);
			assert_ptr_equal(vd_bytes_min(ordered[i], ordered[j]).data, ordered[i < j ? i : j].data);
			assert_ptr_equal(vd_bytes_max(ordered[i], ordered[j]).data, ordered[i > j ? i : j].data);
		}
}

static void prefixes(void **state)
{
	(void)state;
	assert_true(vd_bytes_has_prefix(VD_BYTES("abc"), VD_BYTES("ab")));
	assert_true(vd_bytes_has_prefix(VD_BYTES("abc"), VD_BYTES("")));
	assert_true(vd_bytes_has_prefix((struct vd_bytes){ NULL, 0 }, (struct vd_bytes){ NULL, 0 }));
	assert_false(vd_bytes_has_prefix(VD_BYTES("ab"), VD_BYTES("abc")));
	assert_false(vd_bytes_has_prefix(VD_BYTES("xbc"), VD_BYTES("ab")));
	assert_int_equal(vd_bytes_common_prefix(VD_BYTES("abcd"), VD_BYTES("abx")), 2);
	assert_int_equal(vd_bytes_common_prefix(VD_BYTES("abc"), VD_BYTES("abc")), 3);
	assert_int_equal(vd_bytes_common_prefix(VD_BYTES(""), VD_BYTES("abc")), 0);
}

static void successor_is_the_next_key(void **state)
{
	(void)state;
	assert_true(vd_bytes_is_successor(VD_BYTES("a"), VD_BYTES("a\0")));
	assert_true(vd_bytes_is_successor(VD_BYTES(""), VD_BYTES("\0")));
	assert_false(vd_bytes_is_successor(VD_BYTES("a"), VD_BYTES("a\1")));
	assert_false(vd_bytes_is_successor(VD_BYTES("a"), VD_BYTES("b\0")));
	assert_false(vd_bytes_is_successor(VD_BYTES("a"), VD_BYTES("a")));
}

static void slices(void **state)
{
	(void)state;
	assert_true(vd_bytes_equal(vd_bytes_slice(VD_BYTES("abcd"), 1, 3), VD_BYTES("bc")));
	assert_int_equal(vd_bytes_slice((struct vd_bytes){ NULL, 0 }, 0, 0).size, 0);
	assert_int_equal(vd_bytes_of_string(NULL).size, 0);
	assert_true(vd_bytes_equal(vd_bytes_of_string("xy"), VD_BYTES("xy")));
}

static void copies_live_in_the_arena(void **state)
{
	(void)state;
	struct vd_arena arena;
	vd_arena_init(&arena, 4096);
	char text[] = "abc";
	struct vd_bytes copy, next, both;
	assert_true(vd_bytes_dup(&arena, vd_bytes_of_string(text), &copy));
	text[0] = 'X';
	assert_true(vd_bytes_equal(copy, VD_BYTES("abc")));
	assert_true(vd_bytes_successor(&arena, copy, &next));
	assert_true(vd_bytes_is_successor(copy, next));
	assert_true(vd_bytes_concat(&arena, copy, VD_BYTES("de"), &both));
	assert_true(vd_bytes_equal(both, VD_BYTES("abcde")));
	assert_true(vd_bytes_dup(&arena, (struct vd_bytes){ NULL, 0 }, &copy));
	assert_int_equal(copy.size, 0);

	static const uint8_t large[8192];
	copy = VD_BYTES("untouched");
	assert_false(vd_bytes_dup(&arena, vd_bytes_of(large, sizeof large), &copy));
	assert_true(vd_bytes_equal(copy, VD_BYTES("untouched")));
	vd_arena_fini(&arena);
}

static void prefix_end_is_the_first_key_after(void **state)
{
	(void)state;
	static const struct {
		struct vd_bytes prefix, end;
	} cases[] = {
		{ VD_BYTES("a"), VD_BYTES("b") },
		{ VD_BYTES("ab\xff\xff"), VD_BYTES("ac") },
		{ VD_BYTES("\0"), VD_BYTES("\1") },
		{ VD_BYTES("\xff"), { NULL, 0 } },
		{ VD_BYTES(""), { NULL, 0 } },
	};
	struct vd_arena arena;
	vd_arena_init(&arena, 4096);
	for (size_t i = 0; i < VD_COUNT(cases); i++) {
		struct vd_bytes end;
		assert_true(vd_bytes_prefix_end(&arena, cases[i].prefix, &end));
		assert_true(vd_bytes_equal(end, cases[i].end));
	}
	vd_arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_memcmp_then_length),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(successor_is_the_next_key),
		cmocka_unit_test(slices),
		cmocka_unit_test(copies_live_in_the_arena),
		cmocka_unit_test(prefix_end_is_the_first_key_after),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
