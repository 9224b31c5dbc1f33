/* SPDX-License-Identifier: Apache-2.0 */
/* resolver_herald_test.c: what a service manager is told, over a path and over an abstract name, and what it is not. */
#include "resolver/herald.h"

#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The manager's end, bound to `name` as NOTIFY_SOCKET writes it. */
static int manager(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/'));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, bytes), 0);
	return fd;
}

static void is_told(int fd, const char *expected)
{
	char text[400];
	ssize_t size = recv(fd, text, sizeof text - 1, 0);
	if (expected == NULL) {
		assert_true(size < 0 && errno == EAGAIN);
		return;
	}
	assert_true(size >= 0);
	text[size] = '\0';
	assert_string_equal(text, expected);
}

static struct vd_herald open_with(const char *name, const char *watchdog_us, const char *watchdog_pid)
{
	struct vd_herald herald;
	assert_int_equal(name == NULL ? unsetenv("NOTIFY_SOCKET") : setenv("NOTIFY_SOCKET", name, 1), 0);
	assert_int_equal(
		watchdog_us == NULL ? unsetenv("WATCHDOG_USEC") : setenv("WATCHDOG_USEC", watchdog_us, 1), 0);
	assert_int_equal(
		watchdog_pid == NULL ? unsetenv("WATCHDOG_PID") : setenv("WATCHDOG_PID", watchdog_pid, 1), 0);
	vd_herald_open(&herald);
	return herald;
}

static void a_life(const char *name)
{
	int fd = manager(name);
	struct vd_herald herald = open_with(name, NULL, NULL);
	vd_herald_status(&herald, "standby", "waits\nand looks");
	is_told(fd, "STATUS=standby: waits and looks");
	vd_herald_ready(&herald);
	vd_herald_ready(&herald);
	is_told(fd, "READY=1");
	vd_herald_pulse(&herald, 1000000);
	vd_herald_stopping(&herald);
	is_told(fd, "STOPPING=1");
	is_told(fd, NULL);
	vd_herald_close(&herald);
	close(fd);
}

static void over_a_path(void **state)
{
	(void)state;
	char name[] = "/tmp/vdherald-XXXXXX";
	assert_non_null(mkdtemp(name));
	char path[64];
	snprintf(path, sizeof path, "%s/notify", name);
	a_life(path);
	unlink(path);
	rmdir(name);
}

static void over_an_abstract_name(void **state)
{
	(void)state;
	char name[64];
	snprintf(name, sizeof name, "@vdherald-%d", (int)getpid());
	a_life(name);
}

static void nobody_listens(void **state)
{
	(void)state;
	char long_name[200] = "/";
	memset(long_name + 1, 'x', sizeof long_name - 2);
	const char *names[] = { NULL, "", "@", "relative", "vsock:2:1234", long_name };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct vd_herald herald = open_with(names[i], "1000000", NULL);
		assert_int_equal(herald.fd, -1);
		vd_herald_ready(&herald);
		vd_herald_pulse(&herald, 1);
		assert_false(herald.is_ready);
		vd_herald_close(&herald);
	}
}

static void readiness_that_was_not_taken_is_told_again(void **state)
{
	(void)state;
	char name[64];
	snprintf(name, sizeof name, "@vdherald-%d", (int)getpid());
	struct vd_herald herald = open_with(name, NULL, NULL);
	vd_herald_ready(&herald);
	assert_false(herald.is_ready);
	int fd = manager(name);
	vd_herald_ready(&herald);
	assert_true(herald.is_ready);
	is_told(fd, "READY=1");
	vd_herald_close(&herald);
	close(fd);
}

static void signs_of_life_come_when_they_are_due(void **state)
{
	(void)state;
	char name[64], pid[32];
	snprintf(name, sizeof name, "@vdherald-%d", (int)getpid());
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	int fd = manager(name);
	struct vd_herald herald = open_with(name, "2000000", pid);
	vd_herald_pulse(&herald, 5000);
	is_told(fd, "WATCHDOG=1");
	vd_herald_pulse(&herald, 5999);
	is_told(fd, NULL);
	vd_herald_pulse(&herald, 6000);
	is_told(fd, "WATCHDOG=1");
	vd_herald_close(&herald);
	const char *wrong[][2] = { { "2000000", "1" }, { "0", NULL }, { "soon", NULL }, { "-5", NULL },
		{ "", NULL } };
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		herald = open_with(name, wrong[i][0], wrong[i][1]);
		assert_int_equal(herald.watchdog_ms, 0);
		vd_herald_pulse(&herald, 100000);
		vd_herald_close(&herald);
	}
	is_told(fd, NULL);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_a_path),
		cmocka_unit_test(over_an_abstract_name),
		cmocka_unit_test(nobody_listens),
		cmocka_unit_test(readiness_that_was_not_taken_is_told_again),
		cmocka_unit_test(signs_of_life_come_when_they_are_due),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
