/* SPDX-License-Identifier: Apache-2.0 */
/* hot.h: the ranges over which transactions conflicted most, in the last minute.
 *
 * A sketch of bounded size ("Efficient Computation of Frequent and Top-k Elements in Data Streams", Metwally, Agrawal, El Abbadi,
 * 2005: space-saving): a range that is not watched takes the place of the one counted least, and its count with it. So a count
 * is never too low, and too high by at most what was counted last of all: a range with more than a 64th of all conflicts
 * is certainly there. Counts are kept in slots of ten seconds, the oldest of which is forgotten. It owns copies of the
 * keys. Pure; one thread.
 */
#ifndef VD_RESOLVER_METRICS_HOT_H
#define VD_RESOLVER_METRICS_HOT_H

#include "common/base/buffer.h"
#include "common/kv/range.h"

#include <stdint.h>

#define VD_HOT_RANGES  64
#define VD_HOT_SLOTS   6
#define VD_HOT_SLOT_MS 10000

struct vd_hot_range {
	uint64_t digest; /* of the range: which one it is */
	struct vd_buffer begin;
	struct vd_buffer end;
	uint32_t counts[VD_HOT_SLOTS];
	uint32_t total;
};

struct vd_hot {
	struct vd_hot_range ranges[VD_HOT_RANGES];
	int64_t slot; /* the present one: time divided by VD_HOT_SLOT_MS */
};

/* All zero is one that has seen nothing. */
void vd_hot_fini(struct vd_hot *hot);

/* A transaction lost over this range. */
void vd_hot_note(struct vd_hot *hot, struct vd_range range, int64_t now_ms);

/* The hottest first; how many, at most `most`. Borrowed until the next call. */
unsigned vd_hot_top(struct vd_hot *hot, const struct vd_hot_range **out, unsigned most, int64_t now_ms);

#endif
