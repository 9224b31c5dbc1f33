/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sanitize/no_memory.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

static atomic_long passed;
static atomic_long first, last; /* those that fail; first 0: none */

static bool fails(void)
{
	long number = atomic_fetch_add(&passed, 1) + 1;
	return number >= atomic_load(&first) && number <= atomic_load(&last);
}

void no_memory_begin(long n, long run)
{
	atomic_store(&last, 0);
	atomic_store(&passed, 0);
	atomic_store(&first, n);
	atomic_store(&last, n + run - 1);
}

bool no_memory_end(void)
{
	atomic_store(&last, 0);
	return atomic_load(&passed) >= atomic_load(&first);
}

#define WRAP(type, name, parameters, arguments, failure)                                                     \
	type __real_##name parameters;                                                                           \
	type __wrap_##name parameters;                                                                           \
	type __wrap_##name parameters                                                                            \
	{                                                                                                        \
		return fails() ? failure : __real_##name arguments;                                                  \
	}

#define NO_MEMORY (errno = ENOMEM, NULL)

WRAP(void *, malloc, (size_t size), (size), NO_MEMORY)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), NO_MEMORY)
WRAP(void *, realloc, (void *memory, size_t size), (memory, size), NO_MEMORY)
WRAP(void *, reallocarray, (void *memory, size_t count, size_t size), (memory, count, size), NO_MEMORY)
WRAP(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size), NO_MEMORY)
WRAP(char *, strdup, (const char *text), (text), NO_MEMORY)
WRAP(char *, strndup, (const char *text, size_t size), (text, size), NO_MEMORY)
WRAP(int, eventfd, (unsigned count, int flags), (count, flags), (errno = EMFILE, -1))
WRAP(int, pthread_create, (pthread_t * thread, const pthread_attr_t *how, void *(*run)(void *), void *arg),
	(thread, how, run, arg), EAGAIN)

int __wrap_asprintf(char **text, const char *format, ...) __attribute__((format(printf, 2, 3)));

int __wrap_asprintf(char **text, const char *format, ...)
{
	va_list args;
	if (fails())
		return -1;
	va_start(args, format);
	int size = vasprintf(text, format, args);
	va_end(args);
	return size;
}

static void write_count(void)
{
	FILE *file = fopen(getenv("VERDICT_NO_MEMORY_COUNT"), "w");
	if (file != NULL) {
		fprintf(file, "%ld\n", atomic_load(&passed));
		fclose(file);
	}
}

__attribute__((constructor)) static void start(void)
{
	const char *spec = getenv("VERDICT_NO_MEMORY");
	event_set_mem_functions(__wrap_malloc, __wrap_realloc, free);
	if (spec != NULL) {
		char *end;
		long n = strtol(spec, &end, 10);
		no_memory_begin(n, *end == ':' ? strtol(end + 1, NULL, 10) : 1);
	}
	if (getenv("VERDICT_NO_MEMORY_COUNT") != NULL)
		atexit(write_count);
}
