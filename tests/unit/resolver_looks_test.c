/* SPDX-License-Identifier: Apache-2.0 */
/* resolver_looks_test.c: when the queue is looked at, and from where on. */
#include "resolver/looks.h"

#include "tests/unit/test.h"

#include <stdbool.h>

static void found(struct vd_looks *looks, const struct vd_look *look, int64_t rows, int64_t newest, bool more,
	int64_t now_ms)
{
	struct vd_look_found what = { .rows = rows, .newest = newest, .may_be_more = more };
	vd_looks_end(looks, look, &what, now_ms);
}

static void it_looks_for_a_reason(void **state)
{
	(void)state;
	struct vd_looks looks = { 0 };
	assert_false(vd_looks_wants(&looks));
	vd_looks_reset(&looks);
	assert_true(vd_looks_wants(&looks));
	struct vd_look look = vd_looks_begin(&looks, 10000);
	assert_true(look.is_full);
	assert_false(vd_looks_wants(&looks));
	looks.is_rung = true; /* while it is under way */
	found(&looks, &look, 5, 50, false, 10001);
	assert_true(vd_looks_wants(&looks));
	look = vd_looks_begin(&looks, 10010);
	assert_false(look.is_full);
	assert_int_equal(look.low, 0); /* nothing was claimed long enough ago */
	found(&looks, &look, 0, 0, false, 10011);
	looks.is_rung = true;
	look = vd_looks_begin(&looks, 10050);
	assert_int_equal(look.low, 50);
	found(&looks, &look, 0, 0, false, 10051);
	looks.is_due = true; /* the backstop looks further back */
	assert_true(vd_looks_wants(&looks));
	look = vd_looks_begin(&looks, 10150);
	assert_int_equal(look.low, 0);
	found(&looks, &look, 0, 0, false, 10151);
	looks.is_due = true;
	assert_true(vd_looks_begin(&looks, 11000).is_full);
}

static void a_flood_is_bounded(void **state)
{
	(void)state;
	struct vd_looks looks = { 0 };
	unsigned count = 0;
	int64_t now_ms = 10000;
	looks.full_ms = looks.wide_ms = now_ms;
	for (int i = 0; i < 100; i++) {
		looks.is_rung = true;
		if (!vd_looks_wants(&looks))
			break;
		struct vd_look look = vd_looks_begin(&looks, now_ms);
		found(&looks, &look, 0, 0, false, now_ms);
		count++;
	}
	assert_int_equal(count, 8);
	assert_true(vd_looks_is_flooded(&looks));
	looks.is_due = true; /* the timer */
	struct vd_look look = vd_looks_begin(&looks, now_ms + 2);
	found(&looks, &look, 1, 7, false, now_ms + 2);
	looks.is_rung = true;
	assert_true(vd_looks_wants(&looks)); /* it was not for nothing */
}

static void what_is_left_over_is_found(void **state)
{
	(void)state;
	struct vd_looks looks = { 0 };
	vd_looks_reset(&looks);
	struct vd_look look = vd_looks_begin(&looks, 10000);
	found(&looks, &look, 100, 1000, true, 10001);
	look = vd_looks_begin(&looks, 10090); /* the rest stands above what was claimed */
	assert_false(look.is_full);
	assert_int_equal(look.low, 1000);
	found(&looks, &look, 100, 1100, false, 10091);
	/* the batch was given up: its rows stand below the trail, and are more than one claim takes */
	looks.wants_full = true;
	look = vd_looks_begin(&looks, 10200);
	assert_int_equal(look.low, 0);
	found(&looks, &look, 50, 1050, true, 10201);
	assert_true(vd_looks_wants(&looks));
	assert_true(vd_looks_begin(&looks, 10300).is_full);
}

static void full_looks_take_a_bounded_share(void **state)
{
	(void)state;
	struct vd_looks looks = { 0 };
	vd_looks_reset(&looks);
	struct vd_look look = vd_looks_begin(&looks, 10000);
	found(&looks, &look, 0, 0, false, 10200); /* 200 ms: a million dead rows */
	looks.is_due = true;
	assert_false(vd_looks_begin(&looks, 15000).is_full);
	looks.is_due = true;
	assert_true(vd_looks_begin(&looks, 20000).is_full);
}

static void the_last_look_sees_all(void **state)
{
	(void)state;
	struct vd_looks looks = { 0 };
	looks.is_last = true;
	struct vd_look look = vd_looks_begin(&looks, 10);
	assert_true(look.is_full);
	found(&looks, &look, 100, 100, true, 11);
	assert_false(looks.has_seen_all);
	look = vd_looks_begin(&looks, 12);
	assert_true(look.is_full);
	found(&looks, &look, 3, 103, false, 13);
	assert_true(looks.has_seen_all);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(it_looks_for_a_reason),
		cmocka_unit_test(a_flood_is_bounded), cmocka_unit_test(what_is_left_over_is_found),
		cmocka_unit_test(full_looks_take_a_bounded_share), cmocka_unit_test(the_last_look_sees_all) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
