/* SPDX-License-Identifier: Apache-2.0 */
/* cli.h: what the verbs of the program `verdict` share: the table of verbs, exit codes, how errors are told, and what
 * Ctrl-C does.
 *
 * A verb is one file, verb_<name>.c: a settings table and a function. Standard output carries results only; errors go to
 * standard error as one line "verdict <verb>: what is wrong" and, where there is something to do about it, a line "hint: …".
 */
#ifndef VD_CLI_CLI_H
#define VD_CLI_CLI_H

#include "common/base/error.h"
#include "common/text/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <verdict/admin.h>
#include <verdict/verdict.h>

enum vd_exit {
	VD_EXIT_DONE = 0,
	VD_EXIT_FAILED = 1,        /* a verdict that is not committed, a check that failed */
	VD_EXIT_WRONG = 2,         /* wrong use, a malformed line, an unreachable database, a missing program */
	VD_EXIT_INTERRUPTED = 130, /* Ctrl-C; what was in flight is finished or cancelled */
};

struct vd_verb {
	const char *name;
	const char *summary; /* one line of --help */
	int (*run)(int argc, char **argv);
	const struct vd_settings *settings;
};

extern const struct vd_verb vd_verb_up;
extern const struct vd_verb vd_verb_down;
extern const struct vd_verb vd_verb_migrate;
extern const struct vd_verb vd_verb_status;
extern const struct vd_verb vd_verb_observe;
extern const struct vd_verb vd_verb_doctor;
extern const struct vd_verb vd_verb_clients;
extern const struct vd_verb vd_verb_purge;
extern const struct vd_verb vd_verb_elect;
extern const struct vd_verb vd_verb_exec;
extern const struct vd_verb vd_verb_shell;
extern const struct vd_verb vd_verb_submit;
extern const struct vd_verb vd_verb_dump;
extern const struct vd_verb vd_verb_load;
extern const struct vd_verb vd_verb_bench;

/* The rows that every verb with a database has; `owner` has fields dsn and schema. */
#define VD_CLI_STORE_ROWS(owner)                                                                             \
	VD_SETTING_DSN("dsn", owner, dsn, "",                                                                    \
		"connection string or URI of PostgreSQL; without it libpq's own variables (PGHOST, PGSERVICE, "      \
		"...)"),                                                                                             \
		VD_SETTING_STRING("schema", owner, schema, "verdict", "the schema that holds the store")

/* Reads settings and operands. True: go on; false: *exit is what to end with (help was printed, or an error was told). */
VD_MUST_USE bool vd_cli_load(
	const struct vd_settings *settings, int argc, char **argv, void *values, int *operands, int *exit_code);

/* Tells an error of the verb that runs, and returns VD_EXIT_WRONG. */
int vd_cli_fail(const struct vd_error *error);
int vd_cli_wrong(const char *hint, const char *format, ...) VD_PRINTF(2, 3);
/* VD_EXIT_DONE if the word can be the name of a file. A connection string can't: then it is one whose --dsn was forgotten, and no file with
 * a password in its name comes of it. */
int vd_cli_check_file(const char *name);
/* Standard output: a full disk, a closed pipe. */
int vd_cli_output_failed(void);
/* The same for an error of the library; VD_EXIT_INTERRUPTED, and silent, if it only says that we were interrupted. */
int vd_cli_fail_admin(const struct vd_admin_error *error);

/* "verdict submit": for lines that verbs write themselves. */
const char *vd_cli_name(void);

/* ---- Ctrl-C ---- */

/* From now on SIGINT and SIGTERM do not end the process: a thread of ours notes them, and calls what was registered; a second
 * one, unless the first was forgotten, ends the process at once. Called once, before other threads are made (they inherit that the signals are blocked) and after the last fork. */
VD_MUST_USE bool vd_interrupt_start(void);
bool vd_interrupted(void);
/* The number of the signal; 0: none. */
int vd_interrupt_signal(void);
/* Called on the signal's thread, at once if the signal came before; NULL: nothing any more (and it is not running when this
 * returns). One at a time. */
void vd_interrupt_set(void (*callback)(void *arg), void *arg);
/* Forgets what came: for the shell, which goes on. */
void vd_interrupt_clear(void);

/* Waits for the future; an interrupt cancels it meanwhile. Returns what it ended with. */
VD_MUST_USE int vd_cli_wait(struct vd_future *future);

/* ---- A database for a verb ---- */

/* One attempt to connect, and a look at the schema: a library that waits for a database to come back is no use for a typing
 * error. VD_EXIT_DONE, or what is wrong was told. */
VD_MUST_USE int vd_cli_check(const char *dsn, const char *schema);
/* For what may still go wrong after that. */
extern const char vd_cli_hint[];

/* Checks, opens (with a loop thread of the library's own) and waits until it can be used; else tells why and gives NULL. *exit_code
 * is then what to end with. */
struct vd_database *vd_cli_database(const char *dsn, const char *schema, int *exit_code);
/* The same, with the limits of keys and values as wide as any store's: the leader judges by its own. */
struct vd_database *vd_cli_database_wide(const char *dsn, const char *schema, int *exit_code);

#endif
