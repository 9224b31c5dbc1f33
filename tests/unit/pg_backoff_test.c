/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/pg/backoff.h"

static void waits_grow_to_the_most_and_vary(void **state)
{
	static const int64_t full[] = { 20, 40, 80, 160, 320, 640, 1000, 1000, 1000 };
	(void)state;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		struct vd_backoff backoff;
		vd_backoff_init(&backoff, &vd_backoff_reconnect, seed);
		for (size_t i = 0; i < VD_COUNT(full); i++)
			assert_in_range(vd_backoff_next_ms(&backoff), full[i] / 2, full[i]);
		assert_int_equal(backoff.attempts, VD_COUNT(full));
		vd_backoff_reset(&backoff);
		assert_in_range(vd_backoff_next_ms(&backoff), 10, 20);
	}
}

static void different_seeds_part(void **state)
{
	struct vd_backoff one, two, same;
	bool parted = false;
	(void)state;
	vd_backoff_init(&one, &vd_backoff_statement, 1);
	vd_backoff_init(&same, &vd_backoff_statement, 1);
	vd_backoff_init(&two, &vd_backoff_statement, 2);
	for (int i = 0; i < 10; i++) {
		int64_t wait_ms = vd_backoff_next_ms(&one);
		assert_int_equal(wait_ms, vd_backoff_next_ms(&same));
		parted = parted || wait_ms != vd_backoff_next_ms(&two);
	}
	assert_true(parted);
}

static void a_thousand_attempts_do_not_overflow(void **state)
{
	struct vd_backoff backoff;
	(void)state;
	vd_backoff_init(&backoff, &vd_backoff_reconnect, 3);
	for (int i = 0; i < 1000; i++)
		assert_in_range(vd_backoff_next_ms(&backoff), 10, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_grow_to_the_most_and_vary),
		cmocka_unit_test(different_seeds_part),
		cmocka_unit_test(a_thousand_attempts_do_not_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
