/* SPDX-License-Identifier: Apache-2.0 */
/* detach.c: see detach.h. What the foreground reads is a pipe that the background has as its standard output: its end comes
 * whatever happens, and a line before it means that the start was a success. */
#include "cli/detach.h"

#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t background;

static void hand_down(int number)
{
	if (background > 0)
		kill((pid_t)background, number);
}

/* The foreground: prints what comes; if nothing came, the background says by its end why. What cannot be printed was in
 * vain: the background is stopped. */
static int follow(pid_t pid, int output)
{
	struct sigaction action = { .sa_handler = hand_down };
	char text[4096];
	int status;
	background = pid;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	bool started = false;
	bool printed = true;
	for (;;) {
		ssize_t got = read(output, text, sizeof text);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		started = true;
		printed = fwrite(text, 1, (size_t)got, stdout) == (size_t)got && fflush(stdout) == 0 && printed;
	}
	if (started && printed)
		return VD_EXIT_DONE;
	if (started) { /* nobody would know of it */
		(void)vd_cli_output_failed();
		kill(pid, SIGTERM);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return VD_EXIT_WRONG;
	return !started && WIFEXITED(status) ? WEXITSTATUS(status) : VD_EXIT_WRONG;
}

bool vd_detach_begin(int *exit_code)
{
	int output[2];
	fflush(stdout);
	if (pipe2(output, O_CLOEXEC) != 0) {
		*exit_code = vd_cli_wrong(NULL, "no descriptors are left");
		return false;
	}
	pid_t pid = fork();
	if (pid < 0) {
		*exit_code = vd_cli_wrong(NULL, "a process cannot be made");
		return false;
	}
	if (pid > 0) {
		close(output[1]);
		*exit_code = follow(pid, output[0]);
		return false;
	}
	setsid();
	close(output[0]);
	dup2(output[1], STDOUT_FILENO);
	close(output[1]);
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (nothing >= 0) {
		dup2(nothing, STDIN_FILENO);
		close(nothing);
	}
	return true;
}

bool vd_detach_finish(const char *line, const char *log)
{
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return false;
	bool ok = dup2(fd, STDERR_FILENO) >= 0 && fputs(line, stdout) != EOF && fflush(stdout) == 0 &&
			  dup2(fd, STDOUT_FILENO) >= 0;
	close(fd);
	return ok;
}
