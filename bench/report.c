/* SPDX-License-Identifier: Apache-2.0 */
/* report.c: see report.h. */
#include "bench/report.h"

#include <inttypes.h>
#include <stdio.h>

static double throughput(const struct vd_bench_report *report)
{
	return report->seconds > 0 ? (double)report->done / report->seconds : 0;
}

static double wal_bytes_each(const struct vd_bench_report *report)
{
	return report->wal_bytes < 0 || report->commits == 0 ? -1 : report->wal_bytes / (double)report->commits;
}

static double mean_batch(const struct vd_bench_report *report)
{
	return report->batches == 0 ? -1 : (double)report->batched_requests / (double)report->batches;
}

/* ---- JSON ----------------------------------------------------------------------------------------------------- */

/* Negative: null. */
static void print_number(const char *name, double number, const char *end)
{
	if (number < 0)
		printf("\"%s\":null%s", name, end);
	else
		printf("\"%s\":%.6g%s", name, number, end);
}

static void print_usage(const char *name, const struct vd_bench_report *report, bool memory, const char *end)
{
	printf("\"%s\":{", name);
	print_number("postgresql", memory ? report->postgresql.memory_bytes : report->postgresql.cpu_s, ",");
	print_number("resolver", memory ? report->resolver.memory_bytes : report->resolver.cpu_s, ",");
	print_number("workers", memory ? report->workers.memory_bytes : report->workers.cpu_s, "}");
	printf("%s", end);
}

static void print_buckets(const struct vd_histogram *latency)
{
	const char *comma = "";
	printf("\"histogram\":[");
	for (unsigned i = 0; i < VD_HISTOGRAM_BUCKETS; i++) {
		if (latency->counts[i] == 0)
			continue;
		printf("%s[%.6g,%" PRIu64 "]", comma, vd_histogram_end_ms(i), latency->counts[i]);
		comma = ",";
	}
	printf("]");
}

void vd_bench_print_json(const struct vd_bench_settings *settings, const struct vd_bench_report *report)
{
	const struct vd_histogram *latency = &report->latency;
	printf("{\"workload\":\"%s\",\"processes\":%d,\"in_flight\":%d,\"keys\":%d,\"value_bytes\":%d,"
		   "\"distribution\":\"%s\",\"theta\":%.4g,\"seed\":%u,\"max_retry_delay_ms\":%d,"
		   "\"warmup_s\":%.3f,\"seconds\":%.3f,",
		report->workload, settings->processes, settings->in_flight, settings->keys, settings->value_bytes,
		settings->theta > 0 ? "zipf" : "uniform", settings->theta, settings->seed,
		settings->max_retry_delay_ms, settings->warmup_seconds, report->seconds);
	printf("\"done\":%" PRIu64 ",\"throughput_per_s\":%.1f,\"latency_ms\":{\"p50\":%.4f,\"p95\":%.4f,"
		   "\"p99\":%.4f,\"p999\":%.4f,\"max\":%.4f},",
		report->done, throughput(report), vd_histogram_percentile_ms(latency, 0.5),
		vd_histogram_percentile_ms(latency, 0.95), vd_histogram_percentile_ms(latency, 0.99),
		vd_histogram_percentile_ms(latency, 0.999), (double)latency->max_ns / 1e6);
	printf("\"commits\":%" PRIu64 ",\"retries\":%" PRIu64 ",\"unknown\":%" PRIu64 ",", report->commits,
		report->retries, report->unknown);
	print_number("requests_a_batch", mean_batch(report), ",");
	print_number("wal_bytes_a_commit", wal_bytes_each(report), ",");
	print_usage("cpu_s", report, false, ",");
	print_usage("memory_bytes", report, true, ",");
	printf("\"interrupted\":%s,\"checked\":%s,\"checks\":%" PRIu64 ",",
		report->interrupted ? "true" : "false", report->checked ? "true" : "false", report->checks);
	print_buckets(latency);
	printf("}\n");
}

/* ---- Text ----------------------------------------------------------------------------------------------------- */

static void print_row(const char *name, int decimals, double number)
{
	printf("  %-20s ", name);
	if (number < 0)
		printf("%12s", "-");
	else
		printf("%12.*f", decimals, number);
	printf("\n");
}

void vd_bench_print_text(const struct vd_bench_settings *settings, const struct vd_bench_report *report)
{
	static const struct {
		const char *name;
		double share;
	} rows[] = { { "latency p50, ms", 0.5 }, { "p95", 0.95 }, { "p99", 0.99 }, { "p99.9", 0.999 } };
	const struct vd_histogram *latency = &report->latency;
	printf("%s: %d x %d in flight, %d keys", report->workload, settings->processes, settings->in_flight,
		settings->keys);
	if (settings->theta > 0)
		printf(" (zipf %.3g)", settings->theta);
	printf(", values of %d bytes, %.1f s%s\n", settings->value_bytes, report->seconds,
		report->interrupted ? ", interrupted" : "");
	print_row("throughput, /s", 0, throughput(report));
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
		print_row(rows[i].name, 3, vd_histogram_percentile_ms(latency, rows[i].share));
	print_row("max", 3, (double)latency->max_ns / 1e6);
	print_row("retries", 0, (double)report->retries);
	print_row("requests a batch", 1, mean_batch(report));
	print_row("WAL bytes a commit", 0, wal_bytes_each(report));
	printf("  %-20s %12s %12s %12s\n", "", "PostgreSQL", "resolver", "workers");
	const struct vd_bench_usage usages[] = { report->postgresql, report->resolver, report->workers };
	for (int memory = 0; memory < 2; memory++) {
		printf("  %-20s", memory ? "memory, MB" : "CPU, s");
		for (unsigned i = 0; i < 3; i++) {
			double number = memory ? usages[i].memory_bytes / 1e6 : usages[i].cpu_s;
			if (number < 0)
				printf(" %12s", "-");
			else
				printf(" %12.2f", number);
		}
		printf("\n");
	}
	printf("  checked: %" PRIu64 " answers, %s\n", report->checks, report->checked ? "right" : "WRONG");
}
