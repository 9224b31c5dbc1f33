/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers: gap-free in the order of the commits, whatever fails in between (rule 5). */
#include "common/base/endian.h"
#include "common/kv/sequence.h"
#include "tests/unit/resolver_world.h"

/* ---- Requests ---- */

#define C1 "\xff/counter/1"
#define C2 "\xff/counter/2"

static struct vd_mutation seq(const char *counter, const char *prefix, const char *value)
{
	return (struct vd_mutation){ .op = VD_OP_SET_SEQUENCED_KEY,
		.counter = vd_bytes_of_string(counter),
		.key = vd_bytes_of_string(prefix),
		.value = vd_bytes_of_string(value) };
}

static struct vd_request request_of(const struct vd_mutation *mutations, size_t count)
{
	struct vd_request request = world_set(&world, NULL, NULL);
	request.mutations = mutations;
	request.mutation_count = count;
	return request;
}

static void add(
	struct vd_batch *batch, unsigned client, uint64_t sequence, const struct vd_mutation *mutation)
{
	world_add(&world, batch, client, sequence, request_of(mutation, 1));
}

static struct vd_bytes key_of(const char *prefix, uint64_t number)
{
	size_t size = strlen(prefix);
	uint8_t *bytes = vd_arena_alloc_bytes(&world.arena, size + 8);
	memcpy(bytes, prefix, size);
	vd_store_be64(bytes + size, number);
	return vd_bytes_of(bytes, size + 8);
}

static struct vd_bytes number_of(uint64_t number)
{
	return key_of("", number);
}

static void to_base(struct vd_batch *batch)
{
	world_load(&world, batch);
	vd_memory_base(world.memory, batch);
}

static void resolve(struct vd_batch *batch)
{
	assert_true(vd_memory_resolve(world.memory, batch, false, world.now_us));
}

/* ---- What is written ---- */

static void assert_written(const struct vd_batch *batch, struct vd_bytes key, struct vd_bytes value)
{
	for (size_t i = 0; i < batch->writes.upsert_count; i++) {
		if (!vd_bytes_equal(batch->writes.upsert_keys[i], key))
			continue;
		assert_int_equal(batch->writes.upsert_values[i].size, value.size);
		assert_memory_equal(batch->writes.upsert_values[i].data, value.data, value.size);
		return;
	}
	fail_msg("a key of %zu bytes is not written", key.size);
}

static void assert_numbered(
	const struct vd_batch *batch, const char *prefix, uint64_t number, const char *value)
{
	assert_written(batch, key_of(prefix, number), vd_bytes_of_string(value));
}

static void assert_counts(const struct vd_batch *batch, const char *counter, uint64_t next)
{
	assert_written(batch, vd_bytes_of_string(counter), number_of(next));
}

/* ---- The tests ---- */

static void test_numbers_follow_each_other(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	struct vd_mutation one = seq(C1, "a/", "1");
	struct vd_mutation more[] = { seq(C1, "a/", "2"), seq(C2, "b/", "x"), seq(C1, "c/", "3"),
		seq(C1, "a/", "4") };
	add(batch, 1, 1, &one);
	world_add(&world, batch, 2, 1, request_of(more, 4));
	add(batch, 1, 2, &one);
	to_base(batch);
	assert_int_equal(batch->base_count, 2); /* each counter once */
	struct vd_bytes stored = number_of(40);
	vd_memory_supply(world.memory, batch, vd_bytes_of_string(C1), stored);
	resolve(batch);
	assert_int_equal(batch->counts.committed, 3);
	assert_numbered(batch, "a/", 40, "1");
	assert_numbered(batch, "a/", 41, "2");
	assert_numbered(batch, "b/", 0, "x");
	assert_numbered(batch, "c/", 42, "3");
	assert_numbered(batch, "a/", 43, "4");
	assert_numbered(batch, "a/", 44, "1");
	assert_counts(batch, C1, 45);
	assert_counts(batch, C2, 1);
	assert_int_equal(batch->writes.upsert_count, 8);
	world_publish(&world, batch);
}

static void test_a_conflict_leaves_no_gap(void **state)
{
	(void)state;
	struct vd_mutation one = seq(C1, "a/", "v");
	struct vd_mutation bad[] = { seq(C1, "a/", "v"), { .op = VD_OP_SET, .key = VD_BYTES("\xff") } };
	world_turn(&world, 1, 1, world_set(&world, "read", "1"));
	struct vd_batch *batch = vd_memory_open(world.memory);
	struct vd_request loses = world_request(&world, "read", WORLD_VERSION, VD_OP_SET, NULL, NULL);
	loses.mutations = &one;
	loses.mutation_count = 1;
	add(batch, 1, 2, &one);
	world_add(&world, batch, 1, 3, loses);
	world_add(&world, batch, 1, 4, request_of(bad, 2));
	add(batch, 1, 5, &one);
	to_base(batch);
	resolve(batch);
	assert_int_equal(world_code(batch, 1), 1020);
	assert_int_equal(world_code(batch, 2), 2004);
	assert_numbered(batch, "a/", 0, "v");
	assert_numbered(batch, "a/", 1, "v");
	assert_counts(batch, C1, 2);
	assert_int_equal(batch->writes.upsert_count, 3);
	world_publish(&world, batch);
}

static void test_the_batch_before_counts(void **state)
{
	(void)state;
	struct vd_mutation one = seq(C1, "a/", "v");
	struct vd_batch *first = vd_memory_open(world.memory);
	add(first, 1, 1, &one);
	to_base(first);
	vd_memory_supply(world.memory, first, vd_bytes_of_string(C1), number_of(7));
	resolve(first);
	struct vd_batch *second = vd_memory_open(world.memory);
	add(second, 2, 1, &one);
	to_base(second);
	assert_int_equal(second->base_count, 0);
	world_publish(&world, first);
	resolve(second);
	assert_numbered(second, "a/", 8, "v");
	assert_counts(second, C1, 9);
	world_publish(&world, second);
}

static void test_if_the_batch_before_fails_its_numbers_are_given_again(void **state)
{
	(void)state;
	struct vd_mutation one = seq(C1, "a/", "v");
	struct vd_batch *first = vd_memory_open(world.memory);
	add(first, 1, 1, &one);
	to_base(first);
	resolve(first);
	struct vd_batch *second = vd_memory_open(world.memory);
	add(second, 2, 1, &one);
	to_base(second);
	resolve(second);
	assert_numbered(second, "a/", 1, "v");
	vd_memory_discard(world.memory, first, world.now_us);
	vd_memory_close(world.memory, second);
	vd_memory_close(world.memory, first);
	second = vd_memory_open(world.memory);
	add(second, 2, 2, &one);
	to_base(second);
	assert_int_equal(second->base_count, 1);
	resolve(second);
	assert_numbered(second, "a/", 0, "v");
	world_publish(&world, second);
}

static void test_readers_of_key_and_counter_conflict_and_appenders_do_not(void **state)
{
	(void)state;
	struct vd_mutation one = seq(C1, "a/", "v");
	one.no_write_conflict = true; /* counts for the key alone */
	struct vd_batch *batch = vd_memory_open(world.memory);
	struct vd_request reads = world_set(&world, "x", "1");
	const struct vd_range ranges[] = {
		{ key_of("a/", 1), key_of("a/", 2) },
		{ key_of("a/", 0), key_of("a/", 1) },
		{ vd_bytes_of_string(C1), vd_bytes_of_string(C2) },
	};
	struct vd_mutation loud = seq(C1, "a/", "v");
	add(batch, 1, 1, &one);
	add(batch, 1, 2, &loud);
	reads.read_count = 1;
	for (uint64_t i = 0; i < 3; i++) {
		reads.reads = &ranges[i];
		world_add(&world, batch, 2, 1 + i, reads);
	}
	to_base(batch);
	resolve(batch);
	assert_int_equal(world_code(batch, 0), 0);
	assert_int_equal(world_code(batch, 1), 0);
	assert_int_equal(world_code(batch, 2), 1020);
	assert_int_equal(world_code(batch, 3), 0);
	assert_int_equal(world_code(batch, 4), 1020);
	world_publish(&world, batch);
}

static void test_a_counter_that_holds_no_number(void **state)
{
	(void)state;
	static const struct {
		struct vd_bytes stored;
		int codes[2];
	} rows[] = {
		{ VD_BYTES("odd"), { 7006, 7006 } }, { VD_BYTES(""), { 7006, 7006 } },
		{ VD_BYTES("123456789"), { 7006, 7006 } }, { VD_BYTES("\x80\0\0\0\0\0\0\0"), { 7006, 7006 } },
		{ VD_BYTES("\x7f\xff\xff\xff\xff\xff\xff\xff"), { 7006, 7006 } },
		{ VD_BYTES("\x7f\xff\xff\xff\xff\xff\xff\xfe"), { 0, 7006 } }, /* the last number there is */
	};
	struct vd_mutation one = seq(C1, "a/", "v");
	for (size_t i = 0; i < VD_COUNT(rows); i++) {
		struct vd_batch *batch = vd_memory_open(world.memory);
		struct vd_mutation two[] = { seq(C2, "b/", "v"), seq(C1, "a/", "v") };
		struct vd_mutation other = seq(C2, "b/", "v");
		add(batch, 1, 10 * i + 1, &one);
		world_add(&world, batch, 1, 10 * i + 2, request_of(two, 2));
		add(batch, 1, 10 * i + 3, &other);
		to_base(batch);
		vd_memory_supply(world.memory, batch, vd_bytes_of_string(C1), rows[i].stored);
		resolve(batch);
		assert_int_equal(world_code(batch, 0), rows[i].codes[0]);
		assert_int_equal(world_code(batch, 1), rows[i].codes[1]);
		assert_int_equal(world_code(batch, 2), 0);
		assert_numbered(batch, "b/", 0, "v"); /* the one before took nothing */
		world_publish(&world, batch);
	}
}

static void test_a_sequenced_value_gets_the_last_number(void **state)
{
	(void)state;
	struct vd_mutation early[] = { { .op = VD_OP_SET_SEQUENCED_VALUE,
									   .counter = vd_bytes_of_string(C1),
									   .key = vd_bytes_of_string("k"),
									   .value = VD_BYTES("........\0\0\0\0") },
		seq(C1, "a/", "v") };
	struct vd_mutation good[] = { seq(C1, "a/", "v"), seq(C2, "b/", "v"), seq(C1, "a/", "v"), early[0],
		{ .op = VD_OP_SET_SEQUENCED_VALUE,
			.counter = vd_bytes_of_string(C2),
			.key = VD_BYTES("s..........\1\0\0\0"),
			.value = VD_BYTES("<........>\1\0\0\0"),
			.is_stamped = true } };
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, request_of(early, 2));
	world_add(&world, batch, 1, 2, request_of(good, 5));
	to_base(batch);
	resolve(batch);
	assert_int_equal(world_code(batch, 0), 2000);
	assert_int_equal(world_code(batch, 1), 0);
	assert_written(batch, VD_BYTES("k"), number_of(1));
	uint8_t stamped[11] = "s";
	vd_stamp_write((struct vd_stamp){ batch->version, 0 }, stamped + 1);
	assert_written(batch, vd_bytes_of(stamped, sizeof stamped), VD_BYTES("<\0\0\0\0\0\0\0\0>"));
	world_publish(&world, batch);
}

static void test_key_and_stamp_in_one(void **state)
{
	(void)state;
	struct vd_mutation one = seq(C1, "a/", "");
	one.value = VD_BYTES("<..........>\1\0\0\0");
	one.is_stamped = true;
	struct vd_batch *batch = vd_memory_open(world.memory);
	add(batch, 1, 1, &one);
	add(batch, 1, 2, &one);
	to_base(batch);
	resolve(batch);
	for (uint16_t i = 0; i < 2; i++) {
		uint8_t value[12] = "<..........>";
		vd_stamp_write((struct vd_stamp){ batch->version, i }, value + 1);
		assert_written(batch, key_of("a/", i), vd_bytes_of(value, sizeof value));
	}
	world_publish(&world, batch);
}

static void test_a_later_clear_takes_the_key_and_not_the_number(void **state)
{
	(void)state;
	struct vd_mutation both[] = { seq(C1, "a/", "v"),
		{ .op = VD_OP_CLEAR_RANGE, .key = VD_BYTES(""), .value = VD_BYTES("\xff") }, seq(C1, "a/", "w") };
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, request_of(both, 3));
	to_base(batch);
	resolve(batch);
	assert_int_equal(batch->writes.upsert_count, 2);
	assert_numbered(batch, "a/", 1, "w");
	assert_counts(batch, C1, 2);
	world_publish(&world, batch);
}

static void test_what_does_not_fit_is_cut(void **state)
{
	(void)state;
	struct vd_memory_options options = VD_MEMORY_OPTIONS_DEFAULT;
	options.arena_limit_bytes = 262144;
	vd_memory_free(world.memory);
	world.memory = vd_memory_new(&options);
	vd_memory_take_office(
		world.memory, world_term, world_preceding_term, WORLD_VERSION, WORLD_JUMP, world.now_us);
	enum { MANY = 100 };
	struct vd_mutation many[MANY];
	for (size_t i = 0; i < MANY; i++)
		many[i] = seq(C1, "a/", "v");
	struct vd_batch *batch = vd_memory_open(world.memory);
	for (uint64_t i = 1; i <= 8; i++)
		world_add(&world, batch, 1, i, request_of(many, MANY));
	to_base(batch);
	resolve(batch);
	assert_true(batch->count < 8 && batch->count >= 1);
	assert_counts(batch, C1, (uint64_t)batch->count * MANY);
	world_publish(&world, batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_numbers_follow_each_other),
		WORLD_TEST(test_a_conflict_leaves_no_gap),
		WORLD_TEST(test_the_batch_before_counts),
		WORLD_TEST(test_if_the_batch_before_fails_its_numbers_are_given_again),
		WORLD_TEST(test_readers_of_key_and_counter_conflict_and_appenders_do_not),
		WORLD_TEST(test_a_counter_that_holds_no_number),
		WORLD_TEST(test_a_sequenced_value_gets_the_last_number),
		WORLD_TEST(test_key_and_stamp_in_one),
		WORLD_TEST(test_a_later_clear_takes_the_key_and_not_the_number),
		WORLD_TEST(test_what_does_not_fit_is_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
