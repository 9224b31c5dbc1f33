/* SPDX-License-Identifier: Apache-2.0 */
/* run.h: what the processes of one run share; private to bench/.
 *
 * A library does not outlive a fork, so what comes before the load (filling the keys) and after it (the audit) is a
 * process of its own, too, and the one that begins them all holds no database. They share plain memory without pointers, in
 * which each writes its own part.
 */
#ifndef VD_BENCH_RUN_H
#define VD_BENCH_RUN_H

#include "bench/workload.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* What one process found. */
struct vd_bench_result {
	_Atomic uint64_t done; /* also for those who watch */
	uint64_t commits, retries, checks, wrong;
	uint64_t applied, unknown; /* also before it was counted */
	_Atomic bool ready;        /* it can begin */
	_Atomic bool idle;         /* its slots have ended */
	int failed;
	struct vd_histogram latency;
};

struct vd_bench_shared {
	_Atomic bool stop; /* somebody asked for it */
	/* When the load begins (0: not yet), from when it counts, and when it ends: CLOCK_MONOTONIC. */
	_Atomic uint64_t begin_ns, count_from_ns, stop_at_ns;
	_Atomic bool measured;   /* what the load cost is known: the checks may begin, and processes may end */
	_Atomic uint64_t filled; /* keys so far */
	struct vd_bench_result results[];
};

/* One process's part, from inside. */
struct vd_bench_run {
	const struct vd_bench_workload *workload;
	struct vd_bench_shared *shared;
	struct vd_bench_result *result;
	int running; /* slots */
	pthread_mutex_t lock;
	pthread_cond_t idle;
};

uint64_t vd_bench_now_ns(void);

/* Parts: each is done in a process of its own; 0, or what the process ends with. */
int vd_bench_fill(struct vd_bench_load *load);
int vd_bench_run_slots(struct vd_bench_load *load);

#endif
