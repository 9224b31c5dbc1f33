/* SPDX-License-Identifier: Apache-2.0 */
/* random.c: getrandom in full, and xoshiro256** seeded through splitmix64 as its authors advise. */
#include "common/base/random.h"

#include <errno.h>
#include <sys/random.h>

bool vd_random_bytes(void *to, size_t size)
{
	uint8_t *at = to;
	while (size > 0) {
		ssize_t got = getrandom(at, size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		size -= (size_t)got;
	}
	return true;
}

static uint64_t splitmix(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void vd_rng_seed(struct vd_rng *rng, uint64_t seed)
{
	for (size_t i = 0; i < VD_COUNT(rng->state); i++)
		rng->state[i] = splitmix(&seed);
}

static uint64_t rotate_left(uint64_t value, int by)
{
	return (value << by) | (value >> (64 - by));
}

uint64_t vd_rng_next(struct vd_rng *rng)
{
	uint64_t *s = rng->state;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

uint64_t vd_rng_below(struct vd_rng *rng, uint64_t end)
{
	VD_ASSERT(end > 0);
	/* numbers below (2^64 mod end) would make the low results more frequent */
	uint64_t uneven = -end % end;
	uint64_t number;
	do
		number = vd_rng_next(rng);
	while (number < uneven);
	return number % end;
}

double vd_rng_unit(struct vd_rng *rng)
{
	return (double)(vd_rng_next(rng) >> 11) * 0x1.0p-53;
}
