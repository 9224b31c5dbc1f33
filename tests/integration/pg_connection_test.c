/* SPDX-License-Identifier: Apache-2.0 */
/* From connecting to closed: hosts, settings, reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/fault.h"
#include "tests/support/pg_fixture.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static int setup(void **state)
{
	static struct fixture f;
	fixture_init(&f);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	vd_fault_disarm();
	fixture_fini(*state);
	return 0;
}

static const char *tcp_dsn(void)
{
	const char *dsn = getenv("VERDICT_TEST_DSN_TCP");
	assert_non_null(dsn);
	return dsn;
}

/* The value of name=value in a connection string. */
static const char *dsn_part(const char *dsn, const char *name)
{
	static char value[200];
	char key[40];
	snprintf(key, sizeof key, " %s=", name);
	const char *found = strstr(dsn, key);
	assert_non_null(found);
	found += strlen(key);
	snprintf(value, sizeof value, "%.*s", (int)strcspn(found, " "), found);
	return value;
}

/* A server that takes connections and never says a word, like a host that swallows packets. */
static int silent_server(int *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 10), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void refused(struct fixture *f, const char *dsn, int64_t connect_timeout_ms)
{
	struct vd_pg_settings settings = fixture_settings();
	settings.dsn = dsn;
	settings.connect_timeout_ms = connect_timeout_ms;
	fixture_open(f, &settings);
	assert_false(f->closed); /* never from inside */
	FIXTURE_RUN_UNTIL(f, f->up || f->closed);
	assert_true(f->closed);
	assert_false(f->up);
}

static void a_session_is_set_as_asked(void **state)
{
	struct fixture *f = *state;
	struct vd_pg_settings settings = fixture_settings();
	settings.schema = "order";
	settings.statement_timeout_ms = 60001;
	settings.lock_timeout_ms = 3001;
	settings.idle_in_transaction_session_timeout_ms = 5001;
	settings.client_connection_check_interval_ms = 1501;
	settings.tcp_user_timeout_ms = 7001;
	settings.keepalives_idle_s = 11;
	settings.keepalives_interval_s = 3;
	settings.keepalives_count = 4;
	settings.synchronous_commit = "remote_write";
	settings.plan_cache_mode = "force_generic_plan";
	settings.dsn = tcp_dsn();
	fixture_open(f, &settings);
	FIXTURE_RUN_UNTIL(f, f->up || f->closed);
	assert_true(f->up);
	assert_int_equal(
		vd_pg_counts(f->pg)->statements, 3); /* settings, the optional one, identify: in one flush */
	static const struct {
		const char *name, *value;
	} expected[] = {
		{ "search_path", "\"order\", pg_temp" },
		{ "statement_timeout", "60001ms" },
		{ "lock_timeout", "3001ms" },
		{ "idle_in_transaction_session_timeout", "5001ms" },
		{ "idle_session_timeout", "0" },
		{ "client_connection_check_interval", "1501ms" },
		{ "tcp_user_timeout", "7001" },
		{ "tcp_keepalives_idle", "11" },
		{ "tcp_keepalives_interval", "3" },
		{ "tcp_keepalives_count", "4" },
		{ "synchronous_commit", "remote_write" },
		{ "plan_cache_mode", "force_generic_plan" },
		{ "jit", "off" },
		{ "client_min_messages", "warning" },
		{ "default_transaction_isolation", "read committed" },
		{ "application_name", "verdict-test" },
		{ "client_encoding", "UTF8" },
	};
	for (size_t i = 0; i < VD_COUNT(expected); i++) {
		char sql[200];
		snprintf(sql, sizeof sql, "SELECT 1 WHERE current_setting('%s') = '%s'", expected[i].name,
			expected[i].value);
		struct seen seen = fixture_do(f, sql);
		if (seen.rows != 1)
			fail_msg("%s is not %s", expected[i].name, expected[i].value);
	}
	assert_string_equal(vd_pg_parameter(f->pg, "server_encoding"), "UTF8");
}

static void a_role_s_own_settings_do_not_matter(void **state)
{
	struct fixture *f = *state;
	fixture_connect(f);
	fixture_must(f, "ALTER ROLE postgres SET client_min_messages = 'error'");
	fixture_must(f, "ALTER ROLE postgres SET default_transaction_isolation = 'serializable'");
	fixture_must(f, "ALTER ROLE postgres SET default_transaction_read_only = 'on'");
	fixture_close(f);
	fixture_connect(f);
	struct seen seen =
		fixture_do(f, "SELECT 1 WHERE current_setting('transaction_isolation') = 'read committed'");
	assert_int_equal(seen.rows, 1);
	seen = fixture_do(f, "COMMIT");
	assert_true(seen.warned);
	fixture_must(f, "ALTER ROLE postgres RESET ALL");
}

static void a_statement_that_takes_too_long_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct vd_pg_settings settings = fixture_settings();
	settings.statement_timeout_ms = 1000;
	fixture_open(f, &settings);
	FIXTURE_RUN_UNTIL(f, f->up);
	struct seen seen = fixture_do(f, "SELECT pg_sleep(600)");
	assert_int_equal(seen.status, VD_PG_ERROR);
	assert_string_equal(seen.sqlstate, "57014");
	fixture_must(f, "SELECT 1");
}

static void a_silent_host_does_not_hide_the_next(void **state)
{
	struct fixture *f = *state;
	struct vd_pg_settings settings = fixture_settings();
	char dsn[400], real_port[20], password[100];
	int port;
	int fd = silent_server(&port);
	snprintf(real_port, sizeof real_port, "%s", dsn_part(tcp_dsn(), "port"));
	snprintf(password, sizeof password, "%s", dsn_part(tcp_dsn(), "password"));
	snprintf(dsn, sizeof dsn,
		"postgresql://postgres:%s@127.0.0.1:1,127.0.0.1:%d,127.0.0.1:%s/"
		"postgres?target_session_attrs=read-write",
		password, port, real_port);
	settings.dsn = dsn;
	settings.connect_timeout_ms = 2000;
	int64_t begin_ms = vd_clock_ms();
	fixture_open(f, &settings);
	FIXTURE_RUN_UNTIL(f, f->up || f->closed);
	assert_true(f->up);
	assert_true(vd_clock_ms() - begin_ms >= 1990);
	assert_non_null(strstr(vd_pg_place(f->pg), real_port));
	fixture_close(f);

	snprintf(dsn, sizeof dsn, "host=127.0.0.1,127.0.0.1 port=1,%d user=postgres password=%s", port, password);
	refused(f, dsn, 300);
	assert_non_null(strstr(f->reason, "port 1 failed: Connection refused"));
	assert_non_null(strstr(f->reason, "did not answer within 300 ms"));
	assert_null(strstr(f->reason, password));
	close(fd);
}

static void reasons_are_clear_and_keep_secrets(void **state)
{
	struct fixture *f = *state;
	char dsn[400];
	snprintf(dsn, sizeof dsn, "%s password=not-the-secret", tcp_dsn());
	refused(f, dsn, 0);
	assert_non_null(strstr(f->reason, "password authentication failed for user \"postgres\""));
	assert_null(strstr(f->reason, "not-the-secret"));
	snprintf(dsn, sizeof dsn, "%s dbname=nowhere", fixture_dsn());
	refused(f, dsn, 0);
	assert_non_null(strstr(f->reason, "database \"nowhere\" does not exist"));
	snprintf(dsn, sizeof dsn, "%s target_session_attrs=standby", fixture_dsn());
	refused(f, dsn, 0);
	assert_non_null(strstr(f->reason, "server is not in hot standby mode"));
	refused(f, "host=/no/such/folder", 0);
	assert_non_null(strstr(f->reason, "No such file or directory"));
	refused(f, "password=secret with blanks host=x", 0);
	assert_non_null(strstr(f->reason, "the connection string cannot be read: missing \"=\" after \"***\""));
	assert_null(strstr(f->reason, "secret"));
	assert_null(strstr(f->reason, "with"));
}

static void a_string_that_cannot_be_read_says_why(void **state)
{
	(void)state;
	struct vd_error error = { 0 };
	assert_int_equal(vd_pg_dsn_check("host=a user=b", &error), 0);
	assert_int_equal(vd_pg_dsn_check("", &error), 0);
	assert_int_equal(vd_pg_dsn_check(NULL, &error), 0);
	assert_int_equal(vd_pg_dsn_check("postgresql://u:p@[::1]:5/db", &error), 0);
	assert_int_equal(vd_pg_dsn_check("hots=a", &error), 2104);
	assert_string_equal(
		error.message, "the connection string cannot be read: invalid connection option \"hots\"");
	assert_true(error.hint[0] != 0);
	assert_int_equal(vd_pg_dsn_check("postgresql://u:secret@[::1/db", &error), 2104);
	assert_null(strstr(error.message, "secret"));
	static const char *const slips[] = { "password='secret", "postgresq://u:secret@h/d?sslmode=require",
		"host=h password=very \"secret\" indeed", "host=h password=a sec\"ret",
		"host=h password=ve\"ry se\"cret", "postgresql://u:p@secret@h/d", "postgresql://u:p/secret@h/d",
		"postgresql://u:p@q/secret@h", "postgresql:///d?passwordsecret",
		"postgresql:///d?password=%zzsecret" };
	for (size_t i = 0; i < VD_COUNT(slips); i++) {
		assert_int_equal(vd_pg_dsn_check(slips[i], &error), 2104);
		assert_null(strstr(error.message, "secret"));
		assert_null(strstr(error.message, "cret"));
		assert_null(strstr(error.message, "ret\""));
	}
}

static void closing_while_connecting_tells_what_waited(void **state)
{
	struct fixture *f = *state;
	struct vd_pg_settings settings = fixture_settings();
	struct seen seen = { .fixture = f };
	fixture_open(f, &settings);
	vd_pg_ask(f->pg, &vd_pg_begin, NULL, NULL, seen_outcome, &seen);
	vd_pg_close(f->pg);
	FIXTURE_RUN_UNTIL(f, f->closed);
	assert_int_equal(seen.times, 1);
	assert_int_equal(seen.status, VD_PG_LOST);
	assert_false(seen.sent);
	assert_false(f->up);
}

static void a_failing_call_of_libpq_gives_one_outcome(void **state)
{
	struct fixture *f = *state;
	struct vd_error error;
	static const char *const places[] = { "pg.send:1:fail", "pg.send:2:fail", "pg.send:3:fail",
		"pg.read:1:fail" };
	for (size_t i = 0; i < VD_COUNT(places); i++) {
		struct seen first = { .fixture = f }, second = { .fixture = f };
		fixture_connect(f);
		assert_int_equal(vd_fault_arm(places[i], NULL, &error), 0);
		struct vd_pg_segment *segment = vd_pg_segment_begin(f->pg);
		vd_pg_query(segment, &vd_pg_begin, NULL, seen_rows, &first);
		vd_pg_query(segment, &vd_pg_commit, NULL, seen_rows, &first);
		vd_pg_segment_end(segment, seen_outcome, &first);
		vd_pg_ask(f->pg, &vd_pg_begin, NULL, seen_rows, seen_outcome, &second);
		FIXTURE_RUN_UNTIL(f, f->closed);
		assert_int_equal(first.times, 1);
		assert_int_equal(second.times, 1);
		/* what had been read before a read failed is as good as ever */
		assert_true(second.status == VD_PG_LOST || strncmp(places[i], "pg.read", 7) == 0);
		assert_true(vd_fault_hits(strncmp(places[i], "pg.read", 7) == 0 ? "pg.read" : "pg.send") > 0);
		vd_fault_disarm();
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_session_is_set_as_asked),
		CASE(a_role_s_own_settings_do_not_matter),
		CASE(a_statement_that_takes_too_long_is_an_error),
		CASE(a_silent_host_does_not_hide_the_next),
		CASE(reasons_are_clear_and_keep_secrets),
		CASE(a_string_that_cannot_be_read_says_why),
		CASE(closing_while_connecting_tells_what_waited),
		CASE(a_failing_call_of_libpq_gives_one_outcome),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
