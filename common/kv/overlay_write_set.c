/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_write_set.c: what an overlay leaves to do: ranges, deletes, upserts. */
#include "common/kv/overlay_nodes.h"

/* Where the write set goes; first without arrays, to count. */
struct sink {
	struct vd_range *ranges;
	struct vd_bytes *deletes;
	struct vd_upsert *upserts;
	size_t range_count, delete_count, upsert_count, bytes;
	struct vd_range open; /* the last range: not complete before the next one does not touch it */
	bool is_open;
};

static void close_range(struct sink *sink)
{
	if (sink->is_open) {
		if (sink->ranges != NULL) {
			sink->ranges[sink->range_count] = sink->open;
		}
		sink->range_count++;
		sink->bytes += sink->open.begin.size + sink->open.end.size;
	}
	sink->is_open = false;
}

static void add_range(struct sink *sink, struct vd_bytes begin, struct vd_bytes end)
{
	if (!vd_bytes_less(begin, end)) {
		return;
	}
	if (sink->is_open && vd_bytes_equal(sink->open.end, begin)) {
		sink->open.end = end;
		return;
	}
	close_range(sink);
	sink->open = vd_range_of(begin, end);
	sink->is_open = true;
}

static void add_delete(struct sink *sink, struct vd_bytes key)
{
	if (sink->deletes != NULL) {
		sink->deletes[sink->delete_count] = key;
	}
	sink->delete_count++;
	sink->bytes += key.size;
}

static void add_upsert(struct sink *sink, const struct vd_overlay_node *node)
{
	if (sink->upserts != NULL) {
		sink->upserts[sink->upsert_count] = (struct vd_upsert){ node->at.key, node->value.bytes };
	}
	sink->upsert_count++;
	sink->bytes += node->at.key.size + node->value.bytes.size;
}

/* One node, and the span behind it. A range is joined across a key that is set between two cleared spans: one
 * range less, and the upsert comes after. `before` is true if the span in front of the node is cleared. */
static void sink_node(struct sink *sink, const struct vd_overlay_node *node, bool before)
{
	VD_ASSERT(node->state != VD_OVERLAY_PENDING && !node->is_unreadable && !node->hides_after);
	struct vd_map_node *next = vd_map_next(&node->at);
	struct vd_bytes behind = vd_map_node_successor(&node->at);
	bool is_deleted = node->is_written && node->state == VD_OVERLAY_ABSENT;
	bool is_in_range =
		node->is_written && (is_deleted ? before || node->clears_after : before && node->clears_after);
	if (is_in_range) {
		add_range(sink, node->at.key, behind);
	} else if (is_deleted && !(node->has_base && !node->is_stored)) {
		add_delete(sink, node->at.key);
	}
	if (node->clears_after && next != NULL) {
		add_range(sink, behind, next->key);
	}
	bool is_as_stored = node->has_base && node->is_stored && vd_bytes_equal(node->base, node->value.bytes);
	if (node->is_written && node->state == VD_OVERLAY_PRESENT && !(is_as_stored && !is_in_range)) {
		add_upsert(sink, node);
	}
}

static void sink_all(const struct vd_overlay *overlay, struct sink *sink)
{
	bool before = false;
	for (struct vd_map_node *at = vd_map_first(&overlay->map); at != NULL; at = vd_map_next(at)) {
		const struct vd_overlay_node *node = vd_overlay_node_of(at);
		VD_ASSERT(!node->clears_after || vd_map_next(at) != NULL); /* a cleared range has an end */
		sink_node(sink, node, before);
		before = node->clears_after;
	}
	close_range(sink);
}

bool vd_overlay_write_set(const struct vd_overlay *overlay, struct vd_arena *arena, struct vd_write_set *set)
{
	struct sink sizes = { 0 };
	sink_all(overlay, &sizes);
	struct sink sink = {
		.ranges = vd_arena_array(arena, sizes.range_count, sizeof(struct vd_range)),
		.deletes = vd_arena_array(arena, sizes.delete_count, sizeof(struct vd_bytes)),
		.upserts = vd_arena_array(arena, sizes.upsert_count, sizeof(struct vd_upsert)),
	};
	if (sink.ranges == NULL || sink.deletes == NULL || sink.upserts == NULL) {
		return false;
	}
	sink_all(overlay, &sink);
	*set = (struct vd_write_set){
		.ranges = sink.ranges,
		.range_count = sink.range_count,
		.deletes = sink.deletes,
		.delete_count = sink.delete_count,
		.upserts = sink.upserts,
		.upsert_count = sink.upsert_count,
		.bytes = sink.bytes,
	};
	return true;
}
