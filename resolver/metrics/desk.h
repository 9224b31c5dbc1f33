/* SPDX-License-Identifier: Apache-2.0 */
/* desk.h: where people and machines ask a resolver how it is: /metrics, /healthz, /readyz, /status, and the page at /.
 *
 * It knows all that is told, and which path tells what. Nothing that is asked of it changes anything, and no answer
 * holds the connection string. With the setting http-listen empty it counts and does not answer. Thread: the event loop's.
 */
#ifndef VD_RESOLVER_METRICS_DESK_H
#define VD_RESOLVER_METRICS_DESK_H

#include "resolver/life.h"
#include "resolver/metrics/http.h"
#include "resolver/metrics/metrics.h"
#include "resolver/metrics/probe.h"
#include "resolver/office.h"

struct vd_desk {
	const struct vd_resolver_settings *settings;
	const struct vd_hinge *hinge;
	const struct vd_office *office; /* NULL: it does not lead */
	enum vd_life life;
	struct vd_loop *loop;
	struct vd_metrics metrics;
	struct vd_probe probe;
	bool has_probe;
	struct vd_http *http; /* NULL: not asked for */
	struct vd_timer tick;
};

/* Listens, if the settings say so. 0, or the code of the error that says why it cannot; then there is nothing to close. */
VD_MUST_USE int vd_desk_open(struct vd_desk *desk, struct vd_loop *loop,
	const struct vd_resolver_settings *settings, const struct vd_hinge *hinge, struct vd_error *error);

/* There are connections: what the database knows is asked over them, from now until they are closed. */
void vd_desk_wires_open(struct vd_desk *desk, const struct vd_wires *wires);
void vd_desk_wires_close(struct vd_desk *desk);

void vd_desk_close(struct vd_desk *desk);

/* Why this node is not ready to serve or to take over; NULL: it is. One line, constant. */
const char *vd_desk_unready(const struct vd_desk *desk);

/* How long ago the lease was renewed; -1: this node does not hold it. */
int64_t vd_desk_lease_age_ms(const struct vd_desk *desk);

#endif
