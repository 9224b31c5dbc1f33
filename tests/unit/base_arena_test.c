/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/arena.h"
#include "common/base/random.h"

#include <stdalign.h>

static void pieces_are_aligned_apart_and_writable(void **state)
{
	(void)state;
	struct vd_arena arena;
	vd_arena_init(&arena, SIZE_MAX);
	struct vd_rng rng;
	vd_rng_seed(&rng, 1);
	enum { COUNT = 2000 };
	static uint8_t *pieces[COUNT];
	static size_t sizes[COUNT];
	size_t total = 0;
	for (size_t i = 0; i < COUNT; i++) {
		sizes[i] = vd_rng_below(&rng, i % 100 == 0 ? 50000 : 300);
		pieces[i] = i % 2 ? vd_arena_alloc(&arena, sizes[i]) : vd_arena_alloc_bytes(&arena, sizes[i]);
		assert_non_null(pieces[i]);
		if (i % 2)
			assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
		memset(pieces[i], (int)(i % 251), sizes[i]);
		total += sizes[i];
	}
	for (size_t i = 0; i < COUNT; i++)
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(pieces[i][j], i % 251);
	assert_int_equal(vd_arena_used_bytes(&arena), total);
	assert_true(vd_arena_held_bytes(&arena) >= total);
	vd_arena_fini(&arena);
	assert_int_equal(vd_arena_held_bytes(&arena), 0);
}

static void the_limit_is_hard_and_refusal_changes_nothing(void **state)
{
	(void)state;
	struct vd_arena arena;
	vd_arena_init(&arena, 10000);
	size_t got = 0;
	assert_false(vd_arena_is_full(&arena));
	while (vd_arena_alloc_bytes(&arena, 100) != NULL)
		got += 100;
	assert_true(got > 8000 && got <= 10000);
	assert_true(vd_arena_is_full(&arena));
	assert_true(vd_arena_held_bytes(&arena) <= 10000);
	assert_int_equal(vd_arena_used_bytes(&arena), got);
	assert_null(vd_arena_alloc(&arena, SIZE_MAX));
	assert_null(vd_arena_alloc(&arena, SIZE_MAX - 64));
	assert_int_equal(vd_arena_used_bytes(&arena), got);
	vd_arena_reset(&arena);
	assert_false(vd_arena_is_full(&arena));
	assert_int_equal(vd_arena_used_bytes(&arena), 0);
	assert_non_null(vd_arena_alloc_bytes(&arena, 100));
	assert_null(vd_arena_array(&arena, SIZE_MAX / 8 + 2, 8)); /* the product wraps to 8 */
	assert_true(vd_arena_is_full(&arena));
	vd_arena_reset(&arena);
	/* the spares of smaller pieces give way to one large piece that fits the limit */
	assert_non_null(vd_arena_alloc_bytes(&arena, 9000));
	vd_arena_fini(&arena);

	vd_arena_init(&arena, 0);
	assert_null(vd_arena_alloc(&arena, 1));
	vd_arena_fini(&arena);
}

static void reset_keeps_blocks_up_to_a_bound(void **state)
{
	(void)state;
	struct vd_arena arena;
	vd_arena_init(&arena, SIZE_MAX);
	for (int i = 0; i < 100; i++)
		assert_non_null(vd_arena_alloc_bytes(&arena, 100000));
	vd_arena_reset(&arena);
	size_t held = vd_arena_held_bytes(&arena);
	assert_true(held > 0 && held <= VD_ARENA_KEEP_BYTES);
	assert_non_null(vd_arena_alloc_bytes(&arena, 1000));
	assert_int_equal(vd_arena_held_bytes(&arena), held); /* used again, nothing new */
	for (int i = 0; i < 10; i++) {
		vd_arena_reset(&arena);
		assert_non_null(vd_arena_alloc_bytes(&arena, 1000));
	}
	assert_int_equal(vd_arena_held_bytes(&arena), held);
	vd_arena_fini(&arena);
}

static void zeroed_strings_and_formats(void **state)
{
	(void)state;
	struct vd_arena arena;
	vd_arena_init(&arena, 65536);
	/* dirty the block, so that zeroing is seen */
	memset(vd_arena_alloc_bytes(&arena, 2000), 0xaa, 2000);
	vd_arena_reset(&arena);
	const uint8_t *zeros = vd_arena_array(&arena, 100, 8);
	for (size_t i = 0; i < 800; i++)
		assert_int_equal(zeros[i], 0);
	assert_string_equal(vd_arena_string(&arena, "hello"), "hello");
	assert_string_equal(vd_arena_format(&arena, "%d-%s", 7, "x"), "7-x");
	assert_non_null(vd_arena_alloc(&arena, 0));
	vd_arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_aligned_apart_and_writable),
		cmocka_unit_test(the_limit_is_hard_and_refusal_changes_nothing),
		cmocka_unit_test(reset_keeps_blocks_up_to_a_bound),
		cmocka_unit_test(zeroed_strings_and_formats),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
