/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/check.h"
#include "common/base/error.h"

static void wrapped_on_the_way_up(void **state)
{
	(void)state;
	struct vd_error error = { 0 };
	assert_false(vd_error_is_set(&error));
	assert_int_equal(vd_error_set(&error, 7002, "ERROR %s %s", "40P01", "deadlock detected"), 7002);
	vd_error_hint(&error, "look at %s", "the log");
	vd_error_wrap(&error, "apply");
	vd_error_wrap(&error, "batch %d", 7);
	assert_string_equal(error.message, "batch 7: apply: ERROR 40P01 deadlock detected");
	assert_string_equal(error.hint, "look at the log");
	assert_true(vd_error_is_set(&error));
	vd_error_set(&error, 2000, "other: %s", error.message); /* an argument may be the error's own text */
	assert_string_equal(error.message, "other: batch 7: apply: ERROR 40P01 deadlock detected");
	assert_string_equal(error.hint, "");
	vd_error_clear(&error);
	assert_false(vd_error_is_set(&error));
}

static void one_line_and_cut(void **state)
{
	(void)state;
	struct vd_error error;
	vd_error_set(&error, 1, "first\n\tsecond  third\n");
	assert_string_equal(error.message, "first second  third");
	char large[2000];
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	vd_error_set(&error, 1, "%s", large);
	assert_int_equal(strlen(error.message), sizeof error.message - 1);
	vd_error_wrap(&error, "where");
	assert_int_equal(strlen(error.message), sizeof error.message - 1);
	assert_int_equal(strncmp(error.message, "where: xxx", 10), 0);
}

static void nobody_wants_it(void **state)
{
	(void)state;
	assert_int_equal(vd_error_set(NULL, 2000, "x"), 2000);
	vd_error_hint(NULL, "x");
	vd_error_wrap(NULL, "x");
	vd_error_clear(NULL);
}

static void printed_for_people(void **state)
{
	(void)state;
	struct vd_error error;
	char text[200] = { 0 };
	FILE *file = fmemopen(text, sizeof text, "w");
	vd_error_set(&error, 2007, "unknown thing");
	vd_error_print(&error, "verdict", file);
	vd_error_hint(&error, "try another");
	vd_error_print(&error, "verdict", file);
	fclose(file);
	assert_string_equal(text, "verdict: unknown thing\nverdict: unknown thing\nhint: try another\n");
}

static void fail_an_assertion(void)
{
	int one = 1;
	VD_ASSERT(one == 2);
}

static void reach_the_unreachable(void)
{
	VD_UNREACHABLE("nobody comes here");
}

static void checks_end_the_process(void **state)
{
	(void)state;
	ASSERT_DIES(fail_an_assertion, "one == 2");
	ASSERT_DIES(fail_an_assertion, "base_error_test.c:");
	ASSERT_DIES(reach_the_unreachable, "nobody comes here");
	assert_false(VD_BUG(1 == 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrapped_on_the_way_up),
		cmocka_unit_test(one_line_and_cut),
		cmocka_unit_test(nobody_wants_it),
		cmocka_unit_test(printed_for_people),
		cmocka_unit_test(checks_end_the_process),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
