/* SPDX-License-Identifier: Apache-2.0 */
/* loop.h: one thread's events: timers, file descriptors, wake-ups from other threads, signals. The only room that knows
 * libevent, beside the metrics server.
 *
 * A loop has an event_base of its own, or borrows the caller's (the library in its host); everything else works the same on
 * both. Each object here is embedded in whatever uses it, is initialised on a loop, armed, and finished; after fini its
 * callback does not run any more. A callback never runs from inside the call that armed it, and may arm, cancel and fini
 * anything, itself too.
 * Everything belongs to the thread that runs the loop, except vd_wake_ring and vd_loop_stop, which any thread may call and
 * which do not touch libevent: so no locking is switched on in the host's libevent.
 * init functions return false without memory or descriptors (errno tells); all zero is a finished object, fini of it does
 * nothing.
 */
#ifndef VD_COMMON_LOOP_LOOP_H
#define VD_COMMON_LOOP_LOOP_H

#include "common/base/check.h"

#include <stdbool.h>
#include <stdint.h>

struct event;
struct event_base;
struct vd_loop;

/* A loop on the caller's base, which must outlive it, or with NULL on one of its own (whose timers are precise to the
 * microsecond). NULL without memory. */
VD_MUST_USE struct vd_loop *vd_loop_new(struct event_base *borrowed);

/* All objects on it are finished before, and pending vd_later have run or are cancelled. */
void vd_loop_free(struct vd_loop *loop);

struct event_base *vd_loop_base(struct vd_loop *loop);

/* Called around every callback on this loop, from now on: so that a lock can be held while callbacks run, and not while the
 * loop waits. Only for a loop with a base of its own. */
void vd_loop_around(struct vd_loop *loop, void (*before)(void *arg), void (*after)(void *arg), void *arg);

/* For a loop with a base of its own: runs until vd_loop_stop. A stop that came first ends it at once; after it has returned,
 * it may run again. False if libevent failed. */
VD_MUST_USE bool vd_loop_run(struct vd_loop *loop);

/* Any thread, async-signal-safe: the loop returns soon; what is due then waits for the next run. Only for a loop with a
 * base of its own. */
void vd_loop_stop(struct vd_loop *loop);

/* ---- timers: once; the callback arms it again if it wants more ---- */

struct vd_timer {
	struct vd_loop *loop;
	struct event *event;
	bool armed;
	void (*callback)(void *arg);
	void *arg;
};

VD_MUST_USE bool vd_timer_init(
	struct vd_timer *timer, struct vd_loop *loop, void (*callback)(void *arg), void *arg);
void vd_timer_fini(struct vd_timer *timer);

/* From now; replaces what was armed before. Negative counts as 0. */
void vd_timer_arm_ms(struct vd_timer *timer, int64_t after_ms);
void vd_timer_arm_us(struct vd_timer *timer, int64_t after_us);
void vd_timer_cancel(struct vd_timer *timer);
bool vd_timer_is_armed(const struct vd_timer *timer);

/* ---- later: for what is promised never to happen from inside a call. The callback runs behind those that are due already; who
 * asks again in it, for ever, lets the sockets have their turn now and then ---- */

struct vd_later {
	struct vd_timer timer;
};

VD_MUST_USE bool vd_later_init(
	struct vd_later *later, struct vd_loop *loop, void (*callback)(void *arg), void *arg);
void vd_later_fini(struct vd_later *later);

/* Several calls before it runs give one callback. */
void vd_later_run(struct vd_later *later);
void vd_later_cancel(struct vd_later *later);

/* ---- sockets: a file descriptor becomes readable or writable ---- */

enum vd_socket_for { VD_SOCKET_NONE = 0, VD_SOCKET_READ = 1, VD_SOCKET_WRITE = 2 };

struct vd_socket {
	struct vd_loop *loop;
	struct event *event;
	int fd;
	unsigned interest; /* of enum vd_socket_for */
	void (*callback)(unsigned ready, void *arg);
	void *arg;
};

VD_MUST_USE bool vd_socket_init(
	struct vd_socket *socket, struct vd_loop *loop, void (*callback)(unsigned ready, void *arg), void *arg);
void vd_socket_fini(struct vd_socket *socket);

/* From now on calls back, as long as the descriptor is ready (level-triggered), for what `interest` says;
 * VD_SOCKET_NONE watches nothing. Does nothing if it is so already. The descriptor is borrowed. Before it is closed, or
 * if it may have been closed and opened again under the same number (libpq while it connects), set VD_SOCKET_NONE first,
 * else the kernel's watch goes unnoticed with the old one. False without memory. */
VD_MUST_USE bool vd_socket_set(struct vd_socket *socket, int fd, unsigned interest);

/* ---- wakes: another thread, or a signal handler, has something for this one ---- */

struct vd_wake {
	struct vd_socket socket;
	int fd; /* eventfd */
	void (*callback)(void *arg);
	void *arg;
};

VD_MUST_USE bool vd_wake_init(
	struct vd_wake *wake, struct vd_loop *loop, void (*callback)(void *arg), void *arg);
void vd_wake_fini(struct vd_wake *wake);

/* Any thread, async-signal-safe. Several rings before the callback runs may give one callback; after each ring there is one. */
void vd_wake_ring(struct vd_wake *wake);

/* ---- signals: at most one loop of a process may have any ---- */

struct vd_signal {
	struct vd_loop *loop;
	struct event *event;
	int number;
	void (*callback)(int number, void *arg);
	void *arg;
};

VD_MUST_USE bool vd_signal_init(struct vd_signal *watched, struct vd_loop *loop, int number,
	void (*callback)(int number, void *arg), void *arg);
void vd_signal_fini(struct vd_signal *watched);

#endif
