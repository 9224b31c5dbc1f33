/* SPDX-License-Identifier: Apache-2.0 */
/* load.c: see load.h.
 *
 * The processes share nothing but a page of results. A library does not outlive a fork, so also what comes before the
 * load (filling the keys) and after it (the audit) is a process of its own.
 */
#include "bench/load.h"

#include <endian.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FILL_KEYS = 500 }; /* of one commit */

/* What one process found; in shared memory. */
struct result {
	uint64_t done, retries, checks, wrong;
	int failed;
	struct vd_histogram latency;
};

struct vd_bench_run {
	const struct vd_bench_workload *workload;
	struct result *result;
	uint64_t count_from_ns, stop_at_ns;
	int running; /* slots */
	pthread_mutex_t lock;
	pthread_cond_t idle;
};

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t vd_bench_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

size_t vd_bench_key(const struct vd_bench_load *load, int key, char buffer[VD_BENCH_KEY_BYTES])
{
	return (size_t)snprintf(buffer, VD_BENCH_KEY_BYTES, "bench/%s/%010d", load->run->workload->name, key);
}

size_t vd_bench_value(const struct vd_bench_load *load, uint64_t number, char buffer[VD_BENCH_VALUE_MOST])
{
	size_t size = (size_t)load->settings->value_bytes;
	number = htole64(number);
	memset(buffer, 'v', size);
	memcpy(buffer, &number, sizeof number);
	return size;
}

bool vd_bench_number(const uint8_t *value, size_t value_size, uint64_t *number)
{
	if (value_size < sizeof *number)
		return false;
	memcpy(number, value, sizeof *number);
	*number = le64toh(*number);
	return true;
}

void vd_bench_fail(struct vd_bench_load *load, const char *what, int code)
{
	fprintf(stderr, "verdict bench: %s: %s (%s)\n", what, vd_error_text(code), vd_error_name(code));
	load->run->result->failed = 1;
}

/* ---- Slots ---------------------------------------------------------------------------------------------------- */

static void slot_begin(struct vd_bench_slot *slot)
{
	slot->begun_ns = now_ns();
	slot->load->run->workload->begin(slot);
	slot->load->run->workload->run(slot);
}

static void slot_end(struct vd_bench_slot *slot)
{
	struct vd_bench_run *run = slot->load->run;
	pthread_mutex_lock(&run->lock);
	if (--run->running == 0)
		pthread_cond_signal(&run->idle);
	pthread_mutex_unlock(&run->lock);
}

void vd_bench_slot_done(struct vd_bench_slot *slot, uint64_t units)
{
	struct vd_bench_run *run = slot->load->run;
	uint64_t now = now_ns();
	if (now >= run->count_from_ns && now < run->stop_at_ns) {
		run->result->done += units;
		vd_histogram_add(&run->result->latency, now - slot->begun_ns);
	}
	if (now < run->stop_at_ns)
		slot_begin(slot);
	else
		slot_end(slot);
}

static void slot_again(struct vd_future *retry, void *arg)
{
	struct vd_bench_slot *slot = arg;
	int code = vd_future_error(retry);
	vd_future_free(retry);
	if (code == 0) {
		slot->load->run->workload->run(slot);
		return;
	}
	vd_bench_fail(slot->load, "an operation failed", code);
	slot_end(slot);
}

void vd_bench_slot_retry(struct vd_bench_slot *slot, int code)
{
	slot->load->run->result->retries++;
	vd_future_on_ready(vd_transaction_on_error(slot->transaction, code), slot_again, slot);
}

/* The first operation begins on the loop thread, as all that follow do: a slot has one thread. */
static void slot_start(struct vd_future *start, void *arg)
{
	vd_future_free(start);
	slot_begin(arg);
}

/* ---- One process ---------------------------------------------------------------------------------------------- */

static int open_database(struct vd_bench_load *load)
{
	struct vd_option options[] = { { "schema", load->settings->schema } };
	char message[512];
	if (vd_database_open(NULL, load->settings->dsn, options, 1, &load->database, message, sizeof message) !=
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

static int run_slots(struct vd_bench_load *load)
{
	const struct vd_bench_settings *settings = load->settings;
	struct vd_bench_run *run = load->run;
	size_t size = run->workload->slot_size;
	char *slots = calloc((size_t)settings->in_flight, size);
	if (slots == NULL)
		return 2;
	run->count_from_ns = now_ns() + (uint64_t)(settings->warmup_seconds * 1e9);
	run->stop_at_ns = run->count_from_ns + (uint64_t)(settings->seconds * 1e9);
	run->running = settings->in_flight;
	for (int i = 0; i < settings->in_flight; i++) {
		struct vd_bench_slot *slot = (struct vd_bench_slot *)(slots + (size_t)i * size);
		slot->load = load;
		if (vd_transaction_new(load->database, &slot->transaction) != 0)
			return 2;
	}
	for (int i = 0; i < settings->in_flight; i++) {
		struct vd_future *start = vd_future_new(load->database);
		vd_future_on_ready(start, slot_start, slots + (size_t)i * size);
		vd_future_end(start, 0);
	}
	pthread_mutex_lock(&run->lock);
	while (run->running > 0)
		pthread_cond_wait(&run->idle, &run->lock);
	pthread_mutex_unlock(&run->lock);
	for (int i = 0; i < settings->in_flight; i++)
		vd_transaction_free(((struct vd_bench_slot *)(slots + (size_t)i * size))->transaction);
	free(slots);
	return 0;
}

static int run_load(struct vd_bench_load *load)
{
	const struct vd_bench_workload *workload = load->run->workload;
	int worst = run_slots(load);
	if (worst == 0 && workload->check != NULL)
		workload->check(load);
	return worst;
}

/* Every key gets the number that it is to begin with. */
static int fill(struct vd_bench_load *load)
{
	struct vd_transaction *transaction;
	const struct vd_bench_settings *settings = load->settings;
	if (vd_transaction_new(load->database, &transaction) != 0)
		return 2;
	int code = 0;
	for (int i = 0; i < settings->keys && code == 0;) {
		int to = settings->keys - i < FILL_KEYS ? settings->keys : i + FILL_KEYS;
		for (int k = i; k < to; k++) {
			char key[VD_BENCH_KEY_BYTES], value[VD_BENCH_VALUE_MOST];
			size_t key_size = vd_bench_key(load, k, key);
			vd_transaction_set(transaction, key, key_size, value,
				vd_bench_value(load, load->run->workload->initial(k), value));
		}
		struct vd_future *future = vd_transaction_commit(transaction);
		code = vd_future_wait(future);
		vd_future_free(future);
		if (code == 0) {
			i = to;
			vd_transaction_reset(transaction);
			continue;
		}
		future = vd_transaction_on_error(transaction, code);
		code = vd_future_wait(future);
		vd_future_free(future);
	}
	if (code != 0)
		vd_bench_fail(load, "filling the keys", code);
	vd_transaction_free(transaction);
	return code == 0 ? 0 : 2;
}

static int audit(struct vd_bench_load *load)
{
	load->run->workload->audit(load);
	return 0;
}

/* In a process of its own: opens a database, does its part, and ends. */
static _Noreturn void live(const struct vd_bench_workload *workload, const struct vd_bench_settings *settings,
	struct result *result, int index, int (*part)(struct vd_bench_load *load))
{
	struct vd_bench_run run = { .workload = workload, .result = result };
	struct vd_bench_load load = {
		.settings = settings,
		.index = index,
		.random = (settings->seed + 1) * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)index,
		.checks = &result->checks,
		.wrong = &result->wrong,
		.run = &run,
	};
	pthread_mutex_init(&run.lock, NULL);
	pthread_cond_init(&run.idle, NULL);
	if (workload->state_size > 0 && (load.state = calloc(1, workload->state_size)) == NULL)
		_exit(2);
	int worst = open_database(&load);
	if (worst == 0)
		worst = part(&load);
	if (load.database != NULL)
		vd_database_close(load.database, NULL, NULL);
	_exit(result->failed ? 2 : worst);
}

/* So many processes do their part; the worst of their exit codes. */
static int fork_and_wait(const struct vd_bench_workload *workload, const struct vd_bench_settings *settings,
	struct result *results, int count, int (*part)(struct vd_bench_load *load))
{
	int worst = 0;
	fflush(NULL);
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();
		if (pid == 0)
			live(workload, settings, &results[i], i, part);
		if (pid < 0) {
			perror("verdict bench: fork");
			worst = 2;
			break;
		}
	}
	for (int status; wait(&status) > 0;)
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			worst = 2;
	return worst;
}

/* ---- The run -------------------------------------------------------------------------------------------------- */

int vd_bench_run_workload(const struct vd_bench_workload *workload, const struct vd_bench_settings *settings,
	struct vd_bench_report *report)
{
	size_t size = (size_t)settings->processes * sizeof(struct result);
	struct result *results = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (results == MAP_FAILED) {
		perror("verdict bench: no memory");
		return 2;
	}
	int worst = workload->initial == NULL ? 0 : fork_and_wait(workload, settings, results, 1, fill);
	if (worst == 0)
		worst = fork_and_wait(workload, settings, results, settings->processes, run_load);
	if (worst == 0 && workload->audit != NULL)
		worst = fork_and_wait(workload, settings, results, 1, audit);
	*report =
		(struct vd_bench_report){ .workload = workload->name, .seconds = settings->seconds, .checked = true };
	for (int i = 0; i < settings->processes; i++) {
		report->done += results[i].done;
		report->retries += results[i].retries;
		report->checks += results[i].checks;
		report->checked = report->checked && results[i].wrong == 0;
		vd_histogram_merge(&report->latency, &results[i].latency);
	}
	report->checked = report->checked && report->checks > 0;
	munmap(results, size);
	return worst;
}
