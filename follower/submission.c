/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/submission.h"

#include "common/base/clock.h"
#include "common/base/codes.h"
#include "common/kv/codec.h"
#include "follower/commit/commit.h"
#include "follower/read.h"
#include "follower/watch/watch.h"

#include <stdlib.h>
#include <string.h>

struct vd_submission {
	struct vd_transaction *transaction; /* NULL: abandoned */
	struct vd_future *future;
	struct vd_promises promises;
	struct vd_commit *commit; /* NULL: not yet with the committer */
	struct vd_fetch *fetch;   /* of a version */
	struct vd_fault read_fault;
	struct vd_fault verdict; /* that waits to be told */
	struct vd_deadline wait;
	int give_up_code;             /* 0: nobody has given up */
	const struct vd_range *reads; /* as submitted; the transaction's */
	size_t read_count;
};

/* ---- the end ---- */

static void submission_end(struct vd_submission *submission, int code, const char *message)
{
	struct vd_transaction *transaction = submission->transaction;
	vd_deadline_cancel(&submission->wait);
	if (submission->fetch != NULL)
		vd_fetch_cancel(submission->fetch);
	if (transaction != NULL) {
		transaction->submission = NULL;
		vd_member_leave(&transaction->member);
	}
	vd_future_finish(submission->future, code, message);
	free(submission);
}

static void submission_fail(struct vd_submission *submission, int code, const char *message)
{
	bool is_abandoned = code == VD_CODE_TRANSACTION_CANCELLED || code == VD_CODE_TRANSACTION_TIMED_OUT;
	vd_promises_break(&submission->promises, is_abandoned ? code : VD_CODE_TRANSACTION_INVALID_VERSION);
	if (submission->transaction != NULL)
		vd_watches_end(submission->transaction, code);
	submission_end(submission, code, message);
}

/* Nothing written: nothing to be decided. */
static void submission_end_read_only(struct vd_submission *submission)
{
	struct vd_transaction *transaction = submission->transaction;
	transaction->is_committed = true;
	transaction->committed_version = -1;
	transaction->committed_order = 0;
	vd_watches_arm(transaction);
	vd_promises_break(&submission->promises, VD_CODE_NO_COMMIT_VERSION);
	submission_end(submission, 0, NULL);
}

static void on_waited(void *arg)
{
	struct vd_submission *submission = arg;
	submission_fail(submission, submission->verdict.code, submission->verdict.message);
}

/* While it waits it can be given up, and ends at once. */
static void fail_later(struct vd_submission *submission, const struct vd_verdict *verdict)
{
	vd_fault_set(&submission->verdict, verdict->code, "%s", verdict->message);
	submission->wait = (struct vd_deadline){ .callback = on_waited, .arg = submission };
	vd_deadline_arm(submission->transaction->database->deadlines, &submission->wait,
		vd_clock_us() + VD_FUTURE_VERSION_WAIT_MS * 1000);
}

static void on_verdict(void *arg, const struct vd_verdict *verdict)
{
	struct vd_submission *submission = arg;
	struct vd_transaction *transaction = submission->transaction;
	submission->commit = NULL;
	if (verdict->code == 0) {
		if (transaction != NULL) {
			transaction->is_committed = true;
			transaction->committed_version = (int64_t)verdict->version;
			transaction->committed_order = verdict->order;
			vd_sequences_keep(&transaction->sequences, verdict);
			vd_watches_arm(transaction);
		}
		vd_promises_keep(&submission->promises, verdict);
		submission_end(submission, 0, NULL);
		return;
	}
	const char *message = verdict->message;
	char lost[300];
	if (verdict->code == VD_CODE_NOT_COMMITTED && transaction != NULL) {
		vd_conflicting_keep(&transaction->conflicting, &transaction->arena, submission->reads,
			submission->read_count, verdict);
		message = vd_conflicting_text(&transaction->conflicting, lost, sizeof lost);
	}
	if (verdict->code == VD_CODE_FUTURE_VERSION && transaction != NULL && submission->give_up_code == 0) {
		fail_later(submission, verdict);
		return;
	}
	bool is_given_up = verdict->code == VD_CODE_TRANSACTION_CANCELLED && submission->give_up_code != 0;
	submission_fail(submission, is_given_up ? submission->give_up_code : verdict->code, message);
}

/* ---- on the way ---- */

/* The request; all its memory is the transaction's. */
static int request_of(struct vd_submission *submission, struct vd_request *request, struct vd_fault *fault)
{
	struct vd_transaction *transaction = submission->transaction;
	size_t size = vd_transaction_size(transaction);
	size_t limit = (size_t)transaction->options.size_limit_bytes;
	if (size > limit)
		return vd_fault_set(fault, VD_CODE_TRANSACTION_TOO_LARGE,
			"the transaction has %zu bytes of mutations, conflict ranges and preconditions, %zu are allowed",
			size, limit);
	if (!vd_conflicts_list(&transaction->reads, &transaction->arena, &request->reads) ||
		!vd_conflicts_list(&transaction->writes, &transaction->arena, &request->writes))
		return vd_transaction_no_room(transaction, fault);
	request->read_count = vd_conflicts_count(&transaction->reads);
	request->write_count = vd_conflicts_count(&transaction->writes);
	request->mutations = transaction->mutations.items;
	request->mutation_count = transaction->mutations.count;
	request->preconditions = transaction->preconditions.items;
	request->precondition_count = transaction->preconditions.count;
	request->reports_conflicts = transaction->options.report_conflicting_keys;
	request->is_lock_aware = transaction->options.lock_aware;
	request->lock_change = transaction->lock_change;
	if (transaction->lock_change != VD_LOCK_KEEP)
		request->lock = vd_bytes_of(transaction->lock, sizeof transaction->lock);
	request->above_version = transaction->above_version;
	submission->reads = request->reads;
	submission->read_count = request->read_count;
	/* without a read of its own it carries the newest pair that is known here */
	const struct vd_member *member = &transaction->member;
	const struct vd_newest *newest = &transaction->database->newest;
	memcpy(request->read_term, member->has_term ? member->term : newest->term, VD_TERM_BYTES);
	request->read_version = member->has_version ? member->version : newest->version;
	return 0;
}

static void submit(struct vd_submission *submission)
{
	struct vd_transaction *transaction = submission->transaction;
	struct vd_request request = { 0 };
	struct vd_fault fault = { 0 };
	struct vd_bytes payload;
	vd_member_leave(&transaction->member);
	if (request_of(submission, &request, &fault) != 0) {
		submission_fail(submission, fault.code, fault.message);
		return;
	}
	struct vd_arena scratch;
	vd_arena_init(&scratch, SIZE_MAX);
	if (vd_request_encode(&scratch, &request, &payload))
		submission->commit = vd_commit_submit(transaction->database, payload, on_verdict, submission);
	vd_arena_fini(&scratch);
	if (submission->commit == NULL)
		submission_fail(submission, VD_CODE_NO_MEMORY, "no memory for the commit");
}

static void on_version(void *arg, const struct vd_fetched *fetched)
{
	struct vd_submission *submission = arg;
	submission->fetch = NULL;
	if (submission->give_up_code != 0)
		submission_fail(submission, submission->give_up_code, NULL);
	else if (fetched->code != 0)
		submission_fail(submission, fetched->code, fetched->message);
	else
		submit(submission);
}

static void take_version(struct vd_submission *submission)
{
	struct vd_transaction *transaction = submission->transaction;
	const char *message;
	int code = vd_read_join(transaction, &message);
	if (code == 0 &&
		(submission->fetch = vd_fetch_version(&transaction->member, on_version, submission)) == NULL)
		code = VD_CODE_NO_MEMORY;
	if (code != 0)
		submission_fail(submission, code, message);
}

static void submission_resume(struct vd_submission *submission)
{
	struct vd_transaction *transaction = submission->transaction;
	if (!TAILQ_EMPTY(&transaction->reading))
		return;
	const struct vd_member *member = &transaction->member;
	bool is_read_only = transaction->mutations.count == 0 && vd_conflicts_count(&transaction->writes) == 0 &&
						transaction->preconditions.count == 0 && transaction->lock_change == VD_LOCK_KEEP;
	/* what must not be older than the transaction, and what the database has not been asked for yet */
	bool needs_version = (vd_conflicts_count(&transaction->reads) > 0 && !member->has_version) ||
						 (!transaction->database->newest.known && !member->has_term);
	if (submission->give_up_code != 0)
		submission_fail(submission, submission->give_up_code, NULL);
	else if (submission->read_fault.code != 0)
		submission_fail(submission, submission->read_fault.code, submission->read_fault.message);
	else if (member->is_lost)
		submission_fail(submission, member->code, member->message);
	else if (is_read_only)
		submission_end_read_only(submission);
	else if (needs_version)
		take_version(submission);
	else
		submit(submission);
}

void vd_submission_read_ended(struct vd_transaction *transaction, const struct vd_fault *fault)
{
	struct vd_submission *submission = transaction->submission;
	if (submission == NULL || submission->commit != NULL || submission->fetch != NULL ||
		submission->verdict.code != 0)
		return;
	if (fault->code != 0 && submission->read_fault.code == 0)
		submission->read_fault = *fault;
	submission_resume(submission);
}

/* ---- giving up ---- */

static void give_up(struct vd_submission *submission, int code)
{
	if (submission->commit == NULL) {
		submission_fail(submission, code, NULL);
		return;
	}
	if (submission->give_up_code != 0)
		return; /* it is given up already */
	submission->give_up_code = code;
	vd_commit_give_up(submission->commit);
}

void vd_submission_give_up(struct vd_transaction *transaction, int code)
{
	if (transaction->submission != NULL)
		give_up(transaction->submission, code);
}

void vd_submission_abandon(struct vd_transaction *transaction, int code)
{
	struct vd_submission *submission = transaction->submission;
	if (submission == NULL)
		return;
	if (submission->commit != NULL) {
		submission->transaction = NULL;
		transaction->submission = NULL;
	}
	give_up(submission, code);
}

/* The user cancels the future. What was submitted is decided first. */
static bool on_cancel(void *arg)
{
	struct vd_submission *submission = arg;
	if (submission->give_up_code == 0)
		submission->give_up_code = VD_CODE_OPERATION_CANCELLED;
	if (submission->commit == NULL)
		return true; /* and it ends before it is submitted */
	vd_commit_give_up(submission->commit);
	return false;
}

/* ---- the public calls ---- */

static struct vd_future *commit(struct vd_transaction *transaction)
{
	struct vd_fault fault = { 0 };
	if (vd_transaction_check(transaction, &fault) != 0) {
		vd_promises_break(&transaction->promises, VD_CODE_TRANSACTION_INVALID_VERSION);
		return vd_transaction_failed(transaction, &fault);
	}
	struct vd_submission *submission = calloc(1, sizeof *submission);
	struct vd_future *future =
		submission == NULL ? NULL : vd_future_make(transaction->guard, VD_FUTURE_NOTHING);
	if (future == NULL) {
		free(submission);
		return NULL;
	}
	submission->transaction = transaction;
	submission->future = future;
	submission->promises = transaction->promises;
	memset(&transaction->promises, 0, sizeof transaction->promises);
	transaction->submission = submission;
	transaction->is_committing = true;
	vd_future_on_cancel(future, on_cancel, submission);
	submission_resume(submission);
	return future;
}

struct vd_future *vd_transaction_commit(struct vd_transaction *transaction)
{
	if (vd_guard_enter(transaction->guard) != 0)
		return vd_transaction_forked(transaction);
	struct vd_future *future = commit(transaction);
	vd_guard_leave(transaction->guard);
	return future;
}

static struct vd_future *get_versionstamp(struct vd_transaction *transaction)
{
	struct vd_fault fault = { 0 };
	if (vd_transaction_check(transaction, &fault) != 0)
		return vd_transaction_failed(transaction, &fault);
	return vd_promises_add(&transaction->promises, transaction->guard, VD_PROMISE_STAMP);
}

struct vd_future *vd_transaction_get_versionstamp(struct vd_transaction *transaction)
{
	if (vd_guard_enter(transaction->guard) != 0)
		return vd_transaction_forked(transaction);
	struct vd_future *future = get_versionstamp(transaction);
	vd_guard_leave(transaction->guard);
	return future;
}
