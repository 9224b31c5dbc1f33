/* SPDX-License-Identifier: Apache-2.0 */
/* script_words.h: the text of a script, taken apart into commands and their words. Private to script*.c. */
#ifndef VD_CLI_SCRIPT_WORDS_H
#define VD_CLI_SCRIPT_WORDS_H

#include "cli/script.h"

enum { SCRIPT_WORDS_MAX = 16 }; /* in one command */

struct script_word {
	struct vd_bytes bytes; /* in the script's arena */
	unsigned line;
	unsigned column;
};

struct script_words {
	struct script_word items[SCRIPT_WORDS_MAX];
	size_t count;
	size_t at; /* the next that is not used yet */
};

struct script_text {
	struct vd_arena *arena;
	struct vd_bytes text;
	size_t at;
	unsigned line;
	size_t line_begin;
	bool many_lines;
	struct vd_error *error;
};

/* The words up to the end of a command, which is passed; none for an empty one. 0, or a code with what is wrong where. */
VD_MUST_USE int script_take_words(struct script_text *text, struct script_words *words);

/* Puts the place before the error; for a text of one line the column says it all. Returns a code. */
int script_wrong_at(const struct script_text *text, unsigned line, unsigned column);

#endif
