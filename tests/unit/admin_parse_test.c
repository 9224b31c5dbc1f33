/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/check.h"
#include "follower/admin/parse.h"

static void a_batch_is_read(void **state)
{
	(void)state;
	struct admin_payload payload = {
		.at = "b1 version=12 requests=6 committed=3 conflict=1 too_old=0 rejected=2"
	};
	struct vd_admin_event event;
	assert_true(admin_payload_next(&payload, &event));
	assert_int_equal(event.kind, VD_ADMIN_BATCH);
	assert_int_equal(event.version, 12);
	assert_int_equal(event.requests, 6);
	assert_int_equal(event.committed, 3);
	assert_int_equal(event.conflict, 1);
	assert_int_equal(event.too_old, 0);
	assert_int_equal(event.rejected, 2);
	assert_false(admin_payload_next(&payload, &event));
}

static void verdicts_are_read_one_by_one(void **state)
{
	(void)state;
	struct admin_payload payload = {
		.at = "v1 version=9223372036854775807 00000000000000ff:7:0:3 fedcba9876543210:8:1020:0 more=4"
	};
	struct vd_admin_event event;
	assert_true(admin_payload_next(&payload, &event));
	assert_int_equal(event.kind, VD_ADMIN_VERDICT);
	assert_true(event.version == INT64_MAX);
	assert_int_equal(event.reply, 255);
	assert_int_equal(event.sequence, 7);
	assert_int_equal(event.code, 0);
	assert_int_equal(event.order, 3);
	assert_true(admin_payload_next(&payload, &event));
	assert_true(event.reply == 0xfedcba9876543210);
	assert_int_equal(event.code, 1020);
	assert_false(admin_payload_next(&payload, &event));
}

static void what_is_not_of_the_form_gives_nothing(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "b1", "b1 ", "b2 version=1", "v1", "v1 version=", "v1 version=1",
		"v1 version=x 0", "b1 version=1 requests=-6 committed=3 conflict=1 too_old=0 rejected=2",
		"b1 version=9223372036854775808 requests=6 committed=3 conflict=1 too_old=0 rejected=2",
		"b1 version=1 requests=6 committed=3 conflict=1 too_old=0 rejected=2x",
		"b1 version=1 requests=6 committed=3 conflict=1 too_old=0", "v1 version=5 00000000000000ff:7:0",
		"v1 version=5 00000000000000fF:7:0:1", "v1 version=5 00000000000000ff:7:0:1x",
		"v1 version=5 0000000:7:0:1", "v1 version=5 00000000000000ff:7:2147483648:1",
		"v1 version=5  00000000000000ff:7:0:1", "proof:abc" };
	for (size_t i = 0; i < VD_COUNT(bad); i++) {
		struct admin_payload payload = { .at = bad[i] };
		struct vd_admin_event event;
		assert_false(admin_payload_next(&payload, &event));
		assert_false(admin_payload_next(&payload, &event));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_is_read),
		cmocka_unit_test(verdicts_are_read_one_by_one),
		cmocka_unit_test(what_is_not_of_the_form_gives_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
