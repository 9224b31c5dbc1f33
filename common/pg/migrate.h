/* SPDX-License-Identifier: Apache-2.0 */
/* Migrate: bring a schema to the version that this program was built with, and check that it is there.
 *
 * 1. The migrations are migrations/NNNN_name.sql, embedded in the program. They go forward only, each in a
 * transaction of its own, with search_path = <schema>, pg_temp; schema_migrations(number, name, checksum,
 * applied_at) records them in the same transaction.
 * 2. All programs that migrate one schema take turns: an advisory lock whose key follows from database and
 * schema name is tried, again and again, without a waiting statement that would hold a snapshot.
 * Nobody waits behind one that waits for a lock (a long snapshot holds what it has read): after a moment it lets all pass and tries again.
 * 3. An applied migration is never changed: a checksum that differs is refused. A schema newer than the
 * program is not migrated; it is used if it says that it serves such programs still (migrations/0004_served.sql).
 * 4. The outcome is one clear line with a hint; nothing is half done: what was applied before the failing
 * migration stays, the failing one leaves no trace.
 *
 * Asynchronous, on a connection of the caller's that must not be used otherwise meanwhile, and that has its
 * search_path from its settings (or not at all). A connection that ends takes the run with it: the report (VD_SCHEMA_LOST)
 * comes before on_closed, as the outcome of any segment does. Thread: the loop's.
 */
#ifndef VD_COMMON_PG_MIGRATE_H
#define VD_COMMON_PG_MIGRATE_H

#include "common/base/check.h"

#include <stddef.h>
#include <stdint.h>

struct vd_pg;

/* One embedded file; what is compiled in is ordered by number, from 1, without holes. */
struct vd_migration {
	uint32_t number;
	const char *name;
	/* the text, and its SHA-256 in hex */
	const char *sql;
	const char *checksum;
};
extern const struct vd_migration vd_migrations[];
extern const size_t vd_migrations_count;

enum vd_schema_status {
	VD_SCHEMA_OK,
	/* No schema of that name, or one without schema_migrations. */
	VD_SCHEMA_MISSING,
	VD_SCHEMA_TOO_OLD,
	VD_SCHEMA_TOO_NEW,
	/* An applied migration is not the one that this program knows. */
	VD_SCHEMA_DIFFERS,
	/* The name is not legal, or the database refuses (a privilege, a failing statement). */
	VD_SCHEMA_REFUSED,
	/* The connection was lost: try again. */
	VD_SCHEMA_LOST,
};

struct vd_schema_report {
	enum vd_schema_status status;
	/* REFUSED for want of memory, time or a place, not of a right: the same may be granted later. */
	bool may_pass;
	/* The newest number in the database (0: none), and how many migrations this run applied. */
	uint32_t version;
	uint32_t applied;
	/* One line without a full stop, and what to do about it; "" if ok. */
	const char *message;
	const char *hint;
};

typedef void vd_schema_handler(void *arg, const struct vd_schema_report *report);

/* Creates the schema if need be and applies what is missing. The callback comes once, later; not at all after false: there is no
 * memory. */
VD_MUST_USE bool vd_migrate(struct vd_pg *pg, const char *schema, vd_schema_handler *callback, void *arg);

/* Looks only: what followers and resolvers do on their first connection. Needs USAGE on the schema. */
VD_MUST_USE bool vd_schema_check(
	struct vd_pg *pg, const char *schema, vd_schema_handler *callback, void *arg);

/* For tests: the same with other migrations. */
VD_MUST_USE bool vd_migrate_with(struct vd_pg *pg, const char *schema, const struct vd_migration *migrations,
	size_t count, vd_schema_handler *callback, void *arg);
VD_MUST_USE bool vd_schema_check_with(struct vd_pg *pg, const char *schema,
	const struct vd_migration *migrations, size_t count, vd_schema_handler *callback, void *arg);

#endif
