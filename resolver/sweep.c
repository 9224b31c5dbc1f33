/* SPDX-License-Identifier: Apache-2.0 */
/* sweep.c: one chore at a time, each a statement of its own; after the last one it rests for a second.
 *
 * Fault point: sweep.queue_fills (as if the notify queue were above a quarter). */
#include "resolver/sweep.h"

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/pg/connection.h"
#include "common/pg/pipeline.h"
#include "resolver/office.h"

enum {
	REST_MS = 1000,
	PURGE_EVERY_MS = 600000,
	VACUUM_REQUESTS = 20000,
	VACUUM_BATCHES = 5000,
};
#define USAGE_MOST 0.25

static const struct vd_pg_statement queue_usage = {
	.name = "queue_usage",
	.sql = "SELECT pg_notification_queue_usage() AS usage",
	.columns = { { "usage", VD_PG_FLOAT8 } },
};
/* Sessions of ours that listen and do not read. Not the leader's own: those are in the lease. */
static const struct vd_pg_statement end_laggards = {
	.name = "end_laggards",
	.sql = "SELECT a.application_name, pg_terminate_backend(a.pid) AS ended FROM pg_stat_activity a, lease l"
		   " WHERE a.datname = current_database() AND a.application_name LIKE 'verdict-%'"
		   " AND a.wait_event = 'ClientWrite' AND a.pid <> ALL (l.pids) AND a.pid <> pg_backend_pid()",
	.columns = { { "application_name", VD_PG_TEXT }, { "ended", VD_PG_BOOL } },
};
/* model: purge */
static const struct vd_pg_statement purge = {
	.name = "purge",
	.sql = "SELECT purge($1) AS purged",
	.params = { VD_PG_INTERVAL },
	.columns = { { "purged", VD_PG_INT8 } },
};

static void sweep_go(struct vd_sweep *sweep);

static void on_done(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_sweep *sweep = arg;
	sweep->is_asking = false;
	if (sweep->office->is_ending)
		return;
	if (outcome->status == VD_PG_ERROR)
		vd_log_warning(
			"a chore of the leader failed, it comes again", VD_LOG_TEXT("error", outcome->message));
	sweep_go(sweep);
}

static bool ask(struct vd_sweep *sweep, const struct vd_pg_statement *statement,
	const struct vd_pg_params *params, vd_pg_rows_handler *handler)
{
	struct vd_pg *pg = vd_wires_pg(sweep->office->wires, VD_BACKEND_SWEEP);
	if (pg == NULL)
		return false;
	sweep->is_asking = true;
	vd_pg_ask(pg, statement, params, handler, on_done, sweep);
	return true;
}

static bool vacuum(struct vd_sweep *sweep, const char *sql)
{
	struct vd_pg *pg = vd_wires_pg(sweep->office->wires, VD_BACKEND_SWEEP);
	if (pg == NULL)
		return false;
	struct vd_pg_segment *segment = vd_pg_segment_begin(pg);
	vd_pg_query_text(segment, "vacuum", sql, NULL, NULL);
	sweep->is_asking = true;
	vd_pg_segment_end(segment, on_done, sweep);
	return true;
}

/* ---- the chores: true if a statement is under way ---------------------------------------------------------- */

static void on_usage(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_sweep *sweep = arg;
	sweep->usage = vd_pg_rows_count(rows) == 1 ? vd_pg_rows_float8(rows, 0, 0) : 0;
}

static bool chore_usage(struct vd_sweep *sweep)
{
	return ask(sweep, &queue_usage, NULL, on_usage);
}

static void on_laggards(void *arg, const struct vd_pg_rows *rows)
{
	(void)arg;
	for (size_t row = 0; row < vd_pg_rows_count(rows); row++)
		vd_log_warning("the notify queue fills up, a session that does not read is ended",
			VD_LOG_TEXT("session", vd_pg_rows_text(rows, row, 0)),
			VD_LOG_BOOL("ended", vd_pg_rows_bool(rows, row, 1)));
}

static bool chore_laggards(struct vd_sweep *sweep)
{
	if (sweep->usage <= USAGE_MOST && !VD_FAULT("sweep.queue_fills"))
		return false;
	vd_log_warning("the notify queue fills up", VD_LOG_REAL("usage", sweep->usage));
	return ask(sweep, &end_laggards, NULL, on_laggards);
}

static bool chore_vacuum_queue(struct vd_sweep *sweep)
{
	const struct vd_figures *figures = &sweep->office->hinge->figures;
	uint64_t requests = atomic_load(&figures->committed) + atomic_load(&figures->conflicts) +
						atomic_load(&figures->too_old) + atomic_load(&figures->rejected);
	if (requests - sweep->vacuumed_requests < VACUUM_REQUESTS)
		return false;
	sweep->vacuumed_requests = requests;
	/* Truncating would take a lock that submits wait for. */
	return vacuum(sweep, "VACUUM (SKIP_LOCKED, TRUNCATE false, INDEX_CLEANUP on) commit_requests");
}

static bool is_churned(const struct vd_sweep *sweep)
{
	return atomic_load(&sweep->office->hinge->figures.batches) - sweep->vacuumed_batches >= VACUUM_BATCHES;
}

static bool chore_vacuum_watermark(struct vd_sweep *sweep)
{
	return is_churned(sweep) &&
		   vacuum(sweep, "VACUUM (SKIP_LOCKED, TRUNCATE false, INDEX_CLEANUP on) watermark");
}

static bool chore_vacuum_outcomes(struct vd_sweep *sweep)
{
	if (!is_churned(sweep))
		return false;
	sweep->vacuumed_batches = atomic_load(&sweep->office->hinge->figures.batches);
	return vacuum(sweep, "VACUUM (SKIP_LOCKED, TRUNCATE false, INDEX_CLEANUP on) outcomes");
}

static void on_purged(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_sweep *sweep = arg;
	int64_t purged = vd_pg_rows_count(rows) == 1 ? vd_pg_rows_int8(rows, 0, 0) : 0;
	if (purged == 0)
		return;
	vd_log_info("registrations that nobody used are gone", VD_LOG_INT("clients", purged));
	sweep->purged_ms = 0; /* a bounded number in one go: there may be more */
}

static bool chore_purge(struct vd_sweep *sweep)
{
	if (sweep->purged_ms != 0 && vd_clock_ms() - sweep->purged_ms < PURGE_EVERY_MS)
		return false;
	sweep->purged_ms = vd_clock_ms();
	struct vd_pg_params params;
	vd_arena_reset(&sweep->arena);
	vd_pg_params_init(&params, &sweep->arena);
	vd_pg_params_interval_ms(&params, sweep->office->settings->client_retention_ms);
	return ask(sweep, &purge, &params, on_purged);
}

static bool (*const chores[])(struct vd_sweep *) = {
	chore_usage,
	chore_laggards,
	chore_vacuum_queue,
	chore_vacuum_watermark,
	chore_vacuum_outcomes,
	chore_purge,
};

/* ---- the round --------------------------------------------------------------------------------------------- */

static void sweep_go(struct vd_sweep *sweep)
{
	while (sweep->chore < VD_COUNT(chores))
		if (chores[sweep->chore++](sweep))
			return;
	sweep->chore = 0;
	vd_timer_arm_ms(&sweep->timer, REST_MS);
}

static void on_timer(void *arg)
{
	sweep_go(arg);
}

void vd_sweep_begin(struct vd_sweep *sweep, struct vd_office *office)
{
	*sweep = (struct vd_sweep){ .office = office };
	vd_arena_init(&sweep->arena, 1 << 20);
	VD_ASSERT(vd_timer_init(&sweep->timer, office->loop, on_timer, sweep));
	vd_timer_arm_ms(&sweep->timer, REST_MS);
}

void vd_sweep_stop(struct vd_sweep *sweep)
{
	vd_timer_cancel(&sweep->timer);
}

void vd_sweep_fini(struct vd_sweep *sweep)
{
	VD_ASSERT(!sweep->is_asking);
	vd_timer_fini(&sweep->timer);
	vd_arena_fini(&sweep->arena);
}
