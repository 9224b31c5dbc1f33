/* SPDX-License-Identifier: Apache-2.0 */
/* What C tests against a private server share: a loop that is run until something has happened, a connection that is
 * opened and closed, outcomes kept for later comparison. Header only; include cmocka's headers before. */
#ifndef VD_TESTS_SUPPORT_PG_FIXTURE_H
#define VD_TESTS_SUPPORT_PG_FIXTURE_H

#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/loop/loop.h"
#include "common/pg/connection.h"
#include "common/pg/pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
	struct vd_loop *loop;
	struct vd_timer timer;
	struct vd_arena arena;
	struct vd_pg *pg;
	bool up;
	bool closed;
	bool timed_out;
	char reason[400];
	/* notifications, joined: "channel=payload;" */
	char notified[4000];
	unsigned notifications;
};

struct seen {
	struct fixture *fixture;
	unsigned times;
	enum vd_pg_status status;
	size_t failed;
	char sqlstate[6];
	char message[400];
	bool warned;
	char warning[400];
	bool sent, in_block, block_failed;
	/* from rows */
	unsigned handled;
	uint64_t rows;
	int64_t value;
	char tag[64];
	bool committed; /* the tag is COMMIT's own */
};

static inline const char *fixture_dsn(void)
{
	const char *dsn = getenv("VERDICT_TEST_DSN");
	if (dsn == NULL) {
		fprintf(stderr, "VERDICT_TEST_DSN is not set: run this with tests/support/private_pg.py\n");
		exit(2);
	}
	return dsn;
}

static inline void fixture_on_timer(void *arg)
{
	struct fixture *f = arg;
	f->timed_out = true;
	vd_loop_stop(f->loop);
}

static inline void fixture_on_up(void *arg, struct vd_pg *pg)
{
	struct fixture *f = arg;
	(void)pg;
	f->up = true;
	vd_loop_stop(f->loop);
}

static inline void fixture_on_closed(void *arg, struct vd_pg *pg, const char *reason)
{
	struct fixture *f = arg;
	(void)pg;
	f->closed = true;
	f->pg = NULL;
	snprintf(f->reason, sizeof f->reason, "%s", reason);
	vd_loop_stop(f->loop);
}

static inline void fixture_on_notify(
	void *arg, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid)
{
	struct fixture *f = arg;
	size_t used = strlen(f->notified);
	(void)pg;
	(void)backend_pid;
	f->notifications++;
	snprintf(f->notified + used, sizeof f->notified - used, "%s=%s;", channel, payload);
	vd_loop_stop(f->loop);
}

/* Runs the loop until the condition holds; fails the test after two minutes. */
#define FIXTURE_RUN_UNTIL(f, condition)                                                                      \
	do {                                                                                                     \
		(f)->timed_out = false;                                                                              \
		vd_timer_arm_ms(&(f)->timer, 120000);                                                                \
		while (!(condition) && !(f)->timed_out)                                                              \
			assert_true(vd_loop_run((f)->loop));                                                             \
		vd_timer_cancel(&(f)->timer);                                                                        \
		if (!(condition))                                                                                    \
			fail_msg("two minutes passed without: %s", #condition);                                          \
	} while (0)

static inline void fixture_init(struct fixture *f)
{
	memset(f, 0, sizeof *f);
	f->loop = vd_loop_new(NULL);
	assert_non_null(f->loop);
	assert_true(vd_timer_init(&f->timer, f->loop, fixture_on_timer, f));
	vd_arena_init(&f->arena, SIZE_MAX);
}

static inline struct vd_pg_settings fixture_settings(void)
{
	return (
		struct vd_pg_settings){ .dsn = fixture_dsn(), .application_name = "verdict-test", .identify = true };
}

static inline void fixture_open(struct fixture *f, const struct vd_pg_settings *settings)
{
	struct vd_pg_events events = { fixture_on_up, fixture_on_closed, fixture_on_notify, f };
	f->up = f->closed = false;
	f->pg = vd_pg_open(f->loop, settings, &events);
	assert_non_null(f->pg);
}

static inline void fixture_connect(struct fixture *f)
{
	struct vd_pg_settings settings = fixture_settings();
	fixture_open(f, &settings);
	FIXTURE_RUN_UNTIL(f, f->up || f->closed);
	if (!f->up)
		fail_msg("no connection: %s", f->reason);
}

static inline void fixture_close(struct fixture *f)
{
	if (f->pg == NULL)
		return;
	vd_pg_close(f->pg);
	FIXTURE_RUN_UNTIL(f, f->closed);
}

static inline void fixture_fini(struct fixture *f)
{
	fixture_close(f);
	vd_timer_fini(&f->timer);
	vd_arena_fini(&f->arena);
	vd_loop_free(f->loop);
}

static inline void seen_outcome(void *arg, const struct vd_pg_outcome *outcome)
{
	struct seen *seen = arg;
	seen->times++;
	seen->status = outcome->status;
	seen->failed = outcome->failed;
	memcpy(seen->sqlstate, outcome->sqlstate, sizeof seen->sqlstate);
	snprintf(seen->message, sizeof seen->message, "%s", outcome->message);
	seen->warned = outcome->warned;
	snprintf(seen->warning, sizeof seen->warning, "%s", outcome->warning);
	seen->sent = outcome->sent;
	seen->in_block = outcome->in_block;
	seen->block_failed = outcome->block_failed;
	vd_loop_stop(seen->fixture->loop);
}

static inline void seen_rows(void *arg, const struct vd_pg_rows *rows)
{
	struct seen *seen = arg;
	seen->handled++;
	seen->rows += vd_pg_rows_count(rows);
	snprintf(seen->tag, sizeof seen->tag, "%s", vd_pg_rows_tag(rows));
	seen->committed = vd_pg_rows_committed(rows);
}

/* Rows of one int8 column. */
static inline void seen_value(void *arg, const struct vd_pg_rows *rows)
{
	struct seen *seen = arg;
	seen_rows(arg, rows);
	seen->value = vd_pg_rows_int8(rows, 0, 0);
}

/* One command in a segment of its own, to its end. */
static inline struct seen fixture_do(struct fixture *f, const char *sql)
{
	struct seen seen = { .fixture = f };
	struct vd_pg_segment *segment = vd_pg_segment_begin(f->pg);
	vd_pg_query_text(segment, "do", sql, seen_rows, &seen);
	vd_pg_segment_end(segment, seen_outcome, &seen);
	FIXTURE_RUN_UNTIL(f, seen.times > 0);
	return seen;
}

static inline void fixture_must(struct fixture *f, const char *sql)
{
	struct seen seen = fixture_do(f, sql);
	if (seen.status != VD_PG_OK)
		fail_msg("%s: %s", sql, seen.message);
}

#endif
