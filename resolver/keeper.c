/* SPDX-License-Identifier: Apache-2.0 */
/* keeper.c: one function, keeper_act, says what is to be done; every callback stores what it learned and ends
 * there. At most one question is under way.
 */
#include "resolver/keeper.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/pg/names.h"
#include "resolver/keeper_ask.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is to be done ------------------------------------------------------------------------------------ */

static void keeper_act(struct vd_keeper *keeper)
{
	struct vd_hinge *hinge = keeper->hinge;
	if (keeper->is_closing)
		return;
	if (atomic_load(&hinge->stop)) {
		keeper->is_closing = true;
		vd_timer_cancel(&keeper->timer);
		vd_pg_listener_detach(keeper->listener);
		vd_pg_link_close(keeper->link);
		return;
	}
	struct vd_pg *pg = vd_pg_link_up(keeper->link);
	if (pg != NULL && vd_keeper_is_holding(keeper) &&
		atomic_load(&hinge->desert) == atomic_load(&hinge->won)) {
		vd_keeper_desert(keeper, pg);
		return;
	}
	if (pg == NULL || keeper->is_asking)
		return;
	if (vd_keeper_is_holding(keeper)) {
		bool wants_entry = atomic_load(&hinge->backends_entered) != atomic_load(&hinge->backends_wanted);
		if (atomic_load(&hinge->release) == atomic_load(&hinge->won))
			vd_keeper_release(keeper, pg);
		else if (keeper->is_hurried || wants_entry || vd_clock_ms() >= keeper->due_ms)
			vd_keeper_renew(keeper, pg);
		return;
	}
	/* A term that is over: the event loop has to let go of it first. */
	if (atomic_load(&hinge->ended) != atomic_load(&hinge->won))
		return;
	if (vd_pg_listener_is_listening(keeper->listener) &&
		(keeper->is_hurried || vd_clock_ms() >= keeper->due_ms))
		vd_keeper_look(keeper, pg);
}

static void on_timer(void *arg)
{
	struct vd_keeper *keeper = arg;
	keeper->due_ms = 0;
	if (keeper->is_asking)
		keeper->is_hurried = true; /* when that is answered */
	keeper_act(keeper);
}

static void on_wake(void *arg)
{
	keeper_act(arg);
}

static void on_listening(void *arg, struct vd_pg *pg)
{
	struct vd_keeper *keeper = arg;
	(void)pg;
	keeper->is_hurried = true;
	keeper_act(keeper);
}

/* Anybody can send that there are news, as often as he likes: between two looks for them there is a rest, and those that come in it
 * wait for the look that is due. A renewal writes, so its rest is longer; who comes in it is not heard before its end, for else he
 * would wait for a sixth of the lease. */
#define NEWS_REST_MS    20
#define RENEWAL_REST_MS 100

static void look_at_news(struct vd_keeper *keeper, int64_t now_ms)
{
	keeper->news_ms = now_ms;
	keeper->is_hurried = true;
	keeper_act(keeper);
}

/* Somebody released the lease; or, to who holds it, somebody asks it to hand over, which stands in the lease itself: its next renewal
 * tells whether that is so. */
static void on_lease_notify(void *arg, const char *channel, const char *payload, int32_t backend_pid)
{
	struct vd_keeper *keeper = arg;
	(void)channel;
	(void)backend_pid;
	int64_t now_ms = vd_clock_ms();
	bool is_for_holder = strcmp(payload, VD_PG_HAND_OVER) == 0;
	if (is_for_holder != vd_keeper_is_holding(keeper))
		return;
	int64_t rested_ms = keeper->news_ms + (is_for_holder ? RENEWAL_REST_MS : NEWS_REST_MS);
	if (now_ms >= rested_ms)
		look_at_news(keeper, now_ms);
	else if (is_for_holder && keeper->due_ms > rested_ms)
		vd_keeper_act_in(keeper, rested_ms - now_ms);
}

/* ---- the connection ---------------------------------------------------------------------------------------- */

static void on_up(void *arg, struct vd_pg *pg)
{
	struct vd_keeper *keeper = arg;
	vd_log_info("keeper is connected", VD_LOG_TEXT("place", vd_pg_place(pg)));
	vd_pg_listener_attach(keeper->listener, pg);
	if (vd_keeper_is_holding(keeper) && !vd_takeover_is_of(&keeper->hinge->takeover, vd_pg_server(pg))) {
		vd_keeper_lose(
			keeper, "this is another server, timeline or database than the one that the term is of");
		return;
	}
	keeper->is_hurried = true;
	keeper_act(keeper);
}

static void on_down(void *arg, struct vd_pg *pg, const char *reason, unsigned attempt, int64_t retry_ms)
{
	struct vd_keeper *keeper = arg;
	(void)pg;
	if (attempt == 1)
		atomic_fetch_add(&keeper->hinge->keeper_losses, 1);
	if (attempt == 1 || attempt % 16 == 0)
		vd_log_warning(vd_keeper_is_holding(keeper)
						   ? "keeper lost its connection, the lease is not renewed until it is back"
						   : "keeper has no connection, cannot look at the lease",
			VD_LOG_TEXT("why", reason), VD_LOG_UINT("attempt", attempt), VD_LOG_INT("retry_ms", retry_ms));
}

static void on_notify(
	void *arg, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid)
{
	struct vd_keeper *keeper = arg;
	vd_pg_listener_notify(keeper->listener, pg, channel, payload, backend_pid);
}

static void on_link_closed(void *arg)
{
	struct vd_keeper *keeper = arg;
	keeper->link = NULL;
	vd_loop_stop(keeper->loop);
}

static void open_link(struct vd_keeper *keeper)
{
	const struct vd_resolver_settings *settings = keeper->settings;
	char name[128];
	snprintf(name, sizeof name, "%s/%s/%s", VD_PG_APPLICATION_KEEPER, settings->schema, settings->node);
	struct vd_pg_settings pg = { .dsn = settings->dsn,
		.application_name = name,
		.schema = settings->schema,
		.connect_timeout_ms = keeper->settings->lease_ttl_ms < 2000 ? 2000 : keeper->settings->lease_ttl_ms,
		.statement_timeout_ms = 2 * keeper->settings->lease_ttl_ms,
		.lock_timeout_ms = keeper->settings->lease_ttl_ms,
		.idle_in_transaction_session_timeout_ms = keeper->settings->lease_ttl_ms,
		.tcp_user_timeout_ms = keeper->settings->lease_ttl_ms,
		.keepalives_idle_s = 1,
		.keepalives_interval_s = 1,
		.keepalives_count = 3,
		.client_connection_check_interval_ms = 100,
		.answer_timeout_ms = 2 * keeper->settings->lease_ttl_ms + 1000,
		.target_session_attrs = "read-write",
		.identify = true };
	struct vd_pg_link_events events = {
		.on_up = on_up, .on_down = on_down, .on_notify = on_notify, .on_closed = on_link_closed, .arg = keeper
	};
	keeper->link = vd_pg_link_open(keeper->loop, &pg, &vd_backoff_reconnect, &events);
	VD_ASSERT(keeper->link != NULL);
}

/* ---- the thread -------------------------------------------------------------------------------------------- */

static void *keeper_main(void *arg)
{
	struct vd_keeper *keeper = arg;
	VD_ASSERT(vd_loop_run(keeper->loop));
	return NULL;
}

struct vd_keeper *vd_keeper_start(const struct vd_resolver_settings *settings, struct vd_hinge *hinge)
{
	struct vd_keeper *keeper = calloc(1, sizeof *keeper);
	VD_ASSERT(keeper != NULL);
	keeper->settings = settings;
	keeper->hinge = hinge;
	vd_arena_init(&keeper->arena, 1 << 20);
	keeper->loop = vd_loop_new(NULL);
	VD_ASSERT(keeper->loop != NULL);
	VD_ASSERT(vd_timer_init(&keeper->timer, keeper->loop, on_timer, keeper));
	VD_ASSERT(vd_wake_init(&hinge->keeper_wake, keeper->loop, on_wake, keeper));
	struct vd_pg_name channel = vd_pg_channel_lease(settings->schema);
	const char *channels[] = { channel.text };
	struct vd_pg_listener_settings listen = { .channels = channels, .channel_count = 1 };
	struct vd_pg_listener_events events = {
		.on_listening = on_listening, .on_notify = on_lease_notify, .arg = keeper
	};
	keeper->listener = vd_pg_listener_new(keeper->loop, &listen, &events);
	VD_ASSERT(keeper->listener != NULL);
	open_link(keeper);
	VD_ASSERT(pthread_create(&keeper->thread, NULL, keeper_main, keeper) == 0);
	return keeper;
}

void vd_keeper_join(struct vd_keeper *keeper)
{
	VD_ASSERT(pthread_join(keeper->thread, NULL) == 0);
	vd_wake_fini(&keeper->hinge->keeper_wake);
	vd_timer_fini(&keeper->timer);
	vd_pg_listener_free(keeper->listener);
	vd_loop_free(keeper->loop);
	vd_arena_fini(&keeper->arena);
	free(keeper);
}
