/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines: all the time-outs of one database, on one timer.
 *
 * A public call may come from another thread than the loop's and must not touch libevent; so a deadline is plain data in an
 * ordered tree, and only the one timer behind it is armed from the loop. Arming, cancelling and freeing what a deadline is
 * embedded in are therefore possible anywhere, under the guard.
 */
#ifndef VD_FOLLOWER_DEADLINE_H
#define VD_FOLLOWER_DEADLINE_H

#include "common/base/check.h"

#include <bsd/sys/tree.h>
#include <stdbool.h>
#include <stdint.h>

struct vd_deadlines;
struct vd_guard;
struct vd_loop;

/* Embedded; all zero, but for callback and arg, is one that is not armed. */
struct vd_deadline {
	RB_ENTRY(vd_deadline) link;
	struct vd_deadlines *armed_in; /* NULL: not armed */
	int64_t at_us;
	void (*callback)(void *arg); /* from the loop, under the guard; the deadline is not armed any more then */
	void *arg;
};

/* NULL without memory. */
VD_MUST_USE struct vd_deadlines *vd_deadlines_new(struct vd_guard *guard, struct vd_loop *loop);
/* On the loop's thread. What is armed is forgotten. NULL does nothing. */
void vd_deadlines_free(struct vd_deadlines *deadlines);

/* At a time of vd_clock_us; replaces what was armed. */
void vd_deadline_arm(struct vd_deadlines *deadlines, struct vd_deadline *deadline, int64_t at_us);
void vd_deadline_cancel(struct vd_deadline *deadline);

#endif
