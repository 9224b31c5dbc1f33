/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_nodes.h: what an overlay is made of, for the files of the overlay alone: overlay.c writes and reads,
 * overlay_walk.c walks, overlay_write_set.c says what is left to do.
 *
 * Always true:
 * 1. A node says two things: what holds at its key, and (`clears_after`, `hides_after`) what holds in the open
 *    span behind it, up to the next node. Before the first node, and where neither is said, what is stored
 *    shows through.
 * 2. A node that is made inside a span takes over what the span says: making one never changes any answer.
 * 3. Every key in a cleared span, and the node in front of it if it is not set again, counts as written and own.
 * 4. `base` is what was stored before any write of this overlay. It never changes once known.
 * 5. PENDING means: not set or cleared here, base not known, and the list of ops is not empty.
 */
#ifndef VD_COMMON_KV_OVERLAY_NODES_H
#define VD_COMMON_KV_OVERLAY_NODES_H

#include "common/kv/map.h"
#include "common/kv/overlay.h"

struct vd_overlay_pending {
	struct vd_overlay_pending *next;
	uint32_t op;
	struct vd_bytes operand;
};

struct vd_overlay_node {
	struct vd_map_node at; /* first: the map's */
	struct vd_value value; /* if PRESENT */
	struct vd_bytes base;  /* if stored */
	struct vd_overlay_pending *pending;
	struct vd_overlay_pending **pending_end;
	uint8_t state; /* enum vd_overlay_state */
	bool is_own;
	bool is_written;
	bool is_unreadable;
	bool is_wanted;
	bool has_base;  /* it is known what is stored: */
	bool is_stored; /* `base`, or nothing */
	bool clears_after;
	bool hides_after; /* the span behind is unreadable */
};

struct vd_overlay {
	struct vd_arena *arena;
	const struct vd_overlay *below;
	size_t value_limit_bytes;
	bool is_written;
	struct vd_map map;
};

static inline struct vd_overlay_node *vd_overlay_node_of(struct vd_map_node *at)
{
	return (struct vd_overlay_node *)at; /* its first member; NULL stays NULL */
}

/* What a node says of its own key. */
static inline struct vd_overlay_view vd_overlay_view_of_node(const struct vd_overlay_node *node)
{
	return (struct vd_overlay_view){
		.state = (enum vd_overlay_state)node->state,
		.is_own = node->is_own,
		.is_unreadable = node->is_unreadable,
		.value = node->value.bytes,
	};
}

/* What it says of the span behind it; NULL: the span before all nodes. */
static inline struct vd_overlay_view vd_overlay_view_of_span(const struct vd_overlay_node *node)
{
	if (node == NULL) {
		return (struct vd_overlay_view){ .state = VD_OVERLAY_UNKNOWN };
	}
	return (struct vd_overlay_view){
		.state = node->clears_after ? VD_OVERLAY_ABSENT : VD_OVERLAY_UNKNOWN,
		.is_own = node->clears_after,
		.is_unreadable = node->hides_after,
	};
}

#endif
