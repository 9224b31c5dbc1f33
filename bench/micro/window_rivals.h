/* SPDX-License-Identifier: Apache-2.0 */
/* window_rivals.h: what the window is compared with: the same question answered in plain ways.
 *
 * - tree: a step function in a red-black tree of boundaries, one heap node each; a range query walks all steps in it, and what
 *   is below the floor is swept out by a walk over everything, twice a second of history.
 * - list: the recent write ranges in a ring; a query walks those above the read version.
 * Neither can take anything back (no stage, no discard), so they do less than the window.
 */
#ifndef VD_BENCH_MICRO_WINDOW_RIVALS_H
#define VD_BENCH_MICRO_WINDOW_RIVALS_H

#include "common/kv/range.h"

/* One way to remember writes. All versions grow. */
struct rival {
	const char *name;
	size_t requests_max; /* it would take too long with more */
	void (*start)(uint64_t floor);
	uint64_t (*query)(struct vd_range range, uint64_t read_version);
	void (*write)(struct vd_range range, uint64_t version);
	void (*end_batch)(uint64_t version, uint64_t floor);
	size_t (*bytes)(void); /* 0: not counted */
	void (*stop)(void);
};

extern const struct rival rival_tree;
extern const struct rival rival_list;

#endif
