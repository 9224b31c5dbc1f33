/* SPDX-License-Identifier: Apache-2.0 */
/* script.c: the steps that a text makes; see script.h. */
#include "cli/script.h"

#include "cli/script_grammar.h"

#include "common/base/redact.h"
#include "common/text/escape.h"
#include "common/text/settings.h"

#include <string.h>

#define ARENA_BYTES_MAX ((size_t)1 << 30) /* a step takes more than its text */
#define COMMANDS_MAX    128

static int unknown_command(const struct script_text *text, const struct script_word *word)
{
	char name[81];
	const char *names[COMMANDS_MAX];
	size_t count = 0;
	vd_escape_short(name, sizeof name, word->bytes);
	for (const struct vd_command *c; count < COMMANDS_MAX && (c = vd_command_at(count)) != NULL; count++)
		names[count] = c->name;
	const char *closest = vd_closest(name, names, count);
	vd_error_set(text->error, VD_ERROR_CLIENT_INVALID_OPERATION, "unknown command \"%s\"",
		strstr(name, "://") != NULL ? "***" : VD_REDACT_WORD(name)); /* it may have been cut */
	if (closest != NULL)
		vd_error_hint(text->error, "did you mean %s?", closest);
	else
		vd_error_hint(text->error, "help in verdict shell lists all commands");
	return script_wrong_at(text, word->line, word->column);
}

static int make_step(struct vd_script *script, struct script_text *text, struct script_words *words)
{
	const struct script_word *name = &words->items[words->at++];
	struct vd_script_step step = {
		.command = vd_command_of(name->bytes), .line = name->line, .column = name->column
	};
	struct vd_argument taken[SCRIPT_ARGUMENTS_MAX] = { 0 };
	size_t count;
	if (step.command == NULL)
		return unknown_command(text, name);
	int code = script_take_arguments(text, words, step.command, taken, &count);
	if (code != 0)
		return code;
	struct vd_argument *arguments = vd_arena_alloc(&script->arena, (count + 1) * sizeof *arguments);
	step.arguments = arguments;
	if (arguments == NULL || !vd_vector_push(&script->steps, step))
		return vd_error_set(text->error, VD_ERROR_OUT_OF_MEMORY, "the script is too large");
	memcpy(arguments, taken, count * sizeof *arguments);
	return 0;
}

/* ---- begin and commit ---- */

static int check_transactions(
	const struct vd_script *script, const struct script_text *text, enum vd_script_form form)
{
	const struct vd_script_step *begun = NULL;
	bool open = form == VD_SCRIPT_LINE_IN_OPEN;
	bool pending = false; /* commands outside begin and commit */
	for (size_t i = 0; i < script->steps.count; i++) {
		const struct vd_script_step *step = &script->steps.items[i];
		const char *wrong = NULL;
		switch (step->command->place) {
		case VD_COMMAND_BEGINS:
			wrong = open      ? "begin inside a transaction"
					: pending ? "begin after commands that wait for a commit"
							  : NULL;
			open = true;
			begun = step;
			break;
		case VD_COMMAND_COMMITS:
			wrong = open || pending ? NULL : "commit without anything to commit";
			open = pending = false;
			break;
		case VD_COMMAND_BETWEEN:
			wrong = open || pending ? "wait inside a transaction" : NULL;
			break;
		case VD_COMMAND_INSIDE:
			pending = !open;
			break;
		}
		if (wrong != NULL) {
			vd_error_set(text->error, VD_ERROR_CLIENT_INVALID_OPERATION, "%s", wrong);
			vd_error_hint(text->error, "%s",
				step->command->place == VD_COMMAND_BETWEEN
					? "commit first: a watch is armed by the commit of its transaction"
					: "begin ... commit; without them the whole script is one transaction");
			return script_wrong_at(text, step->line, step->column);
		}
	}
	if (!open || form != VD_SCRIPT_WHOLE)
		return 0;
	vd_error_set(text->error, VD_ERROR_CLIENT_INVALID_OPERATION, "begin without commit");
	vd_error_hint(text->error, "nothing was done; end the script with commit");
	return script_wrong_at(text, begun->line, begun->column);
}

int vd_script_parse(
	struct vd_script *script, struct vd_bytes text, enum vd_script_form form, struct vd_error *error)
{
	*script = (struct vd_script){ 0 };
	vd_arena_init(&script->arena, ARENA_BYTES_MAX);
	struct script_text rest = { .arena = &script->arena, .text = text, .line = 1, .error = error };
	rest.many_lines = text.size > 0 && memchr(text.data, '\n', text.size) != NULL;
	int code = 0;
	while (code == 0 && rest.at < text.size) {
		struct script_words words = { .count = 0 };
		code = script_take_words(&rest, &words);
		if (code == 0 && words.count > 0)
			code = make_step(script, &rest, &words);
	}
	return code != 0 ? code : check_transactions(script, &rest, form);
}

void vd_script_free(struct vd_script *script)
{
	vd_vector_fini(&script->steps);
	vd_arena_fini(&script->arena);
}
