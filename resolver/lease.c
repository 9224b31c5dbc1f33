/* SPDX-License-Identifier: Apache-2.0 */
/* lease.c: see lease.h. */
#include "resolver/lease.h"

#include "common/base/check.h"

enum vd_lease_reason vd_lease_judge(
	struct vd_lease_watch *watch, const struct vd_lease_seen *seen, int64_t now_ms, int64_t ttl_ms)
{
	bool moved = !watch->has_looked || watch->epoch != seen->epoch || watch->renewals != seen->renewals;
	if (moved)
		*watch = (struct vd_lease_watch){
			.has_looked = true, .epoch = seen->epoch, .renewals = seen->renewals, .since_ms = now_ms
		};
	bool stands_still = now_ms - watch->since_ms >= ttl_ms;
	if (seen->is_released && seen->is_anothers && !stands_still)
		return VD_LEASE_HELD;
	if (seen->is_released)
		return VD_LEASE_RELEASED;
	if (seen->is_own)
		return VD_LEASE_OWN;
	if (seen->keeper_is_gone)
		return VD_LEASE_KEEPER_GONE;
	if (seen->is_expired)
		return VD_LEASE_EXPIRED;
	if (seen->ends_too_late)
		return VD_LEASE_TOO_LONG;
	if (stands_still)
		return VD_LEASE_STANDS_STILL;
	return VD_LEASE_HELD;
}

const char *vd_lease_reason_text(enum vd_lease_reason reason)
{
	static const char *const texts[] = {
		[VD_LEASE_HELD] = "the lease is held",
		[VD_LEASE_RELEASED] = "the lease was released",
		[VD_LEASE_OWN] = "the lease is this node's own",
		[VD_LEASE_KEEPER_GONE] = "the leader's keeper is gone from the database",
		[VD_LEASE_EXPIRED] = "the lease has expired",
		[VD_LEASE_TOO_LONG] = "the lease ends later than any lease may",
		[VD_LEASE_STANDS_STILL] = "the lease was not renewed for a whole lease by this node's own clock",
	};
	VD_ASSERT((unsigned)reason < VD_COUNT(texts));
	return texts[reason];
}
