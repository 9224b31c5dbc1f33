/* SPDX-License-Identifier: Apache-2.0 */
/* resolver_world.h: a leader's memory, some registered clients and requests made by hand, for the resolver's tests.
 *
 * Client n is registered with generation 1000 + n and reply number 0xab00 + n. Time stands until it is moved.
 */
#ifndef VD_TESTS_UNIT_RESOLVER_WORLD_H
#define VD_TESTS_UNIT_RESOLVER_WORLD_H

#include "common/kv/codec.h"
#include "resolver/memory.h"
#include "tests/unit/test.h"

#include <stdlib.h>

#define WORLD_VERSION 2000000000u /* of the takeover */
#define WORLD_JUMP    1500000000u
#define WORLD_CLIENTS 8

struct world {
	struct vd_memory *memory;
	struct vd_arena arena;
	int64_t now_us;
	int64_t arrival;
	bool is_gone[WORLD_CLIENTS]; /* not registered */
	bool lists;                  /* observers want verdicts */
};

static const uint8_t world_term[VD_TERM_BYTES] = "term of today..";
static const uint8_t world_preceding_term[VD_TERM_BYTES] = "term before....";

static inline struct vd_client_id world_id(unsigned client)
{
	struct vd_client_id id = { { (uint8_t)client, 1, 2, 3 } };
	return id;
}

static inline void world_begin_with(struct world *world, const struct vd_memory_options *options)
{
	*world = (struct world){ .now_us = 1000000 };
	vd_arena_init(&world->arena, SIZE_MAX);
	world->memory = vd_memory_new(options);
	assert_non_null(world->memory);
	vd_memory_take_office(
		world->memory, world_term, world_preceding_term, WORLD_VERSION, WORLD_JUMP, world->now_us);
}

static inline void world_begin(struct world *world)
{
	struct vd_memory_options options = VD_MEMORY_OPTIONS_DEFAULT;
	world_begin_with(world, &options);
}

static inline void world_end(struct world *world)
{
	vd_memory_free(world->memory);
	vd_arena_fini(&world->arena);
}

/* ---- Requests ---- */

static inline struct vd_range *world_key_range(struct world *world, const char *key)
{
	struct vd_range *range = VD_ARENA_NEW(&world->arena, struct vd_range);
	assert_true(vd_range_of_key(&world->arena, vd_bytes_of_string(key), range));
	return range;
}

static inline struct vd_mutation *world_mutation(
	struct world *world, uint32_t op, const char *key, const char *value)
{
	struct vd_mutation *mutation = VD_ARENA_NEW(&world->arena, struct vd_mutation);
	*mutation =
		(struct vd_mutation){ .op = op, .key = vd_bytes_of_string(key), .value = vd_bytes_of_string(value) };
	return mutation;
}

/* Reads one key (or none) at a version of the present term, does one mutation (or none). */
static inline struct vd_request world_request(
	struct world *world, const char *read, uint64_t version, uint32_t op, const char *key, const char *value)
{
	struct vd_request request = { .read_version = version };
	memcpy(request.read_term, world_term, VD_TERM_BYTES);
	if (read != NULL) {
		request.reads = world_key_range(world, read);
		request.read_count = 1;
	}
	if (key != NULL) {
		request.mutations = world_mutation(world, op, key, value);
		request.mutation_count = 1;
	}
	return request;
}

static inline struct vd_request world_set(struct world *world, const char *key, const char *value)
{
	return world_request(world, NULL, WORLD_VERSION, VD_OP_SET, key, value);
}

static inline struct vd_bytes world_payload(struct world *world, const struct vd_request *request)
{
	struct vd_bytes payload;
	assert_true(vd_request_encode(&world->arena, request, &payload));
	return payload;
}

/* ---- Turns ---- */

static inline struct vd_claim world_claim_of(
	struct world *world, unsigned client, uint64_t sequence, struct vd_bytes payload)
{
	return (struct vd_claim){ .client = world_id(client),
		.sequence = sequence,
		.generation = 1000 + (int64_t)client,
		.token = 0xfeed000000000000u + sequence,
		.payload = payload,
		.arrival = ++world->arrival };
}

static inline void world_add(struct world *world, struct vd_batch *batch, unsigned client, uint64_t sequence,
	struct vd_request request)
{
	struct vd_claim claim = world_claim_of(world, client, sequence, world_payload(world, &request));
	assert_true(vd_batch_add(batch, &claim));
}

/* Reads the rows of the missing clients: registered, with nothing decided. */
static inline size_t world_load(struct world *world, struct vd_batch *batch)
{
	size_t count;
	const struct vd_client_id *missing = vd_memory_missing(world->memory, batch, world->now_us, &count);
	for (size_t i = 0; i < count; i++)
		if (!world->is_gone[missing[i].bytes[0]])
			vd_clients_load(&world->memory->clients, &missing[i], 1000 + missing[i].bytes[0],
				0xab00u + missing[i].bytes[0], 0, world->now_us);
	vd_memory_loaded(world->memory, batch, world->now_us);
	return count;
}

/* From claimed to resolved, where nothing is stored. */
static inline void world_resolve(struct world *world, struct vd_batch *batch)
{
	world_load(world, batch);
	vd_memory_base(world->memory, batch);
	assert_true(vd_memory_resolve(world->memory, batch, world->lists, world->now_us));
}

static inline void world_publish(struct world *world, struct vd_batch *batch)
{
	vd_memory_publish(world->memory, batch, world->now_us);
}

/* One request alone: through a whole turn; the batch is published and can still be read. */
static inline struct vd_batch *world_turn(
	struct world *world, unsigned client, uint64_t sequence, struct vd_request request)
{
	world->now_us += 1000;
	struct vd_batch *batch = vd_memory_open(world->memory);
	assert_non_null(batch);
	world_add(world, batch, client, sequence, request);
	world_resolve(world, batch);
	world_publish(world, batch);
	return batch;
}

/* The verdict's code of an item that was decided anew. */
static inline int world_code(const struct vd_batch *batch, uint32_t i)
{
	assert_true(i < batch->count);
	assert_int_equal(batch->items[i].fate, VD_FATE_DECIDED);
	return batch->items[i].verdict.code;
}

static inline void world_assert_bytes(struct vd_bytes bytes, const char *text)
{
	assert_int_equal(bytes.size, strlen(text));
	assert_memory_equal(bytes.data, text, bytes.size);
}

/* ---- The world of the test in hand (below all that has a parameter of that name) ---- */

static struct world world;

static inline int world_set_up(void **state)
{
	(void)state;
	world_begin(&world);
	return 0;
}

static inline int world_tear_down(void **state)
{
	(void)state;
	world_end(&world);
	return 0;
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

#endif
