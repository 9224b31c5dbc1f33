/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.h: latencies, counted in buckets that are 1.6 % wide.
 *
 * A bucket is a power of two split into 64; so a percentile is right to 1.6 % at any scale, and histograms of several
 * processes add up. Plain memory without pointers: it may lie in memory that processes share. One writer at a time.
 */
#ifndef VD_BENCH_HISTOGRAM_H
#define VD_BENCH_HISTOGRAM_H

#include <stdint.h>

#define VD_HISTOGRAM_SPLIT   64
#define VD_HISTOGRAM_BUCKETS (VD_HISTOGRAM_SPLIT * 48)

struct vd_histogram {
	uint64_t counts[VD_HISTOGRAM_BUCKETS];
	uint64_t count;
	uint64_t max_ns;
};

void vd_histogram_add(struct vd_histogram *histogram, uint64_t ns);
void vd_histogram_merge(struct vd_histogram *into, const struct vd_histogram *from);
/* The latency in milliseconds that this share (0 to 1) of all stay under; 0 if there are none. */
double vd_histogram_percentile_ms(const struct vd_histogram *histogram, double share);

/* Where a bucket ends, in milliseconds: all in it were shorter. */
double vd_histogram_end_ms(unsigned bucket);

#endif
