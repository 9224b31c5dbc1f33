/* SPDX-License-Identifier: Apache-2.0 */
/* scan.c: the overlay's pieces and the stored rows, merged. */
#include "follower/scan.h"

#include "common/kv/overlay.h"

/* How many pieces of the overlay one stretch of stored rows may span. */
enum { WANT_PIECES_MAX = 256 };

struct merge {
	struct vd_scan *scan;
	const struct vd_stored *stored; /* NULL: none */
	size_t next;                    /* the first of its rows that was not passed */
	vd_scan_sink *sink;
	void *arg;
};

enum turn { TURN_NEXT, TURN_ENOUGH, TURN_FETCH, TURN_NO_MEMORY };

/* The next stored row, if it lies in the range or before it (in the direction of the scan). */
static const struct vd_stored_row *peek(const struct merge *merge, struct vd_range range)
{
	if (merge->stored == NULL || merge->next == merge->stored->count)
		return NULL;
	const struct vd_stored_row *row = &merge->stored->rows[merge->next];
	bool is_here = merge->scan->is_reverse ? vd_bytes_compare(row->key, range.begin) >= 0
										   : vd_bytes_less(row->key, range.end);
	return is_here ? row : NULL;
}

/* The part of a range, from its near end on, of which the stored rows are at hand; may be empty. */
static struct vd_range at_hand(const struct merge *merge, struct vd_range range)
{
	if (merge->stored == NULL)
		return vd_range_of(range.begin, range.begin);
	struct vd_range part = vd_range_common(range, merge->stored->range);
	if (merge->scan->is_reverse ? !vd_bytes_equal(part.end, range.end)
								: !vd_bytes_equal(part.begin, range.begin))
		return vd_range_of(range.begin, range.begin);
	return part;
}

/* The scan has passed a range. */
static void pass(struct merge *merge, struct vd_range range)
{
	while (peek(merge, range) != NULL)
		merge->next++;
	if (merge->scan->is_reverse)
		merge->scan->rest.end = range.begin;
	else
		merge->scan->rest.begin = range.end;
}

/* Stored rows show through. */
static enum turn turn_stored(struct merge *merge, struct vd_range range)
{
	struct vd_range part = at_hand(merge, range);
	const struct vd_stored_row *row;
	while (!vd_range_is_empty(part) && (row = peek(merge, part)) != NULL) {
		merge->next++;
		if (!merge->sink(merge->arg, row->key, row->value))
			return TURN_ENOUGH;
	}
	if (!vd_range_is_empty(part))
		pass(merge, part);
	bool is_whole = vd_bytes_equal(part.begin, range.begin) && vd_bytes_equal(part.end, range.end);
	return is_whole ? TURN_NEXT : TURN_FETCH;
}

/* Ops wait for what is stored under one key. */
static enum turn turn_pending(struct merge *merge, struct vd_range range)
{
	struct vd_scan *scan = merge->scan;
	if (vd_range_is_empty(at_hand(merge, range)) || !merge->stored->has_values)
		return TURN_FETCH;
	const struct vd_stored_row *row = peek(merge, range);
	struct vd_bytes value;
	if (row != NULL && !vd_bytes_dup(scan->value_arena, row->value, &value))
		return TURN_NO_MEMORY;
	if (!vd_overlay_set_base(scan->overlay, range.begin, row != NULL ? &value : NULL))
		return TURN_NO_MEMORY;
	struct vd_overlay_view view = vd_overlay_get(scan->overlay, range.begin);
	if (view.state == VD_OVERLAY_PRESENT && !merge->sink(merge->arg, range.begin, view.value))
		return TURN_ENOUGH;
	pass(merge, range);
	return TURN_NEXT;
}

static enum turn turn_piece(struct merge *merge, const struct vd_overlay_piece *piece)
{
	switch (piece->view.state) {
	case VD_OVERLAY_UNKNOWN:
		return turn_stored(merge, piece->range);
	case VD_OVERLAY_PENDING:
		return turn_pending(merge, piece->range);
	case VD_OVERLAY_PRESENT:
		if (!merge->sink(merge->arg, piece->range.begin, piece->view.value))
			return TURN_ENOUGH;
		break;
	case VD_OVERLAY_ABSENT:
		break;
	}
	pass(merge, piece->range);
	return TURN_NEXT;
}

static bool is_barred(const struct vd_scan *scan, const struct vd_overlay_piece *piece)
{
	return piece->view.is_unreadable && !scan->bypasses_unreadable;
}

static void widen(struct vd_range *range, struct vd_range by, bool is_reverse)
{
	if (is_reverse)
		range->begin = by.begin;
	else
		range->end = by.end;
}

/* From the first piece of the rest, which needs stored rows, up to a cleared span, over which it does not pay to fetch. */
static void want_compose(const struct vd_scan *scan, struct vd_scan_want *want)
{
	*want = (struct vd_scan_want){ .range = scan->rest };
	if (scan->overlay == NULL)
		return;
	struct vd_overlay_cursor cursor = vd_overlay_cursor_of(scan->overlay, scan->rest, scan->is_reverse);
	struct vd_overlay_piece piece;
	for (size_t i = 0; i < WANT_PIECES_MAX && vd_overlay_cursor_next(&cursor, &piece); i++) {
		bool is_needed = piece.view.state == VD_OVERLAY_UNKNOWN || piece.view.state == VD_OVERLAY_PENDING;
		if (is_barred(scan, &piece) || (!is_needed && !vd_range_is_key(piece.range)))
			break;
		if (piece.view.state != VD_OVERLAY_UNKNOWN)
			want->extra_rows++;
		if (piece.view.state == VD_OVERLAY_PENDING)
			want->needs_values = true;
		if (i == 0)
			want->range = piece.range;
		else if (is_needed)
			widen(&want->range, piece.range, scan->is_reverse);
	}
}

enum vd_scan_result vd_scan_run(struct vd_scan *scan, const struct vd_stored *stored, vd_scan_sink *sink,
	void *arg, struct vd_scan_want *want)
{
	struct merge merge = { scan, stored, 0, sink, arg };
	while (!vd_range_is_empty(scan->rest)) {
		struct vd_overlay_piece piece = { .range = scan->rest };
		if (scan->overlay != NULL) {
			struct vd_overlay_cursor cursor =
				vd_overlay_cursor_of(scan->overlay, scan->rest, scan->is_reverse);
			(void)!vd_overlay_cursor_next(&cursor, &piece); /* the rest is not empty, so there is one */
		}
		if (is_barred(scan, &piece))
			return VD_SCAN_UNREADABLE;
		switch (turn_piece(&merge, &piece)) {
		case TURN_NEXT:
			break;
		case TURN_ENOUGH:
			return VD_SCAN_ENOUGH;
		case TURN_NO_MEMORY:
			return VD_SCAN_NO_MEMORY;
		case TURN_FETCH:
			want_compose(scan, want);
			return VD_SCAN_FETCH;
		}
	}
	return VD_SCAN_END;
}
