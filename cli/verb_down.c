/* SPDX-License-Identifier: Apache-2.0 */
/* verb_down.c: stops the cluster that lives in a folder, and waits until it has stopped. Its data stay. */
#include "cli/cli.h"
#include "cli/home.h"

#include "common/base/clock.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

struct down_settings {
	char *dir;
	int64_t timeout_ms;
};

static const struct vd_setting rows[] = {
	VD_SETTING_STRING("dir", struct down_settings, dir, "", "where the cluster lives"),
	VD_SETTING_DURATION(
		"timeout", struct down_settings, timeout_ms, "90s", 100, 3600000, "how long to wait for its end"),
};

static const struct vd_settings settings = {
	.program = "verdict down",
	.usage = "--dir DIR",
	.about = "Stops the cluster that verdict up keeps in DIR: resolvers first, then PostgreSQL. Its data "
			 "stay, and another\n"
			 "verdict up --dir DIR starts it again.",
	.rows = rows,
	.count = VD_COUNT(rows),
};

static int down(const struct down_settings *given)
{
	struct vd_error error = { 0 };
	pid_t asked = 0;
	pid_t pid = 0;
	bool supervised;
	int64_t end = vd_clock_ms() + given->timeout_ms;
	for (;;) {
		/* A temporary folder is removed when all has stopped. */
		if (vd_home_look(given->dir, &pid, &supervised, &error) != 0)
			return asked != 0 ? VD_EXIT_DONE : vd_cli_fail(&error);
		if (pid == 0)
			return VD_EXIT_DONE;
		/* Once each: the process that supervises, or, if that was killed, PostgreSQL itself, which SIGINT stops fast. */
		if (pid != asked && kill(pid, supervised ? SIGTERM : SIGINT) != 0 && errno != ESRCH)
			return vd_cli_wrong(
				"are you the user who started it?", "cannot stop process %d: %s", (int)pid, strerror(errno));
		asked = pid;
		if (vd_clock_ms() >= end)
			return vd_cli_wrong("the logs in the folder say what it waits for",
				"process %d has not stopped in time", (int)pid);
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
}

static int run(int argc, char **argv)
{
	struct down_settings given = { 0 };
	int code;
	if (!vd_cli_load(&settings, argc, argv, &given, NULL, &code))
		return code;
	if (given.dir[0] == '\0')
		code = vd_cli_wrong("it is the folder that was given to verdict up", "--dir is missing");
	else
		code = down(&given);
	vd_settings_free(&settings, &given);
	return code;
}

const struct vd_verb vd_verb_down = { "down", "stop the cluster that verdict up keeps in a folder", run,
	&settings };
