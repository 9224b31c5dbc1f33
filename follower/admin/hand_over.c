/* SPDX-License-Identifier: Apache-2.0 */
/* hand_over.c: asks a leader to go, and waits until another term serves.
 *
 *   look ─▶ ask (lease.hand_over_of, successor) ─▶ wake the leader ─▶ look … until the term is another one
 *
 * What is asked is a row that only the resolver's role may write, of one term. The NOTIFY is a hint, in a segment of its own: a
 * full notify queue must not take the request back, and without it the leader reads it at its next renewal. */
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "follower/admin/admin.h"

#include <stdio.h>
#include <string.h>

#define LOOK_MS 20

static const struct vd_pg_statement ask = {
	.name = "admin_ask_to_hand_over",
	.sql = "SELECT ask_to_hand_over($1::uuid, $2) AS asked",
	.params = { VD_PG_TEXT, VD_PG_TEXT },
	.columns = { { "asked", VD_PG_BOOL } },
};

static const struct vd_pg_statement wake = {
	.name = "admin_wake",
	.sql = "SELECT pg_notify($1, $2)",
	.params = { VD_PG_TEXT, VD_PG_TEXT },
};

static void on_asked(void *arg, const struct vd_pg_rows *rows)
{
	*(bool *)arg = vd_pg_rows_count(rows) > 0 && vd_pg_rows_bool(rows, 0, 0);
}

static void on_woken(void *arg, const struct vd_pg_outcome *outcome)
{
	(void)arg;
	(void)outcome;
}

/* *asked: that term led still. successor NULL: takes it back. */
static int ask_leader(struct vd_admin *admin, const char *term, const char *successor, bool *asked)
{
	struct vd_arena arena;
	struct vd_pg_params of_ask;
	struct vd_pg_params of_wake;
	struct vd_pg_name channel = vd_pg_channel_lease(admin->schema.text);
	vd_arena_init(&arena, 4096);
	vd_pg_params_init(&of_ask, &arena);
	vd_pg_params_text(&of_ask, term);
	vd_pg_params_text(&of_ask, successor);
	vd_pg_params_init(&of_wake, &arena);
	vd_pg_params_text(&of_wake, channel.text);
	vd_pg_params_text(&of_wake, VD_PG_HAND_OVER);
	struct vd_pg_segment *segment = vd_pg_segment_begin(admin->pg);
	vd_pg_query(segment, &ask, &of_ask, on_asked, asked);
	vd_pg_segment_end(segment, admin_on_outcome, admin);
	vd_pg_ask(admin->pg, &wake, &of_wake, NULL, on_woken, NULL);
	int code = admin_wait(admin);
	vd_arena_fini(&arena);
	return code;
}

/* Whether somebody could take over, and the one that is asked for. */
static int check_successor(const struct vd_admin_status *status, const char *to, struct vd_admin_error *error)
{
	const struct vd_admin_node *found = NULL;
	if (strcmp(to, status->leader) == 0)
		return admin_error(error, VD_ERROR_CLIENT_INVALID_OPERATION, "verdict status shows the nodes",
			"%.63s leads already", to);
	for (size_t i = 0; i < status->node_count; i++)
		if (to[0] == '\0' ? !status->nodes[i].leads : strcmp(status->nodes[i].name, to) == 0)
			found = &status->nodes[i];
	if (found != NULL)
		return 0;
	if (to[0] != '\0')
		return admin_error(error, VD_ERROR_CLIENT_INVALID_OPERATION, "verdict status shows the nodes",
			"no node %.63s is connected", to);
	return admin_error(error, VD_ERROR_CLIENT_INVALID_OPERATION, "start another resolver first",
		"no other node is connected that could take over");
}

/* It was asked and has not come to an end in time. */
static int give_up(struct vd_admin *admin, const struct vd_admin_status *status, const char *term)
{
	bool taken_back = false;
	struct vd_admin_error *error = admin->error;
	int code = admin_begin(admin, error, true);
	if (code == 0)
		code = ask_leader(admin, term, NULL, &taken_back);
	if (code != 0)
		return code;
	if (taken_back)
		return admin_error(error, VD_ERROR_TRANSACTION_TIMED_OUT,
			"a leader finishes what is queued first, for as long as its setting handover-timeout says",
			"%s has not handed over in time, and the request was taken back", status->leader);
	return admin_error(error, VD_ERROR_TRANSACTION_TIMED_OUT,
		"verdict status shows which nodes are connected", "%s has released the lease, and nobody serves yet",
		status->leader);
}

/* Until another term serves. */
static int await(struct vd_admin *admin, const char *term, struct vd_admin_status *status)
{
	struct vd_admin_error *error = admin->error;
	int64_t end_ms = vd_clock_ms() + admin->timeout_ms;
	struct vd_admin_status before = *status;
	for (;;) {
		int code = vd_admin_status(admin, status, error);
		if (code != 0 || (status->serves && strcmp(status->term, term) != 0))
			return code;
		if (vd_clock_ms() >= end_ms)
			return give_up(admin, &before, term);
		code = admin_pause(admin, LOOK_MS);
		if (code != 0)
			return code;
	}
}

/* Whoever interrupts has not been told of any success: what is asked for does not go on behind his back. */
static void take_back(struct vd_admin *admin, const char *term)
{
	bool taken_back;
	if (admin_begin(admin, NULL, true) == 0)
		(void)ask_leader(admin, term, NULL, &taken_back);
}

int vd_admin_hand_over(
	struct vd_admin *admin, const char *to, struct vd_admin_handed *handed, struct vd_admin_error *error)
{
	struct vd_admin_status status;
	char term[sizeof status.term];
	bool asked = false; /* else somebody else took the office meanwhile, which is as good */
	to = to == NULL ? "" : to;
	*handed = (struct vd_admin_handed){ 0 };
	int code = vd_admin_status(admin, &status, error);
	if (code != 0)
		return code;
	if (!status.serves)
		return admin_error(
			error, VD_ERROR_CLIENT_INVALID_OPERATION, "is a resolver running?", "nobody leads");
	code = check_successor(&status, to, error);
	if (code != 0)
		return code;
	memcpy(term, status.term, sizeof term);
	memcpy(handed->from, status.leader, sizeof handed->from);
	int64_t begin_ms = vd_clock_ms();
	code = admin_begin(admin, error, true);
	if (code == 0)
		code = ask_leader(admin, term, to, &asked);
	if (code == 0)
		code = await(admin, term, &status);
	if (code == VD_ERROR_OPERATION_CANCELLED)
		take_back(admin, term);
	if (code != 0)
		return code;
	memcpy(handed->to, status.leader, sizeof handed->to);
	handed->took_ms = vd_clock_ms() - begin_ms;
	return 0;
}
