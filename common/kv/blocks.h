/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.h: memory in blocks of one size, taken and given back by the window's parts.
 *
 * What a window forgets, it forgets in large pieces, and soon needs again: so blocks that come back are kept,
 * up to a quarter of those in use, and the rest returns to the system. The pool owns all blocks. One thread
 * at a time.
 */
#ifndef VD_COMMON_KV_BLOCKS_H
#define VD_COMMON_KV_BLOCKS_H

#include "common/base/check.h"

#include <stddef.h>
#include <stdint.h>

#define VD_BLOCK_BYTES ((size_t)64 << 10)

/* The beginning of each block; what follows, from VD_BLOCK_HEAD_BYTES on, is the user's, aligned to a cache
 * line. */
struct vd_block {
	struct vd_block *next;
};
#define VD_BLOCK_HEAD_BYTES ((size_t)64)

struct vd_blocks {
	struct vd_block *free;
	size_t free_count;
	size_t used_count;
};

void vd_blocks_init(struct vd_blocks *blocks);
/* All must have come back. */
void vd_blocks_fini(struct vd_blocks *blocks);

/* NULL: no memory. */
VD_MUST_USE struct vd_block *vd_blocks_take(struct vd_blocks *blocks);

/* Gives back a whole list. */
void vd_blocks_give(struct vd_blocks *blocks, struct vd_block *list);

/* In use, without those that are kept. */
static inline size_t vd_blocks_used_bytes(const struct vd_blocks *blocks)
{
	return blocks->used_count * VD_BLOCK_BYTES;
}

#endif
