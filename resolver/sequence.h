/* SPDX-License-Identifier: Apache-2.0 */
/* sequence.h: a winner's sequenced writes get their numbers.
 *
 * What a counter gives next is what the overlay says of it, so earlier winners of the batch and the batch below count. A
 * request that is not committed takes no number: so there are no gaps. Nothing is written here: what comes back is the
 * same request without sequenced writes, and with its counters set behind the other mutations, which fold and window
 * take as any other. Everything lives in batch->work. Pure; one thread.
 */
#ifndef VD_RESOLVER_SEQUENCE_H
#define VD_RESOLVER_SEQUENCE_H

#include "resolver/batch.h"

struct vd_numbered {
	int code; /* 0; 2000: a sequenced value before any key of its counter; 7006: a counter has no number to give */
	struct vd_request request; /* to be folded, if the code is 0 */
	/* The first number of each counter, in the order in which the request names them first. */
	const uint64_t *firsts;
	uint32_t first_count;
};

/* A valid request, whose counters the overlay knows (vd_fold_wants asks for them). False: the arena is at its limit. */
VD_MUST_USE bool vd_sequence_number(
	struct vd_batch *batch, const struct vd_request *request, struct vd_numbered *numbered);

#endif
