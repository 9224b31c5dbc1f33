/* SPDX-License-Identifier: Apache-2.0 */
/* check.h: what must always hold.
 *
 * VD_ASSERT is on in every build. In the resolver a bug ends the process, which is safe behind the fence; so
 * it is for invariants of ours and never for input, for memory that ran out or for what the world does. The
 * library never kills its host: where it can go on, it says `if (VD_BUG(condition)) return an error;`, which
 * aborts in debug builds only, so that tests still fail loudly. A failed check writes one line to standard
 * error with the place and the condition. Any thread.
 */
#ifndef VD_COMMON_BASE_CHECK_H
#define VD_COMMON_BASE_CHECK_H

#include <stdbool.h>

#define VD_ASSERT(condition)                                                                                 \
	(__builtin_expect(!!(condition), 1) ? (void)0 : vd_check_failed(__FILE__, __LINE__, #condition))

/* Never returns: a place that the code cannot reach. */
#define VD_UNREACHABLE(why) vd_check_failed(__FILE__, __LINE__, why)

/* True if the condition, which describes a bug, holds. */
#define VD_BUG(condition)                                                                                    \
	(__builtin_expect(!!(condition), 0) ? vd_check_bug(__FILE__, __LINE__, #condition) : false)

#define VD_STATIC_ASSERT(condition, why) _Static_assert(condition, why)

#define VD_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define VD_MUST_USE     __attribute__((warn_unused_result))
#define VD_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Writes the line and aborts. */
__attribute__((noreturn, cold)) void vd_check_failed(const char *file, int line, const char *condition);

/* Writes the line; aborts if NDEBUG is not defined, else returns true. */
__attribute__((cold)) bool vd_check_bug(const char *file, int line, const char *condition);

#endif
