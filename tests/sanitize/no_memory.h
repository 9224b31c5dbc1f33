/* SPDX-License-Identifier: Apache-2.0 */
/* no_memory.h: memory that runs out at the n-th allocation of our objects or of libevent; libpq and others keep their own.
 *
 * The program is linked with the wrappers that CMakeLists.txt lists: malloc and its kin, and what a thread or a wake takes.
 * Inert until no_memory_begin, or, for a program that knows nothing of it, from its start by the environment:
 *     VERDICT_NO_MEMORY=n[:run]    from the n-th on, `run` (1) allocations fail
 *     VERDICT_NO_MEMORY_COUNT=file at the end of the program: how many allocations there were
 * Any thread.
 */
#ifndef VD_TESTS_SANITIZE_NO_MEMORY_H
#define VD_TESTS_SANITIZE_NO_MEMORY_H

#include <stdbool.h>

/* n from 1. Counts anew. */
void no_memory_begin(long n, long run);
/* No more fail. True if it came to the n-th. */
bool no_memory_end(void);

#endif
