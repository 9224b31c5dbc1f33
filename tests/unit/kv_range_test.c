/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/arena.h"
#include "common/kv/range.h"

static struct vd_range range(const char *begin, const char *end)
{
	return vd_range_of(vd_bytes_of_string(begin), vd_bytes_of_string(end));
}

static void a_range_is_half_open(void **state)
{
	(void)state;
	assert_true(vd_range_has(range("b", "d"), VD_BYTES("b")));
	assert_true(vd_range_has(range("b", "d"), VD_BYTES("czz")));
	assert_false(vd_range_has(range("b", "d"), VD_BYTES("d")));
	assert_false(vd_range_has(range("b", "d"), VD_BYTES("azz")));
	assert_true(vd_range_is_empty(range("b", "b")));
	assert_true(vd_range_is_empty(range("c", "b")));
	assert_false(vd_range_is_empty(range("", "a")));
}

static void only_neighbours_make_a_key(void **state)
{
	(void)state;
	assert_true(vd_range_is_key(vd_range_of(VD_BYTES(""), VD_BYTES("\0"))));
	assert_true(vd_range_is_key(vd_range_of(VD_BYTES("a\0"), VD_BYTES("a\0\0"))));
	assert_false(vd_range_is_key(vd_range_of(VD_BYTES("a"), VD_BYTES("a\1"))));
	assert_false(vd_range_is_key(vd_range_of(VD_BYTES("a"), VD_BYTES("b\0"))));
	assert_false(vd_range_is_key(range("a", "a")));
}

static void ranges_meet_only_over_a_common_key(void **state)
{
	(void)state;
	assert_true(vd_range_meets(range("a", "c"), range("b", "d")));
	assert_true(vd_range_meets(range("a", "z"), range("b", "c")));
	assert_false(vd_range_meets(range("a", "b"), range("b", "c")));
	assert_false(vd_range_meets(range("a", "a"), range("a", "b")));
	assert_true(vd_bytes_equal(vd_range_common(range("a", "c"), range("b", "d")).begin, VD_BYTES("b")));
	assert_true(vd_bytes_equal(vd_range_common(range("a", "c"), range("b", "d")).end, VD_BYTES("c")));
	assert_true(vd_range_is_empty(vd_range_common(range("a", "b"), range("c", "d"))));
}

static void the_range_of_a_key_is_a_copy(void **state)
{
	(void)state;
	struct vd_arena arena;
	struct vd_range of_key;
	vd_arena_init(&arena, (size_t)1 << 16);
	char key[] = "key";
	assert_true(vd_range_of_key(&arena, vd_bytes_of_string(key), &of_key));
	key[0] = 'x';
	assert_true(vd_bytes_equal(of_key.begin, VD_BYTES("key")));
	assert_true(vd_bytes_equal(of_key.end, VD_BYTES("key\0")));
	assert_true(vd_range_of_key(&arena, vd_bytes_of(NULL, 0), &of_key));
	assert_true(vd_range_is_key(of_key));
	vd_arena_fini(&arena);
	vd_arena_init(&arena, 0);
	assert_false(vd_range_of_key(&arena, VD_BYTES("key"), &of_key));
	vd_arena_fini(&arena);
}

static void a_clamped_range_has_the_same_keys_within_the_limit(void **state)
{
	(void)state;
	static const char *const ends[] = { "", "a", "aa", "aaa", "aaaa", "aaab", "aab", "ab", "abbb", "b" };
	static const char *const keys[] = { "", "a", "aa", "ab", "b", "bb" };
	for (size_t i = 0; i < VD_COUNT(ends); i++)
		for (size_t j = i; j < VD_COUNT(ends); j++) {
			struct vd_range clamped = vd_range_clamp(range(ends[i], ends[j]), 2);
			assert_true(clamped.begin.size <= 3 && clamped.end.size <= 3);
			assert_true(vd_bytes_compare(clamped.begin, clamped.end) <= 0);
			for (size_t k = 0; k < VD_COUNT(keys); k++)
				assert_int_equal(vd_range_has(clamped, vd_bytes_of_string(keys[k])),
					vd_range_has(range(ends[i], ends[j]), vd_bytes_of_string(keys[k])));
		}
}

static void merging_sorts_joins_and_drops(void **state)
{
	(void)state;
	struct vd_range ranges[] = { range("m", "p"), range("x", "x"), range("c", "d"), range("a", "b"),
		range("b", "c"), range("n", "o"), range("o", "q"), range("z", "y") };
	assert_int_equal(vd_ranges_merge(ranges, VD_COUNT(ranges)), 2);
	assert_true(
		vd_bytes_equal(ranges[0].begin, VD_BYTES("a")) && vd_bytes_equal(ranges[0].end, VD_BYTES("d")));
	assert_true(
		vd_bytes_equal(ranges[1].begin, VD_BYTES("m")) && vd_bytes_equal(ranges[1].end, VD_BYTES("q")));
	assert_int_equal(vd_ranges_merge(NULL, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_is_half_open),
		cmocka_unit_test(only_neighbours_make_a_key),
		cmocka_unit_test(ranges_meet_only_over_a_common_key),
		cmocka_unit_test(the_range_of_a_key_is_a_copy),
		cmocka_unit_test(a_clamped_range_has_the_same_keys_within_the_limit),
		cmocka_unit_test(merging_sorts_joins_and_drops),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
