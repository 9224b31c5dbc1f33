/* SPDX-License-Identifier: Apache-2.0 */
/* load.h: runs a workload in several processes and reports what they found. */
#ifndef VD_BENCH_LOAD_H
#define VD_BENCH_LOAD_H

#include "bench/report.h"
#include "bench/workload.h"

/* 0: the report is filled (and may say that the check failed); 2: could not run, one line on standard error. */
int vd_bench_run_workload(const struct vd_bench_workload *workload, const struct vd_bench_settings *settings,
	struct vd_bench_report *report);

#endif
