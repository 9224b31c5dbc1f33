/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/random.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/syscall.h>

/* In place of libc's: gives a few bytes at a time, and is interrupted now and then, as the manual allows. */
ssize_t getrandom(void *to, size_t size, unsigned flags)
{
	static int calls;
	if (++calls % 3 == 0) {
		errno = EINTR;
		return -1;
	}
	return syscall(SYS_getrandom, to, size < 7 ? size : 7, flags);
}

static void kernel_bytes_differ(void **state)
{
	(void)state;
	static uint8_t a[5000], b[5000];
	assert_true(vd_random_bytes(a, sizeof a));
	assert_true(vd_random_bytes(b, sizeof b));
	assert_memory_not_equal(a, b, 16);
	/* the last bytes were filled as well */
	assert_memory_not_equal(a + sizeof a - 16, b + sizeof b - 16, 16);
	size_t zeros = 0;
	for (size_t i = 0; i < sizeof a; i++)
		zeros += a[i] == 0;
	assert_true(zeros < 100);
}

static void a_seed_repeats(void **state)
{
	(void)state;
	struct vd_rng a, b, c;
	vd_rng_seed(&a, 7);
	vd_rng_seed(&b, 7);
	vd_rng_seed(&c, 8);
	unsigned same = 0;
	for (int i = 0; i < 1000; i++) {
		uint64_t number = vd_rng_next(&a);
		assert_true(number == vd_rng_next(&b));
		same += number == vd_rng_next(&c);
	}
	assert_int_equal(same, 0);
}

static void known_first_numbers(void **state)
{
	(void)state;
	/* the authors' xoshiro256** from the state 1, 2, 3, 4 */
	struct vd_rng rng = { { 1, 2, 3, 4 } };
	assert_true(vd_rng_next(&rng) == 11520u);
	assert_true(vd_rng_next(&rng) == 0u);
	assert_true(vd_rng_next(&rng) == 1509978240u);
	assert_true(vd_rng_next(&rng) == 1215971899390074240u);
}

static void below_is_even(void **state)
{
	(void)state;
	struct vd_rng rng;
	vd_rng_seed(&rng, 3);
	unsigned counts[7] = { 0 };
	for (int i = 0; i < 70000; i++)
		counts[vd_rng_below(&rng, 7)]++;
	for (int i = 0; i < 7; i++)
		assert_in_range(counts[i], 9500, 10500);
	assert_int_equal(vd_rng_below(&rng, 1), 0);
	double least = 1, most = 0;
	for (int i = 0; i < 10000; i++) {
		double unit = vd_rng_unit(&rng);
		assert_true(unit >= 0 && unit < 1);
		least = unit < least ? unit : least;
		most = unit > most ? unit : most;
	}
	assert_true(least < 0.01 && most > 0.99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_bytes_differ),
		cmocka_unit_test(a_seed_repeats),
		cmocka_unit_test(known_first_numbers),
		cmocka_unit_test(below_is_even),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
