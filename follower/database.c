/* SPDX-License-Identifier: Apache-2.0 */
/* database.c: opened, ready, closed. */
#include "follower/database.h"

#include "common/base/clock.h"
#include "common/pg/connection.h"
#include "follower/commit/committer.h"
#include "follower/deadline.h"
#include "follower/settings.h"
#include "follower/snapshot/snapshot.h"
#include "follower/transaction.h"
#include "follower/watch/watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Somebody asked vd_database_ready. */
struct waiter {
	struct vd_future *future;
	int64_t until_ms;
	STAILQ_ENTRY(waiter) link;
};

struct vd_opening {
	struct vd_database *database;
	/* all wait equally long, so the first is the first to be told */
	STAILQ_HEAD(, waiter) waiters;
	struct vd_timer timer;
	struct vd_task arm;
	bool refused;
	char problem[1024];
	/* closing */
	struct vd_task begin_close;
	struct vd_task end_close;
	void (*callback)(void *arg);
	void *callback_arg;
};

/* ---- ready ---- */

static void waiters_end(struct vd_opening *opening, int code, const char *message)
{
	struct waiter *waiter;
	while ((waiter = STAILQ_FIRST(&opening->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&opening->waiters, link);
		vd_future_finish(waiter->future, code, message);
		free(waiter);
	}
	vd_timer_cancel(&opening->timer);
}

static void waiters_arm(void *arg)
{
	struct vd_opening *opening = arg;
	const struct waiter *first = STAILQ_FIRST(&opening->waiters);
	if (first != NULL)
		vd_timer_arm_ms(&opening->timer, first->until_ms - vd_clock_ms());
}

static void on_too_long(void *arg)
{
	struct vd_opening *opening = arg;
	char text[sizeof opening->problem + 64];
	snprintf(text, sizeof text, "the database was not to be reached in time%s%s",
		opening->problem[0] != '\0' ? ": " : "", opening->problem);
	struct waiter *waiter;
	while ((waiter = STAILQ_FIRST(&opening->waiters)) != NULL && waiter->until_ms <= vd_clock_ms()) {
		STAILQ_REMOVE_HEAD(&opening->waiters, link);
		vd_future_finish(waiter->future, VD_CODE_TRANSACTION_TIMED_OUT, text);
		free(waiter);
	}
	waiters_arm(opening);
}

static struct vd_future *ready_wait(struct vd_database *database)
{
	struct vd_opening *opening = database->opening;
	struct waiter *waiter = calloc(1, sizeof *waiter);
	if (waiter == NULL)
		return NULL;
	waiter->future = vd_future_make(database->guard, VD_FUTURE_NOTHING);
	waiter->until_ms = vd_clock_ms() + database->settings.connect_timeout_ms;
	if (waiter->future == NULL) {
		free(waiter);
		return NULL;
	}
	STAILQ_INSERT_TAIL(&opening->waiters, waiter, link);
	vd_guard_post(database->guard, &opening->arm);
	return waiter->future;
}

struct vd_future *vd_database_ready(struct vd_database *database)
{
	struct vd_guard *guard = database->guard;
	if (vd_guard_enter(guard) != 0)
		return vd_future_failed(
			guard, VD_CODE_CLIENT_INVALID_OPERATION, "the process was forked: open another database");
	struct vd_opening *opening = database->opening;
	struct vd_future *future;
	if (database->state == VD_DATABASE_READY)
		future = vd_future_failed(guard, 0, NULL);
	else if (opening->refused)
		future = vd_future_failed(guard, VD_CODE_CONNECTION_STRING_INVALID, opening->problem);
	else
		future = ready_wait(database);
	vd_guard_leave(guard);
	return future;
}

void vd_database_problem(struct vd_database *database, bool refused, const char *message)
{
	struct vd_opening *opening = database->opening;
	if (database->state != VD_DATABASE_OPENING)
		return;
	opening->refused = refused;
	snprintf(opening->problem, sizeof opening->problem, "%s", message);
	if (opening->refused)
		waiters_end(opening, VD_CODE_CONNECTION_STRING_INVALID, opening->problem);
}

void vd_database_not_reached(struct vd_database *database, const struct vd_pg *pg, const char *reason)
{
	char text[1024];
	bool refused = vd_pg_is_refused(pg);
	snprintf(text, sizeof text, "%s%s", reason,
		refused ? "; check user, password and database of the connection string" : "");
	vd_database_problem(database, refused, text);
}

void vd_database_opened(struct vd_database *database)
{
	if (database->state != VD_DATABASE_OPENING)
		return;
	database->state = VD_DATABASE_READY;
	waiters_end(database->opening, 0, NULL);
}

/* ---- for the other rooms ---- */

void vd_database_see(struct vd_database *database, const uint8_t term[VD_TERM_BYTES], uint64_t version)
{
	struct vd_newest *newest = &database->newest;
	if (version < newest->version)
		return;
	newest->version = version;
	if (term != NULL) {
		memcpy(newest->term, term, VD_TERM_BYTES);
		newest->known = true;
	}
}

void vd_database_pg_settings(const struct vd_database *database, struct vd_pg_settings *settings)
{
	*settings = (struct vd_pg_settings){
		.dsn = database->settings.dsn,
		.application_name = database->settings.application_name,
		.schema = database->settings.schema,
		.connect_timeout_ms = 3000,
		.tcp_user_timeout_ms = 15000,
		.keepalives_idle_s = 10,
		.keepalives_interval_s = 5,
		.keepalives_count = 3,
		.target_session_attrs = "read-write",
	};
}

unsigned vd_database_reader_count(const struct vd_database *database)
{
	return (unsigned)database->settings.max_connections - 1;
}

struct vd_future *vd_future_new(struct vd_database *database)
{
	if (vd_guard_enter(database->guard) != 0)
		return vd_future_failed(database->guard, VD_CODE_CLIENT_INVALID_OPERATION, NULL);
	struct vd_future *future = vd_future_of_user(database->guard);
	vd_guard_leave(database->guard);
	return future;
}

/* ---- closed ---- */

void vd_database_hold(struct vd_database *database)
{
	database->holds++;
}

void vd_database_release(struct vd_database *database)
{
	if (--database->holds == 0)
		vd_guard_post(database->guard, &database->opening->end_close);
}

static void database_free(struct vd_database *database)
{
	vd_deadlines_free(database->deadlines);
	if (database->opening != NULL)
		vd_timer_fini(&database->opening->timer);
	free(database->opening);
	vd_database_settings_fini(&database->settings);
	free(database);
}

/* The last turn: all futures that ended have been told. On the caller's base the loop goes here, else its thread ends it. */
static void on_end_close(void *arg)
{
	struct vd_opening *opening = arg;
	struct vd_database *database = opening->database;
	struct vd_guard *guard = database->guard;
	if (!vd_guard_is_idle(guard)) {
		vd_guard_post(guard, &opening->end_close);
		return;
	}
	struct vd_loop *loop = database->loop;
	void (*callback)(void *callback_arg) = opening->callback;
	void *callback_arg = opening->callback_arg;
	bool threaded = vd_guard_is_threaded(guard);
	vd_guard_detach(guard);
	if (threaded) {
		vd_loop_stop(loop); /* the thread frees the rest */
		return;
	}
	database_free(database);
	vd_loop_free(loop);
	vd_guard_unref(guard);
	if (callback != NULL)
		callback(callback_arg);
}

static void on_begin_close(void *arg)
{
	struct vd_opening *opening = arg;
	struct vd_database *database = opening->database;
	struct vd_transaction *transaction;
	database->state = VD_DATABASE_CLOSING;
	waiters_end(opening, VD_CODE_OPERATION_CANCELLED, "the database was closed");
	while ((transaction = TAILQ_FIRST(&database->transactions)) != NULL)
		vd_transaction_detach(transaction);
	vd_committer_close(database->committer);
	vd_snapshots_close(database->snapshots);
	vd_watcher_close(database->watcher);
	vd_database_release(database);
}

void vd_database_close(struct vd_database *database, void (*callback)(void *arg), void *arg)
{
	struct vd_guard *guard = database->guard;
	if (vd_guard_enter(guard) != 0)
		return; /* its connections are the parent's */
	struct vd_opening *opening = database->opening;
	pthread_t thread = database->thread;
	bool threaded = vd_guard_is_threaded(guard);
	bool join = threaded && callback == NULL && !vd_guard_is_loop_thread(guard);
	opening->callback = callback;
	opening->callback_arg = arg;
	if (threaded && !join)
		pthread_detach(thread);
	vd_guard_post(guard, &opening->begin_close);
	vd_guard_leave(guard);
	if (join)
		pthread_join(thread, NULL);
}

/* ---- opened ---- */

static void *thread_run(void *arg)
{
	struct vd_database *database = arg;
	struct vd_guard *guard = database->guard;
	struct vd_loop *loop = database->loop;
	vd_guard_adopt_thread(guard);
	(void)!vd_loop_run(loop);
	void (*callback)(void *callback_arg) = database->opening->callback;
	void *callback_arg = database->opening->callback_arg;
	database_free(database);
	vd_loop_free(loop);
	vd_guard_unref(guard);
	if (callback != NULL)
		callback(callback_arg);
	return NULL;
}

/* Signals are for the host's threads. */
static bool thread_start(struct vd_database *database)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&database->thread, NULL, thread_run, database);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed == 0;
}

static bool opening_new(struct vd_database *database)
{
	struct vd_opening *opening = calloc(1, sizeof *opening);
	database->opening = opening;
	if (opening == NULL)
		return false;
	opening->database = database;
	STAILQ_INIT(&opening->waiters);
	opening->arm = (struct vd_task){ .run = waiters_arm, .arg = opening };
	opening->begin_close = (struct vd_task){ .run = on_begin_close, .arg = opening };
	opening->end_close = (struct vd_task){ .run = on_end_close, .arg = opening };
	return vd_timer_init(&opening->timer, database->loop, on_too_long, opening);
}

/* What there is of a database that could not be opened. */
static void database_abort(struct vd_database *database)
{
	struct vd_guard *guard = database->guard;
	struct vd_loop *loop = database->loop;
	if (database->snapshots != NULL)
		vd_snapshots_abort(database->snapshots);
	if (database->watcher != NULL)
		vd_watcher_abort(database->watcher);
	if (database->committer != NULL)
		vd_committer_abort(database->committer);
	if (guard != NULL)
		vd_guard_detach(guard);
	database_free(database);
	vd_loop_free(loop);
	if (guard != NULL)
		vd_guard_unref(guard);
}

static int database_make(struct vd_database *database, struct event_base *base, struct vd_error *error)
{
	TAILQ_INIT(&database->transactions);
	database->holds = 1;
	database->loop = vd_loop_new(base);
	if (database->loop != NULL)
		database->guard = vd_guard_new(database->loop, base == NULL);
	if (database->guard == NULL || !opening_new(database) ||
		(database->deadlines = vd_deadlines_new(database->guard, database->loop)) == NULL ||
		(database->snapshots = vd_snapshots_open(database)) == NULL ||
		(database->watcher = vd_watcher_open(database)) == NULL ||
		(database->committer = vd_committer_open(database)) == NULL ||
		(base == NULL && !thread_start(database)))
		return vd_error_set(error, VD_CODE_NO_MEMORY, "no memory, descriptors or threads for a database");
	return 0;
}

int vd_database_open(struct event_base *base, const char *dsn, const struct vd_option *options, size_t count,
	struct vd_database **out, char *message, size_t message_size)
{
	struct vd_error error = { 0 };
	struct vd_database *database = calloc(1, sizeof *database);
	int code = VD_CODE_NO_MEMORY;
	if (database != NULL)
		code = vd_database_settings_init(&database->settings, dsn, options, count, &error);
	if (code == 0)
		code = database_make(database, base, &error);
	if (code == 0) {
		*out = database;
		return 0;
	}
	if (database != NULL)
		database_abort(database);
	if (message != NULL && message_size > 0)
		snprintf(message, message_size, "%s", error.message);
	return code;
}
