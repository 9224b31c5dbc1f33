/* SPDX-License-Identifier: Apache-2.0 */
/* status.c: how a store is, in one look. What sessions of others do is shown by functions with their owner's rights, so that
 * an observer sees it. */
#include "follower/admin/admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_COUNT_MOST "100000"

#define MS(interval) "(extract(epoch FROM " interval ") * 1000)::bigint"

enum {
	NODE,
	RELEASED,
	SERVES,
	EPOCH,
	TERM,
	LED_MS,
	LEFT_MS,
	RENEWALS,
	BATCHES,
	COMMITTED,
	CONFLICTS,
	TOO_OLD,
	REJECTED,
	VERSION,
	WATERMARK_TERM,
	LOCK,
	QUEUE,
	SNAPSHOT_MS,
	NOTIFY,
};

/* clang-format off */
static const struct vd_pg_statement select_status = {
	.name = "admin_status",
	.sql = "SELECT l.node, l.released,"
		   " NOT l.released AND l.expires_at > clock_timestamp() AND l.term = w.term AS serves,"
		   " l.epoch, l.term::text AS term,"
		   " CASE WHEN isfinite(l.taken_at) THEN " MS("clock_timestamp() - l.taken_at") " ELSE 0 END AS led_ms,"
		   " CASE WHEN isfinite(l.expires_at) THEN " MS("l.expires_at - clock_timestamp()") " ELSE 0 END AS left_ms,"
		   " l.renewals, l.batches, l.committed, l.conflicts, l.too_old, l.rejected,"
		   " w.version, w.term::text AS watermark_term, w.lock::text AS lock,"
		   " queue_length(" QUEUE_COUNT_MOST ") AS queue, oldest_snapshot() AS snapshot_ms,"
		   " pg_notification_queue_usage() AS notify"
		   " FROM lease l, (SELECT version, term, lock FROM watermark ORDER BY version DESC LIMIT 1) w",
	.columns = { [NODE] = { "node", VD_PG_TEXT },
		[RELEASED] = { "released", VD_PG_BOOL },
		[SERVES] = { "serves", VD_PG_BOOL },
		[EPOCH] = { "epoch", VD_PG_INT8 },
		[TERM] = { "term", VD_PG_TEXT },
		[LED_MS] = { "led_ms", VD_PG_INT8 },
		[LEFT_MS] = { "left_ms", VD_PG_INT8 },
		[RENEWALS] = { "renewals", VD_PG_INT8 },
		[BATCHES] = { "batches", VD_PG_INT8 },
		[COMMITTED] = { "committed", VD_PG_INT8 },
		[CONFLICTS] = { "conflicts", VD_PG_INT8 },
		[TOO_OLD] = { "too_old", VD_PG_INT8 },
		[REJECTED] = { "rejected", VD_PG_INT8 },
		[VERSION] = { "version", VD_PG_INT8 },
		[WATERMARK_TERM] = { "watermark_term", VD_PG_TEXT },
		[LOCK] = { "lock", VD_PG_TEXT },
		[QUEUE] = { "queue", VD_PG_INT8 },
		[SNAPSHOT_MS] = { "snapshot_ms", VD_PG_INT8 },
		[NOTIFY] = { "notify", VD_PG_FLOAT8 } },
};
/* clang-format on */

static const struct vd_pg_statement select_nodes = {
	.name = "admin_nodes",
	.sql = "SELECT node, up_ms, leads FROM nodes()",
	.columns = { { "node", VD_PG_TEXT }, { "up_ms", VD_PG_INT8 }, { "leads", VD_PG_BOOL } },
};

static const struct vd_pg_statement select_server = {
	.name = "admin_server",
	.sql =
		"SELECT CASE WHEN pg_is_in_recovery() THEN -1 ELSE (pg_current_wal_insert_lsn() - '0/0')::bigint END "
		"AS wal_bytes, pg_backend_pid()::bigint AS pid",
	.columns = { { "wal_bytes", VD_PG_INT8 }, { "pid", VD_PG_INT8 } },
};

struct look {
	struct vd_admin *admin;
	struct vd_admin_status *status;
};

static void on_status(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_admin_status *s = ((struct look *)arg)->status;
	if (vd_pg_rows_count(rows) == 0)
		return;
	snprintf(s->leader, sizeof s->leader, "%s", vd_pg_rows_text(rows, 0, NODE));
	snprintf(s->term, sizeof s->term, "%s", vd_pg_rows_text(rows, 0, TERM));
	snprintf(s->watermark_term, sizeof s->watermark_term, "%s", vd_pg_rows_text(rows, 0, WATERMARK_TERM));
	if (!vd_pg_rows_null(rows, 0, LOCK))
		snprintf(s->lock, sizeof s->lock, "%s", vd_pg_rows_text(rows, 0, LOCK));
	s->released = vd_pg_rows_bool(rows, 0, RELEASED);
	s->serves = vd_pg_rows_bool(rows, 0, SERVES);
	s->epoch = vd_pg_rows_int8(rows, 0, EPOCH);
	s->led_ms = vd_pg_rows_int8(rows, 0, LED_MS);
	s->lease_left_ms = vd_pg_rows_int8(rows, 0, LEFT_MS);
	s->renewals = vd_pg_rows_int8(rows, 0, RENEWALS);
	s->batches = vd_pg_rows_int8(rows, 0, BATCHES);
	s->committed = vd_pg_rows_int8(rows, 0, COMMITTED);
	s->conflicts = vd_pg_rows_int8(rows, 0, CONFLICTS);
	s->too_old = vd_pg_rows_int8(rows, 0, TOO_OLD);
	s->rejected = vd_pg_rows_int8(rows, 0, REJECTED);
	s->watermark_version = vd_pg_rows_int8(rows, 0, VERSION);
	s->queue = vd_pg_rows_int8(rows, 0, QUEUE);
	s->oldest_snapshot_ms =
		vd_pg_rows_null(rows, 0, SNAPSHOT_MS) ? -1 : vd_pg_rows_int8(rows, 0, SNAPSHOT_MS);
	s->notify_queue = vd_pg_rows_float8(rows, 0, NOTIFY);
}

static void on_nodes(void *arg, const struct vd_pg_rows *rows)
{
	struct look *look = arg;
	struct vd_admin *admin = look->admin;
	size_t count = vd_pg_rows_count(rows);
	free(admin->nodes);
	admin->nodes = count == 0 ? NULL : calloc(count, sizeof *admin->nodes);
	admin->node_count = admin->nodes == NULL ? 0 : count;
	for (size_t i = 0; i < admin->node_count; i++) {
		struct vd_admin_node *node = &admin->nodes[i];
		snprintf(node->name, sizeof node->name, "%s", vd_pg_rows_text(rows, i, 0));
		node->up_ms = vd_pg_rows_int8(rows, i, 1);
		node->leads = vd_pg_rows_bool(rows, i, 2);
	}
	look->status->nodes = admin->nodes;
	look->status->node_count = admin->node_count;
}

static void on_server(void *arg, const struct vd_pg_rows *rows)
{
	struct look *look = arg;
	if (vd_pg_rows_count(rows) == 0)
		return;
	look->status->wal_bytes = vd_pg_rows_int8(rows, 0, 0);
	look->status->backend_pid = vd_pg_rows_int8(rows, 0, 1);
}

int vd_admin_status(struct vd_admin *admin, struct vd_admin_status *status, struct vd_admin_error *error)
{
	struct look look = { admin, status };
	*status = (struct vd_admin_status){ .oldest_snapshot_ms = -1, .wal_bytes = -1 };
	int code = admin_begin(admin, error, true);
	if (code != 0)
		return code;
	struct vd_pg_segment *segment = vd_pg_segment_begin(admin->pg);
	vd_pg_query(segment, &select_status, NULL, on_status, &look);
	vd_pg_query(segment, &select_nodes, NULL, on_nodes, &look);
	vd_pg_query(segment, &select_server, NULL, on_server, &look);
	vd_pg_segment_end(segment, admin_on_outcome, admin);
	return admin_wait(admin);
}
