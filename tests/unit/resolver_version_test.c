/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of a term, and which was newest some time ago (rules 2 and 6). */
#include "resolver/version.h"
#include "tests/unit/test.h"

#define SECOND 1000000

static struct vd_versions versions;

static int begin(void **state)
{
	(void)state;
	vd_versions_start(&versions, 1000000000, 50 * SECOND, 5 * SECOND);
	return 0;
}

static void test_versions_follow_the_clock(void **state)
{
	(void)state;
	assert_int_equal(vd_versions_next(&versions, 1000000000, 50 * SECOND + 7), 1000000007);
	assert_int_equal(vd_versions_next(&versions, 1000000007, 51 * SECOND), 1001000000);
}

static void test_a_version_is_above_the_one_it_is_resolved_on(void **state)
{
	(void)state;
	assert_int_equal(vd_versions_next(&versions, 1000000000, 50 * SECOND), 1000000001);
	assert_int_equal(vd_versions_next(&versions, 3000000000, 51 * SECOND), 3000000001);
}

static void test_no_version_is_sent_twice_though_the_batch_did_not_land(void **state)
{
	(void)state;
	uint64_t sent = vd_versions_next(&versions, 1000000000, 51 * SECOND);
	/* the batch failed: the next one is resolved on the same version, at the same time */
	assert_true(vd_versions_next(&versions, 1000000000, 51 * SECOND) > sent);
}

static void test_the_first_old_version_is_the_takeovers(void **state)
{
	(void)state;
	assert_int_equal(vd_versions_old(&versions, 50 * SECOND), 1000000000);
	vd_versions_commit(&versions, 1000000100, 50 * SECOND + 100);
	assert_int_equal(vd_versions_old(&versions, 55 * SECOND + 99), 1000000000);
	assert_int_equal(vd_versions_old(&versions, 55 * SECOND + 100), 1000000100);
}

static void test_after_an_idle_hour_the_floor_is_what_was_newest_before_it(void **state)
{
	(void)state;
	vd_versions_commit(&versions, 1000500000, 51 * SECOND);
	int64_t later = 51 * SECOND + 3600ll * SECOND;
	assert_int_equal(vd_versions_old(&versions, later), 1000500000);
	vd_versions_commit(&versions, vd_versions_next(&versions, 1000500000, later), later);
	/* who read just before the first commit after the pause has 5 seconds as everybody else */
	assert_int_equal(vd_versions_old(&versions, later), 1000500000);
	assert_int_equal(vd_versions_old(&versions, later + 5 * SECOND - 1), 1000500000);
	assert_true(vd_versions_old(&versions, later + 5 * SECOND) > 1000500000);
}

static void test_the_old_version_was_newest_at_least_that_long_ago(void **state)
{
	(void)state;
	/* a commit every 0.7 ms for 20 s; each remembers when it was superseded */
	enum { COMMITS = 28000 };
	static int64_t at_us[COMMITS + 1];
	int64_t now = 50 * SECOND;
	at_us[0] = now;
	for (int i = 1; i <= COMMITS; i++) {
		now += 700;
		at_us[i] = now;
		vd_versions_commit(&versions, 1000000000u + (unsigned)i, now);
		uint64_t old = vd_versions_old(&versions, now) - 1000000000u;
		assert_true(old == 0 || now - at_us[old] >= 5 * SECOND);
		/* and not much longer: a step of 10 ms, and a commit's time */
		if (now - 50 * SECOND > 6 * SECOND)
			assert_true(now - at_us[old] <= 5 * SECOND + 12000);
	}
}

static void test_the_old_version_rises_also_when_idle(void **state)
{
	(void)state;
	vd_versions_commit(&versions, 1000000001, 50 * SECOND + 1);
	vd_versions_commit(&versions, 1000000002, 50 * SECOND + 2); /* within the step of the one before */
	int64_t now = 50 * SECOND;
	for (int i = 0; i < 600; i++) {
		now += 10000;
		(void)vd_versions_old(&versions, now);
	}
	assert_int_equal(vd_versions_old(&versions, now), 1000000002);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_versions_follow_the_clock, begin),
		cmocka_unit_test_setup(test_a_version_is_above_the_one_it_is_resolved_on, begin),
		cmocka_unit_test_setup(test_no_version_is_sent_twice_though_the_batch_did_not_land, begin),
		cmocka_unit_test_setup(test_the_first_old_version_is_the_takeovers, begin),
		cmocka_unit_test_setup(test_after_an_idle_hour_the_floor_is_what_was_newest_before_it, begin),
		cmocka_unit_test_setup(test_the_old_version_was_newest_at_least_that_long_ago, begin),
		cmocka_unit_test_setup(test_the_old_version_rises_also_when_idle, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
