/* SPDX-License-Identifier: Apache-2.0 */
/* skyline.h: a step function from keys to versions that only grows; the window is made of a few of them.
 *
 * raise(range, version) lifts every key of the range to at least that version; highest(range) is the maximum
 * over a range. Both are O(log n), also for wide ranges, and nothing is ever taken out: a skyline is
 * forgotten as a whole. Both properties come from "maximum": a range lies like a lid over whole subtrees, and
 * later, higher versions simply lie above.
 *
 * Its memory is in blocks of the pool given. One thread at a time.
 */
#ifndef VD_COMMON_KV_SKYLINE_H
#define VD_COMMON_KV_SKYLINE_H

#include "common/kv/blocks.h"
#include "common/kv/range.h"

struct vd_skyline_node;

/* Memory taken from the front of a block; what no longer fits goes to the spare one, which is taken before it
 * is needed. */
struct vd_skyline_room {
	struct vd_block *blocks; /* the one in use first */
	struct vd_block *spare;
	size_t used_bytes; /* of the first block */
};

struct vd_skyline {
	struct vd_blocks *pool;
	struct vd_skyline_room nodes;
	struct vd_skyline_room keys;
	struct vd_skyline_node *root; /* NULL while nothing was raised */
	unsigned height;              /* 1: the root is a leaf */
	size_t entries;
	size_t blocks;
};

void vd_skyline_init(struct vd_skyline *skyline, struct vd_blocks *pool);

/* Forgets all and gives the memory back to the pool. */
void vd_skyline_clear(struct vd_skyline *skyline);

/* The range must not be empty, the version above 0. False: no memory, and nothing changed. */
VD_MUST_USE bool vd_skyline_raise(struct vd_skyline *skyline, struct vd_range range, uint64_t version);

/* The highest version that any of the skylines has in a range that is not empty, if it is above `above`; else `above`. 0 is
 * the ground. They are asked in step, which costs much less than one after the other. */
#define VD_SKYLINES_MAX 80
uint64_t vd_skyline_highest(
	const struct vd_skyline *const *skylines, unsigned count, struct vd_range range, uint64_t above);

/* Raises in `to` all that is above 0 in `from`, in key order, to one version. False: no memory, done in part.
 */
VD_MUST_USE bool vd_skyline_merge(struct vd_skyline *to, const struct vd_skyline *from, uint64_t version);

#endif
