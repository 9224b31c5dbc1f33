/* SPDX-License-Identifier: Apache-2.0 */
/* hot.c: counters that everybody wants: one, unless the settings say otherwise.
 *
 * hot_add adds 1 blindly, which conflicts with nothing; hot_rmw reads, adds 1 and writes, so that of those in flight one
 * wins and the others try again. At the end the counters hold what was committed. Adding twice would be wrong, so a commit whose end is
 * unknown is not tried again.
 */
#include "bench/workload.h"

struct hot_slot {
	struct vd_bench_slot slot;
	int key;
};

static int all_counters(const struct vd_bench_settings *settings)
{
	return settings->keys;
}

static bool zero(const struct vd_bench_settings *settings, int key, uint64_t *number)
{
	(void)settings, (void)key;
	*number = 0;
	return true;
}

static void hot_begin(struct vd_bench_slot *slot)
{
	((struct hot_slot *)slot)->key = vd_bench_draw_key(slot->load);
}

static void hot_committed(struct vd_future *commit, void *arg)
{
	struct vd_bench_slot *slot = arg;
	int code = vd_future_error(commit);
	vd_future_free(commit);
	if (code != 0 && vd_error_is(VD_ERROR_IS_MAYBE_COMMITTED, code)) {
		vd_bench_slot_unknown(slot);
	} else if (code != 0) {
		vd_bench_slot_retry(slot, code);
	} else {
		vd_transaction_reset(slot->transaction);
		vd_bench_slot_done(slot, 1, 1);
	}
}

static void add_run(struct vd_bench_slot *slot)
{
	char key[VD_BENCH_KEY_BYTES];
	size_t key_size = vd_bench_key(slot->load, ((struct hot_slot *)slot)->key, key);
	vd_transaction_atomic_op(slot->transaction, VD_MUTATION_ADD, key, key_size, vd_bench_value(slot->load, 1),
		(size_t)slot->load->settings->value_bytes);
	vd_future_on_ready(vd_transaction_commit(slot->transaction), hot_committed, slot);
}

static void rmw_got(struct vd_future *read, void *arg)
{
	struct hot_slot *own = arg;
	struct vd_bench_load *load = own->slot.load;
	bool present = false;
	const uint8_t *value = NULL;
	size_t value_size = 0;
	uint64_t number = 0;
	int code = vd_future_get_value(read, &present, &value, &value_size);
	if (code == 0 && (!present || !vd_bench_number(load, value, value_size, &number)))
		++*load->wrong;
	vd_future_free(read);
	if (code != 0) {
		vd_bench_slot_retry(&own->slot, code);
		return;
	}
	vd_bench_set(load, own->slot.transaction, own->key, number + 1);
	vd_future_on_ready(vd_transaction_commit(own->slot.transaction), hot_committed, own);
}

static void rmw_run(struct vd_bench_slot *slot)
{
	char key[VD_BENCH_KEY_BYTES];
	size_t key_size = vd_bench_key(slot->load, ((struct hot_slot *)slot)->key, key);
	vd_future_on_ready(vd_transaction_get(slot->transaction, key, key_size, false), rmw_got, slot);
}

struct sum {
	struct vd_bench_load *load;
	uint64_t count;
	int counters;
};

static void add_up(void *arg, int key, const uint8_t *value, size_t value_size)
{
	struct sum *sum = arg;
	uint64_t number = 0;
	(void)key;
	if (!vd_bench_number(sum->load, value, value_size, &number))
		++*sum->load->wrong;
	sum->count += number;
	sum->counters++;
}

static void hot_audit(struct vd_bench_load *load)
{
	struct sum sum = { .load = load };
	int code = vd_bench_walk(load, 0, load->settings->keys, add_up, &sum);
	if (code != 0)
		vd_bench_fail(load, "adding up the counters", code);
	*load->checks += load->applied;
	if (sum.counters != load->settings->keys || sum.count < load->applied ||
		sum.count > load->applied + load->unknown)
		++*load->wrong;
}

const struct vd_bench_workload vd_bench_hot_add = {
	.name = "hot_add",
	.keys = 1,
	.value_bytes = 8,
	.fixed_value = true,
	.slot_size = sizeof(struct hot_slot),
	.rows = all_counters,
	.row = zero,
	.begin = hot_begin,
	.run = add_run,
	.audit = hot_audit,
};

const struct vd_bench_workload vd_bench_hot_rmw = {
	.name = "hot_rmw",
	.keys = 1,
	.value_bytes = 8,
	.fixed_value = true,
	.slot_size = sizeof(struct hot_slot),
	.rows = all_counters,
	.row = zero,
	.begin = hot_begin,
	.run = rmw_run,
	.audit = hot_audit,
};
