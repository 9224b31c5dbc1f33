/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/link.h"

#include "common/base/clock.h"
#include "common/loop/loop.h"

#include <stdlib.h>
#include <string.h>

struct vd_pg_link {
	struct vd_loop *loop;
	struct vd_pg_link_events events;
	struct vd_backoff backoff;
	struct vd_timer timer;
	/* after vd_pg_link_close without a connection: the end is told on the next turn */
	struct vd_later gone;
	/* NULL between a loss and the next attempt */
	struct vd_pg *pg;
	int64_t up_since_ms; /* 0: not up */
	int64_t rest_ms;     /* asked for: the least wait after this connection */
	bool closing;
	/* our own copies of the strings */
	struct vd_pg_settings settings;
};

static void link_connect(struct vd_pg_link *link);

static void link_gone(void *arg)
{
	struct vd_pg_link *link = arg;
	if (link->events.on_closed != NULL)
		link->events.on_closed(link->events.arg);
	vd_timer_fini(&link->timer);
	vd_later_fini(&link->gone);
	vd_pg_settings_fini(&link->settings);
	free(link);
}

static void on_up(void *arg, struct vd_pg *pg)
{
	struct vd_pg_link *link = arg;
	link->up_since_ms = vd_clock_ms();
	if (link->events.on_up != NULL)
		link->events.on_up(link->events.arg, pg);
}

static void on_closed(void *arg, struct vd_pg *pg, const char *reason)
{
	struct vd_pg_link *link = arg;
	int64_t up_ms = link->up_since_ms == 0 ? 0 : vd_clock_ms() - link->up_since_ms;
	link->pg = NULL;
	link->up_since_ms = 0;
	if (!link->closing) {
		if (up_ms > link->backoff.policy->most_ms)
			vd_backoff_reset(&link->backoff);
		int64_t wait_ms = vd_backoff_next_ms(&link->backoff);
		wait_ms = wait_ms < link->rest_ms ? link->rest_ms : wait_ms;
		link->rest_ms = 0;
		vd_timer_arm_ms(&link->timer, wait_ms);
		if (link->events.on_down != NULL)
			link->events.on_down(link->events.arg, pg, reason, link->backoff.attempts, wait_ms);
	}
	if (link->closing)
		link_gone(link);
}

static void on_notify(
	void *arg, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid)
{
	struct vd_pg_link *link = arg;
	if (link->events.on_notify != NULL)
		link->events.on_notify(link->events.arg, pg, channel, payload, backend_pid);
}

static void link_connect(struct vd_pg_link *link)
{
	struct vd_pg_events events = {
		.on_up = on_up, .on_closed = on_closed, .on_notify = on_notify, .arg = link
	};
	link->pg = vd_pg_open(link->loop, &link->settings, &events);
	if (link->pg == NULL) /* no memory now: perhaps later */
		vd_timer_arm_ms(&link->timer, vd_backoff_next_ms(&link->backoff));
}

static void on_timer(void *arg)
{
	link_connect(arg);
}

struct vd_pg_link *vd_pg_link_open(struct vd_loop *loop, const struct vd_pg_settings *settings,
	const struct vd_backoff_policy *policy, const struct vd_pg_link_events *events)
{
	struct vd_pg_link *link = calloc(1, sizeof *link);
	if (link == NULL)
		return NULL;
	link->loop = loop;
	link->events = *events;
	vd_backoff_init(&link->backoff, policy, (uint64_t)vd_clock_ns() ^ (uintptr_t)link);
	if (!vd_pg_settings_copy(&link->settings, settings) ||
		!vd_timer_init(&link->timer, loop, on_timer, link) ||
		!vd_later_init(&link->gone, loop, link_gone, link)) {
		vd_timer_fini(&link->timer);
		vd_pg_settings_fini(&link->settings);
		free(link);
		return NULL;
	}
	link_connect(link);
	return link;
}

void vd_pg_link_close(struct vd_pg_link *link)
{
	if (link->closing)
		return;
	link->closing = true;
	vd_timer_cancel(&link->timer);
	if (link->pg != NULL)
		vd_pg_close(link->pg);
	else
		vd_later_run(&link->gone);
}

struct vd_pg *vd_pg_link_up(const struct vd_pg_link *link)
{
	return link->pg != NULL && vd_pg_state(link->pg) == VD_PG_UP ? link->pg : NULL;
}

void vd_pg_link_rest(struct vd_pg_link *link, int64_t rest_ms, const char *why)
{
	if (link->closing)
		return;
	link->rest_ms = rest_ms;
	if (link->pg != NULL) {
		vd_pg_disconnect(link->pg, "%s", why);
	} else {
		link->rest_ms = 0;
		vd_timer_arm_ms(&link->timer, rest_ms);
	}
}

void vd_pg_link_hurry(struct vd_pg_link *link)
{
	if (link->pg == NULL && !link->closing)
		vd_timer_arm_ms(&link->timer, 0);
}
