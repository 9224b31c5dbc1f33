/* SPDX-License-Identifier: Apache-2.0 */
/* clock.h: time that only goes forward, and the time of day for logs.
 *
 * Durations and deadlines are measured on CLOCK_MONOTONIC. Tests put a fake in its place: while it is set,
 * the monotonic clock stands where it was put until it is moved. Any thread.
 */
#ifndef VD_COMMON_BASE_CLOCK_H
#define VD_COMMON_BASE_CLOCK_H

#include <stdint.h>

/* Since an arbitrary point; never 0. */
int64_t vd_clock_ns(void);

static inline int64_t vd_clock_us(void)
{
	return vd_clock_ns() / 1000;
}
static inline int64_t vd_clock_ms(void)
{
	return vd_clock_ns() / 1000000;
}

/* Time of day, microseconds since 1970 UTC; may jump. */
int64_t vd_clock_wall_us(void);

/* For tests: stop the monotonic clock at `now_ns` (above 0), move it on, and give it back. */
void vd_clock_fake_set_ns(int64_t now_ns);
void vd_clock_fake_advance_ns(int64_t by_ns);
void vd_clock_fake_end(void);

#endif
