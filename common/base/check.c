/* SPDX-License-Identifier: Apache-2.0 */
/* check.c: the last words of a failed check; formatted on the stack, for the heap may be what is broken. */
#include "common/base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say(const char *file, int line, const char *condition)
{
	char text[512];
	int size = snprintf(text, sizeof text, "verdict: check failed at %s:%d: %s\n", file, line, condition);
	if (size >= (int)sizeof text) {
		size = (int)sizeof text - 1;
		text[size - 1] = '\n';
	}
	ssize_t written = write(STDERR_FILENO, text, (size_t)size);
	(void)written; /* there is nowhere left to complain */
}

void vd_check_failed(const char *file, int line, const char *condition)
{
	say(file, line, condition);
	abort();
}

bool vd_check_bug(const char *file, int line, const char *condition)
{
	say(file, line, condition);
#ifndef NDEBUG
	abort();
#endif
	return true;
}
