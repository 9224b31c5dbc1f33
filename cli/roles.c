/* SPDX-License-Identifier: Apache-2.0 */
/* roles.c: see roles.h. A schema's name needs no escapes; an account's may. */
#include "cli/roles.h"

static const char *const roles[] = { "resolver", "follower", "observer" };

static void print_quoted(const char *name, FILE *file)
{
	fputc('"', file);
	for (; *name != '\0'; name++) {
		if (*name == '"')
			fputc('"', file);
		fputc(*name, file);
	}
	fputc('"', file);
}

void vd_roles_print(const char *schema, const char *account, FILE *file)
{
	fprintf(file,
		"-- Roles and place of the schema \"%s\", for a superuser to make. (Without the line of "
		"pg_signal_backend,\n"
		"-- for whoever may create roles and schemas.) Running it again changes nothing. After it, a member "
		"of\n"
		"-- %s_resolver can migrate: verdict migrate --schema %s\n"
		"DO $$ BEGIN\n",
		schema, schema, schema);
	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
		fprintf(file,
			"  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%s_%s') THEN CREATE ROLE \"%s_%s\" "
			"NOLOGIN; "
			"END IF;\n",
			schema, roles[i], schema, roles[i]);
	fprintf(file,
		"END $$;\n"
		"-- without these a failover waits for the lease, instead of ending the old leader's sessions\n"
		"GRANT pg_signal_backend, pg_read_all_stats TO \"%s_resolver\";\n"
		"CREATE SCHEMA IF NOT EXISTS \"%s\";\n"
		"ALTER SCHEMA \"%s\" OWNER TO \"%s_resolver\";\n",
		schema, schema, schema, schema);
	if (account[0] != '\0') {
		fprintf(file, "GRANT \"%s_resolver\" TO ", schema);
		print_quoted(account, file);
		fputs(";\n", file);
	}
	fprintf(file,
		"-- GRANT \"%s_resolver\" TO the accounts that migrate, and those of resolvers\n"
		"-- GRANT \"%s_follower\" TO the accounts of workers\n"
		"-- GRANT \"%s_observer\" TO those that only look\n",
		schema, schema, schema);
}
