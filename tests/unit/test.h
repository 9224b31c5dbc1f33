/* SPDX-License-Identifier: Apache-2.0 */
/* test.h: cmocka with the headers that it forgets to include itself, and a way to see a program die. */
#ifndef VD_TESTS_UNIT_TEST_H
#define VD_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `body` in a child with standard error caught (at most size - 1 bytes); returns the signal that ended it, or 0. */
static inline int test_signal_of(void (*body)(void), char *said, size_t size)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		signal(SIGABRT, SIG_DFL); /* cmocka catches it */
		body();
		_exit(0);
	}
	close(ends[1]);
	size_t used = 0;
	ssize_t got;
	while (used < size - 1 && (got = read(ends[0], said + used, size - 1 - used)) > 0)
		used += (size_t)got;
	said[used] = '\0';
	close(ends[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

#define ASSERT_DIES(body, words)                                                                             \
	do {                                                                                                     \
		char said_[4096];                                                                                    \
		assert_int_equal(test_signal_of(body, said_, sizeof said_), SIGABRT);                                \
		assert_non_null(strstr(said_, words));                                                               \
	} while (0)

#endif
