/* SPDX-License-Identifier: Apache-2.0 */
/* guard.c: the lock, the tasks, and the count of forks. */
#include "follower/guard.h"

#include "common/base/codes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct vd_guard {
	atomic_uint references;
	unsigned forks; /* how many this process had gone through when the guard was made */
	bool threaded;
	bool detached;
	bool running;     /* tasks run now */
	unsigned turn;    /* tasks of this turn and older ones run */
	unsigned waiting; /* threads in vd_guard_wait */
	pthread_t thread; /* the loop's, once adopted */
	atomic_bool adopted;
	pthread_mutex_t lock;
	pthread_cond_t told;
	TAILQ_HEAD(, vd_task) tasks;
	struct vd_later later; /* turns the loop over, from its own thread */
	struct vd_wake wake;   /* the same from another thread; only if threaded */
};

/* ---- forks ---- */

static atomic_uint forks;

static void count_fork(void)
{
	atomic_fetch_add(&forks, 1);
}

static void watch_forks(void)
{
	/* without memory for the handler a fork goes unnoticed; nothing can be done about it here */
	(void)!pthread_atfork(NULL, NULL, count_fork);
}

/* ---- life ---- */

static void run_tasks(void *arg)
{
	struct vd_guard *guard = vd_guard_ref(arg); /* the last task of a database lets go of its guard */
	struct vd_task *task;
	guard->running = true;
	guard->turn++;
	/* a turn's number wraps after weeks at the earliest, so the difference is what counts */
	while ((task = TAILQ_FIRST(&guard->tasks)) != NULL && (int)(task->turn - guard->turn) < 0) {
		TAILQ_REMOVE(&guard->tasks, task, link);
		task->posted = false;
		task->run(task->arg);
	}
	guard->running = false;
	if (!TAILQ_EMPTY(&guard->tasks) && !guard->detached)
		vd_later_run(&guard->later);
	vd_guard_unref(guard);
}

static void lock(void *arg)
{
	struct vd_guard *guard = arg;
	pthread_mutex_lock(&guard->lock);
}

static void unlock(void *arg)
{
	struct vd_guard *guard = arg;
	pthread_mutex_unlock(&guard->lock);
}

struct vd_guard *vd_guard_new(struct vd_loop *loop, bool threaded)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, watch_forks);
	struct vd_guard *guard = calloc(1, sizeof *guard);
	if (guard == NULL)
		return NULL;
	guard->threaded = threaded;
	guard->forks = atomic_load(&forks);
	atomic_init(&guard->references, 1);
	TAILQ_INIT(&guard->tasks);
	pthread_mutex_init(&guard->lock, NULL);
	pthread_cond_init(&guard->told, NULL);
	if (!vd_later_init(&guard->later, loop, run_tasks, guard) ||
		(threaded && !vd_wake_init(&guard->wake, loop, run_tasks, guard))) {
		vd_guard_detach(guard);
		vd_guard_unref(guard);
		return NULL;
	}
	if (threaded)
		vd_loop_around(loop, lock, unlock, guard);
	return guard;
}

struct vd_guard *vd_guard_ref(struct vd_guard *guard)
{
	atomic_fetch_add(&guard->references, 1);
	return guard;
}

void vd_guard_unref(struct vd_guard *guard)
{
	if (atomic_fetch_sub(&guard->references, 1) != 1)
		return;
	VD_ASSERT(guard->detached);
	pthread_cond_destroy(&guard->told);
	pthread_mutex_destroy(&guard->lock);
	free(guard);
}

void vd_guard_detach(struct vd_guard *guard)
{
	struct vd_task *task;
	guard->detached = true;
	while ((task = TAILQ_FIRST(&guard->tasks)) != NULL) {
		TAILQ_REMOVE(&guard->tasks, task, link);
		task->posted = false;
	}
	vd_later_fini(&guard->later);
	vd_wake_fini(&guard->wake);
}

/* ---- entering ---- */

int vd_guard_enter(struct vd_guard *guard)
{
	if (guard->forks != atomic_load_explicit(&forks, memory_order_relaxed))
		return VD_CODE_CLIENT_INVALID_OPERATION;
	if (guard->threaded)
		pthread_mutex_lock(&guard->lock);
	return 0;
}

void vd_guard_leave(struct vd_guard *guard)
{
	if (guard->threaded)
		pthread_mutex_unlock(&guard->lock);
}

bool vd_guard_is_threaded(const struct vd_guard *guard)
{
	return guard->threaded;
}

void vd_guard_adopt_thread(struct vd_guard *guard)
{
	guard->thread = pthread_self();
	atomic_store(&guard->adopted, true);
}

bool vd_guard_is_loop_thread(const struct vd_guard *guard)
{
	return !guard->threaded || (atomic_load(&guard->adopted) && pthread_equal(guard->thread, pthread_self()));
}

void vd_guard_yield_begin(struct vd_guard *guard)
{
	vd_guard_leave(guard);
}

void vd_guard_yield_end(struct vd_guard *guard)
{
	if (guard->threaded)
		pthread_mutex_lock(&guard->lock);
}

void vd_guard_wait(struct vd_guard *guard)
{
	VD_ASSERT(guard->threaded);
	guard->waiting++;
	pthread_cond_wait(&guard->told, &guard->lock);
	guard->waiting--;
}

void vd_guard_tell(struct vd_guard *guard)
{
	if (guard->waiting > 0)
		pthread_cond_broadcast(&guard->told);
}

/* ---- tasks ---- */

void vd_guard_post(struct vd_guard *guard, struct vd_task *task)
{
	if (task->posted || guard->detached)
		return;
	bool first = TAILQ_EMPTY(&guard->tasks);
	task->posted = true;
	task->turn = guard->turn;
	TAILQ_INSERT_TAIL(&guard->tasks, task, link);
	if (!first || guard->running)
		return; /* the loop turns already, or looks when it is through */
	if (vd_guard_is_loop_thread(guard))
		vd_later_run(&guard->later);
	else
		vd_wake_ring(&guard->wake);
}

void vd_guard_withdraw(struct vd_guard *guard, struct vd_task *task)
{
	if (!task->posted)
		return;
	TAILQ_REMOVE(&guard->tasks, task, link);
	task->posted = false;
}

bool vd_guard_is_idle(const struct vd_guard *guard)
{
	return TAILQ_EMPTY(&guard->tasks);
}
