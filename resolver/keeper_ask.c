/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_ask.c: the keeper's questions: look, take office, renew, release. Each stores what it learned, and says when the
 * keeper acts again.
 *
 * Fault points: keeper.before_take_office, keeper.after_take_office (the office is taken, nobody here knows),
 * keeper.before_renew.
 */
#include "resolver/keeper_ask.h"

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/pg/names.h"
#include "common/pg/pipeline.h"
#include "resolver/witness.h"

#include <string.h>

void vd_keeper_act_in(struct vd_keeper *keeper, int64_t after_ms)
{
	keeper->due_ms = vd_clock_ms() + after_ms;
	vd_timer_arm_ms(&keeper->timer, after_ms);
}

bool vd_keeper_is_holding(const struct vd_keeper *keeper)
{
	uint64_t won = atomic_load(&keeper->hinge->won);
	return won > atomic_load(&keeper->hinge->lost) && won > atomic_load(&keeper->hinge->released) &&
		   won > atomic_load(&keeper->hinge->ended);
}

/* The question under way is over. True if its answer is there; else what is to be done is tried again soon. */
static bool settled(struct vd_keeper *keeper, const struct vd_pg_outcome *outcome, const char *consequence)
{
	keeper->is_asking = false;
	if (outcome->status == VD_PG_OK)
		return true;
	if (outcome->status == VD_PG_ERROR)
		vd_log_warning("the database refused what the keeper asked", VD_LOG_TEXT("error", outcome->message),
			VD_LOG_TEXT("consequence", consequence));
	vd_keeper_act_in(keeper, keeper->settings->look_interval_ms);
	return false;
}

/* The keeper's backend first, then those of the event loop that are there. */
static void put_backends(struct vd_keeper *keeper, struct vd_pg *pg, struct vd_pg_params *params)
{
	int32_t pids[1 + VD_BACKENDS];
	int64_t starts[1 + VD_BACKENDS];
	size_t count = 0;
	const struct vd_pg_server *server = vd_pg_server(pg);
	keeper->asked_backends = atomic_load(&keeper->hinge->backends_wanted);
	pids[count] = server->backend_pid;
	starts[count++] = server->backend_start_us;
	for (int i = 0; i < VD_BACKENDS; i++) {
		int32_t pid = atomic_load(&keeper->hinge->backends[i].pid);
		if (pid == 0)
			continue;
		pids[count] = pid;
		starts[count++] = atomic_load(&keeper->hinge->backends[i].start_us);
	}
	vd_pg_params_int4_array(params, pids, count);
	vd_pg_params_timestamptz_us_array(params, starts, count);
}

/* ---- renewing and releasing -------------------------------------------------------------------------------- */

static void hold(struct vd_keeper *keeper)
{
	atomic_store(&keeper->hinge->backends_entered, keeper->asked_backends);
	atomic_store(&keeper->hinge->renewed_ms, vd_clock_ms());
	/* What was set meanwhile is entered at once. */
	bool is_behind = atomic_load(&keeper->hinge->backends_wanted) != keeper->asked_backends;
	vd_keeper_act_in(keeper, is_behind ? 0 : keeper->settings->lease_ttl_ms / 6);
	vd_wake_ring(&keeper->hinge->loop_wake);
}

void vd_keeper_lose(struct vd_keeper *keeper, const char *why)
{
	struct vd_term_text term = vd_term_text_of(keeper->term);
	vd_log_warning(
		"the term is over, this node steps down", VD_LOG_TEXT("term", term.text), VD_LOG_TEXT("why", why));
	keeper->watch = (struct vd_lease_watch){ 0 };
	atomic_store(&keeper->hinge->lost, atomic_load(&keeper->hinge->won));
	vd_wake_ring(&keeper->hinge->loop_wake);
}

void vd_keeper_desert(struct vd_keeper *keeper, struct vd_pg *pg)
{
	vd_keeper_lose(keeper, "it cannot lead over its connections, and there are other nodes");
	vd_pg_disconnect(pg, "the node that it keeps office for cannot lead");
}

static const struct vd_pg_statement renew_statement = {
	.name = "renew",
	.sql = "SELECT renew AS held, coalesce((SELECT hand_over_of = $1 FROM lease), false) AS asked"
		   " FROM renew($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	.params = { VD_PG_UUID, VD_PG_INTERVAL, VD_PG_INT4_ARRAY, VD_PG_TIMESTAMPTZ_ARRAY, VD_PG_INT8, VD_PG_INT8,
		VD_PG_INT8, VD_PG_INT8, VD_PG_INT8 },
	.columns = { { "held", VD_PG_BOOL }, { "asked", VD_PG_BOOL } },
};

static void on_renewed_row(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_keeper *keeper = arg;
	keeper->renewed = vd_pg_rows_count(rows) == 1 && vd_pg_rows_bool(rows, 0, 0);
	keeper->asked_to_go = keeper->renewed && vd_pg_rows_bool(rows, 0, 1);
}

static void on_renewed(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_keeper *keeper = arg;
	if (!settled(keeper, outcome, "the lease is not renewed, tries again"))
		return;
	if (keeper->asked_to_go) /* of the term that the answer is about */
		atomic_store(&keeper->hinge->asked, atomic_load(&keeper->hinge->won));
	if (!vd_keeper_is_holding(keeper))
		vd_keeper_act_in(keeper, 0);
	else if (keeper->renewed)
		hold(keeper);
	else
		vd_keeper_lose(keeper, "another node holds the lease");
	if (keeper->is_hurried)
		vd_keeper_act_in(keeper, 0);
}

void vd_keeper_renew(struct vd_keeper *keeper, struct vd_pg *pg)
{
	int64_t now_ms = vd_clock_ms();
	int64_t pulse_age_ms = now_ms - atomic_load(&keeper->hinge->pulse_ms);
	if (pulse_age_ms > keeper->settings->lease_ttl_ms / 2) {
		if (!keeper->pulse_was_stale)
			vd_log_warning("the event loop does not turn, so the lease is not renewed",
				VD_LOG_INT("since_ms", pulse_age_ms));
		keeper->pulse_was_stale = true;
		vd_keeper_act_in(keeper, keeper->settings->look_interval_ms);
		return;
	}
	keeper->pulse_was_stale = false;
	(void)VD_FAULT("keeper.before_renew");
	const struct vd_figures *figures = &keeper->hinge->figures;
	struct vd_pg_params params;
	vd_arena_reset(&keeper->arena);
	vd_pg_params_init(&params, &keeper->arena);
	vd_pg_params_uuid(&params, keeper->term);
	vd_pg_params_interval_ms(&params, keeper->settings->lease_ttl_ms);
	put_backends(keeper, pg, &params);
	vd_pg_params_int8(&params, (int64_t)atomic_load(&figures->batches));
	vd_pg_params_int8(&params, (int64_t)atomic_load(&figures->committed));
	vd_pg_params_int8(&params, (int64_t)atomic_load(&figures->conflicts));
	vd_pg_params_int8(&params, (int64_t)atomic_load(&figures->too_old));
	vd_pg_params_int8(&params, (int64_t)atomic_load(&figures->rejected));
	keeper->is_asking = true;
	keeper->is_hurried = false;
	keeper->renewed = false;
	keeper->asked_to_go = false;
	vd_pg_ask(pg, &renew_statement, &params, on_renewed_row, on_renewed, keeper);
	vd_witness_ask(keeper, pg);
}

static const struct vd_pg_statement release_statement = {
	.name = "release",
	.sql = "SELECT release AS released FROM release($1)",
	.params = { VD_PG_UUID },
	.columns = { { "released", VD_PG_BOOL } },
};
static const struct vd_pg_statement announce_statement = {
	.name = "announce_release",
	.sql = "SELECT pg_notify($1, $2)",
	.params = { VD_PG_TEXT, VD_PG_TEXT },
};

static void on_released(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_keeper *keeper = arg;
	if (!settled(keeper, outcome, "the lease is not released yet, tries again"))
		return;
	struct vd_term_text term = vd_term_text_of(keeper->term);
	vd_log_info("released the lease, another node may lead at once", VD_LOG_TEXT("term", term.text));
	keeper->is_asking = keeper->is_announcing = true;
}

/* Only now does the node go: a connection that is closed too early takes the announcement with it. */
static void on_announced(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_keeper *keeper = arg;
	if (!keeper->is_announcing) /* the release has failed */
		return;
	keeper->is_asking = keeper->is_announcing = false;
	if (outcome->status == VD_PG_ERROR)
		vd_log_warning("the release could not be announced, standbys find it at their next look",
			VD_LOG_TEXT("error", outcome->message));
	atomic_store(&keeper->hinge->released, atomic_load(&keeper->hinge->release));
	vd_wake_ring(&keeper->hinge->loop_wake);
}

/* The announcement is a segment of its own: a full notify queue must not take the release back. */
void vd_keeper_release(struct vd_keeper *keeper, struct vd_pg *pg)
{
	struct vd_pg_name channel = vd_pg_channel_lease(keeper->settings->schema);
	struct vd_term_text term = vd_term_text_of(keeper->term);
	struct vd_pg_params params;
	vd_arena_reset(&keeper->arena);
	vd_pg_params_init(&params, &keeper->arena);
	vd_pg_params_uuid(&params, keeper->term);
	keeper->is_asking = true;
	vd_pg_ask(pg, &release_statement, &params, NULL, on_released, keeper);
	vd_pg_params_init(&params, &keeper->arena);
	vd_pg_params_text(&params, channel.text);
	vd_pg_params_text(&params, term.text);
	vd_pg_ask(pg, &announce_statement, &params, NULL, on_announced, keeper);
}

/* ---- taking office ----------------------------------------------------------------------------------------- */

/* model: take_office */
static const struct vd_pg_statement take_statement = {
	.name = "take_office",
	.sql =
		"SELECT epoch, version, previous_term, jump_version, jumped, system_identifier, timeline, database,"
		" lock_held"
		" FROM take_office($1, $2, $3, $4, $5, $6, $7)",
	.params = { VD_PG_INT8, VD_PG_INT8, VD_PG_UUID, VD_PG_TEXT, VD_PG_INT4_ARRAY, VD_PG_TIMESTAMPTZ_ARRAY,
		VD_PG_INTERVAL },
	.columns = { { "epoch", VD_PG_INT8 }, { "version", VD_PG_INT8 }, { "previous_term", VD_PG_UUID },
		{ "jump_version", VD_PG_INT8 }, { "jumped", VD_PG_BOOL }, { "system_identifier", VD_PG_INT8 },
		{ "timeline", VD_PG_INT4 }, { "database", VD_PG_OID }, { "lock_held", VD_PG_UUID } },
};

static void on_taken_row(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_keeper *keeper = arg;
	struct vd_takeover *takeover = &keeper->hinge->takeover;
	keeper->answered = vd_pg_rows_count(rows) == 1;
	if (!keeper->answered)
		return;
	struct vd_pg_uuid previous = vd_pg_rows_uuid(rows, 0, 2);
	memcpy(takeover->term, keeper->term, sizeof takeover->term);
	memcpy(takeover->previous_term, previous.bytes, sizeof takeover->previous_term);
	takeover->epoch = vd_pg_rows_int8(rows, 0, 0);
	takeover->version = (uint64_t)vd_pg_rows_int8(rows, 0, 1);
	takeover->jump_version = (uint64_t)vd_pg_rows_int8(rows, 0, 3);
	takeover->jumped = vd_pg_rows_bool(rows, 0, 4);
	takeover->system_identifier = (uint64_t)vd_pg_rows_int8(rows, 0, 5);
	takeover->timeline = (uint32_t)vd_pg_rows_int4(rows, 0, 6);
	takeover->database_oid = (uint32_t)vd_pg_rows_int8(rows, 0, 7);
	struct vd_pg_uuid lock = vd_pg_rows_uuid(rows, 0, 8);
	takeover->lock.is_held = !vd_pg_rows_null(rows, 0, 8);
	memcpy(takeover->lock.id, lock.bytes, sizeof takeover->lock.id);
}

static void on_taken(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_keeper *keeper = arg;
	bool is_settled = settled(keeper, outcome, "office is not taken, looks again");
	if (is_settled && keeper->answered) {
		(void)VD_FAULT("keeper.after_take_office");
		const struct vd_takeover *takeover = &keeper->hinge->takeover;
		struct vd_term_text term = vd_term_text_of(takeover->term);
		vd_log_info("took office, this node leads", VD_LOG_INT("epoch", takeover->epoch),
			VD_LOG_TEXT("term", term.text), VD_LOG_UINT("version", takeover->version));
		if (takeover->jumped && takeover->epoch > 1)
			vd_log_warning(
				"the server, its timeline or the database is not the one before, so versions jump ahead",
				VD_LOG_UINT("version", takeover->version));
		atomic_fetch_add(&keeper->hinge->won, 1);
		hold(keeper);
	} else if (is_settled) {
		vd_log_info("another node was faster, stands by");
		keeper->has_term = false;
		vd_keeper_act_in(keeper, keeper->settings->look_interval_ms);
	}
	atomic_store(&keeper->hinge->is_campaigning, false);
	vd_wake_ring(&keeper->hinge->loop_wake);
}

static void take_office(struct vd_keeper *keeper, struct vd_pg *pg, enum vd_lease_reason reason)
{
	VD_ASSERT(vd_random_bytes(keeper->term, sizeof keeper->term));
	keeper->has_term = true;
	keeper->hinge->takeover.postmaster_start_us = vd_pg_server(pg)->postmaster_start_us;
	vd_log_info("the lease is free, tries to take office", VD_LOG_TEXT("why", vd_lease_reason_text(reason)),
		VD_LOG_INT("epoch", keeper->seen.epoch), VD_LOG_TEXT("leader_before", keeper->seen_node));
	(void)VD_FAULT("keeper.before_take_office");
	struct vd_pg_params params;
	vd_arena_reset(&keeper->arena);
	vd_pg_params_init(&params, &keeper->arena);
	vd_pg_params_int8(&params, keeper->seen.epoch);
	vd_pg_params_int8(&params, keeper->seen.renewals);
	vd_pg_params_uuid(&params, keeper->term);
	vd_pg_params_text(&params, keeper->settings->node);
	put_backends(keeper, pg, &params);
	vd_pg_params_interval_ms(&params, keeper->settings->lease_ttl_ms);
	keeper->is_asking = true;
	keeper->answered = false;
	atomic_store(&keeper->hinge->is_campaigning, true);
	vd_wake_ring(&keeper->hinge->loop_wake);
	vd_pg_ask(pg, &take_statement, &params, on_taken_row, on_taken, keeper);
}

/* ---- looking ----------------------------------------------------------------------------------------------- */

static const struct vd_pg_statement look_statement = {
	.name = "look",
	.sql = "SELECT l.epoch, l.renewals, l.term, l.node, l.released, l.expires_at <= clock_timestamp() AS "
		   "expired,"
		   " l.expires_at > clock_timestamp() + $1 AS too_late,"
		   " coalesce(l.hand_over_of = l.term AND $2 <> l.successor AND (l.successor <> '' OR $2 = l.node), "
		   "false) AS "
		   "anothers,"
		   " cardinality(l.pids) > 0 AND NOT EXISTS (SELECT 1 FROM pg_stat_get_activity(l.pids[1]) a"
		   " WHERE a.backend_start = l.starts[1] OR a.backend_start IS NULL) AS keeper_gone FROM lease l",
	.params = { VD_PG_INTERVAL, VD_PG_TEXT },
	.columns = { { "epoch", VD_PG_INT8 }, { "renewals", VD_PG_INT8 }, { "term", VD_PG_UUID },
		{ "node", VD_PG_TEXT }, { "released", VD_PG_BOOL }, { "expired", VD_PG_BOOL },
		{ "too_late", VD_PG_BOOL }, { "anothers", VD_PG_BOOL }, { "keeper_gone", VD_PG_BOOL } },
};

static void on_seen_row(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_keeper *keeper = arg;
	keeper->answered = vd_pg_rows_count(rows) == 1;
	if (!keeper->answered)
		return;
	struct vd_pg_uuid term = vd_pg_rows_uuid(rows, 0, 2);
	keeper->seen = (struct vd_lease_seen){ .epoch = vd_pg_rows_int8(rows, 0, 0),
		.renewals = vd_pg_rows_int8(rows, 0, 1),
		.is_own = keeper->has_term && memcmp(term.bytes, keeper->term, sizeof keeper->term) == 0,
		.is_released = vd_pg_rows_bool(rows, 0, 4),
		.is_expired = vd_pg_rows_bool(rows, 0, 5),
		.ends_too_late = vd_pg_rows_bool(rows, 0, 6),
		.is_anothers = vd_pg_rows_bool(rows, 0, 7),
		.keeper_is_gone = vd_pg_rows_bool(rows, 0, 8) };
	snprintf(keeper->seen_node, sizeof keeper->seen_node, "%s", vd_pg_rows_text(rows, 0, 3));
}

static void on_seen(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_keeper *keeper = arg;
	if (!settled(keeper, outcome, "the lease is not known, looks again"))
		return;
	vd_keeper_act_in(keeper, keeper->settings->look_interval_ms);
	if (!keeper->answered) {
		vd_log_error("the lease has no row, so nobody can lead; the schema is damaged");
		return;
	}
	atomic_store(&keeper->hinge->has_looked, true);
	enum vd_lease_reason reason =
		vd_lease_judge(&keeper->watch, &keeper->seen, vd_clock_ms(), keeper->settings->lease_ttl_ms);
	atomic_store(&keeper->hinge->sees_leader, reason == VD_LEASE_HELD);
	atomic_store(&keeper->hinge->looked_ms, vd_clock_ms());
	struct vd_pg *pg = vd_pg_link_up(keeper->link);
	bool may = atomic_load(&keeper->hinge->is_ready) && !atomic_load(&keeper->hinge->is_stopping);
	if (reason != VD_LEASE_HELD && may && pg != NULL)
		take_office(keeper, pg, reason);
}

void vd_keeper_look(struct vd_keeper *keeper, struct vd_pg *pg)
{
	struct vd_pg_params params;
	vd_arena_reset(&keeper->arena);
	vd_pg_params_init(&params, &keeper->arena);
	vd_pg_params_interval_ms(&params, keeper->settings->lease_ttl_ms);
	vd_pg_params_text(&params, keeper->settings->node);
	keeper->is_asking = true;
	keeper->is_hurried = false;
	keeper->answered = false;
	vd_pg_ask(pg, &look_statement, &params, on_seen_row, on_seen, keeper);
}
