/* SPDX-License-Identifier: Apache-2.0 */
/* The language of `verdict exec` and `verdict shell`. A text is refused as a whole, with a place that lies in it, or it is
 * steps; steps written down again in the plainest way are read as the same ones. The first byte says what kind of text it is. */
#include "cli/script.h"
#include "common/text/escape.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const selectors[] = { "last_less_than", "last_less_or_equal", "first_greater_than",
	"first_greater_or_equal" };

/* ---- writing steps down ---- */

static void write_bytes(struct vd_buffer *to, struct vd_bytes bytes)
{
	vd_buffer_add_text(to, " \"");
	for (size_t i = 0; i < bytes.size; i++) {
		bool is_quote = bytes.data[i] == '"';
		if (is_quote)
			vd_buffer_add_text(to, "\\x22");
		else
			vd_escape(to, vd_bytes_slice(bytes, i, i + 1));
	}
	vd_buffer_add_byte(to, '"');
}

/* Each argument belongs to a piece of the row: KEY, [VALUE], [limit N], [reverse]. What stands in the row decides how it is
 * written; a word that may be left out comes before the keywords, as they do in the row. */
static void write_step(struct vd_buffer *to, const struct vd_script_step *step)
{
	vd_buffer_add_text(to, step->command->name);
	size_t i = 0;
	for (const char *at = step->command->words; *(at += strspn(at, " []")) != '\0'; i++) {
		const struct vd_argument *argument = &step->arguments[i];
		char word[32];
		size_t length = strcspn(at, " ]");
		snprintf(word, sizeof word, "%.*s", (int)length, at);
		at += length;
		bool is_keyword = islower((unsigned char)word[0]) != 0;
		bool has_value = !is_keyword || (*at == ' ' && isupper((unsigned char)at[1]));
		const char *what = is_keyword && has_value ? at + 1 : word;
		bool is_selector = strncmp(what, "SELECTOR", 8) == 0;
		if (is_keyword && has_value)
			at += 1 + strcspn(at + 1, " ]");
		if (!argument->given)
			continue;
		if (is_keyword)
			vd_buffer_add_format(to, " %s", word);
		if (has_value && is_selector)
			vd_buffer_add_format(to, " %s", selectors[argument->number]);
		else if (has_value)
			write_bytes(to, argument->bytes);
	}
	vd_buffer_add_text(to, "\n");
}

/* ---- what must hold ---- */

static size_t argument_count(const struct vd_command *command)
{
	size_t count = 0;
	for (const char *at = command->words; *(at += strspn(at, " []")) != '\0'; count++) {
		bool is_keyword = islower((unsigned char)*at) != 0;
		at += strcspn(at, " ]");
		if (is_keyword && *at == ' ' && isupper((unsigned char)at[1]))
			at += 1 + strcspn(at + 1, " ]");
	}
	return count;
}

static void must_be_alike(const struct vd_script *a, const struct vd_script *b)
{
	VD_ASSERT(a->steps.count == b->steps.count);
	for (size_t i = 0; i < a->steps.count; i++) {
		const struct vd_script_step *x = &a->steps.items[i];
		const struct vd_script_step *y = &b->steps.items[i];
		VD_ASSERT(x->command == y->command && y->line == i + 1 && y->column == 1);
		for (size_t k = 0; k < argument_count(x->command); k++) {
			VD_ASSERT(x->arguments[k].given == y->arguments[k].given);
			VD_ASSERT(x->arguments[k].number == y->arguments[k].number);
			int64_t number = x->arguments[k].number;
			bool is_name =
				number >= 0 && number < 4 &&
				vd_command_is_name(x->arguments[k].bytes, selectors[number]); /* _ is of no account */
			VD_ASSERT(is_name || vd_bytes_equal(x->arguments[k].bytes, y->arguments[k].bytes));
		}
	}
}

static void check_steps(const struct vd_script *script, enum vd_script_form form, unsigned lines, size_t size)
{
	struct vd_buffer text = { 0 };
	struct vd_error error = { 0 };
	struct vd_script again;
	for (size_t i = 0; i < script->steps.count; i++) {
		const struct vd_script_step *step = &script->steps.items[i];
		VD_ASSERT(step->line >= 1 && step->line <= lines && step->column >= 1 && step->column <= size);
		write_step(&text, step);
	}
	VD_ASSERT(vd_buffer_ok(&text));
	int code = vd_script_parse(&again, vd_buffer_bytes(&text), form, &error);
	if (code != 0)
		vd_check_failed(__FILE__, __LINE__, error.message);
	must_be_alike(script, &again);
	vd_script_free(&again);
	vd_buffer_fini(&text);
}

/* "line 3, column 4: …", or for a text of one line "column 4: …": where somebody can look. */
static void check_refusal(const struct vd_error *error, unsigned lines, size_t size)
{
	unsigned line = 1;
	unsigned column = 0;
	const char *at = error->message;
	VD_ASSERT(error->code != 0);
	if (lines > 1)
		VD_ASSERT(sscanf(at, "line %u, column %u: ", &line, &column) == 2);
	else
		VD_ASSERT(sscanf(at, "column %u: ", &column) == 1);
	VD_ASSERT(line >= 1 && line <= lines && column >= 1 && column <= size + 1);
	for (; *at != '\0'; at++)
		VD_ASSERT((uint8_t)*at >= 0x20 && (uint8_t)*at <= 0x7e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vd_script script;
	struct vd_error error = { 0 };
	if (size == 0)
		return 0;
	enum vd_script_form form = data[0] % 3;
	struct vd_bytes text = vd_bytes_of(data + 1, size - 1);
	unsigned lines = 1;
	for (size_t i = 0; i < text.size; i++)
		lines += text.data[i] == '\n';
	if (vd_script_parse(&script, text, form, &error) == 0)
		check_steps(&script, form, lines, text.size);
	else
		check_refusal(&error, lines, text.size);
	vd_script_free(&script);
	return 0;
}
