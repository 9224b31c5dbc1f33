/* SPDX-License-Identifier: Apache-2.0 */
/* no_memory DSN FROM TO STEP RUN: the library when memory runs out, allocation by allocation.
 *
 * For n = FROM, FROM + STEP, … TO: opens a database, works with it, and closes it, while the n-th allocation of the library or
 * of libevent fails, and the RUN - 1 that follow. Whatever a call says then is right, but the host lives, everything ends, and
 * the work done once more on the same database succeeds. Ends early when the work needs fewer allocations. Prints how many n
 * were tried.
 *
 * The linker wraps malloc, calloc, realloc and strdup of our objects; libevent is given functions of ours; libpq keeps its own.
 */
#include "verdict/verdict.h"

#include <event2/event.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long countdown; /* to the first that fails; below 0: that many have failed */
static atomic_long run_of;
static atomic_bool armed;

static bool fails(void)
{
	if (!atomic_load(&armed))
		return false;
	long left = atomic_fetch_sub(&countdown, 1) - 1;
	return left < 0 && left >= -atomic_load(&run_of);
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

static char last_words[300]; /* of the future that was taken last and had failed */

static void must(bool good, const char *what, int code)
{
	if (good)
		return;
	fprintf(stderr, "%s: %d %s\n", what, code, last_words);
	_exit(1);
}

static int take(struct vd_future *future)
{
	int code = vd_future_wait(future);
	if (code != 0)
		snprintf(last_words, sizeof last_words, "%s", vd_future_message(future));
	vd_future_free(future);
	return code;
}

/* A bit of everything; the first error, or 0. */
static int work(struct vd_transaction *transaction, void *arg)
{
	static const uint8_t one[8] = { 1 };
	(void)arg;
	struct vd_selector begin = vd_first_greater_or_equal("a", 1), end = vd_first_greater_or_equal("z", 1);
	struct vd_future *futures[6] = {
		vd_transaction_get_read_version(transaction),
		vd_transaction_get(transaction, "a", 1, false),
		vd_transaction_get(transaction, "b", 1, true),
		vd_transaction_get_key(transaction, &begin, false),
		vd_transaction_get_range(transaction, &begin, &end, NULL),
		vd_transaction_get_versionstamp(transaction),
	};
	int code = 0;
	vd_transaction_set(transaction, "a", 1, "1", 1);
	vd_transaction_atomic_op(transaction, VD_MUTATION_ADD, "n", 1, one, sizeof one);
	vd_transaction_clear_range(transaction, "c", 1, "d", 1);
	for (size_t i = 0; i < 5; i++) {
		int ended = take(futures[i]);
		code = code != 0 ? code : ended;
	}
	vd_future_free(futures[5]);
	if (code == 0)
		code = vd_transaction_add_conflict_range(transaction, "e", 1, "f", 1, VD_CONFLICT_RANGE_READ);
	return code == 0 ? take(vd_transaction_get(transaction, "n", 1, false)) : code;
}

static int all_of_it(struct vd_database *database)
{
	struct vd_transaction *transaction;
	int64_t version;
	int code = vd_transaction_new(database, &transaction);
	if (code != 0)
		return code;
	struct vd_future *watch = vd_transaction_watch(transaction, "w", 1);
	code = take(vd_transaction_commit(transaction));
	vd_future_cancel(watch);
	vd_future_free(watch);
	vd_transaction_free(transaction);
	return code != 0 ? code : vd_database_run(database, work, NULL, &version);
}

/* True if it came to the n-th. */
static bool once(const char *dsn, long n)
{
	struct vd_database *database = NULL;
	const struct vd_option options[] = { { "schema", "verdict" }, { "transaction_timeout", "20000" } };
	char message[200];
	atomic_store(&countdown, n);
	atomic_store(&armed, true);
	int code = vd_database_open(NULL, dsn, options, 2, &database, message, sizeof message);
	int worked = code == 0 ? all_of_it(database) : 0;
	must(worked != VD_ERROR_TRANSACTION_TIMED_OUT, "nobody went on when there was memory again", worked);
	atomic_store(&armed, false);
	bool came_to_it = atomic_load(&countdown) < 0;
	if (code != 0)
		code = vd_database_open(NULL, dsn, options, 2, &database, message, sizeof message);
	must(code == 0, "open", code);
	struct vd_future *ready = vd_database_ready(database);
	code = vd_future_wait(ready);
	must(code == 0, vd_future_message(ready), code);
	vd_future_free(ready);
	code = all_of_it(database);
	must(code == 0, "afterwards", code);
	/* and while it closes */
	atomic_store(&countdown, n % 7);
	atomic_store(&armed, true);
	vd_database_close(database, NULL, NULL);
	atomic_store(&armed, false);
	return came_to_it;
}

int main(int argc, char **argv)
{
	must(argc == 6, "no_memory DSN FROM TO STEP RUN", argc);
	long tried = 0;
	event_set_mem_functions(__wrap_malloc, __wrap_realloc, free);
	atomic_store(&run_of, strtol(argv[5], NULL, 10));
	long from = strtol(argv[2], NULL, 10), to = strtol(argv[3], NULL, 10), step = strtol(argv[4], NULL, 10);
	for (long n = from; n <= to; n += step, tried++) {
		alarm(60);
		fprintf(stderr, "n=%ld\n", n);
		if (!once(argv[1], n))
			break;
	}
	printf("tried %ld\n", tried);
	return 0;
}
