/* SPDX-License-Identifier: Apache-2.0 */
/* transaction_counter base|threads DSN KEY WIDTH ROUNDS: increments one key by reading and writing it, WIDTH at a time, ROUNDS
 * times each, by the retry loops. "base": run_async on an event_base of this program's own. "threads": run() in WIDTH threads
 * that share one database. Prints "ended <increments> <runs of the body>". */
#include "verdict/verdict.h"

#include <event2/event.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct vd_database *database;
static const char *key;
static long rounds;
static long open_jobs;
static atomic_long increments;
static atomic_long bodies;

static void increment(struct vd_transaction *transaction, bool present, const uint8_t *value, size_t size)
{
	uint64_t number = 0;
	if (present && size == sizeof number)
		memcpy(&number, value, sizeof number);
	number++;
	vd_transaction_set(transaction, key, strlen(key), &number, sizeof number);
}

/* ---- threads ---- */

static int body(struct vd_transaction *transaction, void *arg)
{
	bool present = false;
	const uint8_t *value = NULL;
	size_t size = 0;
	(void)arg;
	bodies++;
	struct vd_future *read = vd_transaction_get(transaction, key, strlen(key), false);
	int code = vd_future_wait(read);
	if (code == 0)
		code = vd_future_get_value(read, &present, &value, &size);
	if (code == 0)
		increment(transaction, present, value, size);
	vd_future_free(read);
	return code;
}

static void *thread_run(void *arg)
{
	(void)arg;
	for (long i = 0; i < rounds; i++) {
		int64_t version = 0;
		int code = vd_database_run(database, body, NULL, &version);
		if (code != 0 || version <= 0)
			fprintf(stderr, "run: %d %s\n", code, vd_error_name(code));
		increments += code == 0;
	}
	return NULL;
}

static void run_threads(long width)
{
	pthread_t threads[64];
	for (long i = 0; i < width; i++)
		if (pthread_create(&threads[i], NULL, thread_run, NULL) != 0)
			abort();
	for (long i = 0; i < width; i++)
		pthread_join(threads[i], NULL);
	vd_database_close(database, NULL, NULL);
}

/* ---- base ---- */

struct attempt {
	struct vd_transaction *transaction;
	struct vd_future *done;
};

static void on_read(struct vd_future *read, void *arg)
{
	struct attempt *attempt = arg;
	bool present = false;
	const uint8_t *value = NULL;
	size_t size = 0;
	int code = vd_future_get_value(read, &present, &value, &size);
	if (code == 0)
		increment(attempt->transaction, present, value, size);
	vd_future_end(attempt->done, code);
	vd_future_free(read);
	free(attempt);
}

static struct vd_future *body_async(struct vd_transaction *transaction, void *arg)
{
	(void)arg;
	bodies++;
	struct attempt *attempt = malloc(sizeof *attempt);
	if (attempt == NULL)
		abort();
	attempt->transaction = transaction;
	attempt->done = vd_future_new(database);
	struct vd_future *done = attempt->done;
	vd_future_on_ready(vd_transaction_get(transaction, key, strlen(key), false), on_read, attempt);
	return done;
}

static void job_go(long left);

static void on_run(struct vd_future *future, void *arg)
{
	int64_t version = 0;
	int code = vd_future_get_version(future, &version);
	if (code != 0)
		fprintf(stderr, "run_async: %d %s\n", code, vd_future_message(future));
	increments += code == 0 && version > 0;
	vd_future_free(future);
	job_go((long)arg - 1);
}

static void job_go(long left)
{
	if (left > 0) {
		struct vd_future *future = vd_database_run_async(database, body_async, NULL);
		if (vd_future_wait(future) != VD_ERROR_CLIENT_INVALID_OPERATION)
			fprintf(stderr, "waiting on one's own loop is not refused\n");
		vd_future_on_ready(future, on_run, (void *)left);
	} else if (--open_jobs == 0) {
		vd_database_close(database, NULL, NULL);
	}
}

int main(int argc, char **argv)
{
	char message[256] = "";
	if (argc != 6)
		return 2;
	bool on_base = strcmp(argv[1], "base") == 0;
	struct event_base *base = on_base ? event_base_new() : NULL;
	key = argv[3];
	long width = strtol(argv[4], NULL, 10);
	rounds = strtol(argv[5], NULL, 10);
	open_jobs = width;
	if (width > 64 || vd_database_open(base, argv[2], NULL, 0, &database, message, sizeof message) != 0) {
		fprintf(stderr, "%s\n", message);
		return 1;
	}
	if (on_base) {
		for (long i = 0; i < width; i++)
			job_go(rounds);
		event_base_dispatch(base); /* returns when the closed database has left nothing behind */
		event_base_free(base);
	} else {
		run_threads(width);
	}
	printf("ended %ld %ld\n", (long)increments, (long)bodies);
	return 0;
}
