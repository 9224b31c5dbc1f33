/* SPDX-License-Identifier: Apache-2.0 */
/* report.c: see report.h. */
#include "bench/report.h"

#include <inttypes.h>
#include <stdio.h>

static double throughput(const struct vd_bench_report *report)
{
	return report->seconds > 0 ? (double)report->done / report->seconds : 0;
}

void vd_bench_print_json(const struct vd_bench_settings *settings, const struct vd_bench_report *report)
{
	const struct vd_histogram *latency = &report->latency;
	printf("{\"workload\":\"%s\",\"processes\":%d,\"in_flight\":%d,\"seconds\":%.3f,\"done\":%" PRIu64
		   ",\"throughput_per_s\":%.1f,\"latency_ms\":{\"p50\":%.4f,\"p95\":%.4f,\"p99\":%.4f,\"p999\":%.4f,"
		   "\"max\":%.4f},"
		   "\"retries\":%" PRIu64 ",\"checked\":%s,\"checks\":%" PRIu64 "}\n",
		report->workload, settings->processes, settings->in_flight, report->seconds, report->done,
		throughput(report), vd_histogram_percentile_ms(latency, 0.5),
		vd_histogram_percentile_ms(latency, 0.95), vd_histogram_percentile_ms(latency, 0.99),
		vd_histogram_percentile_ms(latency, 0.999), (double)latency->max_ns / 1e6, report->retries,
		report->checked ? "true" : "false", report->checks);
}

void vd_bench_print_text(const struct vd_bench_settings *settings, const struct vd_bench_report *report)
{
	const struct vd_histogram *latency = &report->latency;
	printf("%-10s %d x %d in flight: %.0f/s; latency p50 %.3f ms, p95 %.3f, p99 %.3f, p99.9 %.3f, max %.3f; "
		   "%" PRIu64 " retries; %" PRIu64 " keys checked: %s\n",
		report->workload, settings->processes, settings->in_flight, throughput(report),
		vd_histogram_percentile_ms(latency, 0.5), vd_histogram_percentile_ms(latency, 0.95),
		vd_histogram_percentile_ms(latency, 0.99), vd_histogram_percentile_ms(latency, 0.999),
		(double)latency->max_ns / 1e6, report->retries, report->checks, report->checked ? "right" : "WRONG");
}
