/* SPDX-License-Identifier: Apache-2.0 */
/* waiting.c: see waiting.h. */
#include "resolver/waiting.h"

#include "common/base/clock.h"
#include "common/pg/pipeline.h"

#include <string.h>

static const struct vd_pg_statement low_waters = {
	.name = "low_waters",
	.sql =
		"SELECT c.client, c.generation, greatest(c.low_water, (SELECT q.acknowledged FROM commit_requests q"
		" WHERE q.client = c.client AND q.generation = c.generation ORDER BY q.sequence DESC LIMIT 1)) AS "
		"low_water"
		" FROM clients c WHERE c.client = ANY ($1)",
	.params = { VD_PG_UUID_ARRAY },
	.columns = { { "client", VD_PG_UUID }, { "generation", VD_PG_INT8 }, { "low_water", VD_PG_INT8 } },
};

void vd_waiting_init(
	struct vd_waiting *waiting, struct vd_memory *memory, void (*callback)(void *arg), void *arg)
{
	*waiting = (struct vd_waiting){ .memory = memory, .callback = callback, .arg = arg };
}

static bool is_noted(const struct vd_waiting *waiting, const struct vd_client_id *id)
{
	for (uint32_t i = 0; i < waiting->count; i++)
		if (memcmp(&waiting->clients[i], id, sizeof *id) == 0)
			return true;
	return false;
}

/* The number from which on its requests wait, as far as memory knows; 0 if none has to. */
static int64_t bound_of(struct vd_waiting *waiting, const struct vd_client_id *id)
{
	struct vd_clients *clients = &waiting->memory->clients;
	struct vd_client *client = vd_clients_find(clients, id);
	if (client == NULL || client->state != VD_CLIENT_REGISTERED)
		return 0;
	uint64_t bound = client->low_water + clients->limit_known;
	return vd_client_must_wait(clients, client, bound + 1) ? (int64_t)bound : 0;
}

void vd_waiting_note(struct vd_waiting *waiting, const struct vd_batch *batch)
{
	if (batch->counts.waiting == 0)
		return;
	for (uint32_t i = 0; i < batch->count && waiting->count < VD_WAITING_MOST; i++) {
		const struct vd_item *item = &batch->items[i];
		if (item->fate != VD_FATE_WAITING || is_noted(waiting, &item->id))
			continue;
		int64_t bound = bound_of(waiting, &item->id);
		if (bound == 0)
			continue; /* it waits for another batch only */
		waiting->bounds[waiting->count] = bound;
		waiting->clients[waiting->count++] = item->id;
	}
}

static void on_rows(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_waiting *waiting = arg;
	if (waiting->is_abandoned)
		return;
	for (size_t row = 0; row < vd_pg_rows_count(rows); row++) {
		struct vd_pg_uuid uuid = vd_pg_rows_uuid(rows, row, 0);
		struct vd_client_id id;
		memcpy(id.bytes, uuid.bytes, sizeof id.bytes);
		vd_memory_acknowledged(waiting->memory, &id, vd_pg_rows_int8(rows, row, 1),
			(uint64_t)vd_pg_rows_int8(rows, row, 2), vd_clock_us());
	}
}

static void on_answer(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_waiting *waiting = arg;
	waiting->is_asking = false;
	if (waiting->is_abandoned || outcome->status != VD_PG_OK)
		return;
	uint32_t left = 0;
	bool has_changed = false;
	for (uint32_t i = 0; i < waiting->count; i++) {
		int64_t bound = bound_of(waiting, &waiting->clients[i]);
		has_changed |= bound != waiting->bounds[i];
		if (bound == 0)
			continue;
		waiting->clients[left] = waiting->clients[i];
		waiting->bounds[left++] = bound;
	}
	waiting->count = left;
	if (has_changed)
		waiting->callback(waiting->arg);
}

/* model: leader_read_waiting */
void vd_waiting_ask(struct vd_waiting *waiting, struct vd_pg *pg)
{
	if (waiting->count == 0 || waiting->is_asking)
		return;
	struct vd_arena arena;
	struct vd_pg_params params;
	vd_arena_init(&arena, 1 << 16);
	vd_pg_params_init(&params, &arena);
	vd_pg_params_uuid_array(&params, (const struct vd_pg_uuid *)waiting->clients, waiting->count);
	waiting->is_asking = true;
	vd_pg_ask(pg, &low_waters, &params, on_rows, on_answer, waiting);
	vd_arena_fini(&arena);
}
