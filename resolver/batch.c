/* SPDX-License-Identifier: Apache-2.0 */
/* batch.c: filling a batch, and knowing whose requests are in it. */
#include "resolver/batch.h"

#include "common/base/endian.h"
#include "common/kv/codec.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>

#define ITEMS_LEAST  64
#define OWNERS_LEAST 16
#define NONE         UINT32_MAX

static void *must_have(void *memory)
{
	if (memory == NULL)
		vd_check_failed(__FILE__, __LINE__, "out of memory");
	return memory;
}

/* ---- Digests ---- */

struct vd_digester {
	EVP_MD *algorithm;
	EVP_MD_CTX *context;
};

struct vd_digester *vd_digester_new(void)
{
	struct vd_digester *digester = must_have(calloc(1, sizeof *digester));
	digester->algorithm = must_have(EVP_MD_fetch(NULL, "SHA256", NULL));
	digester->context = must_have(EVP_MD_CTX_new());
	return digester;
}

void vd_digester_free(struct vd_digester *digester)
{
	if (digester == NULL)
		return;
	EVP_MD_CTX_free(digester->context);
	EVP_MD_free(digester->algorithm);
	free(digester);
}

uint64_t vd_digester_of(struct vd_digester *digester, struct vd_bytes payload)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];
	unsigned size = 0;
	int done = EVP_DigestInit_ex2(digester->context, digester->algorithm, NULL) &&
			   EVP_DigestUpdate(digester->context, payload.data, payload.size) &&
			   EVP_DigestFinal_ex(digester->context, sum, &size);
	VD_ASSERT(done && size == sizeof sum);
	return vd_load_be64(sum);
}

/* ---- Life ---- */

void vd_batch_init(struct vd_batch *batch, struct vd_digester *digester, const struct vd_limits *limits,
	size_t arena_limit_bytes)
{
	*batch = (struct vd_batch){ .state = VD_BATCH_IDLE, .digester = digester, .limits = *limits };
	vd_arena_init(&batch->requests, arena_limit_bytes);
	vd_arena_init(&batch->bases, arena_limit_bytes);
	vd_arena_init(&batch->work, arena_limit_bytes);
}

void vd_batch_fini(struct vd_batch *batch)
{
	free(batch->items);
	free(batch->owners);
	free(batch->missing);
	vd_arena_fini(&batch->requests);
	vd_arena_fini(&batch->bases);
	vd_arena_fini(&batch->work);
}

static void results_clear(struct vd_batch *batch)
{
	batch->overlay = NULL;
	batch->presence = NULL;
	batch->counts = (struct vd_counts){ 0 };
	batch->writes = (struct vd_batch_writes){ 0 };
	batch->rows = (struct vd_batch_rows){ 0 };
	batch->replies = batch->lines = NULL;
	batch->reply_count = batch->line_count = 0;
}

void vd_batch_start_over(struct vd_batch *batch)
{
	results_clear(batch);
	vd_arena_reset(&batch->work);
	for (uint32_t i = 0; i < batch->count; i++)
		batch->items[i].fate = VD_FATE_OPEN;
	for (uint32_t i = 0; i < batch->owner_count; i++)
		batch->owners[i].decided = 0;
}

void vd_batch_rewind(struct vd_batch *batch)
{
	vd_batch_start_over(batch);
	vd_arena_reset(&batch->bases);
	batch->base_keys = NULL;
	batch->base_count = 0;
	batch->base_values = NULL;
	batch->stretch_count = 0;
	batch->stretch_begins = batch->stretch_ends = NULL;
	batch->stretch_limits = NULL;
	batch->stored_keys = NULL;
	batch->below = NULL;
	batch->is_based = batch->is_overfed = false;
	batch->from = batch->version = 0;
}

static void owners_let_go(struct vd_batch *batch, struct vd_clients *clients)
{
	for (uint32_t i = 0; i < batch->owner_count; i++)
		vd_client_unpin(clients, batch->owners[i].client);
	batch->owner_count = 0;
}

void vd_batch_empty(struct vd_batch *batch, struct vd_clients *clients)
{
	owners_let_go(batch, clients);
	batch->count = 0;
	batch->payload_bytes = 0;
	vd_batch_rewind(batch);
	vd_arena_reset(&batch->requests);
	batch->state = VD_BATCH_IDLE;
}

/* ---- Filling ---- */

/* Decodes and validates; what is wrong with the content is noted on the item. False if the arena is at its limit. */
static bool item_decode(struct vd_batch *batch, struct vd_item *item, struct vd_bytes payload)
{
	const char *why = NULL;
	int code = vd_request_decode(&batch->requests, payload, &item->request, &why);
	if (code == VD_CODE_PLATFORM_ERROR)
		return false;
	if (code == 0) {
		struct vd_refusal refusal;
		code = vd_request_validate(&item->request, &batch->limits, &refusal);
		if (code != 0)
			why = refusal.what;
	}
	item->refused_code = (uint16_t)code;
	item->note = why;
	return true;
}

static void items_grow(struct vd_batch *batch)
{
	uint32_t capacity = batch->capacity == 0 ? ITEMS_LEAST : batch->capacity * 2;
	batch->items = must_have(reallocarray(batch->items, capacity, sizeof *batch->items));
	batch->capacity = capacity;
}

bool vd_batch_add(struct vd_batch *batch, const struct vd_claim *claim)
{
	VD_ASSERT(batch->state == VD_BATCH_CLAIMED && !batch->is_based && batch->owner_count == 0);
	VD_ASSERT(batch->count == 0 || batch->items[batch->count - 1].arrival < claim->arrival);
	if (batch->count == VD_BATCH_REQUESTS_MAX)
		return false;
	if (batch->count == batch->capacity)
		items_grow(batch);
	struct vd_item *item = &batch->items[batch->count];
	*item = (struct vd_item){ .id = claim->client,
		.owner = NONE,
		.sequence = claim->sequence,
		.generation = claim->generation,
		.acknowledged = claim->acknowledged,
		.token = claim->token,
		.arrival = claim->arrival,
		.next = NONE };
	if (!item_decode(batch, item, claim->payload)) {
		vd_batch_must_be_full(batch);
		if (batch->count > 0)
			return false;
		item->refused_code = VD_CODE_TRANSACTION_TOO_LARGE;
		item->note = "request takes more memory than a batch may";
	}
	item->digest = vd_digester_of(batch->digester, claim->payload);
	batch->payload_bytes += claim->payload.size;
	batch->count++;
	return true;
}

void vd_batch_must_be_full(const struct vd_batch *batch)
{
	VD_ASSERT(vd_arena_is_full(&batch->requests) || vd_arena_is_full(&batch->bases) ||
			  vd_arena_is_full(&batch->work));
}

bool vd_batch_has(const struct vd_batch *batch, int64_t arrival)
{
	uint32_t begin = 0;
	uint32_t end = batch->count;
	while (begin < end) {
		uint32_t middle = begin + (end - begin) / 2;
		if (batch->items[middle].arrival < arrival)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin < batch->count && batch->items[begin].arrival == arrival;
}

void vd_batch_reject(struct vd_batch *batch, uint32_t index, int code, const char *message)
{
	VD_ASSERT(batch->state == VD_BATCH_CLAIMED && index < batch->count && code > 0 && code <= UINT16_MAX);
	struct vd_item *item = &batch->items[index];
	item->refused_code = (uint16_t)code;
	item->note = message == NULL ? NULL : vd_arena_string(&batch->requests, message);
}

/* ---- Owners ---- */

static void owner_append(struct vd_batch *batch, uint32_t index)
{
	struct vd_item *item = &batch->items[index];
	struct vd_owner *owner = &batch->owners[item->owner];
	item->next = NONE;
	if (owner->first == NONE)
		owner->first = index;
	else
		batch->items[owner->last].next = index;
	owner->last = index;
}

static uint32_t owner_add(struct vd_batch *batch, struct vd_client *client)
{
	if (batch->owner_count == batch->owner_capacity) {
		uint32_t capacity = batch->owner_capacity == 0 ? OWNERS_LEAST : batch->owner_capacity * 2;
		batch->owners = must_have(reallocarray(batch->owners, capacity, sizeof *batch->owners));
		batch->owner_capacity = capacity;
	}
	batch->owners[batch->owner_count] = (struct vd_owner){ .client = client, .first = NONE, .last = NONE };
	return batch->owner_count++;
}

void vd_batch_bind(struct vd_batch *batch, struct vd_clients *clients, uint64_t mark, int64_t now_us)
{
	owners_let_go(batch, clients);
	for (uint32_t i = 0; i < batch->count; i++) {
		struct vd_item *item = &batch->items[i];
		/* rows of one statement come together */
		if (i > 0 && memcmp(item->id.bytes, item[-1].id.bytes, sizeof item->id.bytes) == 0) {
			item->owner = item[-1].owner;
		} else {
			struct vd_client *client = vd_clients_meet(clients, &item->id, now_us);
			if (client->mark_serial != mark) {
				vd_client_pin(client);
				client->mark_serial = mark;
				client->mark_index = owner_add(batch, client);
			}
			item->owner = client->mark_index;
		}
		owner_append(batch, i);
	}
}

void vd_batch_truncate(struct vd_batch *batch, uint32_t count)
{
	VD_ASSERT(batch->state == VD_BATCH_CLAIMED && count > 0 && count <= batch->count);
	batch->count = count;
	if (batch->owner_count == 0)
		return;
	for (uint32_t i = 0; i < batch->owner_count; i++)
		batch->owners[i].first = batch->owners[i].last = NONE;
	for (uint32_t i = 0; i < count; i++)
		owner_append(batch, i);
}
