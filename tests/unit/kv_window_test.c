/* SPDX-License-Identifier: Apache-2.0 */
/* kv_window_test.c: staging, publishing, the floor and the bound; the property holds it to a plain list. */
#include "tests/unit/test.h"

#include "common/kv/window.h"

#define B(text) VD_BYTES(text)

static struct vd_window *window;

static int set_up(void **state)
{
	(void)state;
	window = vd_window_new(100, SIZE_MAX);
	assert_non_null(window);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	vd_window_free(window);
	return 0;
}

static void stage(const char *begin, const char *end, uint64_t version)
{
	struct vd_range range = vd_range_of(vd_bytes_of_string(begin), vd_bytes_of_string(end));
	assert_true(vd_window_stage(window, range, version));
}

static uint64_t query(const char *begin, const char *end, uint64_t read_version)
{
	struct vd_range range = vd_range_of(vd_bytes_of_string(begin), vd_bytes_of_string(end));
	return vd_window_query(window, range, read_version);
}

static void a_staged_write_is_seen_at_once(void **state)
{
	(void)state;
	stage("b", "d", 110);
	assert_int_equal(query("a", "c", 100), 110);
	assert_int_equal(query("a", "c", 109), 110);
	assert_int_equal(query("a", "c", 110), 0);
	assert_int_equal(query("a", "b", 100), 0);
	assert_int_equal(query("d", "e", 100), 0);
	assert_int_equal(query("c", "c", 100), 0); /* empty */
	vd_window_publish(window, 110);
	assert_int_equal(query("a", "c", 100), 110);
}

static void a_discarded_batch_was_never_there(void **state)
{
	(void)state;
	stage("a", "z", 110);
	vd_window_publish(window, 110);
	stage("b", "c", 120);
	stage("x", "y", 130);
	assert_int_equal(query("b", "c", 100), 120);
	vd_window_discard(window, 130); /* the later one alone */
	assert_int_equal(query("x", "y", 100), 110);
	assert_int_equal(query("b", "c", 100), 120);
	stage("x", "y", 140);
	vd_window_discard(window, 120); /* with the one after it */
	assert_int_equal(query("a", "z", 100), 110);
	vd_window_discard(window, 120);
	stage("b", "c", 150);
	vd_window_publish(window, 150);
	assert_int_equal(query("a", "z", 110), 150);
}

static void two_batches_are_published_in_turn(void **state)
{
	(void)state;
	stage("a", "b", 110);
	stage("a", "c", 120);
	vd_window_publish(window, 110);
	stage("d", "e", 120);
	vd_window_discard(window, 120);
	assert_int_equal(query("a", "z", 100), 110);
	stage("e", "f", 130);
	vd_window_publish(window, 125); /* without winners: nothing was staged */
	vd_window_publish(window, 130);
	assert_int_equal(query("a", "z", 110), 130);
}

static void the_floor_only_rises(void **state)
{
	(void)state;
	stage("a", "b", 110);
	vd_window_publish(window, 110);
	stage("c", "d", 120);
	vd_window_publish(window, 120);
	vd_window_raise_floor(window, 110);
	assert_int_equal(vd_window_floor(window), 110);
	vd_window_raise_floor(window, 105);
	assert_int_equal(vd_window_floor(window), 110);
	assert_int_equal(query("a", "b", 110), 0);
	assert_int_equal(query("c", "d", 110), 120);
	assert_int_equal(query("x", "y", 109), 110); /* below the floor: nobody knows */
	vd_window_raise_floor(window, 120);
	assert_int_equal(vd_window_entries(window), 0);
	assert_int_equal(vd_window_bytes(window), 0);
	vd_window_reset(window, 500);
	assert_int_equal(vd_window_floor(window), 500);
}

static void fill(uint64_t *version, unsigned batches)
{
	for (unsigned i = 0; i < batches; i++) {
		*version += 10000;
		for (unsigned k = 0; k < 500; k++) {
			char key[24];
			int size = snprintf(
				key, sizeof key, "%016llx", (unsigned long long)((*version + k) * 0x9e3779b97f4a7c15u));
			struct vd_range range =
				vd_range_of(vd_bytes_of(key, (size_t)size), vd_bytes_of(key, (size_t)size + 1));
			assert_true(vd_window_stage(window, range, *version));
		}
		vd_window_publish(window, *version);
	}
}

static void memory_is_bounded_by_the_proposed_floor(void **state)
{
	(void)state;
	size_t limit = (size_t)4 << 20;
	uint64_t version = 100;
	vd_window_free(window);
	window = vd_window_new(100, limit);
	for (int i = 0; i < 100; i++) {
		fill(&version, 10);
		uint64_t floor = vd_window_floor(window);
		uint64_t proposed = vd_window_proposed_floor(window);
		assert_true(proposed >= floor && proposed < version);
		assert_true(proposed > floor || vd_window_bytes(window) <= limit);
		vd_window_raise_floor(window, proposed);
		assert_true(vd_window_bytes(window) <= limit);
	}
	assert_true(vd_window_floor(window) > 100);
	assert_true(vd_window_bytes(window) > limit / 2); /* no more is forgotten than must be */
}

static void a_steady_history_takes_steady_memory(void **state)
{
	(void)state;
	uint64_t version = 100;
	fill(&version, 500); /* 5 s */
	size_t before = vd_window_bytes(window);
	for (int i = 0; i < 2000; i++) {
		fill(&version, 1);
		vd_window_raise_floor(window, version - 5000000);
	}
	assert_true(vd_window_bytes(window) < before + before / 4);
	assert_true(vd_window_entries(window) < (size_t)700 * 500);
}

static void a_range_over_everything_costs_no_more_than_a_key(void **state)
{
	(void)state;
	uint64_t version = 100;
	fill(&version, 20);
	size_t entries = vd_window_entries(window);
	for (int i = 0; i < 1000; i++) {
		version += 10;
		stage("", "\xff", version);
		vd_window_publish(window, version);
		assert_int_equal(query("5", "6", 0), version);
	}
	assert_true(vd_window_entries(window) <= entries + 2);
}

static void a_third_batch(void)
{
	stage("a", "b", 110);
	stage("a", "b", 120);
	stage("a", "b", 130);
}

static void at_most_two_are_staged(void **state)
{
	(void)state;
	ASSERT_DIES(a_third_batch, "STAGED_MAX");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_staged_write_is_seen_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_discarded_batch_was_never_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_batches_are_published_in_turn, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_floor_only_rises, set_up, tear_down),
		cmocka_unit_test_setup_teardown(memory_is_bounded_by_the_proposed_floor, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_steady_history_takes_steady_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_range_over_everything_costs_no_more_than_a_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(at_most_two_are_staged, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
