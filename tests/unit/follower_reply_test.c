/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/commit/reply.h"

#include "tests/unit/test.h"

#define TOKEN "00000000000000ff"

static void takes_entries(void **state)
{
	(void)state;
	struct vd_reply reply;
	struct vd_reply_entry entry;
	assert_true(
		vd_reply_begin(&reply, "r1 123 7:00000000000000ff:0:65535:0 8:ffffffffffffffff:1020:4294967295:99"));
	assert_int_equal(reply.version, 123);
	assert_true(vd_reply_next(&reply, &entry));
	assert_int_equal(entry.sequence, 7);
	assert_int_equal(entry.token, 0xff);
	assert_int_equal(entry.code, 0);
	assert_int_equal(entry.a, 65535);
	assert_int_equal(entry.b, 0);
	assert_true(vd_reply_next(&reply, &entry));
	assert_int_equal(entry.sequence, 8);
	assert_int_equal(entry.token, UINT64_MAX);
	assert_int_equal(entry.code, 1020);
	assert_int_equal(entry.a, UINT32_MAX);
	assert_int_equal(entry.b, 99);
	assert_false(vd_reply_next(&reply, &entry));
	assert_false(vd_reply_next(&reply, &entry));
}

static void takes_the_largest_numbers(void **state)
{
	(void)state;
	struct vd_reply reply;
	struct vd_reply_entry entry;
	assert_true(vd_reply_begin(
		&reply, "r1 9223372036854775807 9223372036854775807:" TOKEN ":1020:0:9223372036854775807"));
	assert_true(reply.version == INT64_MAX);
	assert_true(vd_reply_next(&reply, &entry));
	assert_true(entry.sequence == INT64_MAX && entry.b == INT64_MAX);
}

static void refuses_other_payloads(void **state)
{
	(void)state;
	static const char *const payloads[] = { "", "r", "r1", "r1 ", "r1  5", "r2 5", "r10 5", "R1 5", "r1 x",
		"r1 -5", "r1 +5", "r1 5x", "r1 5:", "r1\t5", " r1 5", "r1 9223372036854775808",
		"r1 99999999999999999999999", "proof:r1 5" };
	for (size_t i = 0; i < VD_COUNT(payloads); i++) {
		struct vd_reply reply;
		if (vd_reply_begin(&reply, payloads[i]))
			fail_msg("took \"%s\"", payloads[i]);
	}
}

static void passes_over_what_is_no_entry(void **state)
{
	(void)state;
	static const char *const words[] = { "0:" TOKEN ":0:0:0", ":" TOKEN ":0:0:0", "7", "7:", "7:" TOKEN,
		"7:" TOKEN ":0", "7:" TOKEN ":0:0", "7:" TOKEN ":0:0:", "7:ff:0:0:0", "7:00000000000000FF:0:0:0",
		"7:000000000000000ff:0:0:0", "7:" TOKEN ":-1:0:0", "7:" TOKEN ":65536:0:0", "7:" TOKEN ":0:65536:0",
		"7:" TOKEN ":1020:4294967296:0", "7:" TOKEN ":0:0:9223372036854775808",
		"9223372036854775808:" TOKEN ":0:0:0", "-7:" TOKEN ":0:0:0", "+7:" TOKEN ":0:0:0", "x", "more=3",
		"a7:" TOKEN ":0:0:0", "7;" TOKEN ":0:0:0", "7:" TOKEN ":0::0" };
	for (size_t i = 0; i < VD_COUNT(words); i++) {
		char payload[256];
		snprintf(payload, sizeof payload, "r1 5 %s  9:" TOKEN ":0:1:0", words[i]);
		struct vd_reply reply;
		struct vd_reply_entry entry;
		assert_true(vd_reply_begin(&reply, payload));
		if (!vd_reply_next(&reply, &entry) || entry.sequence != 9 || vd_reply_next(&reply, &entry))
			fail_msg("\"%s\" was not passed over", words[i]);
	}
}

static void takes_entries_with_more_behind(void **state)
{
	(void)state;
	static const char *const words[] = { "7:" TOKEN ":0:3:0:later=1", "7:" TOKEN ":1020:3:9:x=2",
		"7:" TOKEN ":0:3:0:", "7:" TOKEN ":0:3:0x", "007:" TOKEN ":0:3:0,y=2" };
	for (size_t i = 0; i < VD_COUNT(words); i++) {
		char payload[256];
		snprintf(payload, sizeof payload, "r1 5 what=ever %s more", words[i]);
		struct vd_reply reply;
		struct vd_reply_entry entry;
		assert_true(vd_reply_begin(&reply, payload));
		if (!vd_reply_next(&reply, &entry) || entry.sequence != 7 || entry.a != 3 || entry.further != 0 ||
			vd_reply_next(&reply, &entry))
			fail_msg("\"%s\" was not taken", words[i]);
	}
}

static void says_whether_further_ranges_lost(void **state)
{
	(void)state;
	struct vd_reply reply;
	struct vd_reply_entry entry;
	static const uint32_t expected[] = { 2, 99, 0, 0, 0 };
	assert_true(vd_reply_begin(&reply,
		"r1 5 7:" TOKEN ":1020:3:9:2 7:" TOKEN ":1020:3:9:99:later 7:" TOKEN ":1020:3:9:0"
		" 7:" TOKEN ":1020:3:9: 7:" TOKEN ":1020:3:9"));
	for (size_t i = 0; i < VD_COUNT(expected); i++) {
		assert_true(vd_reply_next(&reply, &entry));
		assert_int_equal(entry.further, expected[i]);
		assert_int_equal(entry.number_count, 0);
	}
}

static void takes_the_numbers_of_counters(void **state)
{
	(void)state;
	static const struct {
		const char *words;
		uint64_t first;
		uint32_t further;
		uint32_t count;
	} rows[] = { { "0:3:5", 5, 0, 0 }, { "0:3:5:2:6:7", 5, 2, 2 }, { "0:3:0:1:9223372036854775806", 0, 1, 1 },
		{ "0:3:5:3:6:7", 5, 3, 2 }, { "0:3:5:70000", 5, 70000, 0 }, { "0:3:5:2:6:x", 5, 2, 1 },
		{ "0:3:5:1:6:7", 5, 1, 1 } };
	for (size_t i = 0; i < VD_COUNT(rows); i++) {
		char payload[256];
		snprintf(payload, sizeof payload, "r1 5 7:" TOKEN ":%s 8:" TOKEN ":0:1:0", rows[i].words);
		struct vd_reply reply;
		struct vd_reply_entry entry;
		assert_true(vd_reply_begin(&reply, payload) && vd_reply_next(&reply, &entry));
		assert_true(entry.code == 0 && entry.a == 3 && entry.b == rows[i].first);
		assert_int_equal(entry.further, rows[i].further);
		assert_int_equal(entry.number_count, rows[i].count);
		if (rows[i].count == 2)
			assert_true(entry.numbers[0] == 6 && entry.numbers[1] == 7);
		assert_true(vd_reply_next(&reply, &entry) && entry.sequence == 8 && entry.number_count == 0);
	}
}

static void more_numbers_than_an_entry_may_have(void **state)
{
	(void)state;
	char payload[4096] = "r1 5 7:" TOKEN ":0:3:0:100";
	for (int i = 0; i < 100; i++)
		strcat(payload, ":4");
	strcat(payload, " 8:" TOKEN ":0:1:0");
	struct vd_reply reply;
	struct vd_reply_entry entry;
	assert_true(vd_reply_begin(&reply, payload) && vd_reply_next(&reply, &entry));
	assert_true(entry.further == 100 && entry.number_count == VD_REPLY_NUMBERS_MOST);
	assert_true(vd_reply_next(&reply, &entry) && entry.sequence == 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_entries),
		cmocka_unit_test(takes_the_largest_numbers),
		cmocka_unit_test(refuses_other_payloads),
		cmocka_unit_test(passes_over_what_is_no_entry),
		cmocka_unit_test(takes_entries_with_more_behind),
		cmocka_unit_test(says_whether_further_ranges_lost),
		cmocka_unit_test(takes_the_numbers_of_counters),
		cmocka_unit_test(more_numbers_than_an_entry_may_have),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
