/* SPDX-License-Identifier: Apache-2.0 */
/* overlay.h: what is to become of the stored keys, before it has become so.
 *
 * Base values, point writes and cleared ranges, applied in order and read through. It serves a worker's
 * transaction (reads see its own writes) and the leader's batch (all winners fold into one overlay, which in
 * the end says what is left to do), so that the two cannot drift apart.
 *
 * The idea: one ordered map of boundaries. A node says what holds at its key, and what holds in the open span
 * from there to the next node: whether it is cleared, whether it is unreadable. Where nothing is said, what
 * is stored shows through.
 *
 * - An atomic op on a key whose value is not known waits at that key, in order, until vd_overlay_set_base
 *   supplies it.
 * - The overlay may lie over another one (`below`), of the batch before, and reads single keys through it; it
 *   copies what it takes from there, and vd_overlay_detach lets go of it.
 * - A key under a stamped value, and all keys that a stamped key may become, are unreadable until cleared; so
 *   are a key under a sequenced value, all keys that a sequenced key may become, and its counter. That is for
 *   the worker alone: the leader numbers and stamps mutations first (sequence.h, vd_mutation_stamp).
 *
 * Memory: all in the arena given; keys are copied, values are borrowed and must live as long as the arena
 * does. What is returned is borrowed, and lives as long. A call that returns false met the arena's limit: the
 * overlay is then good for nothing but to be dropped with its arena. One thread at a time.
 */
#ifndef VD_COMMON_KV_OVERLAY_H
#define VD_COMMON_KV_OVERLAY_H

#include "common/base/arena.h"
#include "common/kv/mutation.h"
#include "common/kv/range.h"

struct vd_overlay;

/* An empty overlay in the arena. below may be NULL; value_limit_bytes is for APPEND_IF_FITS. NULL at the
 * arena's limit. */
VD_MUST_USE struct vd_overlay *vd_overlay_new(
	struct vd_arena *arena, const struct vd_overlay *below, size_t value_limit_bytes);

/* From here on the overlay does not look at the one below any more (which may then go). */
void vd_overlay_detach(struct vd_overlay *overlay);

/* True if nothing was written. Base values do not count. */
bool vd_overlay_is_empty(const struct vd_overlay *overlay);

/* ---- Writing, in order ---- */

VD_MUST_USE bool vd_overlay_set(struct vd_overlay *overlay, struct vd_bytes key, struct vd_bytes value);
VD_MUST_USE bool vd_overlay_clear(struct vd_overlay *overlay, struct vd_bytes key);
/* Empty or inverted: nothing. */
VD_MUST_USE bool vd_overlay_clear_range(struct vd_overlay *overlay, struct vd_range range);
/* An op that needs a base. */
VD_MUST_USE bool vd_overlay_atomic(
	struct vd_overlay *overlay, uint32_t op, struct vd_bytes key, struct vd_bytes operand);

/* Any mutation. Of stamped and sequenced ones, which must be well formed, only the place is known: the key (or
 * all that it may become, from least_version or from number 0 on) turns unreadable, and what stands there for
 * those who read nevertheless is the value with its stamp and number not filled in, under the first such key. */
VD_MUST_USE bool vd_overlay_apply(
	struct vd_overlay *overlay, const struct vd_mutation *mutation, uint64_t least_version);

/* ---- What is stored ---- */

/* Supplies what is stored under a key (NULL: nothing); ops that wait there are applied. Where the key was set
 * or cleared since, it only helps vd_overlay_write_set. Supplied again: ignored, as all of it comes from one
 * snapshot. */
VD_MUST_USE bool vd_overlay_set_base(
	struct vd_overlay *overlay, struct vd_bytes key, const struct vd_bytes *value);

/* Collects keys whose base will be needed: *is_new is true if neither this overlay nor the one below knows
 * what the key holds, and it was not wanted before. So a hot key is asked for once. */
VD_MUST_USE bool vd_overlay_want_base(struct vd_overlay *overlay, struct vd_bytes key, bool *is_new);

/* ---- Reading ---- */

enum vd_overlay_state {
	VD_OVERLAY_UNKNOWN, /* what is stored shows through */
	VD_OVERLAY_PRESENT,
	VD_OVERLAY_ABSENT,
	VD_OVERLAY_PENDING, /* atomic ops wait for what is stored */
};

struct vd_overlay_view {
	enum vd_overlay_state state;
	bool is_own; /* set or cleared here: does not depend on what is stored, so reading it adds no conflict */
	bool is_unreadable;    /* 1036, unless the reader takes the state as it is */
	struct vd_bytes value; /* if PRESENT */
};

/* What the overlay, over the one below, knows of a key. */
struct vd_overlay_view vd_overlay_get(const struct vd_overlay *overlay, struct vd_bytes key);

/* ---- Walking (this overlay alone) ---- */

/* Pieces of a range, gapless and in order (or in reverse). PRESENT and PENDING come key by key; neighbours
 * that are UNKNOWN, or ABSENT, and alike in both flags come as one. */
struct vd_overlay_piece {
	struct vd_range range; /* of a single key: [key, key\0) */
	struct vd_overlay_view view;
};

/* The overlay must not be written to meanwhile, but for vd_overlay_set_base of a PENDING piece's key. */
struct vd_overlay_cursor {
	const struct vd_overlay *overlay;
	struct vd_range rest; /* what is still to come */
	bool is_reverse;
};

struct vd_overlay_cursor vd_overlay_cursor_of(
	const struct vd_overlay *overlay, struct vd_range range, bool is_reverse);
VD_MUST_USE bool vd_overlay_cursor_next(struct vd_overlay_cursor *cursor, struct vd_overlay_piece *piece);

/* ---- What is left to do ---- */

struct vd_upsert {
	struct vd_bytes key;
	struct vd_bytes value;
};

/* To be done in this order: ranges, deletes, upserts. Each list is in key order; ranges neither meet nor
 * touch; a key is in at most one of deletes and upserts; no delete lies in a range (an upsert may: it was set
 * after the clear). */
struct vd_write_set {
	const struct vd_range *ranges;
	size_t range_count;
	const struct vd_bytes *deletes;
	size_t delete_count;
	const struct vd_upsert *upserts;
	size_t upsert_count;
	size_t bytes; /* all keys and values in it */
};

/* Deletes of keys known not to be stored are left out, and so are upserts of the value that is known to be
 * stored. Borrows from the overlay; the arrays are new in the arena. False at the arena's limit. Asserts that
 * no op waits for a base and no key is unreadable. */
VD_MUST_USE bool vd_overlay_write_set(
	const struct vd_overlay *overlay, struct vd_arena *arena, struct vd_write_set *set);

#endif
