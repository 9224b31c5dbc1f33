/* SPDX-License-Identifier: Apache-2.0 */
/* blind.c: see blind.h.
 *
 * A process has a database with a loop thread; its slots live on that thread: each commits, and in the callback of its
 * commit begins the next. The processes share nothing but a page of results.
 */
#include "bench/blind.h"

#include <verdict/verdict.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What one process found; in shared memory. */
struct result {
	uint64_t done, retries, checks, wrong;
	int failed;
	struct vd_histogram latency;
};

struct key_state {
	int64_t version;
	int order;
	uint64_t value;
};

struct process {
	const struct vd_bench_settings *settings;
	struct result *result;
	struct vd_database *database;
	struct key_state *keys;
	int index, key_count;
	uint64_t random, next_value;
	uint64_t count_from_ns, stop_at_ns;
	int running; /* slots */
	pthread_mutex_t lock;
	pthread_cond_t idle;
};

struct slot {
	struct process *process;
	struct vd_transaction *transaction;
	uint64_t begun_ns, value;
	int key;
};

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static size_t name_key(const struct process *process, int key, char *buffer, size_t size)
{
	return (size_t)snprintf(buffer, size, "bench/blind/%d/%d", process->index, key);
}

static void fail(struct process *process, const char *what, int code)
{
	fprintf(stderr, "verdict bench: %s: %s (%s)\n", what, vd_error_text(code), vd_error_name(code));
	process->result->failed = 1;
}

static void slot_begin(struct slot *slot);

static void slot_end(struct slot *slot)
{
	struct process *process = slot->process;
	pthread_mutex_lock(&process->lock);
	if (--process->running == 0)
		pthread_cond_signal(&process->idle);
	pthread_mutex_unlock(&process->lock);
}

static void slot_write(struct slot *slot);

static void slot_retry(struct vd_future *retry, void *arg)
{
	struct slot *slot = arg;
	int code = vd_future_error(retry);
	vd_future_free(retry);
	if (code != 0) {
		fail(slot->process, "a commit failed", code);
		slot_end(slot);
		return;
	}
	slot_write(slot);
}

static void slot_committed(struct vd_future *commit, void *arg)
{
	struct slot *slot = arg;
	struct process *process = slot->process;
	struct key_state *key = &process->keys[slot->key];
	int64_t version;
	int order;
	int code = vd_future_error(commit);
	vd_future_free(commit);
	if (code != 0) {
		process->result->retries++;
		vd_future_on_ready(vd_transaction_on_error(slot->transaction, code), slot_retry, slot);
		return;
	}
	uint64_t now = now_ns();
	if (now >= process->count_from_ns && now < process->stop_at_ns) {
		process->result->done++;
		vd_histogram_add(&process->result->latency, now - slot->begun_ns);
	}
	if (vd_transaction_get_committed_version(slot->transaction, &version) != 0 ||
		vd_transaction_get_committed_order(slot->transaction, &order) != 0) {
		fail(process, "a commit has no version", VD_ERROR_TRANSACTION_INVALID_VERSION);
	} else if (version > key->version || (version == key->version && order > key->order)) {
		*key = (struct key_state){ version, order, slot->value };
	}
	vd_transaction_reset(slot->transaction);
	if (now < process->stop_at_ns)
		slot_begin(slot);
	else
		slot_end(slot);
}

static void slot_write(struct slot *slot)
{
	char key[64], value[8192];
	int value_bytes = slot->process->settings->value_bytes;
	size_t key_size = name_key(slot->process, slot->key, key, sizeof key);
	memset(value, 'v', (size_t)value_bytes);
	memcpy(value, &slot->value, sizeof slot->value);
	vd_transaction_set(slot->transaction, key, key_size, value, (size_t)value_bytes);
	vd_future_on_ready(vd_transaction_commit(slot->transaction), slot_committed, slot);
}

static void slot_begin(struct slot *slot)
{
	struct process *process = slot->process;
	slot->begun_ns = now_ns();
	slot->key = (int)(next_random(&process->random) % (uint64_t)process->key_count);
	slot->value = ++process->next_value;
	slot_write(slot);
}

/* Every key that was written holds the value of its last commit. */
static void check(struct process *process)
{
	struct vd_transaction *transaction;
	if (vd_transaction_new(process->database, &transaction) != 0) {
		process->result->failed = 1;
		return;
	}
	for (int i = 0; i < process->key_count && !process->result->failed; i++) {
		char key[64];
		bool present = false;
		const uint8_t *value = NULL;
		size_t value_size = 0;
		if (process->keys[i].version == 0)
			continue;
		/* A snapshot lives 5 s; a fresh one now and then. */
		if (process->result->checks++ % 1000 == 999)
			vd_transaction_reset(transaction);
		struct vd_future *future =
			vd_transaction_get(transaction, key, name_key(process, i, key, sizeof key), true);
		int code = vd_future_wait(future);
		if (code != 0 || vd_future_get_value(future, &present, &value, &value_size) != 0)
			fail(process, "a read failed", code);
		else if (!present || value_size < 8 || memcmp(value, &process->keys[i].value, 8) != 0)
			process->result->wrong++;
		vd_future_free(future);
	}
	vd_transaction_free(transaction);
}

static int run_process(struct process *process)
{
	const struct vd_bench_settings *settings = process->settings;
	struct vd_option options[] = { { "schema", settings->schema } };
	struct slot *slots = calloc((size_t)settings->in_flight, sizeof *slots);
	char message[512];
	process->key_count = settings->keys / settings->processes > 0 ? settings->keys / settings->processes : 1;
	process->keys = calloc((size_t)process->key_count, sizeof *process->keys);
	process->random = (settings->seed + 1) * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)process->index;
	pthread_mutex_init(&process->lock, NULL);
	pthread_cond_init(&process->idle, NULL);
	if (slots == NULL || process->keys == NULL ||
		vd_database_open(NULL, settings->dsn, options, 1, &process->database, message, sizeof message) != 0) {
		fprintf(stderr, "verdict bench: %s\n", message);
		return 2;
	}
	struct vd_future *ready = vd_database_ready(process->database);
	if (vd_future_wait(ready) != 0) {
		fprintf(stderr, "verdict bench: %s\n", vd_future_message(ready));
		return 2;
	}
	vd_future_free(ready);

	process->count_from_ns = now_ns() + (uint64_t)(settings->warmup_seconds * 1e9);
	process->stop_at_ns = process->count_from_ns + (uint64_t)(settings->seconds * 1e9);
	process->running = settings->in_flight;
	for (int i = 0; i < settings->in_flight; i++) {
		slots[i].process = process;
		if (vd_transaction_new(process->database, &slots[i].transaction) != 0)
			return 2;
	}
	/* The loop thread takes over from the first commit on; until all have begun, it may only meet slots that have. */
	pthread_mutex_lock(&process->lock);
	for (int i = 0; i < settings->in_flight; i++) {
		slots[i].key = i % process->key_count;
		slots[i].begun_ns = now_ns();
		slots[i].value = UINT64_C(1) << 32 | (uint64_t)i;
		slot_write(&slots[i]);
	}
	while (process->running > 0)
		pthread_cond_wait(&process->idle, &process->lock);
	pthread_mutex_unlock(&process->lock);
	for (int i = 0; i < settings->in_flight; i++)
		vd_transaction_free(slots[i].transaction);
	check(process);
	vd_database_close(process->database, NULL, NULL);
	free(process->keys);
	free(slots);
	return process->result->failed ? 2 : 0;
}

int vd_bench_blind(const struct vd_bench_settings *settings, struct vd_bench_report *report)
{
	size_t size = (size_t)settings->processes * sizeof(struct result);
	struct result *results = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int worst = 0;
	if (results == MAP_FAILED) {
		perror("verdict bench: no memory");
		return 2;
	}
	fflush(NULL);
	for (int i = 0; i < settings->processes; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			struct process process = { .settings = settings, .result = &results[i], .index = i };
			_exit(run_process(&process));
		}
		if (pid < 0) {
			perror("verdict bench: fork");
			worst = 2;
			break;
		}
	}
	for (int status; wait(&status) > 0;)
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			worst = 2;
	*report = (struct vd_bench_report){ .workload = "blind", .seconds = settings->seconds, .checked = true };
	for (int i = 0; i < settings->processes; i++) {
		report->done += results[i].done;
		report->retries += results[i].retries;
		report->checks += results[i].checks;
		report->checked = report->checked && results[i].wrong == 0 && results[i].checks > 0;
		vd_histogram_merge(&report->latency, &results[i].latency);
	}
	munmap(results, size);
	return worst;
}
