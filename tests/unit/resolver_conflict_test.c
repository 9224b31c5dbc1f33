/* SPDX-License-Identifier: Apache-2.0 */
/* What a conflict has lost: the first range, or all of them up to the bound; stored, told, and told again. */
#include "common/base/endian.h"
#include "tests/unit/resolver_world.h"

#include <stdio.h>

enum { DETAIL_BYTES = 16 };

/* Reads the keys k000, k001, … one by one, at the version. */
static struct vd_request reads_many(size_t count, uint64_t version, bool reports)
{
	struct vd_request request = world_set(&world, "x", "v");
	struct vd_range *ranges = vd_arena_array(&world.arena, count, sizeof *ranges);
	for (size_t i = 0; i < count; i++) {
		char key[24];
		snprintf(key, sizeof key, "k%03zu", i);
		ranges[i] = *world_key_range(&world, vd_arena_string(&world.arena, key));
	}
	request.reads = ranges;
	request.read_count = count;
	request.read_version = version;
	request.reports_conflicts = reports;
	return request;
}

static struct vd_request writes(const char *begin, const char *end)
{
	struct vd_request request = world_set(&world, "w", "v");
	struct vd_range *range = VD_ARENA_NEW(&world.arena, struct vd_range);
	*range = vd_range_of(vd_bytes_of_string(begin), vd_bytes_of_string(end));
	request.writes = range;
	request.write_count = 1;
	return request;
}

static void assert_lost(const struct vd_item *item, size_t i, uint32_t range, uint64_t version)
{
	assert_true(i < item->verdict.order);
	assert_int_equal(item->lost[i].range, range);
	assert_int_equal(item->lost[i].version, version);
}

static void test_each_range_has_the_newest_version_that_it_lost_to(void **state)
{
	(void)state;
	uint64_t older = world_turn(&world, 1, 1, writes("k001", "k004"))->version;
	uint64_t newer = world_turn(&world, 1, 2, writes("k003", "k004"))->version;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 3, writes("k005", "k006"));
	world_add(&world, batch, 1, 4, reads_many(8, WORLD_VERSION, true));
	world_resolve(&world, batch);
	const struct vd_item *item = &batch->items[1];
	assert_int_equal(world_code(batch, 1), 1020);
	assert_int_equal(item->verdict.detail_range, 1);
	assert_int_equal(item->verdict.detail_version, older);
	assert_int_equal(item->verdict.order, 3);
	assert_lost(item, 0, 2, older);
	assert_lost(item, 1, 3, newer);
	assert_lost(item, 2, 5, batch->version); /* to a winner of its own batch */
	world_publish(&world, batch);
}

static void test_who_does_not_ask_is_told_the_first(void **state)
{
	(void)state;
	world_turn(&world, 1, 1, writes("k", "l"));
	struct vd_batch *batch = world_turn(&world, 1, 2, reads_many(8, WORLD_VERSION, false));
	assert_int_equal(world_code(batch, 0), 1020);
	assert_int_equal(batch->items[0].verdict.order, 0);
	assert_int_equal(batch->rows.details[0].size, DETAIL_BYTES);
}

static void test_no_more_than_the_bound_are_told(void **state)
{
	(void)state;
	uint64_t version = world_turn(&world, 1, 1, writes("k", "l"))->version;
	struct vd_batch *batch =
		world_turn(&world, 1, 2, reads_many(VD_REQUEST_CONFLICTS_MAX + 50, WORLD_VERSION, true));
	const struct vd_item *item = &batch->items[0];
	assert_int_equal(item->verdict.order, VD_REQUEST_CONFLICTS_MAX - 1);
	assert_lost(item, VD_REQUEST_CONFLICTS_MAX - 2, VD_REQUEST_CONFLICTS_MAX - 1, version);
	assert_int_equal(batch->rows.details[0].size, VD_REQUEST_CONFLICTS_MAX * DETAIL_BYTES);
}

static void test_they_are_stored_behind_each_other(void **state)
{
	(void)state;
	uint64_t version = world_turn(&world, 1, 1, writes("k001", "k003"))->version;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 7, world_set(&world, "y", "v"));
	world_add(&world, batch, 1, 9, reads_many(4, WORLD_VERSION, true));
	world_add(&world, batch, 1, 8, reads_many(4, WORLD_VERSION, false));
	world_resolve(&world, batch);
	const uint32_t expected[][2] = { { 2, 1 }, { 2, 2 }, { 1, 1 } };
	assert_int_equal(batch->rows.details[0].size, 3 * DETAIL_BYTES);
	for (size_t i = 0; i < VD_COUNT(expected); i++) {
		const uint8_t *detail = batch->rows.details[0].data + i * DETAIL_BYTES;
		assert_int_equal(vd_load_be32(detail), expected[i][0]);
		assert_int_equal(vd_load_be32(detail + 4), expected[i][1]);
		assert_int_equal(vd_load_be64(detail + 8), version);
	}
	world_publish(&world, batch);
}

static void assert_reply(const struct vd_batch *batch, uint64_t version, const char *entry)
{
	char text[200];
	snprintf(text, sizeof text, "r1 %llu 2:feed000000000002:%s", (unsigned long long)version, entry);
	assert_int_equal(batch->reply_count, 1);
	assert_string_equal((const char *)batch->replies[0].payload.data, text);
}

/* A reply says how many more there are; so does that of a copy, also from what another leader has stored. */
static void test_a_reply_counts_what_it_leaves_to_a_look(void **state)
{
	(void)state;
	uint64_t lost_to = world_turn(&world, 1, 1, writes("k001", "k004"))->version;
	struct vd_request request = reads_many(6, WORLD_VERSION, true);
	struct vd_batch *batch = world_turn(&world, 1, 2, request);
	uint64_t version = batch->version;
	char entry[64];
	snprintf(entry, sizeof entry, "1020:1:%llu:2", (unsigned long long)lost_to);
	assert_reply(batch, version, entry);
	assert_reply(world_turn(&world, 1, 2, request), version, entry);

	batch = world_turn(&world, 2, 1, reads_many(6, WORLD_VERSION, true));
	struct vd_bytes entries, details;
	assert_true(vd_bytes_dup(&world.arena, batch->rows.entries[0], &entries));
	assert_true(vd_bytes_dup(&world.arena, batch->rows.details[0], &details));
	struct vd_clients clients;
	struct vd_client_id id = world_id(2);
	vd_clients_init(&clients, SIZE_MAX, 100);
	const struct vd_client *client = vd_clients_meet(&clients, &id, 1);
	vd_clients_load(&clients, &id, 1002, 7, 0, 1);
	for (int times = 0; times < 2; times++)
		assert_true(vd_clients_load_outcome(&clients, &id, 1, batch->version, entries, details));
	assert_memory_equal(vd_client_known(client, 1), &batch->items[0].verdict, sizeof(struct vd_known));
	vd_clients_fini(&clients);
}

static void test_observers_are_told_no_order_of_a_conflict(void **state)
{
	(void)state;
	world.lists = true;
	world_turn(&world, 1, 1, writes("k001", "k004"));
	struct vd_batch *batch = world_turn(&world, 1, 2, reads_many(6, WORLD_VERSION, true));
	assert_non_null(strstr((const char *)batch->lines[1].payload.data, " 000000000000ab01:2:1020:0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_each_range_has_the_newest_version_that_it_lost_to),
		WORLD_TEST(test_who_does_not_ask_is_told_the_first),
		WORLD_TEST(test_no_more_than_the_bound_are_told),
		WORLD_TEST(test_they_are_stored_behind_each_other),
		WORLD_TEST(test_a_reply_counts_what_it_leaves_to_a_look),
		WORLD_TEST(test_observers_are_told_no_order_of_a_conflict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
