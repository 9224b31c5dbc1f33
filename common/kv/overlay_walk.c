/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_walk.c: an overlay as a row of pieces, forward and in reverse. */
#include "common/kv/overlay_nodes.h"

struct vd_overlay_cursor vd_overlay_cursor_of(
	const struct vd_overlay *overlay, struct vd_range range, bool is_reverse)
{
	return (struct vd_overlay_cursor){ .overlay = overlay, .rest = range, .is_reverse = is_reverse };
}

/* The piece that begins a range: a node's key, or what is left of a span. */
static struct vd_overlay_piece first_piece(const struct vd_overlay *overlay, struct vd_range range)
{
	struct vd_overlay_node *node = vd_overlay_node_of(vd_map_floor(&overlay->map, range.begin));
	if (node != NULL && vd_bytes_equal(node->at.key, range.begin)) {
		struct vd_bytes end = vd_map_node_successor(&node->at);
		return (struct vd_overlay_piece){ vd_range_of(node->at.key, end), vd_overlay_view_of_node(node) };
	}
	struct vd_map_node *next = node != NULL ? vd_map_next(&node->at) : vd_map_first(&overlay->map);
	struct vd_bytes end = next != NULL ? vd_bytes_min(next->key, range.end) : range.end;
	return (struct vd_overlay_piece){ vd_range_of(range.begin, end), vd_overlay_view_of_span(node) };
}

/* The piece that ends it. */
static struct vd_overlay_piece last_piece(const struct vd_overlay *overlay, struct vd_range range)
{
	struct vd_overlay_node *node = vd_overlay_node_of(vd_map_below(&overlay->map, range.end));
	if (node == NULL || vd_bytes_less(node->at.key, range.begin)) {
		return (struct vd_overlay_piece){ range, vd_overlay_view_of_span(node) };
	}
	struct vd_bytes behind = vd_map_node_successor(&node->at);
	if (vd_bytes_less(behind, range.end)) {
		return (struct vd_overlay_piece){ vd_range_of(behind, range.end), vd_overlay_view_of_span(node) };
	}
	return (struct vd_overlay_piece){ vd_range_of(node->at.key, behind), vd_overlay_view_of_node(node) };
}

static bool can_join(struct vd_overlay_view a, struct vd_overlay_view b)
{
	return a.state == b.state && (a.state == VD_OVERLAY_UNKNOWN || a.state == VD_OVERLAY_ABSENT) &&
		   a.is_own == b.is_own && a.is_unreadable == b.is_unreadable;
}

bool vd_overlay_cursor_next(struct vd_overlay_cursor *cursor, struct vd_overlay_piece *piece)
{
	bool is_first = true;
	while (!vd_range_is_empty(cursor->rest)) {
		struct vd_overlay_piece next = cursor->is_reverse ? last_piece(cursor->overlay, cursor->rest)
														  : first_piece(cursor->overlay, cursor->rest);
		if (is_first) {
			*piece = next;
		} else if (!can_join(piece->view, next.view)) {
			break;
		}
		is_first = false;
		if (cursor->is_reverse) {
			cursor->rest.end = piece->range.begin = next.range.begin;
		} else {
			cursor->rest.begin = piece->range.end = next.range.end;
		}
	}
	return !is_first;
}
