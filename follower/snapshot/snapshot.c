/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c: members, lives and connections. */
#include "follower/snapshot/snapshot.h"

#include "common/base/clock.h"
#include "common/base/codes.h"
#include "common/pg/connection.h"
#include "follower/snapshot/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Snapshots that were opened and given up again at once must not pile up on a connection. */
enum { ENDING_MAX = 8 };

/* ---- lives ---- */

static void on_old(void *arg)
{
	struct vd_snapshot *snapshot = arg;
	snapshot_end(snapshot, VD_CODE_TRANSACTION_TOO_OLD, false,
		"the transaction's snapshot has reached its greatest age");
}

static struct vd_snapshot *snapshot_new(struct vd_snapshots *pool)
{
	struct vd_snapshot *snapshot = calloc(1, sizeof *snapshot);
	if (snapshot == NULL)
		return NULL;
	snapshot->pool = pool;
	TAILQ_INIT(&snapshot->members);
	TAILQ_INIT(&snapshot->queued);
	TAILQ_INIT(&snapshot->versions);
	snapshot->age = (struct vd_deadline){ .callback = on_old, .arg = snapshot };
	return snapshot;
}

void snapshot_settle(struct vd_snapshot *snapshot)
{
	struct vd_snapshots *pool = snapshot->pool;
	if (!TAILQ_EMPTY(&snapshot->members) || snapshot->batches > 0 || snapshot->state == SNAPSHOT_OPEN)
		return;
	if (pool->forming == snapshot)
		pool->forming = NULL;
	vd_deadline_cancel(&snapshot->age);
	free(snapshot);
}

/* The snapshot is at the version that the member reads at. */
static void member_versioned(struct vd_member *member)
{
	const struct vd_snapshot *snapshot = member->snapshot;
	member->has_version = member->has_term = true;
	memcpy(member->term, snapshot->term, VD_TERM_BYTES);
	member->version = snapshot->version;
}

/* It is not: the member leaves. */
static void member_refuse(struct vd_member *member)
{
	struct vd_snapshot *snapshot = member->snapshot;
	bool is_future = member->asked > snapshot->version;
	TAILQ_REMOVE(&snapshot->members, member, link);
	member->snapshot = NULL;
	member->code = is_future ? VD_CODE_FUTURE_VERSION : VD_CODE_TRANSACTION_TOO_OLD;
	snprintf(member->message, sizeof member->message,
		is_future ? "the read version that was set does not exist yet"
				  : "no snapshot is held at the read version that was set");
}

void snapshot_versioned(struct vd_snapshot *snapshot)
{
	struct vd_member *member = TAILQ_FIRST(&snapshot->members);
	while (member != NULL) {
		struct vd_member *next = TAILQ_NEXT(member, link);
		if (member->asked == 0 || member->asked == snapshot->version)
			member_versioned(member);
		else
			member_refuse(member);
		member = next;
	}
	if (TAILQ_EMPTY(&snapshot->members))
		vd_guard_post(snapshot->pool->database->guard, &snapshot->pool->pump);
	vd_database_see(snapshot->pool->database, snapshot->term, snapshot->version);
}

static void on_ended(void *arg, const struct vd_pg_outcome *outcome)
{
	struct reader *reader = arg;
	(void)outcome; /* of a transaction that only read: nothing depends on how it ended */
	reader->ending--;
	vd_guard_post(reader->pool->database->guard, &reader->pool->pump);
}

/* The connection is free from here on: the next snapshot's statements stand behind this one's COMMIT. */
static void reader_release(struct reader *reader)
{
	reader->snapshot = NULL;
	if (reader->pg == NULL || vd_pg_state(reader->pg) == VD_PG_CLOSED)
		return;
	reader->ending++;
	vd_pg_ask(reader->pg, &vd_pg_commit, NULL, NULL, on_ended, reader);
}

static void fail_all(struct fetches *fetches, int code, const char *message)
{
	struct vd_fetch *fetch;
	while ((fetch = TAILQ_FIRST(fetches)) != NULL) {
		TAILQ_REMOVE(fetches, fetch, link);
		fetch_tell(fetch, code, message);
	}
}

void snapshot_end(struct vd_snapshot *snapshot, int code, bool is_lost, const char *message)
{
	if (snapshot->state != SNAPSHOT_OPEN)
		return;
	struct reader *reader = snapshot->reader;
	snapshot->state = SNAPSHOT_OVER;
	snapshot->reader = NULL;
	vd_deadline_cancel(&snapshot->age);
	snapshot->batches++; /* stays until all is told */
	struct vd_member *member;
	while ((member = TAILQ_FIRST(&snapshot->members)) != NULL) {
		TAILQ_REMOVE(&snapshot->members, member, link);
		member->snapshot = NULL;
		member->code = code;
		member->is_lost = is_lost;
		snprintf(member->message, sizeof member->message, "%s", message);
	}
	fail_all(&snapshot->queued, code, message);
	fail_all(&snapshot->versions, code, message);
	reader_release(reader);
	snapshot->batches--;
	snapshot_settle(snapshot);
	vd_guard_post(reader->pool->database->guard, &reader->pool->pump);
}

/* ---- the pump ---- */

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

static void on_link_closed(void *arg)
{
	struct reader *reader = arg;
	struct vd_snapshots *pool = reader->pool;
	if (--pool->links > 0)
		return;
	struct vd_database *database = pool->database;
	vd_arena_fini(&pool->scratch);
	vd_guard_withdraw(database->guard, &pool->pump);
	free(pool);
	vd_database_release(database);
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

/* A connection that hangs is a lost snapshot, and a process that stands still must not hold an old one for long. */
static bool reader_open(struct reader *reader)
{
	struct vd_pg_settings settings;
	vd_database_pg_settings(reader->pool->database, &settings);
	settings.statement_timeout_ms = 2 * VD_SNAPSHOT_AGE_MS;
	settings.answer_timeout_ms = 2 * VD_SNAPSHOT_AGE_MS;
	settings.idle_in_transaction_session_timeout_ms = 2 * VD_SNAPSHOT_AGE_MS;
	settings.plan_cache_mode = "force_generic_plan";
	reader->link = vd_pg_link_open(reader->pool->database->loop, &settings, &vd_backoff_reconnect,
		&(struct vd_pg_link_events){
			.on_up = on_up, .on_down = on_down, .on_closed = on_link_closed, .arg = reader });
	if (reader->link != NULL)
		reader->pool->links++;
	return reader->link != NULL;
}

/* A connection for the snapshot that forms; NULL: none is free now. Opens one more if all that there are, are in use. */
static struct reader *reader_free(struct vd_snapshots *pool)
{
	for (unsigned i = 0; i < pool->reader_count; i++) {
		struct reader *reader = &pool->readers[i];
		if (reader->link == NULL) {
			(void)!reader_open(reader); /* without memory now: with the next one that waits */
			return NULL;
		}
		if (reader->pg == NULL)
			continue;
		if (reader->snapshot == NULL && reader->ending < ENDING_MAX)
			return reader;
	}
	return NULL;
}

static void snapshot_start(struct vd_snapshot *snapshot, struct reader *reader)
{
	struct vd_snapshots *pool = snapshot->pool;
	pool->forming = NULL;
	snapshot->state = SNAPSHOT_OPEN;
	snapshot->reader = reader;
	reader->snapshot = snapshot;
	vd_deadline_arm(
		pool->database->deadlines, &snapshot->age, vd_clock_us() + (int64_t)VD_SNAPSHOT_AGE_MS * 1000);
	snapshot_send(snapshot, true);
}

static void pump(void *arg)
{
	struct vd_snapshots *pool = arg;
	if (pool->is_closing)
		return;
	for (unsigned i = 0; i < pool->reader_count; i++) {
		struct vd_snapshot *snapshot = pool->readers[i].snapshot;
		if (snapshot == NULL)
			continue;
		if (TAILQ_EMPTY(&snapshot->members)) {
			snapshot_end(snapshot, VD_CODE_TRANSACTION_TOO_OLD, false, "");
		} else if (!TAILQ_EMPTY(&snapshot->queued)) {
			snapshot_send(snapshot, false);
		}
	}
	struct reader *reader = pool->forming == NULL ? NULL : reader_free(pool);
	if (reader != NULL)
		snapshot_start(pool->forming, reader);
}

struct vd_snapshots *vd_snapshots_open(struct vd_database *database)
{
	unsigned count = vd_database_reader_count(database);
	struct vd_snapshots *pool = calloc(1, sizeof *pool + count * sizeof *pool->readers);
	if (pool == NULL)
		return NULL;
	pool->database = database;
	pool->reader_count = count;
	pool->pump = (struct vd_task){ .run = pump, .arg = pool };
	vd_arena_init(&pool->scratch, SIZE_MAX);
	for (unsigned i = 0; i < count; i++)
		pool->readers[i].pool = pool;
	return pool;
}

void vd_snapshots_abort(struct vd_snapshots *snapshots)
{
	vd_arena_fini(&snapshots->scratch);
	free(snapshots);
}

void vd_snapshots_close(struct vd_snapshots *snapshots)
{
	snapshots->is_closing = true;
	snapshots->links++; /* ours, so that the last one cannot be gone before all were closed */
	vd_database_hold(snapshots->database);
	for (unsigned i = 0; i < snapshots->reader_count; i++) {
		struct reader *reader = &snapshots->readers[i];
		if (reader->snapshot != NULL)
			snapshot_end(reader->snapshot, VD_CODE_TRANSACTION_CANCELLED, true, "the database was closed");
		if (reader->link != NULL)
			vd_pg_link_close(reader->link);
	}
	on_link_closed(&snapshots->readers[0]);
}

/* ---- members ---- */

/* That still takes reads. */
static struct vd_snapshot *snapshot_at(struct vd_snapshots *snapshots, uint64_t version)
{
	for (unsigned i = 0; i < snapshots->reader_count; i++) {
		struct vd_snapshot *snapshot = snapshots->readers[i].snapshot;
		if (snapshot != NULL && snapshot->has_version && snapshot->version == version)
			return snapshot;
	}
	return NULL;
}

bool vd_member_join(struct vd_snapshots *snapshots, struct vd_member *member)
{
	struct vd_snapshot *held = member->asked == 0 ? NULL : snapshot_at(snapshots, member->asked);
	if (held != NULL) {
		member->snapshot = held;
		TAILQ_INSERT_TAIL(&held->members, member, link);
		member_versioned(member);
		return true;
	}
	if (snapshots->forming == NULL && (snapshots->forming = snapshot_new(snapshots)) == NULL)
		return false;
	member->snapshot = snapshots->forming;
	TAILQ_INSERT_TAIL(&member->snapshot->members, member, link);
	vd_guard_post(snapshots->database->guard, &snapshots->pump);
	return true;
}

void vd_member_leave(struct vd_member *member)
{
	struct vd_snapshot *snapshot = member->snapshot;
	if (snapshot == NULL)
		return;
	struct vd_snapshots *pool = snapshot->pool;
	member->snapshot = NULL;
	TAILQ_REMOVE(&snapshot->members, member, link);
	if (TAILQ_EMPTY(&snapshot->members) && snapshot->state == SNAPSHOT_OPEN)
		vd_guard_post(pool->database->guard, &pool->pump);
	snapshot_settle(snapshot);
}
