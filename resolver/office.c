/* SPDX-License-Identifier: Apache-2.0 */
/* office.c: see office.h. */
#include "resolver/office.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/pg/connection.h"

#include <string.h>

enum { TICK_MS = 100 };

bool vd_office_knows_server(struct vd_office *office, const struct vd_pg *pg)
{
	if (vd_takeover_is_of(&office->takeover, vd_pg_server(pg)))
		return true;
	vd_office_end(
		office, "a connection leads to another server, timeline or database than the one that it is of");
	return false;
}

bool vd_office_may_apply(const struct vd_office *office)
{
	return !office->is_ending && !office->settle.is_under_way &&
		   vd_wires_pg(office->wires, VD_BACKEND_APPLY) != NULL &&
		   vd_hinge_backends_are_entered(office->hinge);
}

/* ---- the end ----------------------------------------------------------------------------------------------- */

static void end_if_quiet(struct vd_office *office)
{
	if (!office->is_ending || office->has_ended || !vd_drain_is_quiet(&office->drain) ||
		office->settle.is_asking || office->sweep.is_asking || office->usher.is_asking)
		return;
	office->has_ended = true;
	vd_timer_fini(&office->timer);
	vd_drain_fini(&office->drain);
	vd_settle_fini(&office->settle);
	vd_sweep_fini(&office->sweep);
	vd_usher_fini(&office->usher);
	vd_memory_free(office->memory);
	office->memory = NULL;
	office->events.on_ended(office->events.arg);
}

void vd_office_end(struct vd_office *office, const char *why)
{
	if (office->is_ending)
		return;
	office->is_ending = true;
	struct vd_term_text term = vd_term_text_of(office->takeover.term);
	vd_log_info("leaves office, what is not committed stays in the queue for the next leader",
		VD_LOG_TEXT("term", term.text), VD_LOG_TEXT("why", why));
	vd_drain_stop(&office->drain);
	vd_stall_end(&office->stall);
	vd_sweep_stop(&office->sweep);
	vd_usher_stop(&office->usher);
	/* No statement of this term is under way once these are gone. */
	for (unsigned i = 0; i < VD_BACKENDS; i++)
		vd_wires_renew(office->wires, i, "the term is over");
	vd_timer_arm_ms(&office->timer, 0);
}

void vd_office_resign(struct vd_office *office)
{
	if (!office->is_ending)
		vd_drain_resign(&office->drain, office->settings->handover_timeout_ms);
}

static void on_tick(void *arg)
{
	struct vd_office *office = arg;
	if (office->is_ending) {
		vd_timer_arm_ms(&office->timer, 1);
		end_if_quiet(office);
		return;
	}
	vd_timer_arm_ms(&office->timer, TICK_MS);
	vd_memory_tick(office->memory, vd_clock_us());
	vd_stall_tick(&office->stall);
}

/* ---- the wires --------------------------------------------------------------------------------------------- */

void vd_office_wire_up(struct vd_office *office, enum vd_backend which, struct vd_pg *pg)
{
	const struct vd_wire *wire = &office->wires->wire[which];
	if (office->is_ending) {
		vd_hinge_set_backend(office->hinge, which, wire->pid, wire->start_us);
		return;
	}
	if (!vd_office_knows_server(office, pg))
		return;
	if (which == VD_BACKEND_APPLY) {
		vd_settle_up(&office->settle); /* the lease names it when the old one is gone for certain */
		return;
	}
	vd_hinge_set_backend(office->hinge, which, wire->pid, wire->start_us);
	if (which == VD_BACKEND_CLAIM)
		vd_drain_claim_up(&office->drain, pg);
}

void vd_office_wire_down(struct vd_office *office, enum vd_backend which)
{
	if (office->is_ending)
		return;
	if (which == VD_BACKEND_CLAIM)
		vd_drain_claim_down(&office->drain);
	else if (which == VD_BACKEND_APPLY)
		vd_settle_begin(&office->settle, "the connection was lost", false);
}

void vd_office_poke(struct vd_office *office)
{
	if (!office->is_ending)
		vd_stall_hear(&office->stall);
	if (!office->is_ending && vd_hinge_backends_are_entered(office->hinge))
		vd_drain_poke(&office->drain);
}

/* ---- the beginning ----------------------------------------------------------------------------------------- */

static struct vd_memory *new_memory(const struct vd_resolver_settings *settings)
{
	struct vd_memory_options options = VD_MEMORY_OPTIONS_DEFAULT;
	options.limits = vd_resolver_limits(settings);
	options.window_limit_bytes = (size_t)settings->window_bytes;
	options.client_limit_known = (uint32_t)settings->client_limit;
	options.history_us = settings->window_age_ms * 1000;
	struct vd_memory *memory = vd_memory_new(&options);
	VD_ASSERT(memory != NULL);
	return memory;
}

/* The connections are warm since before the takeover; one to another server, or from before its restart, is not
 * of use. */
static void take_over_wires(struct vd_office *office)
{
	struct vd_pg *apply = vd_wires_pg(office->wires, VD_BACKEND_APPLY);
	struct vd_pg *claim = vd_wires_pg(office->wires, VD_BACKEND_CLAIM);
	const struct vd_takeover *takeover = &office->takeover;
	if (apply == NULL || !vd_takeover_is_of(takeover, vd_pg_server(apply)) ||
		vd_pg_server(apply)->postmaster_start_us != takeover->postmaster_start_us)
		vd_settle_begin(&office->settle, "it was opened before the takeover, to another server", false);
	else
		office->order.is_synchronous = vd_pg_server(apply)->synchronous_standbys;
	if (claim != NULL && !vd_takeover_is_of(takeover, vd_pg_server(claim)))
		vd_wires_renew(
			office->wires, VD_BACKEND_CLAIM, "it was opened before the takeover, to another server");
	else if (claim != NULL)
		vd_drain_claim_up(&office->drain, claim);
}

void vd_office_begin(struct vd_office *office, struct vd_loop *loop,
	const struct vd_resolver_settings *settings, struct vd_hinge *hinge, struct vd_wires *wires,
	struct vd_metrics *metrics, const struct vd_office_events *events)
{
	*office = (struct vd_office){
		.settings = settings, .loop = loop, .hinge = hinge, .wires = wires, .metrics = metrics
	};
	office->events = *events;
	office->takeover = hinge->takeover;
	office->order.schema = settings->schema;
	office->order.clear_max_rows = settings->clear_max_rows;
	memcpy(office->order.term, office->takeover.term, sizeof office->order.term);
	atomic_store(&hinge->figures.batches, 0);
	atomic_store(&hinge->figures.committed, 0);
	atomic_store(&hinge->figures.conflicts, 0);
	atomic_store(&hinge->figures.too_old, 0);
	atomic_store(&hinge->figures.rejected, 0);
	const struct vd_takeover *takeover = &office->takeover;
	office->memory = new_memory(settings);
	vd_memory_take_office(office->memory, takeover->term, takeover->previous_term, takeover->version,
		takeover->jump_version, vd_clock_us());
	vd_memory_set_lock(office->memory, &takeover->lock);
	VD_ASSERT(vd_timer_init(&office->timer, loop, on_tick, office));
	vd_timer_arm_ms(&office->timer, TICK_MS);
	vd_settle_init(&office->settle, office);
	vd_stall_begin(&office->stall, office);
	vd_sweep_begin(&office->sweep, office);
	vd_usher_begin(&office->usher, office);
	vd_drain_begin(&office->drain, office);
	take_over_wires(office);
}
