/* SPDX-License-Identifier: Apache-2.0 */
/* snapshot.c: members, lives and connections. */
#include "follower/snapshot/snapshot.h"

#include "common/base/clock.h"
#include "common/base/codes.h"
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
	if (!TAILQ_EMPTY(&snapshot->members) || snapshot->batches > 0 || snapshot->reader != NULL)
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

bool snapshot_refuses(const struct vd_snapshot *snapshot, const struct vd_member *member)
{
	return (member->asked != 0 && member->asked != snapshot->version) ||
		   (snapshot->is_locked && !member->is_lock_aware);
}

/* It is not, or the store was locked: the member leaves. */
static void member_refuse(struct vd_member *member)
{
	struct vd_snapshot *snapshot = member->snapshot;
	bool is_future = member->asked > snapshot->version;
	bool is_elsewhere = member->asked != 0 && member->asked != snapshot->version;
	TAILQ_REMOVE(&snapshot->members, member, link);
	member->snapshot = NULL;
	if (!is_elsewhere) {
		member->code = VD_CODE_DATABASE_LOCKED;
		snprintf(member->message, sizeof member->message, "the store is locked; it is being loaded, perhaps");
		return;
	}
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
		if (!snapshot_refuses(snapshot, member))
			member_versioned(member);
		else
			member_refuse(member);
		member = next;
	}
	if (TAILQ_EMPTY(&snapshot->members))
		vd_guard_post(snapshot->pool->database->guard, &snapshot->pool->pump);
	vd_database_see(snapshot->pool->database, snapshot->term, snapshot->version);
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

/* A connection for the snapshot that forms; NULL: none is free now. Opens one more if all that there are, are in use. */
static struct reader *reader_free(struct vd_snapshots *pool)
{
	for (unsigned i = 0; i < pool->reader_count; i++) {
		struct reader *reader = &pool->readers[i];
		if (reader->is_long)
			continue;
		if (reader->link == NULL) {
			reader_open(reader);
			return NULL;
		}
		if (reader->pg == NULL)
			continue;
		if (reader->snapshot == NULL && reader->ending < ENDING_MAX)
			return reader;
	}
	return NULL;
}

/* model: reader_opens */
static void snapshot_start(struct vd_snapshot *snapshot, struct reader *reader)
{
	struct vd_snapshots *pool = snapshot->pool;
	snapshot->state = SNAPSHOT_OPEN;
	snapshot->reader = reader;
	reader->snapshot = snapshot;
	if (!reader->is_long)
		vd_deadline_arm(
			pool->database->deadlines, &snapshot->age, vd_clock_us() + (int64_t)VD_SNAPSHOT_AGE_MS * 1000);
	snapshot_send(snapshot, true);
}

/* A long snapshot waits for a connection of its own. */
static void long_start(struct vd_snapshot *snapshot, struct reader *reader)
{
	if (reader->link == NULL)
		reader_open(reader);
	else if (reader->pg != NULL)
		snapshot_start(snapshot, reader);
}

/* Nobody waits for it any more. */
static void long_abandon(struct vd_snapshot *snapshot)
{
	snapshot->reader->snapshot = NULL;
	snapshot->reader = NULL;
	snapshot_settle(snapshot);
}

/* What a connection has to do for its snapshot. */
static void reader_pump(struct reader *reader)
{
	struct vd_snapshot *snapshot = reader->snapshot;
	if (snapshot == NULL)
		return;
	bool is_forming = snapshot->state == SNAPSHOT_FORMING;
	if (TAILQ_EMPTY(&snapshot->members) && is_forming)
		long_abandon(snapshot);
	else if (TAILQ_EMPTY(&snapshot->members))
		snapshot_end(snapshot, VD_CODE_TRANSACTION_TOO_OLD, false, "");
	else if (is_forming)
		long_start(snapshot, reader);
	else if (!TAILQ_EMPTY(&snapshot->queued))
		snapshot_send(snapshot, false);
}

static void pump(void *arg)
{
	struct vd_snapshots *pool = arg;
	if (pool->is_closing)
		return;
	for (unsigned i = 0; i < pool->reader_count; i++) {
		struct reader *reader = &pool->readers[i];
		if (reader->is_spent)
			reader_close(reader);
		reader_pump(reader);
		if (reader->is_long && reader->snapshot == NULL)
			reader_close(reader);
	}
	struct reader *reader = pool->forming == NULL ? NULL : reader_free(pool);
	if (reader != NULL) {
		struct vd_snapshot *snapshot = pool->forming;
		pool->forming = NULL;
		snapshot_start(snapshot, reader);
	}
}

struct vd_snapshots *vd_snapshots_open(struct vd_database *database)
{
	unsigned shared = vd_database_reader_count(database);
	unsigned count = shared + (unsigned)database->settings.max_long_snapshots;
	struct vd_snapshots *pool = calloc(1, sizeof *pool + count * sizeof *pool->readers);
	if (pool == NULL)
		return NULL;
	pool->database = database;
	pool->reader_count = count;
	pool->pump = (struct vd_task){ .run = pump, .arg = pool };
	pool->again = (struct vd_deadline){ .callback = pump, .arg = pool };
	vd_arena_init(&pool->scratch, SIZE_MAX);
	for (unsigned i = 0; i < count; i++) {
		pool->readers[i].pool = pool;
		pool->readers[i].is_long = i >= shared;
	}
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
		struct vd_snapshot *snapshot = reader->snapshot;
		if (snapshot != NULL && snapshot->state == SNAPSHOT_FORMING)
			long_abandon(snapshot);
		else if (snapshot != NULL)
			snapshot_end(snapshot, VD_CODE_TRANSACTION_CANCELLED, true, "the database was closed");
		reader_close(reader);
	}
	snapshots_release(snapshots);
}

/* ---- members ---- */

/* One of the same kind that still takes reads at that version. */
static struct vd_snapshot *snapshot_at(struct vd_snapshots *snapshots, uint64_t version, bool is_long)
{
	for (unsigned i = 0; i < snapshots->reader_count; i++) {
		struct vd_snapshot *snapshot = snapshots->readers[i].snapshot;
		if (snapshots->readers[i].is_long == is_long && snapshot != NULL && snapshot->has_version &&
			snapshot->version == version)
			return snapshot;
	}
	return NULL;
}

/* A long snapshot that its last member has left makes room at once: the pump may come later. */
static bool reader_has_room(struct reader *reader)
{
	struct vd_snapshot *snapshot = reader->snapshot;
	if (snapshot != NULL && TAILQ_EMPTY(&snapshot->members) && snapshot->state == SNAPSHOT_FORMING)
		long_abandon(snapshot);
	else if (snapshot != NULL && TAILQ_EMPTY(&snapshot->members))
		snapshot_end(snapshot, VD_CODE_TRANSACTION_TOO_OLD, false, "");
	return reader->snapshot == NULL;
}

static int long_new(struct vd_snapshots *snapshots, struct vd_snapshot **out)
{
	struct reader *reader = NULL;
	for (unsigned i = 0; i < snapshots->reader_count && reader == NULL; i++)
		if (snapshots->readers[i].is_long && reader_has_room(&snapshots->readers[i]))
			reader = &snapshots->readers[i];
	if (reader == NULL)
		return VD_CODE_OVERLOADED;
	if ((*out = snapshot_new(snapshots)) == NULL)
		return VD_CODE_NO_MEMORY;
	(*out)->reader = reader;
	reader->snapshot = *out;
	return 0;
}

/* model: reader_begins */
int vd_member_join(struct vd_snapshots *snapshots, struct vd_member *member)
{
	struct vd_snapshot *snapshot =
		member->asked == 0 ? NULL : snapshot_at(snapshots, member->asked, member->is_long);
	bool is_held = snapshot != NULL;
	int code = 0;
	if (!is_held && member->is_long)
		code = long_new(snapshots, &snapshot);
	else if (!is_held && (snapshot = snapshots->forming) == NULL)
		code = (snapshot = snapshots->forming = snapshot_new(snapshots)) == NULL ? VD_CODE_NO_MEMORY : 0;
	if (code != 0)
		return code;
	if (is_held && snapshot_refuses(snapshot, member))
		return VD_CODE_DATABASE_LOCKED;
	member->snapshot = snapshot;
	TAILQ_INSERT_TAIL(&snapshot->members, member, link);
	if (is_held)
		member_versioned(member);
	vd_guard_post(snapshots->database->guard, &snapshots->pump);
	return 0;
}

void vd_member_leave(struct vd_member *member)
{
	struct vd_snapshot *snapshot = member->snapshot;
	if (snapshot == NULL)
		return;
	struct vd_snapshots *pool = snapshot->pool;
	member->snapshot = NULL;
	TAILQ_REMOVE(&snapshot->members, member, link);
	if (TAILQ_EMPTY(&snapshot->members) && snapshot->reader != NULL)
		vd_guard_post(pool->database->guard, &pool->pump);
	snapshot_settle(snapshot);
}
