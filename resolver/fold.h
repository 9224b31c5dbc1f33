/* SPDX-License-Identifier: Apache-2.0 */
/* fold.h: a batch's winners become one write set.
 *
 * The overlay is kv's; here is how a batch uses it: which base values it needs (each key once, however many requests
 * add to it), how a winner enters it under its stamp, and what is left to do in the end. Everything lives in the
 * batch's arenas; false means that one is at its limit, and the overlay is lost. One thread.
 */
#ifndef VD_RESOLVER_FOLD_H
#define VD_RESOLVER_FOLD_H

#include "resolver/batch.h"

/* An empty overlay in batch->work, over the one of batch->below if there is one. */
VD_MUST_USE bool vd_fold_begin(struct vd_batch *batch, const struct vd_limits *limits);

/* Sets batch->base_keys: what the atomic ops, the counters and the preconditions of all its requests may need and the overlay
 * below does not know. */
VD_MUST_USE bool vd_fold_wants(struct vd_batch *batch);

/* Hands all base values in batch->base_values to the overlay; a wanted key that brought none is absent. */
VD_MUST_USE bool vd_fold_supply(struct vd_batch *batch);

/* One winner's mutations, in order; numbered (sequence.h). */
VD_MUST_USE bool vd_fold_request(
	struct vd_batch *batch, const struct vd_request *request, struct vd_stamp stamp);

/* Sets batch->writes, and lets go of the overlay below. */
VD_MUST_USE bool vd_fold_end(struct vd_batch *batch);

#endif
