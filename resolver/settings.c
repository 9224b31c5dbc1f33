/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c: the table, and the checks across its rows. */
#include "resolver/settings.h"

#include "common/pg/connection.h"
#include "common/pg/names.h"
#include "resolver/metrics/address.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
static const struct vd_setting rows[] = {
	VD_SETTING_DSN("dsn", struct vd_resolver_settings, dsn, "",
		"connection string of PostgreSQL; empty: libpq's own variables (PGHOST and so on)"),
	VD_SETTING_STRING("schema", struct vd_resolver_settings, schema, "verdict",
		"the schema that holds this database of Verdict"),
	VD_SETTING_STRING("node", struct vd_resolver_settings, node, "",
		"this node's name in lease and logs; empty: host name and process id"),
	VD_SETTING_DURATION("lease-ttl", struct vd_resolver_settings, lease_ttl_ms, "3s", 200, 600000,
		"how long a leader leads without renewing; the same for all nodes"),
	VD_SETTING_DURATION("look-interval", struct vd_resolver_settings, look_interval_ms, "100ms", 10, 60000,
		"how often a standby looks at the lease"),
	VD_SETTING_INTEGER("batch-requests", struct vd_resolver_settings, batch_requests, "2048", 1, 60000,
		"requests that one batch takes at most"),
	VD_SETTING_SIZE("batch-bytes", struct vd_resolver_settings, batch_bytes, "16MB", 65536, 268435456,
		"bytes of requests that one batch takes at most (a single request may be larger)"),
	VD_SETTING_SIZE("window-bytes", struct vd_resolver_settings, window_bytes, "256MB", 1048576, 68719476736,
		"memory for recent writes, beyond which older transactions become too old"),
	VD_SETTING_DURATION("window-age", struct vd_resolver_settings, window_age_ms, "5s", 100, 600000,
		"how long after its read version a transaction may commit"),
	VD_SETTING_INTEGER("client-limit", struct vd_resolver_settings, client_limit, "20000", 16, 1000000,
		"verdicts that a client may leave unacknowledged before its requests wait"),
	VD_SETTING_DURATION("client-retention", struct vd_resolver_settings, client_retention_ms, "24h", 60000, 31536000000,
		"registrations unused for so long are forgotten"),
	VD_SETTING_INTEGER("clear-max-rows", struct vd_resolver_settings, clear_max_rows, "1000000", 1, 1000000000,
		"rows that one clear of a range may delete; all clears of a batch together: four times that"),
	VD_SETTING_SIZE("key-limit", struct vd_resolver_settings, key_limit_bytes, "2048", 1, 2600,
		"longest key"),
	VD_SETTING_SIZE("value-limit", struct vd_resolver_settings, value_limit_bytes, "100000", 1, 1000000,
		"longest value"),
	VD_SETTING_SIZE("transaction-limit", struct vd_resolver_settings, transaction_limit_bytes, "10000000", 1000, 10000000,
		"largest transaction, mutations and conflict ranges together"),
	VD_SETTING_DURATION("statement-timeout", struct vd_resolver_settings, statement_timeout_ms, "60s", 1000, 3600000,
		"longest statement of a batch; then the batch is tried again"),
	VD_SETTING_DURATION("handover-timeout", struct vd_resolver_settings, handover_timeout_ms, "5s", 100, 600000,
		"how long a leader that is asked to stop, or to hand over, goes on with what is queued"),
	VD_SETTING_CHOICE("log-format", struct vd_resolver_settings, log_format, "text", "text|json",
		"log lines for people, or one JSON object a line"),
	VD_SETTING_CHOICE("log-level", struct vd_resolver_settings, log_level, "info", "error|warning|info|debug|off",
		"the least important lines that are written"),
	VD_SETTING_STRING("http-listen", struct vd_resolver_settings, http_listen, "",
		"where health, status and metrics are answered: a port of this machine alone, or address:port; empty: nowhere"),
	VD_SETTING_BOOL("print-life", struct vd_resolver_settings, print_life, "false",
		"print the states of a node as a diagram (mermaid), and exit"),
};
/* clang-format on */

const struct vd_settings vd_resolver_settings_table = {
	.program = "verdict-resolver",
	.usage = "[--setting value …]",
	.about = "One node of Verdict. Several run against one PostgreSQL; one of them leads and gives every "
			 "commit its\n"
			 "verdict, the others stand by. SIGTERM hands over and ends it.",
	.rows = rows,
	.count = VD_COUNT(rows),
};

/* Host name and process id, cut to what fits, in the letters that a name may have. */
static char *default_node(size_t room)
{
	char host[65] = "";
	char name[96];
	char pid[24];
	if (gethostname(host, sizeof host - 1) != 0 || host[0] == 0)
		strcpy(host, "node");
	host[strcspn(host, ".")] = 0;
	snprintf(pid, sizeof pid, "-%d", (int)getpid());
	size_t room_for_host = room > strlen(pid) ? room - strlen(pid) : 0;
	snprintf(name, sizeof name, "%.*s%s", (int)room_for_host, host, pid);
	return strdup(name[0] == '-' ? name + 1 : name);
}

static bool node_is_legal(const char *node)
{
	for (const char *at = node; *at != 0; at++)
		if (!isalnum((unsigned char)*at) && strchr("-_.:", *at) == NULL)
			return false;
	return node[0] != 0;
}

static int check(struct vd_resolver_settings *values, struct vd_error *error)
{
	if (vd_pg_dsn_check(values->dsn, error) != 0)
		return error->code;
	if (!vd_pg_schema_is_legal(values->schema)) {
		vd_error_set(
			error, VD_CODE_INVALID_OPTION_VALUE, "schema \"%s\" is not a legal name", values->schema);
		vd_error_hint(error, "%s", vd_pg_schema_rule);
		return error->code;
	}
	size_t room = VD_NODE_AND_SCHEMA_BYTES - strlen(values->schema);
	if (values->node[0] == 0) {
		free(values->node);
		values->node = default_node(room);
		VD_ASSERT(values->node != NULL);
	}
	if (!node_is_legal(values->node) || strlen(values->node) > room) {
		vd_error_set(
			error, VD_CODE_INVALID_OPTION_VALUE, "node \"%s\" is not a legal name here", values->node);
		vd_error_hint(error, "letters, digits and -_.: only, and at most %zu of them with schema \"%s\"",
			room, values->schema);
		return error->code;
	}
	if (values->look_interval_ms * 2 > values->lease_ttl_ms) {
		vd_error_set(error, VD_CODE_INVALID_OPTION_VALUE, "look-interval is more than half of lease-ttl");
		vd_error_hint(
			error, "a standby must look several times within one lease; the defaults are 100ms and 3s");
		return error->code;
	}
	struct vd_address address;
	return values->http_listen[0] == 0 ? 0 : vd_address_parse(values->http_listen, &address, error);
}

enum vd_settings_result vd_resolver_settings_load(
	int argc, char **argv, struct vd_resolver_settings *values, struct vd_error *error)
{
	enum vd_settings_result result =
		vd_settings_load(&vd_resolver_settings_table, argc, argv, values, NULL, error);
	if (result != VD_SETTINGS_READY || values->print_life || check(values, error) == 0)
		return result;
	vd_resolver_settings_free(values);
	return VD_SETTINGS_WRONG;
}

void vd_resolver_settings_free(struct vd_resolver_settings *values)
{
	vd_settings_free(&vd_resolver_settings_table, values);
}

struct vd_limits vd_resolver_limits(const struct vd_resolver_settings *settings)
{
	return (struct vd_limits){ .key_bytes = (size_t)settings->key_limit_bytes,
		.value_bytes = (size_t)settings->value_limit_bytes,
		.transaction_bytes = (size_t)settings->transaction_limit_bytes };
}
