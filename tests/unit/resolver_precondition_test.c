/* SPDX-License-Identifier: Apache-2.0 */
/* Preconditions: each kind over what is stored, over earlier winners and over the batch before; their place among the
 * gates; what is read for them. */
#include "tests/unit/resolver_world.h"

static struct world world;

static int begin(void **state)
{
	(void)state;
	world_begin(&world);
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_end(&world);
	return 0;
}

/* ---- Requests ---- */

static struct vd_request demand(
	struct vd_request request, enum vd_precondition_kind kind, const char *key, const char *value)
{
	struct vd_precondition *all = vd_arena_array(&world.arena, request.precondition_count + 1, sizeof *all);
	for (size_t i = 0; i < request.precondition_count; i++)
		all[i] = request.preconditions[i];
	all[request.precondition_count++] =
		(struct vd_precondition){ kind, vd_bytes_of_string(key), vd_bytes_of_string(value) };
	request.preconditions = all;
	return request;
}

/* Only demands. */
static struct vd_request only(enum vd_precondition_kind kind, const char *key, const char *value)
{
	return demand(world_request(&world, NULL, WORLD_VERSION, 0, NULL, NULL), kind, key, value);
}

static struct vd_request op(uint32_t code, const char *key, const char *value)
{
	return world_request(&world, NULL, WORLD_VERSION, code, key, value);
}

/* ---- What is stored ---- */

static const char *const stored[][2] = { { "a", "1" }, { "e", "" }, { "k1", "v" }, { "k2", "w" },
	{ "k3", "x" } };

/* Answers what the batch asks, as the leader's statements do. */
static void supply(struct vd_batch *batch)
{
	for (size_t i = 0; i < batch->base_count; i++)
		for (size_t s = 0; s < VD_COUNT(stored); s++)
			if (vd_bytes_equal(batch->base_keys[i], vd_bytes_of_string(stored[s][0])))
				vd_memory_supply(world.memory, batch, batch->base_keys[i], vd_bytes_of_string(stored[s][1]));
	for (size_t i = 0; i < batch->stretch_count; i++) {
		struct vd_range stretch = vd_range_of(batch->stretch_begins[i], batch->stretch_ends[i]);
		int64_t left = batch->stretch_limits[i];
		for (size_t s = 0; s < VD_COUNT(stored) && left > 0; s++) {
			struct vd_bytes key = vd_bytes_of_string(stored[s][0]);
			if (!vd_range_has(stretch, key))
				continue;
			vd_memory_supply_key(world.memory, batch, key);
			left--;
		}
	}
}

static void resolve(struct vd_batch *batch)
{
	world_load(&world, batch);
	vd_memory_base(world.memory, batch);
	supply(batch);
	assert_true(vd_memory_resolve(world.memory, batch, false, world.now_us));
}

static uint64_t sequence_of_batch;

/* A batch of these requests, resolved; its verdicts are the numbers given. */
static struct vd_batch *expect(size_t count, const struct vd_request *requests, const int *codes)
{
	struct vd_batch *batch = vd_memory_open(world.memory);
	for (size_t i = 0; i < count; i++)
		world_add(&world, batch, 1, ++sequence_of_batch, requests[i]);
	resolve(batch);
	for (uint32_t i = 0; i < count; i++)
		if (world_code(batch, i) != codes[i])
			fail_msg("request %u: %d instead of %d", i, world_code(batch, i), codes[i]);
	return batch;
}

#define EXPECT(requests, ...)                                                                                \
	expect(VD_COUNT(requests), requests, (const int[VD_COUNT(requests)]){ __VA_ARGS__ })

/* ---- Each kind ---- */

static void test_over_what_is_stored(void **state)
{
	(void)state;
	const struct vd_request requests[] = {
		only(VD_REQUIRE_VALUE, "a", "1"),
		only(VD_REQUIRE_VALUE, "a", "2"),
		only(VD_REQUIRE_VALUE, "a", ""),
		only(VD_REQUIRE_VALUE, "e", ""),
		only(VD_REQUIRE_VALUE, "none", ""),
		only(VD_REQUIRE_PRESENT, "e", ""),
		only(VD_REQUIRE_PRESENT, "none", ""),
		only(VD_REQUIRE_ABSENT, "none", ""),
		only(VD_REQUIRE_ABSENT, "e", ""),
		only(VD_REQUIRE_EMPTY, "b", "e"),
		only(VD_REQUIRE_EMPTY, "b", "e0"),
		only(VD_REQUIRE_EMPTY, "a", "b"),
		only(VD_REQUIRE_EMPTY, "e", "e"),
		only(VD_REQUIRE_EMPTY, "k4", "\xff"),
	};
	struct vd_batch *batch = EXPECT(requests, 0, 7001, 7001, 0, 7001, 0, 7001, 0, 7001, 0, 7001, 7001, 0, 0);
	assert_int_equal(batch->counts.committed, 7);
	assert_int_equal(batch->counts.rejected, 7);
	assert_int_equal(batch->items[13].verdict.order, 6);
	assert_int_equal(batch->writes.upsert_count + batch->writes.delete_count + batch->writes.range_count, 0);
	world_publish(&world, batch);
}

static void test_all_of_a_request_must_hold(void **state)
{
	(void)state;
	const struct vd_request requests[] = {
		demand(only(VD_REQUIRE_PRESENT, "a", ""), VD_REQUIRE_ABSENT, "b", ""),
		demand(only(VD_REQUIRE_PRESENT, "a", ""), VD_REQUIRE_ABSENT, "e", ""),
		demand(only(VD_REQUIRE_ABSENT, "a", ""), VD_REQUIRE_ABSENT, "b", ""),
	};
	world_publish(&world, EXPECT(requests, 0, 7001, 7001));
}

static void test_over_earlier_winners(void **state)
{
	(void)state;
	const struct vd_request requests[] = {
		op(VD_OP_SET, "new", "n"), only(VD_REQUIRE_VALUE, "new", "n"), only(VD_REQUIRE_EMPTY, "n", "o"),
		op(VD_OP_CLEAR, "new", ""), only(VD_REQUIRE_ABSENT, "new", ""), only(VD_REQUIRE_EMPTY, "n", "o"),
		op(VD_OP_ADD, "a", "\1"), only(VD_REQUIRE_VALUE, "a", "2"), only(VD_REQUIRE_VALUE, "a", "1"),
		op(VD_OP_COMPARE_AND_CLEAR, "a", "2"), only(VD_REQUIRE_PRESENT, "a", ""),
		op(VD_OP_CLEAR_RANGE, "k", "l"), only(VD_REQUIRE_PRESENT, "k2", ""), only(VD_REQUIRE_EMPTY, "k", "l"),
		only(VD_REQUIRE_EMPTY, "a", "\xff"), /* "e" is still there */
	};
	world_publish(&world, EXPECT(requests, 0, 0, 7001, 0, 0, 0, 0, 0, 7001, 0, 7001, 0, 7001, 0, 7001));
}

static void test_over_a_stamped_value_and_key(void **state)
{
	(void)state;
	struct vd_mutation *mutations = vd_arena_array(&world.arena, 2, sizeof *mutations);
	mutations[0] = (struct vd_mutation){
		.op = VD_OP_SET_VERSIONSTAMPED_VALUE, .key = VD_BYTES("s"), .value = VD_BYTES("..........\0\0\0\0")
	};
	mutations[1] = (struct vd_mutation){
		.op = VD_OP_SET_VERSIONSTAMPED_KEY, .key = VD_BYTES("t/..........\2\0\0\0"), .value = VD_BYTES("")
	};
	struct vd_request stamped = world_set(&world, "x", "v");
	stamped.mutations = mutations;
	stamped.mutation_count = 2;
	/* the version that the batch will have: time stands, so it is the one after the newest */
	uint8_t value[VD_STAMP_BYTES];
	uint64_t version = world_turn(&world, 2, 1, world_set(&world, "y", "v"))->version + 1;
	vd_stamp_write((struct vd_stamp){ version, 0 }, value);
	struct vd_request right = only(VD_REQUIRE_VALUE, "s", "");
	struct vd_precondition *precondition = VD_ARENA_NEW(&world.arena, struct vd_precondition);
	*precondition =
		(struct vd_precondition){ VD_REQUIRE_VALUE, VD_BYTES("s"), vd_bytes_of(value, sizeof value) };
	right.preconditions = precondition;
	const struct vd_request requests[] = { stamped, right, only(VD_REQUIRE_VALUE, "s", ".........."),
		only(VD_REQUIRE_EMPTY, "t", "u"), only(VD_REQUIRE_EMPTY, "t", "t/\0") };
	struct vd_batch *batch = EXPECT(requests, 0, 0, 7001, 7001, 0);
	assert_int_equal(batch->version, version);
	world_publish(&world, batch);
}

static void test_own_mutations_make_no_difference(void **state)
{
	(void)state;
	const struct vd_request requests[] = {
		demand(op(VD_OP_SET, "n", "1"), VD_REQUIRE_ABSENT, "n", ""),
		demand(op(VD_OP_SET, "n", "2"), VD_REQUIRE_VALUE, "n", "2"),
		demand(op(VD_OP_CLEAR_RANGE, "k", "l"), VD_REQUIRE_EMPTY, "k", "l"),
		demand(op(VD_OP_CLEAR, "n", ""), VD_REQUIRE_VALUE, "n", "1"),
	};
	world_publish(&world, EXPECT(requests, 0, 7001, 7001, 0));
}

static void test_a_rejected_request_leaves_no_trace(void **state)
{
	(void)state;
	struct vd_request reader = world_request(&world, "x", WORLD_VERSION, VD_OP_SET, "y", "v");
	const struct vd_request requests[] = {
		demand(op(VD_OP_SET, "x", "1"), VD_REQUIRE_PRESENT, "none", ""),
		reader,
		only(VD_REQUIRE_ABSENT, "x", ""),
		op(VD_OP_SET, "z", "1"),
	};
	struct vd_batch *batch = EXPECT(requests, 7001, 0, 0, 0);
	assert_int_equal(batch->items[3].verdict.order, 2);
	assert_int_equal(batch->writes.upsert_count, 2);
	world_publish(&world, batch);
}

/* ---- The batch before ---- */

static void test_over_the_batch_that_is_being_applied(void **state)
{
	(void)state;
	const struct vd_request first[] = {
		op(VD_OP_SET, "new", "n"),
		op(VD_OP_CLEAR, "e", ""),
		op(VD_OP_CLEAR_RANGE, "k", "l"),
		only(VD_REQUIRE_PRESENT, "a", ""),
	};
	struct vd_batch *below = EXPECT(first, 0, 0, 0, 0);
	const struct vd_request second[] = {
		only(VD_REQUIRE_VALUE, "new", "n"),
		only(VD_REQUIRE_PRESENT, "e", ""),
		only(VD_REQUIRE_EMPTY, "k", "l"),
		only(VD_REQUIRE_EMPTY, "b", "n"),
		only(VD_REQUIRE_EMPTY, "n", "o"),
		only(VD_REQUIRE_EMPTY, "", "a\1"),
		only(VD_REQUIRE_PRESENT, "a", ""),
		op(VD_OP_CLEAR, "new", ""),
		only(VD_REQUIRE_EMPTY, "b", "\xff"),
	};
	struct vd_batch *batch = EXPECT(second, 0, 7001, 0, 0, 7001, 7001, 0, 0, 0);
	assert_int_equal(batch->base_count, 0);
	world_publish(&world, below);
	world_publish(&world, batch);
}

static void test_if_the_batch_before_fails_all_is_judged_anew(void **state)
{
	(void)state;
	const struct vd_request first[] = { op(VD_OP_CLEAR_RANGE, "", "\xff") };
	struct vd_batch *below = EXPECT(first, 0);
	const struct vd_request second[] = { only(VD_REQUIRE_EMPTY, "", "\xff"),
		only(VD_REQUIRE_ABSENT, "a", "") };
	struct vd_batch *batch = EXPECT(second, 0, 0);
	vd_memory_discard(world.memory, below, world.now_us);
	vd_memory_close(world.memory, below);
	resolve(batch);
	assert_int_equal(world_code(batch, 0), 7001);
	assert_int_equal(world_code(batch, 1), 7001);
	world_publish(&world, batch);
}

/* ---- The order of the gates, and duplicates ---- */

static void test_conflict_and_age_come_before(void **state)
{
	(void)state;
	uint64_t version = world_turn(&world, 2, 1, world_set(&world, "k", "v"))->version;
	const struct vd_request requests[] = {
		demand(
			world_request(&world, "k", WORLD_VERSION, VD_OP_SET, "x", "v"), VD_REQUIRE_PRESENT, "none", ""),
		demand(world_request(&world, "k", 5, VD_OP_SET, "x", "v"), VD_REQUIRE_PRESENT, "none", ""),
		demand(world_request(&world, "k", version + 9, VD_OP_SET, "x", "v"), VD_REQUIRE_PRESENT, "none", ""),
		demand(world_request(&world, "k", version, 99, "x", "v"), VD_REQUIRE_PRESENT, "none", ""),
		demand(world_request(&world, "k", version, VD_OP_SET, "x", "v"), VD_REQUIRE_PRESENT, "none", ""),
	};
	world_publish(&world, EXPECT(requests, 1020, 1007, 1009, 2018, 7001));
}

static void test_a_copy_is_answered_as_it_was(void **state)
{
	(void)state;
	struct vd_request absent = demand(op(VD_OP_SET, "x", "1"), VD_REQUIRE_ABSENT, "x", "");
	struct vd_request present = demand(op(VD_OP_SET, "y", "1"), VD_REQUIRE_PRESENT, "x", "");
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, present);
	world_add(&world, batch, 1, 2, absent);
	world_add(&world, batch, 1, 1, present); /* by now it would hold */
	world_add(&world, batch, 1, 2, absent);
	resolve(batch);
	assert_int_equal(world_code(batch, 0), 7001);
	assert_int_equal(world_code(batch, 1), 0);
	for (uint32_t i = 2; i < 4; i++) {
		assert_int_equal(batch->items[i].fate, VD_FATE_REPEATED);
		assert_int_equal(batch->items[i].verdict.code, batch->items[i - 2].verdict.code);
	}
	world_publish(&world, batch);
}

/* ---- What is read ---- */

static void test_each_key_is_asked_for_once(void **state)
{
	(void)state;
	const struct vd_request requests[] = {
		only(VD_REQUIRE_VALUE, "a", "1"),
		only(VD_REQUIRE_PRESENT, "a", ""),
		demand(op(VD_OP_ADD, "a", "\1"), VD_REQUIRE_PRESENT, "a", ""),
		demand(op(VD_OP_SET, "n", "1"), VD_REQUIRE_ABSENT, "n", ""),
		only(VD_REQUIRE_ABSENT, "n", ""),
	};
	struct vd_batch *batch = EXPECT(requests, 0, 0, 0, 0, 7001);
	assert_int_equal(batch->base_count, 2);
	world_assert_bytes(batch->base_keys[0], "a");
	world_assert_bytes(batch->base_keys[1], "n");
	assert_int_equal(batch->stretch_count, 0);
	world_publish(&world, batch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_over_what_is_stored),
		TEST(test_all_of_a_request_must_hold),
		TEST(test_over_earlier_winners),
		TEST(test_over_a_stamped_value_and_key),
		TEST(test_own_mutations_make_no_difference),
		TEST(test_a_rejected_request_leaves_no_trace),
		TEST(test_over_the_batch_that_is_being_applied),
		TEST(test_if_the_batch_before_fails_all_is_judged_anew),
		TEST(test_conflict_and_age_come_before),
		TEST(test_a_copy_is_answered_as_it_was),
		TEST(test_each_key_is_asked_for_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
