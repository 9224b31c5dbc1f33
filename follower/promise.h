/* SPDX-License-Identifier: Apache-2.0 */
/* Promise: a future that is asked for before the commit and ends with it: the versionstamp, or the first number of a
 * counter. The commit takes the promises of its transaction along, so they are kept also if that is gone meanwhile. Under
 * the guard.
 */
#ifndef VD_FOLLOWER_PROMISE_H
#define VD_FOLLOWER_PROMISE_H

#include "common/base/vector.h"
#include "follower/future.h"

struct vd_verdict;

struct vd_promise {
	struct vd_future *future;
	size_t counter; /* its place among those of the request, or VD_PROMISE_STAMP */
};
#define VD_PROMISE_STAMP SIZE_MAX

struct vd_promises {
	VD_VECTOR(struct vd_promise);
};

/* NULL without memory, or a future that has ended with that. */
VD_MUST_USE struct vd_future *vd_promises_add(
	struct vd_promises *promises, struct vd_guard *guard, size_t counter);

/* All end: with the error, or with what the verdict of a commit says. The memory is freed. */
void vd_promises_break(struct vd_promises *promises, int code);
void vd_promises_keep(struct vd_promises *promises, const struct vd_verdict *verdict);

#endif
