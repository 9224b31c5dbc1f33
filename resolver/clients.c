/* SPDX-License-Identifier: Apache-2.0 */
/* clients.c: a hash of clients, each with a hash of its decided numbers.
 *
 * Ids and numbers are chosen by whoever may write into the queue. So where they stand is drawn by lot: both hashes are
 * keyed with what only this process knows, and nobody can choose them so that probes and chains become long. What was acknowledged is not taken out one
 * by one: it is left behind when the table is built anew, which happens at most once in as many learns as there are
 * live numbers.
 */
#include "resolver/clients.h"

#include "common/base/check.h"
#include "common/base/codes.h"
#include "common/base/endian.h"
#include "common/base/random.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY_BYTES   16 /* of outcomes.entries, and of outcomes.details */
#define KNOWN_LEAST   16
#define BUCKETS_LEAST 64

static void *must_have(void *memory)
{
	if (memory == NULL)
		vd_check_failed(__FILE__, __LINE__, "out of memory");
	return memory;
}

/* The product of 128 bits, folded: each half is blinded by a key first (as in wyhash and ahash). */
static uint64_t hash_of(const uint64_t key[2], uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)(a ^ key[0]) * (b ^ key[1]);
	return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

/* ---- Numbers of one client ---- */

static uint32_t known_home(const struct vd_client *client, uint32_t capacity, uint64_t sequence)
{
	return (uint32_t)hash_of(client->hash_key, sequence, 0) & (capacity - 1);
}

/* The slot of a number, or the free one where it belongs. */
static struct vd_known *known_slot(
	const struct vd_client *client, struct vd_known *known, uint32_t capacity, uint64_t sequence)
{
	uint32_t at = known_home(client, capacity, sequence);
	while (known[at].sequence != 0 && known[at].sequence != sequence)
		at = (at + 1) & (capacity - 1);
	return &known[at];
}

/* Builds the table anew with the live numbers, and room for as many again. */
static void known_rebuild(struct vd_clients *clients, struct vd_client *client)
{
	struct vd_known *old = client->known;
	uint32_t old_capacity = client->known_capacity;
	uint32_t live = 0;
	for (uint32_t i = 0; i < old_capacity; i++)
		live += old[i].sequence > client->low_water;
	uint32_t capacity = KNOWN_LEAST;
	while (capacity <= live * 2)
		capacity *= 2;
	struct vd_known *known = must_have(calloc(capacity, sizeof *known));
	for (uint32_t i = 0; i < old_capacity; i++)
		if (old[i].sequence > client->low_water)
			*known_slot(client, known, capacity, old[i].sequence) = old[i];
	free(old);
	client->known = known;
	client->known_capacity = capacity;
	client->known_used = live;
	client->compacted_at = client->low_water;
	clients->bytes += (size_t)capacity * sizeof *known;
	clients->bytes -= (size_t)old_capacity * sizeof *known;
}

static void known_drop(struct vd_clients *clients, struct vd_client *client)
{
	clients->bytes -= (size_t)client->known_capacity * sizeof *client->known;
	free(client->known);
	client->known = NULL;
	client->known_capacity = client->known_used = 0;
}

const struct vd_known *vd_client_known(const struct vd_client *client, uint64_t sequence)
{
	if (client->known_used == 0 || sequence <= client->low_water)
		return NULL;
	const struct vd_known *known = known_slot(client, client->known, client->known_capacity, sequence);
	return known->sequence == 0 ? NULL : known;
}

void vd_client_learn(struct vd_clients *clients, struct vd_client *client, const struct vd_known *known)
{
	VD_ASSERT(known->sequence > client->low_water);
	if (((uint64_t)client->known_used + 1) * 4 > (uint64_t)client->known_capacity * 3)
		known_rebuild(clients, client);
	struct vd_known *slot = known_slot(client, client->known, client->known_capacity, known->sequence);
	VD_ASSERT(slot->sequence == 0);
	*slot = *known;
	client->known_used++;
}

void vd_client_unlearn(
	struct vd_clients *clients, struct vd_client *client, uint64_t sequence, uint64_t version)
{
	(void)clients;
	if (client->known_used == 0)
		return;
	struct vd_known *slot = known_slot(client, client->known, client->known_capacity, sequence);
	if (slot->sequence == 0 || slot->version != version)
		return;
	/* What comes behind in the same run moves up, so that no probe ends too early (Knuth, 6.4 R). */
	uint32_t mask = client->known_capacity - 1;
	uint32_t hole = (uint32_t)(slot - client->known);
	for (uint32_t at = (hole + 1) & mask; client->known[at].sequence != 0; at = (at + 1) & mask) {
		uint32_t home = known_home(client, client->known_capacity, client->known[at].sequence);
		if (((at - home) & mask) >= ((at - hole) & mask)) {
			client->known[hole] = client->known[at];
			hole = at;
		}
	}
	client->known[hole].sequence = 0;
	client->known_used--;
}

bool vd_client_must_wait(struct vd_clients *clients, struct vd_client *client, uint64_t sequence)
{
	if (client->known_used < clients->limit_known || sequence - client->low_water <= clients->limit_known)
		return false;
	if (client->compacted_at != client->low_water)
		known_rebuild(clients, client);
	return client->known_used >= clients->limit_known;
}

/* ---- The hash of clients ---- */

static size_t bucket_of(const struct vd_clients *clients, const struct vd_client_id *id)
{
	uint64_t hash = hash_of(clients->hash_key, vd_load_le64(id->bytes), vd_load_le64(id->bytes + 8));
	return (size_t)hash & (clients->bucket_count - 1);
}

void vd_clients_init(struct vd_clients *clients, size_t limit_bytes, uint32_t limit_known)
{
	*clients = (struct vd_clients){
		.bucket_count = BUCKETS_LEAST, .limit_bytes = limit_bytes, .limit_known = limit_known
	};
	VD_ASSERT(vd_random_bytes(clients->hash_key, sizeof clients->hash_key));
	clients->buckets = must_have(calloc(clients->bucket_count, sizeof(struct vd_client *)));
	TAILQ_INIT(&clients->by_use);
	TAILQ_INIT(&clients->by_unwritten);
}

static void client_settle(struct vd_clients *clients, struct vd_client *client)
{
	if (client->unwritten_since_us != 0)
		TAILQ_REMOVE(&clients->by_unwritten, client, by_unwritten);
	client->unwritten_since_us = 0;
}

static void client_remove(struct vd_clients *clients, struct vd_client *client)
{
	VD_ASSERT(client->pins == 0);
	struct vd_client **link = &clients->buckets[bucket_of(clients, &client->id)];
	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	client_settle(clients, client);
	TAILQ_REMOVE(&clients->by_use, client, by_use);
	known_drop(clients, client);
	clients->bytes -= sizeof *client;
	clients->count--;
	free(client);
}

void vd_clients_forget_all(struct vd_clients *clients)
{
	while (!TAILQ_EMPTY(&clients->by_use))
		client_remove(clients, TAILQ_FIRST(&clients->by_use));
}

void vd_clients_fini(struct vd_clients *clients)
{
	vd_clients_forget_all(clients);
	free(clients->buckets);
	clients->buckets = NULL;
}

struct vd_client *vd_clients_find(const struct vd_clients *clients, const struct vd_client_id *id)
{
	struct vd_client *client = clients->buckets[bucket_of(clients, id)];
	while (client != NULL && memcmp(client->id.bytes, id->bytes, sizeof id->bytes) != 0)
		client = client->next;
	return client;
}

static void buckets_double(struct vd_clients *clients)
{
	clients->bucket_count *= 2;
	free(clients->buckets);
	clients->buckets = must_have(calloc(clients->bucket_count, sizeof(struct vd_client *)));
	struct vd_client *client;
	TAILQ_FOREACH(client, &clients->by_use, by_use)
	{
		struct vd_client **bucket = &clients->buckets[bucket_of(clients, &client->id)];
		client->next = *bucket;
		*bucket = client;
	}
}

struct vd_client *vd_clients_meet(struct vd_clients *clients, const struct vd_client_id *id, int64_t now_us)
{
	struct vd_client *client = vd_clients_find(clients, id);
	if (client != NULL) {
		TAILQ_REMOVE(&clients->by_use, client, by_use);
	} else {
		if (clients->count >= clients->bucket_count)
			buckets_double(clients);
		client = must_have(calloc(1, sizeof *client));
		client->id = *id;
		memcpy(client->hash_key, clients->hash_key, sizeof client->hash_key);
		client->state = VD_CLIENT_UNKNOWN;
		struct vd_client **bucket = &clients->buckets[bucket_of(clients, id)];
		client->next = *bucket;
		*bucket = client;
		clients->count++;
		clients->bytes += sizeof *client;
	}
	client->used_us = now_us;
	TAILQ_INSERT_TAIL(&clients->by_use, client, by_use);
	return client;
}

void vd_client_pin(struct vd_client *client)
{
	client->pins++;
}

void vd_client_unpin(struct vd_clients *clients, struct vd_client *client)
{
	VD_ASSERT(client->pins > 0);
	client->pins--;
	if (client->pins == 0 && client->state != VD_CLIENT_REGISTERED)
		client_remove(clients, client);
}

void vd_clients_trim(struct vd_clients *clients, int64_t now_us, int64_t idle_us)
{
	struct vd_client *client = TAILQ_FIRST(&clients->by_use);
	while (client != NULL && (now_us - client->used_us > idle_us || clients->bytes > clients->limit_bytes)) {
		struct vd_client *next = TAILQ_NEXT(client, by_use);
		if (client->pins == 0)
			client_remove(clients, client);
		client = next;
	}
}

void vd_client_forget(struct vd_clients *clients, struct vd_client *client)
{
	known_drop(clients, client);
	client->state = VD_CLIENT_UNKNOWN;
}

/* ---- Loading ---- */

void vd_clients_load(struct vd_clients *clients, const struct vd_client_id *id, int64_t generation,
	uint64_t reply, uint64_t low_water, int64_t now_us)
{
	struct vd_client *client = vd_clients_find(clients, id);
	if (client == NULL)
		return;
	if (client->generation != generation) {
		known_drop(clients, client);
		client_settle(clients, client);
		client->low_water = client->written = client->writing = 0;
	}
	if (client->state != VD_CLIENT_REGISTERED || client->generation != generation)
		client->state = VD_CLIENT_LOADING;
	client->generation = generation;
	client->reply = reply;
	if (client->written < low_water)
		client->written = low_water;
	if (client->writing < low_water)
		client->writing = low_water;
	vd_client_acknowledge(clients, client, low_water, now_us);
	if (client->low_water == client->writing)
		client_settle(clients, client);
}

static struct vd_client *client_to_load(struct vd_clients *clients, const struct vd_client_id *id)
{
	struct vd_client *client = vd_clients_find(clients, id);
	bool is_ready =
		client != NULL && (client->state == VD_CLIENT_LOADING || client->state == VD_CLIENT_REGISTERED);
	return is_ready ? client : NULL;
}

void vd_client_loaded(struct vd_client *client)
{
	if (client->state == VD_CLIENT_LOADING)
		client->state = VD_CLIENT_REGISTERED;
	else if (client->state == VD_CLIENT_UNKNOWN)
		client->state = VD_CLIENT_UNREGISTERED;
}

/* Of a conflict the first range is kept, of a winner the first counter, and how many there are. */
static void known_load_detail(struct vd_known *known, uint32_t index, uint64_t value)
{
	if (known->code == 0) {
		if (index == 0)
			known->detail_version = value;
		if (known->detail_range <= index)
			known->detail_range = index + 1;
	} else if (known->detail_version == 0) {
		known->detail_range = index;
		known->detail_version = value;
	}
}

bool vd_clients_load_outcome(struct vd_clients *clients, const struct vd_client_id *id, uint64_t first,
	uint64_t version, struct vd_bytes entries, struct vd_bytes details)
{
	struct vd_client *client = client_to_load(clients, id);
	if (client == NULL)
		return true;
	if (first == 0 || entries.size % ENTRY_BYTES != 0 || details.size % ENTRY_BYTES != 0)
		return false;
	for (size_t at = 0; at < entries.size; at += ENTRY_BYTES) {
		const uint8_t *entry = entries.data + at;
		struct vd_known known = { .sequence = first + vd_load_be32(entry),
			.version = version,
			.code = vd_load_be16(entry + 4),
			.order = vd_load_be16(entry + 6),
			.digest = vd_load_be64(entry + 8) };
		if (known.sequence > client->low_water && vd_client_known(client, known.sequence) == NULL)
			vd_client_learn(clients, client, &known);
	}
	for (size_t at = 0; at < details.size; at += ENTRY_BYTES) {
		const uint8_t *detail = details.data + at;
		uint64_t sequence = first + vd_load_be32(detail);
		if (client->known_used == 0 || sequence <= client->low_water)
			continue;
		struct vd_known *known = known_slot(client, client->known, client->known_capacity, sequence);
		if (known->sequence == 0)
			return false;
		known_load_detail(known, vd_load_be32(detail + 4), vd_load_be64(detail + 8));
	}
	return true;
}

void vd_clients_load_tombstone(struct vd_clients *clients, const struct vd_client_id *id, uint64_t sequence)
{
	struct vd_client *client = client_to_load(clients, id);
	if (client == NULL || sequence <= client->low_water || vd_client_known(client, sequence) != NULL)
		return;
	const struct vd_known known = { .sequence = sequence, .code = VD_CODE_TRANSACTION_CANCELLED };
	vd_client_learn(clients, client, &known);
}

/* ---- Acknowledgements ---- */

static void client_owes(struct vd_clients *clients, struct vd_client *client, int64_t now_us)
{
	if (client->low_water <= client->writing || client->unwritten_since_us != 0)
		return;
	client->unwritten_since_us = now_us == 0 ? 1 : now_us;
	TAILQ_INSERT_TAIL(&clients->by_unwritten, client, by_unwritten);
}

void vd_client_acknowledge(
	struct vd_clients *clients, struct vd_client *client, uint64_t low_water, int64_t now_us)
{
	if (low_water <= client->low_water)
		return;
	client->low_water = low_water;
	client_owes(clients, client, now_us);
}

struct vd_client *vd_clients_due(const struct vd_clients *clients, int64_t before_us)
{
	struct vd_client *client = TAILQ_FIRST(&clients->by_unwritten);
	return client != NULL && client->unwritten_since_us < before_us ? client : NULL;
}

uint64_t vd_client_write(struct vd_clients *clients, struct vd_client *client)
{
	client_settle(clients, client);
	client->writing = client->low_water;
	return client->writing;
}

void vd_client_written(struct vd_client *client, uint64_t low_water)
{
	if (client->written < low_water)
		client->written = low_water;
}

void vd_client_unwrite(struct vd_clients *clients, struct vd_client *client, int64_t now_us)
{
	client->writing = client->written;
	client_owes(clients, client, now_us);
}
