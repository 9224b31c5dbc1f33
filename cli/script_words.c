/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/script_words.h"

#include "common/base/buffer.h"
#include "common/text/escape.h"

static unsigned column_of(const struct script_text *text, size_t at)
{
	return (unsigned)(at - text->line_begin) + 1;
}

int script_wrong_at(const struct script_text *text, unsigned line, unsigned column)
{
	if (text->many_lines)
		vd_error_wrap(text->error, "line %u, column %u", line, column);
	else
		vd_error_wrap(text->error, "column %u", column);
	return VD_ERROR_CLIENT_INVALID_OPERATION;
}

static int peek(const struct script_text *text)
{
	return text->at < text->text.size ? text->text.data[text->at] : -1;
}

static bool is_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool ends_command(int c)
{
	return c == -1 || c == ';' || c == '\n';
}

/* A line feed has been passed. */
static void begin_line(struct script_text *text, size_t at)
{
	text->line++;
	text->line_begin = at;
}

/* The raw text of a word: quotes are taken off, \" becomes \x22; other escapes stay for vd_unescape. */
static int take_raw(struct script_text *text, struct vd_buffer *raw)
{
	bool quoted = false;
	unsigned line = 0;
	unsigned column = 0;
	for (int c; (c = peek(text)) != -1 && (quoted || (!is_blank(c) && !ends_command(c))); text->at++) {
		if (c == '"') {
			quoted = !quoted;
			line = text->line;
			column = column_of(text, text->at);
		} else if (c == '\\' && text->at + 1 < text->text.size) {
			int next = text->text.data[++text->at];
			if (quoted && next == '"') {
				vd_buffer_add_text(raw, "\\x22");
				continue;
			}
			vd_buffer_add_byte(raw, '\\');
			vd_buffer_add_byte(raw, (uint8_t)next);
		} else {
			vd_buffer_add_byte(raw, (uint8_t)c);
			if (c == '\n')
				begin_line(text, text->at + 1);
		}
	}
	if (!quoted)
		return 0;
	vd_error_set(text->error, VD_ERROR_CLIENT_INVALID_OPERATION, "the quote is not closed");
	return script_wrong_at(text, line, column);
}

static int take_word(struct script_text *text, struct script_word *word)
{
	struct vd_buffer raw = { 0 };
	struct vd_buffer bytes = { 0 };
	word->line = text->line;
	word->column = column_of(text, text->at);
	int code = take_raw(text, &raw);
	if (code == 0 && vd_unescape(&bytes, vd_buffer_bytes(&raw), text->error) != 0) {
		vd_error_hint(text->error, "write \\\\ for a backslash and \\xNN for any byte");
		code = script_wrong_at(text, word->line, word->column);
	}
	if (code == 0 && (!vd_buffer_ok(&raw) || !vd_buffer_ok(&bytes) ||
						 !vd_bytes_dup(text->arena, vd_buffer_bytes(&bytes), &word->bytes)))
		code = vd_error_set(text->error, VD_ERROR_OUT_OF_MEMORY, "the script is too large");
	vd_buffer_fini(&raw);
	vd_buffer_fini(&bytes);
	return code;
}

int script_take_words(struct script_text *text, struct script_words *words)
{
	int code = 0;
	while (code == 0) {
		while (is_blank(peek(text)))
			text->at++;
		if (ends_command(peek(text)))
			break;
		if (words->count == SCRIPT_WORDS_MAX) {
			vd_error_set(text->error, VD_ERROR_CLIENT_INVALID_OPERATION, "too many words in one command");
			vd_error_hint(
				text->error, "commands are separated by ; and words with blanks stand in double quotes");
			return script_wrong_at(text, text->line, column_of(text, text->at));
		}
		code = take_word(text, &words->items[words->count++]);
	}
	if (code == 0 && peek(text) == '\n')
		begin_line(text, text->at + 1);
	text->at++;
	return code;
}
