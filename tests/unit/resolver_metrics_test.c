/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted: how numbers are spread, which ranges are hot, what a batch leaves in the totals. */
#include "resolver/metrics/ages.h"
#include "resolver/metrics/metrics.h"
#include "tests/unit/resolver_world.h"

#include <stdio.h>

/* ---- spread ---- */

static struct vd_spread spread;

static void test_powers_of_two_are_exact_bounds(void **state)
{
	(void)state;
	spread = (struct vd_spread){ 0 };
	for (uint64_t n = 0; n <= 5000; n++)
		vd_spread_add(&spread, n, 1);
	assert_int_equal(spread.count, 5001);
	assert_int_equal(spread.sum, 5000 * 5001 / 2);
	for (unsigned power = 0; power <= 12; power++) /* 0 too, hence one more */
		assert_int_equal(vd_spread_up_to(&spread, power), (UINT64_C(1) << power) + 1);
	assert_int_equal(vd_spread_up_to(&spread, 13), 5001);
}

static void test_a_share_is_right_to_six_percent(void **state)
{
	(void)state;
	spread = (struct vd_spread){ 0 };
	assert_int_equal(vd_spread_share(&spread, 0.5), 0);
	for (uint64_t n = 1; n <= 100000; n++)
		vd_spread_add(&spread, n, 1);
	for (unsigned percent = 1; percent <= 100; percent++) {
		uint64_t true_share = percent * 1000;
		uint64_t told = vd_spread_share(&spread, percent / 100.0);
		assert_true(told >= true_share && told <= true_share + true_share / 15 + 1);
	}
	assert_int_equal(vd_spread_share(&spread, 1), 100000);
}

static void test_the_largest_number_has_a_place(void **state)
{
	(void)state;
	spread = (struct vd_spread){ 0 };
	vd_spread_add(&spread, UINT64_MAX, 3);
	vd_spread_add(&spread, 7, 0);
	assert_int_equal(spread.count, 3);
	assert_int_equal(vd_spread_up_to(&spread, VD_SPREAD_POWERS), 3);
	assert_int_equal(vd_spread_up_to(&spread, VD_SPREAD_POWERS - 1), 0);
}

static void test_what_is_not_recent_is_forgotten(void **state)
{
	(void)state;
	static struct vd_recent recent;
	recent = (struct vd_recent){ .since_ms = 1000 };
	vd_recent_add(&recent, 10, 1, 1000);
	vd_recent_add(&recent, 20, 1, 1000 + VD_RECENT_SPAN_MS);
	vd_recent_read(&recent, &spread, 1000 + 2 * VD_RECENT_SPAN_MS - 1);
	assert_int_equal(spread.count, 2);
	assert_int_equal(spread.max, 20);
	vd_recent_read(&recent, &spread, 1000 + 2 * VD_RECENT_SPAN_MS);
	assert_int_equal(spread.count, 1);
	assert_int_equal(spread.sum, 20);
	vd_recent_read(&recent, &spread, 1000 + 100 * VD_RECENT_SPAN_MS);
	assert_int_equal(spread.count, 0);
}

/* ---- ages ---- */

static void test_an_arrival_is_as_old_as_the_first_note_of_it(void **state)
{
	(void)state;
	struct vd_ages ages = { 0 };
	assert_int_equal(vd_ages_of(&ages, 1, 5000), 0);
	vd_ages_note(&ages, 10, 1000);
	vd_ages_note(&ages, 10, 2000); /* idle */
	vd_ages_note(&ages, 15, 3000);
	assert_int_equal(vd_ages_of(&ages, 10, 5000), 4000);
	assert_int_equal(vd_ages_of(&ages, 11, 5000), 2000);
	assert_int_equal(vd_ages_of(&ages, 16, 5000), 0);
	for (int64_t i = 0; i < 2 * VD_AGES_NOTES; i++)
		vd_ages_note(&ages, 20 + i, 10000 + i);
	assert_int_equal(vd_ages_of(&ages, 1, 20000), 20000 - 10000 - VD_AGES_NOTES); /* older than all notes */
	assert_int_equal(vd_ages_of(&ages, 19 + 2 * VD_AGES_NOTES, 20000), 20000 - 9999 - 2 * VD_AGES_NOTES);
	vd_ages_note(&ages, 3, 30000); /* numbers began anew */
	assert_int_equal(vd_ages_of(&ages, 2, 31000), 1000);
	assert_int_equal(vd_ages_of(&ages, 20, 31000), 0);
}

/* ---- hot ---- */

static struct vd_hot hot;
static const struct vd_hot_range *top[VD_HOT_RANGES + 1];

static void note(const char *key, unsigned times, int64_t now_ms)
{
	for (unsigned i = 0; i < times; i++)
		vd_hot_note(&hot, vd_range_of(vd_bytes_of_string(key), VD_BYTES("z")), now_ms);
}

static int hot_end(void **state)
{
	(void)state;
	vd_hot_fini(&hot);
	hot = (struct vd_hot){ 0 };
	return 0;
}

static void test_the_hottest_come_first(void **state)
{
	(void)state;
	note("warm", 3, 500000);
	note("hot", 7, 500000);
	note("", 1, 500000);
	assert_int_equal(vd_hot_top(&hot, top, 10, 500000), 3);
	assert_string_equal(vd_buffer_string(&top[0]->begin), "hot");
	assert_string_equal(vd_buffer_string(&top[0]->end), "z");
	assert_int_equal(top[0]->total, 7);
	assert_string_equal(vd_buffer_string(&top[1]->begin), "warm");
	assert_int_equal(top[2]->begin.size, 0);
	assert_int_equal(vd_hot_top(&hot, top, 2, 500000), 2);
	assert_int_equal(top[1]->total, 3);
}

/* A crowd of ranges that came once each does not push out the two that matter. */
static void test_a_hot_range_is_found_in_a_crowd(void **state)
{
	(void)state;
	char key[24];
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(key, sizeof key, "crowd%u", i);
		note(key, 1, 500000);
		if (i % 20 == 0)
			note("a twentieth", 1, 500000);
		if (i % 10 == 0)
			note("a tenth", 1, 500000);
	}
	assert_int_equal(vd_hot_top(&hot, top, 2, 500000), 2);
	assert_string_equal(vd_buffer_string(&top[0]->begin), "a tenth");
	assert_string_equal(vd_buffer_string(&top[1]->begin), "a twentieth");
	assert_true(top[0]->total >= 2000 && top[0]->total <= 2000 + 23000 / VD_HOT_RANGES);
}

static void test_after_a_minute_it_is_cold(void **state)
{
	(void)state;
	note("a", 5, 500000);
	note("a", 2, 500000 + 2 * VD_HOT_SLOT_MS);
	assert_int_equal(vd_hot_top(&hot, top, 10, 500000 + 5 * VD_HOT_SLOT_MS), 1);
	assert_int_equal(top[0]->total, 7);
	assert_int_equal(vd_hot_top(&hot, top, 10, 500000 + 6 * VD_HOT_SLOT_MS), 1);
	assert_int_equal(top[0]->total, 2);
	assert_int_equal(vd_hot_top(&hot, top, 10, 500000 + 1000 * VD_HOT_SLOT_MS), 0);
	note("b", 1, 500000 + 1000 * VD_HOT_SLOT_MS);
	assert_int_equal(vd_hot_top(&hot, top, 10, 500000 + 1000 * VD_HOT_SLOT_MS), 1);
	assert_int_equal(top[0]->total, 1);
}

/* ---- batches ---- */

static struct vd_metrics metrics;

static int metrics_begin(void **state)
{
	vd_metrics_init(&metrics, 1000000);
	return world_set_up(state);
}

static int metrics_end(void **state)
{
	vd_metrics_fini(&metrics);
	return world_tear_down(state);
}

static void count(const struct vd_batch *batch)
{
	struct vd_stage_times times = { .began_us = 2000000,
		.at_us = { 2000000, 2000100, 2000300, 2000600, 2001000, 2001500 } };
	vd_metrics_batch(&metrics, batch, &times);
}

static void test_a_batch_is_counted_by_its_verdicts(void **state)
{
	(void)state;
	world_turn(&world, 1, 1, world_set(&world, "k", "v"));
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 2, world_set(&world, "a", "v"));
	world_add(&world, batch, 1, 3, world_request(&world, "k", WORLD_VERSION, VD_OP_SET, "a", "v"));
	world_add(&world, batch, 1, 4, world_request(&world, "k", WORLD_VERSION - 1, VD_OP_SET, "a", "v"));
	world_add(&world, batch, 1, 5, world_request(&world, NULL, WORLD_VERSION, 99, "a", "v"));
	world_add(&world, batch, 1, 5, world_request(&world, NULL, WORLD_VERSION, 99, "a", "v"));
	world_resolve(&world, batch);
	count(batch);
	assert_int_equal(metrics.totals.batches, 1);
	assert_int_equal(metrics.totals.committed, 1);
	assert_int_equal(metrics.totals.conflicts, 1);
	assert_int_equal(metrics.totals.too_old, 1);
	assert_int_equal(metrics.totals.rejected, 1);
	assert_int_equal(metrics.totals.repeated, 1);
	assert_int_equal(metrics.reason_count, 1);
	assert_int_equal(metrics.reasons[0].code, VD_CODE_INVALID_MUTATION_TYPE);
	assert_int_equal(metrics.reasons[0].count, 1);
	assert_int_equal(vd_hot_top(&metrics.hot, top, 10, 2001), 1);
	assert_string_equal(vd_buffer_string(&top[0]->begin), "k");
	assert_int_equal(metrics.latency_us.count, 4);
	assert_int_equal(metrics.latency_us.sum, 4 * 1500);
	assert_int_equal(metrics.stages_us[VD_STAGE_RESOLVE].sum, 300);
	assert_int_equal(metrics.stages_us[VD_STAGE_PUBLISH].sum, 500);
	world_publish(&world, batch);
}

static void test_rates_are_of_the_last_tick(void **state)
{
	(void)state;
	struct vd_batch *batch = world_turn(&world, 1, 1, world_set(&world, "k", "v"));
	count(batch);
	vd_metrics_tick(&metrics, 1500000);
	assert_true(metrics.rates.committed > 1.99 && metrics.rates.committed < 2.01);
	vd_metrics_tick(&metrics, 2500000);
	assert_true(metrics.rates.committed == 0);
}

static void test_an_election_is_seen_once(void **state)
{
	(void)state;
	vd_metrics_election(&metrics, 5, 0, "");
	assert_null(vd_metrics_election_at(&metrics, 0));
	for (int64_t epoch = 1; epoch <= 20; epoch++) {
		vd_metrics_election(&metrics, epoch, epoch, epoch % 2 == 0 ? "a" : "b");
		vd_metrics_election(&metrics, epoch, epoch, "a");
	}
	assert_int_equal(vd_metrics_election_at(&metrics, 0)->epoch, 20);
	assert_string_equal(vd_metrics_election_at(&metrics, 1)->node, "b");
	assert_int_equal(vd_metrics_election_at(&metrics, VD_METRICS_ELECTIONS - 1)->epoch, 13);
	assert_null(vd_metrics_election_at(&metrics, VD_METRICS_ELECTIONS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_powers_of_two_are_exact_bounds),
		cmocka_unit_test(test_a_share_is_right_to_six_percent),
		cmocka_unit_test(test_the_largest_number_has_a_place),
		cmocka_unit_test(test_what_is_not_recent_is_forgotten),
		cmocka_unit_test(test_an_arrival_is_as_old_as_the_first_note_of_it),
		cmocka_unit_test_teardown(test_the_hottest_come_first, hot_end),
		cmocka_unit_test_teardown(test_a_hot_range_is_found_in_a_crowd, hot_end),
		cmocka_unit_test_teardown(test_after_a_minute_it_is_cold, hot_end),
		cmocka_unit_test_setup_teardown(test_a_batch_is_counted_by_its_verdicts, metrics_begin, metrics_end),
		cmocka_unit_test_setup_teardown(test_rates_are_of_the_last_tick, metrics_begin, metrics_end),
		cmocka_unit_test_setup_teardown(test_an_election_is_seen_once, metrics_begin, metrics_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
