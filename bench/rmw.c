/* SPDX-License-Identifier: Apache-2.0 */
/* rmw.c: two reads and two writes a transaction, serializable: money goes from one account to another.
 *
 * No money may appear or vanish: at the end all accounts are added up.
 */
#include "bench/workload.h"

#include <stdio.h>

enum { OPENING = 1000 };

struct rmw_slot {
	struct vd_bench_slot slot;
	int keys[2];
	uint64_t balances[2];
	struct vd_future *reads[2];
	int outstanding;
};

static uint64_t opening_balance(int key)
{
	(void)key;
	return OPENING;
}

static void rmw_begin(struct vd_bench_slot *slot)
{
	struct rmw_slot *own = (struct rmw_slot *)slot;
	uint64_t keys = (uint64_t)slot->load->settings->keys;
	own->keys[0] = (int)(vd_bench_random(&slot->load->random) % keys);
	own->keys[1] =
		(int)(((uint64_t)own->keys[0] + 1 + vd_bench_random(&slot->load->random) % (keys - 1)) % keys);
}

static void rmw_committed(struct vd_future *commit, void *arg)
{
	struct rmw_slot *own = arg;
	int code = vd_future_error(commit);
	vd_future_free(commit);
	if (code != 0) {
		vd_bench_slot_retry(&own->slot, code);
		return;
	}
	vd_transaction_reset(own->slot.transaction);
	vd_bench_slot_done(&own->slot, 1);
}

/* Takes what the two reads brought; returns the error of the first that failed. */
static int take_balances(struct rmw_slot *own)
{
	int first = 0;
	for (int i = 0; i < 2; i++) {
		bool present = false;
		const uint8_t *value = NULL;
		size_t value_size = 0;
		int code = vd_future_get_value(own->reads[i], &present, &value, &value_size);
		if (code == 0 && (!present || !vd_bench_number(value, value_size, &own->balances[i])))
			++*own->slot.load->wrong;
		if (first == 0)
			first = code;
		vd_future_free(own->reads[i]);
	}
	return first;
}

static void rmw_read(struct vd_future *future, void *arg)
{
	(void)future;
	struct rmw_slot *own = arg;
	if (--own->outstanding > 0)
		return;
	int code = take_balances(own);
	if (code != 0) {
		vd_bench_slot_retry(&own->slot, code);
		return;
	}
	own->balances[0]--;
	own->balances[1]++;
	for (int i = 0; i < 2; i++) {
		char key[VD_BENCH_KEY_BYTES], value[VD_BENCH_VALUE_MOST];
		size_t key_size = vd_bench_key(own->slot.load, own->keys[i], key);
		vd_transaction_set(own->slot.transaction, key, key_size, value,
			vd_bench_value(own->slot.load, own->balances[i], value));
	}
	vd_future_on_ready(vd_transaction_commit(own->slot.transaction), rmw_committed, own);
}

static void rmw_run(struct vd_bench_slot *slot)
{
	struct rmw_slot *own = (struct rmw_slot *)slot;
	own->outstanding = 2;
	for (int i = 0; i < 2; i++) {
		char key[VD_BENCH_KEY_BYTES];
		own->reads[i] =
			vd_transaction_get(slot->transaction, key, vd_bench_key(slot->load, own->keys[i], key), false);
	}
	for (int i = 0; i < 2; i++)
		vd_future_on_ready(own->reads[i], rmw_read, own);
}

static int add_up(
	struct vd_bench_load *load, struct vd_transaction *transaction, uint64_t *sum, int *accounts)
{
	char from[VD_BENCH_KEY_BYTES], to[VD_BENCH_KEY_BYTES];
	size_t from_size = vd_bench_key(load, 0, from), to_size = vd_bench_key(load, load->settings->keys, to);
	struct vd_selector begin = vd_first_greater_or_equal(from, from_size);
	const struct vd_selector end = vd_first_greater_or_equal(to, to_size);
	*sum = 0;
	*accounts = 0;
	for (bool more = true; more;) {
		const struct vd_row *rows;
		size_t count;
		struct vd_future *future = vd_transaction_get_range(transaction, &begin, &end, NULL);
		int code = vd_future_wait(future);
		if (code == 0)
			code = vd_future_get_rows(future, &rows, &count, &more);
		for (size_t i = 0; code == 0 && i < count; i++) {
			uint64_t balance = 0;
			if (!vd_bench_number(rows[i].value, rows[i].value_size, &balance))
				++*load->wrong;
			*sum += balance;
			++*accounts;
		}
		if (code == 0 && count > 0) {
			snprintf(
				from, sizeof from, "%.*s", (int)rows[count - 1].key_size, (const char *)rows[count - 1].key);
			begin = vd_first_greater_than(from, rows[count - 1].key_size);
		}
		vd_future_free(future);
		if (code != 0)
			return code;
	}
	return 0;
}

static void rmw_audit(struct vd_bench_load *load)
{
	struct vd_transaction *transaction;
	uint64_t sum = 0;
	int accounts = 0;
	int code = vd_transaction_new(load->database, &transaction);
	if (code == 0) {
		code = add_up(load, transaction, &sum, &accounts);
		vd_transaction_free(transaction);
	}
	if (code != 0)
		vd_bench_fail(load, "adding up the accounts", code);
	*load->checks += (uint64_t)accounts;
	if (accounts != load->settings->keys || sum != (uint64_t)load->settings->keys * OPENING)
		++*load->wrong;
}

const struct vd_bench_workload vd_bench_rmw = {
	.name = "rmw",
	.slot_size = sizeof(struct rmw_slot),
	.initial = opening_balance,
	.begin = rmw_begin,
	.run = rmw_run,
	.audit = rmw_audit,
};
