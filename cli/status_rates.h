/* SPDX-License-Identifier: Apache-2.0 */
/* status_rates.h: how fast a store is, from one look at it to the next.
 *
 * A leader tells what it has done with each renewal of its lease, some times a second. So what was done between two looks was done
 * between two renewals, and it is their distance that counts: the lease ends one time-to-live after a renewal, and how much longer
 * the later one lasts is that distance, by the database's clock. Where no renewal came between two looks, nothing new is known.
 * Pure.
 */
#ifndef VD_CLI_STATUS_RATES_H
#define VD_CLI_STATUS_RATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <verdict/admin.h>

enum { VD_RATES_HISTORY = 512 };

/* All zero: nothing was seen yet. */
struct vd_rates {
	bool has_before;
	/* of the look before */
	char term[37];
	int64_t at_ms;
	int64_t renewals;
	int64_t renewed_ms; /* when, from any beginning */
	int64_t batches, committed, conflicts, too_old, rejected;
	int64_t wal_bytes;

	bool is_known; /* a second */
	double batches_s, committed_s, conflicts_s, too_old_s, rejected_s;
	bool wal_is_known;
	double wal_bytes_s;

	/* committed_s after each look, 0 where it was not known: a ring */
	double history[VD_RATES_HISTORY];
	size_t looks;
};

/* now_ms: monotonic, of this look. */
void vd_rates_add(struct vd_rates *rates, const struct vd_admin_status *status, int64_t now_ms);
/* committed_s so many looks ago; 0 for the last one, and for what was never seen. */
double vd_rates_ago(const struct vd_rates *rates, size_t looks_ago);

#endif
