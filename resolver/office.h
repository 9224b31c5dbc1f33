/* SPDX-License-Identifier: Apache-2.0 */
/* office.h: one leadership, from the takeover until the term has been let go of.
 *
 * It holds what a leader has: its memory, the drain that works through the queue, the settling of doubts, the
 * sweep. It ends in one of two ways: the term is lost (or must not be kept), then all that is under way is
 * thrown away, which the fence makes safe; or it is resigned, then what is queued is finished first.
 * The end is asynchronous: on_ended comes when no statement of it is outstanding any more. Thread: the event loop's.
 */
#ifndef VD_RESOLVER_OFFICE_H
#define VD_RESOLVER_OFFICE_H

#include "resolver/apply.h"
#include "resolver/drain.h"
#include "resolver/hinge.h"
#include "resolver/memory.h"
#include "resolver/metrics/metrics.h"
#include "resolver/settings.h"
#include "resolver/settle.h"
#include "resolver/stall.h"
#include "resolver/sweep.h"
#include "resolver/usher.h"
#include "resolver/wires.h"

struct vd_office_events {
	void (*on_resigned)(void *arg); /* the queue is drained: the lease may be released */
	void (*on_deserted)(void *arg); /* it cannot lead: let go of the lease, another node may be able to */
	void (*on_ended)(void *arg);    /* nothing of it is left */
	void *arg;
};

struct vd_office {
	const struct vd_resolver_settings *settings;
	struct vd_loop *loop;
	struct vd_hinge *hinge;
	struct vd_wires *wires;
	struct vd_metrics *metrics;
	struct vd_office_events events;

	struct vd_takeover takeover; /* a copy; its postmaster_start_us is that of the last reload */
	struct vd_memory *memory;
	struct vd_apply_order order; /* what every apply of the term says */
	int64_t list_until_ms;       /* observers want verdicts listed */
	bool is_ending;
	bool has_ended;

	struct vd_drain drain;
	struct vd_settle settle;
	struct vd_stall stall;
	struct vd_sweep sweep;
	struct vd_usher usher;
	struct vd_timer timer; /* tick, and the end */
};

/* Begins to lead. */
void vd_office_begin(struct vd_office *office, struct vd_loop *loop,
	const struct vd_resolver_settings *settings, struct vd_hinge *hinge, struct vd_wires *wires,
	struct vd_metrics *metrics, const struct vd_office_events *events);

/* The term is over: throws all away; on_ended follows. */
void vd_office_end(struct vd_office *office, const char *why);

/* Finishes what is queued, then calls on_resigned; the caller ends it when the lease is released. */
void vd_office_resign(struct vd_office *office);

/* From the wires. */
void vd_office_wire_up(struct vd_office *office, enum vd_backend which, struct vd_pg *pg);
void vd_office_wire_down(struct vd_office *office, enum vd_backend which);

/* From the keeper: the lease names all backends now, perhaps. */
void vd_office_poke(struct vd_office *office);

/* A connection was opened: true if it leads to the server of this term; else ends the office. */
VD_MUST_USE bool vd_office_knows_server(struct vd_office *office, const struct vd_pg *pg);

/* True if batches may be sent: the apply connection is up, nothing is in doubt, and the lease names it. */
bool vd_office_may_apply(const struct vd_office *office);

#endif
