/* SPDX-License-Identifier: Apache-2.0 */
/* lock.h: who may commit while the store is locked.
 *
 * As FoundationDB's lockDatabase: while the lock is held, whatever does not say that it is aware of it is refused with 1038. The
 * lock is a part of the state that a batch is resolved on, as its overlay is: it changes in the order of the commits, and what
 * stands in the watermark's row is the lock as of that version. Who is aware of the lock has to see to it that it is his: by a
 * precondition, or by taking it again. Pure.
 */
#ifndef VD_RESOLVER_LOCK_H
#define VD_RESOLVER_LOCK_H

#include "common/kv/request.h"

struct vd_lock {
	bool is_held;
	uint8_t id[VD_LOCK_BYTES];
};

bool vd_lock_equal(const struct vd_lock *a, const struct vd_lock *b);

/* 0; 1038, it is held by another or the request is not aware of it; 2004, it writes the system's keys and nobody holds it. */
VD_MUST_USE int vd_lock_judge(const struct vd_lock *lock, const struct vd_request *request);

/* What a request that is committed makes of it. */
void vd_lock_follow(struct vd_lock *lock, const struct vd_request *request);

#endif
