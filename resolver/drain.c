/* SPDX-License-Identifier: Apache-2.0 */
/* drain.c: when a turn begins, and what rings for it; turn.c has the turn itself, mend.c one that failed. */
#include "resolver/drain.h"

#include "common/base/clock.h"
#include "common/pg/connection.h"
#include "common/pg/names.h"
#include "resolver/office.h"
#include "resolver/turn.h"

#include <string.h>

enum { OBSERVE_MS = 5000 };

bool vd_drain_is_isolating(const struct vd_drain *drain)
{
	return drain->limit < (uint32_t)drain->office->settings->batch_requests;
}

/* ---- what is to be done next ------------------------------------------------------------------------------- */

static bool is_listening(const struct vd_drain *drain)
{
	return vd_wires_pg(drain->office->wires, VD_BACKEND_CLAIM) != NULL &&
		   vd_pg_listener_is_listening(drain->doorbell);
}

void vd_drain_go(struct vd_drain *drain)
{
	if (!drain->is_open || drain->is_settling || drain->is_held)
		return;
	struct vd_turn *newest = drain->active == 0 ? NULL : drain->order[drain->active - 1];
	if (newest != NULL && newest->state != VD_TURN_APPLYING)
		return;
	bool is_last = drain->is_resigning && (drain->looks.has_seen_all || vd_clock_ms() >= drain->resign_by_ms);
	if (is_last) {
		if (drain->active == 0 && !drain->resigned_told) {
			drain->resigned_told = true;
			drain->office->events.on_resigned(drain->office->events.arg);
		}
		return;
	}
	if (drain->active == 2 || (drain->active == 1 && vd_drain_is_isolating(drain)) || !is_listening(drain))
		return;
	if (vd_looks_wants(&drain->looks))
		vd_turn_begin(drain);
	else if (vd_looks_is_flooded(&drain->looks) && !drain->is_flooded) {
		drain->is_flooded = true;
		vd_timer_arm_ms(&drain->timer, VD_LOOKS_FLOOD_MS);
	}
}

/* The backstop; also the end of a wait after a failed read, and of a flood's pause. */
static void on_timer(void *arg)
{
	struct vd_drain *drain = arg;
	drain->looks.is_due = true;
	drain->is_held = drain->is_flooded = false;
	vd_timer_arm_ms(&drain->timer, VD_LOOKS_BACKSTOP_MS);
	struct vd_pg *pg = vd_wires_pg(drain->office->wires, VD_BACKEND_CLAIM);
	if (pg != NULL)
		vd_waiting_ask(&drain->waiting, pg);
	vd_drain_go(drain);
}

static void on_low_waters(void *arg)
{
	struct vd_drain *drain = arg;
	drain->looks.wants_full = true;
	vd_drain_go(drain);
}

static void on_listening(void *arg, struct vd_pg *pg)
{
	struct vd_drain *drain = arg;
	(void)pg;
	drain->looks.wants_full = true;
	vd_drain_go(drain);
}

static void on_doorbell(void *arg, const char *channel, const char *payload, int32_t backend_pid)
{
	struct vd_drain *drain = arg;
	(void)channel;
	(void)backend_pid;
	if (strcmp(payload, "observe") == 0) {
		drain->office->list_until_ms = vd_clock_ms() + OBSERVE_MS;
		return;
	}
	drain->looks.is_rung = true;
	vd_later_run(&drain->later);
}

static void on_later(void *arg)
{
	vd_drain_go(arg);
}

void vd_drain_poke(struct vd_drain *drain)
{
	for (unsigned i = 0; i < drain->active; i++)
		if (drain->order[i]->waits_entry && drain->is_open) {
			vd_turn_resume(drain->order[i]);
			return;
		}
	vd_drain_go(drain);
}

void vd_drain_claim_up(struct vd_drain *drain, struct vd_pg *pg)
{
	vd_looks_reset(&drain->looks);
	vd_pg_listener_attach(drain->doorbell, pg);
}

void vd_drain_claim_down(struct vd_drain *drain)
{
	vd_pg_listener_detach(drain->doorbell);
}

void vd_drain_notify(
	struct vd_drain *drain, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid)
{
	vd_pg_listener_notify(drain->doorbell, pg, channel, payload, backend_pid);
}

void vd_drain_resign(struct vd_drain *drain, int64_t within_ms)
{
	drain->is_resigning = true;
	drain->looks.is_last = drain->looks.is_due = true;
	drain->looks.has_seen_all = false;
	drain->resign_by_ms = vd_clock_ms() + within_ms;
	vd_drain_go(drain);
}

void vd_drain_begin(struct vd_drain *drain, struct vd_office *office)
{
	*drain = (struct vd_drain){ .office = office, .is_open = true };
	vd_looks_reset(&drain->looks);
	drain->limit = (uint32_t)office->settings->batch_requests;
	vd_waiting_init(&drain->waiting, office->memory, on_low_waters, drain);
	vd_backoff_init(&drain->backoff, &vd_backoff_statement, (uint64_t)vd_clock_ns());
	VD_ASSERT(vd_timer_init(&drain->timer, office->loop, on_timer, drain));
	VD_ASSERT(vd_later_init(&drain->later, office->loop, on_later, drain));
	struct vd_pg_name channel = vd_pg_channel_doorbell(office->settings->schema);
	const char *channels[] = { channel.text };
	struct vd_pg_listener_settings settings = { .channels = channels, .channel_count = 1 };
	struct vd_pg_listener_events events = {
		.on_listening = on_listening, .on_notify = on_doorbell, .arg = drain
	};
	drain->doorbell = vd_pg_listener_new(office->loop, &settings, &events);
	VD_ASSERT(drain->doorbell != NULL);
	for (unsigned i = 0; i < 2; i++)
		vd_turn_init(&drain->turns[i], drain);
	vd_timer_arm_ms(&drain->timer, VD_LOOKS_BACKSTOP_MS);
}

void vd_drain_stop(struct vd_drain *drain)
{
	drain->is_open = false;
	vd_timer_cancel(&drain->timer);
	vd_later_cancel(&drain->later);
	vd_pg_listener_detach(drain->doorbell);
	drain->waiting.is_abandoned = true;
	for (unsigned i = 0; i < 2; i++)
		drain->turns[i].question.is_abandoned = true;
	for (unsigned i = drain->active; i-- > 0;)
		if (!drain->order[i]->is_asking)
			vd_turn_is_over(drain->order[i]);
}

bool vd_drain_is_quiet(const struct vd_drain *drain)
{
	return drain->active == 0 && !drain->waiting.is_asking;
}

void vd_drain_fini(struct vd_drain *drain)
{
	VD_ASSERT(vd_drain_is_quiet(drain));
	vd_timer_fini(&drain->timer);
	vd_later_fini(&drain->later);
	vd_pg_listener_free(drain->doorbell);
	for (unsigned i = 0; i < 2; i++)
		vd_turn_fini(&drain->turns[i]);
}
