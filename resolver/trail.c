/* SPDX-License-Identifier: Apache-2.0 */
/* trail.c: one mark every few milliseconds, so the ring spans more than any age that is asked for. */
#include "resolver/trail.h"

#include <string.h>

void vd_trail_reset(struct vd_trail *trail)
{
	memset(trail, 0, sizeof *trail);
}

void vd_trail_claimed(struct vd_trail *trail, int64_t arrival, int64_t now_ms)
{
	if (arrival <= trail->newest)
		return;
	trail->newest = arrival;
	if (trail->count > 0) {
		uint32_t last = (trail->first + trail->count - 1) % VD_TRAIL_MARKS;
		if (now_ms - trail->marks[last].at_ms < VD_TRAIL_STEP_MS)
			return;
	}
	if (trail->count == VD_TRAIL_MARKS) {
		trail->first = (trail->first + 1) % VD_TRAIL_MARKS;
		trail->count--;
	}
	uint32_t at = (trail->first + trail->count++) % VD_TRAIL_MARKS;
	trail->marks[at].at_ms = now_ms;
	trail->marks[at].arrival = arrival;
}

int64_t vd_trail_low(const struct vd_trail *trail, int64_t now_ms, int64_t age_ms)
{
	for (uint32_t i = trail->count; i-- > 0;) {
		uint32_t at = (trail->first + i) % VD_TRAIL_MARKS;
		if (now_ms - trail->marks[at].at_ms >= age_ms)
			return trail->marks[at].arrival;
	}
	return 0;
}
