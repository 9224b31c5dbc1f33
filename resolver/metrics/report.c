/* SPDX-License-Identifier: Apache-2.0 */
/* report.c: see report.h. What this process counts comes from the metrics, what it remembers from the leader's memory, and all
 * that concerns others from the probe, so that a standby tells of it too. */
#include "resolver/metrics/report.h"

#include "common/base/clock.h"
#include "common/text/json.h"
#include "resolver/metrics/desk.h"

#include <time.h>

/* KEY_MOST: so much of a key is told, so that long ones cost no more to write than the rest of the answer. */
enum { HOT_MOST = 10, KEY_MOST = 128 };

static json_t *unless(bool absent, json_t *value)
{
	if (!absent)
		return value;
	json_decref(value);
	return json_null();
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* With three digits, so that a line stays short. */
static json_t *rounded(double value)
{
	return json_real((double)(int64_t)(value * 1000 + 0.5) / 1000);
}

static json_t *iso_time(int64_t at_us)
{
	time_t seconds = (time_t)(at_us / 1000000);
	struct tm utc;
	char text[40];
	char day[24];
	gmtime_r(&seconds, &utc);
	strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text, sizeof text, "%s.%03dZ", day, (int)(at_us % 1000000 / 1000));
	return json_string(text);
}

static json_t *nodes_of(const struct vd_probed *probed)
{
	json_t *nodes = json_array();
	for (unsigned i = 0; i < probed->node_count; i++)
		json_array_append_new(
			nodes, json_pack("{s:o, s:I, s:b}", "node", vd_json_text(probed->nodes[i].name), "up_ms",
					   (json_int_t)probed->nodes[i].up_ms, "leads", probed->nodes[i].leads));
	return nodes;
}

static json_t *totals_of(const struct vd_metrics *metrics)
{
	const struct vd_totals *totals = &metrics->totals;
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "committed",
		number(totals->committed), "conflict", number(totals->conflicts), "too_old", number(totals->too_old),
		"rejected", number(totals->rejected), "repeated", number(totals->repeated), "dropped",
		number(totals->dropped), "batches", number(totals->batches), "failures", number(metrics->failures),
		"elections", number(metrics->elections), "terms_lost", number(metrics->terms_lost));
}

static json_t *rates_of(const struct vd_rates *rates)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "commits_per_s", rounded(rates->committed),
		"conflicts_per_s", rounded(rates->conflicts), "too_old_per_s", rounded(rates->too_old),
		"rejected_per_s", rounded(rates->rejected), "batches_per_s", rounded(rates->batches));
}

static json_t *share_ms(const struct vd_spread *spread, double share)
{
	return unless(spread->count == 0, rounded((double)vd_spread_share(spread, share) / 1000));
}

static json_t *latency_of(struct vd_metrics *metrics, int64_t now_ms)
{
	struct vd_spread recent;
	vd_recent_read(&metrics->recent_latency_us, &recent, now_ms);
	return json_pack("{s:o, s:o, s:o}", "p50", share_ms(&recent, 0.5), "p95", share_ms(&recent, 0.95), "p99",
		share_ms(&recent, 0.99));
}

static json_t *batch_of(struct vd_metrics *metrics, int64_t now_ms)
{
	struct vd_spread recent;
	vd_recent_read(&metrics->recent_requests, &recent, now_ms);
	bool none = recent.count == 0;
	return json_pack("{s:o, s:o, s:o, s:o}", "p50", unless(none, number(vd_spread_share(&recent, 0.5))),
		"p99", unless(none, number(vd_spread_share(&recent, 0.99))), "max", unless(none, number(recent.max)),
		"last", unless(metrics->totals.batches == 0, number(metrics->last_batch)));
}

static json_t *window_of(const struct vd_office *office)
{
	if (office == NULL || office->memory == NULL)
		return json_pack("{s:n, s:n, s:n}", "bytes", "entries", "floor_age_ms");
	const struct vd_window *window = office->memory->resolver.window;
	int64_t age_us = vd_versions_age_us(&office->memory->versions, vd_window_floor(window), vd_clock_us());
	return json_pack("{s:o, s:o, s:o}", "bytes", number(vd_window_bytes(window)), "entries",
		number(vd_window_entries(window)), "floor_age_ms", unless(age_us < 0, json_integer(age_us / 1000)));
}

/* One that is cut ends with a character that no key has as it is written here. */
static json_t *key_text(struct vd_bytes key)
{
	if (key.size <= KEY_MOST)
		return vd_json_bytes(key);
	json_t *begin = vd_json_bytes(vd_bytes_of(key.data, KEY_MOST));
	json_t *cut = json_sprintf("%s…", json_string_value(begin));
	json_decref(begin);
	return cut;
}

static json_t *conflicting_of(struct vd_hot *hot, int64_t now_ms)
{
	const struct vd_hot_range *top[HOT_MOST + 1];
	unsigned count = vd_hot_top(hot, top, HOT_MOST, now_ms);
	json_t *ranges = json_array();
	for (unsigned i = 0; i < count; i++)
		json_array_append_new(
			ranges, json_pack("{s:o, s:o, s:I}", "begin", key_text(vd_buffer_bytes(&top[i]->begin)), "end",
						key_text(vd_buffer_bytes(&top[i]->end)), "count", (json_int_t)top[i]->total));
	return ranges;
}

static json_t *elections_of(const struct vd_metrics *metrics)
{
	json_t *elections = json_array();
	const struct vd_election *election;
	for (unsigned i = 0; (election = vd_metrics_election_at(metrics, i)) != NULL; i++)
		json_array_append_new(
			elections, json_pack("{s:o, s:I, s:o}", "at", iso_time(election->at_us), "epoch",
						   (json_int_t)election->epoch, "node", vd_json_text(election->node)));
	return elections;
}

void vd_report_add(struct vd_buffer *out, struct vd_desk *desk)
{
	struct vd_metrics *metrics = &desk->metrics;
	const struct vd_probed *probed = &desk->probe.last;
	int64_t now_ms = vd_clock_ms();
	const char *why = vd_desk_unready(desk);
	bool unknown = probed->at_ms == 0;
	bool leaderless = unknown || probed->leader[0] == '\0';
	const struct {
		const char *name;
		json_t *value;
	} members[] = {
		{ "node", vd_json_text(desk->settings->node) },
		{ "state", json_string(vd_machine_name(&vd_life, desk->life)) },
		{ "ready", json_boolean(why == NULL) },
		{ "why", why == NULL ? json_null() : json_string(why) },
		{ "version", json_string(VERDICT_VERSION) },
		{ "schema", json_string(desk->settings->schema) },
		{ "leader", unless(leaderless, vd_json_text(probed->leader)) },
		{ "serves", unless(unknown, json_boolean(probed->serves)) },
		{ "released", unless(unknown, json_boolean(probed->released)) },
		{ "epoch", unless(unknown, json_integer(probed->epoch)) },
		{ "term", unless(leaderless, json_string(probed->term)) },
		{ "led_ms", unless(leaderless, json_integer(probed->led_ms)) },
		{ "lease_left_ms", unless(leaderless, json_integer(probed->lease_left_ms)) },
		{ "nodes", nodes_of(probed) },
		{ "watermark", unless(unknown, json_integer(probed->watermark)) },
		{ "lock", unless(probed->lock[0] == '\0', json_string(probed->lock)) },
		{ "queue",
			json_pack("{s:o, s:o}", "requests", unless(unknown, json_integer(probed->queue)), "oldest_ms",
				unless(unknown || probed->oldest_ms < 0, json_integer(probed->oldest_ms))) },
		{ "notify_queue", unless(unknown, rounded(probed->notify_queue)) },
		{ "totals", totals_of(metrics) },
		{ "rates", rates_of(&metrics->rates) },
		{ "latency_ms", latency_of(metrics, now_ms) },
		{ "batch", batch_of(metrics, now_ms) },
		{ "window", window_of(desk->office) },
		{ "conflicting", conflicting_of(&metrics->hot, now_ms) },
		{ "elections", elections_of(metrics) },
		{ "seen_ms", unless(unknown, json_integer(now_ms - probed->at_ms)) },
		{ "at", iso_time(vd_clock_wall_us()) },
	};
	json_t *object = json_object();
	VD_ASSERT(object != NULL);
	for (size_t i = 0; i < VD_COUNT(members); i++)
		VD_ASSERT(json_object_set_new(object, members[i].name, members[i].value) == 0);
	vd_json_add_line(out, object);
	json_decref(object);
}
