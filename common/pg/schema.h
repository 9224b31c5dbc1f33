/* SPDX-License-Identifier: Apache-2.0 */
/* Schema: what schema_migrations says, against the migrations that this program knows. Pure, but for reading rows.
 * Private to common/pg. */
#ifndef VD_COMMON_PG_SCHEMA_H
#define VD_COMMON_PG_SCHEMA_H

#include "common/base/buffer.h"
#include "common/pg/migrate.h"
#include "common/pg/rows.h"

struct pg_schema_record {
	/* 0: none */
	uint32_t newest;
	/* the first that is not ours, or where there is a hole; 0: none */
	uint32_t strange;
	/* the newest migration that this program knows is there, and programs that know no more are served still */
	bool serves_us;
};

/* Rows of (number, checksum, served), by number. */
struct pg_schema_record pg_schema_compare(
	const struct vd_pg_rows *rows, const struct vd_migration *migrations, size_t count);

/* OK, MISSING, TOO_OLD, TOO_NEW or DIFFERS; if not OK, appends the message and the hint. A newer schema that serves this program is OK
 * for one that only uses it. */
enum vd_schema_status pg_schema_judge(const struct pg_schema_record *record, size_t count, bool is_to_migrate,
	const char *schema, struct vd_buffer *message, struct vd_buffer *hint);

#endif
