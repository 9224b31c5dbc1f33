/* SPDX-License-Identifier: Apache-2.0 */
/* herald.h: tells the service manager that started this node how it goes: that it is ready, that it stops, what it does, and,
 * while its loop turns, that it lives.
 *
 * systemd's protocol, which other supervisors speak too (source: sd_notify(3)): lines NAME=value in datagrams to the Unix socket that
 * NOTIFY_SOCKET names, a path or, with a leading '@', an abstract name. Where no manager asked for it, nothing is sent. What cannot be
 * sent is lost, and nobody waits for it; readiness is told again until it is taken. Thread: the event loop's.
 */
#ifndef VD_RESOLVER_HERALD_H
#define VD_RESOLVER_HERALD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct vd_herald {
	int fd; /* -1: nobody listens */
	struct sockaddr_un to;
	socklen_t to_bytes;
	bool is_ready; /* and the manager knows */
	/* how often it wants a sign of life (half of WATCHDOG_USEC), 0: never; and when the next is due */
	int64_t watchdog_ms;
	int64_t due_ms;
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. What is wrong in them counts as not there. */
void vd_herald_open(struct vd_herald *herald);
void vd_herald_close(struct vd_herald *herald);

/* The node can do its part from now on. At most once, whatever is said later. */
void vd_herald_ready(struct vd_herald *herald);

/* The node is asked to end, and does. */
void vd_herald_stopping(struct vd_herald *herald);

/* One line for people: `what: more`. Line breaks in them become blanks. */
void vd_herald_status(struct vd_herald *herald, const char *what, const char *more);

/* Each time the loop turns: a sign of life, if one is due. */
void vd_herald_pulse(struct vd_herald *herald, int64_t now_ms);

#endif
