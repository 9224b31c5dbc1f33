/* SPDX-License-Identifier: Apache-2.0 */
/* wires.h: the event loop's connections: one that reads (claim), one that writes (apply), one that tidies (sweep).
 *
 * They are open on a standby too, so that a takeover finds them warm, and so that the lease can name their
 * backends from the start. Each comes back by itself when it is lost; every session has the settings that its
 * statements count on. Who they serve (nobody, or the office) is told by events. Thread: the event loop's.
 */
#ifndef VD_RESOLVER_WIRES_H
#define VD_RESOLVER_WIRES_H

#include "common/pg/link.h"
#include "resolver/hinge.h"
#include "resolver/settings.h"

struct vd_wire_events {
	void (*on_up)(void *arg, enum vd_backend which, struct vd_pg *pg);
	/* pg's statements have had their outcome (lost) before this. */
	void (*on_down)(void *arg, enum vd_backend which);
	void (*on_notify)(
		void *arg, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid);
	/* All are closed for good, after vd_wires_close. */
	void (*on_closed)(void *arg);
	void *arg;
};

struct vd_wire {
	struct vd_wires *wires;
	enum vd_backend which;
	struct vd_pg_link *link;
	uint64_t losses; /* connections that were lost, or could not be made the first time */
	/* the backend of the present connection, or of the last one */
	int32_t pid;
	int64_t start_us;
	unsigned deaths; /* times in a row that a leader found it dead (stall.h), also in terms before */
};

struct vd_wires {
	const struct vd_resolver_settings *settings;
	struct vd_wire_events events;
	struct vd_wire wire[VD_BACKENDS];
	unsigned open;
	unsigned
		given_up; /* times in a row that a leader found some of them dead (stall.h), also in terms before */
};

void vd_wires_open(struct vd_wires *wires, struct vd_loop *loop, const struct vd_resolver_settings *settings,
	const struct vd_wire_events *events);
void vd_wires_close(struct vd_wires *wires);

/* "claim", "apply", "sweep" */
const char *vd_wire_name(enum vd_backend which);

/* The connection, if it is up; else NULL. */
struct vd_pg *vd_wires_pg(const struct vd_wires *wires, enum vd_backend which);

/* Ends the present connection, for this reason; the next one is opened at once. */
void vd_wires_renew(struct vd_wires *wires, enum vd_backend which, const char *why);

#endif
