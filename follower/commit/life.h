/* SPDX-License-Identifier: Apache-2.0 */
/* Life: one commit from submit to verdict, as a table of states, and the book that keeps all of them.
 *
 * The heart of exactly-once on this side. What always holds:
 * 1. A commit has a number and a token from its first statement until it is decided, and they never change: whatever is
 *    resent is the same request.
 * 2. Only three things decide a commit that has a number: a reply with its token, an answer of look or cancel, and the loss of
 *    everything by which it could be known (vd_commits_decide with 1021). A failed or lost statement never does.
 * 3. Numbers grow in the order in which commits are first sent. The low-water is the number below the oldest that is open: so
 *    what is acknowledged is told, without holes.
 * 4. A commit that is to be given up (wished) and has a number stays open until rule 2 decides it.
 *
 * Pure: no connection, no clock. The book owns no commits; the caller allocates and frees. Under the guard.
 */
#ifndef VD_FOLLOWER_COMMIT_LIFE_H
#define VD_FOLLOWER_COMMIT_LIFE_H

#include "common/base/machine.h"
#include "follower/commit/commit.h"

#include <stddef.h>
#include <sys/queue.h>

struct vd_committer;

enum vd_commit_state {
	VD_COMMIT_WAITING,
	VD_COMMIT_SENDING,
	VD_COMMIT_SUBMITTED,
	VD_COMMIT_DOUBTFUL,
	VD_COMMIT_RESENDING,
	VD_COMMIT_GIVING_UP,
	VD_COMMIT_DECIDED,
	VD_COMMIT_STATES,
};
/* Prints as a diagram with vd_machine_print_mermaid. */
extern const struct vd_machine vd_commit_life;

struct vd_commit {
	struct vd_committer *committer;
	unsigned state;
	/* a submit or resend that carries it is under way */
	bool in_statement;
	/* somebody wants to give up */
	bool wished;
	/* a cancel() is under way */
	bool in_cancel;
	/* look at once, without waiting for its time */
	bool look_now;
	uint64_t sequence; /* 0 while waiting */
	uint64_t token;
	/* on the committer's clock: when it was last sent or looked at; when it was given up */
	int64_t asked_ms;
	int64_t wished_ms;
	struct vd_bytes payload;
	vd_commit_handler *handler;
	void *arg;
	struct vd_verdict verdict;
	char *message;               /* owned; what verdict.message points to, or NULL */
	uint8_t *further;            /* owned; what verdict.further points to, or NULL */
	TAILQ_ENTRY(vd_commit) link; /* waiting, open or decided */
	LIST_ENTRY(vd_commit) bucket;
};

TAILQ_HEAD(vd_commit_list, vd_commit);
LIST_HEAD(vd_commit_bucket, vd_commit);

struct vd_commits {
	struct vd_commit_list waiting; /* in order of submit */
	struct vd_commit_list open;    /* in order of number */
	struct vd_commit_list decided; /* to be told */
	size_t count[VD_COMMIT_STATES];
	size_t open_count;
	size_t open_bytes; /* of their payloads */
	uint64_t last_sequence;
	struct vd_commit_bucket *buckets;
	size_t mask;
};

/* For about that many open ones at a time. False without memory. */
VD_MUST_USE bool vd_commits_init(struct vd_commits *commits, size_t most);
/* All lists are empty. */
void vd_commits_fini(struct vd_commits *commits);

/* A fresh one (zeroed, payload and handler set) starts to wait. */
void vd_commits_add(struct vd_commits *commits, struct vd_commit *commit);
/* Waiting → sending: it gets the next number, and this token. */
void vd_commits_number(struct vd_commits *commits, struct vd_commit *commit, uint64_t token);
/* NULL if that number is not open. */
struct vd_commit *vd_commits_find(const struct vd_commits *commits, uint64_t sequence);

/* The statement that carried it ended: it arrived (the sync was answered without an error), or that is not known. */
void vd_commits_arrived(struct vd_commits *commits, struct vd_commit *commit);
void vd_commits_doubt(struct vd_commits *commits, struct vd_commit *commit);
/* Doubtful → resending. */
void vd_commits_resend(struct vd_commits *commits, struct vd_commit *commit);
/* Somebody wants to give up. One that waits is decided at once: 1025. */
void vd_commits_give_up(struct vd_commits *commits, struct vd_commit *commit);
/* The verdict is known: any state but decided. message may be NULL; it and the further
 * conflicts are copied (without memory they are lost, the verdict is not). */
void vd_commits_decide(
	struct vd_commits *commits, struct vd_commit *commit, const struct vd_verdict *verdict);

/* Every number up to it was decided. */
uint64_t vd_commits_low_water(const struct vd_commits *commits);

#endif
