/* SPDX-License-Identifier: Apache-2.0 */
/* range.h: a run of keys, begin <= key < end.
 *
 * A range owns nothing. begin == end is legal and holds no key; begin > end is inverted, which only
 * vd_request_validate may meet. The range of a single key is [key, key\0). Pure; any thread.
 */
#ifndef VD_COMMON_KV_RANGE_H
#define VD_COMMON_KV_RANGE_H

#include "common/base/bytes.h"

struct vd_range {
	struct vd_bytes begin;
	struct vd_bytes end;
};

/* User keys are below this; a range may end here. */
#define VD_KEYS_END VD_BYTES("\xff")
/* The system's, which transactions may read, are below this. */
#define VD_SYSTEM_KEYS_END VD_BYTES("\xff\xff")

static inline struct vd_range vd_range_of(struct vd_bytes begin, struct vd_bytes end)
{
	return (struct vd_range){ begin, end };
}

static inline bool vd_range_is_empty(struct vd_range range)
{
	return vd_bytes_compare(range.begin, range.end) >= 0;
}

/* True if it holds one key and no other: [key, key\0). */
static inline bool vd_range_is_key(struct vd_range range)
{
	return vd_bytes_is_successor(range.begin, range.end);
}

static inline bool vd_range_has(struct vd_range range, struct vd_bytes key)
{
	return vd_bytes_compare(range.begin, key) <= 0 && vd_bytes_compare(key, range.end) < 0;
}

static inline bool vd_range_meets(struct vd_range a, struct vd_range b)
{
	return !vd_range_is_empty(a) && !vd_range_is_empty(b) && vd_bytes_compare(a.begin, b.end) < 0 &&
		   vd_bytes_compare(b.begin, a.end) < 0;
}

/* The part that both have; may be empty. */
struct vd_range vd_range_common(struct vd_range a, struct vd_range b);

/* [key, key\0) with a copy of the key in the arena; false at the arena's limit. */
VD_MUST_USE bool vd_range_of_key(struct vd_arena *arena, struct vd_bytes key, struct vd_range *range);

/* The same keys among those of at most key_limit_bytes, with ends of at most key_limit_bytes + 1: no longer
 * key is ever stored, so a range with longer ends means the same as the one returned. Borrows from the range.
 */
struct vd_range vd_range_clamp(struct vd_range range, size_t key_limit_bytes);

/* Sorts by begin, drops the empty ones and joins those that meet or touch; returns how many are left. */
size_t vd_ranges_merge(struct vd_range *ranges, size_t count);

#endif
