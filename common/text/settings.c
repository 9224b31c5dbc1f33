/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c: defaults, then the file, then the environment, then the flags, each overwriting what came
 * before. So a bad value is found wherever it stands, also where something stronger would hide it. */
#include "common/text/settings.h"

#include "common/base/codes.h"
#include "common/base/redact.h"
#include "common/text/settings_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* All words that a file or a flag may name, for "did you mean". */
#define NAMES_MAX 128

static int unknown(const struct vd_settings *settings, const char *where, const char *dashes,
	const char *name, struct vd_error *error)
{
	const char *names[NAMES_MAX];
	size_t count = 0;
	for (size_t i = 0; i < settings->count && count < NAMES_MAX - 2; i++)
		names[count++] = settings->rows[i].name;
	names[count++] = "config";
	names[count++] = "help";
	const char *closest = vd_closest(name, names, count);
	vd_error_set(
		error, VD_CODE_INVALID_OPTION, "%sunknown setting %s%s", where, dashes, VD_REDACT_WORD(name));
	if (closest != NULL)
		vd_error_hint(error, "did you mean %s%s? %s --help lists all", dashes, closest, settings->program);
	else
		vd_error_hint(error, "%s --help lists all", settings->program);
	return VD_CODE_INVALID_OPTION;
}

static bool same_name(const char *name, size_t size, const char *row_name)
{
	if (strlen(row_name) != size)
		return false;
	for (size_t i = 0; i < size; i++)
		if ((name[i] == '_' ? '-' : name[i]) != row_name[i])
			return false;
	return true;
}

static const struct vd_setting *row_of(const struct vd_settings *settings, const char *name, size_t size)
{
	for (size_t i = 0; i < settings->count; i++)
		if (same_name(name, size, settings->rows[i].name))
			return &settings->rows[i];
	return NULL;
}

/* ---- the file ---- */

static char *trim(char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	size_t size = strlen(text);
	while (size > 0 && isspace((unsigned char)text[size - 1]))
		text[--size] = '\0';
	return text;
}

/* What stands right of the "=": quoted, or up to a comment. NULL if it is malformed. */
static char *file_value(char *text)
{
	text = trim(text);
	if (*text == '\'' || *text == '"') {
		char *close = strchr(text + 1, *text);
		if (close == NULL)
			return NULL;
		*close = '\0';
		const char *rest = trim(close + 1);
		return *rest == '\0' || *rest == '#' ? text + 1 : NULL;
	}
	if (*text == '#')
		*text = '\0';
	for (char *at = text; *at != '\0'; at++)
		if (*at == '#' && at > text && isspace((unsigned char)at[-1]))
			*at = '\0';
	return trim(text);
}

static int file_line(const struct vd_settings *settings, const char *path, unsigned line, char *text,
	void *values, struct vd_error *error)
{
	char where[160];
	snprintf(where, sizeof where, "%.128s:%u: ", path, line);
	text = trim(text);
	if (*text == '\0' || *text == '#')
		return 0;
	char *equals = strchr(text, '=');
	if (equals == NULL) {
		vd_error_set(error, VD_CODE_INVALID_OPTION, "%s\"=\" is missing", where);
		vd_error_hint(error, "write name = value, and # before a comment");
		return VD_CODE_INVALID_OPTION;
	}
	*equals = '\0';
	const char *name = trim(text);
	const struct vd_setting *row = row_of(settings, name, strlen(name));
	if (row == NULL)
		return unknown(settings, where, "", name, error);
	const char *value = file_value(equals + 1);
	if (value == NULL)
		return vd_error_set(
			error, VD_CODE_INVALID_OPTION_VALUE, "%s%s: the quotes do not match", where, name);
	int code = vd_setting_set(row, value, values, error);
	if (code != 0)
		vd_error_wrap(error, "%s%s", where, name);
	return code;
}

static int read_file(
	const struct vd_settings *settings, const char *path, void *values, struct vd_error *error)
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return vd_error_set(error, VD_CODE_IO_ERROR, "cannot read %s: %s", path, strerror(errno));
	char *text = NULL;
	size_t capacity = 0;
	int code = 0;
	for (unsigned line = 1; code == 0 && getline(&text, &capacity, file) >= 0; line++)
		code = file_line(settings, path, line, text, values, error);
	if (code == 0 && ferror(file))
		code = vd_error_set(error, VD_CODE_IO_ERROR, "cannot read %s: %s", path, strerror(errno));
	free(text);
	fclose(file);
	return code;
}

/* ---- the environment ---- */

static const char *from_environment(const char *name, char variable[VD_SETTING_VARIABLE_BYTES])
{
	vd_setting_variable(name, variable);
	const char *text = getenv(variable);
	return text == NULL || text[0] == '\0' ? NULL : text;
}

static int read_environment(const struct vd_settings *settings, void *values, struct vd_error *error)
{
	for (size_t i = 0; i < settings->count; i++) {
		char variable[VD_SETTING_VARIABLE_BYTES];
		const char *text = from_environment(settings->rows[i].name, variable);
		int code = text == NULL ? 0 : vd_setting_set(&settings->rows[i], text, values, error);
		if (code != 0) {
			vd_error_wrap(error, "%s", variable);
			return code;
		}
	}
	return 0;
}

/* ---- the flags ---- */

enum word { WORD_OPERAND, WORD_SETTING, WORD_CONFIG, WORD_HELP, WORD_JSON, WORD_END, WORD_WRONG };

struct flag {
	const struct vd_setting *row;
	const char *value;
	int words; /* how many of argv it took */
};

static enum word flag_value(
	struct flag *flag, const char *name, const char *equals, const char *next, struct vd_error *error)
{
	if (equals != NULL) {
		flag->value = equals + 1;
	} else if (flag->row != NULL && flag->row->type == VD_SETTING_TYPE_BOOL) {
		flag->value = "true";
	} else if (next != NULL) {
		flag->value = next;
		flag->words = 2;
	} else {
		vd_error_set(error, VD_CODE_INVALID_OPTION_VALUE, "--%s needs a value", name);
		return WORD_WRONG;
	}
	return flag->row == NULL ? WORD_CONFIG : WORD_SETTING;
}

/* What the word at argv[i] is. */
static enum word read_word(
	const struct vd_settings *settings, char **argv, int i, struct flag *flag, struct vd_error *error)
{
	const char *word = argv[i];
	*flag = (struct flag){ .words = 1 };
	if (word[0] != '-' || word[1] == '\0')
		return WORD_OPERAND;
	if (strcmp(word, "--") == 0)
		return WORD_END;
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return WORD_HELP;
	if (strcmp(word, "--settings-json") == 0)
		return WORD_JSON;
	if (word[1] != '-') {
		unknown(settings, "", "", word, error);
		return WORD_WRONG;
	}
	const char *name = word + 2;
	const char *equals = strchr(name, '=');
	size_t size = equals == NULL ? strlen(name) : (size_t)(equals - name);
	flag->row = row_of(settings, name, size);
	if (flag->row != NULL || same_name(name, size, "config"))
		return flag_value(flag, name, equals, argv[i + 1], error);
	if (equals == NULL && strncmp(name, "no-", 3) == 0) {
		flag->row = row_of(settings, name + 3, size - 3);
		flag->value = "false";
		if (flag->row != NULL && flag->row->type == VD_SETTING_TYPE_BOOL)
			return WORD_SETTING;
	}
	char shown[64];
	snprintf(shown, sizeof shown, "%.*s", size < sizeof shown ? (int)size : (int)sizeof shown - 1, name);
	unknown(settings, "", "--", shown, error);
	return WORD_WRONG;
}

/* First walk: is everything known, is something to be printed, which file? */
static enum vd_settings_result look_at_flags(
	const struct vd_settings *settings, int argc, char **argv, const char **config, struct vd_error *error)
{
	struct flag flag;
	for (int i = 1; i < argc; i += flag.words) {
		switch (read_word(settings, argv, i, &flag, error)) {
		case WORD_HELP:
			vd_settings_print_help(settings, stdout);
			return VD_SETTINGS_PRINTED;
		case WORD_JSON:
			vd_settings_print_json(settings, stdout);
			return VD_SETTINGS_PRINTED;
		case WORD_CONFIG:
			*config = flag.value;
			break;
		case WORD_END:
			return VD_SETTINGS_READY;
		case WORD_WRONG:
			return VD_SETTINGS_WRONG;
		case WORD_OPERAND:
			if (settings->takes_operands)
				break;
			vd_error_set(error, VD_CODE_INVALID_OPTION, "\"%s\" is no setting", VD_REDACT_WORD(argv[i]));
			vd_error_hint(error, "%s --help lists all", settings->program);
			return VD_SETTINGS_WRONG;
		case WORD_SETTING:
			break;
		}
	}
	return VD_SETTINGS_READY;
}

/* Second walk: sets the values and moves the operands to the front. */
static int read_flags(const struct vd_settings *settings, int argc, char **argv, void *values, int *operands,
	struct vd_error *error)
{
	struct flag flag;
	int kept = 0;
	bool ended = false;
	for (int i = 1; i < argc; i += flag.words) {
		enum word word = WORD_OPERAND;
		flag.words = 1;
		if (!ended)
			word = read_word(settings, argv, i, &flag, error);
		ended = ended || word == WORD_END;
		if (word == WORD_OPERAND)
			argv[++kept] = argv[i];
		if (word != WORD_SETTING)
			continue;
		int code = vd_setting_set(flag.row, flag.value, values, error);
		if (code != 0) {
			vd_error_wrap(error, "--%s", flag.row->name);
			return code;
		}
	}
	if (kept > 0 && !settings->takes_operands)
		return vd_error_set(error, VD_CODE_INVALID_OPTION, "\"%s\" is no setting", VD_REDACT_WORD(argv[1]));
	if (operands != NULL)
		*operands = kept;
	return 0;
}

enum vd_settings_result vd_settings_load(const struct vd_settings *settings, int argc, char **argv,
	void *values, int *operands, struct vd_error *error)
{
	char variable[VD_SETTING_VARIABLE_BYTES];
	const char *config = from_environment("config", variable);
	enum vd_settings_result result = look_at_flags(settings, argc, argv, &config, error);
	if (result != VD_SETTINGS_READY)
		return result;
	int code = 0;
	for (size_t i = 0; i < settings->count && code == 0; i++)
		code = vd_setting_set_initial(&settings->rows[i], values, error);
	if (code == 0 && config != NULL)
		code = read_file(settings, config, values, error);
	if (code == 0)
		code = read_environment(settings, values, error);
	if (code == 0)
		code = read_flags(settings, argc, argv, values, operands, error);
	if (code == 0)
		return VD_SETTINGS_READY;
	vd_settings_free(settings, values);
	return VD_SETTINGS_WRONG;
}
