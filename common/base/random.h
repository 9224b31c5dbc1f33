/* SPDX-License-Identifier: Apache-2.0 */
/* random.h: unguessable bytes for identities and tokens, and a fast generator for jitter and tests. */
#ifndef VD_COMMON_BASE_RANDOM_H
#define VD_COMMON_BASE_RANDOM_H

#include "common/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From the kernel's generator; false (errno set) if it has none to give. Any thread. */
VD_MUST_USE bool vd_random_bytes(void *to, size_t size);

/* xoshiro256** (Blackman and Vigna); not for secrets. One thread at a time. */
struct vd_rng {
	uint64_t state[4];
};

/* The same seed gives the same numbers. */
void vd_rng_seed(struct vd_rng *rng, uint64_t seed);

uint64_t vd_rng_next(struct vd_rng *rng);

/* In [0, end), evenly; end above 0. */
uint64_t vd_rng_below(struct vd_rng *rng, uint64_t end);

/* In [0, 1). */
double vd_rng_unit(struct vd_rng *rng);

#endif
