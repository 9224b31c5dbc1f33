/* SPDX-License-Identifier: Apache-2.0 */
/* rmw.c: two reads and two writes a transaction, serializable: money goes from one account to another.
 *
 * No money may appear or vanish: at the end all accounts are added up.
 */
#include "bench/workload.h"

enum { OPENING = 1000 };

struct rmw_slot {
	struct vd_bench_slot slot;
	int keys[2];
	uint64_t balances[2];
	struct vd_future *reads[2];
	int outstanding;
};

static int all_accounts(const struct vd_bench_settings *settings)
{
	return settings->keys;
}

static bool opening_balance(const struct vd_bench_settings *settings, int key, uint64_t *number)
{
	(void)settings, (void)key;
	*number = OPENING;
	return true;
}

static void rmw_begin(struct vd_bench_slot *slot)
{
	struct rmw_slot *own = (struct rmw_slot *)slot;
	own->keys[0] = vd_bench_draw_key(slot->load);
	own->keys[1] = vd_bench_draw_key(slot->load);
	if (own->keys[1] == own->keys[0])
		own->keys[1] = (own->keys[0] + 1) % slot->load->settings->keys;
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
	vd_bench_slot_done(&own->slot, 1, 1);
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
		if (code == 0 && (!present || !vd_bench_number(own->slot.load, value, value_size, &own->balances[i])))
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
	for (int i = 0; i < 2; i++)
		vd_bench_set(own->slot.load, own->slot.transaction, own->keys[i], own->balances[i]);
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

struct sum {
	struct vd_bench_load *load;
	uint64_t money;
	int accounts;
};

static void add_up(void *arg, int key, const uint8_t *value, size_t value_size)
{
	struct sum *sum = arg;
	uint64_t balance = 0;
	(void)key;
	if (!vd_bench_number(sum->load, value, value_size, &balance))
		++*sum->load->wrong;
	sum->money += balance;
	sum->accounts++;
}

static void rmw_audit(struct vd_bench_load *load)
{
	struct sum sum = { .load = load };
	int keys = load->settings->keys, code = vd_bench_walk(load, 0, keys, add_up, &sum);
	if (code != 0)
		vd_bench_fail(load, "adding up the accounts", code);
	*load->checks += (uint64_t)sum.accounts;
	if (sum.accounts != keys || sum.money != (uint64_t)keys * OPENING)
		++*load->wrong;
}

const struct vd_bench_workload vd_bench_rmw = {
	.name = "rmw",
	.keys = 100000,
	.value_bytes = 16,
	.slot_size = sizeof(struct rmw_slot),
	.rows = all_accounts,
	.row = opening_balance,
	.begin = rmw_begin,
	.run = rmw_run,
	.audit = rmw_audit,
};
