/* SPDX-License-Identifier: Apache-2.0 */
/* spread.c: see spread.h. A number n lies where n - 1 would if buckets began with their lower end. */
#include "resolver/metrics/spread.h"

#include <string.h>

/* 2^4 = VD_SPREAD_SPLIT */
enum { SPLIT_POWER = 4 };

static unsigned bucket_of(uint64_t number)
{
	uint64_t below = number == 0 ? 0 : number - 1;
	if (below < VD_SPREAD_SPLIT)
		return (unsigned)below;
	unsigned power = 63 - (unsigned)__builtin_clzll(below);
	unsigned part = (unsigned)(below >> (power - SPLIT_POWER)) - VD_SPREAD_SPLIT;
	unsigned bucket = (power - SPLIT_POWER + 1) * VD_SPREAD_SPLIT + part;
	return bucket < VD_SPREAD_BUCKETS ? bucket : VD_SPREAD_BUCKETS - 1;
}

/* The largest number of a bucket. */
static uint64_t end_of(unsigned bucket)
{
	if (bucket < VD_SPREAD_SPLIT)
		return bucket + 1;
	unsigned power = bucket / VD_SPREAD_SPLIT + SPLIT_POWER - 1;
	return (uint64_t)(bucket % VD_SPREAD_SPLIT + VD_SPREAD_SPLIT + 1) << (power - SPLIT_POWER);
}

void vd_spread_add(struct vd_spread *spread, uint64_t number, uint64_t times)
{
	if (times == 0)
		return;
	spread->counts[bucket_of(number)] += times;
	spread->count += times;
	spread->sum += number * times;
	if (number > spread->max)
		spread->max = number;
}

uint64_t vd_spread_up_to(const struct vd_spread *spread, unsigned power)
{
	uint64_t count = 0;
	unsigned buckets = power <= SPLIT_POWER ? 1U << power : (power - SPLIT_POWER + 1) * VD_SPREAD_SPLIT;
	for (unsigned i = 0; i < buckets && i < VD_SPREAD_BUCKETS; i++)
		count += spread->counts[i];
	return count;
}

uint64_t vd_spread_share(const struct vd_spread *spread, double share)
{
	uint64_t seen = 0;
	for (unsigned i = 0; i < VD_SPREAD_BUCKETS; i++) {
		seen += spread->counts[i];
		if (spread->counts[i] > 0 && (double)seen >= share * (double)spread->count)
			return end_of(i) < spread->max ? end_of(i) : spread->max;
	}
	return spread->max;
}

/* Ends spans that are over. */
static void turn(struct vd_recent *recent, int64_t now_ms)
{
	if (now_ms - recent->since_ms < VD_RECENT_SPAN_MS)
		return;
	if (now_ms - recent->since_ms >= 2 * VD_RECENT_SPAN_MS)
		memset(&recent->spans[recent->present], 0, sizeof recent->spans[0]);
	recent->present = 1 - recent->present;
	memset(&recent->spans[recent->present], 0, sizeof recent->spans[0]);
	recent->since_ms = now_ms;
}

void vd_recent_add(struct vd_recent *recent, uint64_t number, uint64_t times, int64_t now_ms)
{
	turn(recent, now_ms);
	vd_spread_add(&recent->spans[recent->present], number, times);
}

void vd_recent_read(struct vd_recent *recent, struct vd_spread *out, int64_t now_ms)
{
	turn(recent, now_ms);
	*out = recent->spans[0];
	const struct vd_spread *other = &recent->spans[1];
	for (unsigned i = 0; i < VD_SPREAD_BUCKETS; i++)
		out->counts[i] += other->counts[i];
	out->count += other->count;
	out->sum += other->sum;
	if (other->max > out->max)
		out->max = other->max;
}
