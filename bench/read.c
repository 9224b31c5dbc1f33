/* SPDX-License-Identifier: Apache-2.0 */
/* read.c: point reads and range reads.
 *
 * Every key holds its own number, so that each read is checked as it comes. A slot keeps its transaction for a few
 * reads, as a worker would, and then begins another: what is measured includes taking snapshots.
 */
#include "bench/workload.h"

enum { TRANSACTION_READS = 10, RANGE_ROWS = 1000 };

struct reads_slot {
	struct vd_bench_slot slot;
	int key, reads;
};

static int all_keys(const struct vd_bench_settings *settings)
{
	return settings->keys;
}

static bool own_number(const struct vd_bench_settings *settings, int key, uint64_t *number)
{
	(void)settings;
	*number = (uint64_t)key;
	return true;
}

static void judge(struct vd_bench_load *load, const uint8_t *value, size_t value_size, int key)
{
	uint64_t number;
	++*load->checks;
	if (!vd_bench_number(load, value, value_size, &number) || number != (uint64_t)key)
		++*load->wrong;
}

static void count_read(struct reads_slot *own)
{
	if (++own->reads % TRANSACTION_READS == 0)
		vd_transaction_reset(own->slot.transaction);
}

static void reads_begin(struct vd_bench_slot *slot)
{
	struct reads_slot *own = (struct reads_slot *)slot;
	own->key = vd_bench_draw_key(slot->load);
}

static void reads_got(struct vd_future *future, void *arg)
{
	struct reads_slot *own = arg;
	bool present = false;
	const uint8_t *value = NULL;
	size_t value_size = 0;
	int code = vd_future_get_value(future, &present, &value, &value_size);
	if (code == 0)
		judge(own->slot.load, value, present ? value_size : 0, own->key);
	vd_future_free(future);
	if (code != 0) {
		vd_bench_slot_retry(&own->slot, code);
		return;
	}
	count_read(own);
	vd_bench_slot_done(&own->slot, 1, 0);
}

static void reads_run(struct vd_bench_slot *slot)
{
	struct reads_slot *own = (struct reads_slot *)slot;
	char key[VD_BENCH_KEY_BYTES];
	size_t key_size = vd_bench_key(slot->load, own->key, key);
	vd_future_on_ready(vd_transaction_get(slot->transaction, key, key_size, false), reads_got, own);
}

static int last_key(const struct reads_slot *own)
{
	int keys = own->slot.load->settings->keys;
	return keys - own->key > RANGE_ROWS ? own->key + RANGE_ROWS : keys;
}

static void ranges_got(struct vd_future *future, void *arg)
{
	struct reads_slot *own = arg;
	const struct vd_row *rows;
	size_t count = 0;
	bool more;
	int code = vd_future_get_rows(future, &rows, &count, &more);
	for (size_t i = 0; code == 0 && i < count; i++)
		judge(own->slot.load, rows[i].value, rows[i].value_size, own->key + (int)i);
	if (code == 0 && count != (size_t)(last_key(own) - own->key) && !more)
		++*own->slot.load->wrong;
	vd_future_free(future);
	if (code != 0) {
		vd_bench_slot_retry(&own->slot, code);
		return;
	}
	count_read(own);
	vd_bench_slot_done(&own->slot, count, 0);
}

static void ranges_run(struct vd_bench_slot *slot)
{
	struct reads_slot *own = (struct reads_slot *)slot;
	char from[VD_BENCH_KEY_BYTES], to[VD_BENCH_KEY_BYTES];
	const struct vd_selector begin =
		vd_first_greater_or_equal(from, vd_bench_key(slot->load, own->key, from));
	const struct vd_selector end = vd_first_greater_or_equal(to, vd_bench_key(slot->load, last_key(own), to));
	vd_future_on_ready(vd_transaction_get_range(slot->transaction, &begin, &end, NULL), ranges_got, own);
}

const struct vd_bench_workload vd_bench_read = {
	.name = "read",
	.keys = 100000,
	.value_bytes = 16,
	.slot_size = sizeof(struct reads_slot),
	.rows = all_keys,
	.row = own_number,
	.begin = reads_begin,
	.run = reads_run,
};

const struct vd_bench_workload vd_bench_range = {
	.name = "range",
	.keys = 100000,
	.value_bytes = 16,
	.slot_size = sizeof(struct reads_slot),
	.rows = all_keys,
	.row = own_number,
	.begin = reads_begin,
	.run = ranges_run,
};
