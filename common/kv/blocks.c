/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.c: the pool of blocks. */
#include "common/kv/blocks.h"

#include <stdlib.h>

enum { KEEP_AT_LEAST = 16 };

void vd_blocks_init(struct vd_blocks *blocks)
{
	*blocks = (struct vd_blocks){ 0 };
}

static void shrink_to(struct vd_blocks *blocks, size_t keep)
{
	while (blocks->free_count > keep) {
		struct vd_block *block = blocks->free;
		blocks->free = block->next;
		blocks->free_count--;
		free(block);
	}
}

void vd_blocks_fini(struct vd_blocks *blocks)
{
	VD_ASSERT(blocks->used_count == 0);
	shrink_to(blocks, 0);
}

struct vd_block *vd_blocks_take(struct vd_blocks *blocks)
{
	struct vd_block *block = blocks->free;
	if (block != NULL) {
		blocks->free = block->next;
		blocks->free_count--;
	} else {
		block = aligned_alloc(VD_BLOCK_HEAD_BYTES, VD_BLOCK_BYTES);
		if (block == NULL) {
			return NULL;
		}
	}
	block->next = NULL;
	blocks->used_count++;
	return block;
}

void vd_blocks_give(struct vd_blocks *blocks, struct vd_block *list)
{
	while (list != NULL) {
		struct vd_block *block = list;
		list = block->next;
		block->next = blocks->free;
		blocks->free = block;
		blocks->free_count++;
		blocks->used_count--;
	}
	size_t keep = blocks->used_count / 4;
	shrink_to(blocks, keep > KEEP_AT_LEAST ? keep : KEEP_AT_LEAST);
}
