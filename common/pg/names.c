/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char vd_pg_schema_rule[] = "a schema's name begins with a-z or _, goes on with a-z, 0-9 or _, has at "
								 "most 40 characters, and does not begin with pg_";

bool vd_pg_schema_is_legal(const char *schema)
{
	if (schema == NULL || strncmp(schema, "pg_", 3) == 0)
		return false;
	size_t length = strspn(schema, "abcdefghijklmnopqrstuvwxyz0123456789_");
	return length > 0 && length <= VD_PG_SCHEMA_BYTES_MAX && schema[length] == 0 &&
		   !(schema[0] >= '0' && schema[0] <= '9');
}

static struct vd_pg_name name_of(const char *schema, const char *suffix)
{
	struct vd_pg_name name;
	VD_ASSERT(vd_pg_schema_is_legal(schema));
	snprintf(name.text, sizeof name.text, "%s_%s", schema, suffix);
	return name;
}

struct vd_pg_name vd_pg_channel_doorbell(const char *schema)
{
	return name_of(schema, "doorbell");
}

struct vd_pg_name vd_pg_channel_lease(const char *schema)
{
	return name_of(schema, "lease");
}

struct vd_pg_name vd_pg_channel_verdicts(const char *schema)
{
	return name_of(schema, "verdicts");
}

struct vd_pg_name vd_pg_channel_reply(const char *schema, uint64_t reply)
{
	char suffix[sizeof "reply_" + 16];
	snprintf(suffix, sizeof suffix, "reply_%016" PRIx64, reply);
	return name_of(schema, suffix);
}

struct vd_pg_name vd_pg_role_resolver(const char *schema)
{
	return name_of(schema, "resolver");
}

struct vd_pg_name vd_pg_role_follower(const char *schema)
{
	return name_of(schema, "follower");
}

struct vd_pg_name vd_pg_role_observer(const char *schema)
{
	return name_of(schema, "observer");
}

struct vd_pg_name vd_pg_application(const char *program, const char *schema, const char *node)
{
	struct vd_pg_name name;
	int length = snprintf(name.text, sizeof name.text, "%s/%s%s%s", program, schema, node == NULL ? "" : "/",
		node == NULL ? "" : node);
	VD_ASSERT(length > 0);
	return name;
}
