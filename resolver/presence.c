/* SPDX-License-Identifier: Apache-2.0 */
/* presence.c: see presence.h. */
#include "resolver/presence.h"

#include "common/base/vector.h"
#include "common/kv/map.h"

#include <stdlib.h>

struct vd_presence {
	struct vd_map map;
};

/* ---- What is to be read ---- */

struct keys {
	VD_VECTOR(struct vd_bytes);
};

/* What is collected to cut the ranges into stretches. */
struct cutting {
	struct {
		VD_VECTOR(struct vd_range);
	} ranges;           /* that have to be empty */
	struct keys marks;  /* where stretches begin and end */
	struct keys points; /* keys that may be taken away one by one */
};

static void must(bool has_memory)
{
	if (!has_memory)
		vd_check_failed(__FILE__, __LINE__, "out of memory");
}

static void mark(struct cutting *cutting, struct vd_range range)
{
	must(vd_vector_push(&cutting->marks, range.begin) && vd_vector_push(&cutting->marks, range.end));
}

static void collect_ranges(struct cutting *cutting, const struct vd_request *request)
{
	for (size_t i = 0; i < request->precondition_count; i++) {
		const struct vd_precondition *precondition = &request->preconditions[i];
		struct vd_range range = vd_range_of(precondition->key, precondition->value);
		if (precondition->kind != VD_REQUIRE_EMPTY || vd_range_is_empty(range))
			continue;
		must(vd_vector_push(&cutting->ranges, range));
		mark(cutting, range);
	}
}

static void collect_clears(struct cutting *cutting, const struct vd_request *request)
{
	for (size_t i = 0; i < request->mutation_count; i++) {
		const struct vd_mutation *mutation = &request->mutations[i];
		if (mutation->op == VD_OP_CLEAR_RANGE)
			mark(cutting, vd_range_of(mutation->key, mutation->value));
		else if (mutation->op == VD_OP_CLEAR || mutation->op == VD_OP_COMPARE_AND_CLEAR)
			must(vd_vector_push(&cutting->points, mutation->key));
	}
}

static void collect_below(struct cutting *cutting, const struct vd_overlay *below)
{
	for (size_t i = 0; below != NULL && i < cutting->ranges.count; i++) {
		struct vd_overlay_cursor cursor = vd_overlay_cursor_of(below, cutting->ranges.items[i], false);
		struct vd_overlay_piece piece;
		while (vd_overlay_cursor_next(&cursor, &piece)) {
			if (piece.view.state == VD_OVERLAY_ABSENT && !vd_range_is_key(piece.range))
				mark(cutting, piece.range);
			else if (piece.view.state != VD_OVERLAY_UNKNOWN)
				must(vd_vector_push(&cutting->points, piece.range.begin));
		}
	}
}

static int compare_keys(const void *a, const void *b)
{
	return vd_bytes_compare(*(const struct vd_bytes *)a, *(const struct vd_bytes *)b);
}

static void sort_keys(struct keys *keys)
{
	if (keys->count > 1)
		qsort(keys->items, keys->count, sizeof *keys->items, compare_keys);
}

/* From mark to mark, through the sorted ranges and points. No range begins or ends between two marks. */
static bool cut(const struct cutting *cutting, struct vd_batch *batch)
{
	size_t most = cutting->marks.count;
	struct vd_bytes *begins = vd_arena_array(&batch->bases, most, sizeof *begins);
	struct vd_bytes *ends = vd_arena_array(&batch->bases, most, sizeof *ends);
	int64_t *limits = vd_arena_array(&batch->bases, most, sizeof *limits);
	if (begins == NULL || ends == NULL || limits == NULL)
		return false;
	size_t count = 0;
	for (size_t i = 1, range = 0, point = 0; i < most; i++) {
		struct vd_bytes begin = cutting->marks.items[i - 1];
		struct vd_bytes end = cutting->marks.items[i];
		while (
			range < cutting->ranges.count && vd_bytes_compare(cutting->ranges.items[range].end, begin) <= 0)
			range++;
		if (range == cutting->ranges.count)
			break;
		if (vd_bytes_equal(begin, end) || vd_bytes_less(begin, cutting->ranges.items[range].begin))
			continue;
		while (point < cutting->points.count && vd_bytes_less(cutting->points.items[point], begin))
			point++;
		size_t first = point;
		while (point < cutting->points.count && vd_bytes_less(cutting->points.items[point], end))
			point++;
		begins[count] = begin;
		ends[count] = end;
		limits[count++] = (int64_t)(point - first) + 1;
	}
	batch->stretch_begins = begins;
	batch->stretch_ends = ends;
	batch->stretch_limits = limits;
	batch->stretch_count = count;
	return true;
}

bool vd_presence_wants(struct vd_batch *batch)
{
	struct cutting cutting = { 0 };
	bool is_done = true;
	for (uint32_t i = 0; i < batch->count; i++)
		if (batch->items[i].refused_code == 0)
			collect_ranges(&cutting, &batch->items[i].request);
	if (cutting.ranges.count > 0) {
		cutting.ranges.count = vd_ranges_merge(cutting.ranges.items, cutting.ranges.count);
		for (uint32_t i = 0; i < batch->count; i++)
			if (batch->items[i].refused_code == 0)
				collect_clears(&cutting, &batch->items[i].request);
		collect_below(&cutting, batch->below == NULL ? NULL : batch->below->overlay);
		sort_keys(&cutting.marks);
		sort_keys(&cutting.points);
		is_done = cut(&cutting, batch);
	}
	vd_vector_fini(&cutting.ranges);
	vd_vector_fini(&cutting.marks);
	vd_vector_fini(&cutting.points);
	return is_done;
}

/* ---- The set ---- */

static bool enter(struct vd_batch *batch, struct vd_bytes key)
{
	if (vd_map_find(&batch->presence->map, key) != NULL)
		return true;
	struct vd_map_node *node = vd_map_node_new(&batch->work, sizeof *node, key);
	if (node == NULL)
		return false;
	vd_map_insert(&batch->presence->map, node);
	return true;
}

/* What the overlay below holds in a stretch. */
static bool enter_below(struct vd_batch *batch, struct vd_range stretch)
{
	struct vd_overlay_cursor cursor = vd_overlay_cursor_of(batch->below->overlay, stretch, false);
	struct vd_overlay_piece piece;
	while (vd_overlay_cursor_next(&cursor, &piece))
		if (piece.view.state == VD_OVERLAY_PRESENT && !enter(batch, piece.range.begin))
			return false;
	return true;
}

bool vd_presence_begin(struct vd_batch *batch)
{
	if (batch->stretch_count == 0)
		return true;
	batch->presence = VD_ARENA_NEW(&batch->work, struct vd_presence);
	if (batch->presence == NULL)
		return false;
	vd_map_init(&batch->presence->map);
	for (size_t i = 0; batch->below != NULL && i < batch->stretch_count; i++)
		if (!enter_below(batch, vd_range_of(batch->stretch_begins[i], batch->stretch_ends[i])))
			return false;
	/* The overlay holds no writes yet: what it knows, it knows from below, or it was read beside these keys. */
	for (const struct vd_stored_key *stored = batch->stored_keys; stored != NULL; stored = stored->next)
		if (vd_overlay_get(batch->overlay, stored->key).state != VD_OVERLAY_ABSENT &&
			!enter(batch, stored->key))
			return false;
	return true;
}

bool vd_presence_follow(struct vd_batch *batch, const struct vd_mutation *mutation)
{
	if (batch->presence == NULL)
		return true;
	struct vd_map *map = &batch->presence->map;
	if (mutation->op == VD_OP_CLEAR_RANGE) {
		struct vd_map_node *node = vd_map_ceiling(map, mutation->key);
		while (node != NULL && vd_bytes_less(node->key, mutation->value)) {
			struct vd_map_node *gone = node;
			node = vd_map_next(node);
			vd_map_remove(map, gone);
		}
		return true;
	}
	if (vd_overlay_get(batch->overlay, mutation->key).state == VD_OVERLAY_PRESENT)
		return enter(batch, mutation->key);
	struct vd_map_node *node = vd_map_find(map, mutation->key);
	if (node != NULL)
		vd_map_remove(map, node);
	return true;
}

bool vd_presence_is_empty(const struct vd_batch *batch, struct vd_range range)
{
	if (vd_range_is_empty(range))
		return true;
	VD_ASSERT(batch->presence != NULL);
	const struct vd_map_node *node = vd_map_ceiling(&batch->presence->map, range.begin);
	return node == NULL || vd_bytes_compare(node->key, range.end) >= 0;
}
