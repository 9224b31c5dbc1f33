/* SPDX-License-Identifier: Apache-2.0 */
/* presence.h: is there any key in a range? For preconditions that demand that there is none.
 *
 * A range may hold a million rows, and winners before the request may clear any part of it. So that one bounded read,
 * made before anything is resolved, is enough for an exact answer:
 *
 * 1. The ranges asked about are cut into *stretches* wherever a clear of a range begins or ends: of any request of this
 *    batch, or in the overlay below. So such a clear takes all of a stretch, or nothing of it.
 * 2. Of each stretch the first stored keys are read: one more than there are single keys in it that a request of this
 *    batch may clear, or that the overlay below knows. All stretches by one statement.
 * 3. Of those keys, without what the overlay below has cleared and with what it has put there, a set is made, and each
 *    winner's mutations are followed in it. A stretch of which all stored keys were read is in the set as it is. In any
 *    other there is at least one stored key left in the set and in truth alike, until a clear takes the stretch away
 *    from both. So a range is empty if and only if the set has no key in it: O(log n).
 *
 * What is asked for lives in batch->bases, the set in batch->work; false means that an arena is at its limit. Pure.
 */
#ifndef VD_RESOLVER_PRESENCE_H
#define VD_RESOLVER_PRESENCE_H

#include "resolver/batch.h"

/* Sets the stretches of the batch; none if no request demands that a range is empty. */
VD_MUST_USE bool vd_presence_wants(struct vd_batch *batch);

/* Makes the set of what was read and of what the batch below holds. */
VD_MUST_USE bool vd_presence_begin(struct vd_batch *batch);

/* A winner's mutation has entered the overlay: plain, that is stamped. */
VD_MUST_USE bool vd_presence_follow(struct vd_batch *batch, const struct vd_mutation *mutation);

/* The range must be one that a request of the batch demands to be empty. */
bool vd_presence_is_empty(const struct vd_batch *batch, struct vd_range range);

#endif
