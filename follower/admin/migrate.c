/* SPDX-License-Identifier: Apache-2.0 */
/* migrate.c: the schema, and the accounts that may use it. */
#include "common/base/arena.h"
#include "common/pg/password.h"
#include "follower/admin/admin.h"

#include <stdlib.h>
#include <string.h>

struct migration {
	struct vd_admin *admin;
	struct vd_admin_migrated *migrated;
};

static void on_migrated(void *arg, const struct vd_schema_report *report)
{
	struct migration *migration = arg;
	migration->migrated->version = report->version;
	migration->migrated->applied = report->applied;
	admin_on_schema(migration->admin, report);
}

int vd_admin_migrate(struct vd_admin *admin, struct vd_admin_migrated *migrated, struct vd_admin_error *error)
{
	struct migration migration = { admin, migrated };
	*migrated = (struct vd_admin_migrated){ 0 };
	int code = admin_begin(admin, error, false);
	if (code != 0)
		return code;
	code = vd_migrate(admin->pg, admin->schema.text, on_migrated, &migration)
			   ? admin_wait(admin)
			   : admin_error(admin->error, VD_ERROR_OUT_OF_MEMORY, NULL, "out of memory");
	admin->checked = code == 0;
	return code;
}

int vd_admin_check(struct vd_admin *admin, struct vd_admin_error *error)
{
	admin->checked = false;
	return admin_begin(admin, error, true);
}

/* ---- accounts ---- */

static void grant(
	struct vd_pg_segment *segment, struct vd_arena *arena, struct vd_pg_name role, const char *name)
{
	const char *sql = vd_arena_format(arena, "GRANT %s TO %s", role.text, name);
	vd_pg_query_text(segment, "grant", sql == NULL ? "" : sql, NULL, NULL);
}

/* All of it in one implicit transaction. */
static void queue_account(
	struct vd_admin *admin, struct vd_arena *arena, const char *name, const char *verifier, unsigned roles)
{
	struct vd_pg_segment *segment = vd_pg_segment_begin(admin->pg);
	const char *make = vd_arena_format(arena,
		"DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '%s') THEN CREATE ROLE %s; END "
		"IF; END $$",
		name, name);
	const char *enter = vd_arena_format(arena, "ALTER ROLE %s LOGIN PASSWORD '%s'", name, verifier);
	vd_pg_query_text(segment, "account", make == NULL ? "" : make, NULL, NULL);
	vd_pg_query_text(segment, "password", enter == NULL ? "" : enter, NULL, NULL);
	if ((roles & VD_ADMIN_FOLLOWER) != 0)
		grant(segment, arena, vd_pg_role_follower(admin->schema.text), name);
	if ((roles & VD_ADMIN_RESOLVER) != 0)
		grant(segment, arena, vd_pg_role_resolver(admin->schema.text), name);
	if ((roles & VD_ADMIN_OBSERVER) != 0)
		grant(segment, arena, vd_pg_role_observer(admin->schema.text), name);
	vd_pg_segment_end(segment, admin_on_outcome, admin);
}

int vd_admin_account(struct vd_admin *admin, const char *name, const char *password, unsigned roles,
	struct vd_admin_error *error)
{
	struct vd_arena arena;
	if (!vd_pg_schema_is_legal(name))
		return admin_error(error, VD_ERROR_CLIENT_INVALID_OPERATION, vd_pg_schema_rule,
			"\"%.64s\" cannot be the name of an account", name);
	int code = admin_begin(admin, error, true);
	if (code != 0)
		return code;
	char *verifier = vd_pg_password_verifier(admin->pg, name, password);
	if (verifier == NULL)
		return admin_error(error, VD_ERROR_OUT_OF_MEMORY, NULL, "out of memory");
	vd_arena_init(&arena, 65536);
	queue_account(admin, &arena, name, verifier, roles);
	code = admin_wait(admin);
	vd_arena_fini(&arena);
	free(verifier);
	return code;
}
