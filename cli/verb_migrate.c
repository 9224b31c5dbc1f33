/* SPDX-License-Identifier: Apache-2.0 */
/* verb_migrate.c: brings a schema to the version that this program was built with. */
#include "cli/cli.h"
#include "cli/roles.h"

#include <stdio.h>

struct migrate_settings {
	char *dsn;
	char *schema;
	int64_t timeout_ms;
	bool print_roles;
	char *account;
};

static const struct vd_setting rows[] = {
	VD_CLI_STORE_ROWS(struct migrate_settings),
	VD_SETTING_DURATION("timeout", struct migrate_settings, timeout_ms, "60s", 100, 86400000,
		"how long to wait for the database, and for others that migrate"),
	VD_SETTING_BOOL("print-roles", struct migrate_settings, print_roles, "false",
		"print, as SQL for an administrator, what an account that may not create roles needs made, and exit"),
	VD_SETTING_STRING("account", struct migrate_settings, account, "",
		"with --print-roles: the account that is to migrate"),
};

static const struct vd_settings settings = {
	.program = "verdict migrate",
	.usage = "[settings]",
	.about = "Creates the schema if need be and applies the migrations that are missing, each whole or not "
			 "at all. Needs an\n"
			 "account that may create schemas and roles, or what --print-roles prints. A schema that is "
			 "newer than this program is refused.",
	.rows = rows,
	.count = VD_COUNT(rows),
};

static void interrupt(void *admin)
{
	vd_admin_interrupt(admin);
}

static int migrate(const struct migrate_settings *given)
{
	struct vd_admin *admin = NULL;
	struct vd_admin_error error = { 0 };
	struct vd_admin_migrated migrated;
	if (vd_admin_open(given->dsn, given->schema, given->timeout_ms, &admin, &error) != 0)
		return vd_cli_fail_admin(&error);
	if (given->print_roles) {
		vd_roles_print(given->schema, given->account, stdout);
		vd_admin_close(admin);
		return VD_EXIT_DONE;
	}
	vd_interrupt_set(interrupt, admin);
	int code = vd_admin_migrate(admin, &migrated, &error);
	vd_interrupt_set(NULL, NULL);
	vd_admin_close(admin);
	if (code != 0)
		return vd_cli_fail_admin(&error);
	if (migrated.applied == 0)
		printf("schema %s is up to date at version %u\n", given->schema, migrated.version);
	else
		printf("schema %s is at version %u (%u migration%s applied)\n", given->schema, migrated.version,
			migrated.applied, migrated.applied == 1 ? "" : "s");
	return VD_EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct migrate_settings given = { 0 };
	int code;
	if (!vd_cli_load(&settings, argc, argv, &given, NULL, &code))
		return code;
	code = vd_interrupt_start() ? migrate(&given) : VD_EXIT_WRONG;
	vd_settings_free(&settings, &given);
	return code;
}

const struct vd_verb vd_verb_migrate = { "migrate", "create the schema, or bring it to this version", run,
	&settings };
