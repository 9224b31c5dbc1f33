/* SPDX-License-Identifier: Apache-2.0 */
/* lease.h: may a standby take office now? A pure function of what it saw, and when.
 *
 * The lease's times are the database's clock (rule 10), and the database compares them: what a look reports is
 * already "expired", "ends too late". What the database's clock cannot be trusted with (it may stand still, or
 * jump) is caught by the candidate's own monotonic clock: a renewal counter that has stood still for one TTL
 * means that nobody renews, whatever the lease says. A lease that was released for one node is not waited for
 * longer than that either, by the others. Being wrong here costs an election, never correctness:
 * the fence decides who writes.
 */
#ifndef VD_RESOLVER_LEASE_H
#define VD_RESOLVER_LEASE_H

#include <stdbool.h>
#include <stdint.h>

/* One look at the lease. */
struct vd_lease_seen {
	int64_t epoch;
	int64_t renewals;
	bool is_own; /* a term that this node took and does not lead: lost on the way, or given up */
	bool is_released;
	bool is_anothers;    /* it was released for another node, which is to go first */
	bool is_expired;     /* by the database's clock */
	bool ends_too_late;  /* later than now + TTL */
	bool keeper_is_gone; /* the leader's keeper backend does not exist any more */
};

/* What the candidate remembers from look to look. All zero: it has not looked yet. */
struct vd_lease_watch {
	bool has_looked;
	int64_t epoch;
	int64_t renewals;
	int64_t since_ms; /* monotonic: when these two were seen first */
};

enum vd_lease_reason {
	VD_LEASE_HELD, /* wait */
	VD_LEASE_RELEASED,
	VD_LEASE_OWN,
	VD_LEASE_KEEPER_GONE,
	VD_LEASE_EXPIRED,
	VD_LEASE_TOO_LONG,
	VD_LEASE_STANDS_STILL,
};

/* Takes note of a look; VD_LEASE_HELD: wait, anything else is why to campaign now. */
enum vd_lease_reason vd_lease_judge(
	struct vd_lease_watch *watch, const struct vd_lease_seen *seen, int64_t now_ms, int64_t ttl_ms);

/* For the log: "the lease was released". */
const char *vd_lease_reason_text(enum vd_lease_reason reason);

#endif
