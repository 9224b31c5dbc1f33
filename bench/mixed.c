/* SPDX-License-Identifier: Apache-2.0 */
/* mixed.c: nine reads of any key to one write of a key of one's own, each a transaction.
 *
 * A key of one's own has one write in flight at most, so its numbers grow: what is read of it is not older than what was
 * acknowledged before the read began, and not newer than what was sent before it ended. What is read of another's key must be a number of
 * that key. At the end every key holds the last number that was written to it.
 */
#include "bench/workload.h"

#include <stdlib.h>

enum { WRITES_OF = 10, TRIES = 8 };

struct key_state {
	uint32_t sent, acknowledged; /* numbers of writes; equal: none is in flight */
};

struct mixed {
	struct key_state *keys; /* of this process: index, index + processes, … */
};

struct mixed_slot {
	struct vd_bench_slot slot;
	int key;
	bool writes;
	uint32_t at_least;
};

/* Of its own: NULL if it is another process's. */
static struct key_state *state_of(struct vd_bench_load *load, int key)
{
	struct mixed *mixed = load->state;
	int processes = load->settings->processes;
	return key % processes == load->index ? &mixed->keys[key / processes] : NULL;
}

static uint64_t number_of(int key, uint32_t write)
{
	return (uint64_t)key << 32 | write;
}

static int all_keys(const struct vd_bench_settings *settings)
{
	return settings->keys;
}

static bool unwritten(const struct vd_bench_settings *settings, int key, uint64_t *number)
{
	(void)settings;
	*number = number_of(key, 0);
	return true;
}

static bool mixed_prepare(struct vd_bench_load *load)
{
	struct mixed *mixed = load->state;
	mixed->keys = calloc((size_t)(load->settings->keys / load->settings->processes + 1), sizeof *mixed->keys);
	return mixed->keys != NULL;
}

/* A key of its own that nobody writes just now; false if none is found soon: then it reads instead. */
static bool pick_own(struct mixed_slot *own)
{
	struct vd_bench_load *load = own->slot.load;
	int processes = load->settings->processes;
	for (int try = 0; try < TRIES; try++) {
		int key = vd_bench_draw_key(load) / processes * processes + load->index;
		struct key_state *state = key < load->settings->keys ? state_of(load, key) : NULL;
		if (state != NULL && state->sent == state->acknowledged) {
			own->key = key;
			state->sent++;
			return true;
		}
	}
	return false;
}

static void mixed_begin(struct vd_bench_slot *slot)
{
	struct mixed_slot *own = (struct mixed_slot *)slot;
	own->writes = vd_bench_random(&slot->load->random) % WRITES_OF == 0 && pick_own(own);
	if (!own->writes)
		own->key = vd_bench_draw_key(slot->load);
}

static void mixed_committed(struct vd_future *commit, void *arg)
{
	struct mixed_slot *own = arg;
	int code = vd_future_error(commit);
	vd_future_free(commit);
	if (code != 0) {
		vd_bench_slot_retry(&own->slot, code);
		return;
	}
	struct key_state *state = state_of(own->slot.load, own->key);
	state->acknowledged = state->sent;
	vd_transaction_reset(own->slot.transaction);
	vd_bench_slot_done(&own->slot, 1, 1);
}

static void judge(
	struct vd_bench_load *load, int key, uint32_t at_least, const uint8_t *value, size_t value_size)
{
	uint64_t number;
	const struct key_state *state = state_of(load, key);
	++*load->checks;
	if (!vd_bench_number(load, value, value_size, &number) || number >> 32 != (uint64_t)key ||
		(uint32_t)number < at_least || (state != NULL && (uint32_t)number > state->sent))
		++*load->wrong;
}

static void mixed_got(struct vd_future *read, void *arg)
{
	struct mixed_slot *own = arg;
	bool present = false;
	const uint8_t *value = NULL;
	size_t value_size = 0;
	int code = vd_future_get_value(read, &present, &value, &value_size);
	if (code == 0)
		judge(own->slot.load, own->key, own->at_least, value, present ? value_size : 0);
	vd_future_free(read);
	if (code != 0) {
		vd_bench_slot_retry(&own->slot, code);
		return;
	}
	vd_transaction_reset(own->slot.transaction);
	vd_bench_slot_done(&own->slot, 1, 0);
}

static void mixed_run(struct vd_bench_slot *slot)
{
	struct mixed_slot *own = (struct mixed_slot *)slot;
	struct key_state *state = state_of(slot->load, own->key);
	char key[VD_BENCH_KEY_BYTES];
	if (own->writes) {
		vd_bench_set(slot->load, slot->transaction, own->key, number_of(own->key, state->sent));
		vd_future_on_ready(vd_transaction_commit(slot->transaction), mixed_committed, own);
		return;
	}
	own->at_least = state != NULL ? state->acknowledged : 0;
	size_t key_size = vd_bench_key(slot->load, own->key, key);
	vd_future_on_ready(vd_transaction_get(slot->transaction, key, key_size, false), mixed_got, own);
}

struct walk {
	struct vd_bench_load *load;
	int keys;
};

static void judge_last(void *arg, int key, const uint8_t *value, size_t value_size)
{
	struct walk *walk = arg;
	const struct key_state *state = key < 0 ? NULL : state_of(walk->load, key);
	if (state == NULL)
		return;
	walk->keys++;
	judge(walk->load, key, state->acknowledged, value, value_size);
}

static void mixed_check(struct vd_bench_load *load)
{
	struct walk walk = { .load = load };
	int keys = load->settings->keys, processes = load->settings->processes;
	int code = vd_bench_walk(load, 0, keys, judge_last, &walk);
	if (code != 0)
		vd_bench_fail(load, "reading the keys", code);
	if (walk.keys != (keys - load->index + processes - 1) / processes)
		++*load->wrong;
	free(((struct mixed *)load->state)->keys);
}

const struct vd_bench_workload vd_bench_mixed = {
	.name = "mixed",
	.keys = 100000,
	.value_bytes = 16,
	.slot_size = sizeof(struct mixed_slot),
	.state_size = sizeof(struct mixed),
	.rows = all_keys,
	.row = unwritten,
	.prepare = mixed_prepare,
	.begin = mixed_begin,
	.run = mixed_run,
	.check = mixed_check,
};
