/* SPDX-License-Identifier: Apache-2.0 */
/* clock.c: the fake is one atomic; 0 means that the real clock runs. */
#include "common/base/clock.h"

#include "common/base/check.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t fake_ns;

int64_t vd_clock_ns(void)
{
	int64_t fake = atomic_load_explicit(&fake_ns, memory_order_relaxed);
	if (__builtin_expect(fake != 0, 0))
		return fake;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t vd_clock_wall_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void vd_clock_fake_set_ns(int64_t now_ns)
{
	VD_ASSERT(now_ns > 0);
	atomic_store(&fake_ns, now_ns);
}

void vd_clock_fake_advance_ns(int64_t by_ns)
{
	VD_ASSERT(by_ns >= 0 && atomic_load(&fake_ns) != 0);
	atomic_fetch_add(&fake_ns, by_ns);
}

void vd_clock_fake_end(void)
{
	atomic_store(&fake_ns, 0);
}
