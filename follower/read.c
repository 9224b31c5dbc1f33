/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/read.h"

#include "common/base/clock.h"
#include "common/base/codes.h"
#include "follower/special.h"
#include "follower/submission.h"

#include <stdlib.h>

void *vd_read_new(struct vd_transaction *transaction, size_t size, enum vd_future_kind kind, bool snapshot,
	void (*free_read)(struct vd_read *read), struct vd_future **future)
{
	struct vd_read *read = calloc(1, size);
	*future = read == NULL ? NULL : vd_future_make(transaction->guard, kind);
	if (*future == NULL) {
		free(read);
		return NULL;
	}
	read->transaction = transaction;
	read->future = *future;
	read->position = transaction->mutations.count;
	/* what a long snapshot reads is never judged, and may be much */
	read->is_snapshot = snapshot || transaction->options.long_snapshot;
	read->sees_writes = vd_transaction_view(transaction, snapshot) != NULL;
	read->bypasses_unreadable = transaction->options.bypass_unreadable;
	read->free = free_read;
	transaction->is_used = true;
	TAILQ_INSERT_TAIL(&transaction->reading, read, link);
	return read;
}

int vd_read_join(struct vd_transaction *transaction, const char **message)
{
	struct vd_member *member = &transaction->member;
	*message = member->message;
	if (member->code != 0)
		return member->code;
	if (member->snapshot != NULL)
		return 0;
	member->is_long = transaction->options.long_snapshot;
	member->is_lock_aware = transaction->options.lock_aware || transaction->options.read_lock_aware;
	int code = vd_member_join(transaction->database->snapshots, member);
	if (code == VD_CODE_OVERLOADED)
		*message = "as many long snapshots are open as max_long_snapshots allows";
	return code;
}

void vd_read_close(struct vd_read *read, int code, const char *message)
{
	TAILQ_REMOVE(&read->transaction->reading, read, link);
	vd_deadline_cancel(&read->wait);
	if (read->fetch != NULL)
		vd_fetch_cancel(read->fetch);
	vd_future_finish(read->future, code, message);
	read->free(read);
}

static void on_waited(void *arg)
{
	struct vd_read *read = arg;
	vd_read_end(read, VD_CODE_FUTURE_VERSION, read->transaction->member.message);
}

void vd_read_end(struct vd_read *read, int code, const char *message)
{
	struct vd_transaction *transaction = read->transaction;
	if (code == VD_CODE_FUTURE_VERSION && !read->has_waited && !read->is_ahead) {
		read->has_waited = true;
		read->wait = (struct vd_deadline){ .callback = on_waited, .arg = read };
		vd_deadline_arm(
			transaction->database->deadlines, &read->wait, vd_clock_us() + VD_FUTURE_VERSION_WAIT_MS * 1000);
		return;
	}
	struct vd_fault fault = { 0 };
	bool is_ahead = read->is_ahead;
	/* the message may be the read's own */
	vd_fault_set(&fault, code, "%s", message == NULL ? "" : message);
	vd_read_close(read, code, fault.message);
	if (is_ahead)
		fault.code = 0;
	vd_specials_read_ended(transaction, &fault);
	vd_submission_read_ended(transaction, &fault);
}

void vd_reads_end(struct vd_transaction *transaction, int code)
{
	struct vd_read *read;
	while ((read = TAILQ_FIRST(&transaction->reading)) != NULL)
		vd_read_close(read, code, NULL);
}
