/* SPDX-License-Identifier: Apache-2.0 */
/* Filling a batch; nothing that a payload contains makes it fail (rules 17 and 18). */
#include "tests/unit/resolver_world.h"

#include <openssl/sha.h>

static void add_payload(struct vd_batch *batch, uint64_t sequence, struct vd_bytes payload)
{
	struct vd_claim claim = world_claim_of(&world, 1, sequence, payload);
	assert_true(vd_batch_add(batch, &claim));
}

static void test_a_digest_is_the_begin_of_the_payloads_sha256(void **state)
{
	(void)state;
	struct vd_digester *digester = vd_digester_new();
	/* FIPS 180-2, "abc": ba7816bf 8f01cfea … */
	assert_int_equal(vd_digester_of(digester, VD_BYTES("abc")), 0xba7816bf8f01cfeau);
	assert_int_equal(vd_digester_of(digester, VD_BYTES("")), 0xe3b0c44298fc1c14u);
	assert_int_equal(vd_digester_of(digester, VD_BYTES("abc")), 0xba7816bf8f01cfeau);
	vd_digester_free(digester);
}

static void test_a_row_becomes_a_request(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	struct vd_request request = world_set(&world, "k", "v");
	struct vd_bytes payload = world_payload(&world, &request);
	add_payload(batch, 9, payload);
	assert_int_equal(batch->count, 1);
	const struct vd_item *item = &batch->items[0];
	assert_int_equal(item->sequence, 9);
	assert_int_equal(item->generation, 1001);
	assert_int_equal(item->refused_code, 0);
	assert_int_equal(item->request.mutation_count, 1);
	world_assert_bytes(item->request.mutations[0].key, "k");
	uint8_t sum[SHA256_DIGEST_LENGTH];
	SHA256(payload.data, payload.size, sum);
	uint64_t digest = 0;
	for (int i = 0; i < 8; i++)
		digest = digest << 8 | sum[i];
	assert_int_equal(item->digest, digest);
}

static void test_poison_becomes_a_rejected_verdict_and_the_rest_goes_on(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, world_set(&world, "a", "1"));
	add_payload(batch, 2, VD_BYTES("\xff\xff\xff"));
	world_add(&world, batch, 1, 3, world_request(&world, NULL, WORLD_VERSION, 99, "k", "v"));
	world_add(&world, batch, 1, 4, world_request(&world, NULL, WORLD_VERSION, VD_OP_SET, "\xff/system", "v"));
	world_add(&world, batch, 1, 5,
		world_request(&world, NULL, WORLD_VERSION, VD_OP_SET_VERSIONSTAMPED_KEY, "bad offset", "v"));
	world_add(&world, batch, 1, 6, world_request(&world, NULL, WORLD_VERSION, VD_OP_CLEAR_RANGE, "b", "a"));
	char *key = malloc(3001);
	memset(key, 'k', 3000);
	key[3000] = 0;
	world_add(&world, batch, 1, 7, world_set(&world, key, "v"));
	world_add(&world, batch, 1, 8, world_set(&world, "b", "2"));
	world_resolve(&world, batch);
	assert_int_equal(world_code(batch, 0), 0);
	assert_int_equal(world_code(batch, 1), 2000);
	assert_int_equal(world_code(batch, 2), 2018);
	assert_int_equal(world_code(batch, 3), 2004);
	assert_int_equal(world_code(batch, 4), 2000);
	assert_int_equal(world_code(batch, 5), 2005);
	assert_int_equal(world_code(batch, 6), 2102);
	assert_int_equal(world_code(batch, 7), 0);
	assert_int_equal(batch->items[7].verdict.order, 1);
	assert_int_equal(batch->counts.rejected, 6);
	assert_int_equal(batch->writes.upsert_count, 2);
	world_publish(&world, batch);
	free(key);
}

static void test_the_65536th_request_stays_in_the_queue(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	struct vd_request request = world_set(&world, "k", "v");
	struct vd_bytes payload = world_payload(&world, &request);
	for (uint64_t i = 1; i <= 65535; i++)
		add_payload(batch, i, payload);
	struct vd_claim claim = world_claim_of(&world, 1, 65536, payload);
	assert_false(vd_batch_add(batch, &claim));
	assert_int_equal(batch->count, 65535);
	/* (the client's limit of unacknowledged verdicts leaves most of them waiting; orders are tested elsewhere) */
	vd_memory_close(world.memory, batch);
}

static void test_rows_under_way_are_known_by_their_arrival(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	assert_false(vd_batch_has(batch, 1));
	for (uint64_t i = 1; i <= 9; i++) {
		world.arrival += 2;
		world_add(&world, batch, 1, i, world_set(&world, "k", "v"));
	}
	for (int64_t arrival = 0; arrival <= 30; arrival++)
		assert_int_equal(vd_batch_has(batch, arrival), arrival > 0 && arrival <= 27 && arrival % 3 == 0);
}

static void test_a_full_arena_leaves_rows_in_the_queue_but_never_the_first(void **state)
{
	(void)state;
	world_end(&world);
	struct vd_memory_options options = VD_MEMORY_OPTIONS_DEFAULT;
	options.arena_limit_bytes = 60000;
	world_begin_with(&world, &options);
	static char value[20001];
	memset(value, 'v', 20000);
	struct vd_request request = world_set(&world, "k", value);
	struct vd_bytes payload = world_payload(&world, &request);
	struct vd_batch *batch = vd_memory_open(world.memory);
	uint64_t sequence = 0;
	struct vd_claim claim;
	do {
		claim = world_claim_of(&world, 1, ++sequence, payload);
	} while (vd_batch_add(batch, &claim));
	assert_true(batch->count >= 1 && batch->count <= 3);
	world_resolve(&world, batch);
	assert_int_equal(world_code(batch, 0), 0);
	world_publish(&world, batch);

	static char huge[90001];
	memset(huge, 'v', 90000);
	batch = world_turn(&world, 1, 100, world_set(&world, "k", huge));
	assert_int_equal(world_code(batch, 0), 2101);
	/* and the next turn is as good as ever */
	batch = world_turn(&world, 1, 101, world_set(&world, "k", "v"));
	assert_int_equal(world_code(batch, 0), 0);
}

static void test_what_does_not_fit_while_resolving_is_cut_not_lost(void **state)
{
	(void)state;
	world_end(&world);
	struct vd_memory_options options = VD_MEMORY_OPTIONS_DEFAULT;
	options.arena_limit_bytes = 30000;
	world_begin_with(&world, &options);
	struct vd_batch *batch = vd_memory_open(world.memory);
	uint64_t sequence = 0;
	struct vd_claim claim;
	/* stamped keys take more memory as they are stamped than as they came: long ones, whatever is added to each */
	static const uint8_t key[400];
	do {
		struct vd_mutation *mutation = VD_ARENA_NEW(&world.arena, struct vd_mutation);
		*mutation = (struct vd_mutation){
			.op = VD_OP_SET_VERSIONSTAMPED_KEY, .key = vd_bytes_of(key, sizeof key), .value = VD_BYTES("")
		};
		struct vd_request request = world_set(&world, NULL, NULL);
		request.mutations = mutation;
		request.mutation_count = 1;
		claim = world_claim_of(&world, 1, ++sequence, world_payload(&world, &request));
	} while (vd_batch_add(batch, &claim));
	uint32_t claimed = batch->count;
	world_resolve(&world, batch);
	assert_true(batch->count >= 1 && batch->count < claimed);
	assert_int_equal(batch->counts.committed, batch->count);
	assert_int_equal(batch->writes.upsert_count, batch->count);
	assert_int_equal(batch->rows.arrival_count, batch->count);
	assert_int_equal(batch->rows.sequence_count, batch->count);
	/* what was cut off is not known, so that it can be claimed again */
	const struct vd_client_id id = world_id(1);
	const struct vd_client *client = vd_clients_find(&world.memory->clients, &id);
	assert_non_null(vd_client_known(client, batch->count));
	assert_null(vd_client_known(client, batch->count + 1));
	world_publish(&world, batch);
}

static void test_truncate_keeps_the_first(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	for (uint64_t i = 1; i <= 6; i++)
		world_add(&world, batch, 1 + (unsigned)i % 2, i, world_set(&world, "k", "v"));
	world_resolve(&world, batch);
	vd_memory_discard(world.memory, batch, world.now_us);
	vd_batch_truncate(batch, 3);
	world_resolve(&world, batch);
	assert_int_equal(batch->rows.arrival_count, 3);
	assert_int_equal(batch->rows.sequence_count, 3);
	assert_int_equal(batch->counts.committed, 3);
	world_publish(&world, batch);
}

static void test_a_row_that_postgresql_refused_is_rejected_with_its_message(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, world_set(&world, "k", "v"));
	world_resolve(&world, batch);
	vd_memory_discard(world.memory, batch, world.now_us);
	char message[] = "value \"x\"\n\\ too long \xe2\x82\xac \xff";
	vd_batch_reject(batch, 0, VD_CODE_SQL_ERROR, message);
	memset(message, 'z', sizeof message - 1);
	world_resolve(&world, batch);
	assert_int_equal(world_code(batch, 0), 7002);
	assert_int_equal(batch->writes.upsert_count, 0);
	assert_string_equal(
		batch->rows.notes[0], "{\"1\":\"value \\\"x\\\"\\u000a\\\\ too long \xe2\x82\xac ?\"}");
	world_publish(&world, batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_a_digest_is_the_begin_of_the_payloads_sha256),
		WORLD_TEST(test_a_row_becomes_a_request),
		WORLD_TEST(test_poison_becomes_a_rejected_verdict_and_the_rest_goes_on),
		WORLD_TEST(test_the_65536th_request_stays_in_the_queue),
		WORLD_TEST(test_rows_under_way_are_known_by_their_arrival),
		WORLD_TEST(test_a_full_arena_leaves_rows_in_the_queue_but_never_the_first),
		WORLD_TEST(test_what_does_not_fit_while_resolving_is_cut_not_lost),
		WORLD_TEST(test_truncate_keeps_the_first),
		WORLD_TEST(test_a_row_that_postgresql_refused_is_rejected_with_its_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
