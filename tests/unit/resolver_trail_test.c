/* SPDX-License-Identifier: Apache-2.0 */
/* resolver_trail_test.c: a look never begins above an arrival that was claimed too short a time ago. */
#include "resolver/trail.h"

#include "common/base/random.h"
#include "tests/unit/test.h"

static void it_trails(void **state)
{
	(void)state;
	struct vd_trail trail = { 0 };
	assert_int_equal(vd_trail_low(&trail, 1000, 0), 0);
	vd_trail_claimed(&trail, 10, 1000);
	assert_int_equal(vd_trail_low(&trail, 1000, 20), 0);
	assert_int_equal(vd_trail_low(&trail, 1019, 20), 0);
	assert_int_equal(vd_trail_low(&trail, 1020, 20), 10);
	vd_trail_claimed(&trail, 30, 1010);
	assert_int_equal(vd_trail_low(&trail, 1029, 20), 10);
	assert_int_equal(vd_trail_low(&trail, 1030, 20), 30);
	/* a straggler with a lower arrival does not take it back */
	vd_trail_claimed(&trail, 20, 1100);
	assert_int_equal(trail.newest, 30);
	assert_int_equal(vd_trail_low(&trail, 1200, 20), 30);
	vd_trail_reset(&trail);
	assert_int_equal(vd_trail_low(&trail, 9999, 0), 0);
}

/* Against all that was ever claimed: never above what was newest that long ago, and not far below it. */
static void it_is_never_ahead(void **state)
{
	(void)state;
	enum { STEPS = 20000, AGE_MS = 200 };
	static int64_t newest_at[STEPS];
	struct vd_trail trail = { 0 };
	struct vd_rng rng;
	vd_rng_seed(&rng, 7);
	int64_t arrival = 0;
	for (int64_t now_ms = 1; now_ms < STEPS; now_ms++) {
		if (vd_rng_below(&rng, 3) == 0) {
			arrival += 1 + (int64_t)vd_rng_below(&rng, 50);
			vd_trail_claimed(&trail, arrival, now_ms);
		}
		newest_at[now_ms] = arrival;
		int64_t low = vd_trail_low(&trail, now_ms, AGE_MS);
		assert_true(low <= (now_ms > AGE_MS ? newest_at[now_ms - AGE_MS] : 0));
		if (now_ms > AGE_MS + 100)
			assert_true(low >= newest_at[now_ms - AGE_MS - 50]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(it_trails), cmocka_unit_test(it_is_never_ahead) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
