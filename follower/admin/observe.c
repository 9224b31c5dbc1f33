/* SPDX-License-Identifier: Apache-2.0 */
/* observe.c: verdicts as they come: a connection of its own that comes back, a LISTEN on it, and a request to the leader, every
 * two seconds, to list verdicts. The first connection is the handle's, which also checks the schema. */
#include "common/base/arena.h"
#include "common/pg/link.h"
#include "common/pg/listen.h"
#include "follower/admin/admin.h"
#include "follower/admin/parse.h"

#include <string.h>

#define ASK_MS           2000
#define PROOF_TIMEOUT_MS 5000

struct observer {
	struct vd_admin *admin;
	bool (*on_event)(const struct vd_admin_event *event, void *arg);
	void *arg;
	struct vd_pg_link *link;
	struct vd_pg_listener *listener;
	struct vd_timer timer;
	bool ended;
};

static const struct vd_pg_statement ask = {
	.name = "admin_ask",
	.sql = "SELECT pg_notify($1, 'observe')",
	.params = { VD_PG_TEXT },
};

static const struct vd_pg_statement select_version = {
	.name = "admin_version",
	.sql = "SELECT version FROM watermark ORDER BY version DESC LIMIT 1",
	.columns = { { "version", VD_PG_INT8 } },
};

static void tell(struct observer *observer, const struct vd_admin_event *event)
{
	if (observer->ended || observer->on_event(event, observer->arg))
		return;
	observer->ended = true;
	admin_done(observer->admin, 0, NULL, "%s", "");
}

/* A queue that is full, or a connection that was lost: the next time will do. */
static void on_asked(void *arg, const struct vd_pg_outcome *outcome)
{
	(void)arg;
	(void)outcome;
}

static void ask_leader(void *arg)
{
	struct observer *observer = arg;
	struct vd_pg *pg = vd_pg_link_up(observer->link);
	struct vd_pg_name channel = vd_pg_channel_doorbell(observer->admin->schema.text);
	struct vd_arena arena;
	struct vd_pg_params params;
	vd_timer_arm_ms(&observer->timer, ASK_MS);
	if (pg == NULL || observer->ended)
		return;
	vd_arena_init(&arena, 4096);
	vd_pg_params_init(&params, &arena);
	vd_pg_params_text(&params, channel.text);
	vd_pg_ask(pg, &ask, &params, NULL, on_asked, NULL);
	vd_arena_fini(&arena);
}

/* ---- the link ---- */

static void on_up(void *arg, struct vd_pg *pg)
{
	struct observer *observer = arg;
	vd_pg_listener_attach(observer->listener, pg);
}

static void on_down(void *arg, struct vd_pg *pg, const char *reason, unsigned attempt, int64_t retry_ms)
{
	struct observer *observer = arg;
	(void)pg;
	(void)retry_ms;
	vd_pg_listener_detach(observer->listener);
	if (attempt == 1) /* the ones that follow say the same */
		tell(observer, &(struct vd_admin_event){ .kind = VD_ADMIN_LOST, .text = reason });
}

static void on_link_notify(
	void *arg, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid)
{
	struct observer *observer = arg;
	vd_pg_listener_notify(observer->listener, pg, channel, payload, backend_pid);
}

static void on_link_closed(void *arg)
{
	struct observer *observer = arg;
	observer->link = NULL;
	admin_done(observer->admin, 0, NULL, "%s", "");
}

/* ---- the listener ---- */

static void on_version(void *arg, const struct vd_pg_rows *rows)
{
	if (vd_pg_rows_count(rows) > 0)
		tell(arg, &(struct vd_admin_event){
					  .kind = VD_ADMIN_LISTENING, .version = vd_pg_rows_int8(rows, 0, 0), .text = "" });
}

static void on_listening(void *arg, struct vd_pg *pg)
{
	struct observer *observer = arg;
	vd_pg_ask(pg, &select_version, NULL, on_version, on_asked, observer);
	ask_leader(observer);
}

static void on_notify(void *arg, const char *channel, const char *text, int32_t backend_pid)
{
	struct observer *observer = arg;
	struct admin_payload payload = { .at = text };
	struct vd_admin_event event;
	(void)channel;
	(void)backend_pid;
	while (!observer->ended && admin_payload_next(&payload, &event))
		tell(observer, &event);
}

/* ---- the call ---- */

static bool start(struct observer *observer)
{
	struct vd_admin *admin = observer->admin;
	struct vd_pg_settings settings = admin_settings(admin);
	struct vd_pg_name channel = vd_pg_channel_verdicts(admin->schema.text);
	const char *const channels[] = { channel.text };
	struct vd_pg_listener_settings listening = { channels, 1, PROOF_TIMEOUT_MS };
	struct vd_pg_listener_events of_listener = { on_listening, on_notify, observer };
	struct vd_pg_link_events of_link = { on_up, on_down, on_link_notify, on_link_closed, observer };
	if (!vd_timer_init(&observer->timer, admin->loop, ask_leader, observer))
		return false;
	observer->listener = vd_pg_listener_new(admin->loop, &listening, &of_listener);
	if (observer->listener == NULL)
		return false;
	observer->link = vd_pg_link_open(admin->loop, &settings, &vd_backoff_reconnect, &of_link);
	return observer->link != NULL;
}

static void stop(struct observer *observer)
{
	struct vd_admin *admin = observer->admin;
	observer->ended = true;
	admin->done = false;
	if (observer->link != NULL)
		vd_pg_link_close(observer->link);
	while (observer->link != NULL && vd_loop_run(admin->loop))
		;
	if (observer->listener != NULL)
		vd_pg_listener_free(observer->listener);
	vd_timer_fini(&observer->timer);
	admin->done = false;
}

int vd_admin_observe(struct vd_admin *admin, bool (*on_event)(const struct vd_admin_event *event, void *arg),
	void *arg, struct vd_admin_error *error)
{
	struct observer observer = { .admin = admin, .on_event = on_event, .arg = arg };
	int code = admin_begin(admin, error, true);
	if (code != 0)
		return code;
	vd_timer_cancel(&admin->timer); /* from here on it takes as long as it is wanted */
	if (!start(&observer))
		code = admin_error(error, VD_ERROR_OUT_OF_MEMORY, NULL, "out of memory");
	while (code == 0 && !admin->done && !atomic_load(&admin->interrupted))
		if (!vd_loop_run(admin->loop))
			code = admin_error(error, VD_ERROR_PLATFORM, NULL, "the event loop has failed");
	stop(&observer);
	if (code == 0 && atomic_exchange(&admin->interrupted, false))
		code = admin_error(error, VD_ERROR_OPERATION_CANCELLED, NULL, "interrupted");
	return code;
}
