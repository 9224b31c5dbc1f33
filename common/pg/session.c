/* SPDX-License-Identifier: Apache-2.0 */
/* The start of a session: what it is set to, and who answers, in one round trip.
 *
 * Besides what the role asks for, every session of ours gets what our statements rely on, whatever the database or the
 * account is set to: READ COMMITTED and read-write unless a statement says otherwise, warnings sent (rule 16 lives on
 * them), no JIT, and no end of a session that merely rests.
 */
#include "common/base/arena.h"
#include "common/pg/internal.h"

enum { SETTINGS_MAX = 20 };

static const struct vd_pg_statement set_session = {
	.name = "set_session",
	.sql = "SELECT set_config(n, v, false) FROM unnest($1::text[], $2::text[]) AS s(n, v)",
	.params = { VD_PG_TEXT_ARRAY, VD_PG_TEXT_ARRAY },
};

static const struct vd_pg_statement identify = {
	.name = "identify",
	.sql = "SELECT (SELECT backend_start FROM pg_stat_get_activity(pg_backend_pid())) AS backend_start,"
		   " pg_postmaster_start_time() AS postmaster_start,"
		   " (SELECT system_identifier FROM pg_control_system()) AS system_identifier,"
		   " CASE WHEN pg_is_in_recovery() THEN 0"
		   " ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int8 END AS timeline,"
		   " (SELECT oid FROM pg_database WHERE datname = current_database()) AS database,"
		   " pg_is_in_recovery() AS in_recovery,"
		   " current_setting('synchronous_standby_names') <> '' AS synchronous_standbys",
	.columns = {
		{ "backend_start", VD_PG_TIMESTAMPTZ },
		{ "postmaster_start", VD_PG_TIMESTAMPTZ },
		{ "system_identifier", VD_PG_INT8 },
		{ "timeline", VD_PG_INT8 },
		{ "database", VD_PG_OID },
		{ "in_recovery", VD_PG_BOOL },
		{ "synchronous_standbys", VD_PG_BOOL },
	},
};

struct session {
	const char *names[SETTINGS_MAX];
	const char *values[SETTINGS_MAX];
	size_t count;
	bool no_memory; /* a session without one of its settings, such as the schema, is none */
};

static void set(struct session *session, const char *name, const char *value)
{
	VD_ASSERT(session->count < SETTINGS_MAX);
	session->names[session->count] = name;
	session->values[session->count++] = value;
}

/* What the role asks for. */
static void set_if(struct session *session, const char *name, const char *value)
{
	if (value != NULL)
		set(session, name, value);
}

static void set_made(struct session *session, const char *name, const char *value)
{
	if (value == NULL)
		session->no_memory = true;
	else
		set(session, name, value);
}

static void set_number(
	struct session *session, struct vd_arena *arena, const char *name, int64_t value, const char *unit)
{
	if (value > 0)
		set_made(session, name, vd_arena_format(arena, "%lld%s", (long long)value, unit));
}

static void on_identity(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_pg_server *server = &((struct vd_pg *)arg)->server;
	VD_ASSERT(vd_pg_rows_count(rows) == 1);
	server->backend_start_us = vd_pg_rows_timestamptz_us(rows, 0, 0);
	server->postmaster_start_us = vd_pg_rows_timestamptz_us(rows, 0, 1);
	server->system_identifier = (uint64_t)vd_pg_rows_int8(rows, 0, 2);
	server->timeline = (uint32_t)vd_pg_rows_int8(rows, 0, 3);
	server->database_oid = (uint32_t)vd_pg_rows_int8(rows, 0, 4);
	server->in_recovery = vd_pg_rows_bool(rows, 0, 5);
	server->synchronous_standbys = vd_pg_rows_bool(rows, 0, 6);
}

static void on_set(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_pg *pg = arg;
	if (pg->state == VD_PG_CLOSED)
		return;
	if (outcome->status != VD_PG_OK) {
		vd_pg_disconnect(pg, "the session cannot be set up: %s", outcome->message);
		return;
	}
	pg->ready = true;
	pg->state = VD_PG_UP;
	vd_timer_cancel(&pg->timer);
	pg_segments_release(pg);
	if (pg->state == VD_PG_UP && pg->events.on_up != NULL)
		pg->events.on_up(pg->events.arg, pg);
}

/* A server on a system without POLLRDHUP refuses this one: then it goes without. */
static void on_set_optional(void *arg, const struct vd_pg_outcome *outcome)
{
	(void)arg;
	(void)outcome;
}

static void send_optional(struct vd_pg *pg, struct vd_arena *arena)
{
	struct session session = { .count = 0 };
	struct vd_pg_params params;
	if (pg->settings.client_connection_check_interval_ms <= 0 || pg->server.version_num < 140000)
		return;
	set_number(&session, arena, "client_connection_check_interval",
		pg->settings.client_connection_check_interval_ms, "ms");
	if (session.no_memory)
		return; /* and goes without it */
	vd_pg_params_init(&params, arena);
	vd_pg_params_text_array(&params, session.names, session.count);
	vd_pg_params_text_array(&params, session.values, session.count);
	struct vd_pg_segment *segment = vd_pg_segment_begin(pg);
	vd_pg_query(segment, &set_session, &params, NULL, NULL);
	pg_segment_end_now(segment, on_set_optional, NULL);
}

void pg_session_start(struct vd_pg *pg)
{
	const struct vd_pg_settings *s = &pg->settings;
	struct session session = { .count = 0 };
	struct vd_arena arena;
	struct vd_pg_params params;
	vd_arena_init(&arena, SIZE_MAX);
	if (s->schema != NULL)
		set_made(&session, "search_path", vd_arena_format(&arena, "\"%s\", pg_temp", s->schema));
	set(&session, "client_min_messages", "warning");
	set(&session, "default_transaction_isolation", "read committed");
	set(&session, "default_transaction_read_only", "off");
	set(&session, "jit", "off");
	if (pg->server.version_num >= 140000)
		set(&session, "idle_session_timeout", "0");
	if (pg->server.version_num >= 170000)
		set(&session, "transaction_timeout", "0");
	set_number(&session, &arena, "statement_timeout", s->statement_timeout_ms, "ms");
	set_number(&session, &arena, "lock_timeout", s->lock_timeout_ms, "ms");
	set_number(&session, &arena, "idle_in_transaction_session_timeout",
		s->idle_in_transaction_session_timeout_ms, "ms");
	set_number(&session, &arena, "tcp_user_timeout", s->tcp_user_timeout_ms, "ms");
	set_number(&session, &arena, "tcp_keepalives_idle", s->keepalives_idle_s, "s");
	set_number(&session, &arena, "tcp_keepalives_interval", s->keepalives_interval_s, "s");
	set_number(&session, &arena, "tcp_keepalives_count", s->keepalives_count, "");
	set_if(&session, "synchronous_commit", s->synchronous_commit);
	set_if(&session, "plan_cache_mode", s->plan_cache_mode);
	if (session.no_memory) {
		vd_arena_fini(&arena);
		pg_disconnect(pg, "out of memory");
		return;
	}
	vd_pg_params_init(&params, &arena);
	vd_pg_params_text_array(&params, session.names, session.count);
	vd_pg_params_text_array(&params, session.values, session.count);
	send_optional(pg, &arena);
	struct vd_pg_segment *segment = vd_pg_segment_begin(pg);
	vd_pg_query(segment, &set_session, &params, NULL, NULL);
	if (s->identify)
		vd_pg_query(segment, &identify, NULL, on_identity, pg);
	pg_segment_end_now(segment, on_set, pg);
	vd_arena_fini(&arena);
}
