/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c: see metrics.h. */
#include "resolver/metrics/metrics.h"

#include "common/base/codes.h"

#include <stdio.h>
#include <string.h>

const char *const vd_stage_names[VD_STAGES] = {
	[VD_STAGE_CLAIM] = "claim",
	[VD_STAGE_BASE] = "base",
	[VD_STAGE_RESOLVE] = "resolve",
	[VD_STAGE_APPLY] = "apply",
	[VD_STAGE_PUBLISH] = "publish",
};

void vd_metrics_init(struct vd_metrics *metrics, int64_t now_us)
{
	*metrics = (struct vd_metrics){ .before_us = now_us };
}

void vd_metrics_fini(struct vd_metrics *metrics)
{
	vd_hot_fini(&metrics->hot);
}

static void count_reason(struct vd_metrics *metrics, int code)
{
	unsigned i = 0;
	while (i < metrics->reason_count && metrics->reasons[i].code != code)
		i++;
	if (i == VD_METRICS_REASONS)
		i--;
	if (i == metrics->reason_count)
		metrics->reasons[metrics->reason_count++].code = code;
	metrics->reasons[i].count++;
}

/* Why a request was not committed. */
static void count_item(struct vd_metrics *metrics, const struct vd_item *item, int64_t now_ms)
{
	int code = item->verdict.code;
	if (item->fate != VD_FATE_DECIDED || code == 0 || code == VD_CODE_TRANSACTION_TOO_OLD)
		return;
	if (code == VD_CODE_NOT_COMMITTED)
		vd_hot_note(&metrics->hot, item->request.reads[item->verdict.detail_range], now_ms);
	else
		count_reason(metrics, code);
}

static void count_times(
	struct vd_metrics *metrics, const struct vd_batch *batch, const struct vd_stage_times *times)
{
	for (unsigned i = 0; i < VD_STAGES; i++) {
		int64_t took_us = times->at_us[i + 1] - times->at_us[i];
		vd_spread_add(&metrics->stages_us[i], took_us < 0 ? 0 : (uint64_t)took_us, 1);
	}
	uint64_t latency_us = (uint64_t)(times->at_us[VD_STAGES] - times->began_us);
	int64_t now_ms = times->at_us[VD_STAGES] / 1000;
	vd_spread_add(&metrics->latency_us, latency_us, batch->counts.requests);
	vd_recent_add(&metrics->recent_latency_us, latency_us, batch->counts.requests, now_ms);
}

void vd_metrics_batch(
	struct vd_metrics *metrics, const struct vd_batch *batch, const struct vd_stage_times *times)
{
	const struct vd_counts *counts = &batch->counts;
	struct vd_totals *totals = &metrics->totals;
	int64_t now_ms = times->at_us[VD_STAGES] / 1000;
	totals->batches++;
	totals->committed += counts->committed;
	totals->conflicts += counts->conflicts;
	totals->too_old += counts->too_old;
	totals->rejected += counts->rejected;
	totals->repeated += counts->repeated;
	totals->dropped += counts->dropped;
	metrics->last_batch = counts->requests;
	vd_spread_add(&metrics->batch_requests, counts->requests, 1);
	vd_recent_add(&metrics->recent_requests, counts->requests, 1, now_ms);
	count_times(metrics, batch, times);
	if (counts->conflicts + counts->rejected > 0)
		for (uint32_t i = 0; i < batch->count; i++)
			count_item(metrics, &batch->items[i], now_ms);
}

void vd_metrics_tick(struct vd_metrics *metrics, int64_t now_us)
{
	const struct vd_totals *now = &metrics->totals;
	const struct vd_totals *before = &metrics->before;
	double seconds = (double)(now_us - metrics->before_us) / 1e6;
	if (seconds <= 0)
		return;
	metrics->rates = (struct vd_rates){
		.batches = (double)(now->batches - before->batches) / seconds,
		.committed = (double)(now->committed - before->committed) / seconds,
		.conflicts = (double)(now->conflicts - before->conflicts) / seconds,
		.too_old = (double)(now->too_old - before->too_old) / seconds,
		.rejected = (double)(now->rejected - before->rejected) / seconds,
	};
	metrics->before = *now;
	metrics->before_us = now_us;
}

void vd_metrics_election(struct vd_metrics *metrics, int64_t at_us, int64_t epoch, const char *node)
{
	const struct vd_election *newest = vd_metrics_election_at(metrics, 0);
	if (epoch <= 0 || (newest != NULL && newest->epoch == epoch))
		return;
	struct vd_election *place = &metrics->elections_seen[metrics->election_count++ % VD_METRICS_ELECTIONS];
	*place = (struct vd_election){ .at_us = at_us, .epoch = epoch };
	snprintf(place->node, sizeof place->node, "%s", node);
}

const struct vd_election *vd_metrics_election_at(const struct vd_metrics *metrics, unsigned i)
{
	unsigned kept =
		metrics->election_count < VD_METRICS_ELECTIONS ? metrics->election_count : VD_METRICS_ELECTIONS;
	return i < kept ? &metrics->elections_seen[(metrics->election_count - 1 - i) % VD_METRICS_ELECTIONS]
					: NULL;
}
