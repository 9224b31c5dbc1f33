/* SPDX-License-Identifier: Apache-2.0 */
/* What the leader remembers of clients (rules 11, 14 and 15). */
#include "common/base/endian.h"
#include "common/base/random.h"
#include "resolver/clients.h"
#include "tests/unit/test.h"

#include <stdlib.h>

static struct vd_clients clients;
static const struct vd_client_id alice = { "alice" };
static const struct vd_client_id bob = { "bob" };

static int begin(void **state)
{
	(void)state;
	vd_clients_init(&clients, (size_t)1 << 30, 100);
	return 0;
}

static int end(void **state)
{
	(void)state;
	vd_clients_fini(&clients);
	return 0;
}

static struct vd_client *registered(const struct vd_client_id *id, int64_t generation)
{
	struct vd_client *client = vd_clients_meet(&clients, id, 1);
	vd_clients_load(&clients, id, generation, 7, 0, 1);
	vd_client_loaded(client);
	return client;
}

static void learn(struct vd_client *client, uint64_t sequence, uint64_t version)
{
	struct vd_known known = { .sequence = sequence, .version = version, .digest = sequence * 3 };
	vd_client_learn(&clients, client, &known);
}

static void test_a_met_client_is_unknown_until_all_its_rows_are_read(void **state)
{
	(void)state;
	assert_null(vd_clients_find(&clients, &alice));
	struct vd_client *client = vd_clients_meet(&clients, &alice, 1);
	assert_int_equal(client->state, VD_CLIENT_UNKNOWN);
	vd_clients_load(&clients, &alice, 5, 7, 3, 1);
	/* the read may break off here: it must not count as registered with half of its outcomes */
	assert_int_equal(client->state, VD_CLIENT_LOADING);
	vd_client_loaded(client);
	assert_int_equal(client->state, VD_CLIENT_REGISTERED);
	assert_int_equal(client->generation, 5);
	assert_int_equal(client->reply, 7);
	assert_int_equal(client->low_water, 3);
}

static void test_a_client_without_a_row_is_not_registered(void **state)
{
	(void)state;
	struct vd_client *client = vd_clients_meet(&clients, &alice, 1);
	vd_client_pin(client);
	vd_client_loaded(client);
	assert_int_equal(client->state, VD_CLIENT_UNREGISTERED);
	vd_client_unpin(&clients, client);
	assert_null(vd_clients_find(&clients, &alice));
	assert_int_equal(clients.count, 0);
}

static void test_outcomes_are_loaded_as_the_migration_packs_them(void **state)
{
	(void)state;
	struct vd_client *client = vd_clients_meet(&clients, &alice, 1);
	uint8_t entries[32], details[16];
	vd_store_be32(entries, 0);
	vd_store_be16(entries + 4, 1020);
	vd_store_be16(entries + 6, 0);
	vd_store_be64(entries + 8, 0x1122334455667788);
	vd_store_be32(entries + 16, 5);
	vd_store_be16(entries + 20, 0);
	vd_store_be16(entries + 22, 65534);
	vd_store_be64(entries + 24, 99);
	vd_store_be32(details, 0);
	vd_store_be32(details + 4, 3);
	vd_store_be64(details + 8, 12345);
	vd_clients_load(&clients, &alice, 5, 7, 9, 1);
	struct vd_bytes all = vd_bytes_of(entries, sizeof entries);
	assert_true(
		vd_clients_load_outcome(&clients, &alice, 10, 777, all, vd_bytes_of(details, sizeof details)));
	/* again, as by a second read of the same rows */
	assert_true(
		vd_clients_load_outcome(&clients, &alice, 10, 777, all, vd_bytes_of(details, sizeof details)));
	const struct vd_known *known = vd_client_known(client, 10);
	assert_non_null(known);
	assert_int_equal(known->code, 1020);
	assert_int_equal(known->version, 777);
	assert_int_equal(known->digest, 0x1122334455667788);
	assert_int_equal(known->detail_range, 3);
	assert_int_equal(known->detail_version, 12345);
	known = vd_client_known(client, 15);
	assert_non_null(known);
	assert_int_equal(known->code, 0);
	assert_int_equal(known->order, 65534);
	assert_null(vd_client_known(client, 11));
	assert_int_equal(client->known_used, 2);
	assert_false(
		vd_clients_load_outcome(&clients, &alice, 10, 777, vd_bytes_of(entries, 15), vd_bytes_of(NULL, 0)));
	/* a detail without its entry */
	vd_store_be32(details, 1);
	assert_false(
		vd_clients_load_outcome(&clients, &alice, 10, 777, all, vd_bytes_of(details, sizeof details)));
}

static void test_outcomes_at_or_below_the_low_water_are_not_kept(void **state)
{
	(void)state;
	struct vd_client *client = vd_clients_meet(&clients, &alice, 1);
	uint8_t entries[32] = { 0 };
	vd_store_be32(entries + 16, 1);
	vd_clients_load(&clients, &alice, 5, 7, 10, 1);
	assert_true(
		vd_clients_load_outcome(&clients, &alice, 10, 777, vd_bytes_of(entries, 32), vd_bytes_of(NULL, 0)));
	assert_null(vd_client_known(client, 10));
	assert_non_null(vd_client_known(client, 11));
	assert_int_equal(client->known_used, 1);
}

static void test_a_tombstone_is_a_verdict(void **state)
{
	(void)state;
	struct vd_client *client = registered(&alice, 5);
	vd_clients_load_tombstone(&clients, &alice, 4);
	vd_clients_load_tombstone(&clients, &alice, 4);
	const struct vd_known *known = vd_client_known(client, 4);
	assert_non_null(known);
	assert_int_equal(known->code, 1025);
	assert_int_equal(known->version, 0);
}

static void test_rows_of_strangers_are_ignored(void **state)
{
	(void)state;
	vd_clients_load(&clients, &alice, 5, 7, 3, 1);
	vd_clients_load_tombstone(&clients, &alice, 4);
	uint8_t entries[16] = { 0 };
	assert_true(
		vd_clients_load_outcome(&clients, &alice, 10, 777, vd_bytes_of(entries, 16), vd_bytes_of(NULL, 0)));
	assert_int_equal(clients.count, 0);
	/* outcomes before the client's own row, too: they could not be judged by its low-water */
	struct vd_client *client = vd_clients_meet(&clients, &alice, 1);
	assert_true(
		vd_clients_load_outcome(&clients, &alice, 10, 777, vd_bytes_of(entries, 16), vd_bytes_of(NULL, 0)));
	assert_int_equal(client->known_used, 0);
}

static void test_another_generation_forgets_what_the_old_one_knew(void **state)
{
	(void)state;
	struct vd_client *client = registered(&alice, 5);
	learn(client, 1, 100);
	vd_client_acknowledge(&clients, client, 50, 1);
	vd_clients_load(&clients, &alice, 6, 8, 0, 1);
	assert_int_equal(client->state, VD_CLIENT_LOADING);
	assert_int_equal(client->generation, 6);
	assert_int_equal(client->low_water, 0);
	assert_null(vd_client_known(client, 1));
	assert_null(vd_clients_due(&clients, INT64_MAX));
}

static void test_loading_again_keeps_what_memory_knows_better(void **state)
{
	(void)state;
	struct vd_client *client = registered(&alice, 5);
	vd_client_acknowledge(&clients, client, 50, 1);
	learn(client, 60, 100);
	vd_clients_load(&clients, &alice, 5, 7, 40, 1);
	assert_int_equal(client->state, VD_CLIENT_REGISTERED);
	assert_int_equal(client->low_water, 50);
	assert_non_null(vd_client_known(client, 60));
}

static void test_unlearn_takes_back_one_version_only(void **state)
{
	(void)state;
	struct vd_client *client = registered(&alice, 5);
	learn(client, 1, 100);
	vd_client_unlearn(&clients, client, 1, 101);
	assert_non_null(vd_client_known(client, 1));
	vd_client_unlearn(&clients, client, 1, 100);
	assert_null(vd_client_known(client, 1));
	vd_client_unlearn(&clients, client, 1, 100);
	assert_int_equal(client->known_used, 0);
}

/* The table against a plain array, with numbers that collide and rows that break. */
static void test_the_table_agrees_with_a_plain_one(void **state)
{
	(void)state;
	enum { NUMBERS = 600, STEPS = 60000 };
	clients.limit_known = NUMBERS;
	struct vd_client *client = registered(&alice, 5);
	static uint64_t numbers[NUMBERS];
	static bool is_known[NUMBERS];
	struct vd_rng rng;
	vd_rng_seed(&rng, 7);
	for (unsigned i = 0; i < NUMBERS; i++)
		numbers[i] = i % 2 == 0 ? 1000 + i : 1000 + (uint64_t)i * 0x100000000;
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned i = (unsigned)vd_rng_below(&rng, NUMBERS);
		if (is_known[i])
			vd_client_unlearn(&clients, client, numbers[i], 1);
		else
			learn(client, numbers[i], 1);
		is_known[i] = !is_known[i];
		unsigned k = (unsigned)vd_rng_below(&rng, NUMBERS);
		const struct vd_known *known = vd_client_known(client, numbers[k]);
		assert_int_equal(known != NULL, is_known[k]);
		if (known != NULL)
			assert_int_equal(known->digest, numbers[k] * 3);
	}
}

static void test_acknowledged_numbers_are_forgotten_and_make_room(void **state)
{
	(void)state;
	struct vd_client *client = registered(&alice, 5);
	for (uint64_t i = 1; i <= 100; i++) {
		assert_false(vd_client_must_wait(&clients, client, i));
		learn(client, i, 100);
	}
	assert_true(vd_client_must_wait(&clients, client, 101));
	vd_client_acknowledge(&clients, client, 1, 1);
	assert_false(vd_client_must_wait(&clients, client, 101));
	assert_null(vd_client_known(client, 1));
	assert_non_null(vd_client_known(client, 2));
	learn(client, 101, 100);
	assert_true(vd_client_must_wait(&clients, client, 102));
}

static void test_only_live_numbers_count_against_the_limit(void **state)
{
	(void)state;
	struct vd_client *client = registered(&alice, 5);
	for (uint64_t i = 1; i <= 100; i++)
		learn(client, i, 100);
	assert_true(vd_client_must_wait(&clients, client, 1000));
	vd_client_acknowledge(&clients, client, 60, 1);
	assert_false(vd_client_must_wait(&clients, client, 1000));
	assert_int_equal(client->known_used, 40);
}

static void test_a_number_that_was_overtaken_does_not_wait(void **state)
{
	(void)state;
	struct vd_client *client = registered(&alice, 5);
	for (uint64_t i = 2; i <= 101; i++)
		learn(client, i, 100);
	/* nothing can be acknowledged before it is decided */
	assert_false(vd_client_must_wait(&clients, client, 1));
	assert_true(vd_client_must_wait(&clients, client, 102));
}

static void test_memory_does_not_grow_with_what_was_acknowledged(void **state)
{
	(void)state;
	struct vd_client *client = registered(&alice, 5);
	size_t bytes = 0;
	for (uint64_t i = 1; i <= 100000; i++) {
		learn(client, i, 100);
		if (i > 50)
			vd_client_acknowledge(&clients, client, i - 50, 1);
		if (i == 1000)
			bytes = clients.bytes;
	}
	assert_int_equal(clients.bytes, bytes);
}

static void test_acknowledgements_never_sink(void **state)
{
	(void)state;
	struct vd_client *client = registered(&alice, 5);
	vd_client_acknowledge(&clients, client, 10, 1);
	vd_client_acknowledge(&clients, client, 4, 1);
	assert_int_equal(client->low_water, 10);
}

static void test_acknowledgements_are_due_in_order_and_written_once(void **state)
{
	(void)state;
	struct vd_client *a = registered(&alice, 5);
	struct vd_client *b = registered(&bob, 6);
	vd_client_acknowledge(&clients, b, 3, 100);
	vd_client_acknowledge(&clients, a, 4, 200);
	vd_client_acknowledge(&clients, b, 5, 300);
	assert_null(vd_clients_due(&clients, 100));
	assert_ptr_equal(vd_clients_due(&clients, 101), b);
	assert_int_equal(vd_client_write(&clients, b), 5);
	assert_null(vd_clients_due(&clients, 101));
	assert_ptr_equal(vd_clients_due(&clients, 201), a);
	vd_client_written(b, 5);
	/* what comes while a write is on its way is due later */
	assert_int_equal(vd_client_write(&clients, a), 4);
	vd_client_acknowledge(&clients, a, 9, 400);
	assert_ptr_equal(vd_clients_due(&clients, 401), a);
	/* a write that did not arrive is due again */
	assert_int_equal(vd_client_write(&clients, a), 9);
	assert_null(vd_clients_due(&clients, INT64_MAX));
	vd_client_unwrite(&clients, a, 500);
	assert_ptr_equal(vd_clients_due(&clients, 501), a);
}

static void test_what_the_database_knows_need_not_be_written(void **state)
{
	(void)state;
	struct vd_client *a = registered(&alice, 5);
	vd_client_acknowledge(&clients, a, 3, 100);
	vd_clients_load(&clients, &alice, 5, 7, 3, 150);
	assert_null(vd_clients_due(&clients, INT64_MAX));
}

static void test_idle_clients_are_dropped_but_not_pinned_ones(void **state)
{
	(void)state;
	struct vd_client *a = registered(&alice, 5);
	registered(&bob, 6);
	vd_client_pin(a);
	vd_clients_trim(&clients, 1000, 999);
	assert_int_equal(clients.count, 2);
	vd_clients_trim(&clients, 1001, 999);
	assert_int_equal(clients.count, 1);
	assert_non_null(vd_clients_find(&clients, &alice));
	vd_client_unpin(&clients, a);
	vd_clients_trim(&clients, 1001, 999);
	assert_int_equal(clients.count, 0);
	assert_int_equal(clients.bytes, 0);
}

static void test_over_the_limit_the_longest_idle_go_first(void **state)
{
	(void)state;
	struct vd_client *a = registered(&alice, 5);
	struct vd_client *b = registered(&bob, 6);
	for (uint64_t i = 1; i < 90; i++) {
		learn(a, i, 1);
		learn(b, i, 1);
	}
	vd_clients_meet(&clients, &alice, 2);
	clients.limit_bytes = clients.bytes - 1;
	vd_clients_trim(&clients, 3, 1000);
	assert_non_null(vd_clients_find(&clients, &alice));
	assert_null(vd_clients_find(&clients, &bob));
}

static void test_many_clients(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		struct vd_client_id id = { { 0 } };
		vd_store_be32(id.bytes + 12, i);
		vd_clients_meet(&clients, &id, 1);
	}
	assert_int_equal(clients.count, 5000);
	for (unsigned i = 0; i < 5000; i++) {
		struct vd_client_id id = { { 0 } };
		vd_store_be32(id.bytes + 12, i);
		assert_non_null(vd_clients_find(&clients, &id));
	}
	vd_clients_forget_all(&clients);
	assert_int_equal(clients.count, 0);
	assert_int_equal(clients.bytes, 0);
}

/* The number that undoes a multiplication by `odd`, modulo 2^64. */
static uint64_t inverse_of(uint64_t odd)
{
	uint64_t inverse = odd;
	for (unsigned i = 0; i < 6; i++)
		inverse *= 2 - odd * inverse;
	return inverse;
}

static uint32_t longest_run(const struct vd_client *client)
{
	uint32_t longest = 0;
	uint32_t run = 0;
	for (uint32_t i = 0; i < client->known_capacity * 2; i++) { /* twice round: a run may go over the end */
		run = client->known[i & (client->known_capacity - 1)].sequence == 0 ? 0 : run + 1;
		longest = run > longest ? run : longest;
	}
	return longest;
}

/* All of these would belong into one place if what they are multiplied by were known: the golden ratio, or nothing. */
static void test_nobody_can_choose_numbers_that_meet(void **state)
{
	(void)state;
	const uint64_t factors[] = { inverse_of(0x9E3779B97F4A7C15u), 1, (uint64_t)1 << 32, (uint64_t)1 << 48 };
	for (unsigned f = 0; f < sizeof factors / sizeof *factors; f++) {
		struct vd_client_id id = { { (uint8_t)f, 9 } };
		struct vd_client *client = registered(&id, 5);
		for (uint64_t i = 1; i <= 10000; i++)
			if (vd_client_known(client, i * factors[f]) == NULL)
				learn(client, i * factors[f], 100);
		assert_in_range(longest_run(client), 1, 1000);
	}
}

static void test_nobody_can_choose_ids_that_meet(void **state)
{
	(void)state;
	const uint64_t factors[] = { inverse_of(0x9E3779B97F4A7C15u), (uint64_t)1 << 48 };
	for (unsigned f = 0; f < sizeof factors / sizeof *factors; f++)
		for (uint64_t i = 1; i <= 5000; i++) {
			struct vd_client_id id = { { 0 } };
			vd_store_le64(id.bytes, i * factors[f]);
			vd_clients_meet(&clients, &id, 1);
		}
	for (size_t i = 0; i < clients.bucket_count; i++) {
		unsigned length = 0;
		for (const struct vd_client *client = clients.buckets[i]; client != NULL; client = client->next)
			length++;
		assert_in_range(length, 0, 20);
	}
}

static void test_each_memory_has_a_key_of_its_own(void **state)
{
	(void)state;
	struct vd_clients other;
	vd_clients_init(&other, 1 << 20, 100);
	assert_memory_not_equal(clients.hash_key, other.hash_key, sizeof other.hash_key);
	vd_clients_fini(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_met_client_is_unknown_until_all_its_rows_are_read),
		TEST(test_a_client_without_a_row_is_not_registered),
		TEST(test_outcomes_are_loaded_as_the_migration_packs_them),
		TEST(test_outcomes_at_or_below_the_low_water_are_not_kept),
		TEST(test_a_tombstone_is_a_verdict),
		TEST(test_rows_of_strangers_are_ignored),
		TEST(test_another_generation_forgets_what_the_old_one_knew),
		TEST(test_loading_again_keeps_what_memory_knows_better),
		TEST(test_unlearn_takes_back_one_version_only),
		TEST(test_the_table_agrees_with_a_plain_one),
		TEST(test_acknowledged_numbers_are_forgotten_and_make_room),
		TEST(test_only_live_numbers_count_against_the_limit),
		TEST(test_a_number_that_was_overtaken_does_not_wait),
		TEST(test_memory_does_not_grow_with_what_was_acknowledged),
		TEST(test_acknowledgements_never_sink),
		TEST(test_acknowledgements_are_due_in_order_and_written_once),
		TEST(test_what_the_database_knows_need_not_be_written),
		TEST(test_idle_clients_are_dropped_but_not_pinned_ones),
		TEST(test_over_the_limit_the_longest_idle_go_first),
		TEST(test_many_clients),
		TEST(test_nobody_can_choose_numbers_that_meet),
		TEST(test_nobody_can_choose_ids_that_meet),
		TEST(test_each_memory_has_a_key_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
