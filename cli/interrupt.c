/* SPDX-License-Identifier: Apache-2.0 */
/* interrupt.c: Ctrl-C as an event. SIGINT and SIGTERM are blocked everywhere and taken by a thread that does nothing else, so
 * no handler ever runs in the middle of something, and what it calls may take locks. Who asks again ends the process at once:
 * a database that does not answer can hold up what the first one began. */
#include "cli/cli.h"

#include "cli/screen.h"
#include "common/base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* A terminal and the shell or the wrapper beneath it may both hand on one Ctrl-C. */
#define SAME_MS 200

static struct {
	pthread_mutex_t lock;
	void (*callback)(void *arg);
	void *arg;
	_Atomic int number;
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void watched(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
}

static void end_at_once(void)
{
	vd_screen_restore();
	fprintf(
		stderr, "%s: ended at once; what was in flight may or may not have been committed\n", vd_cli_name());
	_exit(VD_EXIT_INTERRUPTED);
}

static void *wait_for_signals(void *unused)
{
	(void)unused;
	sigset_t set;
	int64_t first_ms = 0;
	watched(&set);
	for (;;) {
		int number;
		if (sigwait(&set, &number) != 0)
			continue;
		if (vd_interrupted() && vd_clock_ms() - first_ms >= SAME_MS)
			end_at_once();
		pthread_mutex_lock(&state.lock);
		first_ms = vd_interrupted() ? first_ms : vd_clock_ms();
		atomic_store(&state.number, number);
		if (state.callback != NULL)
			state.callback(state.arg);
		pthread_mutex_unlock(&state.lock);
	}
	return NULL;
}

bool vd_interrupt_start(void)
{
	sigset_t set;
	pthread_t thread;
	watched(&set);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 ||
		pthread_create(&thread, NULL, wait_for_signals, NULL) != 0) {
		vd_cli_wrong(NULL, "a thread cannot be made");
		return false;
	}
	pthread_detach(thread);
	return true;
}

bool vd_interrupted(void)
{
	return atomic_load(&state.number) != 0;
}

int vd_interrupt_signal(void)
{
	return atomic_load(&state.number);
}

void vd_interrupt_set(void (*callback)(void *arg), void *arg)
{
	pthread_mutex_lock(&state.lock);
	state.callback = callback;
	state.arg = arg;
	if (callback != NULL && vd_interrupted())
		callback(arg);
	pthread_mutex_unlock(&state.lock);
}

void vd_interrupt_clear(void)
{
	pthread_mutex_lock(&state.lock);
	atomic_store(&state.number, 0);
	pthread_mutex_unlock(&state.lock);
}

static void cancel(void *future)
{
	vd_future_cancel(future);
}

int vd_cli_wait(struct vd_future *future)
{
	vd_interrupt_set(cancel, future);
	int code = vd_future_wait(future);
	vd_interrupt_set(NULL, NULL);
	return code;
}
