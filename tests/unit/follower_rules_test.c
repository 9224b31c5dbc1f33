/* SPDX-License-Identifier: Apache-2.0 */
/* What is decided without a database: selectors as walks, options, waits before another try, and the order of time-outs. */
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/codes.h"
#include "follower/database.h"
#include "follower/deadline.h"
#include "follower/options.h"
#include "follower/retry.h"
#include "follower/seek.h"
#include "tests/unit/test.h"

#include <limits.h>

/* ---- selectors ---- */

static struct vd_seek seek_of(const char *key, bool or_equal, int offset, struct vd_arena *arena)
{
	struct vd_selector selector = { key, strlen(key), or_equal, offset };
	struct vd_seek seek;
	assert_true(vd_seek_of(&selector, 4, arena, &seek));
	return seek;
}

static void selectors_are_walks(void **state)
{
	(void)state;
	struct vd_arena arena;
	vd_arena_init(&arena, SIZE_MAX);
	struct vd_seek seek = seek_of("k", false, 1, &arena);
	assert_true(vd_seek_is_point(&seek) && vd_bytes_equal(seek.point, VD_BYTES("k")));
	seek = seek_of("k", true, 1, &arena);
	assert_true(vd_seek_is_point(&seek) && vd_bytes_equal(seek.point, VD_BYTES("k\0")));
	seek = seek_of("k", false, 0, &arena);
	assert_true(seek.is_reverse && seek.count == 1 && vd_bytes_equal(seek.point, VD_BYTES("k")));
	seek = seek_of("k", true, -4, &arena);
	assert_true(seek.is_reverse && seek.count == 5 && vd_bytes_equal(seek.point, VD_BYTES("k\0")));
	seek = seek_of("k", false, INT_MIN, &arena);
	assert_true(seek.is_reverse && seek.count == (uint64_t)1 + (uint64_t)INT_MAX + 1);
	seek = seek_of("longer", true, 1, &arena); /* than any key: equal to none */
	assert_true(vd_bytes_equal(seek.point, VD_BYTES("longe")));
	vd_arena_fini(&arena);
}

static void what_a_selector_depends_on(void **state)
{
	(void)state;
	struct vd_arena arena;
	struct vd_range range;
	struct vd_bytes found = VD_BYTES("m");
	vd_arena_init(&arena, SIZE_MAX);
	struct vd_seek seek = seek_of("k", true, 3, &arena);
	assert_true(vd_seek_conflict(&seek, &found, VD_BYTES("\xff"), &arena, &range));
	assert_true(vd_bytes_equal(range.begin, VD_BYTES("k\0")) && vd_bytes_equal(range.end, VD_BYTES("m\0")));
	assert_true(vd_seek_conflict(&seek, NULL, VD_BYTES("\xff"), &arena, &range));
	assert_true(vd_bytes_equal(range.begin, VD_BYTES("k\0")) && vd_bytes_equal(range.end, VD_BYTES("\xff")));
	found = VD_BYTES("c");
	seek = seek_of("k", true, -2, &arena);
	assert_true(vd_seek_conflict(&seek, &found, VD_BYTES("\xff"), &arena, &range));
	assert_true(vd_bytes_equal(range.begin, VD_BYTES("c")) && vd_bytes_equal(range.end, VD_BYTES("k\0")));
	assert_true(vd_seek_conflict(&seek, NULL, VD_BYTES("\xff"), &arena, &range));
	assert_true(range.begin.size == 0 && vd_bytes_equal(range.end, VD_BYTES("k\0")));
	vd_arena_fini(&arena);
}

/* ---- options ---- */

static struct vd_options options_new(void)
{
	struct vd_database_settings settings = {
		.limits = VD_LIMITS_DEFAULT,
		.transaction_timeout_ms = 7,
		.transaction_retry_limit = -1,
		.transaction_max_retry_delay_ms = 1000,
	};
	struct vd_options options;
	vd_options_init(&options, &settings);
	return options;
}

static void options_begin_with_the_databases(void **state)
{
	(void)state;
	struct vd_options options = options_new();
	assert_int_equal(options.timeout_ms, 7);
	assert_int_equal(options.retry_limit, -1);
	assert_int_equal(options.size_limit_bytes, 10000000);
	assert_int_equal(options.snapshot_ryw, 1);
}

static void every_option_is_taken(void **state)
{
	(void)state;
	struct vd_options options = options_new();
	assert_int_equal(vd_options_set(&options, "timeout", "0", true), 0);
	assert_int_equal(vd_options_set(&options, "retry_limit", "-1", true), 0);
	assert_int_equal(vd_options_set(&options, "max_retry_delay", "2147483647", true), 0);
	assert_int_equal(vd_options_set(&options, "size_limit", "32", true), 0);
	static const char *const flags[] = { "next_write_no_write_conflict_range", "snapshot_ryw_enable",
		"snapshot_ryw_disable", "bypass_unreadable", "read_system_keys", "report_conflicting_keys",
		"access_system_keys", "lock_aware", "read_lock_aware" };
	for (size_t i = 0; i < VD_COUNT(flags); i++) {
		assert_int_equal(vd_options_set(&options, flags[i], NULL, true), 0);
		assert_int_equal(vd_options_set(&options, flags[i], "1", true), VD_CODE_INVALID_OPTION_VALUE);
	}
	assert_int_equal(options.snapshot_ryw, 1);
	assert_int_equal(
		vd_options_set(&options, "read_your_writes_disable", NULL, true), VD_CODE_CLIENT_INVALID_OPERATION);
	assert_false(options.read_your_writes_disabled);
	assert_int_equal(vd_options_set(&options, "read_your_writes_disable", NULL, false), 0);
	assert_true(options.read_your_writes_disabled && options.read_system_keys && options.bypass_unreadable &&
				options.next_write_no_conflict && options.report_conflicting_keys &&
				options.access_system_keys && options.lock_aware && options.read_lock_aware);
}

static void bad_options_change_nothing(void **state)
{
	(void)state;
	struct vd_options options = options_new();
	static const char *const bad[] = { NULL, "", "x", "1x", "-1", "2147483648", "99999999999999999999" };
	for (size_t i = 0; i < VD_COUNT(bad); i++)
		assert_int_equal(vd_options_set(&options, "timeout", bad[i], false), VD_CODE_INVALID_OPTION_VALUE);
	assert_int_equal(vd_options_set(&options, "size_limit", "31", false), VD_CODE_INVALID_OPTION_VALUE);
	assert_int_equal(vd_options_set(&options, "size_limit", "10000001", false), VD_CODE_INVALID_OPTION_VALUE);
	assert_int_equal(vd_options_set(&options, "Timeout", "1", false), VD_CODE_INVALID_OPTION);
	assert_int_equal(vd_options_set(&options, NULL, "1", false), VD_CODE_INVALID_OPTION);
	/* what would change nothing is not taken */
	assert_int_equal(vd_options_set(&options, "read_ahead_disable", NULL, false), VD_CODE_INVALID_OPTION);
	assert_int_equal(options.timeout_ms, 7);
}

/* ---- waits ---- */

static void waits_double_up_to_the_most(void **state)
{
	(void)state;
	struct vd_options options = options_new();
	struct vd_retry_state tries = { 0 };
	static const int64_t expected_ms[] = { 10, 20, 40, 80, 160, 320, 640, 1000, 1000 };
	int64_t wait_us = 0;
	for (size_t i = 0; i < VD_COUNT(expected_ms); i++) {
		assert_true(vd_retry_decide(&tries, &options, VD_CODE_NOT_COMMITTED, 0.5, &wait_us));
		assert_int_equal(wait_us, expected_ms[i] * 1000 / 2);
	}
	assert_int_equal(tries.retries, VD_COUNT(expected_ms));
	options.max_retry_delay_ms = 3;
	assert_true(vd_retry_decide(&tries, &options, VD_CODE_OVERLOADED, 0.5, &wait_us));
	assert_int_equal(wait_us, 1500);
}

static void a_new_snapshot_waits_ten_ms(void **state)
{
	(void)state;
	struct vd_options options = options_new();
	struct vd_retry_state tries = { 0 };
	int64_t wait_us = 0;
	for (int i = 0; i < 5; i++) {
		assert_true(vd_retry_decide(&tries, &options, i % 2 == 0 ? 1007 : 1009, 0.0, &wait_us));
		assert_int_equal(wait_us, 10000);
	}
}

static void what_is_not_tried_again(void **state)
{
	(void)state;
	struct vd_options options = options_new();
	struct vd_retry_state tries = { 0 };
	static const int again[] = { 1007, 1009, 1020, 1021, 1037, 1038, 1039, 1042, 7003 };
	static const int never[] = { 0, -1, 1025, 1031, 1101, 2000, 2017, 2101, 7001, 7002, 7004, 99999 };
	int64_t wait_us = 0;
	for (size_t i = 0; i < VD_COUNT(never); i++)
		assert_false(vd_retry_decide(&tries, &options, never[i], 0.5, &wait_us));
	assert_int_equal(tries.retries, 0);
	for (size_t i = 0; i < VD_COUNT(again); i++)
		assert_true(vd_retry_decide(&tries, &options, again[i], 0.5, &wait_us));
	options.retry_limit = (int64_t)VD_COUNT(again);
	assert_false(vd_retry_decide(&tries, &options, 1020, 0.5, &wait_us));
	options.retry_limit++;
	assert_true(vd_retry_decide(&tries, &options, 1020, 0.5, &wait_us));
	assert_false(vd_retry_decide(&tries, &options, 1020, 0.5, &wait_us));
}

/* ---- deadlines ---- */

static char order[16];
static struct vd_loop *loop;
static struct vd_deadline deadlines[4];

static void on_deadline(void *arg)
{
	struct vd_deadline *deadline = arg;
	size_t used = strlen(order);
	assert_null(deadline->armed_in);
	order[used] = (char)('0' + (deadline - deadlines));
	if (deadline == &deadlines[1])
		vd_deadline_cancel(&deadlines[3]);
	if (deadline == &deadlines[0])
		vd_loop_stop(loop);
}

static void deadlines_come_in_order(void **state)
{
	(void)state;
	loop = vd_loop_new(NULL);
	struct vd_guard *guard = vd_guard_new(loop, false);
	struct vd_deadlines *all = vd_deadlines_new(guard, loop);
	int64_t now_us = vd_clock_us();
	for (int i = 0; i < 4; i++)
		deadlines[i] = (struct vd_deadline){ .callback = on_deadline, .arg = &deadlines[i] };
	vd_deadline_arm(all, &deadlines[0], now_us + 30000);
	vd_deadline_arm(all, &deadlines[1], now_us + 60000000);
	vd_deadline_arm(all, &deadlines[3], now_us + 20000);
	vd_deadline_arm(all, &deadlines[2], now_us + 15000);
	vd_deadline_arm(all, &deadlines[1], now_us + 5000); /* replaced; and it cancels number 3 */
	assert_true(vd_loop_run(loop));
	assert_string_equal(order, "120");
	assert_true(vd_clock_us() - now_us >= 30000);
	vd_deadline_arm(all, &deadlines[0], now_us + 60000000); /* forgotten */
	vd_deadlines_free(all);
	assert_null(deadlines[0].armed_in);
	vd_guard_detach(guard);
	vd_guard_unref(guard);
	vd_loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selectors_are_walks),
		cmocka_unit_test(what_a_selector_depends_on),
		cmocka_unit_test(options_begin_with_the_databases),
		cmocka_unit_test(every_option_is_taken),
		cmocka_unit_test(bad_options_change_nothing),
		cmocka_unit_test(waits_double_up_to_the_most),
		cmocka_unit_test(a_new_snapshot_waits_ten_ms),
		cmocka_unit_test(what_is_not_tried_again),
		cmocka_unit_test(deadlines_come_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
