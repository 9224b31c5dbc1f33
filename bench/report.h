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
	int keys;              /* in all; 0: what the workload is made for */
	double theta;          /* how skewed the choice of keys is (zipf); 0: all are equally likely */
	int value_bytes;       /* 0: what the workload is made for */
	unsigned seed;
	int max_retry_delay_ms;
};

/* What the processes of one kind used while it was counted; negative: not known, because they are not on this machine. */
struct vd_bench_usage {
	double cpu_s;
	double memory_bytes; /* of their own, without what they share; the most that was seen, in all */
};

struct vd_bench_report {
	const char *workload;
	double seconds; /* that were counted */
	uint64_t done;  /* in these */
	uint64_t commits;
	uint64_t retries;
	uint64_t unknown; /* commits that ended with commit_unknown_result and were not tried again */
	/* The run compared the store with what it was told; false is a wrong answer, and the run a failure. */
	bool checked;
	bool interrupted; /* it was ended early: what was done until then counts */
	uint64_t checks;
	/* Of a part of the time that was counted, from one renewal of the lease to another; 0: too short for that. */
	uint64_t batches, batched_requests;
	double wal_bytes; /* written by the server; negative: not known */
	struct vd_bench_usage postgresql, resolver, workers;
	struct vd_histogram latency;
};

/* One JSON object on one line; docs/cli.md lists its fields. */
void vd_bench_print_json(const struct vd_bench_settings *settings, const struct vd_bench_report *report);
/* The same for people: a table. */
void vd_bench_print_text(const struct vd_bench_settings *settings, const struct vd_bench_report *report);

#endif
