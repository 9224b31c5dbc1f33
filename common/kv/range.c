/* SPDX-License-Identifier: Apache-2.0 */
/* range.c: ranges of keys. */
#include "common/kv/range.h"

#include "common/base/arena.h"

#include <stdlib.h>

struct vd_range vd_range_common(struct vd_range a, struct vd_range b)
{
	struct vd_bytes begin = vd_bytes_max(a.begin, b.begin);
	struct vd_bytes end = vd_bytes_min(a.end, b.end);
	return vd_range_of(begin, vd_bytes_max(begin, end));
}

bool vd_range_of_key(struct vd_arena *arena, struct vd_bytes key, struct vd_range *range)
{
	uint8_t *copy = vd_arena_alloc_bytes(arena, key.size + 1);
	if (copy == NULL) {
		return false;
	}
	if (key.size > 0) {
		memcpy(copy, key.data, key.size);
	}
	copy[key.size] = 0;
	*range = vd_range_of(vd_bytes_of(copy, key.size), vd_bytes_of(copy, key.size + 1));
	return true;
}

static struct vd_bytes clamp(struct vd_bytes key, size_t size)
{
	return key.size <= size ? key : vd_bytes_of(key.data, size);
}

struct vd_range vd_range_clamp(struct vd_range range, size_t key_limit_bytes)
{
	return vd_range_of(clamp(range.begin, key_limit_bytes + 1), clamp(range.end, key_limit_bytes + 1));
}

static int compare_begins(const void *a, const void *b)
{
	return vd_bytes_compare(((const struct vd_range *)a)->begin, ((const struct vd_range *)b)->begin);
}

size_t vd_ranges_merge(struct vd_range *ranges, size_t count)
{
	if (count > 1) {
		qsort(ranges, count, sizeof *ranges, compare_begins);
	}
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		if (vd_range_is_empty(ranges[i])) {
			continue;
		}
		if (kept > 0 && vd_bytes_compare(ranges[i].begin, ranges[kept - 1].end) <= 0) {
			ranges[kept - 1].end = vd_bytes_max(ranges[kept - 1].end, ranges[i].end);
		} else {
			ranges[kept++] = ranges[i];
		}
	}
	return kept;
}
