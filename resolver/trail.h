/* SPDX-License-Identifier: Apache-2.0 */
/* trail.h: from which arrival on a claim looks.
 *
 * Arrivals are numbered when a row is inserted, but seen when its transaction commits: a lower number can turn up
 * after a higher one was claimed. So a look begins some time back, at what was the newest claimed arrival then.
 * Why not always at 0: rows that were deleted stay in the index until they are vacuumed, which a long snapshot
 * prevents, and each look from 0 walks over all of them (measured: half the throughput under a 5 s snapshot).
 * Now and then it looks from 0 nevertheless, for a transaction can be arbitrarily slow. Pure; one thread.
 */
#ifndef VD_RESOLVER_TRAIL_H
#define VD_RESOLVER_TRAIL_H

#include <stdint.h>

#define VD_TRAIL_MARKS   64
#define VD_TRAIL_STEP_MS 5

struct vd_trail {
	struct {
		int64_t at_ms;
		int64_t arrival;
	} marks[VD_TRAIL_MARKS]; /* a ring */
	uint32_t first;
	uint32_t count;
	int64_t newest;
};

/* All zero: nothing was claimed. */
void vd_trail_reset(struct vd_trail *trail);

/* This arrival was claimed; higher ones may have been before. */
void vd_trail_claimed(struct vd_trail *trail, int64_t arrival, int64_t now_ms);

/* The newest arrival that was claimed age_ms ago or before; 0 if nothing was. */
int64_t vd_trail_low(const struct vd_trail *trail, int64_t now_ms, int64_t age_ms);

#endif
