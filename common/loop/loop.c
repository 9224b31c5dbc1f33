/* SPDX-License-Identifier: Apache-2.0 */
/* loop.c: thin covers over libevent's events. A trampoline does not look at its object after the callback, which may have
 * freed it; nor at a loop on a borrowed base, which a callback may free as well (only an owned one has something around). */
#include "common/loop/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct vd_loop {
	struct event_base *base;
	bool owned;
	struct vd_wake stop; /* only if owned */
	void (*before)(void *arg);
	void (*after)(void *arg);
	void *around_arg;
	unsigned laters; /* that ran in a row without a look at the sockets */
};

struct around {
	void (*after)(void *arg);
	void *arg;
};

static struct around around_begin(struct vd_loop *loop)
{
	if (loop->before != NULL)
		loop->before(loop->around_arg);
	return (struct around){ loop->after, loop->around_arg };
}

static void around_end(struct around around)
{
	if (around.after != NULL)
		around.after(around.arg);
}

static struct event_base *base_new(void)
{
	struct event_config *config = event_config_new();
	if (config == NULL)
		return NULL;
	/* No locks: no other thread calls libevent on this base. Precise: the default clock ticks every 4 ms. */
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_PRECISE_TIMER);
	struct event_base *base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

static void on_stop(void *arg)
{
	struct vd_loop *loop = arg;
	event_base_loopbreak(loop->base);
}

struct vd_loop *vd_loop_new(struct event_base *borrowed)
{
	struct vd_loop *loop = calloc(1, sizeof *loop);
	if (loop == NULL)
		return NULL;
	loop->base = borrowed;
	if (borrowed != NULL)
		return loop;
	loop->owned = true;
	loop->base = base_new();
	if (loop->base != NULL && vd_wake_init(&loop->stop, loop, on_stop, loop))
		return loop;
	vd_loop_free(loop);
	return NULL;
}

void vd_loop_free(struct vd_loop *loop)
{
	if (loop == NULL)
		return;
	if (loop->owned) {
		vd_wake_fini(&loop->stop);
		if (loop->base != NULL)
			event_base_free(loop->base);
	}
	free(loop);
}

struct event_base *vd_loop_base(struct vd_loop *loop)
{
	return loop->base;
}

bool vd_loop_run(struct vd_loop *loop)
{
	VD_ASSERT(loop->owned);
	return event_base_dispatch(loop->base) == 0;
}

void vd_loop_stop(struct vd_loop *loop)
{
	VD_ASSERT(loop->owned);
	vd_wake_ring(&loop->stop);
}

void vd_loop_around(struct vd_loop *loop, void (*before)(void *arg), void (*after)(void *arg), void *arg)
{
	VD_ASSERT(loop->owned && before != NULL && after != NULL);
	loop->before = before;
	loop->after = after;
	loop->around_arg = arg;
}

/* ---- timers ---- */

/* ten years: "never" of a caller must not overflow libevent's sum with now */
#define AFTER_US_MAX ((int64_t)315360000 * 1000000)

/* A timer stands in libevent's heap from its init to its fini, also one that is not armed: then it takes memory only to
 * begin, and arming cannot fail. */
static bool timer_stand(struct vd_timer *timer, int64_t after_us)
{
	struct timeval after = { .tv_sec = after_us / 1000000, .tv_usec = after_us % 1000000 };
	return event_add(timer->event, &after) == 0;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct vd_timer *timer = arg;
	struct around around = around_begin(timer->loop);
	timer->armed = false;
	(void)timer_stand(timer, AFTER_US_MAX);
	timer->callback(timer->arg);
	around_end(around);
}

bool vd_timer_init(struct vd_timer *timer, struct vd_loop *loop, void (*callback)(void *arg), void *arg)
{
	*timer = (struct vd_timer){ .loop = loop, .callback = callback, .arg = arg };
	timer->event = event_new(loop->base, -1, 0, on_timer, timer);
	if (timer->event != NULL && timer_stand(timer, AFTER_US_MAX))
		return true;
	vd_timer_fini(timer);
	return false;
}

void vd_timer_fini(struct vd_timer *timer)
{
	if (timer->event != NULL)
		event_free(timer->event);
	timer->event = NULL;
	timer->armed = false;
}

void vd_timer_arm_us(struct vd_timer *timer, int64_t after_us)
{
	VD_ASSERT(timer->event != NULL);
	if (after_us < 0)
		after_us = 0;
	if (after_us > AFTER_US_MAX)
		after_us = AFTER_US_MAX;
	timer->armed = true;
	/* Its place may be taken if it is due in this very turn, and another timer was made in it: then it fires early, and who
	 * waits looks at the clock. */
	if (!timer_stand(timer, after_us))
		event_active(timer->event, EV_TIMEOUT, 1);
}

void vd_timer_arm_ms(struct vd_timer *timer, int64_t after_ms)
{
	vd_timer_arm_us(timer, after_ms > AFTER_US_MAX / 1000 ? AFTER_US_MAX
						   : after_ms < 0                 ? 0
														  : after_ms * 1000);
}

void vd_timer_cancel(struct vd_timer *timer)
{
	if (!timer->armed)
		return;
	timer->armed = false;
	event_del(timer->event); /* it may be due already */
	(void)timer_stand(timer, AFTER_US_MAX);
}

bool vd_timer_is_armed(const struct vd_timer *timer)
{
	return timer->armed;
}

/* Behind the callbacks that are due already, without another look at the sockets: a turn of the loop is two system calls.
 * But who calls itself for ever must not keep the sockets waiting for ever. */
enum { LATERS_MOST = 16 };

bool vd_later_init(struct vd_later *later, struct vd_loop *loop, void (*callback)(void *arg), void *arg)
{
	return vd_timer_init(&later->timer, loop, callback, arg);
}

void vd_later_fini(struct vd_later *later)
{
	vd_timer_fini(&later->timer);
}

void vd_later_run(struct vd_later *later)
{
	struct vd_loop *loop = later->timer.loop;
	VD_ASSERT(later->timer.event != NULL);
	if (vd_timer_is_armed(&later->timer))
		return;
	if (++loop->laters < LATERS_MOST) {
		later->timer.armed = true;
		event_active(later->timer.event, EV_TIMEOUT, 1);
	} else {
		loop->laters = 0;
		vd_timer_arm_us(&later->timer, 0);
	}
}

void vd_later_cancel(struct vd_later *later)
{
	vd_timer_cancel(&later->timer);
}

/* ---- sockets ---- */

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	struct vd_socket *socket = arg;
	unsigned ready = (what & EV_READ ? VD_SOCKET_READ : 0) | (what & EV_WRITE ? VD_SOCKET_WRITE : 0);
	struct around around = around_begin(socket->loop);
	socket->callback(ready, socket->arg);
	around_end(around);
}

bool vd_socket_init(
	struct vd_socket *socket, struct vd_loop *loop, void (*callback)(unsigned ready, void *arg), void *arg)
{
	*socket = (struct vd_socket){ .loop = loop, .fd = -1, .callback = callback, .arg = arg };
	socket->event = event_new(loop->base, -1, 0, on_ready, socket);
	return socket->event != NULL;
}

void vd_socket_fini(struct vd_socket *socket)
{
	if (socket->event != NULL)
		event_free(socket->event);
	socket->event = NULL;
}

bool vd_socket_set(struct vd_socket *socket, int fd, unsigned interest)
{
	VD_ASSERT(socket->event != NULL);
	if (interest == socket->interest && (fd == socket->fd || interest == VD_SOCKET_NONE))
		return true;
	event_del(socket->event);
	socket->fd = fd;
	socket->interest = VD_SOCKET_NONE;
	if (interest == VD_SOCKET_NONE)
		return true;
	short what = EV_PERSIST;
	if (interest & VD_SOCKET_READ)
		what |= EV_READ;
	if (interest & VD_SOCKET_WRITE)
		what |= EV_WRITE;
	if (event_assign(socket->event, socket->loop->base, fd, what, on_ready, socket) != 0 ||
		event_add(socket->event, NULL) != 0)
		return false;
	socket->interest = interest;
	return true;
}

/* ---- wakes ---- */

static void on_rung(unsigned ready, void *arg)
{
	(void)ready;
	struct vd_wake *wake = arg;
	uint64_t rings;
	/* taken before the callback, so that a ring during it gives another one */
	if (read(wake->fd, &rings, sizeof rings) == sizeof rings)
		wake->callback(wake->arg);
}

bool vd_wake_init(struct vd_wake *wake, struct vd_loop *loop, void (*callback)(void *arg), void *arg)
{
	*wake = (struct vd_wake){ .fd = -1, .callback = callback, .arg = arg };
	if (!vd_socket_init(&wake->socket, loop, on_rung, wake))
		return false;
	wake->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (wake->fd >= 0 && vd_socket_set(&wake->socket, wake->fd, VD_SOCKET_READ))
		return true;
	vd_wake_fini(wake);
	return false;
}

void vd_wake_fini(struct vd_wake *wake)
{
	if (wake->socket.event == NULL)
		return; /* never initialised, or finished */
	vd_socket_fini(&wake->socket);
	if (wake->fd >= 0)
		close(wake->fd);
	wake->fd = -1;
}

void vd_wake_ring(struct vd_wake *wake)
{
	int saved = errno;
	uint64_t one = 1;
	/* fails only if the counter is full, and then the callback is due anyway */
	ssize_t written = write(wake->fd, &one, sizeof one);
	(void)written;
	errno = saved;
}

/* ---- signals ---- */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	(void)what;
	struct vd_signal *watched = arg;
	struct around around = around_begin(watched->loop);
	watched->callback((int)number, watched->arg);
	around_end(around);
}

bool vd_signal_init(struct vd_signal *watched, struct vd_loop *loop, int number,
	void (*callback)(int number, void *arg), void *arg)
{
	*watched = (struct vd_signal){ .loop = loop, .number = number, .callback = callback, .arg = arg };
	watched->event = event_new(loop->base, number, EV_SIGNAL | EV_PERSIST, on_signal, watched);
	if (watched->event != NULL && event_add(watched->event, NULL) == 0)
		return true;
	vd_signal_fini(watched);
	return false;
}

void vd_signal_fini(struct vd_signal *watched)
{
	if (watched->event != NULL)
		event_free(watched->event);
	watched->event = NULL;
}
