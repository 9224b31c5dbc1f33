/* SPDX-License-Identifier: Apache-2.0 */
/* keeper.h: the thread that looks after the lease, so that a long batch cannot starve a renewal.
 *
 * As a standby it looks at the lease every look-interval (a SELECT: nobody waits inside a lock, and nothing
 * holds a snapshot), and at once when a release is announced. When lease.h says so it takes office, and from
 * then on renews every sixth of the TTL, but only while the event loop's pulse is fresh: a stuck loop must
 * lose the lease although this thread is healthy. A renewal also tells whether the term is asked to hand over,
 * and the event loop then does so. If its connection is lost it comes back and goes on
 * renewing, as long as nobody else took over; standbys see its backend gone and may.
 *
 * It has its own loop and its own connection; all it shares is the hinge.
 */
#ifndef VD_RESOLVER_KEEPER_H
#define VD_RESOLVER_KEEPER_H

#include "resolver/hinge.h"
#include "resolver/settings.h"

struct vd_keeper;

/* Starts the thread. The hinge's loop_wake is ready; its keeper_wake is made here. Aborts without memory. */
struct vd_keeper *vd_keeper_start(const struct vd_resolver_settings *settings, struct vd_hinge *hinge);

/* After hinge->stop was set and keeper_wake rung: waits for the thread's end and frees it. */
void vd_keeper_join(struct vd_keeper *keeper);

#endif
