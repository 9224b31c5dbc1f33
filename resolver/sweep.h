/* SPDX-License-Identifier: Apache-2.0 */
/* sweep.h: what a leader tidies once a second, on a connection of its own so that the drain never waits for it.
 *
 * - The notify queue: asking for its usage is what lets it recover (rule 19); above a quarter, sessions of ours
 *   that do not read are ended.
 * - VACUUM of the tables that batches churn, as soon as enough has been deleted: autovacuum comes once a minute,
 *   when a busy queue is a million dead rows long.
 * - Registrations that nobody uses are purged, now and then.
 * Thread: the event loop's.
 */
#ifndef VD_RESOLVER_SWEEP_H
#define VD_RESOLVER_SWEEP_H

#include "common/base/arena.h"
#include "common/loop/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct vd_office;

struct vd_sweep {
	struct vd_office *office;
	struct vd_timer timer;
	struct vd_arena arena;
	bool is_asking;
	double usage;               /* of the notify queue, 0 to 1 */
	uint64_t vacuumed_requests; /* figures at the last VACUUM */
	uint64_t vacuumed_batches;
	int64_t purged_ms;
	unsigned chore; /* the next one to look at */
};

void vd_sweep_begin(struct vd_sweep *sweep, struct vd_office *office);
void vd_sweep_stop(struct vd_sweep *sweep);
void vd_sweep_fini(struct vd_sweep *sweep);

#endif
