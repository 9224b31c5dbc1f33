/* SPDX-License-Identifier: Apache-2.0 */
/* window.h: when was a key range last written?
 *
 * The leader's memory of recent commits: a step function from key to the version at which it was last
 * written. It knows everything above its floor and nothing below. Writes of a batch are staged under the
 * batch's version, seen by queries at once, and then published (the batch committed) or discarded (it did
 * not: all is as before). At most two batches are staged at a time. The floor only rises; raising it gives
 * memory back.
 *
 * How it is built, and why, with measurements: docs/adr/0002-window.md.
 * Costs: query and stage O(log n) also for wide ranges; discard and raise_floor O(1) for each block of memory
 * they give back; publish O(s log n) for s staged ranges. It owns copies of all keys. Pure but for malloc;
 * one thread at a time.
 */
#ifndef VD_COMMON_KV_WINDOW_H
#define VD_COMMON_KV_WINDOW_H

#include "common/kv/range.h"

struct vd_window;

/* Knows nothing up to `floor`. It tries to stay under limit_bytes: see vd_window_proposed_floor. NULL: no
 * memory. */
VD_MUST_USE struct vd_window *vd_window_new(uint64_t floor, size_t limit_bytes);
void vd_window_free(struct vd_window *window); /* NULL is fine */

/* Forgets all, also what is staged: the start of a term, or a reload. The floor must not sink. */
void vd_window_reset(struct vd_window *window, uint64_t floor);

/* The newest version above read_version at which a key of the range was written, published or staged; 0 if
 * there is none, so that a reader at read_version loses to nothing. An empty range was never written. Whoever
 * reads below the floor is told at least the floor: the caller has answered too_old before, and would not get
 * a false 0. */
VD_MUST_USE uint64_t vd_window_query(
	const struct vd_window *window, struct vd_range range, uint64_t read_version);

/* Enters a range that the batch with this version writes. A version above all before opens a new batch (at
 * most two are open, else an assert). False: no memory, and nothing changed for queries. */
VD_MUST_USE bool vd_window_stage(struct vd_window *window, struct vd_range range, uint64_t version);

/* The oldest staged batch is committed. A version under which nothing was staged is fine. It cannot fail: if
 * memory runs out, the floor rises to this version instead, and the window forgets what it cannot keep. */
void vd_window_publish(struct vd_window *window, uint64_t version);

/* This batch and those after it are not committed: all is as it was before they were staged. */
void vd_window_discard(struct vd_window *window, uint64_t version);

/* Forgets what was written at this version and before. Not above what is published. A version at or below the
 * floor changes nothing. */
void vd_window_raise_floor(struct vd_window *window, uint64_t version);

uint64_t vd_window_floor(const struct vd_window *window);

/* The floor that would bring the window back under its limit; the present floor while it is under it. */
uint64_t vd_window_proposed_floor(const struct vd_window *window);

/* Memory held, and ranges remembered (an upper bound). */
size_t vd_window_bytes(const struct vd_window *window);
size_t vd_window_entries(const struct vd_window *window);

#endif
