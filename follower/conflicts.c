/* SPDX-License-Identifier: Apache-2.0 */
/* conflicts.c: an ordered map from begin to end. */
#include "follower/conflicts.h"

#include "common/base/arena.h"
#include "common/kv/overlay.h"
#include "common/kv/request.h"

struct stretch {
	struct vd_map_node at; /* first: the map's; its key is the begin */
	struct vd_bytes end;   /* in the arena */
};

static struct stretch *stretch_of(struct vd_map_node *node)
{
	return (struct stretch *)node; /* its first member; NULL stays NULL */
}

static size_t size_of(const struct stretch *stretch)
{
	return vd_conflict_range_size(vd_range_of(stretch->at.key, stretch->end));
}

void vd_conflicts_init(struct vd_conflicts *conflicts, struct vd_arena *arena)
{
	conflicts->arena = arena;
	conflicts->bytes = 0;
	vd_map_init(&conflicts->map);
}

/* The stretch that begins at or before the key and reaches it; else a new one, empty, not yet in the map. */
static struct stretch *stretch_at(struct vd_conflicts *conflicts, struct vd_bytes key, bool *is_new)
{
	struct stretch *floor = stretch_of(vd_map_floor(&conflicts->map, key));
	*is_new = floor == NULL || vd_bytes_less(floor->end, key);
	if (!*is_new)
		return floor;
	struct stretch *fresh = vd_map_node_new(conflicts->arena, sizeof *fresh, key);
	if (fresh != NULL)
		fresh->end = fresh->at.key;
	return fresh;
}

/* The longest end of those that the stretch swallows on its way to `end`; they leave the map. Empty: none goes further. */
static struct vd_bytes swallow(struct vd_conflicts *conflicts, struct stretch *stretch, struct vd_bytes end)
{
	struct vd_bytes further = { 0 };
	struct stretch *next;
	while (
		(next = stretch_of(vd_map_next(&stretch->at))) != NULL && vd_bytes_compare(next->at.key, end) <= 0) {
		if (vd_bytes_less(end, next->end))
			further = end = next->end;
		conflicts->bytes -= size_of(next);
		vd_map_remove(&conflicts->map, &next->at);
	}
	return further;
}

bool vd_conflicts_add(struct vd_conflicts *conflicts, struct vd_range range)
{
	range.end = vd_bytes_min(range.end, VD_SYSTEM_KEYS_END);
	if (vd_range_is_empty(range))
		return true;
	bool is_new = false;
	struct stretch *stretch = stretch_at(conflicts, range.begin, &is_new);
	if (stretch == NULL)
		return false;
	if (!is_new && vd_bytes_compare(range.end, stretch->end) <= 0)
		return true;
	struct vd_bytes end = vd_map_node_successor(&stretch->at); /* [key, key\0) needs no copy */
	if (!vd_bytes_equal(end, range.end) && !vd_bytes_dup(conflicts->arena, range.end, &end))
		return false;
	if (is_new)
		vd_map_insert(&conflicts->map, &stretch->at);
	else
		conflicts->bytes -= size_of(stretch);
	struct vd_bytes further = swallow(conflicts, stretch, end);
	stretch->end = further.size > 0 ? further : end;
	conflicts->bytes += size_of(stretch);
	return true;
}

bool vd_conflicts_add_key(struct vd_conflicts *conflicts, struct vd_bytes key)
{
	struct stretch *floor = stretch_of(vd_map_floor(&conflicts->map, key));
	if (vd_bytes_compare(key, VD_SYSTEM_KEYS_END) >= 0 || (floor != NULL && vd_bytes_less(key, floor->end)))
		return true;
	uint8_t small[256];
	uint8_t *copy = small;
	if (key.size >= sizeof small && (copy = vd_arena_alloc_bytes(conflicts->arena, key.size + 1)) == NULL)
		return false;
	if (key.size > 0)
		memcpy(copy, key.data, key.size);
	copy[key.size] = 0;
	return vd_conflicts_add(conflicts, vd_range_of(key, vd_bytes_of(copy, key.size + 1)));
}

bool vd_conflicts_add_read(
	struct vd_conflicts *conflicts, struct vd_range range, const struct vd_overlay *overlay)
{
	if (overlay == NULL)
		return vd_conflicts_add(conflicts, range);
	if (vd_range_is_empty(range))
		return true;
	struct vd_overlay_cursor cursor = vd_overlay_cursor_of(overlay, range, false);
	struct vd_overlay_piece piece;
	while (vd_overlay_cursor_next(&cursor, &piece))
		if (!piece.view.is_own && !vd_conflicts_add(conflicts, piece.range))
			return false;
	return true;
}

bool vd_conflicts_list(
	const struct vd_conflicts *conflicts, struct vd_arena *arena, const struct vd_range **ranges)
{
	struct vd_range *list = vd_arena_array(arena, conflicts->map.count, sizeof *list);
	if (list == NULL)
		return false;
	size_t count = 0;
	for (struct vd_map_node *at = vd_map_first(&conflicts->map); at != NULL; at = vd_map_next(at))
		list[count++] = vd_range_of(at->key, stretch_of(at)->end);
	*ranges = list;
	return true;
}
