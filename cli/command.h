/* SPDX-License-Identifier: Apache-2.0 */
/* command.h: the commands of the language of `verdict exec` and `verdict shell`, as tables: a command is a row, a group of
 * commands a file, commands_<group>.c, with the functions behind its rows.
 *
 * A row's words are what people read after the name, and what the text is read by (script_grammar.h): adding a command takes
 * its row, its function and its line in docs/cli.md.
 */
#ifndef VD_CLI_COMMAND_H
#define VD_CLI_COMMAND_H

#include "cli/op.h"

#include <stdbool.h>
#include <stddef.h>

struct vd_session;
struct vd_script_step;

/* What a command does to the transaction around it. */
enum vd_command_place { VD_COMMAND_INSIDE, VD_COMMAND_BEGINS, VD_COMMAND_COMMITS, VD_COMMAND_BETWEEN };

/* What a command's function may return beside 0 and error numbers: used wrongly; it was told, and is nobody's verdict. */
enum { VD_COMMAND_WRONG = -1 };

struct vd_command {
	const char *name;
	const char *words;
	const char *help;
	/* On the transaction under way (there is none for one between transactions); prints what it gives. 0, the error number that ends the transaction, or
	 * VD_COMMAND_WRONG. NULL for commit, which is the session's. */
	int (*run)(struct vd_session *session, const struct vd_script_step *step);
	enum vd_command_place place;
	/* Of a write: what it becomes, with its code. */
	enum vd_op_kind op;
	int code;
};

struct vd_command_group {
	const struct vd_command *rows;
	size_t count;
};

extern const struct vd_command_group vd_commands_read;
extern const struct vd_command_group vd_commands_write;
extern const struct vd_command_group vd_commands_precondition;
extern const struct vd_command_group vd_commands_sequence;
extern const struct vd_command_group vd_commands_transaction;
extern const struct vd_command_group vd_commands_lock;
extern const struct vd_command_group vd_commands_watch;

/* The i-th command of all groups; NULL past the end. */
const struct vd_command *vd_command_at(size_t i);
/* By name, with or without _; NULL: none. */
const struct vd_command *vd_command_of(struct vd_bytes name);
/* The word is this name, with or without _. */
bool vd_command_is_name(struct vd_bytes word, const char *name);

#endif
