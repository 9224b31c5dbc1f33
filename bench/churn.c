/* SPDX-License-Identifier: Apache-2.0 */
/* churn.c: rows that come and go. Each transaction clears the range of a block of 100 rows and fills another one that was
 * empty: there are always as many rows, and twice as many places. */
#include "bench/blocks.h"

enum { BLOCK_ROWS = 100 };

struct churn {
	struct vd_blocks blocks;
	uint64_t next_number;
};

struct churn_slot {
	struct vd_bench_slot slot;
	struct vd_block *full, *empty;
	uint64_t number;
};

/* Of each process; half of them are full. Each transaction in flight holds one of each kind. */
static int block_count(const struct vd_bench_settings *settings)
{
	int full = settings->keys / BLOCK_ROWS / settings->processes;
	return 2 * (full > settings->in_flight ? full : settings->in_flight);
}

static int all_rows(const struct vd_bench_settings *settings)
{
	return block_count(settings) * settings->processes * BLOCK_ROWS;
}

static bool first_number(const struct vd_bench_settings *settings, int key, uint64_t *number)
{
	(void)settings;
	*number = 1;
	return key / BLOCK_ROWS % 2 == 0;
}

static bool churn_prepare(struct vd_bench_load *load)
{
	struct churn *churn = load->state;
	if (!vd_blocks_init(&churn->blocks, load, block_count(load->settings), BLOCK_ROWS))
		return false;
	for (int i = 0; i < churn->blocks.count; i += 2)
		churn->blocks.blocks[i].number = 1;
	churn->next_number = 1;
	return true;
}

static void churn_begin(struct vd_bench_slot *slot)
{
	struct churn_slot *own = (struct churn_slot *)slot;
	struct churn *churn = slot->load->state;
	own->full = vd_blocks_take(&churn->blocks, slot->load, false);
	own->empty = vd_blocks_take(&churn->blocks, slot->load, true);
	own->number = ++churn->next_number;
}

static void churn_committed(struct vd_future *commit, void *arg)
{
	struct churn_slot *own = arg;
	int code = vd_future_error(commit);
	vd_future_free(commit);
	if (code != 0) {
		vd_bench_slot_retry(&own->slot, code);
		return;
	}
	own->full->number = 0;
	own->empty->number = own->number;
	own->full->is_busy = own->empty->is_busy = false;
	vd_transaction_reset(own->slot.transaction);
	vd_bench_slot_done(&own->slot, 1, 1);
}

static void churn_run(struct vd_bench_slot *slot)
{
	struct churn_slot *own = (struct churn_slot *)slot;
	const struct vd_blocks *blocks = &((struct churn *)slot->load->state)->blocks;
	vd_blocks_clear(blocks, own->full, slot);
	vd_blocks_set(blocks, own->empty, slot, own->number);
	vd_future_on_ready(vd_transaction_commit(slot->transaction), churn_committed, own);
}

static void churn_check(struct vd_bench_load *load)
{
	vd_blocks_check(&((struct churn *)load->state)->blocks, load);
}

const struct vd_bench_workload vd_bench_churn = {
	.name = "churn",
	.keys = 1000000,
	.value_bytes = 16,
	.slot_size = sizeof(struct churn_slot),
	.state_size = sizeof(struct churn),
	.rows = all_rows,
	.row = first_number,
	.prepare = churn_prepare,
	.begin = churn_begin,
	.run = churn_run,
	.check = churn_check,
};
