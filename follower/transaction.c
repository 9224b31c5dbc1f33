/* SPDX-License-Identifier: Apache-2.0 */
/* transaction.c: made, reset, ended, freed. */
#include "follower/transaction.h"

#include "common/base/clock.h"
#include "common/base/codes.h"
#include "follower/iterator.h"
#include "follower/read.h"
#include "follower/retry.h"
#include "follower/submission.h"
#include "follower/watch/watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory of one transaction: nodes of the overlay and of conflict ranges take some times what they count. */
enum { ARENA_FACTOR = 8, ARENA_EXTRA_BYTES = 16 << 20 };

/* ---- refusals ---- */

int vd_fault_set(struct vd_fault *fault, int code, const char *format, ...)
{
	if (fault == NULL)
		return code;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(fault->message, sizeof fault->message, format, arguments);
	va_end(arguments);
	fault->code = code;
	return code;
}

int vd_transaction_check(const struct vd_transaction *transaction, struct vd_fault *fault)
{
	if (transaction->ended != 0)
		return vd_fault_set(fault, transaction->ended, "%s", "");
	if (transaction->is_committing)
		return vd_fault_set(fault, VD_CODE_USED_DURING_COMMIT, "%s", "");
	if (transaction->deferred.code != 0)
		return vd_fault_set(fault, transaction->deferred.code, "%s", transaction->deferred.message);
	const struct vd_member *member = &transaction->member;
	if (member->is_lost)
		return vd_fault_set(fault, member->code, "%s", member->message);
	return 0;
}

struct vd_future *vd_transaction_failed(
	const struct vd_transaction *transaction, const struct vd_fault *fault)
{
	return vd_future_failed(transaction->guard, fault->code, fault->message);
}

struct vd_future *vd_transaction_forked(const struct vd_transaction *transaction)
{
	return vd_future_failed(transaction->guard, VD_CODE_CLIENT_INVALID_OPERATION,
		"the process was forked: open another database");
}

struct vd_bytes vd_transaction_last_key(const struct vd_transaction *transaction)
{
	const struct vd_options *options = &transaction->options;
	return options->read_system_keys || options->access_system_keys ? VD_SYSTEM_KEYS_END : VD_KEYS_END;
}

struct vd_overlay *vd_transaction_view(const struct vd_transaction *transaction, bool snapshot)
{
	const struct vd_options *options = &transaction->options;
	if (options->read_your_writes_disabled || (snapshot && options->snapshot_ryw <= 0))
		return NULL;
	return transaction->overlay;
}

/* ---- time-out ---- */

static void on_timeout(void *arg)
{
	vd_transaction_end(arg, VD_CODE_TRANSACTION_TIMED_OUT);
}

static void timeout_arm(struct vd_transaction *transaction)
{
	vd_deadline_cancel(&transaction->timeout);
	if (transaction->options.timeout_ms > 0 && transaction->database != NULL)
		vd_deadline_arm(transaction->database->deadlines, &transaction->timeout,
			transaction->began_us + transaction->options.timeout_ms * 1000);
}

/* ---- life ---- */

/* All but the submission, and the reads before it. */
static void stop_rest(struct vd_transaction *transaction, int code)
{
	vd_retry_end(transaction, code);
	vd_promises_break(&transaction->promises, code);
	vd_watches_end(transaction, code);
	vd_member_leave(&transaction->member);
}

void vd_transaction_stop(struct vd_transaction *transaction, int code)
{
	vd_reads_end(transaction, code);
	vd_submission_abandon(transaction, code);
	vd_iterators_end(transaction);
	stop_rest(transaction, code);
}

/* It keeps its submission: a commit that was faster than the end can be asked for its version. */
void vd_transaction_end(struct vd_transaction *transaction, int code)
{
	if (transaction->ended != 0)
		return;
	transaction->ended = code;
	vd_deadline_cancel(&transaction->timeout);
	vd_reads_end(transaction, code);
	vd_submission_give_up(transaction, code);
	stop_rest(transaction, code);
}

void vd_transaction_clear_state(struct vd_transaction *transaction)
{
	transaction->overlay = NULL;
	transaction->mutations.count = 0;
	transaction->mutation_bytes = 0;
	transaction->preconditions.count = 0;
	transaction->precondition_bytes = 0;
	transaction->lock_change = VD_LOCK_KEEP;
	transaction->above_version = 0;
	transaction->options.next_write_no_conflict = false;
	vd_arena_reset(&transaction->arena);
	vd_sequences_init(&transaction->sequences, &transaction->arena);
	vd_conflicts_init(&transaction->reads, &transaction->arena);
	vd_conflicts_init(&transaction->writes, &transaction->arena);
	memset(&transaction->member, 0, sizeof transaction->member);
	memset(&transaction->deferred, 0, sizeof transaction->deferred);
	transaction->is_used = transaction->is_committing = false;
	transaction->is_committed = false;
	transaction->conflicting = (struct vd_conflicting){ 0 };
	transaction->ended = transaction->database == NULL ? VD_CODE_TRANSACTION_CANCELLED : 0;
}

/* As if it were new, but for the options. */
static void begin(struct vd_transaction *transaction)
{
	vd_transaction_clear_state(transaction);
	transaction->began_us = vd_clock_us();
	transaction->retries = 0;
	transaction->backoff_ms = 0;
	timeout_arm(transaction);
}

void vd_transaction_detach(struct vd_transaction *transaction)
{
	TAILQ_REMOVE(&transaction->database->transactions, transaction, link);
	transaction->ended = 0;
	vd_transaction_end(transaction, VD_CODE_TRANSACTION_CANCELLED);
	transaction->database = NULL;
}

/* ---- the public calls ---- */

int vd_transaction_new(struct vd_database *database, struct vd_transaction **out)
{
	if (vd_guard_enter(database->guard) != 0)
		return VD_ERROR_CLIENT_INVALID_OPERATION;
	bool is_open = database->state != VD_DATABASE_CLOSING;
	struct vd_transaction *transaction = is_open ? calloc(1, sizeof *transaction) : NULL;
	if (transaction != NULL) {
		transaction->database = database;
		transaction->guard = vd_guard_ref(database->guard);
		transaction->timeout = (struct vd_deadline){ .callback = on_timeout, .arg = transaction };
		TAILQ_INIT(&transaction->reading);
		TAILQ_INIT(&transaction->watches);
		TAILQ_INIT(&transaction->iterators);
		TAILQ_INSERT_TAIL(&database->transactions, transaction, link);
		vd_options_init(&transaction->options, &database->settings);
		vd_arena_init(&transaction->arena,
			ARENA_EXTRA_BYTES + ARENA_FACTOR * (size_t)transaction->options.size_limit_bytes);
		begin(transaction);
		*out = transaction;
	}
	vd_guard_leave(database->guard);
	if (!is_open)
		return VD_ERROR_CLIENT_INVALID_OPERATION;
	return transaction != NULL ? 0 : VD_ERROR_OUT_OF_MEMORY;
}

void vd_transaction_free(struct vd_transaction *transaction)
{
	if (transaction == NULL)
		return;
	struct vd_guard *guard = transaction->guard;
	if (vd_guard_enter(guard) != 0)
		return; /* what it points to is the parent's */
	vd_deadline_cancel(&transaction->timeout);
	vd_transaction_stop(transaction, VD_CODE_TRANSACTION_CANCELLED);
	if (transaction->database != NULL)
		TAILQ_REMOVE(&transaction->database->transactions, transaction, link);
	vd_arena_fini(&transaction->arena);
	vd_vector_fini(&transaction->mutations);
	vd_vector_fini(&transaction->preconditions);
	free(transaction);
	vd_guard_leave(guard);
	vd_guard_unref(guard);
}

void vd_transaction_reset(struct vd_transaction *transaction)
{
	if (vd_guard_enter(transaction->guard) != 0)
		return;
	vd_transaction_stop(transaction, VD_CODE_TRANSACTION_CANCELLED);
	begin(transaction);
	vd_guard_leave(transaction->guard);
}

void vd_transaction_cancel(struct vd_transaction *transaction)
{
	if (vd_guard_enter(transaction->guard) != 0)
		return;
	vd_transaction_end(transaction, VD_CODE_TRANSACTION_CANCELLED);
	vd_guard_leave(transaction->guard);
}

int vd_transaction_set_option(struct vd_transaction *transaction, const char *name, const char *value)
{
	int code = vd_guard_enter(transaction->guard);
	if (code != 0)
		return code;
	int64_t timeout_ms = transaction->options.timeout_ms;
	code = vd_options_set(&transaction->options, name, value, transaction->is_used);
	if (transaction->options.timeout_ms != timeout_ms && transaction->ended == 0)
		timeout_arm(transaction);
	vd_guard_leave(transaction->guard);
	return code;
}
