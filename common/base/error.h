/* SPDX-License-Identifier: Apache-2.0 */
/* error.h: one failure as a value: a number, a message and a hint.
 *
 * The number is one of codes.h (0: no error). The message is lower case, one line, without a full stop;
 * whoever passes it up says where it was: vd_error_wrap(error, "apply") makes "apply: ERROR 40P01 deadlock
 * detected". The hint says what to check. A message that is too long is cut. Every function takes NULL for an
 * error that nobody wants. Any thread.
 */
#ifndef VD_COMMON_BASE_ERROR_H
#define VD_COMMON_BASE_ERROR_H

#include "common/base/check.h"

#include <stdbool.h>
#include <stdio.h>

struct vd_error {
	int code;
	char message[512];
	char hint[256]; /* may be empty */
};

/* Sets number and message, and clears the hint. Returns the number, so that a function can end with it. */
int vd_error_set(struct vd_error *error, int code, const char *format, ...) VD_PRINTF(3, 4);

/* Adds or replaces the hint. */
void vd_error_hint(struct vd_error *error, const char *format, ...) VD_PRINTF(2, 3);

/* Puts "<where>: " before the message. */
void vd_error_wrap(struct vd_error *error, const char *format, ...) VD_PRINTF(2, 3);

void vd_error_clear(struct vd_error *error);

static inline bool vd_error_is_set(const struct vd_error *error)
{
	return error->code != 0;
}

/* For people: "<program>: <message>" and, if there is one, a second line "hint: <hint>". */
void vd_error_print(const struct vd_error *error, const char *program, FILE *file);

#endif
