/* SPDX-License-Identifier: Apache-2.0 */
/* script.h: the language of `verdict exec` and `verdict shell`: text to steps. Pure; knows no database.
 *
 *     set a 1; get a; add n 5; getrange a z limit 10; clear "a key; with \"quotes\" and \x00"
 *
 * Commands end with ; or a line feed. Words stand between blanks; what has blanks or ; in it stands in double quotes. Bytes
 * are written as they are, or as \xNN, \\ and, in quotes, \". In names of commands _ may be left out.
 *
 * A script is checked whole before any of it runs: all commands are known, have the words that they need, and begin and
 * commit match.
 */
#ifndef VD_CLI_SCRIPT_H
#define VD_CLI_SCRIPT_H

#include "common/base/arena.h"
#include "common/base/bytes.h"
#include "common/base/error.h"
#include "common/base/vector.h"

#include <stdbool.h>
#include <stdint.h>
#include <verdict/verdict.h>

enum vd_command_kind {
	VD_COMMAND_GET,
	VD_COMMAND_GET_KEY,
	VD_COMMAND_GET_RANGE,
	VD_COMMAND_READ_VERSION,
	VD_COMMAND_SET,
	VD_COMMAND_CLEAR,
	VD_COMMAND_CLEAR_RANGE,
	VD_COMMAND_ADD,
	VD_COMMAND_ATOMIC,
	VD_COMMAND_CONFLICT_RANGE,
	VD_COMMAND_VERSIONSTAMP,
	VD_COMMAND_OPTION,
	VD_COMMAND_BEGIN,
	VD_COMMAND_COMMIT,
	VD_COMMAND_RESET,
};

/* A row of the table of commands. */
struct vd_command {
	const char *name;
	enum vd_command_kind kind;
	int code;          /* of an atomic op: its enum vd_mutation_type; of a conflict range: its type */
	const char *words; /* what follows the name, for people */
	const char *help;
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
	struct vd_bytes first;  /* key, or begin, or the name of an option */
	struct vd_bytes second; /* value, operand, or end */
	bool has_second;
	int64_t number; /* of add; limit of getrange (0: none); offset of getkey */
	enum vd_selector_form selector;
	bool reverse;
	bool snapshot;
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

/* The table: the i-th command; NULL past the end. */
const struct vd_command *vd_command_at(size_t i);
/* By name, with or without _; NULL: none. */
const struct vd_command *vd_command_of(struct vd_bytes name);

/* The word is this name, with or without _. */
bool vd_command_is_name(struct vd_bytes word, const char *name);

#endif
