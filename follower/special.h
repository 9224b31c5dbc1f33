/* SPDX-License-Identifier: Apache-2.0 */
/* Special keys: what a transaction knows of itself, read as if it were stored, under \xff\xff/transaction/.
 *
 *     read_conflict_range/B → 1, …/E → 0        each range [B, E) of the set, merged; so with
 *     write_conflict_range/                     (a stamped key: all that it may become), and
 *     conflicting_keys/                         what the last commit lost to, if it was told to report that
 *
 * 1. Reading them adds no conflict, takes no snapshot, and is legal during and after a commit.
 * 2. An answer waits for the reads called before it, for it is they that make the conflict ranges; if one of them fails, so
 *    does it. What comes after the call and before the answer is in the answer.
 * 3. Selectors stay within \xff\xff/transaction/: off the front is its first key, off the end its last. Whatever reaches
 *    beyond it, elsewhere from \xff\xff on, is 2004.
 *
 * special_rows.c makes the rows.
 */
#ifndef VD_FOLLOWER_SPECIAL_H
#define VD_FOLLOWER_SPECIAL_H

#include "follower/transaction.h"

/* All from \xff\xff on is special, up to this. */
#define VD_SPECIAL_BEGIN VD_BYTES("\xff\xff")
#define VD_SPECIAL_END   VD_BYTES("\xff\xff\xff")

static inline bool vd_special_has(struct vd_bytes key)
{
	return vd_bytes_has_prefix(key, VD_SPECIAL_BEGIN) && vd_bytes_less(key, VD_SPECIAL_END);
}

/* A range of special keys and no others. */
bool vd_special_spans(const struct vd_selector *begin, const struct vd_selector *end);

VD_MUST_USE struct vd_future *vd_special_get(
	struct vd_transaction *transaction, struct vd_bytes key, bool snapshot);
VD_MUST_USE struct vd_future *vd_special_get_range(struct vd_transaction *transaction,
	const struct vd_selector *begin, const struct vd_selector *end, const struct vd_range_options *options);

/* A read that is not special has ended. */
void vd_specials_read_ended(struct vd_transaction *transaction, const struct vd_fault *fault);

/* ---- The rows ---- */

/* All that there are now, in order, in the arena. False at its limit. */
VD_MUST_USE bool vd_special_rows(const struct vd_transaction *transaction, struct vd_arena *arena,
	const struct vd_row **rows, size_t *count);

#endif
