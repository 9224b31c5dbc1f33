/* SPDX-License-Identifier: Apache-2.0 */
/* blind.c: one-key commits without reads.
 *
 * Each process writes keys of its own and remembers the last number that it wrote to each, by (version, order); at the
 * end it reads them all and compares.
 */
#include "bench/workload.h"

#include <stdlib.h>

struct key_state {
	int64_t version;
	int order;
	bool seen;
	uint64_t number;
};

struct blind {
	struct key_state *keys;
	struct vd_draw draw;
	uint64_t next_number;
};

struct blind_slot {
	struct vd_bench_slot slot;
	uint64_t number;
	int key;
};

/* At least one each, be there fewer keys than processes. */
static int key_count(const struct vd_bench_load *load)
{
	int count = load->settings->keys / load->settings->processes;
	return count > 0 ? count : 1;
}

static int first_key(const struct vd_bench_load *load)
{
	return load->index * key_count(load);
}

static bool blind_prepare(struct vd_bench_load *load)
{
	struct blind *blind = load->state;
	blind->keys = calloc((size_t)key_count(load), sizeof *blind->keys);
	vd_draw_init(&blind->draw, (uint64_t)key_count(load), load->settings->theta);
	return blind->keys != NULL;
}

static void blind_begin(struct vd_bench_slot *slot)
{
	struct blind_slot *own = (struct blind_slot *)slot;
	struct blind *blind = slot->load->state;
	own->key = (int)vd_draw_next(&blind->draw, &slot->load->random);
	own->number = ++blind->next_number;
}

static void blind_committed(struct vd_future *commit, void *arg)
{
	struct blind_slot *own = arg;
	struct vd_bench_slot *slot = &own->slot;
	struct blind *blind = slot->load->state;
	int64_t version;
	int order;
	int code = vd_future_error(commit);
	vd_future_free(commit);
	if (code != 0) {
		vd_bench_slot_retry(slot, code);
		return;
	}
	struct key_state *key = &blind->keys[own->key];
	if (vd_transaction_get_committed_version(slot->transaction, &version) != 0 ||
		vd_transaction_get_committed_order(slot->transaction, &order) != 0)
		vd_bench_fail(slot->load, "a commit has no version", VD_ERROR_TRANSACTION_INVALID_VERSION);
	else if (version > key->version || (version == key->version && order > key->order))
		*key = (struct key_state){ version, order, false, own->number };
	vd_transaction_reset(slot->transaction);
	vd_bench_slot_done(slot, 1, 1);
}

static void blind_run(struct vd_bench_slot *slot)
{
	struct blind_slot *own = (struct blind_slot *)slot;
	vd_bench_set(slot->load, slot->transaction, first_key(slot->load) + own->key, own->number);
	vd_future_on_ready(vd_transaction_commit(slot->transaction), blind_committed, own);
}

static void judge(void *arg, int key, const uint8_t *value, size_t value_size)
{
	struct vd_bench_load *load = arg;
	struct blind *blind = load->state;
	uint64_t number = 0;
	struct key_state *state = key >= 0 ? &blind->keys[key - first_key(load)] : NULL;
	if (state == NULL || state->version == 0)
		return; /* not of this run */
	state->seen = true;
	++*load->checks;
	if (!vd_bench_number(load, value, value_size, &number) || number != state->number)
		++*load->wrong;
}

/* Every key that was written holds the number of its last commit. */
static void blind_check(struct vd_bench_load *load)
{
	struct blind *blind = load->state;
	int code = vd_bench_walk(load, first_key(load), first_key(load) + key_count(load), judge, load);
	if (code != 0)
		vd_bench_fail(load, "reading the keys", code);
	for (int i = 0; i < key_count(load); i++)
		if (blind->keys[i].version != 0 && !blind->keys[i].seen)
			++*load->wrong;
	free(blind->keys);
}

const struct vd_bench_workload vd_bench_blind = {
	.name = "blind",
	.keys = 100000,
	.value_bytes = 16,
	.slot_size = sizeof(struct blind_slot),
	.state_size = sizeof(struct blind),
	.prepare = blind_prepare,
	.begin = blind_begin,
	.run = blind_run,
	.check = blind_check,
};
