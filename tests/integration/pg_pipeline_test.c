/* SPDX-License-Identifier: Apache-2.0 */
/* The pipeline against a real server: one outcome a segment, whatever happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/pg_fixture.h"

static const struct vd_pg_statement one_number = {
	.name = "one_number",
	.sql = "SELECT $1 + 1 AS n",
	.params = { VD_PG_INT8 },
	.columns = { { "n", VD_PG_INT8 } },
};
static const struct vd_pg_statement divide = {
	.name = "divide",
	.sql = "SELECT 1 / $1 AS n",
	.params = { VD_PG_INT8 },
};
static const struct vd_pg_statement insert_t = {
	.name = "insert_t",
	.sql = "INSERT INTO t VALUES ($1)",
	.params = { VD_PG_INT8 },
};
static const struct vd_pg_statement of_missing_table = { .name = "missing",
	.sql = "SELECT 1 FROM no_such_table" };
static const struct vd_pg_statement wrong_column = {
	.name = "wrong_column",
	.sql = "SELECT 1::int8 AS a, 2::int8 AS c",
	.columns = { { "a", VD_PG_INT8 }, { "b", VD_PG_INT8 } },
};
static const struct vd_pg_statement echo_size = {
	.name = "echo_size",
	.sql = "SELECT octet_length($1)::int8 AS n, $1 AS back",
	.params = { VD_PG_BYTEA },
	.columns = { { "n", VD_PG_INT8 }, { "back", VD_PG_BYTEA } },
};

static int setup(void **state)
{
	static struct fixture f;
	fixture_init(&f);
	fixture_connect(&f);
	fixture_must(&f, "DROP TABLE IF EXISTS t");
	fixture_must(&f, "CREATE TABLE t (n bigint)");
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	return 0;
}

static struct vd_pg_params *number(struct fixture *f, struct vd_pg_params *params, int64_t value)
{
	vd_pg_params_init(params, &f->arena);
	vd_pg_params_int8(params, value);
	return params;
}

static int64_t rows_in_t(struct fixture *f)
{
	struct seen seen = { .fixture = f };
	struct vd_pg_segment *segment = vd_pg_segment_begin(f->pg);
	vd_pg_query_text(segment, "count", "SELECT count(*) FROM t", seen_value, &seen);
	vd_pg_segment_end(segment, seen_outcome, &seen);
	FIXTURE_RUN_UNTIL(f, seen.times > 0);
	assert_int_equal(seen.status, VD_PG_OK);
	return seen.value;
}

static void server_is_identified(void **state)
{
	struct fixture *f = *state;
	const struct vd_pg_server *server = vd_pg_server(f->pg);
	assert_true(server->backend_pid > 0);
	assert_true(server->version_num >= 140000);
	assert_true(server->system_identifier != 0);
	assert_int_equal(server->timeline, 1);
	assert_true(server->database_oid >= 16384);
	assert_true(server->backend_start_us >= server->postmaster_start_us);
	assert_in_range(vd_clock_wall_us() - server->backend_start_us, 0, 60 * 1000000LL);
	assert_false(server->in_recovery);
	assert_false(server->synchronous_standbys);
	assert_non_null(strstr(vd_pg_place(f->pg), "/test"));
}

static void several_segments_are_answered_in_order(void **state)
{
	struct fixture *f = *state;
	struct seen seen[20] = { 0 };
	uint64_t statements = vd_pg_counts(f->pg)->statements;
	for (size_t i = 0; i < VD_COUNT(seen); i++) {
		struct vd_pg_params params;
		seen[i].fixture = f;
		vd_pg_ask(f->pg, &one_number, number(f, &params, (int64_t)i), seen_value, seen_outcome, &seen[i]);
		assert_int_equal(seen[i].times, 0);
	}
	assert_int_equal(vd_pg_in_flight(f->pg), VD_COUNT(seen));
	FIXTURE_RUN_UNTIL(f, seen[VD_COUNT(seen) - 1].times > 0);
	for (size_t i = 0; i < VD_COUNT(seen); i++) {
		assert_int_equal(seen[i].times, 1);
		assert_int_equal(seen[i].status, VD_PG_OK);
		assert_int_equal(seen[i].value, i + 1);
		assert_int_equal(seen[i].handled, 1);
	}
	assert_int_equal(vd_pg_counts(f->pg)->statements - statements, VD_COUNT(seen));
	assert_int_equal(vd_pg_in_flight(f->pg), 0);
}

static void an_error_skips_to_the_sync_and_the_next_segment_goes_on(void **state)
{
	struct fixture *f = *state;
	struct seen first = { .fixture = f }, second = { .fixture = f };
	struct vd_pg_params one, zero, two, three;
	struct vd_pg_segment *segment = vd_pg_segment_begin(f->pg);
	vd_pg_query(segment, &insert_t, number(f, &one, 1), seen_rows, &first);
	vd_pg_query(segment, &divide, number(f, &zero, 0), seen_rows, &first);
	vd_pg_query(segment, &insert_t, number(f, &two, 2), seen_rows, &first);
	vd_pg_segment_end(segment, seen_outcome, &first);
	vd_pg_ask(f->pg, &insert_t, number(f, &three, 3), seen_rows, seen_outcome, &second);
	FIXTURE_RUN_UNTIL(f, second.times > 0);
	assert_int_equal(first.times, 1);
	assert_int_equal(first.status, VD_PG_ERROR);
	assert_int_equal(first.failed, 1);
	assert_string_equal(first.sqlstate, "22012");
	assert_string_equal(first.message, "divide: ERROR 22012 division by zero");
	assert_int_equal(first.handled, 1); /* the insert before it; not the one behind */
	assert_int_equal(second.status, VD_PG_OK);
	assert_string_equal(second.tag, "INSERT 0 1");
	assert_int_equal(rows_in_t(f), 1); /* the first segment left nothing */
}

static void an_error_of_the_implicit_commit_is_told(void **state)
{
	struct fixture *f = *state;
	fixture_must(f, "CREATE TABLE IF NOT EXISTS deferred (n bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)");
	struct seen seen = fixture_do(f, "INSERT INTO deferred VALUES (1), (1)");
	assert_int_equal(seen.status, VD_PG_ERROR);
	assert_string_equal(seen.sqlstate, "23505");
	assert_true(seen.failed == SIZE_MAX);
	assert_int_equal(seen.handled, 1);
	fixture_must(f, "SELECT 1");
}

static void a_commit_of_an_aborted_transaction_is_seen_as_a_rollback(void **state)
{
	struct fixture *f = *state;
	struct seen begin = { .fixture = f }, commit = { .fixture = f };
	struct vd_pg_params one, zero;
	struct vd_pg_segment *segment = vd_pg_segment_begin(f->pg);
	vd_pg_query(segment, &vd_pg_begin, NULL, NULL, NULL);
	vd_pg_query(segment, &insert_t, number(f, &one, 1), NULL, NULL);
	vd_pg_query(segment, &divide, number(f, &zero, 0), NULL, NULL);
	vd_pg_query(segment, &vd_pg_commit, NULL, seen_rows, &begin);
	vd_pg_segment_end(segment, seen_outcome, &begin);
	vd_pg_ask(f->pg, &vd_pg_commit, NULL, seen_rows, seen_outcome, &commit);
	FIXTURE_RUN_UNTIL(f, commit.times > 0);
	assert_int_equal(begin.status, VD_PG_ERROR);
	assert_int_equal(begin.failed, 2);
	assert_int_equal(begin.handled, 0); /* the error skipped COMMIT, too */
	assert_true(begin.in_block);
	assert_true(begin.block_failed);
	assert_int_equal(commit.status, VD_PG_OK);
	assert_string_equal(commit.tag, "ROLLBACK");
	assert_false(commit.committed);
	assert_false(commit.in_block);
	assert_int_equal(rows_in_t(f), 0);
}

static void a_warning_belongs_to_its_segment(void **state)
{
	struct fixture *f = *state;
	struct seen before = { .fixture = f }, with = { .fixture = f }, after = { .fixture = f };
	struct vd_pg_params params;
	vd_pg_ask(f->pg, &one_number, number(f, &params, 1), NULL, seen_outcome, &before);
	vd_pg_ask(f->pg, &vd_pg_commit, NULL, NULL, seen_outcome,
		&with); /* WARNING: there is no transaction in progress */
	vd_pg_ask(f->pg, &one_number, number(f, &params, 1), NULL, seen_outcome, &after);
	FIXTURE_RUN_UNTIL(f, after.times > 0);
	assert_false(before.warned);
	assert_true(with.warned);
	assert_non_null(strstr(with.warning, "WARNING 25P01"));
	assert_false(after.warned);
}

static void what_cannot_be_prepared_fails_at_its_statement(void **state)
{
	struct fixture *f = *state;
	struct seen first = { .fixture = f }, second = { .fixture = f }, third = { .fixture = f };
	struct vd_pg_params params;
	struct vd_pg_segment *segment = vd_pg_segment_begin(f->pg);
	vd_pg_query(segment, &insert_t, number(f, &params, 1), NULL, NULL);
	vd_pg_query(segment, &of_missing_table, NULL, NULL, NULL);
	vd_pg_segment_end(segment, seen_outcome, &first);
	vd_pg_ask(f->pg, &of_missing_table, NULL, NULL, seen_outcome, &second);
	FIXTURE_RUN_UNTIL(f, second.times > 0);
	assert_int_equal(first.status, VD_PG_ERROR);
	assert_int_equal(first.failed, 1);
	assert_string_equal(first.sqlstate, "42P01");
	assert_string_equal(first.message, "missing: ERROR 42P01 relation \"no_such_table\" does not exist");
	assert_string_equal(second.sqlstate, "42P01");
	fixture_must(f, "CREATE TABLE no_such_table ()");
	vd_pg_ask(f->pg, &of_missing_table, NULL, NULL, seen_outcome, &third);
	FIXTURE_RUN_UNTIL(f, third.times > 0);
	assert_int_equal(third.status, VD_PG_OK);
	fixture_must(f, "DROP TABLE no_such_table");
	assert_int_equal(rows_in_t(f), 0);
}

static void a_statement_that_the_session_forgot_is_prepared_again(void **state)
{
	struct fixture *f = *state;
	struct seen first = { .fixture = f }, second = { .fixture = f };
	struct vd_pg_params params;
	vd_pg_ask(f->pg, &one_number, number(f, &params, 1), NULL, seen_outcome, &first);
	FIXTURE_RUN_UNTIL(f, first.times > 0);
	fixture_must(f, "DEALLOCATE ALL");
	first.times = 0;
	vd_pg_ask(f->pg, &one_number, number(f, &params, 1), NULL, seen_outcome, &first);
	FIXTURE_RUN_UNTIL(f, first.times > 0);
	assert_string_equal(first.sqlstate, "26000");
	vd_pg_ask(f->pg, &one_number, number(f, &params, 1), NULL, seen_outcome, &second);
	FIXTURE_RUN_UNTIL(f, second.times > 0);
	assert_int_equal(second.status, VD_PG_OK);
}

static void columns_that_shifted_end_the_connection(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { .fixture = f };
	vd_pg_ask(f->pg, &wrong_column, NULL, seen_rows, seen_outcome, &seen);
	FIXTURE_RUN_UNTIL(f, seen.times > 0);
	assert_int_equal(seen.handled, 0);
	assert_int_equal(seen.status, VD_PG_LOST);
	FIXTURE_RUN_UNTIL(f, f->closed);
	assert_int_equal(seen.times, 1);
	assert_non_null(strstr(f->reason, "column 2 is \"c\""));
}

static void a_killed_connection_gives_one_outcome_a_segment(void **state)
{
	struct fixture *f = *state;
	struct fixture other;
	struct seen done = { .fixture = f }, running = { .fixture = f }, waiting = { .fixture = f },
				late = { .fixture = f };
	char kill[80];
	struct vd_pg_params params;
	fixture_init(&other);
	fixture_connect(&other);
	vd_pg_ask(f->pg, &one_number, number(f, &params, 1), NULL, seen_outcome, &done);
	struct vd_pg_segment *segment = vd_pg_segment_begin(f->pg);
	vd_pg_query_text(segment, "sleep", "SELECT pg_sleep(60)", seen_rows, &running);
	vd_pg_segment_end(segment, seen_outcome, &running);
	vd_pg_ask(f->pg, &one_number, number(f, &params, 1), seen_rows, seen_outcome, &waiting);
	FIXTURE_RUN_UNTIL(f, done.times > 0);
	snprintf(kill, sizeof kill, "SELECT pg_terminate_backend(%d)", vd_pg_server(f->pg)->backend_pid);
	fixture_must(&other, kill);
	FIXTURE_RUN_UNTIL(f, running.times > 0);
	if (f->pg != NULL) /* on a lost connection too: the outcome comes, later */
		vd_pg_ask(f->pg, &one_number, number(f, &params, 1), seen_rows, seen_outcome, &late);
	FIXTURE_RUN_UNTIL(f, f->closed);
	assert_int_equal(done.times, 1);
	assert_int_equal(done.status, VD_PG_OK);
	assert_int_equal(running.times, 1);
	assert_int_equal(running.status, VD_PG_LOST);
	assert_true(running.sent);
	assert_int_equal(running.handled, 0);
	assert_non_null(strstr(running.message, "57P01"));
	assert_int_equal(waiting.times, 1);
	assert_int_equal(waiting.status, VD_PG_LOST);
	assert_int_equal(waiting.handled, 0);
	assert_non_null(strstr(f->reason, "terminating connection due to administrator command"));
	fixture_fini(&other);
}

static void a_connection_killed_at_rest_says_why(void **state)
{
	struct fixture *f = *state;
	struct fixture other;
	char kill[80];
	fixture_init(&other);
	fixture_connect(&other);
	snprintf(kill, sizeof kill, "SELECT pg_terminate_backend(%d)", vd_pg_server(f->pg)->backend_pid);
	fixture_must(&other, kill);
	FIXTURE_RUN_UNTIL(f, f->closed);
	assert_non_null(strstr(f->reason, "57P01"));
	fixture_fini(&other);
}

static void closing_tells_what_is_in_flight(void **state)
{
	struct fixture *f = *state;
	struct seen sent = { .fixture = f }, later = { .fixture = f };
	struct vd_pg_params params;
	vd_pg_ask(f->pg, &one_number, number(f, &params, 1), NULL, seen_outcome, &sent);
	struct vd_pg_segment *open = vd_pg_segment_begin(f->pg);
	vd_pg_close(f->pg);
	vd_pg_close(f->pg);
	assert_int_equal(sent.times, 0);
	FIXTURE_RUN_UNTIL(f, f->closed);
	assert_int_equal(sent.times, 1);
	assert_int_equal(sent.status, VD_PG_LOST);
	assert_string_equal(f->reason, "closed");
	/* a segment that was begun may still be ended: it is told, and then the memory goes */
	vd_pg_query(open, &one_number, number(f, &params, 1), NULL, NULL);
	vd_pg_segment_end(open, seen_outcome, &later);
	assert_int_equal(later.times, 0);
	FIXTURE_RUN_UNTIL(f, later.times > 0);
	assert_int_equal(later.status, VD_PG_LOST);
	assert_false(later.sent);
}

static void closing_from_a_callback(void *arg, const struct vd_pg_rows *rows)
{
	struct seen *seen = arg;
	(void)rows;
	seen->handled++;
	vd_pg_close(seen->fixture->pg);
}

static void a_row_handler_may_close(void **state)
{
	struct fixture *f = *state;
	struct seen first = { .fixture = f }, second = { .fixture = f };
	struct vd_pg_params params;
	struct vd_pg_segment *segment = vd_pg_segment_begin(f->pg);
	vd_pg_query(segment, &one_number, number(f, &params, 1), closing_from_a_callback, &first);
	vd_pg_query(segment, &one_number, number(f, &params, 1), closing_from_a_callback, &first);
	vd_pg_segment_end(segment, seen_outcome, &first);
	vd_pg_ask(f->pg, &one_number, number(f, &params, 1), seen_rows, seen_outcome, &second);
	FIXTURE_RUN_UNTIL(f, f->closed);
	assert_int_equal(first.handled, 1);
	assert_int_equal(first.times, 1);
	assert_int_equal(first.status, VD_PG_LOST);
	assert_int_equal(second.times, 1);
}

static void segments_wait_for_the_connection(void **state)
{
	struct fixture *f = *state;
	struct vd_pg_settings settings = fixture_settings();
	struct seen seen[3] = { 0 };
	fixture_close(f);
	fixture_open(f, &settings);
	for (size_t i = 0; i < VD_COUNT(seen); i++) {
		struct vd_pg_params params;
		seen[i].fixture = f;
		vd_pg_ask(f->pg, &one_number, number(f, &params, (int64_t)i), seen_value, seen_outcome, &seen[i]);
		vd_arena_reset(&f->arena); /* params are lent until the end of the call only */
	}
	FIXTURE_RUN_UNTIL(f, seen[2].times > 0);
	for (size_t i = 0; i < VD_COUNT(seen); i++)
		assert_int_equal(seen[i].value, i + 1);
}

static void seen_back(void *arg, const struct vd_pg_rows *rows)
{
	struct seen *seen = arg;
	struct vd_bytes back = vd_pg_rows_bytea(rows, 0, 1);
	seen->value = vd_pg_rows_int8(rows, 0, 0);
	seen->rows += back.size > 0 && back.data[0] == 0xab && back.data[back.size - 1] == 0xab ? 1 : 0;
}

/* Both directions are full at once: who writes without reading would stand still for ever. */
static void large_values_do_not_dead_lock(void **state)
{
	enum { SEGMENTS = 4, BYTES = 10 << 20 };
	struct fixture *f = *state;
	struct seen seen[SEGMENTS] = { 0 };
	uint8_t *data = malloc(BYTES);
	assert_non_null(data);
	memset(data, 0xab, BYTES);
	for (size_t i = 0; i < SEGMENTS; i++) {
		struct vd_pg_params params;
		vd_pg_params_init(&params, &f->arena);
		vd_pg_params_bytea(&params, vd_bytes_of(data, BYTES));
		seen[i].fixture = f;
		vd_pg_ask(f->pg, &echo_size, &params, seen_back, seen_outcome, &seen[i]);
	}
	free(data);
	FIXTURE_RUN_UNTIL(f, seen[SEGMENTS - 1].times > 0);
	for (size_t i = 0; i < SEGMENTS; i++) {
		assert_int_equal(seen[i].status, VD_PG_OK);
		assert_int_equal(seen[i].value, BYTES);
		assert_int_equal(seen[i].rows, 1);
	}
}

/* Nothing comes back before all of it has gone: only being writable can drive this. */
static void a_long_value_goes_out_by_itself(void **state)
{
	enum { BYTES = 40 << 20 };
	static const struct vd_pg_statement measure = {
		.name = "measure", .sql = "SELECT octet_length($1)::int8 AS n", .params = { VD_PG_BYTEA }
	};
	struct fixture *f = *state;
	struct seen seen = { .fixture = f };
	struct vd_pg_params params;
	uint8_t *data = calloc(1, BYTES);
	assert_non_null(data);
	vd_pg_params_init(&params, &f->arena);
	vd_pg_params_bytea(&params, vd_bytes_of(data, BYTES));
	vd_pg_ask(f->pg, &measure, &params, seen_value, seen_outcome, &seen);
	free(data);
	FIXTURE_RUN_UNTIL(f, seen.times > 0);
	assert_int_equal(seen.value, BYTES);
}

static void params_without_memory_doom_the_segment(void **state)
{
	struct fixture *f = *state;
	struct vd_arena small;
	struct seen seen = { .fixture = f };
	struct vd_pg_params params;
	vd_arena_init(&small, 1);
	vd_pg_params_init(&params, &small);
	vd_pg_params_int8(&params, 1);
	vd_pg_ask(f->pg, &insert_t, &params, NULL, seen_outcome, &seen);
	FIXTURE_RUN_UNTIL(f, seen.times > 0);
	assert_int_equal(seen.status, VD_PG_ERROR);
	assert_string_equal(seen.sqlstate, "53200");
	assert_false(seen.sent);
	assert_int_equal(rows_in_t(f), 0);
	vd_arena_fini(&small);
}

static void notifications_come_at_rest_and_between(void **state)
{
	struct fixture *f = *state;
	struct fixture other;
	struct seen seen = { .fixture = f };
	fixture_init(&other);
	fixture_connect(&other);
	fixture_must(f, "LISTEN a_channel");
	fixture_must(&other, "NOTIFY a_channel, 'rest'");
	FIXTURE_RUN_UNTIL(f, f->notifications == 1);
	/* one sent while a segment is under way is delivered at its end, with other segments behind it */
	struct vd_pg_segment *segment = vd_pg_segment_begin(f->pg);
	vd_pg_query_text(segment, "sleep", "SELECT pg_sleep(0.2)", NULL, NULL);
	vd_pg_segment_end(segment, seen_outcome, &seen);
	for (int i = 0; i < 3; i++) {
		segment = vd_pg_segment_begin(f->pg);
		vd_pg_query_text(segment, "notify", "NOTIFY a_channel, 'own'", NULL, NULL);
		vd_pg_segment_end(segment, seen_outcome, &seen);
	}
	fixture_must(&other, "NOTIFY a_channel, 'between'");
	FIXTURE_RUN_UNTIL(f, seen.times == 4 && f->notifications == 5);
	assert_non_null(strstr(f->notified, "a_channel=between;"));
	assert_int_equal(vd_pg_counts(f->pg)->notifications, 5);
	fixture_fini(&other);
}

static void silence_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	struct vd_pg_settings settings = fixture_settings();
	settings.answer_timeout_ms = 2000;
	fixture_close(f);
	fixture_open(f, &settings);
	FIXTURE_RUN_UNTIL(f, f->up);
	fixture_must(f, "SELECT pg_sleep(0.05)");
	struct seen seen = fixture_do(f, "SELECT pg_sleep(600)");
	assert_int_equal(seen.status, VD_PG_LOST);
	FIXTURE_RUN_UNTIL(f, f->closed);
	assert_non_null(strstr(f->reason, "has not answered for"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(server_is_identified),
		CASE(several_segments_are_answered_in_order),
		CASE(an_error_skips_to_the_sync_and_the_next_segment_goes_on),
		CASE(an_error_of_the_implicit_commit_is_told),
		CASE(a_commit_of_an_aborted_transaction_is_seen_as_a_rollback),
		CASE(a_warning_belongs_to_its_segment),
		CASE(what_cannot_be_prepared_fails_at_its_statement),
		CASE(a_statement_that_the_session_forgot_is_prepared_again),
		CASE(columns_that_shifted_end_the_connection),
		CASE(a_killed_connection_gives_one_outcome_a_segment),
		CASE(a_connection_killed_at_rest_says_why),
		CASE(closing_tells_what_is_in_flight),
		CASE(a_row_handler_may_close),
		CASE(segments_wait_for_the_connection),
		CASE(large_values_do_not_dead_lock),
		CASE(a_long_value_goes_out_by_itself),
		CASE(params_without_memory_doom_the_segment),
		CASE(notifications_come_at_rest_and_between),
		CASE(silence_ends_the_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
