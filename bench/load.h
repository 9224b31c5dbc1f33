/* SPDX-License-Identifier: Apache-2.0 */
/* load.h: runs a workload in several processes and reports what they found. */
#ifndef VD_BENCH_LOAD_H
#define VD_BENCH_LOAD_H

#include "bench/report.h"
#include "bench/workload.h"

#include <stdbool.h>

enum vd_bench_end {
	VD_BENCH_RAN = 0,           /* the report is filled (and may say that the check failed) */
	VD_BENCH_FAILED = 2,        /* could not run: one line on standard error */
	VD_BENCH_INTERRUPTED = 130, /* before there was anything to measure */
};

/* Settings that are 0 become what the workload is made for. False, with *why, where they are not for it. */
bool vd_bench_settle(
	const struct vd_bench_workload *workload, struct vd_bench_settings *settings, const char **why);

/* Settled settings. On a terminal, standard error shows how far it is. SIGINT and SIGTERM meanwhile end the load early: what
 * was in flight is finished, checked and reported; a second one ends everything at once. Main thread, no other thread. */
enum vd_bench_end vd_bench_run_workload(const struct vd_bench_workload *workload,
	const struct vd_bench_settings *settings, struct vd_bench_report *report);

#endif
