/* SPDX-License-Identifier: Apache-2.0 */
/* overlay.c: writing into the map of boundaries, in order, and reading through it. */
#include "common/kv/overlay_nodes.h"
#include "common/kv/sequence.h"

struct vd_overlay *vd_overlay_new(
	struct vd_arena *arena, const struct vd_overlay *below, size_t value_limit_bytes)
{
	struct vd_overlay *overlay = VD_ARENA_NEW(arena, struct vd_overlay);
	if (overlay != NULL) {
		overlay->arena = arena;
		overlay->below = below;
		overlay->value_limit_bytes = value_limit_bytes;
		vd_map_init(&overlay->map);
	}
	return overlay;
}

void vd_overlay_detach(struct vd_overlay *overlay)
{
	overlay->below = NULL;
}

bool vd_overlay_is_empty(const struct vd_overlay *overlay)
{
	return !overlay->is_written;
}

/* ---- Nodes ---- */

/* The node at a key, made if there is none (rule 2). NULL at the arena's limit. */
static struct vd_overlay_node *node_at(struct vd_overlay *overlay, struct vd_bytes key)
{
	struct vd_overlay_node *floor = vd_overlay_node_of(vd_map_floor(&overlay->map, key));
	if (floor != NULL && vd_bytes_equal(floor->at.key, key)) {
		return floor;
	}
	struct vd_overlay_node *node = vd_map_node_new(overlay->arena, sizeof *node, key);
	if (node == NULL) {
		return NULL;
	}
	struct vd_overlay_view view = vd_overlay_view_of_span(floor);
	node->state = (uint8_t)view.state;
	node->is_own = node->is_written = node->clears_after = view.is_own;
	node->is_unreadable = node->hides_after = view.is_unreadable;
	vd_map_insert(&overlay->map, &node->at);
	return node;
}

static void become(struct vd_overlay *overlay, struct vd_overlay_node *node, enum vd_overlay_state state,
	struct vd_bytes value)
{
	node->state = (uint8_t)state;
	node->value = (struct vd_value){ .is_present = state == VD_OVERLAY_PRESENT, .bytes = value };
	node->pending = NULL;
	node->is_own = true;
	node->is_written = true;
	overlay->is_written = true;
}

static void learn_base(struct vd_overlay_node *node, const struct vd_bytes *value)
{
	node->has_base = true;
	node->is_stored = value != NULL;
	node->base = value != NULL ? *value : VD_BYTES("");
}

/* ---- Writing ---- */

bool vd_overlay_set(struct vd_overlay *overlay, struct vd_bytes key, struct vd_bytes value)
{
	struct vd_overlay_node *node = node_at(overlay, key);
	if (node == NULL) {
		return false;
	}
	become(overlay, node, VD_OVERLAY_PRESENT, value);
	return true;
}

bool vd_overlay_clear(struct vd_overlay *overlay, struct vd_bytes key)
{
	struct vd_overlay_node *node = node_at(overlay, key);
	if (node == NULL) {
		return false;
	}
	if (!node->has_base && overlay->below != NULL &&
		vd_overlay_get(overlay->below, key).state == VD_OVERLAY_ABSENT) {
		learn_base(node, NULL); /* then the clear may come to nothing */
	}
	become(overlay, node, VD_OVERLAY_ABSENT, VD_BYTES(""));
	node->is_unreadable = false;
	return true;
}

/* Is the span that a key lies in (or begins, if it has a node) cleared and readable already? */
static bool is_plainly_cleared_at(struct vd_overlay *overlay, struct vd_bytes key)
{
	struct vd_overlay_node *floor = vd_overlay_node_of(vd_map_floor(&overlay->map, key));
	return floor != NULL && !vd_bytes_equal(floor->at.key, key) && floor->clears_after && !floor->hides_after;
}

bool vd_overlay_clear_range(struct vd_overlay *overlay, struct vd_range range)
{
	if (vd_range_is_empty(range)) {
		return true;
	}
	if (vd_range_is_key(range)) {
		return vd_overlay_clear(overlay, range.begin);
	}
	struct vd_overlay_node *begin = node_at(overlay, range.begin);
	if (begin == NULL ||
		(!is_plainly_cleared_at(overlay, range.end) && node_at(overlay, range.end) == NULL)) {
		return false;
	}
	struct vd_map_node *next = vd_map_next(&begin->at);
	while (next != NULL && vd_bytes_less(next->key, range.end)) {
		struct vd_map_node *gone = next;
		next = vd_map_next(next);
		vd_map_remove(&overlay->map, gone);
	}
	become(overlay, begin, VD_OVERLAY_ABSENT, VD_BYTES(""));
	begin->is_unreadable = begin->hides_after = false;
	begin->clears_after = true;
	return true;
}

/* What the overlay below knows of the key becomes this one's base, copied. */
static bool take_base_from_below(struct vd_overlay *overlay, struct vd_overlay_node *node)
{
	struct vd_overlay_view view = vd_overlay_get(overlay->below, node->at.key);
	if (view.state == VD_OVERLAY_PRESENT) {
		struct vd_bytes copy;
		return vd_bytes_dup(overlay->arena, view.value, &copy) &&
			   vd_overlay_set_base(overlay, node->at.key, &copy);
	}
	return view.state != VD_OVERLAY_ABSENT || vd_overlay_set_base(overlay, node->at.key, NULL);
}

static bool apply_now(
	struct vd_overlay *overlay, struct vd_overlay_node *node, uint32_t op, struct vd_bytes operand)
{
	if (!vd_atomic_apply(op, &node->value, operand, overlay->value_limit_bytes, overlay->arena)) {
		return false;
	}
	node->state = node->value.is_present ? VD_OVERLAY_PRESENT : VD_OVERLAY_ABSENT;
	return true;
}

bool vd_overlay_atomic(struct vd_overlay *overlay, uint32_t op, struct vd_bytes key, struct vd_bytes operand)
{
	struct vd_overlay_node *node = node_at(overlay, key);
	if (node == NULL) {
		return false;
	}
	if (node->state == VD_OVERLAY_UNKNOWN && overlay->below != NULL && !take_base_from_below(overlay, node)) {
		return false;
	}
	overlay->is_written = true;
	node->is_written = true;
	if (node->state == VD_OVERLAY_PRESENT || node->state == VD_OVERLAY_ABSENT) {
		return apply_now(overlay, node, op, operand);
	}
	struct vd_overlay_pending *last = VD_ARENA_NEW(overlay->arena, struct vd_overlay_pending);
	if (last == NULL) {
		return false;
	}
	last->op = op;
	last->operand = operand;
	if (node->pending == NULL) {
		node->pending_end = &node->pending;
	}
	*node->pending_end = last;
	node->pending_end = &last->next;
	node->state = VD_OVERLAY_PENDING;
	return true;
}

/* A key whose value has bytes that are not known yet. */
static bool set_unreadable(struct vd_overlay *overlay, struct vd_bytes key, struct vd_bytes value)
{
	struct vd_overlay_node *node = node_at(overlay, key);
	if (node == NULL) {
		return false;
	}
	become(overlay, node, VD_OVERLAY_PRESENT, value);
	node->is_unreadable = true;
	return true;
}

/* One of these keys is set: for those who read nevertheless, the first. */
static bool set_hidden(struct vd_overlay *overlay, struct vd_range range, struct vd_bytes value)
{
	struct vd_overlay_node *begin = node_at(overlay, range.begin);
	if (begin == NULL || node_at(overlay, range.end) == NULL) {
		return false;
	}
	for (struct vd_overlay_node *node = begin; node != NULL && vd_bytes_less(node->at.key, range.end);
		 node = vd_overlay_node_of(vd_map_next(&node->at))) {
		node->is_unreadable = node->hides_after = true;
	}
	become(overlay, begin, VD_OVERLAY_PRESENT, value);
	return true;
}

static bool apply_stamped_value(struct vd_overlay *overlay, const struct vd_mutation *mutation)
{
	struct vd_bytes value;
	size_t offset = 0;
	return vd_stamp_parse(mutation->value, &value, &offset) && set_unreadable(overlay, mutation->key, value);
}

static bool apply_stamped_key(
	struct vd_overlay *overlay, const struct vd_mutation *mutation, uint64_t least_version)
{
	struct vd_range range;
	return vd_stamp_range(overlay->arena, mutation->key, least_version, &range) &&
		   set_hidden(overlay, range, mutation->value);
}

/* What is stored under it shows through for those who read nevertheless. */
static bool hide_key(struct vd_overlay *overlay, struct vd_bytes key)
{
	struct vd_overlay_node *node = node_at(overlay, key);
	if (node != NULL) {
		node->is_unreadable = true;
	}
	return node != NULL;
}

static bool apply_sequenced(
	struct vd_overlay *overlay, const struct vd_mutation *mutation, uint64_t least_version)
{
	struct vd_bytes key;
	struct vd_bytes value;
	if (!vd_sequenced_parse(mutation, &key, &value) || !hide_key(overlay, mutation->counter)) {
		return false;
	}
	struct vd_range range;
	if (mutation->op == VD_OP_SET_SEQUENCED_KEY) {
		return vd_sequenced_range(overlay->arena, mutation->key, &range) && set_hidden(overlay, range, value);
	}
	if (mutation->is_stamped) {
		return vd_stamp_range(overlay->arena, mutation->key, least_version, &range) &&
			   set_hidden(overlay, range, value);
	}
	return set_unreadable(overlay, mutation->key, value);
}

bool vd_overlay_apply(struct vd_overlay *overlay, const struct vd_mutation *mutation, uint64_t least_version)
{
	switch (mutation->op) {
	case VD_OP_SET:
		return vd_overlay_set(overlay, mutation->key, mutation->value);
	case VD_OP_CLEAR:
		return vd_overlay_clear(overlay, mutation->key);
	case VD_OP_CLEAR_RANGE:
		return vd_overlay_clear_range(overlay, vd_range_of(mutation->key, mutation->value));
	case VD_OP_SET_VERSIONSTAMPED_KEY:
		return apply_stamped_key(overlay, mutation, least_version);
	case VD_OP_SET_VERSIONSTAMPED_VALUE:
		return apply_stamped_value(overlay, mutation);
	case VD_OP_SET_SEQUENCED_KEY:
	case VD_OP_SET_SEQUENCED_VALUE:
		return apply_sequenced(overlay, mutation, least_version);
	default:
		return vd_overlay_atomic(overlay, mutation->op, mutation->key, mutation->value);
	}
}

/* ---- What is stored ---- */

bool vd_overlay_set_base(struct vd_overlay *overlay, struct vd_bytes key, const struct vd_bytes *value)
{
	struct vd_overlay_node *node = vd_overlay_node_of(vd_map_floor(&overlay->map, key));
	if (node == NULL || !vd_bytes_equal(node->at.key, key)) {
		if (node != NULL && node->clears_after) {
			return true; /* it will be deleted whatever it is */
		}
		node = node_at(overlay, key);
		if (node == NULL) {
			return false;
		}
	}
	if (node->has_base) {
		return true;
	}
	learn_base(node, value);
	if (node->state != VD_OVERLAY_UNKNOWN && node->state != VD_OVERLAY_PENDING) {
		return true;
	}
	node->value = (struct vd_value){ .is_present = node->is_stored, .bytes = node->base };
	node->state = node->is_stored ? VD_OVERLAY_PRESENT : VD_OVERLAY_ABSENT;
	for (struct vd_overlay_pending *op = node->pending; op != NULL; op = op->next) {
		if (!apply_now(overlay, node, op->op, op->operand)) {
			return false;
		}
	}
	node->pending = NULL;
	return true;
}

bool vd_overlay_want_base(struct vd_overlay *overlay, struct vd_bytes key, bool *is_new)
{
	*is_new = false;
	struct vd_overlay_view view = vd_overlay_get(overlay, key);
	if (view.state == VD_OVERLAY_PRESENT || view.state == VD_OVERLAY_ABSENT) {
		return true;
	}
	struct vd_overlay_node *node = node_at(overlay, key);
	if (node == NULL) {
		return false;
	}
	*is_new = !node->is_wanted;
	node->is_wanted = true;
	return true;
}

/* ---- Reading ---- */

struct vd_overlay_view vd_overlay_get(const struct vd_overlay *overlay, struct vd_bytes key)
{
	const struct vd_overlay_node *node = vd_overlay_node_of(vd_map_floor(&overlay->map, key));
	bool is_at = node != NULL && vd_bytes_equal(node->at.key, key);
	struct vd_overlay_view view = is_at ? vd_overlay_view_of_node(node) : vd_overlay_view_of_span(node);
	if (view.state == VD_OVERLAY_UNKNOWN && overlay->below != NULL) {
		struct vd_overlay_view below = vd_overlay_get(overlay->below, key);
		view.state = below.state;
		view.value = below.value;
	}
	return view;
}
