/* SPDX-License-Identifier: Apache-2.0 */
/* settings_print.c: the table as --help, as JSON for the test of the documentation, and as one line for the
 * log. */
#include "common/text/json.h"
#include "common/text/settings.h"
#include "common/text/settings_value.h"

#include <stdlib.h>
#include <string.h>

static bool is_text(enum vd_setting_type type)
{
	return type <= VD_SETTING_TYPE_SECRET || type == VD_SETTING_TYPE_CHOICE;
}

static bool is_number(enum vd_setting_type type)
{
	return type >= VD_SETTING_TYPE_INTEGER && type <= VD_SETTING_TYPE_SIZE_BYTES;
}

/* "100ms to 10min" */
static void add_range(struct vd_buffer *out, const struct vd_setting *row)
{
	vd_setting_write_number(row->type, row->min, out);
	vd_buffer_add_text(out, " to ");
	vd_setting_write_number(row->type, row->max, out);
}

static void print_row(const struct vd_setting *row, FILE *file)
{
	char variable[VD_SETTING_VARIABLE_BYTES];
	vd_setting_variable(row->name, variable);
	fprintf(file, "  --%s", row->name);
	if (row->type == VD_SETTING_TYPE_CHOICE)
		fprintf(file, " %s", row->choices);
	else if (row->type != VD_SETTING_TYPE_BOOL)
		fprintf(file, " <%s>", vd_setting_type_name(row->type));
	fprintf(file, "\n      %s", row->help);
	if (row->initial != NULL && row->initial[0] != '\0')
		fprintf(file, "; default %s", row->initial);
	if (is_number(row->type)) {
		struct vd_buffer range = { 0 };
		add_range(&range, row);
		fprintf(file, ", from %s", vd_buffer_string(&range));
		vd_buffer_fini(&range);
	}
	fprintf(file, "  [%s]\n", variable);
}

void vd_settings_print_help(const struct vd_settings *settings, FILE *file)
{
	fprintf(
		file, "usage: %s%s%s\n", settings->program, settings->usage[0] == '\0' ? "" : " ", settings->usage);
	if (settings->about != NULL)
		fprintf(file, "\n%s\n", settings->about);
	fprintf(file,
		"\nsettings, from the flag, else from the [environment], else from the file, else the default:\n");
	for (size_t i = 0; i < settings->count; i++)
		print_row(&settings->rows[i], file);
	fprintf(file,
		"  --config <file>\n      reads settings from a file of lines \"name = value\", # begins a comment  "
		"[VERDICT_CONFIG]\n");
	fprintf(file, "  --help\n      prints this\n");
}

static json_t *row_json(const struct vd_setting *row)
{
	char variable[VD_SETTING_VARIABLE_BYTES];
	vd_setting_variable(row->name, variable);
	json_t *object =
		json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", row->name, "type", vd_setting_type_name(row->type),
			"default", row->initial == NULL ? "" : row->initial, "environment", variable, "help", row->help);
	if (is_number(row->type)) {
		json_object_set_new(object, "min", json_integer(row->min));
		json_object_set_new(object, "max", json_integer(row->max));
		struct vd_buffer range = { 0 };
		add_range(&range, row);
		json_object_set_new(object, "range", json_string(vd_buffer_string(&range)));
		vd_buffer_fini(&range);
	}
	if (row->type == VD_SETTING_TYPE_CHOICE)
		json_object_set_new(object, "choices", json_string(row->choices));
	return object;
}

void vd_settings_print_json(const struct vd_settings *settings, FILE *file)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < settings->count; i++)
		json_array_append_new(rows, row_json(&settings->rows[i]));
	json_t *object = json_pack("{s:s, s:o}", "program", settings->program, "settings", rows);
	bool written = object != NULL && vd_json_print_line(file, object);
	(void)written; /* standard output tells its failure to whoever closes it */
}

static void add_pair(struct vd_buffer *out, size_t begin, const char *name, const char *value)
{
	const char *quote = value[strcspn(value, " \t")] == '\0' ? "" : "\"";
	vd_buffer_add_format(out, "%s%s=%s%s%s", out->size > begin ? " " : "", name, quote, value, quote);
}

void vd_settings_describe(const struct vd_settings *settings, const void *values, struct vd_buffer *out)
{
	size_t begin = out->size;
	for (size_t i = 0; i < settings->count; i++) {
		const struct vd_setting *row = &settings->rows[i];
		struct vd_buffer value = { 0 };
		vd_setting_write(row, values, &value);
		/* defaults are compared as they are written by us, so that 1000ms and 1s are the same */
		union {
			char *text;
			int64_t number;
			bool truth;
		} initial_value = { 0 };
		struct vd_setting alone = *row;
		alone.offset = 0;
		struct vd_buffer initial = { 0 };
		if (vd_setting_set_initial(&alone, &initial_value, NULL) == 0)
			vd_setting_write(&alone, &initial_value, &initial);
		bool secret_set =
			row->type == VD_SETTING_TYPE_SECRET &&
			(*(const char *const *)(const void *)((const char *)values + row->offset))[0] != '\0';
		if (secret_set || !vd_bytes_equal(vd_buffer_bytes(&value), vd_buffer_bytes(&initial)))
			add_pair(out, begin, row->name, vd_buffer_string(&value));
		if (is_text(row->type))
			free(initial_value.text);
		vd_buffer_fini(&value);
		vd_buffer_fini(&initial);
	}
}

void vd_settings_free(const struct vd_settings *settings, void *values)
{
	for (size_t i = 0; i < settings->count; i++) {
		if (!is_text(settings->rows[i].type))
			continue;
		char **field = (char **)(void *)((char *)values + settings->rows[i].offset);
		free(*field);
		*field = NULL;
	}
}

/* Levenshtein's distance; both shorter than 64, else far. */
static size_t distance(const char *a, const char *b)
{
	size_t a_size = strlen(a), b_size = strlen(b);
	size_t row[64];
	if (a_size >= VD_COUNT(row) || b_size >= VD_COUNT(row))
		return VD_COUNT(row);
	for (size_t j = 0; j <= b_size; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			best = row[j] + 1 < best ? row[j] + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
		}
	}
	return row[b_size];
}

const char *vd_closest(const char *name, const char *const *names, size_t count)
{
	const char *closest = NULL;
	size_t least = strlen(name) / 3 > 2 ? strlen(name) / 3 + 1 : 3;
	for (size_t i = 0; i < count; i++) {
		size_t far = distance(name, names[i]);
		if (far < least) {
			least = far;
			closest = names[i];
		}
	}
	return closest;
}
