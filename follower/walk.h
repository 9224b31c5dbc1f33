/* SPDX-License-Identifier: Apache-2.0 */
/* Walk: drives a scan (scan.h) over one range of a transaction's view: fetches what the scan wants, stretch by stretch.
 *
 * A read sees the writes that came before its call. The overlay knows only the present; so a walk that has to go on after
 * further writes makes itself an overlay of the mutations before its call.
 */
#ifndef VD_FOLLOWER_WALK_H
#define VD_FOLLOWER_WALK_H

#include "follower/read.h"
#include "follower/seek.h"

struct vd_walk {
	/* set by the owner before the start */
	struct vd_read *read;
	struct vd_arena *arena; /* the read's own */
	vd_scan_sink *sink;
	void *arg;
	bool with_values;
	/* how much is still wanted, about; the sink keeps them up to date */
	int64_t rows;
	int64_t bytes;
	/* The range is through, the sink had enough, or it failed; the read may be ended in it. */
	void (*done)(void *arg, int code, const char *message);

	struct vd_scan scan;
	struct vd_bytes wanted_begin; /* what is being fetched */
	struct vd_bytes wanted_end;
	bool wanted_values;
	int64_t row_bytes; /* of the rows of the last stretch, about; 0: none has come */
	bool is_private;   /* the scan's overlay is its own */
};

/* The range must live in the read's arena, or for ever. done may come from inside. */
void vd_walk_start(struct vd_walk *walk, struct vd_range range, bool is_reverse);

/* The part of the range on which the answer depends, without what own writes answered, becomes read conflicts, unless the
 * read is a snapshot read. False without memory. Inside done. */
VD_MUST_USE bool vd_walk_conflict(struct vd_walk *walk, struct vd_range range);

/* ---- Locate: a walk to the key that a selector means ---- */

struct vd_locate {
	struct vd_walk walk;
	struct vd_seek seek;
	uint64_t left;
	bool is_found;
	struct vd_bytes key; /* the answer, in the read's arena */
	void (*done)(void *arg, int code, const char *message);
	void *arg;
};

/* Adds the read conflicts itself. done may come from inside. */
void vd_locate_start(struct vd_locate *locate, struct vd_read *read, struct vd_arena *arena,
	const struct vd_seek *seek, void (*done)(void *arg, int code, const char *message), void *arg);

/* 2004 for a selector beyond the keys that the transaction may read. */
VD_MUST_USE int vd_selector_check(
	const struct vd_transaction *transaction, const struct vd_selector *selector, struct vd_fault *fault);

#endif
