/* SPDX-License-Identifier: Apache-2.0 */
/* script.h: the language of `verdict exec` and `verdict shell`: text to steps. Touches no database.
 *
 *     set a 1; get a; add n 5; getrange a z limit 10; clear "a key; with \"quotes\" and \x00"
 *
 * Commands (command.h) end with ; or a line feed. Words stand between blanks; what has blanks or ; in it stands in double
 * quotes. Bytes are written as they are, or as \xNN, \\ and, in quotes, \". In names of commands _ may be left out.
 *
 * A script is checked whole before any of it runs: all commands are known, have the words that they need, and begin and
 * commit match.
 */
#ifndef VD_CLI_SCRIPT_H
#define VD_CLI_SCRIPT_H

#include "cli/command.h"

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/vector.h"

/* What stands for one of the words of a command's row, in their order there. */
struct vd_argument {
	bool given;
	struct vd_bytes bytes;
	int64_t number;                  /* of a word that is a number; of SELECTOR: enum vd_selector_form */
	uint8_t id[VD_STORE_LOCK_BYTES]; /* of ID */
};

/* The selectors of getkey, by name. */
enum vd_selector_form {
	VD_SELECT_LAST_LESS_THAN,
	VD_SELECT_LAST_LESS_OR_EQUAL,
	VD_SELECT_FIRST_GREATER_THAN,
	VD_SELECT_FIRST_GREATER_OR_EQUAL,
};

struct vd_script_step {
	const struct vd_command *command;
	const struct vd_argument *arguments;
	unsigned line; /* from 1 */
	unsigned column;
};

struct vd_script {
	struct vd_arena arena;
	struct {
		VD_VECTOR(struct vd_script_step);
	} steps;
};

enum vd_script_form {
	VD_SCRIPT_WHOLE,        /* a begin has its commit */
	VD_SCRIPT_LINE,         /* of a shell: a begin may stay open */
	VD_SCRIPT_LINE_IN_OPEN, /* of a shell, after a begin */
};

/* 0, or a code with what is wrong where. To be freed in both cases. */
VD_MUST_USE int vd_script_parse(
	struct vd_script *script, struct vd_bytes text, enum vd_script_form form, struct vd_error *error);
void vd_script_free(struct vd_script *script);

#endif
