/* SPDX-License-Identifier: Apache-2.0 */
/* spread.h: how numbers of one kind are spread: how many, their sum, and how many up to each size.
 *
 * A bucket is a power of two split into 16, so a share is right to 6 % at any scale, and powers of two are exact bounds: a
 * bucket holds what is above its lower end, up to and with its upper end, as Prometheus counts. Plain memory; pure; one thread.
 */
#ifndef VD_RESOLVER_METRICS_SPREAD_H
#define VD_RESOLVER_METRICS_SPREAD_H

#include <stdint.h>

#define VD_SPREAD_SPLIT   16
#define VD_SPREAD_POWERS  40 /* what is larger than 2^40 counts as that: of microseconds, twelve days */
#define VD_SPREAD_BUCKETS (VD_SPREAD_SPLIT * (VD_SPREAD_POWERS - 3))

struct vd_spread {
	uint64_t counts[VD_SPREAD_BUCKETS];
	uint64_t count;
	uint64_t sum;
	uint64_t max;
};

/* The same number so many times. */
void vd_spread_add(struct vd_spread *spread, uint64_t number, uint64_t times);

/* How many were at most 2^power; power up to VD_SPREAD_POWERS. */
uint64_t vd_spread_up_to(const struct vd_spread *spread, unsigned power);

/* What this share (0 to 1) of all is at most; 0 if there are none. */
uint64_t vd_spread_share(const struct vd_spread *spread, double share);

/* The numbers of the last seconds: those of the present span and of the one before it. */
#define VD_RECENT_SPAN_MS 5000
struct vd_recent {
	struct vd_spread spans[2];
	int64_t since_ms; /* when the present one began */
	unsigned present;
};

void vd_recent_add(struct vd_recent *recent, uint64_t number, uint64_t times, int64_t now_ms);

/* What was added 5 s ago or later, and up to 10 s ago. */
void vd_recent_read(struct vd_recent *recent, struct vd_spread *out, int64_t now_ms);

#endif
