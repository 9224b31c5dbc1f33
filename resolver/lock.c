/* SPDX-License-Identifier: Apache-2.0 */
/* lock.c: see lock.h. */
#include "resolver/lock.h"

bool vd_lock_equal(const struct vd_lock *a, const struct vd_lock *b)
{
	return a->is_held == b->is_held && (!a->is_held || memcmp(a->id, b->id, sizeof a->id) == 0);
}

int vd_lock_judge(const struct vd_lock *lock, const struct vd_request *request)
{
	bool is_own = request->lock_change != VD_LOCK_KEEP && lock->is_held &&
				  memcmp(request->lock.data, lock->id, sizeof lock->id) == 0;
	if (lock->is_held && (!request->is_lock_aware || (request->lock_change != VD_LOCK_KEEP && !is_own)))
		return VD_CODE_DATABASE_LOCKED;
	/* Counters among them: only while nobody draws from them. */
	bool will_be_held = lock->is_held || request->lock_change == VD_LOCK_TAKE;
	if (request->is_lock_aware && !will_be_held && vd_request_writes_system(request))
		return VD_CODE_KEY_OUTSIDE_LEGAL_RANGE;
	return 0;
}

void vd_lock_follow(struct vd_lock *lock, const struct vd_request *request)
{
	if (request->lock_change == VD_LOCK_KEEP)
		return;
	lock->is_held = request->lock_change == VD_LOCK_TAKE;
	memcpy(lock->id, request->lock.data, sizeof lock->id);
}
