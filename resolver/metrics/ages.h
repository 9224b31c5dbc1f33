/* SPDX-License-Identifier: Apache-2.0 */
/* ages.h: how long ago a request came into the queue, from its arrival number.
 *
 * The queue does not say when a row came, only in which order. So it is noted now and then which number was the newest: a number
 * is as old as the first note that has reached it. An age is too low by at most the time between two notes. Pure; the caller
 * says what time it is. One thread.
 */
#ifndef VD_RESOLVER_METRICS_AGES_H
#define VD_RESOLVER_METRICS_AGES_H

#include <stdint.h>

#define VD_AGES_NOTES 128

struct vd_ages {
	struct {
		int64_t arrival;
		int64_t at_ms;
	} notes[VD_AGES_NOTES]; /* a ring; both rise */
	unsigned first;
	unsigned count;
};

/* This number is the newest as of now. One that is lower than before (a crash of PostgreSQL begins anew) forgets all. */
void vd_ages_note(struct vd_ages *ages, int64_t newest, int64_t now_ms);

/* At least so old; 0 for one that no note has reached. */
int64_t vd_ages_of(const struct vd_ages *ages, int64_t arrival, int64_t now_ms);

#endif
