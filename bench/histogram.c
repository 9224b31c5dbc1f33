/* SPDX-License-Identifier: Apache-2.0 */
/* histogram.c: see histogram.h. */
#include "bench/histogram.h"

static unsigned bucket_of(uint64_t ns)
{
	if (ns < VD_HISTOGRAM_SPLIT)
		return (unsigned)ns;
	unsigned power = 63 - (unsigned)__builtin_clzll(ns);
	unsigned bucket = (power - 5) * VD_HISTOGRAM_SPLIT + (unsigned)(ns >> (power - 6)) - VD_HISTOGRAM_SPLIT;
	return bucket < VD_HISTOGRAM_BUCKETS ? bucket : VD_HISTOGRAM_BUCKETS - 1;
}

/* The first number behind a bucket. */
static double end_of(unsigned bucket)
{
	if (bucket < VD_HISTOGRAM_SPLIT)
		return bucket + 1;
	unsigned power = bucket / VD_HISTOGRAM_SPLIT + 5;
	return (double)(bucket % VD_HISTOGRAM_SPLIT + VD_HISTOGRAM_SPLIT + 1) *
		   (double)(UINT64_C(1) << (power - 6));
}

void vd_histogram_add(struct vd_histogram *histogram, uint64_t ns)
{
	histogram->counts[bucket_of(ns)]++;
	histogram->count++;
	if (ns > histogram->max_ns)
		histogram->max_ns = ns;
}

void vd_histogram_merge(struct vd_histogram *into, const struct vd_histogram *from)
{
	for (unsigned i = 0; i < VD_HISTOGRAM_BUCKETS; i++)
		into->counts[i] += from->counts[i];
	into->count += from->count;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
}

double vd_histogram_percentile_ms(const struct vd_histogram *histogram, double share)
{
	uint64_t seen = 0;
	for (unsigned i = 0; i < VD_HISTOGRAM_BUCKETS; i++) {
		seen += histogram->counts[i];
		if (histogram->counts[i] > 0 && (double)seen >= share * (double)histogram->count) {
			double ns = end_of(i);
			return (ns < (double)histogram->max_ns ? ns : (double)histogram->max_ns) / 1e6;
		}
	}
	return 0;
}

double vd_histogram_end_ms(unsigned bucket)
{
	return end_of(bucket) / 1e6;
}
