/* SPDX-License-Identifier: Apache-2.0 */
/* run.c: the retry loops, written on the public calls. The one without waiting is
 *
 *   body ─▶ commit ─▶ told
 *     │        └─ error ─▶ on_error ─▶ body …
 *     └─ error ───────────┘
 *
 * with each arrow a callback on the loop, outside the guard.
 */
#include "common/base/codes.h"
#include "follower/database.h"

#include <stdatomic.h>
#include <stdlib.h>

/* ---- waiting ---- */

static int future_take(struct vd_future *future)
{
	int code = vd_future_wait(future);
	vd_future_free(future);
	return code;
}

int vd_database_run(struct vd_database *database, int (*body)(struct vd_transaction *transaction, void *arg),
	void *arg, int64_t *committed_version)
{
	struct vd_transaction *transaction;
	if (!vd_guard_is_threaded(database->guard) || vd_guard_is_loop_thread(database->guard))
		return VD_ERROR_CLIENT_INVALID_OPERATION;
	int code = vd_transaction_new(database, &transaction);
	if (code != 0)
		return code;
	for (;;) {
		code = body(transaction, arg);
		if (code == 0)
			code = future_take(vd_transaction_commit(transaction));
		if (code <= 0)
			break;
		code = future_take(vd_transaction_on_error(transaction, code));
		if (code != 0)
			break;
	}
	if (code == 0 && committed_version != NULL)
		code = vd_transaction_get_committed_version(transaction, committed_version);
	vd_transaction_free(transaction);
	return code;
}

/* ---- with callbacks ---- */

struct run {
	struct vd_guard *guard;
	struct vd_transaction *transaction;
	struct vd_future *future; /* the caller's */
	struct vd_future *step;   /* what is waited for: of the body, commit or on_error; ours to free */
	atomic_bool is_committing;
	atomic_bool is_cancelled; /* the caller gave up */
	struct vd_task begin;
	struct vd_task cancel;
	struct vd_future *(*body)(struct vd_transaction *transaction, void *arg);
	void *arg;
};

static int step_take(struct run *run)
{
	int code = vd_future_error(run->step);
	vd_future_free(run->step);
	run->step = NULL;
	return code;
}

static void run_end(struct run *run, int code)
{
	struct vd_guard *guard = run->guard;
	int64_t version = -1;
	if (code == 0)
		code = vd_transaction_get_committed_version(run->transaction, &version);
	else if (run->is_cancelled)
		code = VD_CODE_OPERATION_CANCELLED;
	vd_transaction_free(run->transaction);
	if (vd_guard_enter(guard) == 0) {
		vd_guard_withdraw(guard, &run->cancel);
		vd_future_set_version(run->future, version);
		vd_future_finish(run->future, code, NULL);
		vd_guard_leave(guard);
	}
	vd_guard_unref(guard);
	free(run);
}

static void run_body(struct run *run);

static void on_waited(struct vd_future *future, void *arg)
{
	struct run *run = arg;
	(void)future;
	int code = step_take(run);
	if (code != 0)
		run_end(run, code);
	else
		run_body(run);
}

static void run_retry(struct run *run, int code)
{
	if (code < 0 || run->is_cancelled) {
		run_end(run, code);
		return;
	}
	run->step = vd_transaction_on_error(run->transaction, code);
	if (run->step != NULL)
		vd_future_on_ready(run->step, on_waited, run);
	else
		run_end(run, VD_CODE_NO_MEMORY);
}

static void on_committed(struct vd_future *future, void *arg)
{
	struct run *run = arg;
	(void)future;
	run->is_committing = false;
	int code = step_take(run);
	if (code == 0)
		run_end(run, 0);
	else
		run_retry(run, code);
}

static void run_commit(struct run *run, int code)
{
	if (code != 0 || run->is_cancelled) {
		run_retry(run, code != 0 ? code : VD_CODE_OPERATION_CANCELLED);
		return;
	}
	run->is_committing = true;
	run->step = vd_transaction_commit(run->transaction);
	if (run->step != NULL)
		vd_future_on_ready(run->step, on_committed, run);
	else
		run_end(run, VD_CODE_NO_MEMORY);
}

/* Under the guard of the future, unlike the others: the body's future may have a callback of the caller's own. It may also be
 * another database's. */
static void on_body(struct vd_future *future, void *arg)
{
	struct run *run = arg;
	struct vd_guard *guard = vd_guard_ref(vd_future_guard(future));
	vd_guard_yield_begin(guard);
	int code = step_take(run);
	run_commit(run, code);
	vd_guard_yield_end(guard);
	vd_guard_unref(guard);
}

static void run_body(struct run *run)
{
	if (run->is_cancelled) {
		run_end(run, VD_CODE_OPERATION_CANCELLED);
		return;
	}
	run->step = run->body(run->transaction, run->arg);
	if (run->step == NULL) {
		run_commit(run, 0);
		return;
	}
	struct vd_guard *guard = vd_guard_ref(vd_future_guard(run->step));
	if (vd_guard_enter(guard) == 0) {
		vd_future_then(run->step, on_body, run);
		vd_guard_leave(guard);
	}
	vd_guard_unref(guard);
}

static void begin(void *arg)
{
	struct run *run = arg;
	struct vd_guard *guard = vd_guard_ref(run->guard);
	vd_guard_yield_begin(guard);
	run_body(run);
	vd_guard_yield_end(guard);
	vd_guard_unref(guard);
}

/* What the run waits for ends soon after; a commit that was submitted, when it is decided. */
static void cancel(void *arg)
{
	struct run *run = arg;
	struct vd_guard *guard = vd_guard_ref(run->guard);
	vd_guard_yield_begin(guard);
	if (run->is_committing)
		vd_future_cancel(run->step);
	else
		vd_transaction_cancel(run->transaction);
	vd_guard_yield_end(guard);
	vd_guard_unref(guard);
}

/* The future ends when the body will certainly not run any more: until then its `arg` must live. */
static bool on_cancel(void *arg)
{
	struct run *run = arg;
	run->is_cancelled = true;
	vd_guard_post(run->guard, &run->cancel);
	return false;
}

static struct vd_future *run_start(struct vd_database *database, struct run *run)
{
	struct vd_future *future = vd_future_make(database->guard, VD_FUTURE_VERSION);
	if (future == NULL)
		return NULL;
	run->guard = vd_guard_ref(database->guard);
	run->future = future;
	run->begin = (struct vd_task){ .run = begin, .arg = run };
	run->cancel = (struct vd_task){ .run = cancel, .arg = run };
	vd_future_on_cancel(future, on_cancel, run);
	vd_guard_post(run->guard, &run->begin);
	return future;
}

struct vd_future *vd_database_run_async(struct vd_database *database,
	struct vd_future *(*body)(struct vd_transaction *transaction, void *arg), void *arg)
{
	struct run *run = calloc(1, sizeof *run);
	if (run == NULL)
		return NULL;
	run->body = body;
	run->arg = arg;
	int code = vd_transaction_new(database, &run->transaction);
	struct vd_future *future = NULL;
	if (code == 0 && vd_guard_enter(database->guard) == 0) {
		future = run_start(database, run);
		vd_guard_leave(database->guard);
	}
	if (future != NULL)
		return future;
	if (code == 0)
		vd_transaction_free(run->transaction);
	free(run);
	return code == 0 || code == VD_CODE_NO_MEMORY ? NULL : vd_future_failed(database->guard, code, NULL);
}
