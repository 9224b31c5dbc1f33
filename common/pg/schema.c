/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/schema.h"

#include <string.h>

struct pg_schema_record pg_schema_compare(
	const struct vd_pg_rows *rows, const struct vd_migration *migrations, size_t count)
{
	struct pg_schema_record record = { 0 };
	for (size_t i = 0; i < vd_pg_rows_count(rows); i++) {
		const struct vd_migration *known = i < count ? &migrations[i] : NULL;
		record.newest = (uint32_t)vd_pg_rows_int4(rows, i, 0);
		if (record.strange == 0 && known != NULL &&
			(record.newest != known->number || strcmp(vd_pg_rows_text(rows, i, 1), known->checksum) != 0))
			record.strange = known->number;
		if (record.newest == count)
			record.serves_us = vd_pg_rows_bool(rows, i, 2);
	}
	return record;
}

enum vd_schema_status pg_schema_judge(const struct pg_schema_record *record, size_t count, bool is_to_migrate,
	const char *schema, struct vd_buffer *message, struct vd_buffer *hint)
{
	if (record->newest > count && (is_to_migrate || !record->serves_us)) {
		vd_buffer_add_format(message, "schema \"%s\" is at version %u, this program knows versions up to %zu",
			schema, record->newest, count);
		vd_buffer_add_text(hint, "use a newer program, or another schema");
		return VD_SCHEMA_TOO_NEW;
	}
	if (record->strange != 0) {
		vd_buffer_add_format(message,
			"migration %04u of schema \"%s\" is not the one that this program knows", record->strange,
			schema);
		vd_buffer_add_text(hint,
			"the schema was made by another build, or changed by hand; use that build, or another schema");
		return VD_SCHEMA_DIFFERS;
	}
	if (record->newest >= count)
		return VD_SCHEMA_OK;
	if (record->newest == 0)
		vd_buffer_add_format(message, "schema \"%s\" does not hold a store of Verdict", schema);
	else
		vd_buffer_add_format(
			message, "schema \"%s\" is at version %u, this program needs %zu", schema, record->newest, count);
	vd_buffer_add_format(hint, "run: verdict migrate --schema %s", schema);
	return record->newest == 0 ? VD_SCHEMA_MISSING : VD_SCHEMA_TOO_OLD;
}
