/* SPDX-License-Identifier: Apache-2.0 */
/* probe.h: what the database says of the cluster, asked once a second, on a standby as on a leader: who leads, how far commits
 * have come, what waits, which nodes there are.
 *
 * On the sweep connection, so that neither claim nor apply wait for it. It takes at most one part in twenty of that
 * connection's time: where counting the queue is slow, it is asked less often. Thread: the event loop's.
 */
#ifndef VD_RESOLVER_METRICS_PROBE_H
#define VD_RESOLVER_METRICS_PROBE_H

#include "resolver/metrics/ages.h"
#include "resolver/metrics/metrics.h"
#include "resolver/wires.h"

#define VD_PROBE_NODES      64
#define VD_PROBE_QUEUE_MOST 100000

struct vd_probe_node {
	char name[64];
	int64_t up_ms;
	bool leads;
};

/* What was answered last. */
struct vd_probed {
	int64_t at_ms;   /* monotonic; 0: never yet */
	char leader[64]; /* "": there never was one */
	bool released;
	bool serves;
	int64_t epoch;
	char term[37];
	int64_t led_ms;
	int64_t lease_left_ms;
	int64_t watermark;
	char lock[37];     /* of the store; "": nobody holds it */
	int64_t queue;     /* counted up to VD_PROBE_QUEUE_MOST */
	int64_t oldest_ms; /* since the oldest of them came; -1: none waits */
	double notify_queue;
	struct vd_probe_node nodes[VD_PROBE_NODES];
	unsigned node_count;
};

struct vd_probe {
	const struct vd_wires *wires;
	struct vd_metrics *metrics;
	struct vd_timer timer;
	bool is_asking;
	bool is_stopped;
	bool has_failed; /* the last time; told once */
	int64_t asked_ms;
	struct vd_ages ages;
	struct vd_probed next; /* while the answer comes in */
	struct vd_probed last;
};

/* Elections that are seen are noted in the metrics. */
void vd_probe_begin(
	struct vd_probe *probe, struct vd_loop *loop, const struct vd_wires *wires, struct vd_metrics *metrics);

/* Before the wires are closed: it asks no more, and passes over what is answered. */
void vd_probe_stop(struct vd_probe *probe);

/* After they are closed. */
void vd_probe_fini(struct vd_probe *probe);

#endif
