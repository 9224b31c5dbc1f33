/* SPDX-License-Identifier: Apache-2.0 */
/* A database's life by the public header alone, against a PostgreSQL that has no schema of ours: opening and closing at every
 * moment, on both kinds of loop. LeakSanitizer counts what is left. */
#include "tests/unit/test.h"

#include "verdict/verdict.h"

#include <event2/event.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

static const char *dsn(void)
{
	return getenv("VERDICT_TEST_DSN");
}

static struct vd_database *open_on(struct event_base *base)
{
	struct vd_database *database = NULL;
	assert_int_equal(vd_database_open(base, dsn(), NULL, 0, &database, NULL, 0), 0);
	return database;
}

static void post(void *arg)
{
	sem_post(arg);
}

static void ignore(struct vd_future *future, void *arg)
{
	(void)future;
	(void)arg;
}

static void post_ready(struct vd_future *future, void *arg)
{
	(void)future;
	sem_post(arg);
}

static void closed_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		vd_database_close(open_on(NULL), NULL, NULL);
		sem_t closed;
		sem_init(&closed, 0, 0);
		vd_database_close(open_on(NULL), post, &closed);
		sem_wait(&closed);
		sem_destroy(&closed);
	}
}

static void closed_at_any_moment(void **state)
{
	(void)state;
	for (int delay_us = 0; delay_us < 20000; delay_us += 700) {
		struct vd_database *database = open_on(NULL);
		struct vd_future *future = vd_database_ready(database);
		usleep((useconds_t)delay_us);
		vd_database_close(database, NULL, NULL);
		/* outlives it */
		assert_true(vd_future_is_ready(future));
		assert_true(vd_future_error(future) == 1101 || vd_future_error(future) == 2104);
		vd_future_free(future);
	}
}

static void no_schema_is_said(void **state)
{
	(void)state;
	struct vd_database *database = open_on(NULL);
	for (int i = 0; i < 3; i++) {
		struct vd_future *future = vd_database_ready(database);
		assert_int_equal(vd_future_wait(future), VD_ERROR_CONNECTION_STRING_INVALID);
		assert_non_null(strstr(vd_future_message(future), "verdict migrate"));
		vd_future_free(future);
	}
	vd_database_close(database, NULL, NULL);
}

struct inside {
	struct vd_database *database;
	sem_t *closed;
	int waited;
};

static void close_inside(struct vd_future *future, void *arg)
{
	struct inside *inside = arg;
	struct vd_future *other = vd_future_new(inside->database);
	inside->waited = vd_future_wait(other);
	vd_future_free(other);
	vd_future_free(future);
	vd_database_close(inside->database, post, inside->closed);
}

static void closed_from_a_callback(void **state)
{
	(void)state;
	sem_t closed;
	sem_init(&closed, 0, 0);
	struct inside inside = { .database = open_on(NULL), .closed = &closed };
	vd_future_on_ready(vd_database_ready(inside.database), close_inside, &inside);
	sem_wait(&closed);
	assert_int_equal(inside.waited, VD_ERROR_CLIENT_INVALID_OPERATION);
	sem_destroy(&closed);
}

/* ---- on the caller's base ---- */

static unsigned closed_count, called;

static void count_closed(void *arg)
{
	if (++closed_count == 2)
		event_base_loopbreak(arg);
}

static void count_called(struct vd_future *future, void *arg)
{
	called++;
	vd_future_free(future);
	if (arg != NULL)
		vd_database_close(arg, NULL, NULL);
}

static void two_on_one_base(void **state)
{
	(void)state;
	struct event_base *base = event_base_new();
	struct vd_database *one = open_on(base), *two = open_on(base);
	assert_int_equal(vd_future_wait(NULL), VD_ERROR_OUT_OF_MEMORY);
	struct vd_future *future = vd_database_ready(one);
	assert_int_equal(vd_future_wait(future), VD_ERROR_CLIENT_INVALID_OPERATION);
	vd_future_on_ready(future, count_called, NULL);
	closed_count = called = 0;
	event_base_loop(base, EVLOOP_ONCE);
	vd_database_close(one, count_closed, base);
	vd_database_close(two, count_closed, base);
	assert_int_equal(closed_count, 0);
	event_base_dispatch(base);
	assert_int_equal(closed_count, 2);
	assert_int_equal(called, 1); /* all that ended was told before the end */
	event_base_free(base);
}

static void the_base_runs_dry_when_all_is_closed(void **state)
{
	(void)state;
	struct event_base *base = event_base_new();
	struct vd_database *database = open_on(base);
	called = 0;
	vd_future_on_ready(vd_database_ready(database), count_called, database);
	assert_int_equal(event_base_dispatch(base), 1); /* no events left */
	assert_int_equal(called, 1);
	event_base_free(base);
}

/* ---- threads ---- */

static void *asks(void *arg)
{
	for (int i = 0; i < 200; i++) {
		struct vd_future *future = vd_database_ready(arg);
		sem_t ready;
		sem_init(&ready, 0, 0);
		vd_future_on_ready(future, post_ready, &ready);
		if (i % 3 == 0)
			vd_future_cancel(future);
		sem_wait(&ready);
		assert_true(vd_future_wait(future) != 0);
		vd_future_free(future);
		sem_destroy(&ready);
		future = vd_database_ready(arg);
		vd_future_on_ready(future, ignore, NULL);
		vd_future_free(future); /* before, during or after its callback */
	}
	return NULL;
}

static void asked_from_many_threads(void **state)
{
	(void)state;
	struct vd_database *database = open_on(NULL);
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, asks, database), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	vd_database_close(database, NULL, NULL);
}

/* A body may wait for another database: its future's end is then told on that one's thread. */
static struct vd_future *body_of_another(struct vd_transaction *transaction, void *arg)
{
	(void)transaction;
	struct vd_future *future = vd_future_new(arg);
	vd_future_end(future, -5);
	return future;
}

static void a_body_waits_for_another_database(void **state)
{
	(void)state;
	struct vd_database *one = open_on(NULL), *other = open_on(NULL);
	for (int i = 0; i < 200; i++) {
		struct vd_future *runs[4];
		for (int k = 0; k < 4; k++)
			runs[k] = vd_database_run_async(k % 2 == 0 ? one : other, body_of_another, k < 2 ? other : one);
		for (int k = 0; k < 4; k++) {
			assert_int_equal(vd_future_wait(runs[k]), -5);
			vd_future_free(runs[k]);
		}
	}
	vd_database_close(one, NULL, NULL);
	vd_database_close(other, NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed_at_once),
		cmocka_unit_test(closed_at_any_moment),
		cmocka_unit_test(no_schema_is_said),
		cmocka_unit_test(closed_from_a_callback),
		cmocka_unit_test(two_on_one_base),
		cmocka_unit_test(the_base_runs_dry_when_all_is_closed),
		cmocka_unit_test(a_body_waits_for_another_database),
		cmocka_unit_test(asked_from_many_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
