/* SPDX-License-Identifier: Apache-2.0 */
/* committer.c: submit, give up, and the pump that turns everything over. */
#include "follower/commit/committer.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/random.h"

#include <stdlib.h>
#include <string.h>

/* ---- the two calls ---- */

struct vd_commit *vd_commit_submit(
	struct vd_database *database, struct vd_bytes payload, vd_commit_handler *handler, void *arg)
{
	struct vd_commit *commit = calloc(1, sizeof *commit);
	uint8_t *copy = malloc(payload.size + 1); /* of no size neither */
	if (commit == NULL || copy == NULL) {
		free(commit);
		free(copy);
		return NULL;
	}
	struct vd_committer *committer = database->committer;
	memcpy(copy, payload.data, payload.size);
	commit->committer = committer;
	commit->payload = vd_bytes_of(copy, payload.size);
	commit->handler = handler;
	commit->arg = arg;
	vd_commits_add(&committer->commits, commit);
	if (committer->closing)
		vd_commits_give_up(&committer->commits, commit);
	else if (payload.size > VD_COMMIT_PAYLOAD_BYTES)
		vd_committer_decide(
			committer, commit, VD_CODE_TRANSACTION_TOO_LARGE, "the encoded request is too large");
	vd_guard_post(database->guard, &committer->pump);
	return commit;
}

void vd_commit_give_up(struct vd_commit *commit)
{
	struct vd_committer *committer = commit->committer;
	commit->wished_ms = committer->clock_ms;
	vd_commits_give_up(&committer->commits, commit);
	vd_guard_post(committer->database->guard, &committer->pump);
}

/* ---- verdicts ---- */

void vd_committer_decide(
	struct vd_committer *committer, struct vd_commit *commit, int code, const char *message)
{
	const struct vd_verdict verdict = { .code = code, .message = message };
	vd_commits_decide(&committer->commits, commit, &verdict);
}

static void tell(struct vd_committer *committer)
{
	struct vd_commit *commit;
	while ((commit = TAILQ_FIRST(&committer->commits.decided)) != NULL) {
		TAILQ_REMOVE(&committer->commits.decided, commit, link);
		committer->commits.count[VD_COMMIT_DECIDED]--;
		commit->handler(commit->arg, &commit->verdict);
		free((void *)commit->payload.data);
		free(commit->message);
		free(commit->further);
		free(commit);
	}
}

static void all_unknown(struct vd_committer *committer, const char *why)
{
	struct vd_commit *commit;
	while ((commit = TAILQ_FIRST(&committer->commits.open)) != NULL)
		vd_committer_decide(committer, commit, VD_CODE_COMMIT_UNKNOWN_RESULT, why);
}

void vd_committer_forgotten(struct vd_committer *committer, const char *why)
{
	vd_log_warning("this client is not registered any more, a new one is; open commits are unknown",
		VD_LOG_UINT("commits", committer->commits.open_count));
	all_unknown(committer, why);
	/* Numbers go on. The new client is to know where they begin, for what it may give up lies near its low-water. */
	committer->acknowledged = 0;
	if (!vd_identity_draw(&committer->identity))
		committer->desk_rests = committer->clock_ms + VD_COMMIT_QUIET_MS;
}

/* ---- time ---- */

/* Given up, and nothing heard from the database for as long as anyone should wait. */
static void lose_patience(struct vd_committer *committer)
{
	struct vd_commit *commit, *next;
	if (committer->commits.count[VD_COMMIT_GIVING_UP] == 0)
		return;
	for (commit = TAILQ_FIRST(&committer->commits.open); commit != NULL; commit = next) {
		next = TAILQ_NEXT(commit, link);
		int64_t since = commit->wished_ms > committer->heard_ms ? commit->wished_ms : committer->heard_ms;
		if (commit->state == VD_COMMIT_GIVING_UP && committer->clock_ms - since >= VD_COMMIT_PATIENCE_MS)
			vd_committer_decide(committer, commit, VD_CODE_COMMIT_UNKNOWN_RESULT,
				"given up while the database could not be reached");
	}
}

static bool has_work(const struct vd_committer *committer)
{
	const struct vd_commits *commits = &committer->commits;
	return committer->closing || !committer->identity.registered || !TAILQ_EMPTY(&commits->waiting) ||
		   commits->open_count > 0 || vd_commits_low_water(commits) > committer->acknowledged;
}

static void on_tick(void *arg)
{
	struct vd_committer *committer = arg;
	int64_t now_ms = vd_clock_ms();
	int64_t passed_ms = now_ms - committer->ticked_ms;
	committer->ticked_ms = now_ms;
	committer->clock_ms += passed_ms < 2 * VD_COMMIT_TICK_MS ? passed_ms : 2 * VD_COMMIT_TICK_MS;
	lose_patience(committer);
	vd_silence_pump(committer);
	struct vd_pg *inbox = committer->inbox == NULL ? NULL : vd_pg_link_up(committer->inbox);
	if (inbox != NULL && committer->identity.registered && vd_pg_listener_is_listening(committer->listener)) {
		vd_look_pump(committer, inbox);
		vd_acknowledge_pump(committer, inbox);
	}
	vd_committer_pump(committer);
}

static void tick_on(struct vd_committer *committer)
{
	if (!has_work(committer) || committer->hung_up || vd_timer_is_armed(&committer->tick))
		return;
	/* after a rest, time begins where it stood */
	committer->ticked_ms = vd_clock_ms();
	vd_timer_arm_ms(&committer->tick, VD_COMMIT_TICK_MS);
}

/* ---- the desk ---- */

static void on_desk_up(void *arg, struct vd_pg *pg)
{
	(void)pg;
	vd_committer_pump(arg);
}

static void on_desk_down(void *arg, struct vd_pg *pg, const char *reason, unsigned attempt, int64_t retry_ms)
{
	struct vd_committer *committer = arg;
	vd_log_warning("desk has no connection, commits wait", VD_LOG_TEXT("reason", reason),
		VD_LOG_UINT("attempt", attempt), VD_LOG_INT("retry_ms", retry_ms));
	if (!committer->desk_refused)
		vd_database_not_reached(committer->database, pg, reason);
	committer->desk_refused = false;
	vd_give_way_note(committer, pg);
	vd_committer_pump(committer);
}

static bool desk_open(struct vd_committer *committer)
{
	struct vd_pg_settings settings;
	vd_database_pg_settings(committer->database, &settings);
	settings.synchronous_commit =
		"off"; /* the queue needs no flush; what must be durable insists on it itself */
	settings.lock_timeout_ms = 5000;
	settings.statement_timeout_ms = VD_COMMIT_STATEMENT_MS;
	const struct vd_pg_link_events events = {
		.on_up = on_desk_up, .on_down = on_desk_down, .on_closed = vd_committer_link_closed, .arg = committer
	};
	committer->desk = vd_pg_link_open(committer->database->loop, &settings, &vd_backoff_reconnect, &events);
	return committer->desk != NULL;
}

/* ---- the pump ---- */

static void committer_free(struct vd_committer *committer)
{
	struct vd_database *database = committer->database;
	vd_guard_withdraw(database->guard, &committer->pump);
	vd_timer_fini(&committer->tick);
	vd_pg_listener_free(committer->listener);
	vd_look_fini(&committer->look);
	vd_sending_fini(&committer->sending);
	vd_sending_fini(&committer->resending);
	vd_commits_fini(&committer->commits);
	database->committer = NULL;
	free(committer);
}

void vd_committer_abort(struct vd_committer *committer)
{
	VD_ASSERT(committer->desk == NULL && committer->inbox == NULL);
	committer_free(committer);
}

void vd_committer_link_closed(void *arg)
{
	struct vd_committer *committer = arg;
	if (--committer->links > 0)
		return;
	struct vd_database *database = committer->database;
	committer_free(committer);
	vd_database_release(database);
}

/* Closing: everything was given up; wait for the verdicts, acknowledge them, hang up. */
static void close_when_done(struct vd_committer *committer)
{
	struct vd_pg *inbox = committer->inbox == NULL ? NULL : vd_pg_link_up(committer->inbox);
	bool late = committer->clock_ms >= committer->closing_until;
	if (late) {
		all_unknown(committer, "the database was closed before it had decided");
		tell(committer);
	}
	if (committer->commits.open_count > 0)
		return;
	if (!late && inbox != NULL && committer->identity.registered) {
		vd_acknowledge_pump(committer, inbox);
		if (committer->acknowledging)
			return;
	}
	committer->hung_up = true;
	vd_timer_cancel(&committer->tick);
	committer->links = (committer->desk != NULL) + (committer->inbox != NULL) + 1;
	if (committer->desk != NULL)
		vd_pg_link_close(committer->desk);
	if (committer->inbox != NULL)
		vd_pg_link_close(committer->inbox);
	vd_committer_link_closed(committer); /* our own share */
}

/* Without memory for a link, the next tick tries again. */
static struct vd_pg *link_up(
	struct vd_committer *committer, struct vd_pg_link **link, bool (*open)(struct vd_committer *committer))
{
	if (*link == NULL && (committer->closing || !open(committer)))
		return NULL;
	return vd_pg_link_up(*link);
}

void vd_committer_pump(struct vd_committer *committer)
{
	if (committer->hung_up)
		return;
	struct vd_pg *desk = link_up(committer, &committer->desk, desk_open);
	struct vd_pg *inbox = link_up(committer, &committer->inbox, vd_inbox_open);
	bool registered = committer->identity.registered;
	bool listening = inbox != NULL && vd_pg_listener_is_listening(committer->listener);
	vd_silence_bound(committer);
	tell(committer);
	if (desk != NULL && !registered && !committer->closing)
		vd_register_pump(committer, desk);
	if (desk != NULL && registered)
		vd_submit_pump(committer, desk);
	if (inbox != NULL && registered) {
		vd_resend_pump(committer, inbox);
		vd_cancel_pump(committer, inbox);
	}
	if (registered && listening)
		vd_database_opened(committer->database);
	if (desk != NULL && listening)
		vd_give_way_whole(&committer->give_way);
	tick_on(committer);
	if (committer->closing)
		close_when_done(committer);
}

static void on_posted(void *arg)
{
	vd_committer_pump(arg);
}

/* ---- opened and closed ---- */

/* Much shorter than anybody's patience: while a lock keeps the database from deciding, it is to be heard now and then. */
static const struct vd_backoff_policy inbox_policy = { .name = "inbox",
	.first_ms = 10,
	.most_ms = VD_COMMIT_PATIENCE_MS / 4,
	.factor_percent = 200,
	.jitter_percent = 50 };

struct vd_committer *vd_committer_open(struct vd_database *database)
{
	struct vd_committer *committer = calloc(1, sizeof *committer);
	uint64_t seed;
	if (committer == NULL)
		return NULL;
	committer->database = database;
	committer->doorbell = vd_pg_channel_doorbell(database->settings.schema);
	committer->pump = (struct vd_task){ .run = on_posted, .arg = committer };
	committer->clock_ms = 1;
	vd_look_init(&committer->look);
	vd_sending_init(&committer->sending, committer, false);
	vd_sending_init(&committer->resending, committer, true);
	if (!vd_commits_init(&committer->commits, (size_t)database->settings.max_in_flight) ||
		!vd_identity_draw(&committer->identity) ||
		!vd_random_bytes(&committer->reply, sizeof committer->reply) ||
		!vd_random_bytes(&seed, sizeof seed) ||
		!vd_timer_init(&committer->tick, database->loop, on_tick, committer)) {
		committer_free(committer);
		return NULL;
	}
	vd_backoff_init(&committer->desk_backoff, &vd_backoff_statement, seed);
	vd_backoff_init(&committer->inbox_backoff, &inbox_policy, ~seed);
	vd_give_way_init(&committer->give_way, seed ^ 1);
	vd_guard_post(database->guard, &committer->pump); /* which connects */
	return committer;
}

void vd_committer_close(struct vd_committer *committer)
{
	struct vd_commit *commit, *next;
	vd_database_hold(committer->database);
	committer->closing = true;
	committer->closing_until = committer->clock_ms + VD_COMMIT_CLOSE_MS;
	while ((commit = TAILQ_FIRST(&committer->commits.waiting)) != NULL)
		vd_commits_give_up(&committer->commits, commit);
	for (commit = TAILQ_FIRST(&committer->commits.open); commit != NULL; commit = next) {
		next = TAILQ_NEXT(commit, link);
		commit->wished_ms = committer->clock_ms;
		vd_commits_give_up(&committer->commits, commit);
	}
	vd_guard_post(committer->database->guard, &committer->pump);
}
