/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/backoff.h"

const struct vd_backoff_policy vd_backoff_reconnect = { "reconnect", 20, 1000, 200, 50 };
const struct vd_backoff_policy vd_backoff_statement = { "statement", 10, 2000, 200, 50 };

void vd_backoff_init(struct vd_backoff *backoff, const struct vd_backoff_policy *policy, uint64_t seed)
{
	backoff->policy = policy;
	backoff->attempts = 0;
	vd_rng_seed(&backoff->random, seed);
}

void vd_backoff_reset(struct vd_backoff *backoff)
{
	backoff->attempts = 0;
}

int64_t vd_backoff_next_ms(struct vd_backoff *backoff)
{
	const struct vd_backoff_policy *policy = backoff->policy;
	double wait_ms = (double)policy->first_ms;
	for (unsigned i = 0; i < backoff->attempts && wait_ms < (double)policy->most_ms; i++)
		wait_ms *= policy->factor_percent / 100.0;
	if (wait_ms > (double)policy->most_ms)
		wait_ms = (double)policy->most_ms;
	backoff->attempts++;
	return (int64_t)(wait_ms * (1 - policy->jitter_percent / 100.0 * vd_rng_unit(&backoff->random)));
}
