/* SPDX-License-Identifier: Apache-2.0 */
/* tend.c: tidying up, and handing the office over. */
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "follower/admin/admin.h"

#include <stdio.h>
#include <string.h>

#define HAND_OVER_LOOK_MS 20

/* ---- purge ---- */

static const struct vd_pg_statement purge = {
	.name = "admin_purge",
	.sql = "SELECT purge($1) AS clients",
	.params = { VD_PG_INTERVAL },
	.columns = { { "clients", VD_PG_INT8 } },
};

static void on_purged(void *arg, const struct vd_pg_rows *rows)
{
	*(int64_t *)arg = vd_pg_rows_int8(rows, 0, 0);
}

int vd_admin_purge(struct vd_admin *admin, int64_t age_ms, int64_t *clients, struct vd_admin_error *error)
{
	struct vd_arena arena;
	struct vd_pg_params params;
	int64_t gone = 0;
	int64_t some;
	if (age_ms < 0)
		return admin_error(error, VD_ERROR_CLIENT_INVALID_OPERATION, NULL, "an age cannot be negative");
	int code = admin_begin(admin, error, true);
	if (code != 0)
		return code;
	vd_arena_init(&arena, 4096);
	vd_pg_params_init(&params, &arena);
	vd_pg_params_interval_ms(&params, age_ms);
	/* each call forgets a bounded number, so that applies do not wait for all of them */
	do {
		some = 0;
		struct vd_pg_segment *segment = vd_pg_segment_begin(admin->pg);
		vd_pg_query(segment, &purge, &params, on_purged, &some);
		vd_pg_segment_end(segment, admin_on_outcome, admin);
		code = admin_wait(admin);
		gone += some;
	} while (code == 0 && some > 0);
	vd_arena_fini(&arena);
	if (code == 0 && clients != NULL)
		*clients = gone;
	return code;
}

/* ---- hand over ---- */

static const struct vd_pg_statement release = {
	.name = "admin_release",
	.sql = "SELECT release(l.term) AS released FROM lease l WHERE l.term = $1::uuid",
	.params = { VD_PG_TEXT },
	.columns = { { "released", VD_PG_BOOL } },
};

static const struct vd_pg_statement notify = {
	.name = "admin_notify",
	.sql = "SELECT pg_notify($1, $2)",
	.params = { VD_PG_TEXT, VD_PG_TEXT },
};

static void on_released(void *arg, const struct vd_pg_rows *rows)
{
	*(bool *)arg = vd_pg_rows_count(rows) > 0 && vd_pg_rows_bool(rows, 0, 0);
}

/* The lease is let go, and the candidates hear of it, in one transaction. */
static int release_lease(struct vd_admin *admin, const char *term, bool *released)
{
	struct vd_arena arena;
	struct vd_pg_params of_release;
	struct vd_pg_params of_notify;
	struct vd_pg_name channel = vd_pg_channel_lease(admin->schema.text);
	struct vd_pg_segment *segment = vd_pg_segment_begin(admin->pg);
	vd_arena_init(&arena, 4096);
	vd_pg_params_init(&of_release, &arena);
	vd_pg_params_text(&of_release, term);
	vd_pg_params_init(&of_notify, &arena);
	vd_pg_params_text(&of_notify, channel.text);
	vd_pg_params_text(&of_notify, term);
	vd_pg_query(segment, &release, &of_release, on_released, released);
	vd_pg_query(segment, &notify, &of_notify, NULL, NULL);
	vd_pg_segment_end(segment, admin_on_outcome, admin);
	int code = admin_wait(admin);
	vd_arena_fini(&arena);
	return code;
}

int vd_admin_hand_over(struct vd_admin *admin, char leader[64], struct vd_admin_error *error)
{
	struct vd_admin_status status;
	char term[sizeof status.term];
	bool released = false;
	int code = vd_admin_status(admin, &status, error);
	if (code != 0)
		return code;
	if (!status.serves)
		return admin_error(
			error, VD_ERROR_CLIENT_INVALID_OPERATION, "is a resolver running?", "nobody leads");
	memcpy(term, status.term, sizeof term);
	code = admin_begin(admin, error, true);
	if (code == 0)
		code = release_lease(admin, term, &released);
	/* Not released: somebody else took the office meanwhile, which is as good. */
	int64_t end_ms = vd_clock_ms() + admin->timeout_ms;
	while (code == 0) {
		code = vd_admin_status(admin, &status, error);
		if (code == 0 && status.serves && strcmp(status.term, term) != 0)
			break;
		if (code == 0 && vd_clock_ms() >= end_ms)
			code = admin_error(error, VD_ERROR_TRANSACTION_TIMED_OUT,
				"verdict status shows which nodes are connected",
				"the lease was released, and nobody has taken it");
		if (code == 0)
			code = admin_pause(admin, HAND_OVER_LOOK_MS);
	}
	if (code == 0)
		snprintf(leader, sizeof status.leader, "%s", status.leader);
	return code;
}
