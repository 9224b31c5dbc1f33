/* SPDX-License-Identifier: Apache-2.0 */
/* Submission: a commit, seen from its transaction: from the call until the future ends.
 *
 *   reads ─▶ version ─▶ with the committer ─▶ told
 *     │         └─ a transaction that has read ranges and no read version takes one first
 *     └─ waits for the reads that are outstanding
 *
 * Once it is with the committer it needs nobody: a reset, free, cancel or time-out of its transaction gives it up
 * (commit/commit.h), and its futures end when the database has decided which of the two it was. Before, they end at once.
 * After a cancel or a time-out the transaction still learns of a commit that was faster. No snapshot is held from the third
 * step on.
 */
#ifndef VD_FOLLOWER_SUBMISSION_H
#define VD_FOLLOWER_SUBMISSION_H

#include "follower/transaction.h"

/* A read that was outstanding has ended: goes on, if it waited for that. */
void vd_submission_read_ended(struct vd_transaction *transaction, const struct vd_fault *fault);

/* Gives the submission up, if there is one: 1025 or 1031 is what it shall end with if it is not committed. If it is, the
 * transaction still learns its version. */
void vd_submission_give_up(struct vd_transaction *transaction, int code);

/* The same, and the transaction lets go of it: it is about to be freed, or to begin anew. */
void vd_submission_abandon(struct vd_transaction *transaction, int code);

#endif
