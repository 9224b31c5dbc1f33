/* SPDX-License-Identifier: Apache-2.0 */
/* Guard: who may touch a database now, and what the loop has to do for it.
 *
 * 1. A database has one guard; its transactions and futures hold references to it, so that they may be used and freed
 *    after the database is gone.
 * 2. Every public call enters the guard and leaves it. With a loop thread of the library's own that takes a lock, and every
 *    callback of the loop runs under the same lock (a hook of the loop takes it), so what is written below the public calls
 *    knows no threads. On a caller's base there is one thread and no lock.
 * 3. A public call may come from another thread than the loop's, and libevent is not to be touched from there. So a public
 *    call changes state only and *posts* a task; timers, connections and statements are touched by callbacks of the loop.
 *    (It follows that what a call starts is started in the loop's next turn, together with all that the same turn brought.)
 * 4. Callbacks of users run from the loop, without the lock, so they may call anything.
 * 5. After a fork() the child enters nothing: the lock may be held by a thread that it does not have.
 *
 * Entering does not nest. Inner functions never enter.
 */
#ifndef VD_FOLLOWER_GUARD_H
#define VD_FOLLOWER_GUARD_H

#include "common/base/check.h"
#include "common/loop/loop.h"

#include <stdbool.h>
#include <sys/queue.h>

struct vd_guard;

/* Something to do on the loop, under the guard, in its next turn. Embedded in what it is done for; all zero is a task that is
 * not posted. */
struct vd_task {
	void (*run)(void *arg);
	void *arg;
	bool posted;
	unsigned turn; /* in which it runs */
	TAILQ_ENTRY(vd_task) link;
};

/* loop: borrowed; threaded: it will be run by a thread of the library's own. One reference, the caller's. NULL without
 * memory. */
VD_MUST_USE struct vd_guard *vd_guard_new(struct vd_loop *loop, bool threaded);
struct vd_guard *vd_guard_ref(struct vd_guard *guard);
void vd_guard_unref(struct vd_guard *guard);

/* 0, or 2000 in the child of a fork: then nothing is entered. */
VD_MUST_USE int vd_guard_enter(struct vd_guard *guard);
void vd_guard_leave(struct vd_guard *guard);

/* Posting a task that is posted does nothing; one posted while tasks run has its turn in the loop's next. False: the loop is
 * gone. */
void vd_guard_post(struct vd_guard *guard, struct vd_task *task);
/* Must be called before a task's memory goes. */
void vd_guard_withdraw(struct vd_guard *guard, struct vd_task *task);

/* The base is the caller's; and: this is the loop's thread (always true on a caller's base, inside a public call). */
bool vd_guard_is_threaded(const struct vd_guard *guard);
bool vd_guard_is_loop_thread(const struct vd_guard *guard);
/* Waits until something is told by vd_guard_tell; for vd_future_wait. Entered, and not the loop's thread. */
void vd_guard_wait(struct vd_guard *guard);
void vd_guard_tell(struct vd_guard *guard);

/* Around a call of a user's callback: the lock is given up and taken again. On the loop's thread. */
void vd_guard_yield_begin(struct vd_guard *guard);
void vd_guard_yield_end(struct vd_guard *guard);

/* Nothing is posted. */
bool vd_guard_is_idle(const struct vd_guard *guard);

/* The loop is about to go: what is posted is forgotten, and nothing can be posted any more. On the loop's thread. */
void vd_guard_detach(struct vd_guard *guard);

/* Called by the loop thread of the library's own before it runs the loop. */
void vd_guard_adopt_thread(struct vd_guard *guard);

#endif
