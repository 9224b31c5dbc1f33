/* SPDX-License-Identifier: Apache-2.0 */
/* script_grammar.h: the words of a command's row, as the grammar of what follows its name. Private to script*.c.
 *
 *     KEY VALUE                          bytes, which must be there
 *     NAME [VALUE]                       bytes, which may be there
 *     BEGIN END [limit N] [reverse]      what begins with a small letter is a keyword, in any order, behind the rest; its number
 *                                        follows it
 *
 * NUMBER has 64 bits, N is above 0, OFFSET is a number, SELECTOR the name of a selector; every other capital word is bytes.
 * Each of them that is not the number of a keyword is one argument of the step, in the order of the row.
 */
#ifndef VD_CLI_SCRIPT_GRAMMAR_H
#define VD_CLI_SCRIPT_GRAMMAR_H

#include "cli/script_words.h"

enum { SCRIPT_ARGUMENTS_MAX = 12 };

/* Reads the words that follow the name. 0, or a code with what is wrong where. *count: how many arguments the row has. */
VD_MUST_USE int script_take_arguments(struct script_text *text, struct script_words *words,
	const struct vd_command *command, struct vd_argument *arguments, size_t *count);

#endif
