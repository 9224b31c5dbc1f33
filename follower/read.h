/* SPDX-License-Identifier: Apache-2.0 */
/* Read: one read of a transaction, from its call until its future ends.
 *
 * A read is in its transaction's list while it is outstanding; it ends exactly once: with its answer, with the error of its
 * snapshot, or with the transaction (cancel, reset, time-out). A commit waits for all that are outstanding and fails with
 * their first error.
 *
 * A kind of read embeds struct vd_read as its first member.
 */
#ifndef VD_FOLLOWER_READ_H
#define VD_FOLLOWER_READ_H

#include "follower/transaction.h"

struct vd_read {
	TAILQ_ENTRY(vd_read) link;
	struct vd_transaction *transaction;
	struct vd_future *future;
	struct vd_fetch *fetch; /* under way, or NULL */
	size_t position;        /* how many mutations came before the call */
	bool is_snapshot;
	bool is_ahead;            /* nobody has asked for it yet: if it fails, that concerns nobody */
	bool sees_writes;         /* the view at the call was the overlay */
	bool bypasses_unreadable; /* as the option was then */
	struct vd_deadline wait;  /* before 1009 is told */
	bool has_waited;
	void (*free)(struct vd_read *read);
};

/* Memory of `size` bytes for a read, zero but for struct vd_read, which is outstanding from now on. *future is what the call
 * returns. NULL without memory, and then *future is NULL. */
VD_MUST_USE void *vd_read_new(struct vd_transaction *transaction, size_t size, enum vd_future_kind kind,
	bool snapshot, void (*free)(struct vd_read *read), struct vd_future **future);

/* In a snapshot: joined before, or now. 0, or 1007 (the snapshot is over; *message says why) or no memory. */
VD_MUST_USE int vd_read_join(struct vd_transaction *transaction, const char **message);

/* Ends the future and frees the read. */
void vd_read_end(struct vd_read *read, int code, const char *message);
/* The same for a read whose end concerns nobody else. */
void vd_read_close(struct vd_read *read, int code, const char *message);

/* What vd_transaction_get does under the guard. */
VD_MUST_USE struct vd_future *vd_read_key(
	struct vd_transaction *transaction, struct vd_bytes key, bool snapshot);

/* All of a transaction. */
void vd_reads_end(struct vd_transaction *transaction, int code);

#endif
