/* SPDX-License-Identifier: Apache-2.0 */
/* retry.c: on_error. */
#include "follower/retry.h"

#include "common/base/clock.h"
#include "common/base/codes.h"
#include "common/base/random.h"
#include "common/text/errors.h"
#include "follower/transaction.h"

#include <stdlib.h>

enum { FIRST_WAIT_MS = 10 };

struct vd_retry {
	struct vd_transaction *transaction;
	struct vd_future *future;
	struct vd_deadline deadline;
};

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

bool vd_retry_decide(
	struct vd_retry_state *state, const struct vd_options *options, int code, double unit, int64_t *wait_us)
{
	if (!vd_code_is_retryable(code) || (options->retry_limit >= 0 && state->retries >= options->retry_limit))
		return false;
	state->retries++;
	int64_t most = options->max_retry_delay_ms;
	if (code == VD_CODE_TRANSACTION_TOO_OLD || code == VD_CODE_FUTURE_VERSION) {
		*wait_us = least(FIRST_WAIT_MS, most) * 1000;
		return true;
	}
	if (state->backoff_ms == 0)
		state->backoff_ms = FIRST_WAIT_MS;
	state->backoff_ms = least(state->backoff_ms, most);
	*wait_us = (int64_t)((double)state->backoff_ms * 1000 * unit);
	state->backoff_ms = least(2 * state->backoff_ms, most);
	return true;
}

void vd_retry_end(struct vd_transaction *transaction, int code)
{
	struct vd_retry *retry = transaction->retry;
	if (retry == NULL)
		return;
	transaction->retry = NULL;
	vd_deadline_cancel(&retry->deadline);
	vd_future_finish(retry->future, code, NULL);
	free(retry);
}

static void on_waited(void *arg)
{
	struct vd_retry *retry = arg;
	vd_transaction_clear_state(retry->transaction);
	vd_retry_end(retry->transaction, 0);
}

/* Waits, with nothing else going on. */
static struct vd_future *wait_start(struct vd_transaction *transaction, int64_t wait_us)
{
	struct vd_retry *retry = calloc(1, sizeof *retry);
	struct vd_future *future = retry == NULL ? NULL : vd_future_make(transaction->guard, VD_FUTURE_NOTHING);
	if (future == NULL) {
		free(retry);
		return NULL;
	}
	vd_transaction_stop(transaction, VD_CODE_TRANSACTION_CANCELLED);
	retry->transaction = transaction;
	retry->future = future;
	retry->deadline = (struct vd_deadline){ .callback = on_waited, .arg = retry };
	transaction->retry = retry;
	transaction->is_committing = true; /* until the wait is over, nothing else can be done with it */
	vd_deadline_arm(transaction->database->deadlines, &retry->deadline, vd_clock_us() + wait_us);
	return future;
}

static struct vd_future *on_error(struct vd_transaction *transaction, int code)
{
	struct vd_fault fault = { 0 };
	if (transaction->ended != 0)
		vd_fault_set(&fault, transaction->ended, "%s", "");
	else if (transaction->submission != NULL || transaction->retry != NULL)
		vd_fault_set(&fault, VD_CODE_USED_DURING_COMMIT, "%s", "");
	if (fault.code != 0)
		return vd_transaction_failed(transaction, &fault);
	struct vd_retry_state state = { transaction->retries, transaction->backoff_ms };
	struct vd_rng rng;
	int64_t wait_us = 0;
	vd_rng_seed(&rng, (uint64_t)vd_clock_ns() ^ (uint64_t)(uintptr_t)transaction);
	bool again = vd_retry_decide(&state, &transaction->options, code, vd_rng_unit(&rng), &wait_us);
	transaction->retries = state.retries;
	transaction->backoff_ms = state.backoff_ms;
	if (again)
		return wait_start(transaction, wait_us);
	vd_fault_set(&fault, code, "%s", "");
	vd_transaction_end(transaction, VD_CODE_TRANSACTION_CANCELLED);
	return vd_transaction_failed(transaction, &fault);
}

struct vd_future *vd_transaction_on_error(struct vd_transaction *transaction, int code)
{
	if (vd_guard_enter(transaction->guard) != 0)
		return vd_transaction_forked(transaction);
	struct vd_future *future = on_error(transaction, code);
	vd_guard_leave(transaction->guard);
	return future;
}
