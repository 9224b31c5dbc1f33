/* SPDX-License-Identifier: Apache-2.0 */
/* status_rates.c: see status_rates.h. */
#include "cli/status_rates.h"

#include <stdio.h>
#include <string.h>

static double per_second(int64_t now, int64_t before, int64_t within_ms)
{
	return now > before ? (double)(now - before) * 1e3 / (double)within_ms : 0;
}

/* Of what the leader tells; true if there was something new in it. */
static bool compare_figures(struct vd_rates *rates, const struct vd_admin_status *status, int64_t renewed_ms)
{
	int64_t within_ms = renewed_ms - rates->renewed_ms;
	if (!rates->has_before || strcmp(rates->term, status->term) != 0 || !status->serves) {
		rates->is_known = false;
		return true;
	}
	if (status->renewals == rates->renewals || within_ms <= 0)
		return false;
	rates->is_known = true;
	rates->batches_s = per_second(status->batches, rates->batches, within_ms);
	rates->committed_s = per_second(status->committed, rates->committed, within_ms);
	rates->conflicts_s = per_second(status->conflicts, rates->conflicts, within_ms);
	rates->too_old_s = per_second(status->too_old, rates->too_old, within_ms);
	rates->rejected_s = per_second(status->rejected, rates->rejected, within_ms);
	return true;
}

static void compare_wal(struct vd_rates *rates, const struct vd_admin_status *status, int64_t now_ms)
{
	rates->wal_is_known =
		rates->has_before && rates->wal_bytes >= 0 && status->wal_bytes >= 0 && now_ms > rates->at_ms;
	if (rates->wal_is_known)
		rates->wal_bytes_s = per_second(status->wal_bytes, rates->wal_bytes, now_ms - rates->at_ms);
	rates->wal_bytes = status->wal_bytes;
	rates->at_ms = now_ms;
}

void vd_rates_add(struct vd_rates *rates, const struct vd_admin_status *status, int64_t now_ms)
{
	int64_t renewed_ms = now_ms + status->lease_left_ms;
	if (compare_figures(rates, status, renewed_ms)) {
		snprintf(rates->term, sizeof rates->term, "%s", status->term);
		rates->renewals = status->renewals;
		rates->renewed_ms = renewed_ms;
		rates->batches = status->batches;
		rates->committed = status->committed;
		rates->conflicts = status->conflicts;
		rates->too_old = status->too_old;
		rates->rejected = status->rejected;
	}
	compare_wal(rates, status, now_ms);
	rates->has_before = true;
	rates->history[rates->looks++ % VD_RATES_HISTORY] = rates->is_known ? rates->committed_s : 0;
}

double vd_rates_ago(const struct vd_rates *rates, size_t looks_ago)
{
	if (looks_ago >= rates->looks || looks_ago >= VD_RATES_HISTORY)
		return 0;
	return rates->history[(rates->looks - 1 - looks_ago) % VD_RATES_HISTORY];
}
