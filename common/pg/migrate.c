/* SPDX-License-Identifier: Apache-2.0 */
/* One run, as a walk through a few steps, each of which is one segment whose outcome leads to the next:
 *
 *   lock ─▶ look ─▶ read ─▶ apply (one transaction a migration) ─▶ … ─▶ unlock ─▶ report
 *    └ taken: rest for 50 ms, and try again
 *
 * A check begins at look, and reports after read.
 * A run is held by its segment alone, and there is always one: a rest is a segment too. So a run ends when its connection does,
 * and never waits for a time at which the connection may be gone.
 * A migration is many commands, and the extended protocol takes one: so it goes as one DO block that EXECUTEs the text.
 */
#include "common/pg/migrate.h"

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/log.h"
#include "common/pg/connection.h"
#include "common/pg/names.h"
#include "common/pg/pipeline.h"
#include "common/pg/schema.h"

#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 50, LOCK_PATIENCE_MS = 60000, APPLY_ATTEMPTS = 5 };
/* A migration that waits for a lock has all others wait behind it. So it waits for a moment, and lets them pass for a longer one. */
enum { APPLY_LOCK_MS = 200, APPLY_REST_MS = 1000, APPLY_PATIENCE_MS = 30000 };

struct run {
	struct vd_pg *pg;
	struct vd_pg_name schema;
	const struct vd_migration *migrations;
	size_t count;
	vd_schema_handler *callback;
	void *arg;
	bool check_only;
	struct vd_arena arena;
	int64_t waited_ms;
	int64_t held_up_ms; /* by whoever holds what a migration must change */
	unsigned attempts;
	void (*after_rest)(struct run *run);

	/* what the last segment gave back */
	bool locked;
	bool committed;
	bool has_schema;
	bool has_table;
	struct pg_schema_record record;

	struct vd_schema_report report;
	struct vd_buffer message;
	struct vd_buffer hint;
};

#define LOCK_KEY "hashtextextended('verdict migrations of ' || $1, 0)"

static const struct vd_pg_statement try_lock = {
	.name = "migrate_lock",
	.sql = "SELECT pg_try_advisory_lock(" LOCK_KEY ") AS locked",
	.params = { VD_PG_TEXT },
	.columns = { { "locked", VD_PG_BOOL } },
};
static const struct vd_pg_statement unlock = {
	.name = "migrate_unlock",
	.sql = "SELECT pg_advisory_unlock(" LOCK_KEY ")",
	.params = { VD_PG_TEXT },
};
static const struct vd_pg_statement look = {
	.name = "migrate_look",
	.sql = "SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1) AS has_schema,"
		   " EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
		   " WHERE n.nspname = $1 AND c.relname = 'schema_migrations') AS has_table",
	.params = { VD_PG_TEXT },
	.columns = { { "has_schema", VD_PG_BOOL }, { "has_table", VD_PG_BOOL } },
};
static const struct vd_pg_statement rest_statement = {
	.name = "migrate_rest",
	.sql = "SELECT pg_sleep($1)",
	.params = { VD_PG_FLOAT8 },
};
static const struct vd_pg_statement set_path = {
	.name = "migrate_path",
	.sql = "SELECT set_config('search_path', quote_ident($1) || ', pg_temp', true), "
		   "set_config('lock_timeout', $2, true)",
	.params = { VD_PG_TEXT, VD_PG_TEXT },
};

static void step_lock(struct run *run);
static void step_look(struct run *run);
static void step_apply(struct run *run);

/* ---- the end ---- */

static void run_free(struct run *run)
{
	vd_arena_fini(&run->arena);
	vd_buffer_fini(&run->message);
	vd_buffer_fini(&run->hint);
	free(run);
}

static void report(struct run *run)
{
	run->report.message = vd_buffer_string(&run->message);
	run->report.hint = vd_buffer_string(&run->hint);
	run->callback(run->arg, &run->report);
	run_free(run);
}

static void on_unlocked(void *arg, const struct vd_pg_outcome *outcome)
{
	(void)outcome; /* the verdict stands; a lost connection has let go of the lock as well */
	report(arg);
}

static struct vd_pg_params *one_text(struct run *run, struct vd_pg_params *params, const char *text)
{
	vd_pg_params_init(params, &run->arena);
	vd_pg_params_text(params, text);
	return params;
}

static void end(struct run *run, enum vd_schema_status status)
{
	struct vd_pg_params params;
	run->report.status = status;
	if (run->locked && vd_pg_state(run->pg) != VD_PG_CLOSED)
		vd_pg_ask(run->pg, &unlock, one_text(run, &params, run->schema.text), NULL, on_unlocked, run);
	else
		report(run);
}

/* No means, a time-out, a server that stops, a collision; ours too, for want of memory here is told as the server's. */
static bool is_transient(const struct vd_pg_outcome *outcome)
{
	static const char *const classes[] = { "40", "53", "55", "57", "58" };
	for (size_t i = 0; i < VD_COUNT(classes); i++)
		if (vd_pg_outcome_is_class(outcome, classes[i]))
			return true;
	return false;
}

/* A segment failed: say so, in the words of the server. */
static void end_failed(struct run *run, const char *doing, const struct vd_pg_outcome *outcome)
{
	vd_buffer_add_format(&run->message, "%s: %s", doing, outcome->message);
	if (outcome->status == VD_PG_LOST) {
		end(run, VD_SCHEMA_LOST);
		return;
	}
	if (!vd_pg_outcome_is(outcome, "42501"))
		vd_buffer_add_text(&run->hint, outcome->detail);
	else if (run->check_only)
		vd_buffer_add_format(&run->hint,
			"grant the role %s_resolver, %s_follower or %s_observer to this account", run->schema.text,
			run->schema.text, run->schema.text);
	else
		vd_buffer_add_format(&run->hint,
			"migrate as an account that may create schemas in this database, create roles and be "
			"a member of them; or let an administrator run what this prints: verdict migrate --schema %s "
			"--print-roles",
			run->schema.text);
	run->report.may_pass = is_transient(outcome);
	end(run, VD_SCHEMA_REFUSED);
}

/* ---- rest ---- */

static void on_rested(void *arg, const struct vd_pg_outcome *outcome)
{
	struct run *run = arg;
	if (outcome->status != VD_PG_OK)
		end_failed(run, "resting before the next attempt", outcome);
	else
		run->after_rest(run);
}

/* In the server, so that who rests hears of the end of the connection like anybody else. */
static void step_rest(struct run *run, int64_t rest_ms, void (*then)(struct run *run))
{
	struct vd_pg_params params;
	vd_arena_reset(&run->arena);
	vd_pg_params_init(&params, &run->arena);
	vd_pg_params_float8(&params, (double)rest_ms / 1e3);
	run->after_rest = then;
	vd_pg_ask(run->pg, &rest_statement, &params, NULL, on_rested, run);
}

/* ---- read: what was applied, against what this program knows ---- */

static void on_row_read(void *arg, const struct vd_pg_rows *rows)
{
	struct run *run = arg;
	run->record = pg_schema_compare(rows, run->migrations, run->count);
	run->report.version = run->record.newest;
}

static enum vd_schema_status judge(struct run *run)
{
	return pg_schema_judge(
		&run->record, run->count, !run->check_only, run->schema.text, &run->message, &run->hint);
}

/* It is known what the schema holds. */
static void go_on(struct run *run)
{
	enum vd_schema_status status = judge(run);
	if (run->check_only ||
		(status != VD_SCHEMA_OK && status != VD_SCHEMA_MISSING && status != VD_SCHEMA_TOO_OLD)) {
		end(run, status);
		return;
	}
	vd_buffer_clear(&run->message);
	vd_buffer_clear(&run->hint);
	step_apply(run);
}

static void on_read(void *arg, const struct vd_pg_outcome *outcome)
{
	struct run *run = arg;
	if (outcome->status != VD_PG_OK)
		end_failed(run, "reading schema_migrations", outcome);
	else
		go_on(run);
}

static void step_read(struct run *run)
{
	char sql[240];
	struct vd_pg_segment *segment = vd_pg_segment_begin(run->pg);
	snprintf(sql, sizeof sql,
		"SELECT number, checksum, coalesce((to_jsonb(m) ->> 'served')::boolean, false)"
		" FROM \"%s\".schema_migrations m ORDER BY number", /* the column is younger than the table */
		run->schema.text);
	vd_pg_query_text(segment, "migrate_read", sql, on_row_read, run);
	vd_pg_segment_end(segment, on_read, run);
}

/* ---- apply ---- */

/* Somebody else's migration of another schema met ours in a table of the whole server (roles): trying again is right. */
static bool is_a_collision(const struct vd_pg_outcome *outcome)
{
	static const char *const sqlstates[] = { "23505", "42710", "40P01", "40001", "XX000" };
	for (size_t i = 0; i < VD_COUNT(sqlstates); i++)
		if (outcome->status == VD_PG_ERROR && vd_pg_outcome_is(outcome, sqlstates[i]))
			return true;
	return false;
}

static void on_rolled_back(void *arg, const struct vd_pg_outcome *outcome)
{
	struct run *run = arg;
	if (outcome->status != VD_PG_OK)
		end_failed(run, "rolling back", outcome);
	else
		step_rest(run, run->held_up_ms > 0 ? APPLY_REST_MS : RETRY_MS, step_look);
}

static void on_ignored(void *arg, const struct vd_pg_outcome *outcome)
{
	(void)arg;
	(void)outcome;
}

static void apply_failed(struct run *run, const struct vd_pg_outcome *outcome)
{
	const struct vd_migration *migration = &run->migrations[run->record.newest];
	char doing[100];
	bool is_held_up = outcome->status == VD_PG_ERROR && vd_pg_outcome_is(outcome, "55P03");
	if (is_held_up)
		run->held_up_ms += APPLY_LOCK_MS + APPLY_REST_MS;
	if (is_held_up ? run->held_up_ms < APPLY_PATIENCE_MS
				   : is_a_collision(outcome) && ++run->attempts < APPLY_ATTEMPTS) {
		vd_pg_ask(run->pg, &vd_pg_rollback, NULL, NULL, on_rolled_back, run);
		return;
	}
	if (outcome->status == VD_PG_ERROR)
		vd_pg_ask(run->pg, &vd_pg_rollback, NULL, NULL, on_ignored, NULL);
	snprintf(doing, sizeof doing, "migration %04u_%.60s", migration->number, migration->name);
	if (is_held_up)
		vd_buffer_add_text(&run->hint,
			"a session holds what it must change, such as one with a long snapshot: look for the oldest "
			"xact_start in pg_stat_activity, and migrate again when that has ended");
	end_failed(run, doing, outcome);
}

static void on_commit(void *arg, const struct vd_pg_rows *rows)
{
	((struct run *)arg)->committed = vd_pg_rows_committed(rows);
}

static void on_applied(void *arg, const struct vd_pg_outcome *outcome)
{
	struct run *run = arg;
	if (outcome->status != VD_PG_OK || !run->committed) {
		apply_failed(run, outcome);
		return;
	}
	vd_log_info("migration applied", VD_LOG_TEXT("schema", run->schema.text),
		VD_LOG_UINT("number", run->record.newest + 1),
		VD_LOG_TEXT("name", run->migrations[run->record.newest].name));
	run->has_schema = run->has_table = true;
	run->record.newest++;
	run->report.version = run->record.newest;
	run->report.applied++;
	step_apply(run);
}

/* The text as one command. Quoting by dollars holds as long as the text does not contain the tags. */
static void add_text(struct run *run, struct vd_pg_segment *segment, const struct vd_migration *migration)
{
	struct vd_buffer text = { 0 };
	VD_ASSERT(strstr(migration->sql, "$verdict_") == NULL);
	vd_buffer_add_text(&text, "DO $verdict_do$BEGIN EXECUTE $verdict_sql$");
	vd_buffer_add_text(&text, migration->sql);
	vd_buffer_add_text(&text, "$verdict_sql$; END$verdict_do$");
	if (vd_buffer_ok(&text))
		vd_pg_query_text(segment, "apply", vd_buffer_string(&text), NULL, run);
	else
		vd_pg_query_text(segment, "apply", "DO $$BEGIN RAISE out_of_memory; END$$", NULL, run);
	vd_buffer_fini(&text);
}

/* The next one that is missing, in a transaction; the first makes the schema and its list as well. */
static void step_apply(struct run *run)
{
	char sql[200];
	struct vd_pg_params path;
	if (run->record.newest == run->count) {
		end(run, VD_SCHEMA_OK);
		return;
	}
	const struct vd_migration *migration = &run->migrations[run->record.newest];
	struct vd_pg_segment *segment = vd_pg_segment_begin(run->pg);
	run->committed = false;
	vd_pg_query(segment, &vd_pg_begin_committed, NULL, NULL, NULL);
	if (!run->has_schema) {
		snprintf(sql, sizeof sql, "CREATE SCHEMA \"%s\"", run->schema.text);
		vd_pg_query_text(segment, "create schema", sql, NULL, NULL);
	}
	one_text(run, &path, run->schema.text);
	vd_pg_params_text(&path, vd_arena_format(&run->arena, "%dms", APPLY_LOCK_MS));
	vd_pg_query(segment, &set_path, &path, NULL, NULL);
	if (!run->has_table)
		vd_pg_query_text(segment, "create schema_migrations",
			"CREATE TABLE schema_migrations (number integer PRIMARY KEY, name text NOT NULL, checksum text "
			"NOT NULL,"
			" applied_at timestamptz NOT NULL DEFAULT clock_timestamp())",
			NULL, NULL);
	add_text(run, segment, migration);
	/* as text, for a prepared statement is parsed ahead of the segment that makes the table; nothing here needs quoting */
	snprintf(sql, sizeof sql,
		"INSERT INTO schema_migrations (number, name, checksum) VALUES (%u, '%.40s', '%.64s')",
		migration->number, migration->name, migration->checksum);
	vd_pg_query_text(segment, "record", sql, NULL, NULL);
	vd_pg_query(segment, &vd_pg_commit, NULL, on_commit, run);
	vd_pg_segment_end(segment, on_applied, run);
}

/* ---- look and lock ---- */

static void on_row_look(void *arg, const struct vd_pg_rows *rows)
{
	struct run *run = arg;
	run->has_schema = vd_pg_rows_bool(rows, 0, 0);
	run->has_table = vd_pg_rows_bool(rows, 0, 1);
}

static void on_looked(void *arg, const struct vd_pg_outcome *outcome)
{
	struct run *run = arg;
	run->record = (struct pg_schema_record){ 0 };
	if (outcome->status != VD_PG_OK)
		end_failed(run, "looking for the schema", outcome);
	else if (run->has_table)
		step_read(run);
	else
		go_on(run);
}

static void step_look(struct run *run)
{
	struct vd_pg_params params;
	vd_pg_ask(run->pg, &look, one_text(run, &params, run->schema.text), on_row_look, on_looked, run);
}

static void on_row_lock(void *arg, const struct vd_pg_rows *rows)
{
	((struct run *)arg)->locked = vd_pg_rows_bool(rows, 0, 0);
}

static void on_lock_tried(void *arg, const struct vd_pg_outcome *outcome)
{
	struct run *run = arg;
	if (outcome->status != VD_PG_OK) {
		end_failed(run, "taking the migration lock", outcome);
	} else if (run->locked) {
		step_look(run);
	} else if ((run->waited_ms += RETRY_MS) < LOCK_PATIENCE_MS) {
		step_rest(run, RETRY_MS, step_lock);
	} else {
		vd_buffer_add_format(&run->message,
			"another session has held the migration lock of schema \"%s\" for a minute", run->schema.text);
		vd_buffer_add_text(&run->hint, "look for it in pg_locks (locktype advisory) and let it finish");
		end(run, VD_SCHEMA_REFUSED);
	}
}

static void step_lock(struct run *run)
{
	struct vd_pg_params params;
	vd_arena_reset(&run->arena);
	vd_pg_ask(run->pg, &try_lock, one_text(run, &params, run->schema.text), on_row_lock, on_lock_tried, run);
}

static void on_illegal(void *arg, const struct vd_pg_outcome *outcome)
{
	(void)outcome; /* whatever it was */
	end(arg, VD_SCHEMA_REFUSED);
}

/* A name that is refused is told later, as all else. */
static void step_refuse(struct run *run, const char *schema)
{
	vd_buffer_add_format(
		&run->message, "\"%.60s\" is not a legal name for a schema", schema == NULL ? "" : schema);
	vd_buffer_add_text(&run->hint, vd_pg_schema_rule);
	vd_pg_segment_end(vd_pg_segment_begin(run->pg), on_illegal, run);
}

static bool start(struct vd_pg *pg, const char *schema, const struct vd_migration *migrations, size_t count,
	bool check_only, vd_schema_handler *callback, void *arg)
{
	struct run *run = calloc(1, sizeof *run);
	if (run == NULL)
		return false;
	run->pg = pg;
	run->migrations = migrations;
	run->count = count;
	run->callback = callback;
	run->arg = arg;
	run->check_only = check_only;
	vd_arena_init(&run->arena, SIZE_MAX);
	if (!vd_pg_schema_is_legal(schema)) {
		step_refuse(run, schema);
		return true;
	}
	snprintf(run->schema.text, sizeof run->schema.text, "%s", schema);
	if (check_only)
		step_look(run);
	else
		step_lock(run);
	return true;
}

bool vd_migrate_with(struct vd_pg *pg, const char *schema, const struct vd_migration *migrations,
	size_t count, vd_schema_handler *callback, void *arg)
{
	return start(pg, schema, migrations, count, false, callback, arg);
}

bool vd_schema_check_with(struct vd_pg *pg, const char *schema, const struct vd_migration *migrations,
	size_t count, vd_schema_handler *callback, void *arg)
{
	return start(pg, schema, migrations, count, true, callback, arg);
}

bool vd_migrate(struct vd_pg *pg, const char *schema, vd_schema_handler *callback, void *arg)
{
	return vd_migrate_with(pg, schema, vd_migrations, vd_migrations_count, callback, arg);
}

bool vd_schema_check(struct vd_pg *pg, const char *schema, vd_schema_handler *callback, void *arg)
{
	return vd_schema_check_with(pg, schema, vd_migrations, vd_migrations_count, callback, arg);
}
