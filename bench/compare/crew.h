/* SPDX-License-Identifier: Apache-2.0 */
/* crew.h: one leader and some workers, a process each, as the comparisons with a queue have them: started together, measured, collected.
 *
 * Whatever fails ends the program with one line. A leader or worker whose parent dies ends with it.
 */
#ifndef VD_BENCH_COMPARE_CREW_H
#define VD_BENCH_COMPARE_CREW_H

#include "bench/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one worker found; shared with the process that adds up. */
struct crew_result {
	uint64_t done;      /* while it was counted */
	uint64_t committed; /* in all */
	struct vd_histogram latency;
};

/* A worker, in its own process: so many commits in flight, each in a slot. */
struct crew_worker {
	const struct vd_bench_settings *settings;
	struct crew_result *result;
	int index;
	uint64_t random;
	uint64_t from, to;              /* what is counted (plain_now_ns); nothing begins after `to` */
	uint64_t *begun;                /* by slot; to be set by the worker */
	size_t *free_slots, free_count; /* all, at first */
};

struct crew_shape {
	const char *name, *schema;
	/* Leads until it is killed, and never returns. */
	void (*lead)(const char *dsn, const struct vd_bench_settings *settings);
	/* Returns when all of its commits are answered. */
	void (*work)(const char *dsn, struct crew_worker *worker);
};

/* From begin to end; fills the report, but for what was checked. False: not all processes ended well. */
bool crew_run(const struct crew_shape *shape, const char *dsn, const struct vd_bench_settings *settings,
	struct vd_bench_report *report);

/* For the worker: a key's number, equally likely among its share of the keys. */
int crew_draw_key(struct crew_worker *worker);
/* The commit of this slot is answered, and the slot free. */
void crew_answered(struct crew_worker *worker, size_t slot, uint64_t now);

#endif
