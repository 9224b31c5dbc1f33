/* SPDX-License-Identifier: Apache-2.0 */
/* Conflicts: a set of key ranges that grows, kept merged: what a transaction has read, or says that it writes.
 *
 * Ranges in the set neither meet nor touch, so reading one key a million times costs one range. Pure; all memory is the
 * arena's, keys are copied. A call that returns false met its limit, and has left the set as it was or smaller; the caller
 * gives up its transaction.
 */
#ifndef VD_FOLLOWER_CONFLICTS_H
#define VD_FOLLOWER_CONFLICTS_H

#include "common/kv/map.h"
#include "common/kv/range.h"

struct vd_overlay;

struct vd_conflicts {
	struct vd_arena *arena;
	struct vd_map map;
	size_t bytes; /* what the ranges count against the transaction's size */
};

void vd_conflicts_init(struct vd_conflicts *conflicts, struct vd_arena *arena);

/* An empty range adds nothing. What lies at or above \xff\xff is left out: nothing is ever written there. */
VD_MUST_USE bool vd_conflicts_add(struct vd_conflicts *conflicts, struct vd_range range);
VD_MUST_USE bool vd_conflicts_add_key(struct vd_conflicts *conflicts, struct vd_bytes key);

/* The range without what own writes and clears answer. overlay may be NULL: nothing does. */
VD_MUST_USE bool vd_conflicts_add_read(
	struct vd_conflicts *conflicts, struct vd_range range, const struct vd_overlay *overlay);

static inline size_t vd_conflicts_count(const struct vd_conflicts *conflicts)
{
	return conflicts->map.count;
}

/* All of them, in order, as an array in the arena; they borrow from the set. */
VD_MUST_USE bool vd_conflicts_list(
	const struct vd_conflicts *conflicts, struct vd_arena *arena, const struct vd_range **ranges);

#endif
