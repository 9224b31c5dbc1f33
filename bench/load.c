/* SPDX-License-Identifier: Apache-2.0 */
/* load.c: see load.h and run.h. */
#include "bench/load.h"

#include "bench/meter.h"
#include "bench/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TICK_US = 5000, LOOK_NS = 1000000000, AGAIN_NS = 200000000 };

uint64_t vd_bench_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void vd_bench_fail(struct vd_bench_load *load, const char *what, int code)
{
	fprintf(stderr, "verdict bench: %s: %s (%s)\n", what, vd_error_text(code), vd_error_name(code));
	load->run->result->failed = 1;
}

bool vd_bench_settle(
	const struct vd_bench_workload *workload, struct vd_bench_settings *settings, const char **why)
{
	*why = NULL;
	if (settings->keys == 0)
		settings->keys = workload->keys;
	if (settings->value_bytes == 0)
		settings->value_bytes = workload->value_bytes;
	if (workload->fixed_value && settings->value_bytes != workload->value_bytes)
		*why = "values of this workload have a size of their own";
	else if (settings->value_bytes < 8)
		*why = "a value holds a number of 8 bytes at least";
	else if (settings->keys < 2 && workload->keys > 1)
		*why = "this workload needs two keys at least";
	return *why == NULL;
}

/* ---- One process ---------------------------------------------------------------------------------------------- */

static int open_database(struct vd_bench_load *load)
{
	char delay[16], message[512];
	snprintf(delay, sizeof delay, "%d", load->settings->max_retry_delay_ms);
	struct vd_option options[] = { { "schema", load->settings->schema },
		{ "transaction_max_retry_delay", delay } };
	if (vd_database_open(NULL, load->settings->dsn, options, 2, &load->database, message, sizeof message) !=
		0) {
		fprintf(stderr, "verdict bench: %s\n", message);
		return 2;
	}
	struct vd_future *ready = vd_database_ready(load->database);
	int code = vd_future_wait(ready);
	if (code != 0)
		fprintf(stderr, "verdict bench: %s\n", vd_future_message(ready));
	vd_future_free(ready);
	return code == 0 ? 0 : 2;
}

static int audit(struct vd_bench_load *load)
{
	load->run->workload->audit(load);
	return 0;
}

static bool prepare(struct vd_bench_load *load, bool is_load)
{
	const struct vd_bench_workload *workload = load->run->workload;
	uint64_t filler = load->settings->seed + 1;
	vd_draw_init(&load->draw, (uint64_t)load->settings->keys, load->settings->theta);
	load->value = malloc((size_t)load->settings->value_bytes);
	if (load->value == NULL)
		return false;
	for (int i = 0; i < load->settings->value_bytes; i++)
		load->value[i] = (char)(vd_bench_random(&filler) >> 32);
	if (workload->state_size > 0 && (load->state = calloc(1, workload->state_size)) == NULL)
		return false;
	return !is_load || workload->prepare == NULL || workload->prepare(load);
}

/* Opens a database, does its part, and ends. Signals are for the process that began them all, and they end with it. */
static _Noreturn void live(const struct vd_bench_workload *workload, const struct vd_bench_settings *settings,
	struct vd_bench_shared *shared, int index, int (*part)(struct vd_bench_load *load))
{
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	struct vd_bench_result *result = &shared->results[index];
	struct vd_bench_run run = { .workload = workload, .shared = shared, .result = result };
	struct vd_bench_load load = {
		.settings = settings,
		.index = index,
		.random = (settings->seed + 1) * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)index,
		.checks = &result->checks,
		.wrong = &result->wrong,
		.run = &run,
	};
	for (int i = 0; i < settings->processes; i++) {
		load.applied += shared->results[i].applied;
		load.unknown += shared->results[i].unknown;
	}
	pthread_mutex_init(&run.lock, NULL);
	pthread_cond_init(&run.idle, NULL);
	if (!prepare(&load, part == vd_bench_run_slots)) {
		fputs("verdict bench: no memory\n", stderr);
		_exit(2);
	}
	int worst = open_database(&load);
	if (worst == 0)
		worst = part(&load);
	if (load.database != NULL)
		vd_database_close(load.database, NULL, NULL);
	_exit(result->failed ? 2 : worst);
}

/* ---- All of them ---------------------------------------------------------------------------------------------- */

struct crew {
	const struct vd_bench_workload *workload;
	const struct vd_bench_settings *settings;
	struct vd_bench_shared *shared;
	struct vd_bench_report *report;
	pid_t *pids;
	int count, left;
	bool failed;
	bool shows; /* how far it is */
};

/* For the handler of signals. */
static struct vd_bench_shared *interruptible;
static volatile sig_atomic_t interrupts;
static volatile uint64_t first_interrupt_ns;

static void on_interrupt(int number)
{
	(void)number;
	/* a terminal and a wrapper may both hand on one Ctrl-C */
	if (interrupts > 0 && vd_bench_now_ns() - first_interrupt_ns > AGAIN_NS)
		_exit(VD_BENCH_INTERRUPTED);
	first_interrupt_ns = interrupts > 0 ? first_interrupt_ns : vd_bench_now_ns();
	interrupts = 1;
	interruptible->stop = true;
}

static void begin_all(struct crew *crew, int count, int (*part)(struct vd_bench_load *load))
{
	fflush(NULL);
	crew->left = crew->count = 0;
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();
		if (pid == 0)
			live(crew->workload, crew->settings, crew->shared, i, part);
		if (pid < 0) {
			perror("verdict bench: fork");
			crew->failed = true;
			crew->shared->stop = true;
			return;
		}
		crew->pids[crew->count++] = pid;
		crew->left++;
	}
}

/* Takes note of who has ended. One that fails ends the run for all. */
static void reap(struct crew *crew)
{
	int status;
	while (crew->left > 0 && waitpid(-1, &status, WNOHANG) > 0) {
		crew->left--;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
			crew->failed = true;
			crew->shared->stop = true;
		}
	}
}

static void show(const struct crew *crew, const char *what, double done, double of)
{
	if (crew->shows)
		fprintf(stderr, "\r\033[K%s: %s %.0f of %.0f", crew->workload->name, what, done, of);
}

static uint64_t done_so_far(const struct crew *crew)
{
	uint64_t done = 0;
	for (int i = 0; i < crew->settings->processes; i++)
		done += crew->shared->results[i].done;
	return done;
}

static bool all(const struct crew *crew, size_t flag)
{
	for (int i = 0; i < crew->settings->processes; i++)
		if (!*(const _Atomic bool *)((const char *)&crew->shared->results[i] + flag))
			return false;
	return true;
}

static void wait_for_part(struct crew *crew, const char *what, double of)
{
	for (uint64_t shown = 0; crew->left > 0; reap(crew), usleep(TICK_US)) {
		if (vd_bench_now_ns() - shown < LOOK_NS / 2)
			continue;
		shown = vd_bench_now_ns();
		show(crew, what, (double)crew->shared->filled, of);
	}
}

/* Watches the load from its begin to its end, and counts what it costs. */
static void watch_load(struct crew *crew)
{
	struct vd_bench_shared *shared = crew->shared;
	const struct vd_bench_settings *settings = crew->settings;
	struct vd_meter meter;
	for (; !shared->stop && !all(crew, offsetof(struct vd_bench_result, ready)); reap(crew))
		usleep(TICK_US);
	vd_meter_open(&meter, settings, crew->pids);
	uint64_t from = vd_bench_now_ns() + (uint64_t)(settings->warmup_seconds * 1e9);
	uint64_t to = from + (uint64_t)(settings->seconds * 1e9), looked = 0, now;
	bool counting = false;
	shared->count_from_ns = from;
	shared->stop_at_ns = to;
	shared->begin_ns = vd_bench_now_ns();
	while (now = vd_bench_now_ns(), now < to && !shared->stop) {
		if (now >= from && !counting) {
			counting = true;
			vd_meter_begin(&meter);
		}
		if (now - looked >= LOOK_NS) {
			looked = now;
			if (counting)
				vd_meter_look(&meter, crew->report);
			show(crew, now < from ? "warming up, second" : "second",
				((double)now - (double)shared->begin_ns) / 1e9, settings->seconds + settings->warmup_seconds);
			if (crew->shows && counting)
				fprintf(
					stderr, ", %.0f/s", (double)done_so_far(crew) * 1e9 / ((double)now - (double)from + 1));
		}
		usleep(TICK_US);
		reap(crew);
	}
	now = vd_bench_now_ns();
	crew->report->seconds = now <= from ? 0 : (double)((now < to ? now : to) - from) / 1e9;
	crew->report->interrupted = interrupts > 0;
	if (counting)
		vd_meter_end(&meter, crew->report);
	shared->measured = true;
	vd_meter_close(&meter);
	for (; crew->left > 0; reap(crew), usleep(TICK_US))
		show(crew, all(crew, offsetof(struct vd_bench_result, idle)) ? "checking; done" : "ending; done",
			(double)done_so_far(crew), (double)done_so_far(crew));
}

static void add_up(const struct crew *crew)
{
	struct vd_bench_report *report = crew->report;
	report->checked = true;
	for (int i = 0; i < crew->settings->processes; i++) {
		const struct vd_bench_result *result = &crew->shared->results[i];
		report->done += result->done;
		report->commits += result->commits;
		report->retries += result->retries;
		report->unknown += result->unknown;
		report->checks += result->checks;
		report->checked = report->checked && result->wrong == 0;
		vd_histogram_merge(&report->latency, &result->latency);
	}
	report->checked = report->checked && report->checks > 0;
}

static enum vd_bench_end run(struct crew *crew)
{
	if (crew->workload->rows != NULL) {
		begin_all(crew, 1, vd_bench_fill);
		wait_for_part(crew, "filling, key", crew->workload->rows(crew->settings));
		if (!crew->failed && interrupts > 0)
			return VD_BENCH_INTERRUPTED;
	}
	if (!crew->failed) {
		begin_all(crew, crew->settings->processes, vd_bench_run_slots);
		watch_load(crew);
	}
	if (!crew->failed && crew->workload->audit != NULL) {
		begin_all(crew, 1, audit);
		wait_for_part(crew, "auditing, keys", crew->settings->keys);
	}
	add_up(crew);
	return crew->failed ? VD_BENCH_FAILED : VD_BENCH_RAN;
}

enum vd_bench_end vd_bench_run_workload(const struct vd_bench_workload *workload,
	const struct vd_bench_settings *settings, struct vd_bench_report *report)
{
	size_t processes = (size_t)settings->processes;
	size_t size = sizeof(struct vd_bench_shared) + processes * sizeof(struct vd_bench_result);
	struct vd_bench_shared *shared =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t *pids = calloc(processes, sizeof *pids);
	if (shared == MAP_FAILED || pids == NULL) {
		perror("verdict bench: no memory");
		return VD_BENCH_FAILED;
	}
	struct vd_bench_usage unknown = { -1, -1 };
	*report = (struct vd_bench_report){ .workload = workload->name,
		.wal_bytes = -1,
		.postgresql = unknown,
		.resolver = unknown,
		.workers = unknown };
	struct crew crew = { .workload = workload,
		.settings = settings,
		.shared = shared,
		.report = report,
		.pids = pids,
		.shows = isatty(STDERR_FILENO) };
	struct sigaction handler = { .sa_handler = on_interrupt, .sa_flags = SA_RESTART }, int_before,
					 term_before;
	interruptible = shared;
	interrupts = 0;
	sigaction(SIGINT, &handler, &int_before);
	sigaction(SIGTERM, &handler, &term_before);
	enum vd_bench_end end = run(&crew);
	sigaction(SIGINT, &int_before, NULL);
	sigaction(SIGTERM, &term_before, NULL);
	if (crew.shows)
		fputs("\r\033[K", stderr);
	munmap(shared, size);
	free(pids);
	return end;
}
