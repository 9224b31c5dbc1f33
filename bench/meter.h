/* SPDX-License-Identifier: Apache-2.0 */
/* meter.h: what a run costs: the server's log, the leader's batches, the processors and the memory of all who take part. One
 * connection for looking after the store; where the server or the resolver is not on this machine, less is known. */
#ifndef VD_BENCH_METER_H
#define VD_BENCH_METER_H

#include "bench/report.h"
#include "bench/usage.h"

#include <verdict/admin.h>

struct vd_meter_sample {
	double postgresql_s, resolver_s, workers_s; /* negative: not known */
	double wal_bytes;
};

struct vd_meter {
	struct vd_admin *admin; /* NULL: it cannot be asked */
	pid_t postmaster;
	pid_t resolvers[VD_USAGE_RESOLVERS];
	int resolver_count;
	const pid_t *workers;
	int worker_count;
	/* The leader's counts at the first renewal that was seen while it counted, and at the last. */
	int64_t renewals, first_batches, first_requests, last_batches, last_requests;
	char term[37];
	struct vd_meter_sample begin;
};

void vd_meter_open(struct vd_meter *meter, const struct vd_bench_settings *settings, const pid_t *workers);
void vd_meter_close(struct vd_meter *meter);
/* From here on it counts; look now and then (each second, say); then end, which fills the report. */
void vd_meter_begin(struct vd_meter *meter);
void vd_meter_look(struct vd_meter *meter, struct vd_bench_report *report);
void vd_meter_end(struct vd_meter *meter, struct vd_bench_report *report);

#endif
