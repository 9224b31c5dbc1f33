/* SPDX-License-Identifier: Apache-2.0 */
/* process.c: fork, become, exec; a pipe that closes on exec brings back why it did not. */
#include "cli/process.h"

#include "common/base/codes.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool become(const struct vd_account *account)
{
	if (account == NULL)
		return true;
	return initgroups(account->name, account->gid) == 0 && setgid(account->gid) == 0 &&
		   setuid(account->uid) == 0;
}

/* In the child; returns only if something failed, errno says what. */
static void enter(const struct vd_spawn *spawn, int input, int output, pid_t parent)
{
	sigset_t none;
	sigemptyset(&none);
	signal(SIGPIPE, SIG_DFL);
	if (sigprocmask(SIG_SETMASK, &none, NULL) != 0 || setpgid(0, 0) != 0)
		return;
	if (dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
		return;
	umask(022);
	/* Becoming another user forgets the death signal, so it comes after that. */
	if (!become(spawn->account) || prctl(PR_SET_PDEATHSIG, spawn->death_signal) != 0 || chdir("/") != 0)
		return;
	if (getppid() != parent)
		_exit(1);
	execve(spawn->argv[0], (char *const *)spawn->argv, spawn->environment);
}

static pid_t spawn_with(const struct vd_spawn *spawn, int input, int output, struct vd_error *error)
{
	int report[2];
	pid_t parent = getpid();
	if (pipe2(report, O_CLOEXEC) != 0)
		goto failed;
	pid_t pid = fork();
	if (pid == 0) {
		enter(spawn, input, output, parent);
		int why = errno;
		(void)!write(report[1], &why, sizeof why);
		_exit(127);
	}
	close(report[1]);
	int why = 0;
	ssize_t got = pid < 0 ? 0 : read(report[0], &why, sizeof why);
	close(report[0]);
	if (pid >= 0 && got <= 0)
		return pid;
	if (pid > 0) {
		(void)waitpid(pid, NULL, 0);
		errno = why;
	}
failed:
	vd_error_set(error, VD_CODE_PLATFORM_ERROR, "cannot run %s: %s", spawn->argv[0], strerror(errno));
	return -1;
}

/* A child may fill its output before it reads, so the input is a file without a name, not a pipe. */
static int input_file(const char *input)
{
	if (input == NULL)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fd = memfd_create("input", MFD_CLOEXEC);
	size_t size = strlen(input);
	if (fd >= 0 && (write(fd, input, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

pid_t vd_process_spawn(const struct vd_spawn *spawn, struct vd_error *error)
{
	pid_t pid = -1;
	int input = input_file(spawn->input);
	int output = open(spawn->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (input < 0 || output < 0)
		vd_error_set(error, VD_CODE_IO_ERROR, "cannot write %s: %s", spawn->log, strerror(errno));
	else
		pid = spawn_with(spawn, input, output, error);
	if (input >= 0)
		close(input);
	if (output >= 0)
		close(output);
	return pid;
}

int vd_process_run(const struct vd_spawn *spawn, struct vd_error *error)
{
	int status = 0;
	char how[80];
	char words[300];
	const char *name = strrchr(spawn->argv[0], '/');
	pid_t pid = vd_process_spawn(spawn, error);
	if (pid < 0)
		return error->code;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status == 0)
		return 0;
	return vd_error_set(error, VD_CODE_PLATFORM_ERROR, "%s %s: %s", name == NULL ? spawn->argv[0] : name + 1,
		vd_process_describe(status, how, sizeof how), vd_process_last_words(spawn->log, words, sizeof words));
}

const char *vd_process_describe(int status, char *to, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(to, size, "was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(to, size, "ended with status %d", WEXITSTATUS(status));
	return to;
}

const char *vd_process_last_words(const char *log, char *to, size_t size)
{
	char text[4097];
	ssize_t got = 0;
	int fd = open(log, O_RDONLY | O_CLOEXEC);
	to[0] = '\0';
	if (fd >= 0) {
		off_t end = lseek(fd, 0, SEEK_END);
		got = pread(fd, text, sizeof text - 1, end > 4096 ? end - 4096 : 0);
		close(fd);
	}
	if (got <= 0)
		return to;
	text[got] = '\0';
	char *rest = text;
	bool reason = false;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		bool says_why =
			strstr(line, "FATAL") != NULL || strstr(line, "PANIC") != NULL || strstr(line, "error") != NULL;
		if (line[0] == '\0' || strncmp(line, "hint:", 5) == 0 || (reason && !says_why))
			continue;
		reason = says_why;
		snprintf(to, size, "%s", line);
	}
	return to;
}

static bool leads_elsewhere(const char *variable)
{
	static const char *const names[] = { "PG",
		"VERDICT_DSN=", "VERDICT_SCHEMA=", "VERDICT_CONFIG=", "VERDICT_NODE=" };
	for (size_t i = 0; i < VD_COUNT(names); i++)
		if (strncmp(variable, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

char **vd_process_environment(void)
{
	size_t count = 0;
	size_t kept = 0;
	while (environ[count] != NULL)
		count++;
	char **copy = calloc(count + 1, sizeof *copy);
	for (size_t i = 0; i < count && copy != NULL; i++)
		if (!leads_elsewhere(environ[i]))
			copy[kept++] = environ[i];
	return copy;
}
