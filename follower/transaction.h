/* SPDX-License-Identifier: Apache-2.0 */
/* Transaction, seen from inside: what was read and written since the last reset, and what goes on for it.
 *
 *   open ── commit ──▶ used ── reset ──▶ open          (used: every call but reset and on_error says 2017)
 *   any ── cancel, time-out, on_error that gives up ──▶ ended ── reset ──▶ open          (1025, 1031)
 *
 * 1. Writes go to the list of mutations, in order, and to the overlay, through which reads see them. A read sees the writes
 *    that came before its call and no later ones, whenever its rows arrive: see walk.h.
 * 2. What goes on for a transaction (reads, a commit, a back-off) points to it, and it to them; ending, reset and free end
 *    all of that first. Only a commit that was submitted lives on without its transaction (submission.h).
 * 3. All memory since the last reset is one arena's.
 * 4. The order in which a call is refused: the end of the transaction, use after commit, the deferred error of a write, the
 *    lost snapshot, then what is wrong with the call itself.
 *
 * Under the guard. The public calls are in transaction.c, write.c, get.c, get_key.c, get_range.c, submission.c, committed.c, conflicting.c,
 * retry.c, run.c, iterator.c, lock.c and sequence.c.
 */
#ifndef VD_FOLLOWER_TRANSACTION_H
#define VD_FOLLOWER_TRANSACTION_H

#include "common/base/arena.h"
#include "common/base/vector.h"
#include "common/kv/overlay.h"
#include "common/kv/precondition.h"
#include "follower/conflicting.h"
#include "follower/conflicts.h"
#include "follower/database.h"
#include "follower/deadline.h"
#include "follower/options.h"
#include "follower/promise.h"
#include "follower/sequence.h"
#include "follower/snapshot/snapshot.h"

struct vd_iterator;
struct vd_read;
struct vd_retry;
struct vd_submission;
struct vd_watch;
TAILQ_HEAD(vd_read_list, vd_read);
TAILQ_HEAD(vd_watch_list, vd_watch);
TAILQ_HEAD(vd_iterator_list, vd_iterator);

/* An answer of 1009 is told so much later, so that retry loops do not spin. */
enum { VD_FUTURE_VERSION_WAIT_MS = 1000 };

struct vd_fault {
	int code; /* 0: none */
	char message[200];
};

struct vd_transaction {
	TAILQ_ENTRY(vd_transaction) link;
	struct vd_database
		*database; /* NULL: closed; then the transaction has ended and nothing goes on for it */
	struct vd_guard *guard;
	struct vd_options options;

	/* since the last reset */
	struct vd_arena arena;
	struct vd_overlay *overlay; /* NULL: nothing was written */
	struct {
		VD_VECTOR(struct vd_mutation);
	} mutations;
	size_t mutation_bytes;
	struct vd_sequences sequences;
	struct {
		VD_VECTOR(struct vd_precondition);
	} preconditions;
	size_t precondition_bytes;
	uint32_t lock_change; /* enum vd_lock_change */
	uint8_t lock[VD_LOCK_BYTES];
	uint64_t above_version;
	struct vd_conflicts reads;
	struct vd_conflicts writes; /* beyond those of the mutations */
	struct vd_member member;
	bool is_used;             /* something was read or written */
	bool is_committing;       /* commit was called */
	int ended;                /* 1025, 1031: every call says it until reset; 0 else */
	struct vd_fault deferred; /* the first error of a write */

	/* what goes on */
	struct vd_read_list reading;
	size_t special_count;              /* how many of them are of special keys */
	struct vd_iterator_list iterators; /* all that are not freed */
	struct vd_submission *submission;
	struct vd_retry *retry;
	struct vd_promises promises;  /* until the commit takes them */
	struct vd_watch_list watches; /* that wait for the commit */
	struct vd_deadline timeout;

	/* what the last commit came to */
	bool is_committed;
	int64_t committed_version;
	int committed_order;
	struct vd_conflicting conflicting;

	/* over resets by on_error, until reset by the user */
	int64_t began_us;
	int64_t retries;
	int64_t backoff_ms;
};

/* 0 if the transaction takes a further read or write, else why not (point 4). `fault` is where the message goes; it may be
 * NULL. */
VD_MUST_USE int vd_transaction_check(const struct vd_transaction *transaction, struct vd_fault *fault);
int vd_fault_set(struct vd_fault *fault, int code, const char *format, ...) VD_PRINTF(3, 4);
VD_MUST_USE struct vd_future *vd_transaction_failed(
	const struct vd_transaction *transaction, const struct vd_fault *fault);
/* What a public call returns in the child of a fork. */
VD_MUST_USE struct vd_future *vd_transaction_forked(const struct vd_transaction *transaction);

/* Any write: checked, counted, put over what is seen; or its error is kept (write.c). */
void vd_transaction_write(struct vd_transaction *transaction, struct vd_mutation mutation);

/* Where keys end for this transaction: \xff, or \xff\xff if it may read the system's. */
struct vd_bytes vd_transaction_last_key(const struct vd_transaction *transaction);
/* What counts against its size limit by now. */
size_t vd_transaction_size(const struct vd_transaction *transaction);
/* Its arena gave nothing: 2101 at the arena's limit, 1501 if the system has no memory. Returns which. */
int vd_transaction_no_room(const struct vd_transaction *transaction, struct vd_fault *fault);
/* The same, of a write or a precondition: from now on. */
int vd_transaction_defer_memory(struct vd_transaction *transaction);
/* The overlay through which a read looks now; NULL: stored rows show through. */
struct vd_overlay *vd_transaction_view(const struct vd_transaction *transaction, bool snapshot);

/* Ends all that goes on with the code (what was submitted: once it is decided) and leaves the snapshot. */
void vd_transaction_stop(struct vd_transaction *transaction, int code);
/* The same, and every call from now on says so, until reset. */
void vd_transaction_end(struct vd_transaction *transaction, int code);
/* Forgets all since the last reset. Nothing goes on. */
void vd_transaction_clear_state(struct vd_transaction *transaction);

/* See database.h. */
void vd_transaction_detach(struct vd_transaction *transaction);

#endif
