/* SPDX-License-Identifier: Apache-2.0 */
/* watcher.c: the armed watches of a database, and the looks at them.
 *
 *   armed ─▶ prove ─▶ rest ─▶ watermark ── has moved ─▶ look ─▶ rest …
 *                       ▲         └─ has not ──────────────┘
 *
 * One of these is under way at a time; what is armed meanwhile is proven next.
 */
#include "common/base/clock.h"
#include "common/base/codes.h"
#include "common/base/log.h"
#include "common/pg/link.h"
#include "common/pg/pipeline.h"
#include "follower/watch/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
	/* of one statement: its answer, and what it holds up, stay small */
	LOOK_KEYS = 2000,
	PROOF_BYTES = 4 << 20,
	/* how long nothing is looked at after a look; doubled while the watermark stands still */
	INTERVAL_MS = 10,
	INTERVAL_MOST_MS = 100,
	TROUBLE_MS = 1000,
	/* a look may take this share of the time: one in so many */
	LOOK_SHARE = 5,
	ANSWER_MS = 30000,
};

enum { WATERMARK_VERSION };
enum { PROOF_AT, PROOF_SAME, PROOF_DIGEST };
enum { LOOK_AT };

static const struct vd_pg_statement read_watermark = {
	.name = "watch_watermark",
	.sql = "SELECT version FROM watermark ORDER BY version DESC LIMIT 1",
	.columns = { { "version", VD_PG_INT8 } },
};

static const struct vd_pg_statement prove_watches = {
	.name = "watch_prove",
	.sql = "SELECT w.at, k.same, k.digest FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS w(key, "
		   "value, at) "
		   "LEFT JOIN LATERAL (SELECT kv.value = w.value AS same, sha256(kv.value) AS digest FROM kv "
		   "WHERE kv.key = w.key OFFSET 0) AS k ON true",
	.params = { VD_PG_BYTEA_ARRAY, VD_PG_BYTEA_ARRAY },
	.columns = { { "at", VD_PG_INT8 }, { "same", VD_PG_BOOL }, { "digest", VD_PG_BYTEA } },
};

/* A subquery for each key: a form that no estimate of the table's size can turn into a scan of it. */
static const struct vd_pg_statement look_at_watches = {
	.name = "watch_look",
	.sql = "SELECT w.at FROM unnest($1::bytea[], $2::bytea[]) WITH ORDINALITY AS w(key, digest, at) "
		   "WHERE (SELECT sha256(kv.value) FROM kv WHERE kv.key = w.key) IS DISTINCT FROM w.digest",
	.params = { VD_PG_BYTEA_ARRAY, VD_PG_BYTEA_ARRAY },
	.columns = { { "at", VD_PG_INT8 } },
};

static const struct vd_pg_statement plan_settings = {
	.name = "watcher_settings",
	.sql = "SELECT set_config(name, 'off', false) FROM unnest(ARRAY['enable_seqscan', 'enable_bitmapscan']) "
		   "AS s(name)",
};

/* ---- one statement under way ---- */

struct look {
	struct vd_watcher *watcher;
	bool is_proof;
	struct vd_pg_rows *rows;
	size_t count;
	struct vd_watch *watches[LOOK_KEYS];
};

/* Which watch a row is about; NULL for a place that was not asked for. */
static struct vd_watch *watch_at(const struct look *look, size_t row)
{
	int64_t at = vd_pg_rows_int8(look->rows, row, PROOF_AT);
	return at >= 1 && (size_t)at <= look->count ? look->watches[at - 1] : NULL;
}

static bool is_differing(struct vd_watch *watch, const struct vd_pg_rows *rows, size_t row)
{
	bool is_absent = vd_pg_rows_null(rows, row, PROOF_DIGEST);
	bool is_same = is_absent ? watch->is_absent : !watch->is_absent && vd_pg_rows_bool(rows, row, PROOF_SAME);
	if (!is_same)
		return true;
	struct vd_bytes digest = vd_pg_rows_bytea(rows, row, PROOF_DIGEST);
	if (!is_absent && digest.size == DIGEST_BYTES)
		memcpy(watch->digest, digest.data, DIGEST_BYTES);
	watch->state = WATCH_PROVEN;
	vd_future_drop(watch->seen);
	watch->seen = NULL;
	return false;
}

/* What the rows say; and watches that were cancelled meanwhile go. */
static void look_conclude(struct look *look)
{
	size_t rows = look->rows == NULL ? 0 : vd_pg_rows_count(look->rows);
	for (size_t i = 0; i < look->count; i++)
		look->watches[i]->in_look = false;
	for (size_t row = 0; row < rows; row++) {
		struct vd_watch *watch = watch_at(look, row);
		if (watch == NULL || watch->is_over || (look->is_proof && !is_differing(watch, look->rows, row)))
			continue;
		look->watches[vd_pg_rows_int8(look->rows, row, LOOK_AT) - 1] = NULL;
		watch_end(watch, 0, NULL);
	}
	for (size_t i = 0; i < look->count; i++)
		if (look->watches[i] != NULL && look->watches[i]->is_over)
			watch_end(look->watches[i], VD_CODE_OPERATION_CANCELLED, NULL);
}

static void trouble(struct vd_watcher *watcher, const struct vd_pg_outcome *outcome)
{
	watcher->version = 0;
	watcher->is_troubled = true;
	watcher->interval_ms = TROUBLE_MS;
	if (outcome->status == VD_PG_ERROR)
		vd_log_warning("watched keys could not be looked at, tried again",
			VD_LOG_TEXT("reason", outcome->message), VD_LOG_INT("retry_ms", watcher->interval_ms));
}

static void rest(struct vd_watcher *watcher);

static void on_look(void *arg, const struct vd_pg_outcome *outcome)
{
	struct look *look = arg;
	struct vd_watcher *watcher = look->watcher;
	if (outcome->status != VD_PG_OK)
		trouble(watcher, outcome);
	look_conclude(look);
	if (look->rows != NULL)
		vd_pg_rows_free(look->rows);
	free(look);
	int64_t pause_ms = (LOOK_SHARE - 1) * (vd_clock_ms() - watcher->looked_ms);
	if (watcher->interval_ms < pause_ms)
		watcher->interval_ms = pause_ms;
	if (--watcher->looks == 0)
		rest(watcher);
}

static void on_rows(void *arg, const struct vd_pg_rows *rows)
{
	struct look *look = arg;
	look->rows = vd_pg_rows_keep(rows);
	if (look->rows == NULL)
		look->watcher->version = 0; /* no memory: looked at again */
}

static bool is_wanted(const struct vd_watch *watch, bool is_proof)
{
	if (watch->in_look || watch->is_over)
		return false;
	return is_proof ? watch->state == WATCH_ARMED && watch->has_seen : watch->state == WATCH_PROVEN;
}

static struct vd_bytes seen_value(const struct vd_watch *watch)
{
	bool is_present;
	struct vd_bytes value = { 0 };
	(void)!vd_future_get_value(watch->seen, &is_present, &value.data, &value.size);
	return value;
}

/* Takes the next watches into a look, from *next on; its parameters are keys and values, or digests. */
static struct look *look_new(
	struct vd_watcher *watcher, bool is_proof, struct vd_watch **next, struct vd_pg_params *params)
{
	struct vd_arena *arena = &watcher->scratch;
	struct look *look = calloc(1, sizeof *look);
	struct vd_bytes *keys = vd_arena_array(arena, LOOK_KEYS, sizeof *keys);
	struct vd_bytes *values = vd_arena_array(arena, LOOK_KEYS, sizeof *values);
	bool *absent = vd_arena_array(arena, LOOK_KEYS, sizeof *absent);
	size_t bytes = 0;
	if (look == NULL || keys == NULL || values == NULL || absent == NULL) {
		free(look);
		return NULL;
	}
	look->watcher = watcher;
	look->is_proof = is_proof;
	for (; *next != NULL && look->count < LOOK_KEYS && bytes < PROOF_BYTES; *next = TAILQ_NEXT(*next, link)) {
		struct vd_watch *watch = *next;
		if (!is_wanted(watch, is_proof))
			continue;
		keys[look->count] = vd_bytes_of(watch->key, watch->key_size);
		values[look->count] = is_proof ? seen_value(watch) : vd_bytes_of(watch->digest, DIGEST_BYTES);
		absent[look->count] = watch->is_absent;
		bytes += watch->key_size + values[look->count].size;
		look->watches[look->count++] = watch;
		watch->in_look = true;
	}
	vd_pg_params_bytea_array(params, keys, look->count);
	vd_pg_params_bytea_array_nulls(params, values, absent, look->count);
	return look;
}

/* Looks at all that are wanted; false: there are none. */
static bool look_at(struct vd_watcher *watcher, struct vd_pg *pg, bool is_proof)
{
	watcher->looked_ms = vd_clock_ms();
	watches_sweep(&watcher->armed);
	for (struct vd_watch *next = TAILQ_FIRST(&watcher->armed); next != NULL;) {
		struct vd_pg_params params;
		vd_pg_params_init(&params, &watcher->scratch);
		struct look *look = look_new(watcher, is_proof, &next, &params);
		if (look == NULL || look->count == 0) {
			free(look);
			vd_arena_reset(&watcher->scratch);
			break;
		}
		watcher->looks++;
		vd_pg_ask(pg, is_proof ? &prove_watches : &look_at_watches, &params, on_rows, on_look, look);
		vd_arena_reset(&watcher->scratch);
	}
	return watcher->looks > 0;
}

/* ---- the watermark ---- */

static void on_watermark(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_watcher *watcher = arg;
	int64_t version = vd_pg_rows_count(rows) == 0 ? 0 : vd_pg_rows_int8(rows, 0, WATERMARK_VERSION);
	watcher->has_moved = version != watcher->version;
	watcher->version = version;
}

static void on_moved(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_watcher *watcher = arg;
	struct vd_pg *pg = watcher->link == NULL ? NULL : vd_pg_link_up(watcher->link);
	bool has_moved = watcher->has_moved;
	watcher->looks--;
	watcher->has_moved = false;
	watcher->is_troubled = false;
	if (outcome->status != VD_PG_OK) {
		trouble(watcher, outcome);
	} else if (has_moved) {
		watcher->interval_ms = INTERVAL_MS;
		if (pg != NULL && look_at(watcher, pg, false))
			return;
	} else if (watcher->interval_ms < INTERVAL_MOST_MS) {
		watcher->interval_ms *= 2;
	}
	rest(watcher);
}

static void on_time(void *arg)
{
	struct vd_watcher *watcher = arg;
	struct vd_pg *pg = vd_pg_link_up(watcher->link);
	if (pg == NULL || watcher->looks > 0)
		return; /* goes on with the connection, or with the end of what is under way */
	watcher->looks++;
	vd_pg_ask(pg, &read_watermark, NULL, on_watermark, on_moved, watcher);
}

/* ---- the pump ---- */

static void watcher_free(struct vd_watcher *watcher)
{
	struct vd_database *database = watcher->database;
	vd_guard_withdraw(database->guard, &watcher->pump);
	vd_timer_fini(&watcher->timer);
	vd_arena_fini(&watcher->scratch);
	database->watcher = NULL;
	free(watcher);
}

/* Between two looks: proves what was armed meanwhile, and waits. */
static void rest(struct vd_watcher *watcher)
{
	struct vd_pg *pg = watcher->link == NULL ? NULL : vd_pg_link_up(watcher->link);
	if (pg == NULL || watcher->looks > 0 || watcher->is_closing)
		return;
	if (!watcher->is_troubled && look_at(watcher, pg, true))
		return;
	if (TAILQ_EMPTY(&watcher->armed))
		vd_timer_cancel(&watcher->timer);
	else if (!vd_timer_is_armed(&watcher->timer))
		vd_timer_arm_ms(&watcher->timer, watcher->interval_ms);
}

static void on_settings(void *arg, const struct vd_pg_outcome *outcome)
{
	(void)arg;
	(void)outcome; /* they are about speed alone */
}

static void on_up(void *arg, struct vd_pg *pg)
{
	struct vd_watcher *watcher = arg;
	watcher->interval_ms = INTERVAL_MS;
	watcher->is_troubled = false;
	vd_pg_ask(pg, &plan_settings, NULL, NULL, on_settings, watcher);
	rest(watcher);
}

static void on_down(void *arg, struct vd_pg *pg, const char *reason, unsigned attempt, int64_t retry_ms)
{
	(void)arg;
	(void)pg;
	vd_log_warning("watches have no connection, they are looked at when it is back",
		VD_LOG_TEXT("reason", reason), VD_LOG_UINT("attempt", attempt), VD_LOG_INT("retry_ms", retry_ms));
}

static void on_link_closed(void *arg)
{
	struct vd_watcher *watcher = arg;
	struct vd_database *database = watcher->database;
	watcher_free(watcher);
	vd_database_release(database);
}

static void link_open(struct vd_watcher *watcher)
{
	struct vd_pg_settings settings;
	vd_database_pg_settings(watcher->database, &settings);
	settings.statement_timeout_ms = ANSWER_MS;
	settings.answer_timeout_ms = ANSWER_MS;
	settings.plan_cache_mode = "force_generic_plan";
	watcher->link = vd_pg_link_open(watcher->database->loop, &settings, &vd_backoff_reconnect,
		&(struct vd_pg_link_events){
			.on_up = on_up, .on_down = on_down, .on_closed = on_link_closed, .arg = watcher });
}

/* Something was armed, or its value is known now. */
static void pump(void *arg)
{
	struct vd_watcher *watcher = arg;
	if (watcher->is_closing || TAILQ_EMPTY(&watcher->armed))
		return;
	if (watcher->link == NULL)
		link_open(watcher); /* without memory now: with the next one that is armed */
	rest(watcher);
}

/* ---- opened and closed ---- */

struct vd_watcher *vd_watcher_open(struct vd_database *database)
{
	struct vd_watcher *watcher = calloc(1, sizeof *watcher);
	if (watcher == NULL)
		return NULL;
	watcher->database = database;
	watcher->interval_ms = INTERVAL_MS;
	watcher->pump = (struct vd_task){ .run = pump, .arg = watcher };
	TAILQ_INIT(&watcher->armed);
	vd_arena_init(&watcher->scratch, SIZE_MAX);
	if (vd_timer_init(&watcher->timer, database->loop, on_time, watcher))
		return watcher;
	free(watcher);
	return NULL;
}

void vd_watcher_abort(struct vd_watcher *watcher)
{
	watcher_free(watcher);
}

void vd_watcher_close(struct vd_watcher *watcher)
{
	struct vd_watch *watch, *next;
	watcher->is_closing = true;
	vd_timer_cancel(&watcher->timer);
	vd_database_hold(watcher->database);
	for (watch = TAILQ_FIRST(&watcher->armed); watch != NULL; watch = next) {
		next = TAILQ_NEXT(watch, link);
		if (!watch->in_look)
			watch_end(watch, VD_CODE_OPERATION_CANCELLED, "the database was closed");
		else
			watch->is_over = true; /* its look ends with the connection */
	}
	if (watcher->link != NULL)
		vd_pg_link_close(watcher->link);
	else
		on_link_closed(watcher);
}
