/* SPDX-License-Identifier: Apache-2.0 */
/* usher.h: keeps the way free for the applies: who holds what they must write, and does not let go of it, is ended.
 *
 * A follower may lock the watermark for as long as it takes to give up a request, which is a matter of milliseconds. But
 * PostgreSQL lets anybody sleep in the same statement, or take the time-outs off an open transaction. So once a second
 * it is asked who has held such a lock for a second (the function end_holders), on the claim connection: the sweep's
 * may be busy with a VACUUM, the apply's is the one that waits. Thread: the event loop's.
 */
#ifndef VD_RESOLVER_USHER_H
#define VD_RESOLVER_USHER_H

#include "common/base/arena.h"
#include "common/loop/loop.h"

#include <stdbool.h>

struct vd_office;

struct vd_usher {
	struct vd_office *office;
	struct vd_timer timer;
	struct vd_arena arena;
	bool is_asking;
};

void vd_usher_begin(struct vd_usher *usher, struct vd_office *office);
void vd_usher_stop(struct vd_usher *usher);
void vd_usher_fini(struct vd_usher *usher);

#endif
