/* SPDX-License-Identifier: Apache-2.0 */
/* script.c: the words of a text, and the steps that they make. */
#include "cli/script.h"

#include "common/base/buffer.h"
#include "common/text/escape.h"
#include "common/text/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPT_BYTES_MAX ((size_t)64 << 20)
#define WORDS_MAX        8
#define COMMANDS_MAX     64

static const char *const selector_names[] = {
	[VD_SELECT_LAST_LESS_THAN] = "last_less_than",
	[VD_SELECT_LAST_LESS_OR_EQUAL] = "last_less_or_equal",
	[VD_SELECT_FIRST_GREATER_THAN] = "first_greater_than",
	[VD_SELECT_FIRST_GREATER_OR_EQUAL] = "first_greater_or_equal",
};

/* ---- words ---- */

struct word {
	struct vd_bytes bytes;
	unsigned line;
	unsigned column;
};

struct lexer {
	struct vd_script *script;
	struct vd_bytes text;
	size_t at;
	unsigned line;
	size_t line_begin;
	bool many_lines;
	struct vd_error *error;
};

static unsigned column_of(const struct lexer *lexer, size_t at)
{
	return (unsigned)(at - lexer->line_begin) + 1;
}

/* Wraps the error with the place; for a text of one line the column says it all. */
static int wrong_at(const struct lexer *lexer, unsigned line, unsigned column)
{
	if (lexer->many_lines)
		vd_error_wrap(lexer->error, "line %u, column %u", line, column);
	else
		vd_error_wrap(lexer->error, "column %u", column);
	return VD_ERROR_CLIENT_INVALID_OPERATION;
}

static int peek(const struct lexer *lexer)
{
	return lexer->at < lexer->text.size ? lexer->text.data[lexer->at] : -1;
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool ends_command(int c)
{
	return c == -1 || c == ';' || c == '\n';
}

/* The raw text of a word: quotes are taken off, \" becomes \x22; other escapes stay for vd_unescape. */
static int take_raw(struct lexer *lexer, struct vd_buffer *raw)
{
	bool quoted = false;
	size_t opened = 0;
	for (int c; (c = peek(lexer)) != -1 && (quoted || (!is_blank(c) && !ends_command(c))); lexer->at++) {
		if (c == '"') {
			quoted = !quoted;
			opened = lexer->at;
		} else if (c == '\\' && lexer->at + 1 < lexer->text.size) {
			int next = lexer->text.data[++lexer->at];
			if (quoted && next == '"') {
				vd_buffer_add_text(raw, "\\x22");
				continue;
			}
			vd_buffer_add_byte(raw, '\\');
			vd_buffer_add_byte(raw, (uint8_t)next);
		} else {
			vd_buffer_add_byte(raw, (uint8_t)c);
		}
	}
	if (!quoted)
		return 0;
	vd_error_set(lexer->error, VD_ERROR_CLIENT_INVALID_OPERATION, "the quote is not closed");
	return wrong_at(lexer, lexer->line, column_of(lexer, opened));
}

static int take_word(struct lexer *lexer, struct word *word)
{
	struct vd_buffer raw = { 0 };
	struct vd_buffer bytes = { 0 };
	word->line = lexer->line;
	word->column = column_of(lexer, lexer->at);
	int code = take_raw(lexer, &raw);
	if (code == 0 && vd_unescape(&bytes, vd_buffer_bytes(&raw), lexer->error) != 0) {
		vd_error_hint(lexer->error, "write \\\\ for a backslash and \\xNN for any byte");
		code = wrong_at(lexer, word->line, word->column);
	}
	if (code == 0 && (!vd_buffer_ok(&raw) || !vd_buffer_ok(&bytes) ||
						 !vd_bytes_dup(&lexer->script->arena, vd_buffer_bytes(&bytes), &word->bytes)))
		code = vd_error_set(lexer->error, VD_ERROR_OUT_OF_MEMORY, "the script is too large");
	vd_buffer_fini(&raw);
	vd_buffer_fini(&bytes);
	return code;
}

/* ---- steps ---- */

struct words {
	struct word items[WORDS_MAX];
	size_t count;
	size_t at; /* the next that is not used yet */
};

static int wrong_use(
	const struct lexer *lexer, const struct word *word, const struct vd_command *command, const char *what)
{
	vd_error_set(lexer->error, VD_ERROR_CLIENT_INVALID_OPERATION, "%s: %s", command->name, what);
	vd_error_hint(lexer->error, "%s %s", command->name, command->words);
	return wrong_at(lexer, word->line, word->column);
}

static struct word *next_word(struct words *words)
{
	return words->at < words->count ? &words->items[words->at++] : NULL;
}

static bool take_if(struct words *words, const char *text)
{
	if (words->at == words->count || !vd_bytes_equal(words->items[words->at].bytes, vd_bytes_of_string(text)))
		return false;
	words->at++;
	return true;
}

static bool read_number(struct vd_bytes word, int64_t *number)
{
	char text[24];
	char *end;
	if (word.size == 0 || word.size >= sizeof text || memchr(word.data, '\0', word.size) != NULL)
		return false;
	memcpy(text, word.data, word.size);
	text[word.size] = '\0';
	if (strspn(text, "+-0123456789") != word.size)
		return false;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool take_number(struct words *words, int64_t least, int64_t most, int64_t *number)
{
	const struct word *word = next_word(words);
	return word != NULL && read_number(word->bytes, number) && *number >= least && *number <= most;
}

static bool take_bytes(struct words *words, struct vd_bytes *bytes)
{
	const struct word *word = next_word(words);
	if (word != NULL)
		*bytes = word->bytes;
	return word != NULL;
}

static bool take_selector(struct words *words, enum vd_selector_form *form)
{
	const struct word *word = next_word(words);
	for (size_t i = 0; word != NULL && i < VD_COUNT(selector_names); i++)
		if (vd_command_is_name(word->bytes, selector_names[i])) {
			*form = (enum vd_selector_form)i;
			return true;
		}
	return false;
}

/* What follows the words that a command needs; NULL if all is well, else what is wrong. */
static const char *take_optional(struct words *words, struct vd_script_step *step)
{
	bool reads = step->command->kind == VD_COMMAND_GET || step->command->kind == VD_COMMAND_GET_KEY ||
				 step->command->kind == VD_COMMAND_GET_RANGE;
	bool ranges = step->command->kind == VD_COMMAND_GET_RANGE;
	while (words->at < words->count) {
		if (reads && take_if(words, "snapshot"))
			step->snapshot = true;
		else if (ranges && take_if(words, "reverse"))
			step->reverse = true;
		else if (ranges && take_if(words, "limit")) {
			if (!take_number(words, 1, INT32_MAX, &step->number))
				return "limit needs a number above 0";
		} else
			return "a word too many";
	}
	return NULL;
}

static const char *take_words(struct words *words, struct vd_script_step *step)
{
	switch (step->command->kind) {
	case VD_COMMAND_GET:
	case VD_COMMAND_CLEAR:
		if (!take_bytes(words, &step->first))
			return "the key is missing";
		break;
	case VD_COMMAND_GET_RANGE:
	case VD_COMMAND_CLEAR_RANGE:
	case VD_COMMAND_CONFLICT_RANGE:
		if (!take_bytes(words, &step->first) || !take_bytes(words, &step->second))
			return "it needs a begin and an end";
		break;
	case VD_COMMAND_SET:
	case VD_COMMAND_ATOMIC:
		if (!take_bytes(words, &step->first) || !take_bytes(words, &step->second))
			return "it needs a key and a value";
		break;
	case VD_COMMAND_ADD:
		if (!take_bytes(words, &step->first) || !take_number(words, INT64_MIN, INT64_MAX, &step->number))
			return "it needs a key and a number of 64 bits";
		break;
	case VD_COMMAND_GET_KEY:
		if (!take_selector(words, &step->selector))
			return "it needs one of last_less_than, last_less_or_equal, first_greater_than, "
				   "first_greater_or_equal";
		if (!take_bytes(words, &step->first))
			return "the key is missing";
		if (words->at < words->count && read_number(words->items[words->at].bytes, &step->number)) {
			words->at++;
			if (step->number < -INT32_MAX / 2 || step->number > INT32_MAX / 2)
				return "the offset is out of range";
		}
		break;
	case VD_COMMAND_OPTION:
		if (!take_bytes(words, &step->first))
			return "the name is missing";
		step->has_second = take_bytes(words, &step->second);
		break;
	case VD_COMMAND_READ_VERSION:
	case VD_COMMAND_VERSIONSTAMP:
	case VD_COMMAND_BEGIN:
	case VD_COMMAND_COMMIT:
	case VD_COMMAND_RESET:
		break;
	}
	return take_optional(words, step);
}

static int unknown_command(const struct lexer *lexer, const struct word *word)
{
	char name[81];
	const char *names[COMMANDS_MAX];
	size_t count = 0;
	vd_escape_short(name, sizeof name, word->bytes);
	for (const struct vd_command *c; count < COMMANDS_MAX && (c = vd_command_at(count)) != NULL; count++)
		names[count] = c->name;
	const char *closest = vd_closest(name, names, count);
	vd_error_set(lexer->error, VD_ERROR_CLIENT_INVALID_OPERATION, "unknown command \"%s\"", name);
	if (closest != NULL)
		vd_error_hint(lexer->error, "did you mean %s?", closest);
	else
		vd_error_hint(lexer->error, "verdict exec --help lists all commands");
	return wrong_at(lexer, word->line, word->column);
}

static int make_step(struct lexer *lexer, struct words *words)
{
	const struct word *name = next_word(words);
	struct vd_script_step step = {
		.command = vd_command_of(name->bytes), .line = name->line, .column = name->column
	};
	if (step.command == NULL)
		return unknown_command(lexer, name);
	const char *wrong = take_words(words, &step);
	if (wrong != NULL)
		return wrong_use(lexer, words->at == 0 ? name : &words->items[words->at - 1], step.command, wrong);
	if (!vd_vector_push(&lexer->script->steps, step))
		return vd_error_set(lexer->error, VD_ERROR_OUT_OF_MEMORY, "out of memory");
	return 0;
}

/* The words up to the end of a command, which is passed. */
static int take_command(struct lexer *lexer, struct words *words)
{
	int code = 0;
	while (code == 0) {
		while (is_blank(peek(lexer)))
			lexer->at++;
		if (ends_command(peek(lexer)))
			break;
		if (words->count == WORDS_MAX) {
			vd_error_set(lexer->error, VD_ERROR_CLIENT_INVALID_OPERATION, "too many words in one command");
			vd_error_hint(
				lexer->error, "commands are separated by ; and words with blanks stand in double quotes");
			return wrong_at(lexer, lexer->line, column_of(lexer, lexer->at));
		}
		code = take_word(lexer, &words->items[words->count++]);
	}
	if (code == 0 && peek(lexer) == '\n') {
		lexer->line++;
		lexer->line_begin = lexer->at + 1;
	}
	lexer->at++;
	return code;
}

/* ---- begin and commit ---- */

static int check_transactions(const struct lexer *lexer, enum vd_script_form form)
{
	const struct vd_script_step *begun = NULL;
	bool open = form == VD_SCRIPT_LINE_IN_OPEN;
	bool pending = false; /* commands outside begin and commit */
	for (size_t i = 0; i < lexer->script->steps.count; i++) {
		const struct vd_script_step *step = &lexer->script->steps.items[i];
		const char *wrong = NULL;
		if (step->command->kind == VD_COMMAND_BEGIN) {
			wrong = open      ? "begin inside a transaction"
					: pending ? "begin after commands that wait for a commit"
							  : NULL;
			open = true;
			begun = step;
		} else if (step->command->kind == VD_COMMAND_COMMIT) {
			wrong = open || pending ? NULL : "commit without anything to commit";
			open = pending = false;
		} else {
			pending = !open;
		}
		if (wrong != NULL) {
			vd_error_set(lexer->error, VD_ERROR_CLIENT_INVALID_OPERATION, "%s", wrong);
			vd_error_hint(lexer->error, "begin ... commit; without them the whole script is one transaction");
			return wrong_at(lexer, step->line, step->column);
		}
	}
	if (!open || form != VD_SCRIPT_WHOLE)
		return 0;
	vd_error_set(lexer->error, VD_ERROR_CLIENT_INVALID_OPERATION, "begin without commit");
	vd_error_hint(lexer->error, "nothing was done; end the script with commit");
	return wrong_at(lexer, begun->line, begun->column);
}

int vd_script_parse(
	struct vd_script *script, struct vd_bytes text, enum vd_script_form form, struct vd_error *error)
{
	*script = (struct vd_script){ 0 };
	vd_arena_init(&script->arena, SCRIPT_BYTES_MAX);
	struct lexer lexer = { .script = script, .text = text, .line = 1, .error = error };
	lexer.many_lines = text.size > 0 && memchr(text.data, '\n', text.size) != NULL;
	int code = 0;
	while (code == 0 && lexer.at < text.size) {
		struct words words = { .count = 0 };
		code = take_command(&lexer, &words);
		if (code == 0 && words.count > 0)
			code = make_step(&lexer, &words);
	}
	return code != 0 ? code : check_transactions(&lexer, form);
}

void vd_script_free(struct vd_script *script)
{
	vd_vector_fini(&script->steps);
	vd_arena_fini(&script->arena);
}
