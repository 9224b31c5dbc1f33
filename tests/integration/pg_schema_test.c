/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations of our own making: one that fails leaves no trace, a schema that is behind is named, a lost connection too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/pg/migrate.h"
#include "tests/support/pg_fixture.h"

static const struct vd_migration good[] = {
	{ 1, "one",
		"CREATE TABLE a (n int); INSERT INTO a VALUES (1); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS "
		"$$ SELECT n FROM a $$",
		"c1" },
	{ 2, "two", "-- only a remark\n", "c2" },
};
static const struct vd_migration bad[] = {
	{ 1, "one", "", "c1" },
	{ 2, "two", "", "c2" },
	{ 3, "three", "CREATE TABLE b (n int); SELECT 1 / 0; CREATE TABLE c (n int)", "c3" },
};
static const struct vd_migration slow[] = { { 1, "slow", "SELECT pg_sleep(60)", "s1" } };

struct told {
	struct fixture *f;
	unsigned times;
	enum vd_schema_status status;
	uint32_t version, applied;
	char message[300], hint[300];
};

static void on_report(void *arg, const struct vd_schema_report *report)
{
	struct told *told = arg;
	told->times++;
	told->status = report->status;
	told->version = report->version;
	told->applied = report->applied;
	snprintf(told->message, sizeof told->message, "%s", report->message);
	snprintf(told->hint, sizeof told->hint, "%s", report->hint);
	vd_loop_stop(told->f->loop);
}

static struct told migrated(struct fixture *f, const struct vd_migration *migrations, size_t count)
{
	struct told told = { .f = f };
	assert_true(vd_migrate_with(f->pg, "mine", migrations, count, on_report, &told));
	assert_int_equal(told.times, 0);
	FIXTURE_RUN_UNTIL(f, told.times == 1);
	return told;
}

static struct told checked(struct fixture *f, const struct vd_migration *migrations, size_t count)
{
	struct told told = { .f = f };
	assert_true(vd_schema_check_with(f->pg, "mine", migrations, count, on_report, &told));
	FIXTURE_RUN_UNTIL(f, told.times == 1);
	return told;
}

static int setup(void **state)
{
	static struct fixture f;
	fixture_init(&f);
	fixture_connect(&f);
	fixture_must(&f, "DROP SCHEMA IF EXISTS mine CASCADE");
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	return 0;
}

static void one_after_the_other(void **state)
{
	struct fixture *f = *state;
	struct told told = checked(f, good, 1);
	assert_int_equal(told.status, VD_SCHEMA_MISSING);
	told = migrated(f, good, 1);
	assert_int_equal(told.status, VD_SCHEMA_OK);
	assert_int_equal(told.applied, 1);
	told = checked(f, good, 2);
	assert_int_equal(told.status, VD_SCHEMA_TOO_OLD);
	assert_string_equal(told.message, "schema \"mine\" is at version 1, this program needs 2");
	assert_string_equal(told.hint, "run: verdict migrate --schema mine");
	told = migrated(f, good, 2);
	assert_int_equal(told.status, VD_SCHEMA_OK);
	assert_int_equal(told.applied, 1);
	assert_int_equal(told.version, 2);
	assert_int_equal(checked(f, good, 2).status, VD_SCHEMA_OK);
	struct seen seen = fixture_do(f, "SELECT mine.f() FROM mine.a");
	assert_int_equal(seen.status,
		VD_PG_ERROR); /* f has no path of its own: the session's path came back after the migration */
	assert_int_equal(fixture_do(f, "SELECT n FROM mine.a").rows, 1);
}

static void a_failing_one_leaves_no_trace(void **state)
{
	struct fixture *f = *state;
	struct told told = migrated(f, good, 2);
	assert_int_equal(told.status, VD_SCHEMA_OK);
	told = migrated(f, bad, 3);
	assert_int_equal(told.status, VD_SCHEMA_REFUSED);
	assert_string_equal(told.message, "migration 0003_three: apply: ERROR 22012 division by zero");
	assert_int_equal(told.version, 2);
	assert_int_equal(told.applied, 0);
	assert_int_equal(fixture_do(f, "SELECT 1 WHERE to_regclass('mine.b') IS NULL").rows, 1);
	assert_int_equal(fixture_do(f, "SELECT 1 FROM mine.schema_migrations").rows, 2);
	assert_int_equal(fixture_do(f, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'").rows, 0);
	assert_int_equal(checked(f, good, 2).status, VD_SCHEMA_OK); /* and the connection is as good as before */
}

static void a_first_one_that_fails_leaves_no_schema(void **state)
{
	struct fixture *f = *state;
	struct told told = migrated(f, &(struct vd_migration){ 1, "x", "SELECT no_such_function()", "x" }, 1);
	assert_int_equal(told.status, VD_SCHEMA_REFUSED);
	assert_non_null(strstr(told.message, "42883"));
	assert_int_equal(fixture_do(f, "SELECT 1 FROM pg_namespace WHERE nspname = 'mine'").rows, 0);
}

static void a_lost_connection_is_told_once(void **state)
{
	struct fixture *f = *state;
	struct fixture other;
	struct told told = { .f = f };
	char sql[120];
	fixture_init(&other);
	fixture_connect(&other);
	assert_true(vd_migrate_with(f->pg, "mine", slow, 1, on_report, &told));
	snprintf(
		sql, sizeof sql, "SELECT pg_sleep(0.2), pg_terminate_backend(%d)", vd_pg_server(f->pg)->backend_pid);
	struct seen seen = { .fixture = f };
	struct vd_pg_segment *segment = vd_pg_segment_begin(other.pg);
	/* both connections are served by their own loops: let the migration begin first */
	int64_t begin_ms = vd_clock_ms();
	while (vd_clock_ms() - begin_ms < 300) {
		vd_timer_arm_ms(&f->timer, 50);
		assert_true(vd_loop_run(f->loop));
	}
	vd_pg_query_text(segment, "kill", sql, NULL, NULL);
	vd_pg_segment_end(segment, seen_outcome, &seen);
	seen.fixture = &other;
	FIXTURE_RUN_UNTIL(&other, seen.times == 1);
	FIXTURE_RUN_UNTIL(f, f->closed);
	assert_int_equal(told.times, 1);
	assert_int_equal(told.status, VD_SCHEMA_LOST);
	assert_non_null(strstr(told.message, "57P01"));
	fixture_fini(&other);
}

/* ---- a connection that is closed ends what runs on it, before it is gone itself ---- */

static void run_for(struct fixture *f, int64_t time_ms)
{
	int64_t end_ms = vd_clock_ms() + time_ms;
	while (vd_clock_ms() < end_ms) {
		vd_timer_arm_ms(&f->timer, end_ms - vd_clock_ms());
		assert_true(vd_loop_run(f->loop));
	}
}

static void close_and_hear(struct fixture *f, const struct told *told)
{
	vd_pg_close(f->pg);
	FIXTURE_RUN_UNTIL(f, f->closed);
	assert_int_equal(told->times, 1);
	assert_int_equal(told->status, VD_SCHEMA_LOST);
	run_for(f, 100); /* and nothing of it is left that comes later */
	assert_int_equal(told->times, 1);
}

static void closed_at_once(void **state)
{
	struct fixture *f = *state;
	struct told told = { .f = f };
	assert_true(vd_schema_check_with(f->pg, "mine", good, 1, on_report, &told));
	close_and_hear(f, &told);
}

static void closed_with_a_name_that_is_refused(void **state)
{
	struct fixture *f = *state;
	struct told told = { .f = f };
	assert_true(vd_schema_check_with(f->pg, "not a name", good, 1, on_report, &told));
	vd_pg_close(f->pg);
	FIXTURE_RUN_UNTIL(f, f->closed);
	assert_int_equal(told.times, 1);
	assert_int_equal(told.status, VD_SCHEMA_REFUSED);
	assert_string_equal(told.message, "\"not a name\" is not a legal name for a schema");
}

static void closed_while_another_one_migrates(void **state)
{
	struct fixture *f = *state;
	struct fixture other;
	fixture_init(&other);
	fixture_connect(&other);
	fixture_must(&other, "SELECT pg_advisory_lock(hashtextextended('verdict migrations of mine', 0))");
	for (int64_t after_ms = 0; after_ms < 100; after_ms += 15) {
		struct told told = { .f = f };
		assert_true(vd_migrate_with(f->pg, "mine", good, 1, on_report, &told));
		run_for(f, after_ms);
		close_and_hear(f, &told);
		fixture_connect(f);
	}
	fixture_fini(&other);
	assert_int_equal(migrated(f, good, 1).status, VD_SCHEMA_OK); /* it was only waited for */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_after_the_other),
		CASE(a_failing_one_leaves_no_trace),
		CASE(a_first_one_that_fails_leaves_no_schema),
		CASE(a_lost_connection_is_told_once),
		CASE(closed_at_once),
		CASE(closed_with_a_name_that_is_refused),
		CASE(closed_while_another_one_migrates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
