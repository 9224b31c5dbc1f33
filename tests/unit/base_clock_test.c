/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/clock.h"

#include <time.h>

static void forward_in_all_units(void **state)
{
	(void)state;
	int64_t before = vd_clock_ns();
	nanosleep(&(struct timespec){ 0, 20000000 }, NULL);
	int64_t after = vd_clock_ns();
	assert_true(before > 0 && after - before >= 20000000);
	int64_t us = vd_clock_us(), ms = vd_clock_ms();
	int64_t end = vd_clock_ns();
	assert_in_range(us, after / 1000, end / 1000);
	assert_in_range(ms, after / 1000000, end / 1000000);
	int64_t wall_before_s = time(NULL);
	int64_t wall_s = vd_clock_wall_us() / 1000000;
	assert_in_range(wall_s, wall_before_s - 1, time(NULL) + 1);
}

static void a_fake_stands_until_moved(void **state)
{
	(void)state;
	vd_clock_fake_set_ns(5000000000);
	assert_int_equal(vd_clock_ns(), 5000000000);
	assert_int_equal(vd_clock_us(), 5000000);
	assert_int_equal(vd_clock_ms(), 5000);
	vd_clock_fake_advance_ns(7);
	assert_int_equal(vd_clock_ns(), 5000000007);
	vd_clock_fake_end();
	int64_t real = vd_clock_ns();
	assert_true(real != 5000000007);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forward_in_all_units),
		cmocka_unit_test(a_fake_stands_until_moved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
