/* SPDX-License-Identifier: Apache-2.0 */
/* expose.c: see expose.h. A family is its HELP and TYPE, then its samples; what is not known is left out, never 0. Label values are
 * constants, names that settings have checked, or versions: none has anything to escape. */
#include "resolver/metrics/expose.h"

#include "common/base/clock.h"
#include "common/text/errors.h"
#include "resolver/metrics/desk.h"

#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

/* Bounds of times: 64 us to 16.8 s; of batches: 1 to 65,536 requests. */
enum { TIME_FIRST = 6, TIME_LAST = 24, BATCH_FIRST = 0, BATCH_LAST = 16 };

/* ---- the format -------------------------------------------------------------------------------------------- */

static void family(struct vd_buffer *out, const char *name, const char *type, const char *help)
{
	vd_buffer_add_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(struct vd_buffer *out, const char *name, const char *type, const char *help, double value)
{
	family(out, name, type, help);
	vd_buffer_add_format(out, "%s %.15g\n", name, value);
}

static void labelled(
	struct vd_buffer *out, const char *name, const char *label, const char *which, uint64_t value)
{
	vd_buffer_add_format(out, "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, which, value);
}

struct bounds {
	unsigned first;
	unsigned last;
	double unit; /* of what is counted: 1e-6 for microseconds that are told as seconds */
};

/* label: "" or `stage="claim"`. */
static void histogram(struct vd_buffer *out, const char *name, const char *label,
	const struct vd_spread *spread, const struct bounds *bounds)
{
	const char *comma = label[0] == '\0' ? "" : ",";
	const char *open = label[0] == '\0' ? "" : "{";
	const char *close = label[0] == '\0' ? "" : "}";
	for (unsigned power = bounds->first; power <= bounds->last; power++)
		vd_buffer_add_format(out, "%s_bucket{%s%sle=\"%.9g\"} %" PRIu64 "\n", name, label, comma,
			(double)(UINT64_C(1) << power) * bounds->unit, vd_spread_up_to(spread, power));
	vd_buffer_add_format(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, label, comma, spread->count);
	vd_buffer_add_format(
		out, "%s_sum%s%s%s %.15g\n", name, open, label, close, (double)spread->sum * bounds->unit);
	vd_buffer_add_format(out, "%s_count%s%s%s %" PRIu64 "\n", name, open, label, close, spread->count);
}

static const struct bounds seconds = { TIME_FIRST, TIME_LAST, 1e-6 };
static const struct bounds requests = { BATCH_FIRST, BATCH_LAST, 1 };

/* ---- what is told ------------------------------------------------------------------------------------------ */

static void add_node(struct vd_buffer *out, const struct vd_desk *desk)
{
	family(out, "verdict_build_info", "gauge",
		"Version of the program, and which node of which schema this is.");
	vd_buffer_add_format(out, "verdict_build_info{version=\"%s\",node=\"%s\",schema=\"%s\"} 1\n",
		VERDICT_VERSION, desk->settings->node, desk->settings->schema);
	family(out, "verdict_state", "gauge", "1 for the state that this node is in, 0 for the others.");
	for (unsigned life = VD_LIFE_STANDBY; life <= VD_LIFE_STOPPED; life++)
		labelled(out, "verdict_state", "state", vd_machine_name(&vd_life, life), life == desk->life);
	one(out, "verdict_ready", "gauge", "1 if this node leads, or stands by and sees a leader that serves.",
		vd_desk_unready(desk) == NULL);
	one(out, "verdict_elections_total", "counter", "Elections that this node has won.",
		(double)desk->metrics.elections);
	one(out, "verdict_terms_lost_total", "counter",
		"Terms of this node that ended otherwise than by a hand-over.", (double)desk->metrics.terms_lost);
	int64_t age_ms = vd_desk_lease_age_ms(desk);
	if (age_ms >= 0)
		one(out, "verdict_lease_age_seconds", "gauge",
			"Since this node, which leads, renewed its lease last.", (double)age_ms / 1e3);
}

static void add_requests(struct vd_buffer *out, const struct vd_metrics *metrics)
{
	const struct vd_totals *totals = &metrics->totals;
	family(out, "verdict_requests_total", "counter", "Requests that this node has given a verdict.");
	labelled(out, "verdict_requests_total", "verdict", "committed", totals->committed);
	labelled(out, "verdict_requests_total", "verdict", "conflict", totals->conflicts);
	labelled(out, "verdict_requests_total", "verdict", "too_old", totals->too_old);
	labelled(out, "verdict_requests_total", "verdict", "rejected", totals->rejected);
	family(out, "verdict_rejects_total", "counter", "Rejected requests by the name of the error.");
	for (unsigned i = 0; i < metrics->reason_count; i++)
		labelled(out, "verdict_rejects_total", "reason", vd_code_name(metrics->reasons[i].code),
			metrics->reasons[i].count);
	family(out, "verdict_copies_total", "counter",
		"Requests that were decided before and told again, or that got no answer.");
	labelled(out, "verdict_copies_total", "answer", "repeated", totals->repeated);
	labelled(out, "verdict_copies_total", "answer", "dropped", totals->dropped);
	family(out, "verdict_commit_latency_seconds", "histogram",
		"From the question which requests wait until the replies of those that were found are on their way.");
	histogram(out, "verdict_commit_latency_seconds", "", &metrics->latency_us, &seconds);
}

static void add_batches(struct vd_buffer *out, const struct vd_metrics *metrics)
{
	one(out, "verdict_batches_total", "counter", "Batches that this node has committed.",
		(double)metrics->totals.batches);
	one(out, "verdict_batch_failures_total", "counter",
		"Batches that were not applied as they were sent, and were settled, cut or tried again.",
		(double)metrics->failures);
	family(out, "verdict_batch_requests", "histogram", "Requests that a batch decided.");
	histogram(out, "verdict_batch_requests", "", &metrics->batch_requests, &requests);
	family(out, "verdict_stage_seconds", "histogram", "How long a batch stayed in each stage.");
	for (unsigned i = 0; i < VD_STAGES; i++) {
		char label[32];
		snprintf(label, sizeof label, "stage=\"%s\"", vd_stage_names[i]);
		histogram(out, "verdict_stage_seconds", label, &metrics->stages_us[i], &seconds);
	}
}

static void add_memory(struct vd_buffer *out, const struct vd_memory *memory)
{
	const struct vd_window *window = memory->resolver.window;
	int64_t age_us = vd_versions_age_us(&memory->versions, vd_window_floor(window), vd_clock_us());
	one(out, "verdict_window_bytes", "gauge", "Memory of the window of recent writes.",
		(double)vd_window_bytes(window));
	one(out, "verdict_window_entries", "gauge", "Ranges that the window remembers.",
		(double)vd_window_entries(window));
	if (age_us >= 0)
		one(out, "verdict_window_floor_age_seconds", "gauge", "How far back the window remembers.",
			(double)age_us / 1e6);
	one(out, "verdict_clients", "gauge", "Clients in the outcome memory.", (double)memory->clients.count);
	one(out, "verdict_clients_bytes", "gauge",
		"Memory of clients and the outcomes that they have not acknowledged.", (double)memory->clients.bytes);
}

static void add_cluster(struct vd_buffer *out, const struct vd_probed *probed)
{
	if (probed->at_ms == 0)
		return;
	one(out, "verdict_leader_serves", "gauge", "1 if some node holds the lease and serves, by the database.",
		probed->serves);
	one(out, "verdict_lease_left_seconds", "gauge", "Until the lease expires, by the database's clock.",
		(double)probed->lease_left_ms / 1e3);
	one(out, "verdict_epoch", "gauge", "Grows with each change of leader.", (double)probed->epoch);
	one(out, "verdict_watermark", "gauge", "Version of the newest applied batch.", (double)probed->watermark);
	one(out, "verdict_locked", "gauge", "1 while somebody holds the lock of the store.",
		probed->lock[0] != '\0');
	one(out, "verdict_nodes", "gauge", "Resolvers that are connected.", probed->node_count);
	one(out, "verdict_queue_requests", "gauge", "Requests that wait in the queue, counted up to 100000.",
		(double)probed->queue);
	one(out, "verdict_queue_oldest_seconds", "gauge",
		"How long the oldest of them has waited at least, to a second; 0 if none waits.",
		probed->oldest_ms < 0 ? 0 : (double)probed->oldest_ms / 1e3);
	one(out, "verdict_notify_queue_ratio", "gauge", "How full the server's notify queue is, from 0 to 1.",
		probed->notify_queue);
	one(out, "verdict_status_age_seconds", "gauge",
		"Since the database was asked for what it knows of the cluster.",
		(double)(vd_clock_ms() - probed->at_ms) / 1e3);
}

static void add_connections(struct vd_buffer *out, const struct vd_desk *desk)
{
	const char *name = "verdict_connection_losses_total";
	family(out, name, "counter", "Connections to PostgreSQL that were lost, or could not be made at first.");
	for (unsigned i = 0; i < VD_BACKENDS && desk->probe.wires != NULL; i++)
		labelled(out, name, "connection", vd_wire_name(i), desk->probe.wires->wire[i].losses);
	labelled(out, name, "connection", "keeper", atomic_load(&desk->hinge->keeper_losses));
}

/* Under the names that all programs use. */
static void add_process(struct vd_buffer *out)
{
	struct rusage used;
	if (getrusage(RUSAGE_SELF, &used) == 0)
		one(out, "process_cpu_seconds_total", "counter", "Processor time of this process.",
			(double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
				(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6);
	FILE *file = fopen("/proc/self/statm", "re");
	long pages = 0;
	if (file != NULL && fscanf(file, "%*d %ld", &pages) == 1)
		one(out, "process_resident_memory_bytes", "gauge", "Memory of this process.",
			(double)pages * (double)sysconf(_SC_PAGESIZE));
	if (file != NULL)
		fclose(file);
}

void vd_expose_add(struct vd_buffer *out, const struct vd_desk *desk)
{
	add_node(out, desk);
	add_requests(out, &desk->metrics);
	add_batches(out, &desk->metrics);
	if (desk->office != NULL && desk->office->memory != NULL)
		add_memory(out, desk->office->memory);
	add_cluster(out, &desk->probe.last);
	add_connections(out, desk);
	add_process(out);
}
