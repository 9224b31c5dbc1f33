/* SPDX-License-Identifier: Apache-2.0 */
/* large.c: transactions of 1 MB. Each writes a block anew; a block of which only a part is there, or that is of two commits, is
 * wrong. */
#include "bench/blocks.h"

enum { TRANSACTION_BYTES = 1000000 };

struct large {
	struct vd_blocks blocks;
	uint64_t next_number;
};

struct large_slot {
	struct vd_bench_slot slot;
	struct vd_block *block;
	uint64_t number;
};

static int block_rows(const struct vd_bench_settings *settings)
{
	return TRANSACTION_BYTES / settings->value_bytes;
}

/* Of each process. */
static int block_count(const struct vd_bench_settings *settings)
{
	int count = settings->keys / block_rows(settings) / settings->processes;
	return count > settings->in_flight ? count : settings->in_flight;
}

static int all_rows(const struct vd_bench_settings *settings)
{
	return block_rows(settings) * block_count(settings) * settings->processes;
}

static bool first_number(const struct vd_bench_settings *settings, int key, uint64_t *number)
{
	(void)settings, (void)key;
	*number = 1;
	return true;
}

static bool large_prepare(struct vd_bench_load *load)
{
	struct large *large = load->state;
	if (!vd_blocks_init(&large->blocks, load, block_count(load->settings), block_rows(load->settings)))
		return false;
	for (int i = 0; i < large->blocks.count; i++)
		large->blocks.blocks[i].number = 1;
	large->next_number = 1;
	return true;
}

static void large_begin(struct vd_bench_slot *slot)
{
	struct large_slot *own = (struct large_slot *)slot;
	struct large *large = slot->load->state;
	own->block = vd_blocks_take(&large->blocks, slot->load, false);
	own->number = ++large->next_number;
}

static void large_committed(struct vd_future *commit, void *arg)
{
	struct large_slot *own = arg;
	int code = vd_future_error(commit);
	vd_future_free(commit);
	if (code != 0) {
		vd_bench_slot_retry(&own->slot, code);
		return;
	}
	own->block->number = own->number;
	own->block->is_busy = false;
	vd_transaction_reset(own->slot.transaction);
	vd_bench_slot_done(&own->slot, 1, 1);
}

static void large_run(struct vd_bench_slot *slot)
{
	struct large_slot *own = (struct large_slot *)slot;
	struct large *large = slot->load->state;
	vd_blocks_set(&large->blocks, own->block, slot, own->number);
	vd_future_on_ready(vd_transaction_commit(slot->transaction), large_committed, own);
}

static void large_check(struct vd_bench_load *load)
{
	vd_blocks_check(&((struct large *)load->state)->blocks, load);
}

const struct vd_bench_workload vd_bench_large = {
	.name = "large",
	.keys = 10000,
	.value_bytes = 10000,
	.slot_size = sizeof(struct large_slot),
	.state_size = sizeof(struct large),
	.rows = all_rows,
	.row = first_number,
	.prepare = large_prepare,
	.begin = large_begin,
	.run = large_run,
	.check = large_check,
};
