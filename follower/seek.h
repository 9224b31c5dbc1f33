/* SPDX-License-Identifier: Apache-2.0 */
/* Seek: a key selector as a walk: from a point, so many keys forward or backward.
 *
 * (key, or_equal, offset) with offset above 0 is the offset-th key at or after the point, else the (1 − offset)-th key
 * before it; the point is the key, or key\0 with or_equal. Pure.
 */
#ifndef VD_FOLLOWER_SEEK_H
#define VD_FOLLOWER_SEEK_H

#include "common/kv/range.h"
#include "verdict/verdict.h"

struct vd_seek {
	struct vd_bytes point;
	bool is_reverse;
	uint64_t count; /* which of the keys on the way it is, from 1 */
};

/* Keys above key_limit_bytes are never stored: a longer selector is cut to an equal one. The point is copied to the arena;
 * false at its limit. */
VD_MUST_USE bool vd_seek_of(
	const struct vd_selector *selector, size_t key_limit_bytes, struct vd_arena *arena, struct vd_seek *seek);

/* A bound that needs no walk: as a begin or an end of a range, the point says the same. */
static inline bool vd_seek_is_point(const struct vd_seek *seek)
{
	return !seek->is_reverse && seek->count == 1;
}

/* Where to walk, if keys end at `last`. */
struct vd_range vd_seek_range(const struct vd_seek *seek, struct vd_bytes last);

/* What the answer depends on: everything between the point and the key found, or (found NULL) all that was walked. Copies to
 * the arena; false at its limit. */
VD_MUST_USE bool vd_seek_conflict(const struct vd_seek *seek, const struct vd_bytes *found,
	struct vd_bytes last, struct vd_arena *arena, struct vd_range *conflict);

#endif
