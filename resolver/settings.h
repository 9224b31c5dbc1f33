/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h: all settings of verdict-resolver, in one table that also prints --help.
 *
 * What is wrong with a setting is told in one line with a hint before anything is done. The values are
 * read-only once the threads run; they live until vd_resolver_settings_free. Main thread.
 */
#ifndef VD_RESOLVER_SETTINGS_H
#define VD_RESOLVER_SETTINGS_H

#include "common/kv/request.h"
#include "common/text/settings.h"

struct vd_resolver_settings {
	char *dsn;
	char *schema;
	char *node;
	char *log_format;
	char *log_level;
	char *http_listen;
	int64_t lease_ttl_ms;
	int64_t look_interval_ms;
	int64_t batch_requests;
	int64_t batch_bytes;
	int64_t window_bytes;
	int64_t window_age_ms;
	int64_t client_limit;
	int64_t client_retention_ms;
	int64_t clear_max_rows;
	int64_t key_limit_bytes;
	int64_t value_limit_bytes;
	int64_t transaction_limit_bytes;
	int64_t statement_timeout_ms;
	int64_t handover_timeout_ms;
	bool print_life;
};

extern const struct vd_settings vd_resolver_settings_table;

/* The longest schema and node together, so that application names stay whole: "verdict-resolver/<schema>/<node>"
 * has at most 63 bytes. */
#define VD_NODE_AND_SCHEMA_BYTES 44

/* Reads flags, environment and file, fills in the node's name and checks what no single row can. `values` is
 * all zero before. */
VD_MUST_USE enum vd_settings_result vd_resolver_settings_load(
	int argc, char **argv, struct vd_resolver_settings *values, struct vd_error *error);
void vd_resolver_settings_free(struct vd_resolver_settings *values);

struct vd_limits vd_resolver_limits(const struct vd_resolver_settings *settings);

#endif
