/* SPDX-License-Identifier: Apache-2.0 */
/* meter.c: see meter.h. */
#include "bench/meter.h"

#include <string.h>

enum { PATIENCE_MS = 2000 };

static bool ask(struct vd_meter *meter, struct vd_admin_status *status)
{
	return meter->admin != NULL && vd_admin_status(meter->admin, status, NULL) == 0;
}

void vd_meter_open(struct vd_meter *meter, const struct vd_bench_settings *settings, const pid_t *workers)
{
	struct vd_admin_status status;
	*meter = (struct vd_meter){ .workers = workers, .worker_count = settings->processes };
	if (vd_admin_open(settings->dsn, settings->schema, PATIENCE_MS, &meter->admin, NULL) != 0)
		meter->admin = NULL;
	if (!ask(meter, &status))
		return;
	meter->postmaster = vd_usage_postmaster((pid_t)status.backend_pid);
	if (meter->postmaster != 0)
		meter->resolver_count = vd_usage_resolvers(meter->resolvers);
}

void vd_meter_close(struct vd_meter *meter)
{
	if (meter->admin != NULL)
		vd_admin_close(meter->admin);
	meter->admin = NULL;
}

/* In all, or not known if any cannot be seen. */
static struct vd_usage usage_of_all(const pid_t *pids, int count)
{
	struct vd_usage all = { 0 };
	for (int i = 0; i < count; i++) {
		struct vd_usage one;
		if (!vd_usage_of(pids[i], &one))
			return (struct vd_usage){ -1, -1 };
		all.cpu_s += one.cpu_s;
		all.memory_bytes += one.memory_bytes;
	}
	return count > 0 ? all : (struct vd_usage){ -1, -1 };
}

static struct vd_usage usage_of_server(const struct vd_meter *meter)
{
	struct vd_usage usage;
	if (meter->postmaster == 0 || !vd_usage_of_family(meter->postmaster, &usage))
		return (struct vd_usage){ -1, -1 };
	return usage;
}

static struct vd_meter_sample sample(struct vd_meter *meter)
{
	struct vd_admin_status status;
	return (struct vd_meter_sample){
		.postgresql_s = usage_of_server(meter).cpu_s,
		.resolver_s = usage_of_all(meter->resolvers, meter->resolver_count).cpu_s,
		.workers_s = usage_of_all(meter->workers, meter->worker_count).cpu_s,
		.wal_bytes = ask(meter, &status) ? (double)status.wal_bytes : -1,
	};
}

/* The leader tells its counts when it renews its lease; another leader begins to count anew. */
static void count_batches(struct vd_meter *meter)
{
	struct vd_admin_status status;
	if (!ask(meter, &status) || status.renewals == meter->renewals)
		return;
	int64_t requests = status.committed + status.conflicts + status.too_old + status.rejected;
	if (meter->renewals > 0 && strcmp(meter->term, status.term) != 0)
		meter->first_batches = 0;
	meter->last_batches = status.batches;
	meter->last_requests = requests;
	/* the first that is seen was before the time that counts */
	if (meter->renewals > 0 && meter->first_batches == 0) {
		meter->first_batches = status.batches;
		meter->first_requests = requests;
	}
	meter->renewals = status.renewals;
	memcpy(meter->term, status.term, sizeof meter->term);
}

void vd_meter_begin(struct vd_meter *meter)
{
	meter->begin = sample(meter);
	count_batches(meter);
}

static void keep_most(struct vd_bench_usage *most, struct vd_usage now)
{
	if (now.memory_bytes > most->memory_bytes)
		most->memory_bytes = now.memory_bytes;
}

void vd_meter_look(struct vd_meter *meter, struct vd_bench_report *report)
{
	count_batches(meter);
	keep_most(&report->postgresql, usage_of_server(meter));
	keep_most(&report->resolver, usage_of_all(meter->resolvers, meter->resolver_count));
	keep_most(&report->workers, usage_of_all(meter->workers, meter->worker_count));
}

static double between(double begin, double end)
{
	return begin < 0 || end < begin ? -1 : end - begin;
}

void vd_meter_end(struct vd_meter *meter, struct vd_bench_report *report)
{
	struct vd_meter_sample end = sample(meter);
	vd_meter_look(meter, report);
	report->postgresql.cpu_s = between(meter->begin.postgresql_s, end.postgresql_s);
	report->resolver.cpu_s = between(meter->begin.resolver_s, end.resolver_s);
	report->workers.cpu_s = between(meter->begin.workers_s, end.workers_s);
	report->wal_bytes = between(meter->begin.wal_bytes, end.wal_bytes);
	if (meter->first_batches > 0 && meter->last_batches > meter->first_batches) {
		report->batches = (uint64_t)(meter->last_batches - meter->first_batches);
		report->batched_requests = (uint64_t)(meter->last_requests - meter->first_requests);
	}
}
