/* SPDX-License-Identifier: Apache-2.0 */
/* Base values and the write set (rule 5: what atomic ops need is read before, once a key). */
#include "tests/unit/resolver_world.h"

static void add_op(struct vd_batch *batch, unsigned client, uint64_t sequence, uint32_t op, const char *key,
	const char *value)
{
	world_add(&world, batch, client, sequence, world_request(&world, NULL, WORLD_VERSION, op, key, value));
}

static void to_base(struct vd_batch *batch)
{
	world_load(&world, batch);
	vd_memory_base(world.memory, batch);
}

static void supply(struct vd_batch *batch, const char *key, const char *value)
{
	/* what is handed over need not live on */
	char copies[2][64];
	strcpy(copies[0], key);
	strcpy(copies[1], value);
	vd_memory_supply(world.memory, batch, vd_bytes_of_string(copies[0]), vd_bytes_of_string(copies[1]));
	memset(copies, 'z', sizeof copies);
}

static void resolve(struct vd_batch *batch)
{
	assert_true(vd_memory_resolve(world.memory, batch, false, world.now_us));
}

static void test_a_hot_key_is_asked_for_once(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	for (uint64_t i = 1; i <= 100; i++)
		add_op(batch, 1, i, VD_OP_ADD, "hot", "\1");
	add_op(batch, 1, 101, VD_OP_ADD, "cold", "\1");
	add_op(batch, 1, 102, VD_OP_SET, "set", "v");
	add_op(batch, 1, 103, VD_OP_CLEAR_RANGE, "c", "d");
	to_base(batch);
	assert_int_equal(batch->base_count, 2);
	world_assert_bytes(batch->base_keys[0], "hot");
	world_assert_bytes(batch->base_keys[1], "cold");
	supply(batch, "hot", "\5");
	resolve(batch);
	assert_int_equal(batch->writes.upsert_count, 2);
	world_assert_bytes(batch->writes.upsert_keys[0], "hot");
	world_assert_bytes(batch->writes.upsert_values[0], "\151");
	world_assert_bytes(batch->writes.upsert_keys[1], "set");
	assert_int_equal(batch->writes.range_count, 1);
	world_assert_bytes(batch->writes.range_begins[0], "c");
	world_assert_bytes(batch->writes.range_ends[0], "d");
	world_publish(&world, batch);
}

static void test_what_no_row_was_brought_for_is_absent(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	add_op(batch, 1, 1, VD_OP_BIT_AND, "n", "\7");
	to_base(batch);
	resolve(batch);
	world_assert_bytes(batch->writes.upsert_values[0], "\7");
	world_publish(&world, batch);
}

static void test_the_batch_before_answers_what_it_changes(void **state)
{
	(void)state;
	struct vd_batch *first = vd_memory_open(world.memory);
	add_op(first, 1, 1, VD_OP_ADD, "n", "\1");
	add_op(first, 1, 2, VD_OP_CLEAR_RANGE, "x", "y");
	to_base(first);
	supply(first, "n", "\4");
	resolve(first);
	struct vd_batch *second = vd_memory_open(world.memory);
	add_op(second, 2, 1, VD_OP_ADD, "n", "\1");
	add_op(second, 2, 2, VD_OP_ADD, "xx", "\2");
	add_op(second, 2, 3, VD_OP_ADD, "other", "\3");
	to_base(second);
	assert_int_equal(second->base_count, 1);
	world_assert_bytes(second->base_keys[0], "other");
	/* the first ends in between: the second still looks through it */
	world_publish(&world, first);
	supply(second, "other", "\4");
	resolve(second);
	assert_int_equal(second->writes.upsert_count, 3);
	world_assert_bytes(second->writes.upsert_values[0], "\6");
	world_assert_bytes(second->writes.upsert_values[1], "\7");
	world_assert_bytes(second->writes.upsert_values[2], "\2");
	world_publish(&world, second);
}

static void test_if_the_batch_before_fails_the_base_is_read_anew(void **state)
{
	(void)state;
	struct vd_batch *first = vd_memory_open(world.memory);
	add_op(first, 1, 1, VD_OP_SET, "n", "\4");
	to_base(first);
	resolve(first);
	struct vd_batch *second = vd_memory_open(world.memory);
	add_op(second, 2, 1, VD_OP_ADD, "n", "\1");
	to_base(second);
	assert_int_equal(second->base_count, 0);
	resolve(second);
	world_assert_bytes(second->writes.upsert_values[0], "\5");
	vd_memory_discard(world.memory, first, world.now_us);
	vd_memory_close(world.memory, first);
	to_base(second);
	assert_int_equal(second->base_count, 1);
	resolve(second);
	world_assert_bytes(second->writes.upsert_values[0], "\1");
	world_publish(&world, second);
}

static void test_losers_leave_no_trace_in_the_write_set(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	add_op(batch, 1, 1, VD_OP_ADD, "n", "\1");
	world_add(&world, batch, 1, 2, world_request(&world, "n", WORLD_VERSION, VD_OP_ADD, "n", "\1"));
	world_add(&world, batch, 1, 3, world_request(&world, "n", WORLD_VERSION, VD_OP_CLEAR_RANGE, "a", "z"));
	to_base(batch);
	resolve(batch);
	assert_int_equal(batch->counts.conflicts, 2);
	assert_int_equal(batch->writes.range_count, 0);
	assert_int_equal(batch->writes.upsert_count, 1);
	world_assert_bytes(batch->writes.upsert_values[0], "\1");
	world_publish(&world, batch);
}

static void test_a_batch_without_winners_writes_nothing(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	add_op(batch, 1, 1, 99, "n", "\1");
	to_base(batch);
	assert_int_equal(batch->base_count, 0);
	resolve(batch);
	assert_int_equal(batch->writes.upsert_count + batch->writes.delete_count + batch->writes.range_count, 0);
	assert_true(batch->version > WORLD_VERSION);
	assert_int_equal(batch->state, VD_BATCH_RESOLVED);
	world_publish(&world, batch);
}

static void test_base_values_that_do_not_fit_cut_the_batch(void **state)
{
	(void)state;
	world_end(&world);
	struct vd_memory_options options = VD_MEMORY_OPTIONS_DEFAULT;
	options.arena_limit_bytes = 40000;
	world_begin_with(&world, &options);
	struct vd_batch *batch = vd_memory_open(world.memory);
	add_op(batch, 1, 1, VD_OP_ADD, "a", "\1");
	add_op(batch, 1, 2, VD_OP_ADD, "b", "\1");
	add_op(batch, 1, 3, VD_OP_ADD, "c", "\1");
	static uint8_t value[15000];
	to_base(batch);
	assert_int_equal(batch->base_count, 3);
	vd_memory_supply(world.memory, batch, VD_BYTES("a"), vd_bytes_of(value, sizeof value));
	vd_memory_supply(world.memory, batch, VD_BYTES("b"), vd_bytes_of(value, sizeof value));
	vd_memory_supply(world.memory, batch, VD_BYTES("c"), vd_bytes_of(value, sizeof value));
	assert_false(vd_memory_resolve(world.memory, batch, false, world.now_us));
	assert_int_equal(batch->count, 1);
	vd_memory_base(world.memory, batch);
	assert_int_equal(batch->base_count, 1);
	vd_memory_supply(world.memory, batch, VD_BYTES("a"), vd_bytes_of(value, sizeof value));
	resolve(batch);
	assert_int_equal(world_code(batch, 0), 0);
	world_publish(&world, batch);
	/* one that does not fit alone is refused */
	batch = vd_memory_open(world.memory);
	add_op(batch, 1, 2, VD_OP_ADD, "b", "\1");
	to_base(batch);
	static uint8_t huge[50000];
	vd_memory_supply(world.memory, batch, VD_BYTES("b"), vd_bytes_of(huge, sizeof huge));
	assert_false(vd_memory_resolve(world.memory, batch, false, world.now_us));
	vd_memory_base(world.memory, batch);
	assert_int_equal(batch->base_count, 0);
	resolve(batch);
	assert_int_equal(world_code(batch, 0), 2101);
	world_publish(&world, batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_a_hot_key_is_asked_for_once),
		WORLD_TEST(test_what_no_row_was_brought_for_is_absent),
		WORLD_TEST(test_the_batch_before_answers_what_it_changes),
		WORLD_TEST(test_if_the_batch_before_fails_the_base_is_read_anew),
		WORLD_TEST(test_losers_leave_no_trace_in_the_write_set),
		WORLD_TEST(test_a_batch_without_winners_writes_nothing),
		WORLD_TEST(test_base_values_that_do_not_fit_cut_the_batch),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
