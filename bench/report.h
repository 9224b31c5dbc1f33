/* SPDX-License-Identifier: Apache-2.0 */
/* report.h: what a run of a workload found, and how it is printed. */
#ifndef VD_BENCH_REPORT_H
#define VD_BENCH_REPORT_H

#include "bench/histogram.h"

#include <stdbool.h>

struct vd_bench_settings {
	const char *dsn; /* NULL: libpq's own variables */
	const char *schema;
	int processes;
	int in_flight; /* in each process */
	double seconds;
	double warmup_seconds; /* run but not counted */
	int keys;              /* in all */
	int value_bytes;
	unsigned seed;
};

struct vd_bench_report {
	const char *workload;
	double seconds; /* that were counted */
	uint64_t done;  /* in these */
	uint64_t retries;
	/* The run compared the store with what it was told; false is a wrong answer, and the run a failure. */
	bool checked;
	uint64_t checks;
	struct vd_histogram latency;
};

/* One JSON object on one line: workload, throughput_per_s, latency_ms {p50 p95 p99 p999 max}, retries, checked, … */
void vd_bench_print_json(const struct vd_bench_settings *settings, const struct vd_bench_report *report);
/* The same for people. */
void vd_bench_print_text(const struct vd_bench_settings *settings, const struct vd_bench_report *report);

#endif
