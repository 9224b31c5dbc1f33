/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/seek.h"

bool vd_seek_of(
	const struct vd_selector *selector, size_t key_limit_bytes, struct vd_arena *arena, struct vd_seek *seek)
{
	struct vd_bytes key = vd_bytes_of(selector->key, selector->key_size);
	bool is_cut = key.size > key_limit_bytes;
	seek->is_reverse = selector->offset <= 0;
	seek->count = (uint64_t)(seek->is_reverse ? 1 - (int64_t)selector->offset : selector->offset);
	if (is_cut)
		key.size = key_limit_bytes + 1;
	/* no key is equal to one that was cut, so or_equal says nothing then */
	return selector->or_equal && !is_cut ? vd_bytes_successor(arena, key, &seek->point)
										 : vd_bytes_dup(arena, key, &seek->point);
}

struct vd_range vd_seek_range(const struct vd_seek *seek, struct vd_bytes last)
{
	if (seek->is_reverse)
		return vd_range_of(VD_BYTES(""), vd_bytes_min(seek->point, last));
	return vd_range_of(seek->point, last);
}

bool vd_seek_conflict(const struct vd_seek *seek, const struct vd_bytes *found, struct vd_bytes last,
	struct vd_arena *arena, struct vd_range *conflict)
{
	*conflict = vd_seek_range(seek, last);
	if (found == NULL)
		return true;
	return seek->is_reverse ? vd_bytes_dup(arena, *found, &conflict->begin)
							: vd_bytes_successor(arena, *found, &conflict->end);
}
