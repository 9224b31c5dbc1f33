/* SPDX-License-Identifier: Apache-2.0 */
/* cli.c: settings, errors and databases for the verbs. */
#include "cli/cli.h"

#include "common/base/log.h"
#include "common/base/redact.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Of the verb that runs; one a process. */
static const char *program = "verdict";

const char vd_cli_hint[] = "is PostgreSQL running there, and is this account a member of <schema>_follower?";

const char *vd_cli_name(void)
{
	return program;
}

bool vd_cli_load(
	const struct vd_settings *settings, int argc, char **argv, void *values, int *operands, int *exit_code)
{
	struct vd_error error = { 0 };
	program = settings->program;
	switch (vd_settings_load(settings, argc, argv, values, operands, &error)) {
	case VD_SETTINGS_READY:
		return true;
	case VD_SETTINGS_PRINTED:
		*exit_code = VD_EXIT_DONE;
		return false;
	case VD_SETTINGS_WRONG:
		break;
	}
	if (error.hint[0] == '\0')
		vd_error_hint(&error, "%s --help lists all settings", program);
	*exit_code = vd_cli_fail(&error);
	return false;
}

int vd_cli_fail(const struct vd_error *error)
{
	fflush(stdout);
	vd_error_print(error, program, stderr);
	return VD_EXIT_WRONG;
}

int vd_cli_wrong(const char *hint, const char *format, ...)
{
	struct vd_error error = { 0 };
	char message[sizeof error.message];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	vd_error_set(&error, VD_ERROR_CLIENT_INVALID_OPERATION, "%s", message);
	if (hint != NULL)
		vd_error_hint(&error, "%s", hint);
	return vd_cli_fail(&error);
}

int vd_cli_check_file(const char *name)
{
	const char *shown = VD_REDACT_WORD(name);
	if (strncmp(shown, name, strlen(shown)) == 0)
		return VD_EXIT_DONE;
	return vd_cli_wrong(
		"--dsn, or VERDICT_DSN, takes the connection string", "%s is not the name of a file", shown);
}

int vd_cli_output_failed(void)
{
	return vd_cli_wrong("is the disk full, or the reader gone?", "standard output cannot be written");
}

int vd_cli_fail_admin(const struct vd_admin_error *error)
{
	if (error->code == VD_ERROR_OPERATION_CANCELLED && vd_interrupted())
		return VD_EXIT_INTERRUPTED;
	return vd_cli_wrong(error->hint[0] == '\0' ? NULL : error->hint, "%s", error->message);
}

static void interrupt_admin(void *admin)
{
	vd_admin_interrupt(admin);
}

int vd_cli_check(const char *dsn, const char *schema)
{
	struct vd_admin *admin = NULL;
	struct vd_admin_error error = { 0 };
	if (vd_admin_open(dsn, schema, 0, &admin, &error) != 0)
		return vd_cli_fail_admin(&error);
	vd_interrupt_set(interrupt_admin, admin);
	int code = vd_admin_check(admin, &error);
	vd_interrupt_set(NULL, NULL);
	vd_admin_close(admin);
	return code == 0 ? VD_EXIT_DONE : vd_cli_fail_admin(&error);
}

static struct vd_database *open_database(const char *dsn, const char *schema, bool is_wide, int *exit_code)
{
	const struct vd_option options[] = { { "schema", schema }, { "key_limit", "2600" },
		{ "value_limit", "1000000" } };
	size_t count = is_wide ? VD_COUNT(options) : 1;
	char message[512] = "";
	struct vd_database *database = NULL;
	*exit_code = vd_cli_check(dsn, schema);
	if (*exit_code != VD_EXIT_DONE)
		return NULL;
	int code = vd_database_open(NULL, dsn, options, count, &database, message, sizeof message);
	if (code != 0) {
		*exit_code = vd_cli_wrong(NULL, "%s", message[0] == '\0' ? vd_error_text(code) : message);
		return NULL;
	}
	struct vd_future *ready = vd_database_ready(database);
	code = vd_cli_wait(ready);
	if (code != 0 && vd_interrupted())
		*exit_code = VD_EXIT_INTERRUPTED;
	else if (code != 0)
		*exit_code = vd_cli_wrong(vd_cli_hint, "%s", vd_future_message(ready));
	vd_future_free(ready);
	if (code == 0)
		return database;
	vd_database_close(database, NULL, NULL);
	return NULL;
}

struct vd_database *vd_cli_database(const char *dsn, const char *schema, int *exit_code)
{
	return open_database(dsn, schema, false, exit_code);
}

struct vd_database *vd_cli_database_wide(const char *dsn, const char *schema, int *exit_code)
{
	return open_database(dsn, schema, true, exit_code);
}
