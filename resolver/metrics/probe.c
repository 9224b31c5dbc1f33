/* SPDX-License-Identifier: Apache-2.0 */
/* probe.c: see probe.h. */
#include "resolver/metrics/probe.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/pg/pipeline.h"

#include <stdio.h>

enum { EVERY_MS = 1000, SHARE = 20, REST_MOST_MS = 30000 };

enum { NODE, RELEASED, SERVES, EPOCH, TERM, TAKEN_AT, LED_MS, LEFT_MS, VERSION, QUEUE, NOTIFY, LOCK };

/* clang-format off */
static const struct vd_pg_statement probe_cluster = {
	.name = "probe_cluster",
	.sql = "SELECT l.node, l.released,"
		   " NOT l.released AND l.expires_at > clock_timestamp() AND l.term = w.term AS serves,"
		   " l.epoch, l.term::text AS term, l.taken_at,"
		   " CASE WHEN isfinite(l.taken_at)"
		   " THEN (extract(epoch FROM clock_timestamp() - l.taken_at) * 1000)::bigint ELSE 0 END AS led_ms,"
		   " CASE WHEN isfinite(l.expires_at)"
		   " THEN (extract(epoch FROM l.expires_at - clock_timestamp()) * 1000)::bigint ELSE 0 END AS left_ms,"
		   " w.version, queue_length(100000) AS queue,"
		   " pg_notification_queue_usage() AS notify, w.lock::text AS lock"
		   " FROM lease l, (SELECT version, term, lock FROM watermark ORDER BY version DESC LIMIT 1) w",
	.columns = { [NODE] = { "node", VD_PG_TEXT }, [RELEASED] = { "released", VD_PG_BOOL },
		[SERVES] = { "serves", VD_PG_BOOL }, [EPOCH] = { "epoch", VD_PG_INT8 }, [TERM] = { "term", VD_PG_TEXT },
		[TAKEN_AT] = { "taken_at", VD_PG_TIMESTAMPTZ }, [LED_MS] = { "led_ms", VD_PG_INT8 },
		[LEFT_MS] = { "left_ms", VD_PG_INT8 }, [VERSION] = { "version", VD_PG_INT8 },
		[QUEUE] = { "queue", VD_PG_INT8 }, [NOTIFY] = { "notify", VD_PG_FLOAT8 },
		[LOCK] = { "lock", VD_PG_TEXT } },
};
/* clang-format on */
static const struct vd_pg_statement probe_oldest = {
	.name = "probe_oldest",
	.sql = "SELECT (SELECT arrival FROM commit_requests ORDER BY arrival LIMIT 1) AS oldest,"
		   " (SELECT last_value FROM commit_requests_arrival_seq) AS newest",
	.columns = { { "oldest", VD_PG_INT8 }, { "newest", VD_PG_INT8 } },
};
static const struct vd_pg_statement probe_nodes = {
	.name = "probe_nodes",
	.sql = "SELECT node, up_ms, leads FROM nodes() LIMIT 64",
	.columns = { { "node", VD_PG_TEXT }, { "up_ms", VD_PG_INT8 }, { "leads", VD_PG_BOOL } },
};
VD_STATIC_ASSERT(VD_PROBE_NODES == 64 && VD_PROBE_QUEUE_MOST == 100000, "as the statements say");

static void on_cluster(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_probe *probe = arg;
	struct vd_probed *next = &probe->next;
	if (vd_pg_rows_count(rows) != 1)
		return;
	snprintf(next->leader, sizeof next->leader, "%s", vd_pg_rows_text(rows, 0, NODE));
	snprintf(next->term, sizeof next->term, "%s", vd_pg_rows_text(rows, 0, TERM));
	if (!vd_pg_rows_null(rows, 0, LOCK))
		snprintf(next->lock, sizeof next->lock, "%s", vd_pg_rows_text(rows, 0, LOCK));
	next->released = vd_pg_rows_bool(rows, 0, RELEASED);
	next->serves = vd_pg_rows_bool(rows, 0, SERVES);
	next->epoch = vd_pg_rows_int8(rows, 0, EPOCH);
	next->led_ms = vd_pg_rows_int8(rows, 0, LED_MS);
	next->lease_left_ms = vd_pg_rows_int8(rows, 0, LEFT_MS);
	next->watermark = vd_pg_rows_int8(rows, 0, VERSION);
	next->queue = vd_pg_rows_int8(rows, 0, QUEUE);
	next->notify_queue = vd_pg_rows_float8(rows, 0, NOTIFY);
	vd_metrics_election(
		probe->metrics, vd_pg_rows_timestamptz_us(rows, 0, TAKEN_AT), next->epoch, next->leader);
}

static void on_oldest(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_probe *probe = arg;
	if (vd_pg_rows_count(rows) != 1)
		return;
	vd_ages_note(&probe->ages, vd_pg_rows_int8(rows, 0, 1), probe->asked_ms);
	probe->next.oldest_ms = vd_pg_rows_null(rows, 0, 0)
								? -1
								: vd_ages_of(&probe->ages, vd_pg_rows_int8(rows, 0, 0), probe->asked_ms);
}

static void on_nodes(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_probed *next = &((struct vd_probe *)arg)->next;
	for (size_t row = 0; row < vd_pg_rows_count(rows) && next->node_count < VD_PROBE_NODES; row++) {
		struct vd_probe_node *node = &next->nodes[next->node_count++];
		snprintf(node->name, sizeof node->name, "%s", vd_pg_rows_text(rows, row, 0));
		node->up_ms = vd_pg_rows_int8(rows, row, 1);
		node->leads = vd_pg_rows_bool(rows, row, 2);
	}
}

static void on_answer(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_probe *probe = arg;
	probe->is_asking = false;
	if (probe->is_stopped)
		return;
	if (outcome->status == VD_PG_ERROR && !probe->has_failed)
		vd_log_warning("how the cluster is could not be asked, it is asked again",
			VD_LOG_TEXT("error", outcome->message));
	probe->has_failed = outcome->status == VD_PG_ERROR;
	int64_t now_ms = vd_clock_ms();
	int64_t rest_ms = EVERY_MS;
	if (outcome->status == VD_PG_OK) {
		probe->next.at_ms = now_ms;
		probe->last = probe->next;
		rest_ms = (now_ms - probe->asked_ms) * SHARE;
	}
	vd_timer_arm_ms(&probe->timer, rest_ms < EVERY_MS       ? EVERY_MS
								   : rest_ms > REST_MOST_MS ? REST_MOST_MS
															: rest_ms);
}

static void on_timer(void *arg)
{
	struct vd_probe *probe = arg;
	struct vd_pg *pg = vd_wires_pg(probe->wires, VD_BACKEND_SWEEP);
	if (pg == NULL) {
		vd_timer_arm_ms(&probe->timer, EVERY_MS / 10);
		return;
	}
	probe->is_asking = true;
	probe->asked_ms = vd_clock_ms();
	probe->next = (struct vd_probed){ 0 };
	struct vd_pg_segment *segment = vd_pg_segment_begin(pg);
	vd_pg_query(segment, &probe_cluster, NULL, on_cluster, probe);
	vd_pg_query(segment, &probe_oldest, NULL, on_oldest, probe);
	vd_pg_query(segment, &probe_nodes, NULL, on_nodes, probe);
	vd_pg_segment_end(segment, on_answer, probe);
}

void vd_probe_begin(
	struct vd_probe *probe, struct vd_loop *loop, const struct vd_wires *wires, struct vd_metrics *metrics)
{
	*probe = (struct vd_probe){ .wires = wires, .metrics = metrics };
	VD_ASSERT(vd_timer_init(&probe->timer, loop, on_timer, probe));
	vd_timer_arm_ms(&probe->timer, 0);
}

void vd_probe_stop(struct vd_probe *probe)
{
	probe->is_stopped = true;
	if (probe->timer.event != NULL)
		vd_timer_cancel(&probe->timer);
}

void vd_probe_fini(struct vd_probe *probe)
{
	VD_ASSERT(!probe->is_asking);
	vd_timer_fini(&probe->timer);
}
