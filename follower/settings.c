/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c: a table row an option; reading one is the same code for all. */
#include "follower/settings.h"

#include "common/pg/connection.h"
#include "common/pg/names.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct option_row {
	const char *name;
	enum { OPTION_TEXT, OPTION_NUMBER, OPTION_SIZE } kind;
	size_t offset;
	int64_t least;
	int64_t most;
	int64_t initially;
};

#define AT(field) offsetof(struct vd_database_settings, field)

static const struct option_row option_rows[] = {
	{ "schema", OPTION_TEXT, AT(schema), 0, 0, 0 },
	{ "application_name", OPTION_TEXT, AT(application_name), 0, 0, 0 },
	{ "max_connections", OPTION_NUMBER, AT(max_connections), 2, 1000, 3 },
	{ "max_long_snapshots", OPTION_NUMBER, AT(max_long_snapshots), 0, 100, 2 },
	{ "connect_timeout", OPTION_NUMBER, AT(connect_timeout_ms), 1, 86400000, 10000 },
	{ "max_in_flight", OPTION_NUMBER, AT(max_in_flight), 1, 1000000, 20000 },
	{ "max_watches", OPTION_NUMBER, AT(max_watches), 0, 1000000, 10000 },
	{ "transaction_timeout", OPTION_NUMBER, AT(transaction_timeout_ms), 0, INT32_MAX, 0 },
	{ "transaction_retry_limit", OPTION_NUMBER, AT(transaction_retry_limit), -1, INT32_MAX, -1 },
	{ "transaction_max_retry_delay", OPTION_NUMBER, AT(transaction_max_retry_delay_ms), 0, INT32_MAX, 1000 },
	{ "transaction_size_limit", OPTION_SIZE, AT(limits.transaction_bytes), 32, 10000000, 10000000 },
	{ "key_limit", OPTION_SIZE, AT(limits.key_bytes), 1, 2600, 2048 },
	{ "value_limit", OPTION_SIZE, AT(limits.value_bytes), 1, 1000000, 100000 },
};

static void *field_of(struct vd_database_settings *settings, const struct option_row *row)
{
	return (char *)settings + row->offset;
}

static void set_number(struct vd_database_settings *settings, const struct option_row *row, int64_t value)
{
	if (row->kind == OPTION_SIZE)
		*(size_t *)field_of(settings, row) = (size_t)value;
	else
		*(int64_t *)field_of(settings, row) = value;
}

static int set_text(char **field, const char *value, struct vd_error *error)
{
	char *copy = strdup(value);
	if (copy == NULL)
		return vd_error_set(error, VD_CODE_NO_MEMORY, "no memory for the settings");
	free(*field);
	*field = copy;
	return 0;
}

static int read_number(struct vd_database_settings *settings, const struct option_row *row, const char *value,
	struct vd_error *error)
{
	char *end;
	errno = 0;
	long long number = strtoll(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0' || number < row->least || number > row->most)
		return vd_error_set(error, VD_CODE_INVALID_OPTION_VALUE,
			"option %s must be a number from %lld to %lld, not \"%s\"", row->name, (long long)row->least,
			(long long)row->most, value);
	set_number(settings, row, number);
	return 0;
}

static int read_option(
	struct vd_database_settings *settings, const struct vd_option *option, struct vd_error *error)
{
	const char *name = option->name == NULL ? "" : option->name;
	for (size_t i = 0; i < VD_COUNT(option_rows); i++) {
		const struct option_row *row = &option_rows[i];
		if (strcmp(row->name, name) != 0)
			continue;
		if (option->value == NULL)
			return vd_error_set(error, VD_CODE_INVALID_OPTION_VALUE, "option %s needs a value", name);
		if (row->kind == OPTION_TEXT)
			return set_text(field_of(settings, row), option->value, error);
		return read_number(settings, row, option->value, error);
	}
	return vd_error_set(error, VD_CODE_INVALID_OPTION, "there is no option \"%s\"", name);
}

int vd_database_settings_init(struct vd_database_settings *settings, const char *dsn,
	const struct vd_option *options, size_t count, struct vd_error *error)
{
	*settings = (struct vd_database_settings){ 0 };
	for (size_t i = 0; i < VD_COUNT(option_rows); i++)
		if (option_rows[i].kind != OPTION_TEXT)
			set_number(settings, &option_rows[i], option_rows[i].initially);
	dsn = dsn == NULL ? "" : dsn;
	int code = set_text(&settings->dsn, dsn, error);
	if (code == 0)
		code = set_text(&settings->schema, "verdict", error);
	for (size_t i = 0; i < count && code == 0; i++)
		code = read_option(settings, &options[i], error);
	if (code == 0)
		code = vd_pg_dsn_check(dsn, error);
	if (code == 0 && !vd_pg_schema_is_legal(settings->schema))
		code = vd_error_set(error, VD_CODE_INVALID_OPTION_VALUE,
			"option schema: \"%s\" is no name of a schema: %s", settings->schema, vd_pg_schema_rule);
	if (code != 0 || settings->application_name != NULL)
		return code;
	if (asprintf(&settings->application_name, "%s/%s", VD_PG_APPLICATION_FOLLOWER, settings->schema) < 0) {
		settings->application_name = NULL;
		return vd_error_set(error, VD_CODE_NO_MEMORY, "no memory for the settings");
	}
	return 0;
}

void vd_database_settings_fini(struct vd_database_settings *settings)
{
	free(settings->dsn);
	free(settings->schema);
	free(settings->application_name);
	*settings = (struct vd_database_settings){ 0 };
}
