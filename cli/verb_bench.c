/* SPDX-License-Identifier: Apache-2.0 */
/* verb_bench.c: runs a workload of bench/ against a store and prints what it found. */
#include "bench/load.h"
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct bench_settings {
	char *dsn;
	char *schema;
	int64_t processes;
	int64_t in_flight;
	int64_t seconds;
	int64_t warmup;
	int64_t keys;
	char *distribution;
	char *theta;
	int64_t value_bytes;
	int64_t seed;
	int64_t max_retry_delay;
	bool json;
};

static const struct vd_setting rows[] = {
	VD_CLI_STORE_ROWS(struct bench_settings),
	VD_SETTING_INTEGER("processes", struct bench_settings, processes, "1", 1, 256, "worker processes"),
	VD_SETTING_INTEGER("in-flight", struct bench_settings, in_flight, "64", 1, 20000,
		"operations in flight in each of them"),
	VD_SETTING_INTEGER("seconds", struct bench_settings, seconds, "10", 1, 86400, "how long it is measured"),
	VD_SETTING_INTEGER(
		"warmup", struct bench_settings, warmup, "1", 0, 3600, "seconds before that, which do not count"),
	VD_SETTING_INTEGER("keys", struct bench_settings, keys, "0", 0, 10000000,
		"different keys, in all; 0: what the workload is made for"),
	VD_SETTING_CHOICE("distribution", struct bench_settings, distribution, "uniform", "uniform|zipf",
		"how keys are chosen"),
	VD_SETTING_STRING("theta", struct bench_settings, theta, "0.99",
		"of zipf: the k-th key comes 1/k^theta as often as the first; above 0, up to 5"),
	VD_SETTING_INTEGER("value-bytes", struct bench_settings, value_bytes, "0", 0, 100000,
		"size of a value, at least 8; 0: what the workload is made for"),
	VD_SETTING_INTEGER(
		"seed", struct bench_settings, seed, "1", 0, 1000000000, "of everything that chance decides"),
	VD_SETTING_INTEGER("max-retry-delay", struct bench_settings, max_retry_delay, "1000", 0, 86400000,
		"milliseconds that a retry waits at most"),
	VD_SETTING_BOOL("json", struct bench_settings, json, "false", "one JSON object instead of text"),
};

static const struct vd_settings settings = {
	.program = "verdict bench",
	.usage = "WORKLOAD [settings]",
	.about = "Runs a workload against the store and measures it. Every run compares the store with what it "
			 "was told.\n"
			 "  blind    one-key commits without reads\n"
			 "  read     point reads, ten a transaction; counts reads\n"
			 "  range    reads of 1,000 rows; counts rows, the latency is a read's\n"
			 "  rmw      two reads and two writes a transaction, serializable\n"
			 "  mixed    nine reads of a key to one write\n"
			 "  hot_add  a counter that everybody adds to\n"
			 "  hot_rmw  a counter that everybody reads and writes\n"
			 "  large    transactions of 1 MB\n"
			 "  churn    blocks of 100 rows are cleared and filled, among 1,000,000 rows",
	.rows = rows,
	.count = VD_COUNT(rows),
	.takes_operands = true,
};

static const struct vd_bench_workload *const workloads[] = {
	&vd_bench_blind,
	&vd_bench_read,
	&vd_bench_range,
	&vd_bench_rmw,
	&vd_bench_mixed,
	&vd_bench_hot_add,
	&vd_bench_hot_rmw,
	&vd_bench_large,
	&vd_bench_churn,
};

static const struct vd_bench_workload *find_workload(const char *name)
{
	for (size_t i = 0; i < VD_COUNT(workloads); i++)
		if (strcmp(workloads[i]->name, name) == 0)
			return workloads[i];
	return NULL;
}

static bool parse_theta(const char *text, double *theta)
{
	char *end;
	*theta = strtod(text, &end);
	return end != text && *end == '\0' && isfinite(*theta) && *theta > 0 && *theta <= 5;
}

/* What is wrong was told. */
static int settle(
	const struct vd_bench_workload *workload, const struct bench_settings *s, struct vd_bench_settings *bench)
{
	const char *why;
	*bench = (struct vd_bench_settings){
		.dsn = s->dsn,
		.schema = s->schema,
		.processes = (int)s->processes,
		.in_flight = (int)s->in_flight,
		.seconds = (double)s->seconds,
		.warmup_seconds = (double)s->warmup,
		.keys = (int)s->keys,
		.value_bytes = (int)s->value_bytes,
		.seed = (unsigned)s->seed,
		.max_retry_delay_ms = (int)s->max_retry_delay,
	};
	if (workload == NULL)
		return vd_cli_wrong("verdict bench --help lists the workloads", "one workload is needed");
	if (!parse_theta(s->theta, &bench->theta))
		return vd_cli_wrong(
			"a number above 0, up to 5; 0.99 is a usual one", "theta %s cannot be used", s->theta);
	if (strcmp(s->distribution, "uniform") == 0)
		bench->theta = 0;
	if (!vd_bench_settle(workload, bench, &why))
		return vd_cli_wrong("without --keys and --value-bytes, they are what the workload is made for",
			"%s: %s", workload->name, why);
	return VD_EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct bench_settings s = { 0 };
	struct vd_bench_settings bench;
	static struct vd_bench_report report; /* large: it holds a histogram */
	int operands, exit_code;
	if (!vd_cli_load(&settings, argc, argv, &s, &operands, &exit_code))
		return exit_code;
	const struct vd_bench_workload *workload = operands == 1 ? find_workload(argv[1]) : NULL;
	exit_code = settle(workload, &s, &bench);
	if (exit_code == VD_EXIT_DONE)
		exit_code = vd_cli_check(s.dsn, s.schema);
	if (exit_code == VD_EXIT_DONE)
		exit_code = (int)vd_bench_run_workload(workload, &bench, &report);
	if (exit_code == VD_BENCH_RAN) {
		(s.json ? vd_bench_print_json : vd_bench_print_text)(&bench, &report);
		exit_code = !report.checked      ? VD_EXIT_FAILED
					: report.interrupted ? VD_EXIT_INTERRUPTED
										 : VD_EXIT_DONE;
	}
	vd_settings_free(&settings, &s);
	return exit_code;
}

const struct vd_verb vd_verb_bench = {
	.name = "bench",
	.summary = "measure a workload",
	.run = run,
	.settings = &settings,
};
