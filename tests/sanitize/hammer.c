/* SPDX-License-Identifier: Apache-2.0 */
/* hammer DSN SEED THREADS ROUNDS: one database that all threads use at once, and databases of each thread's own that open and
 * close meanwhile; futures that one thread makes and another one ends. What must hold: every transaction that a thread was told is
 * committed is counted once. Prints "good COUNT", or what is wrong and aborts. For ThreadSanitizer above all.
 */
#include "verdict/verdict.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 8, KEYS = 16 };

struct thread {
	pthread_t id;
	uint64_t random;
	long rounds;
};

static const char *dsn;
static struct vd_database *shared;
static _Atomic(struct vd_future *) slots[SLOTS]; /* for whoever takes them */
static atomic_long committed, called, asked;

#define HOLDS(what) ((what) ? (void)0 : (fprintf(stderr, "%s: line %d\n", #what, __LINE__), abort()))

static unsigned dice(struct thread *thread, unsigned sides)
{
	thread->random = thread->random * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(thread->random >> 33) % sides;
}

static struct vd_database *open_one(void)
{
	struct vd_database *database;
	static const struct vd_option options[] = { { "max_connections", "2" } };
	HOLDS(vd_database_open(NULL, dsn, options, 1, &database, NULL, 0) == 0);
	return database;
}

static void add_one(struct vd_transaction *transaction)
{
	vd_transaction_atomic_op(transaction, VD_MUTATION_ADD, "count", 5, "\1\0\0\0\0\0\0", 8);
}

static int run_body(struct vd_transaction *transaction, void *arg)
{
	struct vd_future *future = vd_transaction_get(transaction, arg, 1, false);
	int code = vd_future_wait(future);
	vd_future_free(future);
	vd_transaction_set(transaction, arg, 1, "x", 1);
	add_one(transaction);
	return code;
}

static struct vd_future *async_body(struct vd_transaction *transaction, void *arg)
{
	add_one(transaction);
	return vd_transaction_get(transaction, arg, 1, false);
}

static void count_if(int code)
{
	if (code == 0)
		atomic_fetch_add(&committed, 1);
}

static void on_ended(struct vd_future *future, void *arg)
{
	(void)arg;
	HOLDS(vd_future_is_ready(future));
	count_if(vd_future_error(future));
	vd_future_free(future);
	atomic_fetch_add(&called, 1);
}

static void on_closed(void *arg)
{
	sem_post(arg);
}

/* Opens, works or not, and closes at some moment of it. */
static void own_database(struct thread *thread, char *key)
{
	sem_t gone;
	struct vd_transaction *transaction;
	struct vd_database *own = open_one();
	HOLDS(sem_init(&gone, 0, 0) == 0 && vd_transaction_new(own, &transaction) == 0);
	struct vd_future *read = vd_transaction_get(transaction, key, 1, false);
	struct vd_future *watch = vd_transaction_watch(transaction, key, 1);
	struct vd_future *ready = vd_database_ready(own);
	unsigned how = dice(thread, 4);
	if (how == 0)
		HOLDS(vd_future_wait(ready) == 0);
	if (how == 1)
		HOLDS(vd_future_wait(read) == 0);
	bool is_called = dice(thread, 2) == 0;
	vd_database_close(own, is_called ? on_closed : NULL, &gone);
	if (is_called)
		HOLDS(sem_wait(&gone) == 0);
	HOLDS(vd_future_is_ready(read) && vd_future_wait(watch) != 0 && vd_future_is_ready(ready));
	vd_future_free(read);
	vd_future_free(watch);
	vd_future_free(ready);
	vd_transaction_free(transaction);
	sem_destroy(&gone);
}

static void walk(struct vd_transaction *transaction)
{
	struct vd_iterator *iterator;
	struct vd_selector begin = vd_first_greater_or_equal("a", 1), end = vd_first_greater_or_equal("z", 1);
	const struct vd_row *rows;
	size_t count;
	bool more = true;
	HOLDS(vd_iterator_new(transaction, &begin, &end, NULL, &iterator) == 0);
	while (more) {
		struct vd_future *chunk = vd_iterator_next(iterator);
		if (vd_future_wait(chunk) != 0 || vd_future_get_rows(chunk, &rows, &count, &more) != 0)
			more = false;
		vd_future_free(chunk);
	}
	vd_iterator_free(iterator);
}

static void one_transaction(struct thread *thread, const char *key)
{
	struct vd_transaction *transaction;
	HOLDS(vd_transaction_new(shared, &transaction) == 0);
	walk(transaction);
	struct vd_future *watch = vd_transaction_watch(transaction, key, 1);
	vd_transaction_set(transaction, key, 1, (char[]){ (char)dice(thread, 256) }, 1);
	add_one(transaction);
	struct vd_future *commit = vd_transaction_commit(transaction);
	if (dice(thread, 8) == 0)
		vd_transaction_cancel(transaction);
	count_if(vd_future_wait(commit));
	vd_future_free(commit);
	vd_transaction_free(transaction);
	/* another thread ends it, or sees its end */
	struct vd_future *before = atomic_exchange(&slots[dice(thread, SLOTS)], watch);
	if (before == NULL)
		return;
	vd_future_cancel(before);
	(void)!vd_future_wait(before);
	HOLDS(*vd_future_message(before) != '\0' || vd_future_error(before) == 0);
	vd_future_free(before);
}

static void *hammer(void *arg)
{
	struct thread *thread = arg;
	static char keys[KEYS + 1] = "abcdefghijklmnop";
	for (; thread->rounds > 0; thread->rounds--) {
		char *key = &keys[dice(thread, KEYS)];
		unsigned what = dice(thread, 10);
		if (what == 0) {
			own_database(thread, key);
		} else if (what < 3) {
			count_if(vd_database_run(shared, run_body, key, NULL));
		} else if (what < 5) {
			struct vd_future *future = vd_database_run_async(shared, async_body, key);
			count_if(vd_future_wait(future));
			vd_future_free(future);
		} else if (what < 7) {
			atomic_fetch_add(&asked, 1);
			vd_future_on_ready(vd_database_run_async(shared, async_body, key), on_ended, NULL);
		} else {
			one_transaction(thread, key);
		}
	}
	return NULL;
}

static int read_count(struct vd_transaction *transaction, void *arg)
{
	bool present;
	const uint8_t *value;
	size_t size;
	struct vd_future *future = vd_transaction_get(transaction, "count", 5, false);
	int code = vd_future_wait(future);
	HOLDS(code != 0 || vd_future_get_value(future, &present, &value, &size) == 0);
	if (code == 0 && present)
		memcpy(arg, value, sizeof(long));
	vd_future_free(future);
	return code;
}

int main(int argc, char **argv)
{
	enum { THREADS_MAX = 16 };
	static struct thread threads[THREADS_MAX];
	long count = argc == 5 ? atol(argv[3]) : 0, before = 0, after = 0;
	if (count < 1 || count > THREADS_MAX)
		return 2;
	dsn = argv[1];
	shared = open_one();
	HOLDS(vd_database_run(shared, read_count, &before, NULL) == 0);
	for (long i = 0; i < count; i++) {
		threads[i].random = strtoull(argv[2], NULL, 10) * THREADS_MAX + (uint64_t)i;
		threads[i].rounds = atol(argv[4]);
		HOLDS(pthread_create(&threads[i].id, NULL, hammer, &threads[i]) == 0);
	}
	for (long i = 0; i < count; i++)
		HOLDS(pthread_join(threads[i].id, NULL) == 0);
	while (atomic_load(&called) < atomic_load(&asked))
		usleep(1000);
	HOLDS(vd_database_run(shared, read_count, &after, NULL) == 0);
	HOLDS(after - before == atomic_load(&committed));
	vd_database_close(shared, NULL, NULL);
	for (int i = 0; i < SLOTS; i++)
		vd_future_free(atomic_load(&slots[i])); /* NULL is fine */
	printf("good %ld\n", after - before);
	return 0;
}
