/* SPDX-License-Identifier: Apache-2.0 */
/* settle.c: see settle.h. Fault point: settle.before_read. */
#include "resolver/settle.h"

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/pg/connection.h"
#include "common/pg/pipeline.h"
#include "resolver/office.h"

#include <string.h>

/* model: end_backends */
static const struct vd_pg_statement end_backends = {
	.name = "end_backends",
	.sql =
		"SELECT pg_terminate_backend(a.pid, 1000) FROM unnest($1::int[], $2::timestamptz[]) AS o(pid, start),"
		" LATERAL pg_stat_get_activity(o.pid) a WHERE a.backend_start = o.start",
	.params = { VD_PG_INT4_ARRAY, VD_PG_TIMESTAMPTZ_ARRAY },
};
static const struct vd_pg_statement read_watermark = {
	.name = "read_watermark",
	.sql = "SELECT term, version, lock FROM watermark ORDER BY version DESC LIMIT 1",
	.columns = { { "term", VD_PG_UUID }, { "version", VD_PG_INT8 }, { "lock", VD_PG_UUID } },
};

static void on_watermark(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_settle *settle = arg;
	settle->has_answer = vd_pg_rows_count(rows) == 1;
	if (!settle->has_answer)
		return;
	struct vd_pg_uuid term = vd_pg_rows_uuid(rows, 0, 0);
	memcpy(settle->term, term.bytes, sizeof settle->term);
	settle->version = (uint64_t)vd_pg_rows_int8(rows, 0, 1);
	struct vd_pg_uuid lock = vd_pg_rows_uuid(rows, 0, 2);
	settle->lock.is_held = !vd_pg_rows_null(rows, 0, 2);
	memcpy(settle->lock.id, lock.bytes, sizeof settle->lock.id);
}

static void log_settled(const struct vd_settle *settle, const char *consequence)
{
	vd_log_info("read the watermark on a fresh connection", VD_LOG_UINT("version", settle->version),
		VD_LOG_TEXT("consequence", consequence));
}

/* What was read, and what follows from it. (model: leader_settle) */
static void judge(struct vd_settle *settle, const struct vd_pg *pg)
{
	struct vd_office *office = settle->office;
	int64_t postmaster_start_us = vd_pg_server(pg)->postmaster_start_us;
	bool was_restarted = postmaster_start_us != office->takeover.postmaster_start_us;
	uint32_t landed = 0;
	enum vd_settled settled = vd_memory_settle(office->memory, settle->term, settle->version, &landed);
	if (settled == VD_SETTLED_LOST) {
		log_settled(settle, "it is not where this term left it, so the term is over");
		vd_office_end(office, "the watermark is of another term");
		return;
	}
	settle->is_under_way = false;
	settle->old_count = 0;
	office->order.is_synchronous = vd_pg_server(pg)->synchronous_standbys;
	const struct vd_wire *wire = &office->wires->wire[VD_BACKEND_APPLY];
	vd_hinge_set_backend(office->hinge, VD_BACKEND_APPLY, wire->pid, wire->start_us);
	if (settled == VD_SETTLED_UNEXPECTED || was_restarted) {
		log_settled(settle, was_restarted ? "the server was restarted, so all is read anew"
										  : "a version that nobody here knows, so all is read anew");
		office->takeover.postmaster_start_us = postmaster_start_us;
		vd_drain_reloaded(&office->drain, settle->version, &settle->lock);
		return;
	}
	log_settled(settle, landed == 0 ? "what was in doubt has not landed, memory is kept"
									: "what was in doubt has landed, and is published");
	vd_drain_settled(&office->drain, landed);
}

static void on_read(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_settle *settle = arg;
	struct vd_office *office = settle->office;
	struct vd_pg *pg = vd_wires_pg(office->wires, VD_BACKEND_APPLY);
	settle->is_asking = false;
	/* Lost: the next connection asks again. */
	if (office->is_ending || outcome->status == VD_PG_LOST || pg == NULL)
		return;
	if (outcome->status == VD_PG_ERROR || !settle->has_answer) {
		vd_log_warning("the watermark could not be read, tries again",
			VD_LOG_TEXT("error", settle->has_answer ? outcome->message : "it has no row"));
		settle->waits = true;
		vd_wires_renew(office->wires, VD_BACKEND_APPLY, "settling failed");
		return;
	}
	judge(settle, pg);
}

static void ask(struct vd_settle *settle)
{
	struct vd_pg *pg = vd_wires_pg(settle->office->wires, VD_BACKEND_APPLY);
	if (pg == NULL || settle->is_asking)
		return;
	(void)VD_FAULT("settle.before_read");
	struct vd_pg_params params;
	vd_arena_reset(&settle->arena);
	vd_pg_params_init(&params, &settle->arena);
	vd_pg_params_int4_array(&params, settle->pids, settle->old_count);
	vd_pg_params_timestamptz_us_array(&params, settle->starts_us, settle->old_count);
	settle->has_answer = false;
	settle->is_asking = true;
	struct vd_pg_segment *segment = vd_pg_segment_begin(pg);
	if (settle->old_count > 0)
		vd_pg_query(segment, &end_backends, &params, NULL, NULL);
	vd_pg_query(segment, &read_watermark, NULL, on_watermark, settle);
	vd_pg_segment_end(segment, on_read, settle);
}

static void on_timer(void *arg)
{
	ask(arg);
}

void vd_settle_begin(struct vd_settle *settle, const char *why, bool waits)
{
	struct vd_office *office = settle->office;
	if (settle->is_under_way || office->is_ending)
		return;
	settle->is_under_way = true;
	settle->waits = waits;
	if (!waits)
		vd_backoff_reset(&settle->backoff);
	vd_drain_hold(&office->drain);
	const struct vd_wire *wire = &office->wires->wire[VD_BACKEND_APPLY];
	if (wire->pid != 0) {
		uint32_t at = settle->old_count < VD_SETTLE_OLD_MOST ? settle->old_count++ : VD_SETTLE_OLD_MOST - 1;
		settle->pids[at] = wire->pid;
		settle->starts_us[at] = wire->start_us;
	}
	vd_wires_renew(office->wires, VD_BACKEND_APPLY, why);
}

void vd_settle_up(struct vd_settle *settle)
{
	VD_ASSERT(settle->is_under_way);
	if (settle->waits)
		vd_timer_arm_ms(&settle->timer, vd_backoff_next_ms(&settle->backoff));
	else
		ask(settle);
	settle->waits = false;
}

void vd_settle_init(struct vd_settle *settle, struct vd_office *office)
{
	*settle = (struct vd_settle){ .office = office };
	vd_backoff_init(&settle->backoff, &vd_backoff_statement, (uint64_t)vd_clock_ns());
	vd_arena_init(&settle->arena, 1 << 20);
	VD_ASSERT(vd_timer_init(&settle->timer, office->loop, on_timer, settle));
}

void vd_settle_fini(struct vd_settle *settle)
{
	vd_timer_fini(&settle->timer);
	vd_arena_fini(&settle->arena);
}
