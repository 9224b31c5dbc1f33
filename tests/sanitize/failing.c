/* SPDX-License-Identifier: Apache-2.0 */
/* failing DSN memory|calls FROM TO STEP RUN: the library while something fails, one thing after the other.
 *
 * For n = FROM, FROM + STEP, … TO: opens a database, works with it, and closes it, while the n-th allocation of the library or of
 * libevent fails (memory; no_memory.h), or the n-th call of libpq (calls; common/pg/calls.h), and the RUN - 1 that follow. Whatever
 * a call says then is right, but the host lives, everything ends, each callback comes once, the work done once more on the same
 * database succeeds, and what was told of each commit is true: each leaves a witness and adds one to a count. Nothing leaks, where
 * LeakSanitizer can say so. Ends early when the work needs fewer. Prints how many n were tried.
 */
#include "verdict/verdict.h"

#include "common/base/fault.h"
#include "tests/sanitize/no_memory.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of LeakSanitizer; NULL in a build without. */
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

enum { ATTEMPTS_MAX = 200, CALLBACKS = 8 };

static bool is_memory;
static long run_of;
static long n; /* the turn */

/* ---- what fails ---- */

static void arm(long number)
{
	struct vd_error error = { 0 };
	char spec[1000] = "";
	if (is_memory) {
		no_memory_begin(number, run_of);
		return;
	}
	for (long i = 0; i < run_of && i < 16; i++)
		snprintf(spec + strlen(spec), sizeof spec - strlen(spec), "%spg.call:%ld:fail", i > 0 ? "," : "",
			number + i);
	if (vd_fault_arm(spec, NULL, &error) != 0)
		_exit(2);
}

/* True if it came to the number. */
static bool disarm(long number)
{
	if (is_memory)
		return no_memory_end();
	bool came_to_it = vd_fault_hits("pg.call") >= (unsigned)number;
	vd_fault_disarm();
	return came_to_it;
}

/* ---- the work ---- */

static int told[ATTEMPTS_MAX]; /* of each commit of this turn: its code, or -1 if nothing is known of it */
static atomic_uint attempts;
static atomic_int calls[CALLBACKS];
static struct vd_future *kept[CALLBACKS];
static unsigned kept_count;
static char last_words[300]; /* of the future that was taken last and had failed */

static void must(bool good, const char *what, long code)
{
	if (good)
		return;
	fprintf(stderr, "%s: %ld %s\n", what, code, last_words);
	_exit(1);
}

/* What may be said of it: nothing that speaks of the caller's work, such as a transaction that is too large. */
static void check_code(int code)
{
	static const int right[] = { 0, VD_ERROR_OUT_OF_MEMORY, VD_ERROR_PLATFORM, VD_ERROR_SQL,
		VD_ERROR_TRANSACTION_TOO_OLD, VD_ERROR_FUTURE_VERSION, VD_ERROR_NOT_COMMITTED,
		VD_ERROR_COMMIT_UNKNOWN_RESULT, VD_ERROR_PROCESS_BEHIND };
	for (size_t i = 0; i < sizeof right / sizeof *right; i++)
		if (code == right[i])
			return;
	must(false, "that is not what was wrong", code);
}

static int take(struct vd_future *future)
{
	int code = vd_future_wait(future);
	check_code(code);
	if (code != 0)
		snprintf(last_words, sizeof last_words, "%s", vd_future_message(future));
	vd_future_free(future);
	return code;
}

static void on_ready(struct vd_future *future, void *arg)
{
	(void)future;
	atomic_fetch_add((atomic_int *)arg, 1);
}

/* Its callback is counted; freed when the database is closed. */
static void keep(struct vd_future *future)
{
	must(kept_count < CALLBACKS, "too many are kept", kept_count);
	atomic_store(&calls[kept_count], 0);
	if (future != NULL)
		vd_future_on_ready(future, on_ready, &calls[kept_count]);
	kept[kept_count++] = future;
}

static void forget_kept(void)
{
	for (unsigned i = 0; i < kept_count; i++) {
		must(kept[i] == NULL || vd_future_is_ready(kept[i]), "a future has not ended", i);
		must(atomic_load(&calls[i]) == (kept[i] != NULL), "callbacks of one future", atomic_load(&calls[i]));
		vd_future_free(kept[i]);
	}
	kept_count = 0;
}

/* The books: a witness of this commit, and one more in the count of this turn. Returns its number. */
static unsigned enter(struct vd_transaction *transaction)
{
	char key[40];
	unsigned attempt = atomic_fetch_add(&attempts, 1);
	must(attempt < ATTEMPTS_MAX, "too many attempts", attempt);
	told[attempt] = -1;
	int size = snprintf(key, sizeof key, "t%d/%ld/%05u", getpid(), n, attempt);
	vd_transaction_set(transaction, key, (size_t)size, "", 0);
	size = snprintf(key, sizeof key, "n%d/%ld", getpid(), n);
	vd_transaction_atomic_op(transaction, VD_MUTATION_ADD, key, (size_t)size, "\1\0\0\0\0\0\0", 8);
	return attempt;
}

/* A bit of everything; the first error, or 0. */
static int work(struct vd_transaction *transaction, void *arg)
{
	static const uint8_t one[8] = { 1 };
	*(unsigned *)arg = enter(transaction);
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

static struct vd_future *async_work(struct vd_transaction *transaction, void *arg)
{
	*(unsigned *)arg = enter(transaction);
	return vd_transaction_get(transaction, "a", 1, false);
}

static int walk(struct vd_transaction *transaction)
{
	struct vd_iterator *iterator;
	struct vd_selector begin = vd_first_greater_or_equal("a", 1), end = vd_first_greater_or_equal("o", 1);
	struct vd_range_options one_at_a_time = { .limit = 2 };
	int code = vd_iterator_new(transaction, &begin, &end, &one_at_a_time, &iterator);
	if (code != 0)
		return code;
	code = take(vd_iterator_next(iterator));
	vd_iterator_free(iterator);
	return code;
}

static int all_of_it(struct vd_database *database)
{
	struct vd_transaction *transaction;
	int64_t version;
	unsigned attempt = 0;
	int code = vd_transaction_new(database, &transaction);
	if (code != 0)
		return code;
	keep(vd_transaction_watch(transaction, "w", 1));
	code = walk(transaction);
	struct vd_future *dropped = vd_transaction_get(transaction, "a", 1, true);
	vd_future_cancel(dropped);
	vd_future_free(dropped);
	attempt = enter(transaction);
	int ended = take(vd_transaction_commit(transaction));
	told[attempt] = ended;
	code = code != 0 ? code : ended;
	vd_transaction_free(transaction);
	unsigned async_attempt = UINT32_MAX;
	struct vd_future *async = vd_database_run_async(database, async_work, &async_attempt);
	attempt = UINT32_MAX;
	ended = vd_database_run(database, work, &attempt, &version);
	check_code(ended);
	if (attempt != UINT32_MAX)
		told[attempt] = ended;
	code = code != 0 ? code : ended;
	ended = take(async);
	if (async_attempt != UINT32_MAX)
		told[async_attempt] = ended;
	return code != 0 ? code : ended;
}

/* ---- what it left ---- */

struct found {
	bool is_there[ATTEMPTS_MAX];
	uint64_t count;
};

static int look(struct vd_transaction *transaction, void *arg)
{
	struct found *found = arg;
	const uint8_t *value;
	size_t size;
	char key[40];
	bool present;
	for (unsigned i = 0; i <= attempts; i++) {
		int length = i < attempts ? snprintf(key, sizeof key, "t%d/%ld/%05u", getpid(), n, i)
								  : snprintf(key, sizeof key, "n%d/%ld", getpid(), n);
		struct vd_future *future = vd_transaction_get(transaction, key, (size_t)length, false);
		int code = vd_future_wait(future);
		if (code == 0 && vd_future_get_value(future, &present, &value, &size) == 0) {
			if (i < attempts)
				found->is_there[i] = present;
			else
				memcpy(&found->count, present ? value : (const uint8_t[8]){ 0 }, sizeof found->count);
		}
		vd_future_free(future);
		if (code != 0)
			return code;
	}
	return 0;
}

static void balance(struct vd_database *database)
{
	struct found found = { .count = 0 };
	uint64_t count = 0;
	int code = vd_database_run(database, look, &found, NULL);
	must(code == 0, "the books cannot be read", code);
	for (unsigned i = 0; i < attempts; i++) {
		count += found.is_there[i];
		must(told[i] != 0 || found.is_there[i], "told that it is committed, and it is not", i);
		must(told[i] <= 0 || vd_error_is(VD_ERROR_IS_MAYBE_COMMITTED, told[i]) || !found.is_there[i],
			"told that it is not committed, and it is", told[i]);
	}
	must(count == found.count, "witnesses do not agree with the count", (long)found.count);
}

/* True if it came to the n-th. */
static bool once(const char *dsn)
{
	struct vd_database *database = NULL;
	const struct vd_option options[] = { { "schema", "verdict" }, { "transaction_timeout", "60000" } };
	char message[200];
	attempts = 0;
	arm(n);
	int code = vd_database_open(NULL, dsn, options, 2, &database, message, sizeof message);
	int worked = code == 0 ? all_of_it(database) : 0;
	bool came_to_it = disarm(n);
	must(worked != VD_ERROR_TRANSACTION_TIMED_OUT, "nobody went on when it was over", worked);
	must(code == 0 || code == VD_ERROR_OUT_OF_MEMORY || code == VD_ERROR_PLATFORM, message, code);
	if (code != 0)
		code = vd_database_open(NULL, dsn, options, 2, &database, message, sizeof message);
	must(code == 0, "open", code);
	struct vd_future *ready = vd_database_ready(database);
	code = vd_future_wait(ready);
	must(code == 0, vd_future_message(ready), code);
	vd_future_free(ready);
	code = all_of_it(database);
	must(code == 0, "afterwards", code);
	balance(database);
	/* and while it closes */
	arm(n % 7 + 1);
	vd_database_close(database, NULL, NULL);
	disarm(n % 7 + 1);
	forget_kept();
	must(__lsan_do_recoverable_leak_check == NULL || __lsan_do_recoverable_leak_check() == 0, "leaks", n);
	return came_to_it;
}

int main(int argc, char **argv)
{
	must(argc == 7, "failing DSN memory|calls FROM TO STEP RUN", argc);
	long tried = 0;
	is_memory = strcmp(argv[2], "memory") == 0;
	run_of = strtol(argv[6], NULL, 10);
	long to = strtol(argv[4], NULL, 10), step = strtol(argv[5], NULL, 10);
	for (n = strtol(argv[3], NULL, 10); n <= to; n += step, tried++) {
		alarm(200);
		fprintf(stderr, "n=%ld\n", n);
		if (!once(argv[1]))
			break;
	}
	printf("tried %ld\n", tried);
	return 0;
}
