/* SPDX-License-Identifier: Apache-2.0 */
/* Back-off: how long to wait before trying again.
 *
 * A policy is a named value. The n-th wait is first × factor^n, at most `most`, times a random factor in
 * [1 − jitter, 1]: many that lost the same server do not come back in step. No I/O and no clock.
 */
#ifndef VD_COMMON_PG_BACKOFF_H
#define VD_COMMON_PG_BACKOFF_H

#include "common/base/random.h"

#include <stdint.h>

struct vd_backoff_policy {
	const char *name;
	int64_t first_ms;
	int64_t most_ms;
	/* Growth from one wait to the next, and the part that is random, in hundredths. */
	unsigned factor_percent;
	unsigned jitter_percent;
};

/* A lost connection: the first attempt is nearly at once, for a failover is over in tenths of seconds. */
extern const struct vd_backoff_policy vd_backoff_reconnect; /* 20 ms doubling to 1 s */
/* A statement that failed by the world's fault (dead-lock, time-out, disk full). */
extern const struct vd_backoff_policy vd_backoff_statement; /* 10 ms doubling to 2 s */

struct vd_backoff {
	const struct vd_backoff_policy *policy;
	struct vd_rng random;
	unsigned attempts;
};

/* seed: anything; the same seed gives the same waits. */
void vd_backoff_init(struct vd_backoff *backoff, const struct vd_backoff_policy *policy, uint64_t seed);
/* It worked: the next wait is the first again. */
void vd_backoff_reset(struct vd_backoff *backoff);
/* How long to wait now; counts the attempt. */
int64_t vd_backoff_next_ms(struct vd_backoff *backoff);

#endif
