/* SPDX-License-Identifier: Apache-2.0 */
/* Get_range, seen from inside: one read of a range, for the public call and for the iterator. */
#ifndef VD_FOLLOWER_GET_RANGE_H
#define VD_FOLLOWER_GET_RANGE_H

#include "follower/limits.h"
#include "follower/read.h"

/* Who reads a range chunk by chunk; all zero for whoever reads once. */
struct vd_range_owner {
	/* The rows are there, and somebody takes them: those of the range from its near end on, all of them unless is_full. Says whether the future tells
	 * of more. May start another read. */
	bool (*take)(void *arg, struct vd_range range, const struct vd_row *rows, size_t count, bool is_full);
	void *arg;
	struct vd_read **slot; /* where the read stands while it is outstanding; else NULL */
};

struct vd_range_job {
	struct vd_range_limits limits;
	bool is_reverse;
	bool is_snapshot;
	/* Nobody has asked for it yet: it adds no conflict, and if it fails, that concerns nobody. */
	bool is_ahead;
	struct vd_range_owner owner;
};

/* *future is what the public call returns. The selectors were checked. */
void vd_range_read_start(struct vd_transaction *transaction, const struct vd_selector *begin,
	const struct vd_selector *end, const struct vd_range_job *job, struct vd_future **future);
/* A read ahead is asked for now. */
void vd_range_read_claim(struct vd_read *read, bool is_snapshot);
/* The owner goes; the read goes on. */
void vd_range_read_disown(struct vd_read *read);

#endif
