/* SPDX-License-Identifier: Apache-2.0 */
/* wires.c: see wires.h. */
#include "resolver/wires.h"

#include "common/base/log.h"
#include "common/pg/names.h"
#include "common/pg/pipeline.h"

static const char *const wire_names[VD_BACKENDS] = {
	[VD_BACKEND_CLAIM] = "claim",
	[VD_BACKEND_APPLY] = "apply",
	[VD_BACKEND_SWEEP] = "sweep",
};

/* Plans that no statistics can spoil: the tables are empty when the first plan is made and huge later, and every
 * statement here has an index that serves it. One plan serves all batches: to plan each anew takes longer than a small one
 * takes to run. A commit is never asynchronous, whatever the server's default. */
static const struct vd_pg_statement session_statement = {
	.name = "session",
	.sql = "SELECT set_config('jit', 'off', false), set_config('enable_seqscan', 'off', false),"
		   " set_config('enable_bitmapscan', 'off', false), set_config('enable_sort', 'off', false),"
		   " set_config('plan_cache_mode', 'force_generic_plan', false),"
		   " set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
		   " WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)",
};

static void on_session(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_pg *pg = arg;
	if (outcome->status == VD_PG_ERROR)
		vd_pg_disconnect(pg, "the session could not be set up: %s", outcome->message);
}

static void on_up(void *arg, struct vd_pg *pg)
{
	struct vd_wire *wire = arg;
	const struct vd_pg_server *server = vd_pg_server(pg);
	vd_pg_ask(pg, &session_statement, NULL, NULL, on_session, pg);
	wire->pid = server->backend_pid;
	wire->start_us = server->backend_start_us;
	wire->wires->events.on_up(wire->wires->events.arg, wire->which, pg);
}

static void on_down(void *arg, struct vd_pg *pg, const char *reason, unsigned attempt, int64_t retry_ms)
{
	struct vd_wire *wire = arg;
	(void)pg;
	if (attempt == 1)
		wire->losses++;
	if (attempt == 1 || attempt % 16 == 0)
		vd_log_warning("a connection is gone, opens the next one",
			VD_LOG_TEXT("connection", wire_names[wire->which]), VD_LOG_TEXT("why", reason),
			VD_LOG_UINT("attempt", attempt), VD_LOG_INT("retry_ms", retry_ms));
	wire->wires->events.on_down(wire->wires->events.arg, wire->which);
}

static void on_notify(
	void *arg, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid)
{
	struct vd_wire *wire = arg;
	wire->wires->events.on_notify(wire->wires->events.arg, pg, channel, payload, backend_pid);
}

static void on_closed(void *arg)
{
	struct vd_wire *wire = arg;
	wire->link = NULL;
	if (--wire->wires->open == 0)
		wire->wires->events.on_closed(wire->wires->events.arg);
}

void vd_wires_open(struct vd_wires *wires, struct vd_loop *loop, const struct vd_resolver_settings *settings,
	const struct vd_wire_events *events)
{
	wires->settings = settings;
	wires->events = *events;
	char name[128];
	snprintf(name, sizeof name, "%s/%s/%s", VD_PG_APPLICATION_RESOLVER, settings->schema, settings->node);
	struct vd_pg_settings pg = { .dsn = settings->dsn,
		.application_name = name,
		.schema = settings->schema,
		.connect_timeout_ms = 3000,
		.statement_timeout_ms = settings->statement_timeout_ms,
		.lock_timeout_ms = 5000,
		.idle_in_transaction_session_timeout_ms = settings->lease_ttl_ms,
		.tcp_user_timeout_ms = 5000,
		.keepalives_idle_s = 1,
		.keepalives_interval_s = 1,
		.keepalives_count = 3,
		.client_connection_check_interval_ms = 100,
		.answer_timeout_ms = settings->statement_timeout_ms + 5000,
		.target_session_attrs = "read-write",
		.identify = true };
	for (unsigned i = 0; i < VD_BACKENDS; i++) {
		struct vd_wire *wire = &wires->wire[i];
		struct vd_pg_link_events link = {
			.on_up = on_up, .on_down = on_down, .on_notify = on_notify, .on_closed = on_closed, .arg = wire
		};
		wire->wires = wires;
		wire->which = i;
		wire->link = vd_pg_link_open(loop, &pg, &vd_backoff_reconnect, &link);
		VD_ASSERT(wire->link != NULL);
		wires->open++;
	}
}

void vd_wires_close(struct vd_wires *wires)
{
	for (unsigned i = 0; i < VD_BACKENDS; i++)
		if (wires->wire[i].link != NULL)
			vd_pg_link_close(wires->wire[i].link);
}

const char *vd_wire_name(enum vd_backend which)
{
	return wire_names[which];
}

struct vd_pg *vd_wires_pg(const struct vd_wires *wires, enum vd_backend which)
{
	const struct vd_wire *wire = &wires->wire[which];
	return wire->link == NULL ? NULL : vd_pg_link_up(wire->link);
}

void vd_wires_renew(struct vd_wires *wires, enum vd_backend which, const char *why)
{
	struct vd_pg *pg = vd_wires_pg(wires, which);
	if (pg != NULL)
		vd_pg_disconnect(pg, "%s", why);
}
