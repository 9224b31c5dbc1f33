/* SPDX-License-Identifier: Apache-2.0 */
/* Limits: how much of a range comes at a time. Pure. */
#ifndef VD_FOLLOWER_LIMITS_H
#define VD_FOLLOWER_LIMITS_H

#include "follower/transaction.h"

/* INT64_MAX: any. The row that reaches one of them is the last. */
struct vd_range_limits {
	int64_t rows;
	int64_t bytes; /* of vd_row_bytes */
};

/* 0, or 2012, 2210, 2000. */
VD_MUST_USE int vd_range_limits_of(
	const struct vd_range_options *options, struct vd_range_limits *limits, struct vd_fault *fault);

/* What mode iterator allows in its first, second, … turn. */
int64_t vd_iteration_bytes(int iteration);

/* What a row counts against a byte target. */
static inline int64_t vd_row_bytes(struct vd_bytes key, struct vd_bytes value)
{
	enum { ROW_BYTES = 8 };
	return (int64_t)(key.size + value.size) + ROW_BYTES;
}

#endif
