/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_look.c: what is asked of the server. All of it may be asked by anybody but where it says so; what it shows of the sessions of
 * others depends on pg_read_all_stats, and is then told as unseen. */
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "follower/admin/doctor.h"

#include <stdio.h>
#include <string.h>

#define MS(interval)  "(extract(epoch FROM " interval ") * 1000)::bigint"
#define NUMBER(named) "coalesce((SELECT setting::bigint FROM pg_settings WHERE name = '" named "'), 0)"
#define TEXT(named)   "coalesce(current_setting('" named "', true), '')"
#define LSN           "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END"

#define COPY(field, rows, column)                                                                            \
	snprintf(facts->field, sizeof facts->field, "%s", vd_pg_rows_text(rows, 0, column))

/* A parameter is the schema's name. In the order of enum doctor_look. */
/* clang-format off */
static const struct vd_pg_statement statements[DOCTOR_LOOKS] = {
	{ .name = "doctor_session",
		.sql = "SELECT current_user::text AS account,"
			   " coalesce((SELECT rolsuper FROM pg_roles WHERE rolname = current_user), false) AS super,"
			   " pg_backend_pid() AS pid, pg_is_in_recovery() AS standby,"
			   " pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all",
		.columns = { { "account", VD_PG_TEXT }, { "super", VD_PG_BOOL }, { "pid", VD_PG_INT4 }, { "standby", VD_PG_BOOL },
			{ "sees_all", VD_PG_BOOL } } },
	{ .name = "doctor_roles",
		.sql = "SELECT f IS NOT NULL AND r IS NOT NULL AND o IS NOT NULL AS has_roles,"
			   " coalesce(pg_has_role(current_user, f, 'USAGE'), false) AS follower,"
			   " coalesce(pg_has_role(current_user, r, 'USAGE'), false) AS resolver,"
			   " coalesce(pg_has_role(current_user, o, 'USAGE'), false) AS observer,"
			   " coalesce(pg_has_role(r, 'pg_signal_backend', 'USAGE'), false) AS signals,"
			   " coalesce(pg_has_role(r, 'pg_read_all_stats', 'USAGE'), false) AS stats"
			   " FROM (SELECT to_regrole($1 || '_follower')::oid AS f, to_regrole($1 || '_resolver')::oid AS r,"
			   " to_regrole($1 || '_observer')::oid AS o) roles",
		.params = { VD_PG_TEXT },
		.columns = { { "has_roles", VD_PG_BOOL }, { "follower", VD_PG_BOOL }, { "resolver", VD_PG_BOOL },
			{ "observer", VD_PG_BOOL }, { "signals", VD_PG_BOOL }, { "stats", VD_PG_BOOL } } },
	{ .name = "doctor_settings",
		.sql = "SELECT " TEXT("fsync") " AS fsync, " TEXT("full_page_writes") " AS full_page_writes,"
			   " " TEXT("synchronous_commit") " AS synchronous_commit, " TEXT("autovacuum") " AS autovacuum,"
			   " " TEXT("track_counts") " AS track_counts, " TEXT("synchronous_standby_names") " AS standby_names,"
			   " " NUMBER("idle_session_timeout") " AS idle_session,"
			   " " NUMBER("idle_in_transaction_session_timeout") " AS idle_in_transaction,"
			   " " NUMBER("statement_timeout") " AS statement, " NUMBER("transaction_timeout") " AS transaction",
		.columns = { { "fsync", VD_PG_TEXT }, { "full_page_writes", VD_PG_TEXT }, { "synchronous_commit", VD_PG_TEXT },
			{ "autovacuum", VD_PG_TEXT }, { "track_counts", VD_PG_TEXT }, { "standby_names", VD_PG_TEXT },
			{ "idle_session", VD_PG_INT8 }, { "idle_in_transaction", VD_PG_INT8 }, { "statement", VD_PG_INT8 },
			{ "transaction", VD_PG_INT8 } } },
	{ .name = "doctor_connections",
		.sql = "SELECT coalesce(sum(numbackends), 0)::bigint AS used, " NUMBER("max_connections") " AS most,"
			   " " NUMBER("superuser_reserved_connections") " + " NUMBER("reserved_connections") " AS reserved"
			   " FROM pg_stat_database",
		.columns = { { "used", VD_PG_INT8 }, { "most", VD_PG_INT8 }, { "reserved", VD_PG_INT8 } } },
	{ .name = "doctor_notify",
		.sql = "SELECT pg_notification_queue_usage() AS usage",
		.columns = { { "usage", VD_PG_FLOAT8 } } },
	{ .name = "doctor_transactions",
		.sql = "SELECT coalesce(usename::text, backend_type, '') || coalesce(' (' || nullif(application_name, '') || ')', '')"
			   " || ', process ' || pid AS who, coalesce(" MS("clock_timestamp() - xact_start") ", 0) AS old_ms,"
			   " coalesce(max(age(backend_xmin)) OVER (), 0)::bigint AS xmin_age"
			   " FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND xact_start IS NOT NULL"
			   " AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) ORDER BY xact_start LIMIT 1",
		.columns = { { "who", VD_PG_TEXT }, { "old_ms", VD_PG_INT8 }, { "xmin_age", VD_PG_INT8 } } },
	/* a wait for a row is one for a transaction, of a session that has a lock on the table */
	{ .name = "doctor_waits",
		.sql = "SELECT count(DISTINCT w.pid) AS waiting, coalesce(max(" MS("clock_timestamp() - w.waitstart") "), 0)::bigint"
			   " AS longest_ms, coalesce((array_agg((pg_blocking_pids(w.pid))[1] ORDER BY w.waitstart))[1], 0) AS blocker"
			   " FROM pg_locks w WHERE NOT w.granted AND EXISTS (SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation"
			   " WHERE l.pid = w.pid AND c.relnamespace = to_regnamespace($1)"
			   " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
		.params = { VD_PG_TEXT },
		.columns = { { "waiting", VD_PG_INT8 }, { "longest_ms", VD_PG_INT8 }, { "blocker", VD_PG_INT4 } } },
	{ .name = "doctor_slots",
		.sql = "SELECT count(*) AS slots, count(*) FILTER (WHERE NOT active) AS idle,"
			   " count(*) FILTER (WHERE wal_status = 'lost') AS lost,"
			   " coalesce(max(greatest(age(xmin), age(catalog_xmin))), 0)::bigint AS xmin_age,"
			   " coalesce(max(pg_wal_lsn_diff(" LSN ", restart_lsn)) FILTER (WHERE NOT active), 0)::bigint AS idle_bytes,"
			   " coalesce((array_agg(slot_name::text ORDER BY restart_lsn) FILTER (WHERE NOT active))[1], '') AS name"
			   " FROM pg_replication_slots",
		.columns = { { "slots", VD_PG_INT8 }, { "idle", VD_PG_INT8 }, { "lost", VD_PG_INT8 }, { "xmin_age", VD_PG_INT8 },
			{ "idle_bytes", VD_PG_INT8 }, { "name", VD_PG_TEXT } } },
	{ .name = "doctor_prepared",
		.sql = "SELECT count(*) AS prepared, coalesce(max(" MS("clock_timestamp() - prepared") "), 0)::bigint AS old_ms,"
			   " coalesce((array_agg(gid ORDER BY prepared))[1], '') AS name FROM pg_prepared_xacts",
		.columns = { { "prepared", VD_PG_INT8 }, { "old_ms", VD_PG_INT8 }, { "name", VD_PG_TEXT } } },
	{ .name = "doctor_age",
		.sql = "SELECT age(datfrozenxid)::bigint AS age FROM pg_database WHERE datname = current_database()",
		.columns = { { "age", VD_PG_INT8 } } },
	{ .name = "doctor_tables",
		.sql = "SELECT relname::text AS name, n_live_tup AS live, n_dead_tup AS dead,"
			   " coalesce(pg_total_relation_size(relid), 0) AS bytes FROM pg_stat_all_tables WHERE schemaname = $1"
			   " AND relname IN ('kv', 'commit_requests', 'outcomes', 'watermark', 'clients', 'lease') ORDER BY 1",
		.params = { VD_PG_TEXT },
		.columns = { { "name", VD_PG_TEXT }, { "live", VD_PG_INT8 }, { "dead", VD_PG_INT8 }, { "bytes", VD_PG_INT8 } } },
	/* the size of a tablespace is for those who may create in it, and for pg_read_all_stats */
	{ .name = "doctor_size",
		.sql = "SELECT CASE WHEN has_database_privilege(current_database(), 'CONNECT') THEN"
			   " pg_database_size(current_database()) ELSE -1 END AS bytes,"
			   " coalesce((SELECT string_agg(t.spcname || ' ' || CASE WHEN d.dattablespace = t.oid OR"
			   " pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') OR has_tablespace_privilege(t.oid, 'CREATE')"
			   " THEN pg_size_pretty(pg_tablespace_size(t.oid)) ELSE '?' END, ', ' ORDER BY t.spcname)"
			   " FROM pg_tablespace t WHERE t.oid IN (SELECT coalesce(nullif(c.reltablespace, 0), d.dattablespace)"
			   " FROM pg_class c WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r')), '') AS tablespaces"
			   " FROM pg_database d WHERE d.datname = current_database()",
		.params = { VD_PG_TEXT },
		.columns = { { "bytes", VD_PG_INT8 }, { "tablespaces", VD_PG_TEXT } } },
	{ .name = "doctor_clock",
		.sql = "SELECT clock_timestamp() AS now",
		.columns = { { "now", VD_PG_TIMESTAMPTZ } } },
};
/* clang-format on */

/* ---- what came ---- */

static void on_session(struct doctor_facts *facts, const struct vd_pg_rows *rows)
{
	COPY(account, rows, 0);
	facts->is_super = vd_pg_rows_bool(rows, 0, 1);
	facts->server_pid = vd_pg_rows_int4(rows, 0, 2);
	facts->is_standby = vd_pg_rows_bool(rows, 0, 3);
	facts->sees_all = vd_pg_rows_bool(rows, 0, 4);
}

static void on_roles(struct doctor_facts *facts, const struct vd_pg_rows *rows)
{
	facts->has_roles = vd_pg_rows_bool(rows, 0, 0);
	facts->is_follower = vd_pg_rows_bool(rows, 0, 1);
	facts->is_resolver = vd_pg_rows_bool(rows, 0, 2);
	facts->is_observer = vd_pg_rows_bool(rows, 0, 3);
	facts->resolver_signals = vd_pg_rows_bool(rows, 0, 4);
	facts->resolver_reads_stats = vd_pg_rows_bool(rows, 0, 5);
}

static void on_settings(struct doctor_facts *facts, const struct vd_pg_rows *rows)
{
	COPY(fsync, rows, 0);
	COPY(full_page_writes, rows, 1);
	COPY(synchronous_commit, rows, 2);
	COPY(autovacuum, rows, 3);
	COPY(track_counts, rows, 4);
	COPY(standby_names, rows, 5);
	facts->idle_session_ms = vd_pg_rows_int8(rows, 0, 6);
	facts->idle_in_transaction_ms = vd_pg_rows_int8(rows, 0, 7);
	facts->statement_ms = vd_pg_rows_int8(rows, 0, 8);
	facts->transaction_ms = vd_pg_rows_int8(rows, 0, 9);
}

static void on_connections(struct doctor_facts *facts, const struct vd_pg_rows *rows)
{
	facts->connections = vd_pg_rows_int8(rows, 0, 0);
	facts->connections_most = vd_pg_rows_int8(rows, 0, 1);
	facts->connections_reserved = vd_pg_rows_int8(rows, 0, 2);
}

static void on_notify(struct doctor_facts *facts, const struct vd_pg_rows *rows)
{
	facts->notify = vd_pg_rows_float8(rows, 0, 0);
}

static void on_transactions(struct doctor_facts *facts, const struct vd_pg_rows *rows)
{
	facts->has_transaction = true;
	COPY(transaction_of, rows, 0);
	facts->transaction_ms_old = vd_pg_rows_int8(rows, 0, 1);
	facts->xmin_age = vd_pg_rows_int8(rows, 0, 2);
}

static void on_waits(struct doctor_facts *facts, const struct vd_pg_rows *rows)
{
	facts->waiting = vd_pg_rows_int8(rows, 0, 0);
	facts->waiting_ms = vd_pg_rows_int8(rows, 0, 1);
	facts->blocker_pid = vd_pg_rows_int4(rows, 0, 2);
}

static void on_slots(struct doctor_facts *facts, const struct vd_pg_rows *rows)
{
	facts->slots = vd_pg_rows_int8(rows, 0, 0);
	facts->slots_idle = vd_pg_rows_int8(rows, 0, 1);
	facts->slots_lost = vd_pg_rows_int8(rows, 0, 2);
	facts->slots_xmin_age = vd_pg_rows_int8(rows, 0, 3);
	facts->slots_idle_bytes = vd_pg_rows_int8(rows, 0, 4);
	COPY(slot_idle, rows, 5);
}

static void on_prepared(struct doctor_facts *facts, const struct vd_pg_rows *rows)
{
	facts->prepared = vd_pg_rows_int8(rows, 0, 0);
	facts->prepared_ms = vd_pg_rows_int8(rows, 0, 1);
	COPY(prepared_name, rows, 2);
}

static void on_age(struct doctor_facts *facts, const struct vd_pg_rows *rows)
{
	facts->frozen_age = vd_pg_rows_int8(rows, 0, 0);
}

static void on_tables(struct doctor_facts *facts, const struct vd_pg_rows *rows)
{
	facts->table_count =
		vd_pg_rows_count(rows) < DOCTOR_TABLES_MAX ? vd_pg_rows_count(rows) : DOCTOR_TABLES_MAX;
	for (size_t i = 0; i < facts->table_count; i++) {
		struct doctor_table *table = &facts->tables[i];
		snprintf(table->name, sizeof table->name, "%s", vd_pg_rows_text(rows, i, 0));
		table->live = vd_pg_rows_int8(rows, i, 1);
		table->dead = vd_pg_rows_int8(rows, i, 2);
		table->bytes = vd_pg_rows_int8(rows, i, 3);
	}
}

static void on_size(struct doctor_facts *facts, const struct vd_pg_rows *rows)
{
	facts->database_bytes = vd_pg_rows_int8(rows, 0, 0);
	COPY(tablespaces, rows, 1);
}

static void on_clock(struct doctor_facts *facts, const struct vd_pg_rows *rows)
{
	facts->clock[1].server_us = vd_pg_rows_timestamptz_us(rows, 0, 0);
}

static void (*const handlers[DOCTOR_LOOKS])(struct doctor_facts *facts, const struct vd_pg_rows *rows) = {
	[DOCTOR_SESSION] = on_session,
	[DOCTOR_ROLES] = on_roles,
	[DOCTOR_SETTINGS] = on_settings,
	[DOCTOR_CONNECTIONS] = on_connections,
	[DOCTOR_NOTIFY] = on_notify,
	[DOCTOR_TRANSACTIONS] = on_transactions,
	[DOCTOR_WAITS] = on_waits,
	[DOCTOR_SLOTS] = on_slots,
	[DOCTOR_PREPARED] = on_prepared,
	[DOCTOR_AGE] = on_age,
	[DOCTOR_TABLES] = on_tables,
	[DOCTOR_SIZE] = on_size,
	[DOCTOR_CLOCK] = on_clock,
};

/* ---- one look ---- */

struct question {
	struct vd_admin *admin;
	struct doctor_facts *facts;
	enum doctor_look look;
};

static void on_rows(void *arg, const struct vd_pg_rows *rows)
{
	struct question *question = arg;
	if (vd_pg_rows_count(rows) > 0)
		handlers[question->look](question->facts, rows);
}

/* Refused is an answer; only a connection that is lost is none. */
static void on_answered(void *arg, const struct vd_pg_outcome *outcome)
{
	struct question *question = arg;
	if (outcome->status == VD_PG_LOST) {
		admin_on_outcome(question->admin, outcome);
		return;
	}
	question->facts->seen[question->look] = outcome->status == VD_PG_OK;
	snprintf(question->facts->refused[question->look], DOCTOR_TEXT_BYTES, "%s", outcome->message);
	admin_done(question->admin, 0, NULL, "%s", "");
}

static int ask(struct vd_admin *admin, struct doctor_facts *facts, enum doctor_look look)
{
	struct question question = { admin, facts, look };
	struct vd_arena arena;
	struct vd_pg_params params;
	vd_arena_init(&arena, 4096);
	vd_pg_params_init(&params, &arena);
	vd_pg_params_text(&params, facts->schema);
	bool is_about_schema = statements[look].params[0] != 0;
	vd_pg_ask(
		admin->pg, &statements[look], is_about_schema ? &params : NULL, on_rows, on_answered, &question);
	int code = admin_wait(admin);
	vd_arena_fini(&arena);
	return code;
}

int doctor_ask_clock(struct vd_admin *admin, struct doctor_facts *facts)
{
	facts->clock[0] = facts->clock[1];
	int64_t begin_us = vd_clock_us();
	int64_t wall_us = vd_clock_wall_us();
	int code = ask(admin, facts, DOCTOR_CLOCK);
	struct doctor_clock *clock = &facts->clock[1];
	clock->within_us = vd_clock_us() - begin_us;
	clock->here_us = wall_us + clock->within_us / 2;
	clock->elapsed_us = begin_us + clock->within_us / 2;
	return code;
}

int doctor_look_at_all(struct vd_admin *admin, struct doctor_facts *facts)
{
	const struct vd_pg_server *server = vd_pg_server(admin->pg);
	snprintf(facts->place, sizeof facts->place, "%s", vd_pg_place(admin->pg));
	facts->wire = vd_pg_wire_of(admin->pg);
	facts->version_num = server->version_num;
	facts->backend_pid = server->backend_pid;
	for (enum doctor_look look = 0; look < DOCTOR_CLOCK; look++) {
		int code = ask(admin, facts, look);
		if (code != 0)
			return code;
	}
	/* the first one was asked while the statement was being prepared */
	int code = doctor_ask_clock(admin, facts);
	return code == 0 ? doctor_ask_clock(admin, facts) : code;
}
