/* SPDX-License-Identifier: Apache-2.0 */
/* Batches under way, terms, and how a lost commit is settled (rules 2, 6, 7, 8). */
#include "tests/unit/resolver_world.h"

static struct vd_batch *resolved(unsigned client, uint64_t sequence, struct vd_request request)
{
	struct vd_batch *batch = vd_memory_open(world.memory);
	assert_non_null(batch);
	world_add(&world, batch, client, sequence, request);
	world_resolve(&world, batch);
	return batch;
}

static struct vd_request reader(const char *key, uint64_t version)
{
	return world_request(&world, key, version, VD_OP_SET, "out", "v");
}

static uint64_t floor_now(void)
{
	return vd_window_floor(world.memory->resolver.window);
}

static void test_at_most_two_batches_are_under_way(void **state)
{
	(void)state;
	struct vd_batch *first = resolved(1, 1, world_set(&world, "a", "v"));
	struct vd_batch *second = resolved(1, 2, world_set(&world, "b", "v"));
	assert_null(vd_memory_open(world.memory));
	assert_true(second->version > first->version);
	assert_int_equal(second->from, first->version);
	assert_int_equal(vd_memory_newest(world.memory), second->version);
	world_publish(&world, first);
	struct vd_batch *third = resolved(1, 3, world_set(&world, "c", "v"));
	assert_int_equal(third->from, second->version);
	world_publish(&world, second);
	world_publish(&world, third);
}

static void test_a_batch_sees_what_the_one_in_flight_wrote(void **state)
{
	(void)state;
	struct vd_batch *first = resolved(1, 1, world_set(&world, "a", "v"));
	struct vd_batch *second = resolved(2, 1, reader("a", WORLD_VERSION));
	assert_int_equal(world_code(second, 0), 1020);
	assert_int_equal(second->items[0].verdict.detail_version, first->version);
}

static void test_a_discarded_batch_leaves_no_trace(void **state)
{
	(void)state;
	struct vd_batch *first = resolved(1, 1, world_set(&world, "a", "v"));
	uint64_t sent = first->version;
	vd_memory_discard(world.memory, first, world.now_us);
	vd_memory_close(world.memory, first);
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 2, 1, reader("a", WORLD_VERSION));
	world_add(&world, batch, 1, 1, world_set(&world, "a", "v"));
	world_resolve(&world, batch);
	assert_int_equal(batch->from, WORLD_VERSION);
	assert_true(batch->version > sent);
	assert_int_equal(world_code(batch, 0), 0);
	assert_int_equal(world_code(batch, 1), 0);
	world_publish(&world, batch);
}

static void test_a_discard_takes_the_later_batch_with_it(void **state)
{
	(void)state;
	struct vd_batch *first = resolved(1, 1, world_set(&world, "a", "v"));
	struct vd_batch *second = resolved(2, 1, reader("a", WORLD_VERSION));
	uint64_t sent = second->version;
	vd_memory_discard(world.memory, first, world.now_us);
	assert_int_equal(first->state, VD_BATCH_CLAIMED);
	assert_int_equal(second->state, VD_BATCH_CLAIMED);
	assert_int_equal(vd_memory_newest(world.memory), WORLD_VERSION);
	/* both go on, in the same order */
	world_resolve(&world, first);
	assert_true(first->version > sent);
	world_resolve(&world, second);
	assert_int_equal(world_code(second, 0), 1020);
	assert_int_equal(second->items[0].verdict.detail_version, first->version);
	world_publish(&world, first);
	world_publish(&world, second);
}

static void test_the_later_batch_alone_can_be_discarded(void **state)
{
	(void)state;
	struct vd_batch *first = resolved(1, 1, world_set(&world, "a", "v"));
	struct vd_batch *second = resolved(2, 1, world_set(&world, "b", "v"));
	vd_memory_discard(world.memory, second, world.now_us);
	vd_memory_close(world.memory, second);
	world_publish(&world, first);
	assert_int_equal(world_code(world_turn(&world, 2, 2, reader("b", WORLD_VERSION)), 0), 0);
	assert_int_equal(world_code(world_turn(&world, 2, 3, reader("a", WORLD_VERSION)), 0), 1020);
}

static void test_a_base_value_that_comes_after_a_discard_is_passed_over(void **state)
{
	(void)state;
	struct vd_batch *first = resolved(1, 1, world_set(&world, "n", "\1"));
	struct vd_batch *second = vd_memory_open(world.memory);
	world_add(&world, second, 2, 1, world_request(&world, NULL, WORLD_VERSION, VD_OP_ADD, "m", "\1"));
	world_load(&world, second);
	vd_memory_base(world.memory, second);
	assert_int_equal(second->base_count, 1);
	vd_memory_discard(world.memory, first, world.now_us);
	vd_memory_supply(world.memory, second, VD_BYTES("m"), VD_BYTES("\5"));
	world_resolve(&world, first);
	world_resolve(&world, second);
	world_assert_bytes(second->writes.upsert_values[0], "\1");
	world_publish(&world, first);
	world_publish(&world, second);
}

static void resolve_out_of_order(void)
{
	struct vd_batch *first = vd_memory_open(world.memory);
	world_add(&world, first, 1, 1, world_set(&world, "a", "v"));
	world_load(&world, first);
	struct vd_batch *second = vd_memory_open(world.memory);
	world_add(&world, second, 1, 2, world_set(&world, "a", "v"));
	world_load(&world, second);
	vd_memory_base(world.memory, second);
}

static void resolve_unloaded(void)
{
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, world_set(&world, "a", "v"));
	size_t count;
	(void)vd_memory_missing(world.memory, batch, world.now_us, &count);
	vd_memory_base(world.memory, batch);
	(void)!vd_memory_resolve(world.memory, batch, false, world.now_us);
}

static void test_misuse_is_death(void **state)
{
	(void)state;
	ASSERT_DIES(resolve_out_of_order, "VD_BATCH_RESOLVED");
	ASSERT_DIES(resolve_unloaded, "VD_CLIENT_REGISTERED");
}

/* ---- Settling ---- */

static enum vd_settled settle(uint64_t version, uint32_t *landed)
{
	return vd_memory_settle(world.memory, world_term, version, landed);
}

static void test_a_lost_commit_is_settled_by_the_watermark(void **state)
{
	(void)state;
	uint64_t before = world_turn(&world, 1, 1, world_set(&world, "a", "v"))->version;
	struct vd_batch *first = resolved(1, 2, world_set(&world, "a", "v"));
	struct vd_batch *second = resolved(1, 3, world_set(&world, "b", "v"));
	uint32_t landed;
	assert_int_equal(settle(before, &landed), VD_SETTLED_KNOWN);
	assert_int_equal(landed, 0);
	assert_int_equal(settle(first->version, &landed), VD_SETTLED_KNOWN);
	assert_int_equal(landed, 1);
	assert_int_equal(settle(second->version, &landed), VD_SETTLED_KNOWN);
	assert_int_equal(landed, 2);
	assert_int_equal(settle(second->version + 1, &landed), VD_SETTLED_UNEXPECTED);
	assert_int_equal(settle(before - 1, &landed), VD_SETTLED_LOST);
	assert_int_equal(vd_memory_settle(world.memory, world_preceding_term, before, &landed), VD_SETTLED_LOST);
	world_publish(&world, first);
	assert_int_equal(settle(before, &landed), VD_SETTLED_LOST);
}

static void test_an_earlier_try_that_landed_after_all_is_unexpected(void **state)
{
	(void)state;
	struct vd_batch *batch = resolved(1, 1, world_set(&world, "a", "v"));
	uint64_t stalled = batch->version;
	vd_memory_discard(world.memory, batch, world.now_us);
	world_resolve(&world, batch);
	uint32_t landed;
	assert_int_equal(settle(stalled, &landed), VD_SETTLED_UNEXPECTED);
}

static void test_after_a_reload_nothing_is_remembered_and_the_floor_is_its_version(void **state)
{
	(void)state;
	world_turn(&world, 1, 1, world_set(&world, "a", "v"));
	struct vd_batch *lost = resolved(1, 2, world_set(&world, "b", "v"));
	uint64_t version = lost->version + 77;
	vd_memory_reload(world.memory, version, world.now_us);
	assert_int_equal(floor_now(), version);
	assert_int_equal(vd_memory_newest(world.memory), version);
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 3, reader("x", version - 1));
	world_add(&world, batch, 1, 4, reader("x", version));
	assert_int_equal(world_load(&world, batch), 1);
	vd_memory_base(world.memory, batch);
	assert_true(vd_memory_resolve(world.memory, batch, false, world.now_us));
	assert_int_equal(batch->from, version);
	assert_true(batch->version > version);
	assert_int_equal(world_code(batch, 0), 1007);
	assert_int_equal(world_code(batch, 1), 0);
	world_publish(&world, batch);
}

/* ---- Terms ---- */

static void test_a_new_term_begins_anew(void **state)
{
	(void)state;
	static const uint8_t next_term[VD_TERM_BYTES] = "next";
	world_turn(&world, 1, 1, world_set(&world, "a", "v"));
	(void)resolved(1, 2, world_set(&world, "b", "v"));
	uint64_t version = WORLD_VERSION + 5000;
	vd_memory_take_office(world.memory, next_term, world_term, version, 0, world.now_us);
	assert_int_equal(world.memory->clients.count, 0);
	assert_int_equal(floor_now(), version);
	/* requests of the term before count at its last version, and so do ours */
	struct vd_batch *batch = world_turn(&world, 1, 3, reader("a", version));
	assert_int_equal(world_code(batch, 0), 0);
	struct vd_request own = reader("a", batch->version);
	memcpy(own.read_term, next_term, VD_TERM_BYTES);
	assert_int_equal(world_code(world_turn(&world, 1, 4, own), 0), 0);
}

static void test_a_term_may_begin_below_the_last_one(void **state)
{
	(void)state;
	static const uint8_t next_term[VD_TERM_BYTES] = "next";
	world_turn(&world, 1, 1, world_set(&world, "a", "v"));
	vd_memory_take_office(world.memory, next_term, world_term, WORLD_VERSION - 100, 0, world.now_us);
	assert_int_equal(floor_now(), WORLD_VERSION - 100);
}

/* ---- Memory ---- */

static void test_the_window_is_bounded_by_raising_the_floor(void **state)
{
	(void)state;
	world_end(&world);
	struct vd_memory_options options = VD_MEMORY_OPTIONS_DEFAULT;
	options.window_limit_bytes = 1000000;
	world_begin_with(&world, &options);
	uint64_t sequence = 0;
	for (unsigned i = 0; i < 200; i++) {
		struct vd_batch *batch = vd_memory_open(world.memory);
		for (unsigned k = 0; k < 200; k++) {
			char key[32];
			sprintf(key, "%u/%u", k, i);
			struct vd_request request = world_set(&world, vd_arena_string(&world.arena, key), "v");
			struct vd_claim claim = world_claim_of(&world, 1, ++sequence, world_payload(&world, &request));
			claim.acknowledged = sequence - 1;
			assert_true(vd_batch_add(batch, &claim));
		}
		world_resolve(&world, batch);
		world_publish(&world, batch);
		assert_true(vd_window_bytes(world.memory->resolver.window) < 2000000);
		world.now_us += 1000;
	}
	assert_true(floor_now() > WORLD_VERSION);
}

static void test_idle_clients_are_forgotten(void **state)
{
	(void)state;
	world_turn(&world, 1, 1, world_set(&world, "a", "v"));
	world.now_us += world.memory->options.client_idle_us + 1;
	vd_memory_tick(world.memory, world.now_us);
	/* the last batch is still readable, and so its clients are held */
	assert_int_equal(world.memory->clients.count, 1);
	world_turn(&world, 2, 1, world_set(&world, "a", "v"));
	vd_memory_tick(world.memory, world.now_us);
	assert_int_equal(world.memory->clients.count, 1);
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 2, world_set(&world, "a", "v"));
	assert_int_equal(world_load(&world, batch), 1);
	vd_memory_close(world.memory, batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_at_most_two_batches_are_under_way),
		WORLD_TEST(test_a_batch_sees_what_the_one_in_flight_wrote),
		WORLD_TEST(test_a_discarded_batch_leaves_no_trace),
		WORLD_TEST(test_a_discard_takes_the_later_batch_with_it),
		WORLD_TEST(test_the_later_batch_alone_can_be_discarded),
		WORLD_TEST(test_a_base_value_that_comes_after_a_discard_is_passed_over),
		WORLD_TEST(test_misuse_is_death),
		WORLD_TEST(test_a_lost_commit_is_settled_by_the_watermark),
		WORLD_TEST(test_an_earlier_try_that_landed_after_all_is_unexpected),
		WORLD_TEST(test_after_a_reload_nothing_is_remembered_and_the_floor_is_its_version),
		WORLD_TEST(test_a_new_term_begins_anew),
		WORLD_TEST(test_a_term_may_begin_below_the_last_one),
		WORLD_TEST(test_the_window_is_bounded_by_raising_the_floor),
		WORLD_TEST(test_idle_clients_are_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
