/* SPDX-License-Identifier: Apache-2.0 */
/* All ways into the settings of verdict-resolver: a line that begins with "-" is a flag, one with "$" a variable of the
 * environment ("$LEASE_TTL=3s"), any other one of the file. Either one printable error, with which nothing is left to free, or
 * values that lie within their rows, and that come out the same if they are given again as they are written. */
#include "resolver/settings.h"

#include "common/text/settings_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORDS_MAX = 40 };

static char program[] = "verdict-resolver";
static char flag[] = "--config";
static const struct vd_settings *const table = &vd_resolver_settings_table;

/* The file is a descriptor, so that nothing is left behind. */
static const char *file_path(void)
{
	static char path[64];
	static int fd = -1;
	if (fd < 0) {
		fd = memfd_create("settings", 0);
		if (fd < 0 || freopen("/dev/null", "w", stdout) == NULL) /* --help is printed */
			abort();
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	return path;
}

static void write_file(struct vd_bytes text)
{
	FILE *file = fopen(file_path(), "w");
	bool is_written = file != NULL && (text.size == 0 || fwrite(text.data, 1, text.size, file) == text.size);
	if (!is_written || fclose(file) != 0)
		abort();
}

static void clear_environment(void)
{
	char variable[VD_SETTING_VARIABLE_BYTES];
	for (size_t i = 0; i < table->count; i++) {
		vd_setting_variable(table->rows[i].name, variable);
		unsetenv(variable);
	}
	unsetenv("VERDICT_CONFIG");
}

static void must_be_legal(const struct vd_resolver_settings *values)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct vd_setting *row = &table->rows[i];
		const char *field = (const char *)values + row->offset;
		if (row->type == VD_SETTING_TYPE_INTEGER || row->type == VD_SETTING_TYPE_DURATION_MS ||
			row->type == VD_SETTING_TYPE_SIZE_BYTES) {
			int64_t number;
			memcpy(&number, field, sizeof number);
			VD_ASSERT(number >= row->min && number <= row->max);
		} else if (row->type == VD_SETTING_TYPE_CHOICE) {
			const char *chosen;
			memcpy(&chosen, field, sizeof chosen);
			const char *at = strstr(row->choices, chosen);
			VD_ASSERT(at != NULL && chosen[0] != '\0');
		}
	}
	if (values->print_life)
		return;
	VD_ASSERT(values->look_interval_ms * 2 <= values->lease_ttl_ms);
	VD_ASSERT(strlen(values->node) > 0 && strlen(values->schema) > 0);
	VD_ASSERT(strlen(values->node) + strlen(values->schema) <= VD_NODE_AND_SCHEMA_BYTES);
}

/* As flags, one a setting; a connection string is not written whole, so it is taken from the values. */
static void must_come_again(const struct vd_resolver_settings *values)
{
	struct vd_buffer flags[WORDS_MAX] = { { 0 } };
	char *argv[WORDS_MAX + 1] = { program };
	struct vd_resolver_settings again = { 0 };
	struct vd_error error = { 0 };
	VD_ASSERT(table->count < WORDS_MAX);
	for (size_t i = 0; i < table->count; i++) {
		const struct vd_setting *row = &table->rows[i];
		vd_buffer_add_format(&flags[i], "--%s=", row->name);
		if (row->type == VD_SETTING_TYPE_DSN)
			vd_buffer_add_text(&flags[i], values->dsn);
		else
			vd_setting_write(row, values, &flags[i]);
		argv[i + 1] = (char *)flags[i].data;
	}
	clear_environment();
	int argc = (int)table->count + 1;
	if (vd_resolver_settings_load(argc, argv, &again, &error) != VD_SETTINGS_READY)
		vd_check_failed(__FILE__, __LINE__, error.message);
	for (size_t i = 0; i < table->count; i++) {
		struct vd_buffer written[2] = { { 0 }, { 0 } };
		vd_setting_write(&table->rows[i], values, &written[0]);
		vd_setting_write(&table->rows[i], &again, &written[1]);
		VD_ASSERT(strcmp(vd_buffer_string(&written[0]), vd_buffer_string(&written[1])) == 0);
		vd_buffer_fini(&written[0]);
		vd_buffer_fini(&written[1]);
		vd_buffer_fini(&flags[i]);
	}
	VD_ASSERT(strcmp(values->dsn, again.dsn) == 0);
	vd_resolver_settings_free(&again);
}

static void check(int argc, char **argv)
{
	struct vd_resolver_settings values = { 0 };
	struct vd_error error = { 0 };
	switch (vd_resolver_settings_load(argc, argv, &values, &error)) {
	case VD_SETTINGS_READY:
		must_be_legal(&values);
		must_come_again(&values);
		vd_resolver_settings_free(&values);
		break;
	case VD_SETTINGS_WRONG:
		VD_ASSERT(error.code != 0 && error.message[0] != '\0');
		break;
	case VD_SETTINGS_PRINTED:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[WORDS_MAX + 4] = { program, flag };
	int argc = 3;
	struct vd_buffer file = { 0 };
	char *text = malloc(size + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	clear_environment();
	argv[2] = (char *)file_path();
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		char *equals = strchr(line, '=');
		if (line[0] == '$' && equals != NULL) {
			char variable[100];
			snprintf(variable, sizeof variable, "VERDICT_%.*s", (int)(equals - line - 1), line + 1);
			if (strcmp(variable, "VERDICT_CONFIG") != 0)
				setenv(variable, equals + 1, 1);
		} else if (line[0] == '-' && argc < WORDS_MAX) {
			argv[argc++] = line;
		} else {
			vd_buffer_add_text(&file, line);
			vd_buffer_add_byte(&file, '\n');
		}
	}
	write_file(vd_buffer_bytes(&file));
	check(argc, argv);
	vd_buffer_fini(&file);
	free(text);
	return 0;
}
