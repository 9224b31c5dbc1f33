/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c: the order in which the pure parts are called, and what becomes of a batch that does not fit. */
#include "resolver/memory.h"

#include "resolver/fold.h"
#include "resolver/outcome.h"
#include "resolver/presence.h"
#include "resolver/reply.h"

#include <stdlib.h>

#define FORGET_MOST 1000 /* acknowledgements written with one batch */

static void *must_have(void *memory)
{
	if (memory == NULL)
		vd_check_failed(__FILE__, __LINE__, "out of memory");
	return memory;
}

struct vd_memory *vd_memory_new(const struct vd_memory_options *options)
{
	struct vd_memory *memory = calloc(1, sizeof *memory);
	if (memory == NULL)
		return NULL;
	memory->options = *options;
	memory->digester = vd_digester_new();
	vd_clients_init(&memory->clients, options->clients_limit_bytes, options->client_limit_known);
	memory->resolver = (struct vd_resolver){ .clients = &memory->clients,
		.window = must_have(vd_window_new(0, options->window_limit_bytes)) };
	for (size_t i = 0; i < VD_MEMORY_BATCHES; i++)
		vd_batch_init(&memory->batches[i], memory->digester, &options->limits, options->arena_limit_bytes);
	return memory;
}

void vd_memory_free(struct vd_memory *memory)
{
	if (memory == NULL)
		return;
	for (size_t i = 0; i < VD_MEMORY_BATCHES; i++) {
		vd_batch_empty(&memory->batches[i], &memory->clients);
		vd_batch_fini(&memory->batches[i]);
	}
	vd_window_free(memory->resolver.window);
	vd_clients_fini(&memory->clients);
	vd_digester_free(memory->digester);
	free(memory);
}

/* ---- Terms ---- */

/* Batches, window and clients begin anew; the window's floor sinks only if versions have. */
static void begin_anew(struct vd_memory *memory, uint64_t floor)
{
	for (size_t i = 0; i < VD_MEMORY_BATCHES; i++)
		vd_batch_empty(&memory->batches[i], &memory->clients);
	memory->under_way_count = 0;
	memory->lock = (struct vd_lock){ 0 };
	vd_clients_forget_all(&memory->clients);
	if (floor >= vd_window_floor(memory->resolver.window)) {
		vd_window_reset(memory->resolver.window, floor);
	} else {
		vd_window_free(memory->resolver.window);
		memory->resolver.window = must_have(vd_window_new(floor, memory->options.window_limit_bytes));
	}
}

void vd_memory_take_office(struct vd_memory *memory, const uint8_t term[VD_TERM_BYTES],
	const uint8_t preceding_term[VD_TERM_BYTES], uint64_t version, uint64_t jump_version, int64_t now_us)
{
	struct vd_horizon *horizon = &memory->resolver.horizon;
	begin_anew(memory, version);
	memcpy(horizon->term, term, VD_TERM_BYTES);
	memcpy(horizon->preceding_term, preceding_term, VD_TERM_BYTES);
	horizon->takeover_version = version;
	horizon->jump_version = jump_version;
	vd_versions_start(&memory->versions, version, now_us, memory->options.history_us);
}

void vd_memory_reload(struct vd_memory *memory, uint64_t version, int64_t now_us)
{
	VD_ASSERT(version >= memory->versions.newest);
	begin_anew(memory, version);
	if (version > memory->versions.newest)
		vd_versions_commit(&memory->versions, version, now_us);
}

void vd_memory_set_lock(struct vd_memory *memory, const struct vd_lock *lock)
{
	VD_ASSERT(memory->under_way_count == 0);
	memory->lock = *lock;
}

enum vd_settled vd_memory_settle(
	const struct vd_memory *memory, const uint8_t term[VD_TERM_BYTES], uint64_t version, uint32_t *landed)
{
	*landed = 0;
	if (memcmp(term, memory->resolver.horizon.term, VD_TERM_BYTES) != 0 || version < memory->versions.newest)
		return VD_SETTLED_LOST;
	if (version == memory->versions.newest)
		return VD_SETTLED_KNOWN;
	for (uint32_t i = 0; i < memory->under_way_count; i++) {
		const struct vd_batch *batch = memory->under_way[i];
		if (batch->state == VD_BATCH_RESOLVED && batch->version == version) {
			*landed = i + 1;
			return VD_SETTLED_KNOWN;
		}
	}
	return VD_SETTLED_UNEXPECTED;
}

/* ---- Batches under way ---- */

static uint32_t place_of(const struct vd_memory *memory, const struct vd_batch *batch)
{
	for (uint32_t i = 0; i < memory->under_way_count; i++)
		if (memory->under_way[i] == batch)
			return i;
	VD_UNREACHABLE("the batch is not under way");
}

static void take_off(struct vd_memory *memory, uint32_t place)
{
	memory->under_way_count--;
	for (uint32_t i = place; i < memory->under_way_count; i++)
		memory->under_way[i] = memory->under_way[i + 1];
}

static bool is_looked_through(const struct vd_memory *memory, const struct vd_batch *batch)
{
	for (uint32_t i = 0; i < memory->under_way_count; i++)
		if (memory->under_way[i]->state == VD_BATCH_CLAIMED && memory->under_way[i]->below == batch)
			return true;
	return false;
}

struct vd_batch *vd_memory_open(struct vd_memory *memory)
{
	struct vd_batch *free_one = NULL;
	for (size_t i = 0; i < VD_MEMORY_BATCHES; i++) {
		struct vd_batch *batch = &memory->batches[i];
		if (batch->state == VD_BATCH_LEFT && !is_looked_through(memory, batch))
			vd_batch_empty(batch, &memory->clients);
		if (batch->state == VD_BATCH_IDLE)
			free_one = batch;
	}
	if (memory->under_way_count == 2)
		return NULL;
	VD_ASSERT(free_one != NULL);
	free_one->state = VD_BATCH_CLAIMED;
	free_one->serial = ++memory->serial;
	memory->under_way[memory->under_way_count++] = free_one;
	return free_one;
}

void vd_memory_close(struct vd_memory *memory, struct vd_batch *batch)
{
	VD_ASSERT(batch->state == VD_BATCH_CLAIMED);
	take_off(memory, place_of(memory, batch));
	vd_batch_empty(batch, &memory->clients);
}

uint64_t vd_memory_newest(const struct vd_memory *memory)
{
	uint64_t newest = memory->versions.newest;
	for (uint32_t i = 0; i < memory->under_way_count; i++)
		if (memory->under_way[i]->state == VD_BATCH_RESOLVED)
			newest = memory->under_way[i]->version;
	return newest;
}

/* The lock as of that version. */
static struct vd_lock newest_lock(const struct vd_memory *memory)
{
	struct vd_lock lock = memory->lock;
	for (uint32_t i = 0; i < memory->under_way_count; i++)
		if (memory->under_way[i]->state == VD_BATCH_RESOLVED)
			lock = memory->under_way[i]->lock;
	return lock;
}

/* The version that one of the requests asks to lie above, if it gets the lock; 0: none. */
static uint64_t version_asked(const struct vd_batch *batch)
{
	uint64_t most = 0;
	for (uint32_t i = 0; i < batch->count; i++)
		if (batch->items[i].refused_code == 0 && batch->items[i].request.above_version > most)
			most = batch->items[i].request.above_version;
	return most;
}

/* ---- Clients ---- */

/* What came with the requests is taken over at once: it says what was told, whatever becomes of the batch. */
static void take_acknowledgements(struct vd_memory *memory, struct vd_batch *batch, int64_t now_us)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct vd_item *item = &batch->items[i];
		struct vd_client *client = batch->owners[item->owner].client;
		if (client->state == VD_CLIENT_REGISTERED && client->generation == item->generation)
			vd_client_acknowledge(&memory->clients, client, item->acknowledged, now_us);
	}
}

const struct vd_client_id *vd_memory_missing(
	struct vd_memory *memory, struct vd_batch *batch, int64_t now_us, size_t *count)
{
	VD_ASSERT(batch->state == VD_BATCH_CLAIMED);
	vd_batch_bind(batch, &memory->clients, ++memory->marks, now_us);
	*count = 0;
	batch->missing = must_have(reallocarray(batch->missing, batch->owner_count + 1, sizeof *batch->missing));
	for (uint32_t i = 0; i < batch->owner_count; i++) {
		const struct vd_owner *owner = &batch->owners[i];
		bool is_missing = owner->client->state != VD_CLIENT_REGISTERED;
		for (uint32_t k = owner->first; !is_missing && k != UINT32_MAX; k = batch->items[k].next)
			is_missing = batch->items[k].generation != owner->client->generation;
		if (is_missing)
			batch->missing[(*count)++] = owner->client->id;
	}
	return batch->missing;
}

void vd_memory_loaded(struct vd_memory *memory, struct vd_batch *batch, int64_t now_us)
{
	VD_ASSERT(batch->state == VD_BATCH_CLAIMED);
	for (uint32_t i = 0; i < batch->owner_count; i++)
		vd_client_loaded(batch->owners[i].client);
	take_acknowledgements(memory, batch, now_us);
}

void vd_memory_forget_clients(struct vd_memory *memory, struct vd_batch *batch)
{
	VD_ASSERT(memory->under_way_count == 0 || memory->under_way[0]->state == VD_BATCH_CLAIMED);
	for (uint32_t i = 0; i < batch->owner_count; i++)
		vd_client_forget(&memory->clients, batch->owners[i].client);
}

void vd_memory_acknowledged(struct vd_memory *memory, const struct vd_client_id *id, int64_t generation,
	uint64_t low_water, int64_t now_us)
{
	struct vd_client *client = vd_clients_find(&memory->clients, id);
	if (client != NULL && client->state == VD_CLIENT_REGISTERED && client->generation == generation)
		vd_client_acknowledge(&memory->clients, client, low_water, now_us);
}

/* ---- Base ---- */

static bool fold_wants(struct vd_memory *memory, struct vd_batch *batch)
{
	return vd_fold_begin(batch, &memory->options.limits) && vd_fold_wants(batch) && vd_presence_wants(batch);
}

void vd_memory_base(struct vd_memory *memory, struct vd_batch *batch)
{
	VD_ASSERT(batch->state == VD_BATCH_CLAIMED && batch->count > 0 && batch->owner_count > 0);
	uint32_t place = place_of(memory, batch);
	vd_batch_rewind(batch);
	if (place > 0) {
		VD_ASSERT(memory->under_way[place - 1]->state == VD_BATCH_RESOLVED);
		batch->below = memory->under_way[place - 1];
	}
	struct vd_batch *below = batch->below;
	while (!fold_wants(memory, batch)) {
		vd_batch_must_be_full(batch);
		if (batch->count > 1)
			vd_batch_truncate(batch, batch->count / 2);
		else
			vd_batch_reject(
				batch, 0, VD_CODE_TRANSACTION_TOO_LARGE, "request takes more memory than a batch may");
		vd_batch_rewind(batch);
		batch->below = below;
	}
	batch->is_based = true;
}

void vd_memory_supply(
	struct vd_memory *memory, struct vd_batch *batch, struct vd_bytes key, struct vd_bytes value)
{
	(void)memory;
	if (batch->state != VD_BATCH_CLAIMED || !batch->is_based)
		return;
	struct vd_base *base = VD_ARENA_NEW(&batch->bases, struct vd_base);
	if (base == NULL || !vd_bytes_dup(&batch->bases, key, &base->key) ||
		!vd_bytes_dup(&batch->bases, value, &base->value)) {
		vd_batch_must_be_full(batch);
		batch->is_overfed = true;
		return;
	}
	base->next = batch->base_values;
	batch->base_values = base;
}

void vd_memory_supply_key(struct vd_memory *memory, struct vd_batch *batch, struct vd_bytes key)
{
	(void)memory;
	if (batch->state != VD_BATCH_CLAIMED || !batch->is_based)
		return;
	struct vd_stored_key *stored = VD_ARENA_NEW(&batch->bases, struct vd_stored_key);
	if (stored == NULL || !vd_bytes_dup(&batch->bases, key, &stored->key)) {
		vd_batch_must_be_full(batch);
		batch->is_overfed = true;
		return;
	}
	stored->next = batch->stored_keys;
	batch->stored_keys = stored;
}

void vd_memory_overfeed(struct vd_memory *memory, struct vd_batch *batch)
{
	(void)memory;
	if (batch->state == VD_BATCH_CLAIMED && batch->is_based)
		batch->is_overfed = true;
}

/* ---- Resolve ---- */

static void batch_unstage(struct vd_memory *memory, struct vd_batch *batch, int64_t now_us)
{
	vd_unresolve(&memory->resolver, batch);
	for (size_t i = 0; i < batch->rows.forget_count; i++) {
		struct vd_client *client = vd_clients_find(&memory->clients, &batch->rows.forget_clients[i]);
		if (client != NULL && client->generation == batch->rows.forget_generations[i])
			vd_client_unwrite(&memory->clients, client, now_us);
	}
}

static bool batch_try(struct vd_memory *memory, struct vd_batch *batch, bool list_verdicts, int64_t now_us)
{
	vd_batch_start_over(batch);
	batch->lock = batch->lock_before;
	if (!vd_fold_begin(batch, &memory->options.limits) || !vd_fold_supply(batch) || !vd_presence_begin(batch))
		return false;
	return vd_resolve(&memory->resolver, batch) && vd_fold_end(batch) && vd_outcome_rows(batch) &&
		   vd_reply_pack(batch, list_verdicts) &&
		   (batch->rows.arrival_count == 0 || vd_outcome_forget(batch, &memory->clients,
												  now_us - memory->options.forget_after_us, FORGET_MOST));
}

/* What does not fit is cut in half; what does not fit alone is refused. */
static void batch_cut(struct vd_batch *batch)
{
	if (batch->count > 1) {
		vd_batch_truncate(batch, batch->count / 2);
		return;
	}
	VD_ASSERT(batch->items[0].refused_code == 0);
	vd_batch_reject(batch, 0, VD_CODE_TRANSACTION_TOO_LARGE, "request takes more memory than a batch may");
}

bool vd_memory_resolve(struct vd_memory *memory, struct vd_batch *batch, bool list_verdicts, int64_t now_us)
{
	VD_ASSERT(batch->state == VD_BATCH_CLAIMED && batch->is_based);
	if (batch->is_overfed) {
		batch_cut(batch);
		vd_batch_rewind(batch);
		return false;
	}
	batch->from = vd_memory_newest(memory);
	batch->lock_before = newest_lock(memory);
	if (version_asked(batch) > 0)
		vd_versions_lift(&memory->versions, version_asked(batch), now_us);
	batch->version = vd_versions_next(&memory->versions, batch->from, now_us);
	memory->resolver.horizon.newest = batch->from;
	memory->resolver.horizon.floor = vd_window_floor(memory->resolver.window);
	while (!batch_try(memory, batch, list_verdicts, now_us)) {
		vd_batch_must_be_full(batch);
		batch_unstage(memory, batch, now_us);
		batch_cut(batch);
	}
	if (batch->rows.arrival_count > 0)
		batch->state = VD_BATCH_RESOLVED;
	return true;
}

/* ---- The end of a batch ---- */

/* model: leader_raise_floor */
static void raise_floor(struct vd_memory *memory, int64_t now_us)
{
	uint64_t floor = vd_versions_old(&memory->versions, now_us);
	uint64_t proposed = vd_window_proposed_floor(memory->resolver.window);
	if (proposed > floor)
		floor = proposed;
	if (floor > vd_window_floor(memory->resolver.window))
		vd_window_raise_floor(memory->resolver.window, floor);
}

void vd_memory_publish(struct vd_memory *memory, struct vd_batch *batch, int64_t now_us)
{
	VD_ASSERT(
		memory->under_way_count > 0 && memory->under_way[0] == batch && batch->state == VD_BATCH_RESOLVED);
	vd_window_publish(memory->resolver.window, batch->version);
	vd_versions_commit(&memory->versions, batch->version, now_us);
	memory->lock = batch->lock;
	for (size_t i = 0; i < batch->rows.forget_count; i++) {
		struct vd_client *client = vd_clients_find(&memory->clients, &batch->rows.forget_clients[i]);
		if (client != NULL && client->generation == batch->rows.forget_generations[i])
			vd_client_written(client, (uint64_t)batch->rows.forget_low_waters[i]);
	}
	take_off(memory, 0);
	batch->state = VD_BATCH_LEFT;
	raise_floor(memory, now_us);
}

void vd_memory_discard(struct vd_memory *memory, struct vd_batch *batch, int64_t now_us)
{
	uint32_t place = place_of(memory, batch);
	for (uint32_t i = memory->under_way_count; i-- > place;) {
		struct vd_batch *later = memory->under_way[i];
		if (later->state == VD_BATCH_RESOLVED)
			batch_unstage(memory, later, now_us);
		later->state = VD_BATCH_CLAIMED;
		vd_batch_rewind(later);
	}
}

void vd_memory_tick(struct vd_memory *memory, int64_t now_us)
{
	raise_floor(memory, now_us);
	vd_clients_trim(&memory->clients, now_us, memory->options.client_idle_us);
}
