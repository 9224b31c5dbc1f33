/* SPDX-License-Identifier: Apache-2.0 */
/* What benchmarks draw and count: the distribution of keys, and the percentiles of latencies. */
#include "bench/draw.h"
#include "bench/histogram.h"
#include "tests/unit/test.h"

#include <math.h>

enum { COUNT = 50, DRAWS = 200000 };

static void count_ranks(double theta, unsigned counts[COUNT])
{
	struct vd_draw draw;
	uint64_t state = 88172645463325252u;
	vd_draw_init(&draw, COUNT, theta);
	for (int i = 0; i < DRAWS; i++) {
		uint64_t rank = vd_draw_rank(&draw, &state);
		assert_true(rank < COUNT);
		counts[rank]++;
	}
}

/* Each comes as often as 1/k^theta says, but for what chance does: five standard deviations. */
static void frequencies_are_those_of_zipf(void **unused)
{
	static const double thetas[] = { 0, 0.5, 0.99, 1, 2 };
	(void)unused;
	for (size_t t = 0; t < sizeof thetas / sizeof *thetas; t++) {
		unsigned counts[COUNT] = { 0 };
		double sum = 0;
		count_ranks(thetas[t], counts);
		for (int k = 1; k <= COUNT; k++)
			sum += pow(k, -thetas[t]);
		for (int k = 1; k <= COUNT; k++) {
			double expected = DRAWS * pow(k, -thetas[t]) / sum;
			assert_true(fabs(counts[k - 1] - expected) < 5 * sqrt(expected));
		}
	}
}

/* Scattering loses no key and doubles none: the ranks that are drawn have places of their own. */
static void places_are_a_permutation(void **unused)
{
	static const uint64_t sizes[] = { 1, 2, 1000, 65536 };
	(void)unused;
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		struct vd_draw draw;
		static uint64_t rank_of[65536]; /* the place's, plus one */
		uint64_t here = 1, there = 1;
		memset(rank_of, 0, sizeof rank_of);
		vd_draw_init(&draw, sizes[s], 0.99);
		for (int i = 0; i < 100000; i++) {
			uint64_t rank = vd_draw_rank(&draw, &here), place = vd_draw_next(&draw, &there);
			assert_true(place < sizes[s]);
			assert_true(rank_of[place] == 0 || rank_of[place] == rank + 1);
			rank_of[place] = rank + 1;
		}
	}
}

static void percentiles(void **unused)
{
	static struct vd_histogram a, b;
	(void)unused;
	for (uint64_t us = 1; us <= 1000; us++)
		vd_histogram_add(us % 2 == 0 ? &a : &b, us * 1000);
	vd_histogram_merge(&a, &b);
	assert_int_equal(a.count, 1000);
	assert_true(fabs(vd_histogram_percentile_ms(&a, 0.5) - 0.5) < 0.5 * 0.02);
	assert_true(fabs(vd_histogram_percentile_ms(&a, 0.99) - 0.99) < 0.99 * 0.02);
	assert_true(vd_histogram_percentile_ms(&a, 1) == 1.0);
	double before = 0;
	for (unsigned i = 0; i < VD_HISTOGRAM_BUCKETS - 1; i++) {
		assert_true(vd_histogram_end_ms(i) > before);
		before = vd_histogram_end_ms(i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frequencies_are_those_of_zipf),
		cmocka_unit_test(places_are_a_permutation),
		cmocka_unit_test(percentiles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
