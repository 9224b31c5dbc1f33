/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of outcomes, the fence's arguments, and acknowledgements that are written now and then. */
#include "common/base/endian.h"
#include "resolver/outcome.h"
#include "tests/unit/resolver_world.h"

/* Client 2: numbers 7 (committed), 5 (conflict), 5 again (a copy), 9 (rejected); client 1: number 1. */
static struct vd_batch *mixed_batch(void)
{
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 2, 7, world_set(&world, "k", "v"));
	world_add(&world, batch, 1, 1, world_set(&world, "x", "v"));
	struct vd_request loser = world_request(&world, "k", WORLD_VERSION, VD_OP_SET, "y", "v");
	world_add(&world, batch, 2, 5, loser);
	world_add(&world, batch, 2, 5, loser);
	world_add(&world, batch, 2, 9, world_request(&world, NULL, WORLD_VERSION, 99, "k", "v"));
	world.is_gone[3] = true;
	world_add(&world, batch, 3, 1, world_set(&world, "z", "v"));
	world_resolve(&world, batch);
	return batch;
}

static void assert_entry(
	struct vd_bytes entries, size_t i, uint32_t offset, int code, int order, uint64_t digest)
{
	assert_true((i + 1) * 16 <= entries.size);
	const uint8_t *entry = entries.data + i * 16;
	assert_int_equal(vd_load_be32(entry), offset);
	assert_int_equal(vd_load_be16(entry + 4), code);
	assert_int_equal(vd_load_be16(entry + 6), order);
	assert_int_equal(vd_load_be64(entry + 8), digest);
}

static void test_a_client_has_one_row_a_batch(void **state)
{
	(void)state;
	struct vd_batch *batch = mixed_batch();
	const struct vd_batch_rows *rows = &batch->rows;
	assert_int_equal(rows->client_count, 2);
	assert_int_equal(rows->clients[0].bytes[0], 2);
	assert_int_equal(rows->generations[0], 1002);
	assert_int_equal(rows->firsts[0], 5);
	assert_int_equal(rows->lasts[0], 9);
	assert_int_equal(rows->versions[0], (int64_t)batch->version);
	assert_int_equal(rows->entries[0].size, 48);
	assert_entry(rows->entries[0], 0, 2, 0, 0, batch->items[0].digest);
	assert_entry(rows->entries[0], 1, 0, 1020, 0, batch->items[2].digest);
	assert_entry(rows->entries[0], 2, 4, 2018, 0, batch->items[4].digest);
	assert_int_equal(rows->details[0].size, 16);
	assert_false(rows->detail_nulls[0]);
	assert_int_equal(vd_load_be32(rows->details[0].data), 0);
	assert_int_equal(vd_load_be32(rows->details[0].data + 4), 0);
	assert_int_equal(vd_load_be64(rows->details[0].data + 8), batch->version);
	assert_non_null(strstr(rows->notes[0], "{\"9\":\""));
	assert_int_equal(rows->clients[1].bytes[0], 1);
	assert_int_equal(rows->firsts[1], 1);
	assert_int_equal(rows->lasts[1], 1);
	assert_entry(rows->entries[1], 0, 0, 0, 1, batch->items[1].digest);
	assert_true(rows->detail_nulls[1]);
	assert_string_equal(rows->notes[1], "");
	world_publish(&world, batch);
}

static void test_the_fence_checks_what_is_decided_anew(void **state)
{
	(void)state;
	struct vd_batch *batch = mixed_batch();
	const struct vd_batch_rows *rows = &batch->rows;
	assert_int_equal(rows->sequence_count, 4);
	const int32_t owners[] = { 1, 1, 1, 2 };
	const int64_t sequences[] = { 7, 5, 9, 1 };
	assert_memory_equal(rows->owners, owners, sizeof owners);
	assert_memory_equal(rows->sequences, sequences, sizeof sequences);
	world_publish(&world, batch);
}

static void test_all_queue_rows_are_deleted(void **state)
{
	(void)state;
	struct vd_batch *batch = mixed_batch();
	assert_int_equal(batch->rows.arrival_count, 6);
	for (int64_t i = 0; i < 6; i++)
		assert_int_equal(batch->rows.arrivals[i], i + 1);
	world_publish(&world, batch);
}

static void test_what_is_written_is_what_is_loaded(void **state)
{
	(void)state;
	struct vd_batch *batch = mixed_batch();
	struct vd_clients clients;
	vd_clients_init(&clients, SIZE_MAX, 100);
	for (size_t i = 0; i < batch->rows.client_count; i++) {
		const struct vd_client_id *id = &batch->rows.clients[i];
		struct vd_client *client = vd_clients_meet(&clients, id, 1);
		vd_clients_load(&clients, id, batch->rows.generations[i], 1, 0, 1);
		assert_true(vd_clients_load_outcome(&clients, id, (uint64_t)batch->rows.firsts[i],
			(uint64_t)batch->rows.versions[i], batch->rows.entries[i], batch->rows.details[i]));
		for (uint32_t k = 0; k < batch->count; k++) {
			const struct vd_item *item = &batch->items[k];
			if (memcmp(&item->id, id, sizeof *id) != 0)
				continue;
			const struct vd_known *known = vd_client_known(client, item->sequence);
			assert_non_null(known);
			assert_memory_equal(known, &item->verdict, sizeof *known);
		}
	}
	vd_clients_fini(&clients);
	world_publish(&world, batch);
}

static void add_acknowledging(
	struct vd_batch *batch, unsigned client, uint64_t sequence, uint64_t acknowledged)
{
	struct vd_request request = world_set(&world, "k", "v");
	struct vd_claim claim = world_claim_of(&world, client, sequence, world_payload(&world, &request));
	claim.acknowledged = acknowledged;
	assert_true(vd_batch_add(batch, &claim));
}

static void test_acknowledgements_are_written_after_a_while(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	add_acknowledging(batch, 1, 5, 4);
	world_resolve(&world, batch);
	assert_int_equal(batch->rows.forget_count, 0);
	world_publish(&world, batch);
	world.now_us += world.memory->options.forget_after_us + 1;
	/* with whichever batch comes next */
	batch = world_turn(&world, 2, 1, world_set(&world, "k", "v"));
	assert_int_equal(batch->rows.forget_count, 1);
	assert_int_equal(batch->rows.forget_clients[0].bytes[0], 1);
	assert_int_equal(batch->rows.forget_generations[0], 1001);
	assert_int_equal(batch->rows.forget_low_waters[0], 4);
	world.now_us += world.memory->options.forget_after_us + 1;
	batch = world_turn(&world, 2, 2, world_set(&world, "k", "v"));
	assert_int_equal(batch->rows.forget_count, 0);
}

static void test_an_acknowledgement_of_a_failed_batch_is_written_again(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	add_acknowledging(batch, 1, 5, 4);
	world_load(&world, batch);
	world.now_us += world.memory->options.forget_after_us + 1;
	vd_memory_base(world.memory, batch);
	assert_true(vd_memory_resolve(world.memory, batch, false, world.now_us));
	assert_int_equal(batch->rows.forget_count, 1);
	vd_memory_discard(world.memory, batch, world.now_us);
	world.now_us += world.memory->options.forget_after_us + 1;
	world_resolve(&world, batch);
	assert_int_equal(batch->rows.forget_count, 1);
	assert_int_equal(batch->rows.forget_low_waters[0], 4);
	world_publish(&world, batch);
}

static void test_a_low_water_is_never_above_what_the_batch_decides(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 3, world_set(&world, "k", "v"));
	add_acknowledging(batch, 1, 5, 4);
	world_load(&world, batch);
	world.now_us += world.memory->options.forget_after_us + 1;
	vd_memory_base(world.memory, batch);
	assert_true(vd_memory_resolve(world.memory, batch, false, world.now_us));
	assert_int_equal(batch->items[0].fate, VD_FATE_DROPPED);
	assert_true(batch->rows.forget_low_waters[0] < batch->rows.firsts[0]);
	world_publish(&world, batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_a_client_has_one_row_a_batch),
		WORLD_TEST(test_the_fence_checks_what_is_decided_anew),
		WORLD_TEST(test_all_queue_rows_are_deleted),
		WORLD_TEST(test_what_is_written_is_what_is_loaded),
		WORLD_TEST(test_acknowledgements_are_written_after_a_while),
		WORLD_TEST(test_an_acknowledgement_of_a_failed_batch_is_written_again),
		WORLD_TEST(test_a_low_water_is_never_above_what_the_batch_decides),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
