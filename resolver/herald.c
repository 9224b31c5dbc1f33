/* SPDX-License-Identifier: Apache-2.0 */
/* herald.c: see herald.h. */
#include "resolver/herald.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool say(struct vd_herald *herald, const char *text)
{
	return herald->fd >= 0 && sendto(herald->fd, text, strlen(text), MSG_NOSIGNAL,
								  (const struct sockaddr *)&herald->to, herald->to_bytes) >= 0;
}

/* An absolute path or an abstract name, if it fits; a manager that listens on vsock is none of this machine. */
static bool read_address(struct vd_herald *herald, const char *name)
{
	size_t length = strlen(name);
	if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof herald->to.sun_path)
		return false;
	herald->to.sun_family = AF_UNIX;
	memcpy(herald->to.sun_path, name, length + 1);
	if (name[0] == '@')
		herald->to.sun_path[0] = '\0';
	herald->to_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/'));
	return true;
}

/* A number above 0 and nothing else; else 0. */
static int64_t read_number(const char *text)
{
	char *end = NULL;
	long long number = text == NULL ? 0 : strtoll(text, &end, 10);
	return end == text || end == NULL || *end != '\0' || number < 0 ? 0 : number;
}

/* A watchdog that was meant for the process that started us is not ours. */
static int64_t read_watchdog_ms(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	if (pid != NULL && read_number(pid) != getpid())
		return 0;
	int64_t patience_us = read_number(getenv("WATCHDOG_USEC"));
	return patience_us == 0 ? 0 : patience_us < 2000 ? 1 : patience_us / 2000;
}

void vd_herald_open(struct vd_herald *herald)
{
	const char *name = getenv("NOTIFY_SOCKET");
	*herald = (struct vd_herald){ .fd = -1 };
	if (name == NULL || !read_address(herald, name))
		return;
	herald->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	herald->watchdog_ms = read_watchdog_ms();
}

void vd_herald_close(struct vd_herald *herald)
{
	if (herald->fd >= 0)
		close(herald->fd);
	herald->fd = -1;
}

void vd_herald_ready(struct vd_herald *herald)
{
	if (!herald->is_ready)
		herald->is_ready = say(herald, "READY=1");
}

void vd_herald_stopping(struct vd_herald *herald)
{
	(void)say(herald, "STOPPING=1");
}

void vd_herald_status(struct vd_herald *herald, const char *what, const char *more)
{
	char line[300];
	snprintf(line, sizeof line, "STATUS=%s: %s", what, more);
	for (char *at = line; *at != '\0'; at++)
		if (*at == '\n' || *at == '\r')
			*at = ' ';
	(void)say(herald, line);
}

void vd_herald_pulse(struct vd_herald *herald, int64_t now_ms)
{
	if (herald->watchdog_ms == 0 || now_ms < herald->due_ms)
		return;
	herald->due_ms = now_ms + herald->watchdog_ms;
	(void)say(herald, "WATCHDOG=1");
}
