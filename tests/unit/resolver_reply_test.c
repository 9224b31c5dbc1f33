/* SPDX-License-Identifier: Apache-2.0 */
/* The payloads of NOTIFY: grammar and bounds (rules 18 and 19). */
#include "resolver/reply.h"
#include "tests/unit/resolver_world.h"

static void assert_payload(const struct vd_reply *reply, uint64_t number, const char *format, ...)
{
	char text[8000];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	assert_int_equal(reply->reply, number);
	assert_string_equal((const char *)reply->payload.data, text);
	assert_int_equal(reply->payload.size, strlen(text));
}

#define LLU(number) ((unsigned long long)(number))

static void test_a_clients_replies_go_together(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, world_set(&world, "k", "v"));
	world_add(&world, batch, 2, 1, world_set(&world, "x", "v"));
	world_add(&world, batch, 1, 2, world_request(&world, "k", WORLD_VERSION, VD_OP_SET, "y", "v"));
	world_add(&world, batch, 1, 3, world_request(&world, NULL, WORLD_VERSION, 99, "y", "v"));
	world_resolve(&world, batch);
	unsigned long long version = LLU(batch->version);
	assert_int_equal(batch->reply_count, 2);
	assert_payload(&batch->replies[0], 0xab01,
		"r1 %llu 1:feed000000000001:0:0:0 2:feed000000000002:1020:0:%llu 3:feed000000000003:2018:0:0",
		version, version);
	assert_payload(&batch->replies[1], 0xab02, "r1 %llu 1:feed000000000001:0:1:0", version);
	world_publish(&world, batch);
}

static void test_a_repeated_verdict_goes_under_its_own_version(void **state)
{
	(void)state;
	unsigned long long old = LLU(world_turn(&world, 1, 1, world_set(&world, "k", "v"))->version);
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, world_set(&world, "k", "v"));
	world_add(&world, batch, 1, 2, world_set(&world, "k", "v"));
	world_add(&world, batch, 1, 2, world_set(&world, "k", "v"));
	world_add(&world, batch, 1, 1, world_set(&world, "k", "other"));
	world_resolve(&world, batch);
	assert_int_equal(batch->reply_count, 2);
	assert_payload(&batch->replies[0], 0xab01,
		"r1 %llu 2:feed000000000002:0:0:0 2:feed000000000002:0:0:0 1:feed000000000001:2000:0:0",
		LLU(batch->version));
	assert_payload(&batch->replies[1], 0xab01, "r1 %llu 1:feed000000000001:0:0:0", old);
	world_publish(&world, batch);
}

static void test_the_token_is_that_of_the_copy(void **state)
{
	(void)state;
	world_turn(&world, 1, 1, world_set(&world, "k", "v"));
	struct vd_batch *batch = vd_memory_open(world.memory);
	struct vd_request request = world_set(&world, "k", "v");
	struct vd_claim claim = world_claim_of(&world, 1, 1, world_payload(&world, &request));
	claim.token = 0xf;
	assert_true(vd_batch_add(batch, &claim));
	world_resolve(&world, batch);
	assert_non_null(strstr((const char *)batch->replies[0].payload.data, " 1:000000000000000f:0:0:0"));
	world_publish(&world, batch);
}

static void test_payloads_stay_under_their_limit_and_say_all(void **state)
{
	(void)state;
	enum { REQUESTS = 5000 };
	struct vd_batch *batch = vd_memory_open(world.memory);
	uint64_t base = (uint64_t)INT64_MAX - REQUESTS;
	world_add(&world, batch, 1, base, world_set(&world, "k", "v"));
	struct vd_request loser = world_request(&world, "k", WORLD_VERSION, VD_OP_SET, "y", "v");
	for (uint64_t i = 1; i < REQUESTS; i++)
		world_add(&world, batch, 1, base + i, loser);
	world_resolve(&world, batch);
	uint64_t next = base;
	char head[64];
	sprintf(head, "r1 %llu ", LLU(batch->version));
	for (size_t i = 0; i < batch->reply_count; i++) {
		struct vd_bytes payload = batch->replies[i].payload;
		assert_true(payload.size < VD_REPLY_PAYLOAD_BYTES);
		assert_true(payload.size < 8000); /* what a NOTIFY takes */
		assert_true(vd_bytes_has_prefix(payload, vd_bytes_of_string(head)));
		assert_int_equal(strlen((const char *)payload.data), payload.size);
		char *words = strdup((const char *)payload.data + strlen(head));
		for (char *rest = words, *word; (word = strsep(&rest, " ")) != NULL; next++) {
			unsigned long long sequence, token, version;
			unsigned code, range;
			assert_int_equal(
				sscanf(word, "%llu:%16llx:%u:%u:%llu", &sequence, &token, &code, &range, &version), 5);
			assert_int_equal(sequence, next);
			assert_int_equal(token, 0xfeed000000000000u + next);
			assert_int_equal(code, next == base ? 0 : 1020);
			assert_int_equal(version, next == base ? 0 : batch->version);
		}
		free(words);
	}
	assert_int_equal(next, base + REQUESTS);
	assert_true(batch->reply_count > REQUESTS * 50 / VD_REPLY_PAYLOAD_BYTES);
	world_publish(&world, batch);
}

static void test_observers_get_a_line_a_batch(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, world_set(&world, "k", "v"));
	world_add(&world, batch, 1, 2, world_request(&world, "k", WORLD_VERSION, VD_OP_SET, "y", "v"));
	world_add(&world, batch, 1, 3, world_request(&world, "k", 5, VD_OP_SET, "y", "v"));
	world_add(&world, batch, 1, 4, world_request(&world, NULL, WORLD_VERSION, 99, "y", "v"));
	world_add(&world, batch, 1, 1, world_set(&world, "k", "v"));
	world_resolve(&world, batch);
	assert_int_equal(batch->line_count, 1);
	assert_payload(&batch->lines[0], 0,
		"b1 version=%llu requests=4 committed=1 conflict=1 too_old=1 rejected=1", LLU(batch->version));
	world_publish(&world, batch);
}

static void test_observers_get_verdicts_if_they_ask(void **state)
{
	(void)state;
	world.lists = true;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, world_set(&world, "k", "v"));
	world_add(&world, batch, 2, 7, world_set(&world, "k", "v"));
	world_add(&world, batch, 1, 2, world_request(&world, "k", WORLD_VERSION, VD_OP_SET, "y", "v"));
	world_add(&world, batch, 1, 1, world_set(&world, "k", "v"));
	world_resolve(&world, batch);
	assert_int_equal(batch->line_count, 2);
	assert_payload(&batch->lines[1], 0,
		"v1 version=%llu 000000000000ab01:1:0:0 000000000000ab02:7:0:1 000000000000ab01:2:1020:0",
		LLU(batch->version));
	world_publish(&world, batch);
}

static unsigned listed(const struct vd_batch *batch)
{
	unsigned words = 0;
	for (size_t i = 1; i < batch->line_count; i++) {
		assert_true(batch->lines[i].payload.size < VD_REPLY_PAYLOAD_BYTES);
		for (const char *at = (const char *)batch->lines[i].payload.data; (at = strstr(at, " 000")) != NULL;
			 at++)
			words++;
	}
	return words;
}

static void test_a_long_list_is_cut_and_says_so(void **state)
{
	(void)state;
	world.lists = true;
	for (uint32_t requests = 3300; requests <= 4300; requests += 25) {
		struct vd_batch *batch = vd_memory_open(world.memory);
		for (uint32_t i = 0; i < requests; i++)
			world_add(
				&world, batch, 1 + requests % 7, 100000 + requests * 10000 + i, world_set(&world, "k", "v"));
		const struct vd_client_id id = world_id(1 + requests % 7);
		world_load(&world, batch);
		vd_memory_acknowledged(
			world.memory, &id, 1001 + requests % 7, 99999 + requests * 10000, world.now_us);
		vd_memory_base(world.memory, batch);
		assert_true(vd_memory_resolve(world.memory, batch, true, world.now_us));
		assert_true(batch->line_count <= 1 + VD_REPLY_LISTS_MAX);
		const char *last = (const char *)batch->lines[batch->line_count - 1].payload.data;
		const char *more = strstr(last, " more=");
		assert_int_equal(listed(batch) + (more == NULL ? 0 : (unsigned)atoi(more + 6)), requests);
		assert_true(more == NULL || batch->line_count == 1 + VD_REPLY_LISTS_MAX);
		if (requests == 4300)
			assert_non_null(more);
		if (requests == 3300)
			assert_null(more);
		world_publish(&world, batch);
		world.now_us += 100000;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_a_clients_replies_go_together),
		WORLD_TEST(test_a_repeated_verdict_goes_under_its_own_version),
		WORLD_TEST(test_the_token_is_that_of_the_copy),
		WORLD_TEST(test_payloads_stay_under_their_limit_and_say_all),
		WORLD_TEST(test_observers_get_a_line_a_batch),
		WORLD_TEST(test_observers_get_verdicts_if_they_ask),
		WORLD_TEST(test_a_long_list_is_cut_and_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
