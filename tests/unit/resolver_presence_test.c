/* SPDX-License-Identifier: Apache-2.0 */
/* Is a range empty: what is read for it, and that so little is enough. */
#include "resolver/presence.h"
#include "tests/unit/resolver_world.h"

#include <stdio.h>

static struct world world;
static uint64_t sequence;

static int begin(void **state)
{
	(void)state;
	world_begin(&world);
	sequence = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_end(&world);
	return 0;
}

static void add_empty(struct vd_batch *batch, const char *from, const char *to)
{
	struct vd_precondition *precondition = VD_ARENA_NEW(&world.arena, struct vd_precondition);
	*precondition =
		(struct vd_precondition){ VD_REQUIRE_EMPTY, vd_bytes_of_string(from), vd_bytes_of_string(to) };
	struct vd_request request = world_request(&world, NULL, WORLD_VERSION, 0, NULL, NULL);
	request.preconditions = precondition;
	request.precondition_count = 1;
	world_add(&world, batch, 1, ++sequence, request);
}

static void add_op(struct vd_batch *batch, uint32_t op, const char *key, const char *value)
{
	world_add(&world, batch, 1, ++sequence, world_request(&world, NULL, WORLD_VERSION, op, key, value));
}

static void to_base(struct vd_batch *batch)
{
	world_load(&world, batch);
	vd_memory_base(world.memory, batch);
}

/* "a-b:1 b-c:3": the stretches and how many keys of each. */
static const char *stretches(const struct vd_batch *batch)
{
	static char text[400];
	size_t used = 0;
	text[0] = '\0';
	for (size_t i = 0; i < batch->stretch_count; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s-%.*s:%d", i == 0 ? "" : " ",
			(int)batch->stretch_begins[i].size, (const char *)batch->stretch_begins[i].data,
			(int)batch->stretch_ends[i].size, (const char *)batch->stretch_ends[i].data,
			(int)batch->stretch_limits[i]);
	return text;
}

/* The stored keys, one character each, in order, from which the questions are answered. */
static void resolve(struct vd_batch *batch, const char *stored)
{
	for (size_t i = 0; i < batch->stretch_count; i++) {
		struct vd_range stretch = vd_range_of(batch->stretch_begins[i], batch->stretch_ends[i]);
		int64_t left = batch->stretch_limits[i];
		for (const char *key = stored; *key != '\0' && left > 0; key++) {
			if (!vd_range_has(stretch, vd_bytes_of(key, 1)))
				continue;
			vd_memory_supply_key(world.memory, batch, vd_bytes_of(key, 1));
			left--;
		}
	}
	for (size_t i = 0; i < batch->base_count; i++)
		if (strchr(stored, batch->base_keys[i].data[0]) != NULL)
			vd_memory_supply(world.memory, batch, batch->base_keys[i], VD_BYTES("v"));
	assert_true(vd_memory_resolve(world.memory, batch, false, world.now_us));
}

static void test_nothing_is_asked_without_need(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	add_op(batch, VD_OP_CLEAR_RANGE, "a", "c");
	add_op(batch, VD_OP_SET, "a", "c");
	add_empty(batch, "d", "d");
	add_empty(batch, "e", "d"); /* is refused */
	to_base(batch);
	assert_int_equal(batch->stretch_count, 0);
	resolve(batch, "");
	assert_int_equal(world_code(batch, 2), 0);
	assert_int_equal(world_code(batch, 3), 2005);
	world_publish(&world, batch);
}

static void test_ranges_are_cut_where_clears_of_ranges_begin_and_end(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	add_empty(batch, "b", "m");
	add_op(batch, VD_OP_CLEAR_RANGE, "a", "d");
	add_op(batch, VD_OP_CLEAR_RANGE, "g", "h");
	add_empty(batch, "f", "k");
	add_op(batch, VD_OP_CLEAR_RANGE, "x", "y");
	add_empty(batch, "p", "q");
	to_base(batch);
	assert_string_equal(stretches(batch), "b-d:1 d-f:1 f-g:1 g-h:1 h-k:1 k-m:1 p-q:1");
	resolve(batch, "");
	world_publish(&world, batch);
}

static void test_a_key_more_than_can_be_taken_away_is_read(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	add_empty(batch, "b", "m");
	add_empty(batch, "b", "m");
	add_op(batch, VD_OP_CLEAR, "b", "");
	add_op(batch, VD_OP_COMPARE_AND_CLEAR, "c", "v");
	add_op(batch, VD_OP_SET, "d", "v");
	add_op(batch, VD_OP_ADD, "e", "v");
	add_op(batch, VD_OP_CLEAR, "m", "");
	add_op(batch, VD_OP_CLEAR, "a", "");
	add_empty(batch, "b", "m");
	to_base(batch);
	assert_string_equal(stretches(batch), "b-m:3");
	resolve(batch, "bckl");
	assert_int_equal(world_code(batch, 0), 7001);
	world_publish(&world, batch);
}

/* "b" and "c" are cleared one by one, and "d" is still there, though neither of the three was written after. */
static void test_single_clears_of_all_but_one(void **state)
{
	(void)state;
	for (int left = 0; left < 2; left++) {
		struct vd_batch *batch = vd_memory_open(world.memory);
		add_op(batch, VD_OP_CLEAR, "b", "");
		add_op(batch, VD_OP_COMPARE_AND_CLEAR, "c", "v");
		add_empty(batch, "a", "m");
		to_base(batch);
		resolve(batch, left != 0 ? "bcd" : "bc");
		assert_int_equal(world_code(batch, 2), left != 0 ? 7001 : 0);
		world_publish(&world, batch);
	}
}

static void test_a_compare_that_does_not_clear(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	add_op(batch, VD_OP_COMPARE_AND_CLEAR, "c", "other");
	add_empty(batch, "a", "m");
	to_base(batch);
	resolve(batch, "c");
	assert_int_equal(world_code(batch, 1), 7001);
	world_publish(&world, batch);
}

static void test_clears_of_ranges_that_leave_a_gap(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	add_op(batch, VD_OP_CLEAR_RANGE, "a", "d");
	add_empty(batch, "a", "h"); /* "e" */
	add_empty(batch, "a", "e");
	add_op(batch, VD_OP_CLEAR_RANGE, "e", "h");
	add_empty(batch, "a", "h");
	add_op(batch, VD_OP_SET, "b", "v");
	add_empty(batch, "a", "h"); /* "b" */
	add_empty(batch, "b\1", "h");
	add_op(batch, VD_OP_CLEAR_RANGE, "a", "c");
	add_empty(batch, "a", "h");
	to_base(batch);
	resolve(batch, "abceg");
	static const int codes[] = { 0, 7001, 0, 0, 0, 0, 7001, 0, 0, 0 };
	for (uint32_t i = 0; i < VD_COUNT(codes); i++)
		if (world_code(batch, i) != codes[i])
			fail_msg("request %u: %d instead of %d", i, world_code(batch, i), codes[i]);
	world_publish(&world, batch);
}

/* What the batch before has taken away may still be stored when this one reads. */
static void test_keys_that_the_batch_below_knows_are_read_beyond(void **state)
{
	(void)state;
	struct vd_batch *below = vd_memory_open(world.memory);
	add_op(below, VD_OP_CLEAR, "b", "");
	add_op(below, VD_OP_SET, "c", "v");
	add_op(below, VD_OP_CLEAR_RANGE, "p", "r");
	to_base(below);
	resolve(below, "");
	struct vd_batch *batch = vd_memory_open(world.memory);
	add_op(batch, VD_OP_CLEAR, "c", "");
	add_empty(batch, "a", "m"); /* "d" */
	add_empty(batch, "n", "z"); /* "s" */
	add_empty(batch, "n", "s");
	to_base(batch);
	assert_string_equal(stretches(batch), "a-m:4 n-p:1 p-r:1 r-s:1 s-z:1");
	resolve(batch, "bcdpqs");
	assert_int_equal(world_code(batch, 1), 7001);
	assert_int_equal(world_code(batch, 2), 7001);
	assert_int_equal(world_code(batch, 3), 0);
	world_publish(&world, below);
	world_publish(&world, batch);
}

static void test_more_than_a_batch_can_hold_is_cut(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	add_empty(batch, "a", "b");
	add_empty(batch, "c", "d");
	to_base(batch);
	vd_memory_overfeed(world.memory, batch);
	assert_false(vd_memory_resolve(world.memory, batch, false, world.now_us));
	assert_int_equal(batch->count, 1);
	vd_memory_base(world.memory, batch);
	assert_string_equal(stretches(batch), "a-b:1");
	resolve(batch, "a");
	assert_int_equal(world_code(batch, 0), 7001);
	world_publish(&world, batch);
}

/* One that does not fit alone is refused. */
static void test_keys_that_do_not_fit_cut_the_batch(void **state)
{
	(void)state;
	world_end(&world);
	struct vd_memory_options options = VD_MEMORY_OPTIONS_DEFAULT;
	options.arena_limit_bytes = 40000;
	world_begin_with(&world, &options);
	struct vd_batch *batch = vd_memory_open(world.memory);
	add_empty(batch, "a", "b");
	add_empty(batch, "c", "d");
	static uint8_t huge[50000];
	to_base(batch);
	vd_memory_supply_key(world.memory, batch, vd_bytes_of(huge, sizeof huge));
	assert_false(vd_memory_resolve(world.memory, batch, false, world.now_us));
	assert_int_equal(batch->count, 1);
	vd_memory_base(world.memory, batch);
	vd_memory_supply_key(world.memory, batch, vd_bytes_of(huge, sizeof huge));
	assert_false(vd_memory_resolve(world.memory, batch, false, world.now_us));
	vd_memory_base(world.memory, batch);
	assert_int_equal(batch->stretch_count, 0);
	resolve(batch, "");
	assert_int_equal(world_code(batch, 0), 2101);
	world_publish(&world, batch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_asked_without_need),
		TEST(test_ranges_are_cut_where_clears_of_ranges_begin_and_end),
		TEST(test_a_key_more_than_can_be_taken_away_is_read),
		TEST(test_single_clears_of_all_but_one),
		TEST(test_a_compare_that_does_not_clear),
		TEST(test_clears_of_ranges_that_leave_a_gap),
		TEST(test_keys_that_the_batch_below_knows_are_read_beyond),
		TEST(test_more_than_a_batch_can_hold_is_cut),
		TEST(test_keys_that_do_not_fit_cut_the_batch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
