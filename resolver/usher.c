/* SPDX-License-Identifier: Apache-2.0 */
/* usher.c: see usher.h. */
#include "resolver/usher.h"

#include "common/base/log.h"
#include "common/pg/pipeline.h"
#include "resolver/office.h"

enum {
	EVERY_MS = 1000,
	HELD_MS = 1000, /* longer than anything that a follower of ours does */
};

static const struct vd_pg_statement end_holders = {
	.name = "end_holders",
	.sql = "SELECT pid, account, held_ms, ended FROM end_holders($1)",
	.params = { VD_PG_INTERVAL },
	.columns = { { "pid", VD_PG_INT4 }, { "account", VD_PG_TEXT }, { "held_ms", VD_PG_INT8 },
		{ "ended", VD_PG_BOOL } },
};

static void on_rows(void *arg, const struct vd_pg_rows *rows)
{
	(void)arg;
	for (size_t row = 0; row < vd_pg_rows_count(rows); row++) {
		bool is_ended = vd_pg_rows_bool(rows, row, 3);
		vd_log_warning(
			is_ended ? "a session held a lock that every batch needs, it is ended"
					 : "a session holds a lock that every batch needs, and this account may not end it: "
					   "end it by pg_terminate_backend(pid), grant pg_signal_backend to the resolver",
			VD_LOG_INT("backend", vd_pg_rows_int4(rows, row, 0)),
			VD_LOG_TEXT("account", vd_pg_rows_text(rows, row, 1)),
			VD_LOG_INT("held_ms", vd_pg_rows_int8(rows, row, 2)));
	}
}

static void on_answer(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_usher *usher = arg;
	usher->is_asking = false;
	if (outcome->status == VD_PG_ERROR)
		vd_log_warning("who holds the locks of the applies could not be asked, it is asked again",
			VD_LOG_TEXT("error", outcome->message));
}

static void on_timer(void *arg)
{
	struct vd_usher *usher = arg;
	vd_timer_arm_ms(&usher->timer, EVERY_MS);
	struct vd_pg *pg = vd_wires_pg(usher->office->wires, VD_BACKEND_CLAIM);
	if (pg == NULL || usher->is_asking)
		return;
	struct vd_pg_params params;
	vd_arena_reset(&usher->arena);
	vd_pg_params_init(&params, &usher->arena);
	vd_pg_params_interval_ms(&params, HELD_MS);
	usher->is_asking = true;
	vd_pg_ask(pg, &end_holders, &params, on_rows, on_answer, usher);
}

void vd_usher_begin(struct vd_usher *usher, struct vd_office *office)
{
	*usher = (struct vd_usher){ .office = office };
	vd_arena_init(&usher->arena, 1 << 16);
	VD_ASSERT(vd_timer_init(&usher->timer, office->loop, on_timer, usher));
	vd_timer_arm_ms(&usher->timer, EVERY_MS);
}

void vd_usher_stop(struct vd_usher *usher)
{
	vd_timer_cancel(&usher->timer);
}

void vd_usher_fini(struct vd_usher *usher)
{
	VD_ASSERT(!usher->is_asking);
	vd_timer_fini(&usher->timer);
	vd_arena_fini(&usher->arena);
}
