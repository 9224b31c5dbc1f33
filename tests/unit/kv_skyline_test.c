/* SPDX-License-Identifier: Apache-2.0 */
/* kv_skyline_test.c: tall trees against a plain array of positions: every key of a domain, and the gap behind it. */
#include "tests/unit/test.h"

#include "common/base/random.h"
#include "common/kv/skyline.h"

enum { KEYS = 6000, OPS = 20000 };

static uint64_t heights[2 * KEYS]; /* of key i, and of the gap behind it */
static struct vd_blocks blocks;
static struct vd_skyline skyline;

static int set_up(void **state)
{
	(void)state;
	memset(heights, 0, sizeof heights);
	vd_blocks_init(&blocks);
	vd_skyline_init(&skyline, &blocks);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	vd_skyline_clear(&skyline);
	vd_blocks_fini(&blocks);
	return 0;
}

/* Key i in order; with a NUL behind it in memory. */
static struct vd_bytes key_of(unsigned i, char *text)
{
	return vd_bytes_of(text, (size_t)snprintf(text, 24, "prefix/%05u", i));
}

static uint64_t ask(struct vd_range range, uint64_t above)
{
	const struct vd_skyline *one = &skyline;
	return vd_skyline_highest(&one, 1, range, above);
}

/* The positions [from, to) of a range, and the range. An odd position begins or ends behind a key. */
static struct vd_range draw(struct vd_rng *rng, unsigned *from, unsigned *to, char *a, char *b)
{
	unsigned width = vd_rng_below(rng, 10) < 8 ? 30 : KEYS;
	*from = (unsigned)vd_rng_below(rng, KEYS - 1) * 2;
	*to = *from + 1;
	if (vd_rng_below(rng, 2) == 0) {
		*from += (unsigned)vd_rng_below(rng, 2);
		*to = *from + 1 + (unsigned)vd_rng_below(rng, width);
		*to = *to < 2 * KEYS ? *to : 2 * KEYS - 1;
	}
	struct vd_bytes begin = key_of(*from / 2, a);
	struct vd_bytes end = key_of(*to / 2, b);
	begin.size += *from % 2;
	end.size += *to % 2;
	return vd_range_of(begin, end);
}

static void tall_trees(void **state)
{
	(void)state;
	struct vd_rng rng;
	vd_rng_seed(&rng, 3);
	for (uint64_t op = 1; op <= OPS; op++) {
		char a[24];
		char b[24];
		unsigned from = 0;
		unsigned to = 0;
		struct vd_range range = draw(&rng, &from, &to, a, b);
		if (op % 3 != 0) {
			/* wide ranges are rare, so that low and high stand beside each other */
			if (to - from < 40 || vd_rng_below(&rng, 20) == 0) {
				uint64_t version =
					vd_rng_below(&rng, 4) == 0 ? op / 2 + 1 : op; /* also lower than what is there */
				assert_true(vd_skyline_raise(&skyline, range, version));
				for (unsigned i = from; i < to; i++)
					heights[i] = heights[i] > version ? heights[i] : version;
			}
			continue;
		}
		uint64_t above = vd_rng_below(&rng, op + 1);
		uint64_t expected = above;
		for (unsigned i = from; i < to; i++)
			expected = heights[i] > expected ? heights[i] : expected;
		if (ask(range, above) != expected)
			fail_msg("op %llu: [%u, %u) above %llu: %llu instead of %llu", (unsigned long long)op, from, to,
				(unsigned long long)above, (unsigned long long)ask(range, above),
				(unsigned long long)expected);
	}
	assert_true(skyline.height >= 3);
}

static void keys_in_order_fill_their_nodes(void **state)
{
	(void)state;
	char a[24];
	for (unsigned i = 0; i < 50000; i++) {
		struct vd_bytes key = key_of(i, a);
		assert_true(vd_skyline_raise(&skyline, vd_range_of(key, vd_bytes_of(key.data, key.size + 1)), i + 1));
	}
	assert_int_equal(skyline.entries, 50001);
	/* 1,344 bytes for 32 slots and 20 bytes a key, when the nodes are full */
	assert_true(skyline.blocks * VD_BLOCK_BYTES < (size_t)50000 * 75);
	assert_int_equal(ask(vd_range_of(VD_BYTES(""), VD_BYTES("\xff")), 0), 50000);
}

static void a_cleared_skyline_is_flat_and_gives_back_its_memory(void **state)
{
	(void)state;
	assert_true(vd_skyline_raise(&skyline, vd_range_of(VD_BYTES("a"), VD_BYTES("b")), 5));
	assert_true(vd_blocks_used_bytes(&blocks) > 0);
	vd_skyline_clear(&skyline);
	assert_int_equal(vd_blocks_used_bytes(&blocks), 0);
	assert_int_equal(ask(vd_range_of(VD_BYTES(""), VD_BYTES("z")), 0), 0);
	assert_true(vd_skyline_raise(&skyline, vd_range_of(VD_BYTES("a"), VD_BYTES("b")), 1));
	assert_int_equal(ask(vd_range_of(VD_BYTES(""), VD_BYTES("z")), 0), 1);
}

static void merging_keeps_every_step(void **state)
{
	(void)state;
	struct vd_skyline other;
	const struct vd_skyline *one = &other;
	vd_skyline_init(&other, &blocks);
	struct vd_rng rng;
	char a[24];
	char b[24];
	vd_rng_seed(&rng, 4);
	for (int i = 0; i < 1000; i++) {
		unsigned from = 0;
		unsigned to = 0;
		struct vd_range range = draw(&rng, &from, &to, a, b);
		assert_true(to - from > 40 || vd_skyline_raise(&skyline, range, 9));
	}
	assert_true(vd_skyline_merge(&other, &skyline, 9));
	for (unsigned i = 0; i < KEYS; i++) {
		struct vd_bytes key = key_of(i, a);
		struct vd_range at = vd_range_of(key, vd_bytes_of(key.data, key.size + 1));
		struct vd_range behind = vd_range_of(at.end, key_of(i + 1, b));
		assert_int_equal(vd_skyline_highest(&one, 1, at, 0), ask(at, 0));
		assert_int_equal(vd_skyline_highest(&one, 1, behind, 0), ask(behind, 0));
	}
	vd_skyline_clear(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tall_trees, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_in_order_fill_their_nodes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_cleared_skyline_is_flat_and_gives_back_its_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(merging_keeps_every_step, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
