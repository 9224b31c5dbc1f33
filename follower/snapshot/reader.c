/* SPDX-License-Identifier: Apache-2.0 */
/* reader.c: the connections of snapshots: opened when they are needed, lost, closed. */
#include "common/base/clock.h"
#include "common/base/codes.h"
#include "common/pg/connection.h"
#include "follower/snapshot/internal.h"

#include <stdio.h>
#include <stdlib.h>

static void on_ended(void *arg, const struct vd_pg_outcome *outcome)
{
	struct reader *reader = arg;
	(void)outcome; /* of a transaction that only read: nothing depends on how it ended */
	reader->ending--;
	vd_guard_post(reader->pool->database->guard, &reader->pool->pump);
}

void reader_release(struct reader *reader)
{
	reader->snapshot = NULL;
	reader->is_spent = reader->is_long;
	if (reader->is_long || reader->pg == NULL || vd_pg_state(reader->pg) == VD_PG_CLOSED)
		return;
	reader->ending++;
	vd_pg_ask(reader->pg, &vd_pg_commit, NULL, NULL, on_ended, reader);
}

static void on_down(void *arg, struct vd_pg *pg, const char *reason, unsigned attempt, int64_t retry_ms)
{
	struct reader *reader = arg;
	(void)pg;
	(void)attempt;
	(void)retry_ms;
	char message[160];
	snprintf(message, sizeof message, "the transaction's snapshot was lost: %s", reason);
	reader->pg = NULL;
	if (reader->snapshot != NULL)
		snapshot_end(reader->snapshot, VD_CODE_TRANSACTION_TOO_OLD, true, message);
	vd_guard_post(reader->pool->database->guard, &reader->pool->pump);
}

void snapshots_release(struct vd_snapshots *pool)
{
	if (--pool->links > 0 || !pool->is_closing)
		return;
	struct vd_database *database = pool->database;
	vd_arena_fini(&pool->scratch);
	vd_guard_withdraw(database->guard, &pool->pump);
	vd_deadline_cancel(&pool->again);
	free(pool);
	vd_database_release(database);
}

static void on_link_closed(void *arg)
{
	struct reader *reader = arg;
	reader->link = NULL;
	reader->is_closing = reader->is_spent = false;
	if (!reader->pool->is_closing) /* its place may be wanted again */
		vd_guard_post(reader->pool->database->guard, &reader->pool->pump);
	snapshots_release(reader->pool);
}

void reader_close(struct reader *reader)
{
	if (reader->link == NULL || reader->is_closing)
		return;
	reader->is_closing = true;
	reader->pg = NULL;
	vd_pg_link_close(reader->link);
}

/* Reads go by index, whatever is known of the table's size: a plan made for an empty table must not outlive it. */
static const struct vd_pg_statement plan_settings = {
	.name = "reader_settings",
	.sql = "SELECT set_config(name, 'off', false) FROM unnest(ARRAY['jit', 'enable_seqscan', "
		   "'enable_bitmapscan', "
		   "'enable_sort']) AS s(name)",
};

static void on_settings(void *arg, const struct vd_pg_outcome *outcome)
{
	(void)arg;
	(void)outcome; /* they are about speed alone */
}

static void on_up(void *arg, struct vd_pg *pg)
{
	struct reader *reader = arg;
	reader->pg = pg;
	vd_pg_ask(pg, &plan_settings, NULL, NULL, on_settings, reader);
	vd_guard_post(reader->pool->database->guard, &reader->pool->pump);
}

enum { OPEN_AGAIN_US = 50000 };

/* A connection that hangs is a lost snapshot. A process that stands still must not hold an old one for long, unless it asked
 * for that. */
void reader_open(struct reader *reader)
{
	struct vd_pg_settings settings;
	vd_database_pg_settings(reader->pool->database, &settings);
	settings.statement_timeout_ms = 2 * VD_SNAPSHOT_AGE_MS;
	settings.answer_timeout_ms = 2 * VD_SNAPSHOT_AGE_MS;
	settings.idle_in_transaction_session_timeout_ms = reader->is_long ? INT32_MAX : 2 * VD_SNAPSHOT_AGE_MS;
	settings.plan_cache_mode = "force_generic_plan";
	reader->link = vd_pg_link_open(reader->pool->database->loop, &settings, &vd_backoff_reconnect,
		&(struct vd_pg_link_events){
			.on_up = on_up, .on_down = on_down, .on_closed = on_link_closed, .arg = reader });
	if (reader->link != NULL)
		reader->pool->links++;
	else /* somebody waits for it, and perhaps nobody else comes */
		vd_deadline_arm(
			reader->pool->database->deadlines, &reader->pool->again, vd_clock_us() + OPEN_AGAIN_US);
}
