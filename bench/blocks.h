/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.h: neighbouring rows that are written together, or cleared together, by one transaction.
 *
 * Each process has blocks of its own, and at most one transaction in flight for each. All rows of a block hold the number
 * of the commit that wrote it; a block that is found to be anything else than whole or empty is wrong.
 */
#ifndef VD_BENCH_BLOCKS_H
#define VD_BENCH_BLOCKS_H

#include "bench/workload.h"

#include <stdbool.h>

struct vd_block {
	uint64_t number; /* of the last commit that wrote it; 0: empty */
	bool is_busy;
	int seen; /* rows, in the check */
};

struct vd_blocks {
	struct vd_block *blocks;
	int count, rows; /* blocks of this process; rows of each */
	int first;       /* the number of the first one, of all processes' */
	struct vd_draw draw;
};

/* False: no memory. All are empty. */
bool vd_blocks_init(struct vd_blocks *blocks, struct vd_bench_load *load, int count, int rows);
/* One by chance that is not busy and is empty, or not, as asked; it is busy then. There must be one. */
struct vd_block *vd_blocks_take(struct vd_blocks *blocks, struct vd_bench_load *load, bool is_empty);
/* The key of its first row. */
int vd_blocks_key(const struct vd_blocks *blocks, const struct vd_block *block);
void vd_blocks_set(const struct vd_blocks *blocks, const struct vd_block *block, struct vd_bench_slot *slot,
	uint64_t number);
void vd_blocks_clear(
	const struct vd_blocks *blocks, const struct vd_block *block, struct vd_bench_slot *slot);

/* Reads all rows and compares; frees the blocks. */
void vd_blocks_check(struct vd_blocks *blocks, struct vd_bench_load *load);

#endif
