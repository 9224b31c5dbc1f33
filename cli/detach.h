/* SPDX-License-Identifier: Apache-2.0 */
/* detach.h: the rest of a program in the background, once it has got going.
 *
 * The caller's process stays in the foreground until the background part has finished its start: what that prints meanwhile
 * is handed on, Ctrl-C is handed down, and how it fails is how we fail.
 */
#ifndef VD_CLI_DETACH_H
#define VD_CLI_DETACH_H

#include <stdbool.h>

/* True in the background process; false in the foreground, when the start is over: end with *exit_code. */
bool vd_detach_begin(int *exit_code);

/* In the background process: the start is over. Prints the line, with which the foreground ends as done; what comes after
 * goes to the file. False if that cannot be written; then nothing was printed. */
bool vd_detach_finish(const char *line, const char *log);

#endif
