/* SPDX-License-Identifier: Apache-2.0 */
/* blind.c: one-key commits without reads.
 *
 * Each process writes keys of its own and remembers the last number that it wrote to each, by (version, order); at the
 * end it reads them all and compares.
 */
#include "bench/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SNAPSHOT_READS = 1000 }; /* of one transaction of the check: a snapshot lives 5 s */

struct key_state {
	int64_t version;
	int order;
	uint64_t number;
};

struct blind {
	struct key_state *keys;
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

static void blind_begin(struct vd_bench_slot *slot)
{
	struct blind_slot *own = (struct blind_slot *)slot;
	struct blind *blind = slot->load->state;
	if (blind->keys == NULL)
		blind->keys = calloc((size_t)key_count(slot->load), sizeof *blind->keys);
	if (blind->keys == NULL) {
		perror("verdict bench");
		_exit(2);
	}
	own->key = (int)(vd_bench_random(&slot->load->random) % (uint64_t)key_count(slot->load));
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
		*key = (struct key_state){ version, order, own->number };
	vd_transaction_reset(slot->transaction);
	vd_bench_slot_done(slot, 1);
}

static void blind_run(struct vd_bench_slot *slot)
{
	struct blind_slot *own = (struct blind_slot *)slot;
	char key[VD_BENCH_KEY_BYTES], value[VD_BENCH_VALUE_MOST];
	size_t key_size = vd_bench_key(slot->load, first_key(slot->load) + own->key, key);
	vd_transaction_set(
		slot->transaction, key, key_size, value, vd_bench_value(slot->load, own->number, value));
	vd_future_on_ready(vd_transaction_commit(slot->transaction), blind_committed, own);
}

/* Every key that was written holds the number of its last commit. */
static void blind_check(struct vd_bench_load *load)
{
	struct blind *blind = load->state;
	struct vd_transaction *transaction;
	int code = vd_transaction_new(load->database, &transaction);
	if (code != 0) {
		vd_bench_fail(load, "no transaction", code);
		return;
	}
	for (int i = 0; i < key_count(load) && code == 0; i++) {
		char key[VD_BENCH_KEY_BYTES];
		bool present = false;
		const uint8_t *value = NULL;
		size_t value_size = 0;
		uint64_t number = 0;
		if (blind->keys[i].version == 0)
			continue;
		if (++*load->checks % SNAPSHOT_READS == 0)
			vd_transaction_reset(transaction);
		struct vd_future *future =
			vd_transaction_get(transaction, key, vd_bench_key(load, first_key(load) + i, key), true);
		code = vd_future_wait(future);
		if (code != 0 || vd_future_get_value(future, &present, &value, &value_size) != 0)
			vd_bench_fail(load, "a read failed", code);
		else if (!present || !vd_bench_number(value, value_size, &number) || number != blind->keys[i].number)
			++*load->wrong;
		vd_future_free(future);
	}
	vd_transaction_free(transaction);
	free(blind->keys);
}

const struct vd_bench_workload vd_bench_blind = {
	.name = "blind",
	.slot_size = sizeof(struct blind_slot),
	.state_size = sizeof(struct blind),
	.begin = blind_begin,
	.run = blind_run,
	.check = blind_check,
};
