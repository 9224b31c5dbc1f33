/* SPDX-License-Identifier: Apache-2.0 */
/* ages.c: see ages.h. Of two notes of the same number the first one stays: when it was issued, not how long it stayed the newest. */
#include "resolver/metrics/ages.h"

void vd_ages_note(struct vd_ages *ages, int64_t newest, int64_t now_ms)
{
	if (ages->count > 0) {
		int64_t last = ages->notes[(ages->first + ages->count - 1) % VD_AGES_NOTES].arrival;
		if (last == newest)
			return;
		if (last > newest)
			ages->count = 0;
	}
	if (ages->count == VD_AGES_NOTES) {
		ages->first = (ages->first + 1) % VD_AGES_NOTES;
		ages->count--;
	}
	unsigned at = (ages->first + ages->count++) % VD_AGES_NOTES;
	ages->notes[at].arrival = newest;
	ages->notes[at].at_ms = now_ms;
}

int64_t vd_ages_of(const struct vd_ages *ages, int64_t arrival, int64_t now_ms)
{
	for (unsigned i = 0; i < ages->count; i++) {
		unsigned at = (ages->first + i) % VD_AGES_NOTES;
		if (ages->notes[at].arrival >= arrival)
			return now_ms - ages->notes[at].at_ms;
	}
	return 0;
}
