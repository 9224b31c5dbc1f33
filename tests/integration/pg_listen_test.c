/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners over connections that are lost and made again, and links that make them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/fault.h"
#include "common/pg/link.h"
#include "common/pg/listen.h"
#include "tests/support/pg_fixture.h"

/* A listener on a link, as followers and the leader have it. */
struct ear {
	struct fixture *f;
	struct vd_pg_link *link;
	struct vd_pg_listener *listener;
	unsigned ups, downs, listenings;
	unsigned attempt;
	int64_t retry_ms;
	bool closed;
	char reason[400];
	char heard[1000];
	unsigned heard_count;
	/* what on_listening asks behind the LISTEN */
	struct seen look;
};

static const struct vd_pg_statement look = {
	.name = "look",
	.sql = "SELECT count(*) AS n FROM pg_listening_channels()",
	.columns = { { "n", VD_PG_INT8 } },
};

static void on_up(void *arg, struct vd_pg *pg)
{
	struct ear *ear = arg;
	ear->ups++;
	if (ear->listener != NULL)
		vd_pg_listener_attach(ear->listener, pg);
	vd_loop_stop(ear->f->loop);
}

static void on_down(void *arg, struct vd_pg *pg, const char *reason, unsigned attempt, int64_t retry_ms)
{
	struct ear *ear = arg;
	(void)pg;
	ear->downs++;
	ear->attempt = attempt;
	ear->retry_ms = retry_ms;
	snprintf(ear->reason, sizeof ear->reason, "%s", reason);
	if (ear->listener != NULL)
		vd_pg_listener_detach(ear->listener);
	vd_loop_stop(ear->f->loop);
}

static void on_notify(
	void *arg, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid)
{
	struct ear *ear = arg;
	vd_pg_listener_notify(ear->listener, pg, channel, payload, backend_pid);
}

static void on_closed(void *arg)
{
	struct ear *ear = arg;
	ear->closed = true;
	vd_loop_stop(ear->f->loop);
}

static void on_listening(void *arg, struct vd_pg *pg)
{
	struct ear *ear = arg;
	ear->listenings++;
	ear->look = (struct seen){ .fixture = ear->f };
	vd_pg_ask(pg, &look, NULL, seen_value, seen_outcome, &ear->look);
}

static void on_heard(void *arg, const char *channel, const char *payload, int32_t backend_pid)
{
	struct ear *ear = arg;
	size_t used = strlen(ear->heard);
	(void)backend_pid;
	snprintf(ear->heard + used, sizeof ear->heard - used, "%s=%s;", channel, payload);
	ear->heard_count++;
	vd_loop_stop(ear->f->loop);
}

static struct ear *ear_open(
	struct fixture *f, int64_t proof_timeout_ms, const struct vd_pg_settings *settings)
{
	static const char *const channels[] = { "ear_one", "ear_two" };
	struct ear *ear = calloc(1, sizeof *ear);
	struct vd_pg_listener_settings listening = { channels, 2, proof_timeout_ms };
	struct vd_pg_listener_events events = { on_listening, on_heard, ear };
	struct vd_pg_link_events link_events = { on_up, on_down, on_notify, on_closed, ear };
	assert_non_null(ear);
	ear->f = f;
	ear->listener = vd_pg_listener_new(f->loop, &listening, &events);
	assert_non_null(ear->listener);
	ear->link = vd_pg_link_open(f->loop, settings, &vd_backoff_reconnect, &link_events);
	assert_non_null(ear->link);
	return ear;
}

static void ear_close(struct ear *ear)
{
	vd_pg_listener_free(ear->listener);
	ear->listener = NULL;
	vd_pg_link_close(ear->link);
	assert_false(ear->closed);
	FIXTURE_RUN_UNTIL(ear->f, ear->closed);
	free(ear);
}

static int setup(void **state)
{
	static struct fixture f;
	fixture_init(&f);
	fixture_connect(&f);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	fixture_fini(*state);
	return 0;
}

static void terminate(struct fixture *f, const struct vd_pg *pg)
{
	char sql[80];
	snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", vd_pg_server(pg)->backend_pid);
	fixture_must(f, sql);
}

static void channel_names_are_checked(void **state)
{
	struct fixture *f = *state;
	char name[65];
	memset(name, 'a', sizeof name);
	name[64] = 0;
	assert_false(vd_pg_channel_is_legal(name));
	name[63] = 0;
	assert_true(vd_pg_channel_is_legal(name));
	assert_false(vd_pg_channel_is_legal(""));
	assert_false(vd_pg_channel_is_legal(NULL));
	assert_false(vd_pg_channel_is_legal("1a"));
	assert_false(vd_pg_channel_is_legal("Aa"));
	assert_false(vd_pg_channel_is_legal("a;b"));
	assert_false(vd_pg_channel_is_legal("a b"));
	const char *const bad[] = { "good", "not good" };
	struct vd_pg_listener_settings settings = { bad, 2, 0 };
	struct vd_pg_listener_events events = { 0 };
	assert_null(vd_pg_listener_new(f->loop, &settings, &events));
}

static void listening_is_proven_and_notifications_come(void **state)
{
	struct fixture *f = *state;
	struct vd_pg_settings settings = fixture_settings();
	struct ear *ear = ear_open(f, 120000, &settings);
	FIXTURE_RUN_UNTIL(f, ear->listenings == 1 && ear->look.times == 1);
	assert_int_equal(ear->look.value, 2); /* LISTEN of both stands when on_listening comes */
	assert_true(vd_pg_listener_is_listening(ear->listener));
	fixture_must(f, "SELECT pg_notify('ear_one', 'proof:of somebody else')");
	fixture_must(f, "SELECT pg_notify('ear_two', 'x')");
	FIXTURE_RUN_UNTIL(f, ear->heard_count == 1);
	assert_string_equal(ear->heard, "ear_two=x;"); /* proofs are not handed on */
	ear_close(ear);
}

static void it_listens_again_after_a_loss(void **state)
{
	struct fixture *f = *state;
	struct vd_pg_settings settings = fixture_settings();
	unsigned attempt = 0;
	int64_t begin_ms = vd_clock_ms();
	struct ear *ear = ear_open(f, 120000, &settings);
	for (unsigned round = 1; round <= 3; round++) {
		FIXTURE_RUN_UNTIL(f, ear->listenings == round && ear->look.times == 1);
		assert_int_equal(ear->look.value, 2);
		terminate(f, vd_pg_link_up(ear->link));
		FIXTURE_RUN_UNTIL(f, ear->downs == round);
		assert_false(vd_pg_listener_is_listening(ear->listener));
		assert_null(vd_pg_link_up(ear->link));
		assert_non_null(strstr(ear->reason, "57P01"));
		if (vd_clock_ms() - begin_ms <= vd_backoff_reconnect.most_ms) /* it was not up for long */
			assert_int_equal(ear->attempt, attempt + 1);
		attempt = ear->attempt;
		assert_in_range(ear->retry_ms, 1, 1000);
		begin_ms = vd_clock_ms();
		vd_pg_link_hurry(ear->link);
	}
	FIXTURE_RUN_UNTIL(f, ear->listenings == 4);
	fixture_must(f, "NOTIFY ear_one, 'back'");
	FIXTURE_RUN_UNTIL(f, ear->heard_count == 1);
	ear_close(ear);
}

/* A pooler: the session that listens is not the one whose notifications we are handed. Here nothing is handed on. */
static void swallow(
	void *arg, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid)
{
	(void)arg;
	(void)pg;
	(void)channel;
	(void)payload;
	(void)backend_pid;
}

static void without_the_proof_a_pooler_is_named(void **state)
{
	struct fixture *f = *state;
	struct vd_pg_settings settings = fixture_settings();
	struct ear *ear = calloc(1, sizeof *ear);
	static const char *const channels[] = { "ear_one" };
	struct vd_pg_listener_settings listening = { channels, 1, 100 };
	struct vd_pg_listener_events events = { on_listening, on_heard, ear };
	struct vd_pg_link_events link_events = { on_up, on_down, swallow, on_closed, ear };
	ear->f = f;
	ear->listener = vd_pg_listener_new(f->loop, &listening, &events);
	ear->link = vd_pg_link_open(f->loop, &settings, &vd_backoff_reconnect, &link_events);
	FIXTURE_RUN_UNTIL(f, ear->downs == 1);
	assert_int_equal(ear->listenings, 0);
	assert_non_null(strstr(ear->reason, "a connection pooler that hands on transactions breaks LISTEN"));
	ear_close(ear);
}

static void a_proof_that_is_lost_is_sent_again(void **state)
{
	struct fixture *f = *state;
	struct vd_pg_settings settings = fixture_settings();
	struct vd_error error;
	assert_int_equal(vd_fault_arm("pg.notify:1:fail", NULL, &error), 0);
	struct ear *ear = ear_open(f, 3000, &settings);
	FIXTURE_RUN_UNTIL(f, ear->listenings == 1);
	assert_int_equal(vd_fault_hits("pg.notify"), 2);
	assert_int_equal(ear->downs, 0);
	vd_fault_disarm();
	ear_close(ear);
}

static void a_link_waits_longer_from_time_to_time(void **state)
{
	struct fixture *f = *state;
	struct vd_pg_settings settings = fixture_settings();
	struct ear *ear = calloc(1, sizeof *ear);
	struct vd_pg_link_events link_events = { on_up, on_down, NULL, on_closed, ear };
	settings.dsn = "host=127.0.0.1 port=1 dbname=x user=x password=secret";
	ear->f = f;
	ear->link = vd_pg_link_open(f->loop, &settings, &vd_backoff_reconnect, &link_events);
	FIXTURE_RUN_UNTIL(f, ear->downs == 4);
	assert_int_equal(ear->ups, 0);
	assert_int_equal(ear->attempt, 4);
	assert_in_range(ear->retry_ms, 80, 160);
	assert_non_null(strstr(ear->reason, "port 1 failed: Connection refused"));
	assert_null(strstr(ear->reason, "secret"));
	ear_close(ear);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(channel_names_are_checked),
		CASE(listening_is_proven_and_notifications_come),
		CASE(it_listens_again_after_a_loss),
		CASE(without_the_proof_a_pooler_is_named),
		CASE(a_proof_that_is_lost_is_sent_again),
		CASE(a_link_waits_longer_from_time_to_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
