/* SPDX-License-Identifier: Apache-2.0 */
/* process.h: starts other programs.
 *
 * A child has a process group of its own (Ctrl-C in a terminal reaches only us, and we end things in order), the signals as a
 * new program expects them, and the death signal: if we die without a word, so does it.
 */
#ifndef VD_CLI_PROCESS_H
#define VD_CLI_PROCESS_H

#include "common/base/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* Another user to become. */
struct vd_account {
	char name[64];
	uid_t uid;
	gid_t gid;
};

struct vd_spawn {
	const char *const *argv; /* argv[0] is a path */
	char *const *environment;
	const struct vd_account *account; /* NULL: as we are */
	const char *input;                /* a text on its standard input; NULL: none */
	const char *log;                  /* what it prints goes to the end of this file */
	int death_signal;
};

/* The child's id; -1 with the reason, also if the log cannot be written or the program not be executed. */
VD_MUST_USE pid_t vd_process_spawn(const struct vd_spawn *spawn, struct vd_error *error);

/* Runs it to its end. 0, or a code with the last line of the log. */
VD_MUST_USE int vd_process_run(const struct vd_spawn *spawn, struct vd_error *error);

/* "ended with status 2", "was ended by signal 9 (Killed)" */
const char *vd_process_describe(int status, char *to, size_t size);

/* The last line of a log that says why: one with FATAL, PANIC or error if there is any near the end, else the last that is no hint. "" for
 * none. */
const char *vd_process_last_words(const char *log, char *to, size_t size);

/* The environment without variables that would lead a child elsewhere: PG… and VERDICT_DSN, _SCHEMA, _CONFIG, _NODE.
 * Borrows the strings; free() the array. NULL without memory. */
VD_MUST_USE char **vd_process_environment(void);

#endif
