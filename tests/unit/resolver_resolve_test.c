/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts: rules 1 to 6, 11, 14 and 15, as far as they are decided in memory. */
#include "tests/unit/resolver_world.h"

#include <stdlib.h>

static struct vd_request of_term(struct vd_request request, const uint8_t term[VD_TERM_BYTES])
{
	memcpy(request.read_term, term, VD_TERM_BYTES);
	return request;
}

static struct vd_request read_set(const char *read, uint64_t version, const char *key)
{
	return world_request(&world, read, version, VD_OP_SET, key, "v");
}

/* ---- Rule 1: conflicts ---- */

static void test_a_read_loses_to_a_later_write(void **state)
{
	(void)state;
	uint64_t version = world_turn(&world, 1, 1, world_set(&world, "k", "v"))->version;
	struct vd_batch *batch = world_turn(&world, 1, 2, read_set("k", version - 1, "other"));
	assert_int_equal(world_code(batch, 0), 1020);
	assert_int_equal(batch->items[0].verdict.detail_range, 0);
	assert_int_equal(batch->items[0].verdict.detail_version, version);
	assert_int_equal(batch->writes.upsert_count, 0);
	assert_int_equal(batch->counts.conflicts, 1);
}

static void test_a_read_at_the_writes_own_version_wins(void **state)
{
	(void)state;
	uint64_t version = world_turn(&world, 1, 1, world_set(&world, "k", "v"))->version;
	assert_int_equal(world_code(world_turn(&world, 1, 2, read_set("k", version, "other")), 0), 0);
}

static void test_a_conflict_names_the_range_that_lost(void **state)
{
	(void)state;
	uint64_t version = world_turn(&world, 1, 1, world_set(&world, "m", "v"))->version;
	struct vd_range ranges[3] = { { VD_BYTES("a"), VD_BYTES("b") }, { VD_BYTES("c"), VD_BYTES("d") },
		{ VD_BYTES("l"), VD_BYTES("n") } };
	struct vd_request request = world_set(&world, "x", "v");
	request.reads = ranges;
	request.read_count = 3;
	struct vd_batch *batch = world_turn(&world, 1, 2, request);
	assert_int_equal(world_code(batch, 0), 1020);
	assert_int_equal(batch->items[0].verdict.detail_range, 2);
	assert_int_equal(batch->items[0].verdict.detail_version, version);
}

static void test_a_read_loses_to_an_earlier_winner_of_its_batch(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, read_set("a", WORLD_VERSION, "b"));
	world_add(&world, batch, 2, 1, read_set("b", WORLD_VERSION, "a"));
	world_add(&world, batch, 3, 1, read_set("a", WORLD_VERSION, "c"));
	world_resolve(&world, batch);
	assert_int_equal(world_code(batch, 0), 0);
	assert_int_equal(world_code(batch, 1), 1020);
	assert_int_equal(batch->items[1].verdict.detail_version, batch->version);
	/* the loser's write of "a" left no trace */
	assert_int_equal(world_code(batch, 2), 0);
	assert_int_equal(batch->items[2].verdict.order, 1);
	world_publish(&world, batch);
	/* nor later */
	assert_int_equal(world_code(world_turn(&world, 1, 2, read_set("a", WORLD_VERSION, "d")), 0), 0);
}

static void test_a_request_does_not_lose_to_itself(void **state)
{
	(void)state;
	assert_int_equal(world_code(world_turn(&world, 1, 1, read_set("k", WORLD_VERSION, "k")), 0), 0);
}

static void test_writes_do_not_conflict_with_writes(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	for (uint64_t i = 1; i <= 5; i++)
		world_add(&world, batch, 1, i, world_set(&world, "k", "v"));
	world_resolve(&world, batch);
	assert_int_equal(batch->counts.committed, 5);
	assert_int_equal(batch->writes.upsert_count, 1);
	world_publish(&world, batch);
}

static void test_a_reader_does_not_make_a_writer_fail(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, read_set("k", WORLD_VERSION, "x"));
	world_add(&world, batch, 2, 1, world_set(&world, "k", "v"));
	world_add(&world, batch, 3, 1, read_set("z", WORLD_VERSION, "x2"));
	world_add(&world, batch, 4, 1, read_set("z", WORLD_VERSION, "x3")); /* nor another reader */
	world_resolve(&world, batch);
	assert_int_equal(batch->counts.committed, 4);
	world_publish(&world, batch);
	assert_int_equal(world_code(world_turn(&world, 5, 1, read_set("z", WORLD_VERSION, "z")), 0), 0);
}

static void test_extra_write_ranges_count_and_left_out_ones_do_not(void **state)
{
	(void)state;
	struct vd_request request = world_set(&world, "quiet", "v");
	struct vd_mutation quiet = request.mutations[0];
	quiet.no_write_conflict = true;
	request.mutations = &quiet;
	struct vd_range extra = { VD_BYTES("p"), VD_BYTES("q") };
	request.writes = &extra;
	request.write_count = 1;
	world_turn(&world, 1, 1, request);
	assert_int_equal(world_code(world_turn(&world, 1, 2, read_set("quiet", WORLD_VERSION, "x")), 0), 0);
	assert_int_equal(world_code(world_turn(&world, 1, 3, read_set("pp", WORLD_VERSION, "x")), 0), 1020);
}

/* ---- Rules 2 and 3: too old, future, terms ---- */

static void test_below_the_floor_is_too_old(void **state)
{
	(void)state;
	assert_int_equal(world_code(world_turn(&world, 1, 1, read_set("k", WORLD_VERSION - 1, "k")), 0), 1007);
	assert_int_equal(world_code(world_turn(&world, 1, 2, read_set("k", WORLD_VERSION, "k")), 0), 0);
}

static void test_without_reads_nothing_is_too_old_but_for_a_jump(void **state)
{
	(void)state;
	struct vd_request request = world_request(&world, NULL, WORLD_JUMP, VD_OP_SET, "k", "v");
	assert_int_equal(world_code(world_turn(&world, 1, 1, request), 0), 0);
	request.read_version = WORLD_JUMP - 1;
	struct vd_batch *batch = world_turn(&world, 1, 2, request);
	assert_int_equal(world_code(batch, 0), 1007);
	assert_int_equal(batch->counts.too_old, 1);
	/* nor does a strange term or a high version matter */
	static const uint8_t strange[VD_TERM_BYTES] = "strange";
	request.read_version = WORLD_VERSION + 1000000000;
	assert_int_equal(world_code(world_turn(&world, 1, 3, of_term(request, strange)), 0), 0);
}

static void test_above_the_newest_is_future(void **state)
{
	(void)state;
	uint64_t version = world_turn(&world, 1, 1, world_set(&world, "k", "v"))->version;
	struct vd_batch *batch = world_turn(&world, 1, 2, read_set("x", version + 1, "x"));
	assert_int_equal(world_code(batch, 0), 1009);
	assert_int_equal(batch->counts.rejected, 1);
	/* that batch moved the newest version, although it has no winner */
	assert_int_equal(world_code(world_turn(&world, 1, 3, read_set("x", batch->version, "x")), 0), 0);
}

static void test_the_newest_includes_the_batch_in_flight(void **state)
{
	(void)state;
	struct vd_batch *first = vd_memory_open(world.memory);
	world_add(&world, first, 1, 1, world_set(&world, "k", "v"));
	world_resolve(&world, first);
	/* a follower may have seen it before the leader learns that it committed */
	struct vd_batch *second = vd_memory_open(world.memory);
	world_add(&world, second, 2, 1, read_set("k", first->version, "x"));
	world_add(&world, second, 2, 2, read_set("k", first->version + 1, "x"));
	world_resolve(&world, second);
	assert_int_equal(world_code(second, 0), 0);
	assert_int_equal(world_code(second, 1), 1009);
	assert_int_equal(second->from, first->version);
}

static void test_the_preceding_term_counts_at_the_takeovers_version_only(void **state)
{
	(void)state;
	uint64_t version = world_turn(&world, 1, 1, world_set(&world, "k", "v"))->version;
	struct vd_request at = of_term(read_set("x", WORLD_VERSION, "x"), world_preceding_term);
	assert_int_equal(world_code(world_turn(&world, 1, 2, at), 0), 0);
	struct vd_request above = of_term(read_set("x", version, "x"), world_preceding_term);
	assert_int_equal(world_code(world_turn(&world, 1, 3, above), 0), 1007);
	above.read_version = version + 1000000000;
	assert_int_equal(world_code(world_turn(&world, 1, 4, above), 0), 1009);
	struct vd_request below = of_term(read_set("x", WORLD_VERSION - 1, "x"), world_preceding_term);
	assert_int_equal(world_code(world_turn(&world, 1, 5, below), 0), 1007);
	/* and is judged by the window as any other */
	struct vd_request loser = of_term(read_set("k", WORLD_VERSION, "x"), world_preceding_term);
	assert_int_equal(world_code(world_turn(&world, 1, 6, loser), 0), 1020);
}

static void test_any_other_term_is_too_old_though_its_version_fits(void **state)
{
	(void)state;
	static const uint8_t strange[VD_TERM_BYTES] = "strange";
	struct vd_request request = of_term(read_set("x", WORLD_VERSION, "x"), strange);
	assert_int_equal(world_code(world_turn(&world, 1, 1, request), 0), 1007);
}

static void test_after_the_floor_has_risen_the_preceding_term_is_too_old(void **state)
{
	(void)state;
	world_turn(&world, 1, 1, world_set(&world, "k", "v"));
	world.now_us += 6000000;
	vd_memory_tick(world.memory, world.now_us);
	world.now_us += 6000000;
	vd_memory_tick(world.memory, world.now_us);
	struct vd_request at = of_term(read_set("x", WORLD_VERSION, "x"), world_preceding_term);
	assert_int_equal(world_code(world_turn(&world, 1, 2, at), 0), 1007);
}

static void test_the_floor_is_what_was_newest_five_seconds_ago(void **state)
{
	(void)state;
	uint64_t first = world_turn(&world, 1, 1, world_set(&world, "k", "v"))->version;
	world.now_us += 3600000000ll;
	vd_memory_tick(world.memory, world.now_us);
	/* after an idle hour whoever read the newest version is as good as ever */
	world_turn(&world, 1, 2, world_set(&world, "k", "v"));
	assert_int_equal(world_code(world_turn(&world, 1, 3, read_set("x", first, "x")), 0), 0);
	assert_int_equal(world_code(world_turn(&world, 1, 4, read_set("x", first - 1, "x")), 0), 1007);
	world.now_us += 5100000;
	vd_memory_tick(world.memory, world.now_us);
	assert_int_equal(world_code(world_turn(&world, 1, 5, read_set("x", first, "x")), 0), 1007);
}

/* ---- Rules 5 and 6: order, stamps ---- */

static void test_orders_count_winners_only(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, world_set(&world, "a", "v"));
	world_add(&world, batch, 1, 2, read_set("a", WORLD_VERSION, "b"));
	world_add(&world, batch, 1, 3, world_request(&world, NULL, 0, VD_OP_SET, "c", "v"));
	world_add(&world, batch, 1, 4, world_set(&world, "d", "v"));
	world_resolve(&world, batch);
	assert_int_equal(world_code(batch, 0), 0);
	assert_int_equal(world_code(batch, 1), 1020);
	assert_int_equal(world_code(batch, 2), 1007);
	assert_int_equal(world_code(batch, 3), 0);
	assert_int_equal(batch->items[0].verdict.order, 0);
	assert_int_equal(batch->items[3].verdict.order, 1);
	world_publish(&world, batch);
}

static struct vd_request stamped_key(void)
{
	static const struct vd_mutation mutation = { .op = VD_OP_SET_VERSIONSTAMPED_KEY,
		.key = { (const uint8_t *)"log/..........\4\0\0\0", 18 },
		.value = { (const uint8_t *)"v", 1 } };
	struct vd_request request = world_set(&world, NULL, NULL);
	request.mutations = &mutation;
	request.mutation_count = 1;
	return request;
}

static void test_a_stamped_key_is_written_and_remembered_under_its_final_name(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, world_set(&world, "a", "v"));
	world_add(&world, batch, 1, 2, stamped_key());
	world_resolve(&world, batch);
	uint8_t final[14] = "log/";
	vd_stamp_write((struct vd_stamp){ batch->version, 1 }, final + 4);
	assert_int_equal(batch->writes.upsert_count, 2);
	assert_int_equal(batch->writes.upsert_keys[1].size, 14);
	assert_memory_equal(batch->writes.upsert_keys[1].data, final, 14);
	world_publish(&world, batch);

	struct vd_range key = { vd_bytes_of(final, 14), VD_BYTES("log0") };
	struct vd_range rest = { VD_BYTES("log/"), vd_bytes_of(final, 14) };
	struct vd_request request = read_set("x", WORLD_VERSION, "x");
	request.reads = &rest;
	assert_int_equal(world_code(world_turn(&world, 1, 3, request), 0), 0);
	request.reads = &key;
	assert_int_equal(world_code(world_turn(&world, 1, 4, request), 0), 1020);
}

static void test_a_stamped_key_that_lost_is_nowhere(void **state)
{
	(void)state;
	struct vd_request request = stamped_key();
	request.reads = world_key_range(&world, "k");
	request.read_count = 1;
	request.read_version = WORLD_VERSION;
	world_turn(&world, 1, 1, world_set(&world, "k", "v"));
	struct vd_batch *batch = world_turn(&world, 1, 2, request);
	assert_int_equal(world_code(batch, 0), 1020);
	assert_int_equal(batch->writes.upsert_count, 0);
	struct vd_range all = { VD_BYTES("log/"), VD_BYTES("log0") };
	struct vd_request reader = read_set("x", WORLD_VERSION, "x");
	reader.reads = &all;
	assert_int_equal(world_code(world_turn(&world, 1, 3, reader), 0), 0);
}

static void test_a_stamped_value_has_version_and_order(void **state)
{
	(void)state;
	static const struct vd_mutation mutation = { .op = VD_OP_SET_VERSIONSTAMPED_VALUE,
		.key = { (const uint8_t *)"k", 1 },
		.value = { (const uint8_t *)"..........\0\0\0\0", 14 } };
	struct vd_request request = world_set(&world, NULL, NULL);
	request.mutations = &mutation;
	request.mutation_count = 1;
	struct vd_batch *batch = world_turn(&world, 1, 1, request);
	uint8_t stamp[VD_STAMP_BYTES];
	vd_stamp_write((struct vd_stamp){ batch->version, 0 }, stamp);
	assert_int_equal(batch->writes.upsert_values[0].size, VD_STAMP_BYTES);
	assert_memory_equal(batch->writes.upsert_values[0].data, stamp, VD_STAMP_BYTES);
}

/* ---- Rule 11: each identity once ---- */

static void test_a_copy_is_answered_with_the_verdict_of_then(void **state)
{
	(void)state;
	struct vd_request request = read_set("k", WORLD_VERSION, "k");
	uint64_t version = world_turn(&world, 1, 1, request)->version;
	struct vd_batch *batch = world_turn(&world, 1, 1, request);
	/* judged anew, it would lose to its own first copy */
	assert_int_equal(batch->items[0].fate, VD_FATE_REPEATED);
	assert_int_equal(batch->items[0].verdict.code, 0);
	assert_int_equal(batch->items[0].verdict.version, version);
	assert_int_equal(batch->writes.upsert_count, 0);
	assert_int_equal(batch->counts.requests, 0);
	assert_int_equal(batch->counts.repeated, 1);
	assert_int_equal(batch->rows.client_count, 0);
	assert_int_equal(batch->rows.arrival_count, 1);
}

static void test_two_copies_in_one_batch_are_applied_once(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	struct vd_request add = world_request(&world, NULL, WORLD_VERSION, VD_OP_ADD, "n", "\1");
	world_add(&world, batch, 1, 1, add);
	world_add(&world, batch, 1, 1, add);
	world_resolve(&world, batch);
	assert_int_equal(world_code(batch, 0), 0);
	assert_int_equal(batch->items[1].fate, VD_FATE_REPEATED);
	assert_int_equal(batch->items[1].verdict.version, batch->version);
	assert_int_equal(batch->writes.upsert_count, 1);
	world_assert_bytes(batch->writes.upsert_values[0], "\1");
	assert_int_equal(batch->rows.sequence_count, 1);
	assert_int_equal(batch->rows.arrival_count, 2);
	world_publish(&world, batch);
}

static void test_two_copies_in_adjacent_batches_are_applied_once(void **state)
{
	(void)state;
	struct vd_request add = world_request(&world, NULL, WORLD_VERSION, VD_OP_ADD, "n", "\1");
	struct vd_batch *first = vd_memory_open(world.memory);
	world_add(&world, first, 1, 1, add);
	world_resolve(&world, first);
	struct vd_batch *second = vd_memory_open(world.memory);
	world_add(&world, second, 1, 1, add);
	world_resolve(&world, second);
	assert_int_equal(second->items[0].fate, VD_FATE_REPEATED);
	assert_int_equal(second->items[0].verdict.version, first->version);
	assert_int_equal(second->writes.upsert_count, 0);
	/* the first did not commit: the second must not say that it did */
	vd_memory_discard(world.memory, first, world.now_us);
	assert_int_equal(second->state, VD_BATCH_CLAIMED);
	vd_memory_close(world.memory, first);
	world_resolve(&world, second);
	assert_int_equal(world_code(second, 0), 0);
	assert_int_equal(second->writes.upsert_count, 1);
	world_publish(&world, second);
}

static void test_the_same_identity_with_other_content_is_denied(void **state)
{
	(void)state;
	world_turn(&world, 1, 1, world_set(&world, "k", "v"));
	struct vd_batch *batch = world_turn(&world, 1, 1, world_set(&world, "k", "w"));
	assert_int_equal(batch->items[0].fate, VD_FATE_DENIED);
	assert_int_equal(batch->items[0].verdict.code, 2000);
	assert_int_equal(batch->writes.upsert_count, 0);
	assert_int_equal(batch->rows.client_count, 0);
	/* and the true verdict stands */
	batch = world_turn(&world, 1, 1, world_set(&world, "k", "v"));
	assert_int_equal(batch->items[0].fate, VD_FATE_REPEATED);
	assert_int_equal(batch->items[0].verdict.code, 0);
}

static void test_a_copy_of_a_rejected_one_is_answered_first(void **state)
{
	(void)state;
	struct vd_request bad = world_request(&world, NULL, WORLD_VERSION, 99, "k", "v");
	uint64_t version = world_turn(&world, 1, 1, bad)->version;
	struct vd_batch *batch = world_turn(&world, 1, 1, bad);
	assert_int_equal(batch->items[0].fate, VD_FATE_REPEATED);
	assert_int_equal(batch->items[0].verdict.code, 2018);
	assert_int_equal(batch->items[0].verdict.version, version);
}

static void test_a_copy_is_answered_though_it_is_too_old_by_now(void **state)
{
	(void)state;
	struct vd_request request = read_set("k", WORLD_VERSION, "k");
	world_turn(&world, 1, 1, request);
	for (int i = 0; i < 3; i++) {
		world.now_us += 6000000;
		world_turn(&world, 2, 1 + (uint64_t)i, world_set(&world, "x", "v"));
	}
	assert_true(vd_window_floor(world.memory->resolver.window) > WORLD_VERSION);
	struct vd_batch *batch = world_turn(&world, 1, 1, request);
	assert_int_equal(batch->items[0].fate, VD_FATE_REPEATED);
	assert_int_equal(batch->items[0].verdict.code, 0);
}

static void test_the_unregistered_are_dropped_silently(void **state)
{
	(void)state;
	world.is_gone[2] = true;
	struct vd_batch *batch = world_turn(&world, 2, 1, world_set(&world, "k", "v"));
	assert_int_equal(batch->items[0].fate, VD_FATE_DROPPED);
	assert_int_equal(batch->reply_count, 0);
	assert_int_equal(batch->rows.arrival_count, 1);
	assert_int_equal(batch->rows.client_count, 0);
	assert_int_equal(batch->writes.upsert_count, 0);
}

static void test_the_unregistered_have_no_generation(void **state)
{
	(void)state;
	world.is_gone[2] = true;
	struct vd_batch *batch = vd_memory_open(world.memory);
	struct vd_request request = world_set(&world, "k", "v");
	struct vd_claim claim = world_claim_of(&world, 2, 1, world_payload(&world, &request));
	claim.generation = 0;
	assert_true(vd_batch_add(batch, &claim));
	world_resolve(&world, batch);
	assert_int_equal(batch->items[0].fate, VD_FATE_DROPPED);
	world_publish(&world, batch);
}

static void test_another_generation_is_dropped_silently(void **state)
{
	(void)state;
	world_turn(&world, 1, 1, world_set(&world, "k", "v"));
	struct vd_batch *batch = vd_memory_open(world.memory);
	struct vd_request request = world_set(&world, "k", "w");
	struct vd_claim claim = world_claim_of(&world, 1, 2, world_payload(&world, &request));
	claim.generation = 5;
	assert_true(vd_batch_add(batch, &claim));
	/* memory may be out of date: the row is read again before anything is dropped */
	assert_int_equal(world_load(&world, batch), 1);
	vd_memory_base(world.memory, batch);
	assert_true(vd_memory_resolve(world.memory, batch, false, world.now_us));
	assert_int_equal(batch->items[0].fate, VD_FATE_DROPPED);
	assert_int_equal(batch->reply_count, 0);
	world_publish(&world, batch);
}

/* ---- Rules 14 and 15: low-water, tombstones, limits ---- */

static void test_at_or_below_the_low_water_is_dropped_silently(void **state)
{
	(void)state;
	world_turn(&world, 1, 1, world_set(&world, "k", "v"));
	struct vd_request request = world_set(&world, "k", "w");
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 2, request);
	struct vd_claim claim = world_claim_of(&world, 1, 3, world_payload(&world, &request));
	claim.acknowledged = 2;
	assert_true(vd_batch_add(batch, &claim));
	world_resolve(&world, batch);
	assert_int_equal(batch->items[0].fate, VD_FATE_DROPPED);
	assert_int_equal(world_code(batch, 1), 0);
	assert_int_equal(batch->rows.firsts[0], 3);
	world_publish(&world, batch);
	batch = world_turn(&world, 1, 1, world_set(&world, "k", "v"));
	assert_int_equal(batch->items[0].fate, VD_FATE_DROPPED);
}

static void test_an_acknowledgement_with_another_generation_is_not_believed(void **state)
{
	(void)state;
	world_turn(&world, 1, 1, world_set(&world, "k", "v"));
	struct vd_request request = world_set(&world, "k", "w");
	struct vd_batch *batch = vd_memory_open(world.memory);
	struct vd_claim claim = world_claim_of(&world, 1, 9, world_payload(&world, &request));
	claim.acknowledged = 8;
	claim.generation = 5;
	assert_true(vd_batch_add(batch, &claim));
	world_resolve(&world, batch);
	world_publish(&world, batch);
	assert_int_equal(world_code(world_turn(&world, 1, 2, world_set(&world, "k", "v")), 0), 0);
}

static void test_a_cancelled_request_is_not_applied(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, world_set(&world, "k", "v"));
	world_load(&world, batch);
	vd_memory_base(world.memory, batch);
	assert_true(vd_memory_resolve(world.memory, batch, false, world.now_us));
	/* the fence refuses it: the client is read again, and the batch is resolved again */
	vd_memory_discard(world.memory, batch, world.now_us);
	vd_memory_forget_clients(world.memory, batch);
	const struct vd_client_id id = world_id(1);
	size_t count;
	(void)vd_memory_missing(world.memory, batch, world.now_us, &count);
	assert_int_equal(count, 1);
	vd_clients_load(&world.memory->clients, &id, 1001, 0xab01, 0, world.now_us);
	vd_clients_load_tombstone(&world.memory->clients, &id, 1);
	vd_memory_loaded(world.memory, batch, world.now_us);
	vd_memory_base(world.memory, batch);
	assert_true(vd_memory_resolve(world.memory, batch, false, world.now_us));
	assert_int_equal(batch->items[0].fate, VD_FATE_REPEATED);
	assert_int_equal(batch->items[0].verdict.code, 1025);
	assert_int_equal(batch->writes.upsert_count, 0);
	assert_int_equal(batch->rows.client_count, 0);
	world_publish(&world, batch);
}

static void test_a_client_at_its_limit_waits_and_others_do_not(void **state)
{
	(void)state;
	world_end(&world);
	struct vd_memory_options options = VD_MEMORY_OPTIONS_DEFAULT;
	options.client_limit_known = 3;
	world_begin_with(&world, &options);
	struct vd_batch *batch = vd_memory_open(world.memory);
	for (uint64_t i = 1; i <= 5; i++)
		world_add(&world, batch, 1, i, world_set(&world, "k", "v"));
	world_add(&world, batch, 2, 1, world_set(&world, "k", "v"));
	world_resolve(&world, batch);
	assert_int_equal(batch->items[2].fate, VD_FATE_DECIDED);
	assert_int_equal(batch->items[3].fate, VD_FATE_WAITING);
	assert_int_equal(batch->items[4].fate, VD_FATE_WAITING);
	assert_int_equal(batch->items[5].fate, VD_FATE_DECIDED);
	assert_int_equal(batch->rows.arrival_count, 4);
	assert_int_equal(batch->rows.arrivals[3], 6);
	world_publish(&world, batch);
	/* nothing but waiting ones: nothing to apply */
	batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 4, world_set(&world, "k", "v"));
	world_resolve(&world, batch);
	assert_int_equal(batch->rows.arrival_count, 0);
	assert_int_equal(batch->state, VD_BATCH_CLAIMED);
	vd_memory_close(world.memory, batch);
	/* copies of decided ones are answered nevertheless */
	batch = world_turn(&world, 1, 3, world_set(&world, "k", "v"));
	assert_int_equal(batch->items[0].fate, VD_FATE_REPEATED);
	/* an acknowledgement that travelled alone ends the waiting */
	const struct vd_client_id id = world_id(1);
	vd_memory_acknowledged(world.memory, &id, 1001, 1, world.now_us);
	assert_int_equal(world_code(world_turn(&world, 1, 4, world_set(&world, "k", "v")), 0), 0);
}

static void test_an_acknowledgement_counts_before_its_own_request_waits(void **state)
{
	(void)state;
	world_end(&world);
	struct vd_memory_options options = VD_MEMORY_OPTIONS_DEFAULT;
	options.client_limit_known = 1;
	world_begin_with(&world, &options);
	world_turn(&world, 1, 1, world_set(&world, "k", "v"));
	struct vd_batch *batch = vd_memory_open(world.memory);
	struct vd_request request = world_set(&world, "k", "v");
	struct vd_claim claim = world_claim_of(&world, 1, 2, world_payload(&world, &request));
	claim.acknowledged = 1;
	assert_true(vd_batch_add(batch, &claim));
	world_resolve(&world, batch);
	assert_int_equal(world_code(batch, 0), 0);
	world_publish(&world, batch);
}

static void test_numbers_too_far_apart_for_one_row_take_turns(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	uint64_t far = 10 + (uint64_t)UINT32_MAX;
	world_add(&world, batch, 1, 10, world_set(&world, "k", "v"));
	world_add(&world, batch, 1, far + 1, world_set(&world, "k", "v"));
	world_add(&world, batch, 1, far, world_set(&world, "k", "v"));
	world_add(&world, batch, 1, 9, world_set(&world, "k", "v"));
	world_resolve(&world, batch);
	assert_int_equal(world_code(batch, 0), 0);
	assert_int_equal(batch->items[1].fate, VD_FATE_WAITING);
	assert_int_equal(world_code(batch, 2), 0);
	assert_int_equal(batch->items[3].fate, VD_FATE_WAITING);
	assert_int_equal(batch->rows.firsts[0], 10);
	assert_int_equal(batch->rows.lasts[0], (int64_t)far);
	world_publish(&world, batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_a_read_loses_to_a_later_write),
		WORLD_TEST(test_a_read_at_the_writes_own_version_wins),
		WORLD_TEST(test_a_conflict_names_the_range_that_lost),
		WORLD_TEST(test_a_read_loses_to_an_earlier_winner_of_its_batch),
		WORLD_TEST(test_a_request_does_not_lose_to_itself),
		WORLD_TEST(test_writes_do_not_conflict_with_writes),
		WORLD_TEST(test_a_reader_does_not_make_a_writer_fail),
		WORLD_TEST(test_extra_write_ranges_count_and_left_out_ones_do_not),
		WORLD_TEST(test_below_the_floor_is_too_old),
		WORLD_TEST(test_without_reads_nothing_is_too_old_but_for_a_jump),
		WORLD_TEST(test_above_the_newest_is_future),
		WORLD_TEST(test_the_newest_includes_the_batch_in_flight),
		WORLD_TEST(test_the_preceding_term_counts_at_the_takeovers_version_only),
		WORLD_TEST(test_any_other_term_is_too_old_though_its_version_fits),
		WORLD_TEST(test_after_the_floor_has_risen_the_preceding_term_is_too_old),
		WORLD_TEST(test_the_floor_is_what_was_newest_five_seconds_ago),
		WORLD_TEST(test_orders_count_winners_only),
		WORLD_TEST(test_a_stamped_key_is_written_and_remembered_under_its_final_name),
		WORLD_TEST(test_a_stamped_key_that_lost_is_nowhere),
		WORLD_TEST(test_a_stamped_value_has_version_and_order),
		WORLD_TEST(test_a_copy_is_answered_with_the_verdict_of_then),
		WORLD_TEST(test_two_copies_in_one_batch_are_applied_once),
		WORLD_TEST(test_two_copies_in_adjacent_batches_are_applied_once),
		WORLD_TEST(test_the_same_identity_with_other_content_is_denied),
		WORLD_TEST(test_a_copy_of_a_rejected_one_is_answered_first),
		WORLD_TEST(test_a_copy_is_answered_though_it_is_too_old_by_now),
		WORLD_TEST(test_the_unregistered_are_dropped_silently),
		WORLD_TEST(test_the_unregistered_have_no_generation),
		WORLD_TEST(test_another_generation_is_dropped_silently),
		WORLD_TEST(test_at_or_below_the_low_water_is_dropped_silently),
		WORLD_TEST(test_an_acknowledgement_with_another_generation_is_not_believed),
		WORLD_TEST(test_a_cancelled_request_is_not_applied),
		WORLD_TEST(test_a_client_at_its_limit_waits_and_others_do_not),
		WORLD_TEST(test_an_acknowledgement_counts_before_its_own_request_waits),
		WORLD_TEST(test_numbers_too_far_apart_for_one_row_take_turns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
