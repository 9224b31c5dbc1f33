/* SPDX-License-Identifier: Apache-2.0 */
/* settings_value.c: reading and writing single values; units are tables. */
#include "common/text/settings_value.h"

#include "common/base/codes.h"
#include "common/base/redact.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct unit {
	const char *name;
	int64_t factor;
};

/* the first of a size is what is written; the others are read as well */
static const struct unit duration_units[] = { { "ms", 1 }, { "s", 1000 }, { "min", 60000 }, { "h", 3600000 },
	{ "d", 86400000 } };
static const struct unit size_units[] = { { "B", 1 }, { "kB", 1 << 10 }, { "MB", 1 << 20 }, { "GB", 1 << 30 },
	{ "k", 1 << 10 }, { "M", 1 << 20 }, { "G", 1 << 30 }, { "KiB", 1 << 10 }, { "MiB", 1 << 20 },
	{ "GiB", 1 << 30 } };

static const struct unit *units_of(enum vd_setting_type type, size_t *count)
{
	*count = type == VD_SETTING_TYPE_DURATION_MS ? VD_COUNT(duration_units) : VD_COUNT(size_units);
	return type == VD_SETTING_TYPE_DURATION_MS ? duration_units : size_units;
}

const char *vd_setting_type_name(enum vd_setting_type type)
{
	static const char *const names[] = {
		[VD_SETTING_TYPE_STRING] = "string",
		[VD_SETTING_TYPE_DSN] = "connection string",
		[VD_SETTING_TYPE_SECRET] = "secret",
		[VD_SETTING_TYPE_INTEGER] = "integer",
		[VD_SETTING_TYPE_DURATION_MS] = "duration",
		[VD_SETTING_TYPE_SIZE_BYTES] = "size",
		[VD_SETTING_TYPE_BOOL] = "bool",
		[VD_SETTING_TYPE_CHOICE] = "choice",
	};
	VD_ASSERT((size_t)type < VD_COUNT(names));
	return names[type];
}

void vd_setting_variable(const char *name, char variable[VD_SETTING_VARIABLE_BYTES])
{
	int size = snprintf(variable, VD_SETTING_VARIABLE_BYTES, "VERDICT_%s", name);
	VD_ASSERT(size < VD_SETTING_VARIABLE_BYTES);
	for (char *at = variable; *at != '\0'; at++)
		*at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
}

static void *field_of(const struct vd_setting *row, void *values)
{
	return (char *)values + row->offset;
}

static int set_string(const struct vd_setting *row, const char *text, void *values, struct vd_error *error)
{
	char *copy = strdup(text);
	if (copy == NULL)
		return vd_error_set(error, VD_CODE_NO_MEMORY, "out of memory");
	char **field = field_of(row, values);
	free(*field);
	*field = copy;
	return 0;
}

static bool parse_bool(const char *text, bool *value)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };
	for (size_t i = 0; i < VD_COUNT(words); i++)
		if (strcasecmp(text, words[i]) == 0) {
			*value = i % 2 != 0;
			return true;
		}
	return false;
}

/* False if it is no number of this type, or does not fit 64 bits. */
static bool parse_number(enum vd_setting_type type, const char *text, int64_t *value)
{
	char *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (end == text || errno != 0 || isspace((unsigned char)text[0]))
		return false;
	int64_t factor = 1;
	while (type != VD_SETTING_TYPE_INTEGER && *end == ' ')
		end++;
	if (*end != '\0') {
		size_t count;
		const struct unit *units = units_of(type, &count);
		size_t i = 0;
		while (i < count && strcasecmp(units[i].name, end) != 0)
			i++;
		if (i == count || type == VD_SETTING_TYPE_INTEGER)
			return false;
		factor = units[i].factor;
	}
	return !__builtin_mul_overflow(number, factor, value);
}

void vd_setting_write_number(enum vd_setting_type type, int64_t number, struct vd_buffer *out)
{
	if (type == VD_SETTING_TYPE_INTEGER || number == 0) {
		vd_buffer_add_format(out, "%" PRId64, number);
		return;
	}
	size_t count = type == VD_SETTING_TYPE_DURATION_MS ? 5 : 4;
	size_t all;
	const struct unit *units = units_of(type, &all);
	while (count > 1 && number % units[count - 1].factor != 0)
		count--;
	vd_buffer_add_format(out, "%" PRId64 "%s", number / units[count - 1].factor, units[count - 1].name);
}

static int set_number(const struct vd_setting *row, const char *text, void *values, struct vd_error *error)
{
	int64_t number;
	bool parsed = parse_number(row->type, text, &number);
	if (parsed && number >= row->min && number <= row->max) {
		*(int64_t *)field_of(row, values) = number;
		return 0;
	}
	struct vd_buffer range = { 0 };
	vd_setting_write_number(row->type, row->min, &range);
	vd_buffer_add_text(&range, " to ");
	vd_setting_write_number(row->type, row->max, &range);
	if (parsed)
		vd_error_set(error, VD_CODE_INVALID_OPTION_VALUE, "%.64s is out of range", text);
	else
		vd_error_set(
			error, VD_CODE_INVALID_OPTION_VALUE, "\"%.64s\" is no %s", text, vd_setting_type_name(row->type));
	const char *units = row->type == VD_SETTING_TYPE_DURATION_MS  ? ", with ms, s, min, h or d"
						: row->type == VD_SETTING_TYPE_SIZE_BYTES ? ", with B, kB, MB or GB"
																  : "";
	vd_error_hint(error, "%s%s", vd_buffer_string(&range), units);
	vd_buffer_fini(&range);
	return VD_CODE_INVALID_OPTION_VALUE;
}

static int set_choice(const struct vd_setting *row, const char *text, void *values, struct vd_error *error)
{
	size_t size = strlen(text);
	for (const char *at = row->choices; *at != '\0';) {
		size_t choice = strcspn(at, "|");
		if (choice == size && memcmp(at, text, size) == 0)
			return set_string(row, text, values, error);
		at += choice + (at[choice] == '|');
	}
	vd_error_set(error, VD_CODE_INVALID_OPTION_VALUE, "\"%.64s\" is not possible", text);
	vd_error_hint(error, "one of %s", row->choices);
	return VD_CODE_INVALID_OPTION_VALUE;
}

int vd_setting_set(const struct vd_setting *row, const char *text, void *values, struct vd_error *error)
{
	switch (row->type) {
	case VD_SETTING_TYPE_STRING:
	case VD_SETTING_TYPE_DSN:
	case VD_SETTING_TYPE_SECRET:
		return set_string(row, text, values, error);
	case VD_SETTING_TYPE_CHOICE:
		return set_choice(row, text, values, error);
	case VD_SETTING_TYPE_INTEGER:
	case VD_SETTING_TYPE_DURATION_MS:
	case VD_SETTING_TYPE_SIZE_BYTES:
		return set_number(row, text, values, error);
	case VD_SETTING_TYPE_BOOL:
		if (parse_bool(text, field_of(row, values)))
			return 0;
		vd_error_set(error, VD_CODE_INVALID_OPTION_VALUE, "\"%.64s\" is no bool", text);
		vd_error_hint(error, "true or false");
		return VD_CODE_INVALID_OPTION_VALUE;
	}
	VD_UNREACHABLE("a setting has no type");
}

int vd_setting_set_initial(const struct vd_setting *row, void *values, struct vd_error *error)
{
	/* "" stands for no choice made, which a user cannot write */
	if (row->type == VD_SETTING_TYPE_CHOICE && (row->initial == NULL || row->initial[0] == '\0'))
		return set_string(row, "", values, error);
	int code = vd_setting_set(row, row->initial == NULL ? "" : row->initial, values, error);
	VD_ASSERT(code == 0 || code == VD_CODE_NO_MEMORY);
	return code;
}

void vd_setting_write(const struct vd_setting *row, const void *values, struct vd_buffer *out)
{
	const char *field = (const char *)values + row->offset;
	switch (row->type) {
	case VD_SETTING_TYPE_STRING:
	case VD_SETTING_TYPE_CHOICE:
		vd_buffer_add_text(out, *(const char *const *)(const void *)field);
		break;
	case VD_SETTING_TYPE_DSN:
		vd_redact_dsn(out, *(const char *const *)(const void *)field);
		break;
	case VD_SETTING_TYPE_SECRET:
		vd_buffer_add_text(out, "***");
		break;
	case VD_SETTING_TYPE_INTEGER:
	case VD_SETTING_TYPE_DURATION_MS:
	case VD_SETTING_TYPE_SIZE_BYTES:
		vd_setting_write_number(row->type, *(const int64_t *)(const void *)field, out);
		break;
	case VD_SETTING_TYPE_BOOL:
		vd_buffer_add_text(out, *(const bool *)(const void *)field ? "true" : "false");
		break;
	}
}
