/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.h: what this process has done since its start, counted.
 *
 * A batch is counted when it is known to be committed, so counters agree with what followers were told. Nothing of it
 * decides anything. Pure: the caller says what time it is. Thread: the event loop's.
 */
#ifndef VD_RESOLVER_METRICS_METRICS_H
#define VD_RESOLVER_METRICS_METRICS_H

#include "resolver/batch.h"
#include "resolver/metrics/hot.h"
#include "resolver/metrics/spread.h"

enum vd_stage {
	VD_STAGE_CLAIM, /* from the question which requests wait, until their clients are known */
	VD_STAGE_BASE,
	VD_STAGE_RESOLVE,
	VD_STAGE_APPLY, /* until COMMIT is answered */
	VD_STAGE_PUBLISH,
	VD_STAGES,
};
extern const char *const vd_stage_names[VD_STAGES];

/* When its requests were first asked for, when each stage of the batch began (anew, if it was tried again), and when the last
 * one ended; monotonic microseconds. */
struct vd_stage_times {
	int64_t began_us;
	int64_t at_us[VD_STAGES + 1];
};

/* Different codes of rejected requests that are told apart; what is beyond counts with the last one. */
#define VD_METRICS_REASONS 32

struct vd_reason_count {
	int code;
	uint64_t count;
};

struct vd_totals {
	uint64_t batches;
	uint64_t committed;
	uint64_t conflicts;
	uint64_t too_old;
	uint64_t rejected;
	uint64_t repeated; /* copies that were answered again, or denied */
	uint64_t dropped;  /* copies and strangers that got no answer */
};

/* A second's worth. */
struct vd_rates {
	double batches;
	double committed;
	double conflicts;
	double too_old;
	double rejected;
};

/* Who led from when on: of any node. */
struct vd_election {
	int64_t at_us; /* time of day */
	int64_t epoch;
	char node[64];
};
#define VD_METRICS_ELECTIONS 8

struct vd_metrics {
	struct vd_totals totals;
	struct vd_reason_count reasons[VD_METRICS_REASONS];
	unsigned reason_count;
	uint64_t elections;  /* that this node won */
	uint64_t terms_lost; /* that ended otherwise than by a hand-over */
	uint64_t failures;   /* batches that were not applied as they were sent */
	uint64_t last_batch; /* requests */
	struct vd_spread batch_requests;
	struct vd_recent recent_requests;
	struct vd_spread stages_us[VD_STAGES];
	struct vd_spread latency_us;
	struct vd_recent recent_latency_us;
	struct vd_hot hot;
	/* the last second */
	struct vd_rates rates;
	struct vd_totals before;
	int64_t before_us;
	struct vd_election elections_seen[VD_METRICS_ELECTIONS]; /* a ring; the newest is the last written */
	unsigned election_count;
};

/* All zero but for the time. */
void vd_metrics_init(struct vd_metrics *metrics, int64_t now_us);
void vd_metrics_fini(struct vd_metrics *metrics);

/* A batch is committed and told; it still holds what it was. */
void vd_metrics_batch(
	struct vd_metrics *metrics, const struct vd_batch *batch, const struct vd_stage_times *times);

/* Once a second: the rates are those since the last call. */
void vd_metrics_tick(struct vd_metrics *metrics, int64_t now_us);

/* Somebody leads: counted once an epoch. */
void vd_metrics_election(struct vd_metrics *metrics, int64_t at_us, int64_t epoch, const char *node);

/* The i-th newest; NULL past the end. */
const struct vd_election *vd_metrics_election_at(const struct vd_metrics *metrics, unsigned i);

#endif
