/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/script_grammar.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const selector_names[] = {
	[VD_SELECT_LAST_LESS_THAN] = "last_less_than",
	[VD_SELECT_LAST_LESS_OR_EQUAL] = "last_less_or_equal",
	[VD_SELECT_FIRST_GREATER_THAN] = "first_greater_than",
	[VD_SELECT_FIRST_GREATER_OR_EQUAL] = "first_greater_or_equal",
};

/* ---- the row ---- */

/* A piece of a row: KEY, [VALUE], [reverse] or [limit N]. */
struct piece {
	char keyword[24]; /* "": it has none */
	char what[24];    /* KEY, N; "": nothing but the keyword */
	bool optional;
};

static const char *take_name(const char *at, char *to, size_t size)
{
	size_t length = strcspn(at, " []");
	VD_ASSERT(length > 0 && length < size);
	memcpy(to, at, length);
	to[length] = '\0';
	return at + length;
}

static size_t split_row(const char *at, struct piece *pieces)
{
	size_t count = 0;
	while (*(at += strspn(at, " ]")) != '\0') {
		VD_ASSERT(count < SCRIPT_ARGUMENTS_MAX);
		struct piece *piece = &pieces[count++];
		*piece = (struct piece){ .optional = *at == '[' };
		at += piece->optional ? 1 : 0;
		if (islower((unsigned char)*at))
			at = take_name(at, piece->keyword, sizeof piece->keyword);
		at += piece->keyword[0] != '\0' && *at == ' ' ? 1 : 0;
		if (isupper((unsigned char)*at))
			at = take_name(at, piece->what, sizeof piece->what);
	}
	return count;
}

/* ---- kinds of words ---- */

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

static bool read_64_bits(struct vd_bytes word, struct vd_argument *argument)
{
	return read_number(word, &argument->number);
}

static bool read_above_0(struct vd_bytes word, struct vd_argument *argument)
{
	return read_number(word, &argument->number) && argument->number > 0 && argument->number <= INT32_MAX;
}

static bool read_offset(struct vd_bytes word, struct vd_argument *argument)
{
	return read_number(word, &argument->number) && argument->number >= -INT32_MAX / 2 &&
		   argument->number <= INT32_MAX / 2;
}

static bool read_selector(struct vd_bytes word, struct vd_argument *argument)
{
	for (size_t i = 0; i < VD_COUNT(selector_names); i++)
		if (vd_command_is_name(word, selector_names[i])) {
			argument->number = (int64_t)i;
			return true;
		}
	return false;
}

/* As PostgreSQL writes a uuid; the strokes may be left out. */
static bool read_id(struct vd_bytes word, struct vd_argument *argument)
{
	size_t digits = 0;
	for (size_t i = 0; i < word.size; i++) {
		const char *hex = "0123456789abcdef";
		const char *digit = memchr(hex, tolower(word.data[i]), 16);
		if (digit == NULL && word.data[i] == '-')
			continue;
		if (digit == NULL || digits == 2 * sizeof argument->id)
			return false;
		argument->id[digits / 2] = (uint8_t)(argument->id[digits / 2] << 4 | (digit - hex));
		digits++;
	}
	return digits == 2 * sizeof argument->id;
}

static bool read_bytes(struct vd_bytes word, struct vd_argument *argument)
{
	(void)word;
	(void)argument;
	return true;
}

struct kind {
	const char *what; /* in the row; NULL: any other */
	const char *is;   /* for people */
	bool (*read)(struct vd_bytes word, struct vd_argument *argument);
};

static const struct kind kinds[] = {
	{ "NUMBER", "a number of 64 bits", read_64_bits },
	{ "VERSION", "a number of 64 bits", read_64_bits },
	{ "N", "a number above 0", read_above_0 },
	{ "OFFSET", "a number that is not too large", read_offset },
	{ "SELECTOR", "one of last_less_than, last_less_or_equal, first_greater_than, first_greater_or_equal",
		read_selector },
	{ "ID", "32 hexadecimal digits", read_id },
	{ NULL, "bytes", read_bytes },
};

static const struct kind *kind_of(const char *what)
{
	size_t i = 0;
	while (kinds[i].what != NULL && strcmp(kinds[i].what, what) != 0)
		i++;
	return &kinds[i];
}

/* ---- taking ---- */

struct taking {
	struct script_text *text;
	struct script_words *words;
	const struct vd_command *command;
	struct piece pieces[SCRIPT_ARGUMENTS_MAX];
	size_t count;
};

static const struct script_word *next_word(const struct taking *taking)
{
	return taking->words->at < taking->words->count ? &taking->words->items[taking->words->at] : NULL;
}

/* At the last word that was used. */
static int wrong(const struct taking *taking, const char *format, ...) VD_PRINTF(2, 3);

static int wrong(const struct taking *taking, const char *format, ...)
{
	char what[160];
	const struct script_word *word = &taking->words->items[taking->words->at - 1];
	va_list args;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	vd_error_set(
		taking->text->error, VD_ERROR_CLIENT_INVALID_OPERATION, "%s: %s", taking->command->name, what);
	vd_error_hint(taking->text->error, "%s %s", taking->command->name, taking->command->words);
	return script_wrong_at(taking->text, word->line, word->column);
}

/* The keyword's place among the pieces; the count: it is none of them. */
static size_t keyword_of(const struct taking *taking, struct vd_bytes word)
{
	size_t i = 0;
	while (i < taking->count && (taking->pieces[i].keyword[0] == '\0' ||
									!vd_bytes_equal(word, vd_bytes_of_string(taking->pieces[i].keyword))))
		i++;
	return i;
}

static int take_named(const struct taking *taking, const struct piece *piece, struct vd_argument *argument)
{
	const struct kind *kind = kind_of(piece->what);
	const struct script_word *word = next_word(taking);
	char name[sizeof piece->what];
	if (piece->optional && (word == NULL || keyword_of(taking, word->bytes) < taking->count))
		return 0;
	for (size_t i = 0; i < sizeof name; i++)
		name[i] = (char)tolower((unsigned char)piece->what[i]);
	if (word == NULL)
		return wrong(taking, "the %s is missing", name);
	taking->words->at++;
	if (!kind->read(word->bytes, argument))
		return wrong(taking, "the %s must be %s", name, kind->is);
	argument->given = true;
	argument->bytes = word->bytes;
	return 0;
}

static int take_keyword(const struct taking *taking, struct vd_argument *arguments)
{
	size_t i = keyword_of(taking, next_word(taking)->bytes);
	taking->words->at++;
	if (i == taking->count)
		return wrong(taking, "a word too many");
	arguments[i].given = true;
	if (taking->pieces[i].what[0] == '\0')
		return 0;
	const struct kind *kind = kind_of(taking->pieces[i].what);
	const struct script_word *word = next_word(taking);
	taking->words->at += word == NULL ? 0 : 1;
	if (word == NULL || !kind->read(word->bytes, &arguments[i]))
		return wrong(taking, "%s needs %s", taking->pieces[i].keyword, kind->is);
	arguments[i].bytes = word->bytes;
	return 0;
}

int script_take_arguments(struct script_text *text, struct script_words *words,
	const struct vd_command *command, struct vd_argument *arguments, size_t *count)
{
	struct taking taking = { .text = text, .words = words, .command = command };
	int code = 0;
	taking.count = split_row(command->words, taking.pieces);
	*count = taking.count;
	for (size_t i = 0; i < taking.count && code == 0; i++)
		if (taking.pieces[i].keyword[0] == '\0')
			code = take_named(&taking, &taking.pieces[i], &arguments[i]);
	while (code == 0 && next_word(&taking) != NULL)
		code = take_keyword(&taking, arguments);
	return code;
}
