/* SPDX-License-Identifier: Apache-2.0 */
#include "events/names.h"
#include "tests/unit/test.h"

#include <string.h>
#include <verdict/events.h>

static int name_of(const char *given, size_t size, char name[VD_EVENTS_STREAM_BYTES_MAX + 1])
{
	size_t name_size;
	int code = vd_events_stream_name(given, size, name, &name_size);
	if (code == 0)
		assert_int_equal(name_size, strlen(name));
	return code;
}

static void names_are_trimmed(void **state)
{
	(void)state;
	char name[VD_EVENTS_STREAM_BYTES_MAX + 1];
	assert_int_equal(name_of(" \t\r\nan account \v\f", 17, name), 0);
	assert_string_equal(name, "an account");
}

static void what_no_stream_is_called(void **state)
{
	(void)state;
	char name[VD_EVENTS_STREAM_BYTES_MAX + 1], given[2000];
	static const char *const wrong[] = { "", "  ", "a*", "a?", "[", "]", "\xff", "\xc0\x80", "\xed\xa0\x80",
		"\xf4\x90\x80\x80", "\xe2\x82" };
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_int_equal(name_of(wrong[i], strlen(wrong[i]), name), VD_EVENTS_ERROR_STREAM_INVALID);
	assert_int_equal(name_of("a\0b", 3, name), VD_EVENTS_ERROR_STREAM_INVALID);
	/* 255 characters of any size, and one more */
	for (int size = 1; size <= 4; size++) {
		static const char *const characters[] = { "", "x", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };
		for (int i = 0; i < 256; i++)
			memcpy(given + i * size, characters[size], (size_t)size);
		assert_int_equal(name_of(given, (size_t)(255 * size), name), 0);
		assert_int_equal(name_of(given, (size_t)(256 * size), name), VD_EVENTS_ERROR_STREAM_INVALID);
	}
}

static bool matches(const char *pattern, const char *name)
{
	assert_true(vd_glob_is_valid(vd_bytes_of_string(pattern)));
	return vd_glob_matches(vd_bytes_of_string(pattern), vd_bytes_of_string(name));
}

static void globs(void **state)
{
	(void)state;
	assert_true(matches("*", ""));
	assert_true(matches("a*c", "abc"));
	assert_true(matches("a*c", "ac"));
	assert_false(matches("a*c", "acb"));
	assert_true(matches("*a*b*", "xxaxxbxx"));
	assert_true(matches("a**b", "ab"));
	assert_true(matches("?", "\xc3\xbc"));
	assert_false(matches("?", ""));
	assert_true(matches("[abc]x", "bx"));
	assert_false(matches("[abc]x", "dx"));
	assert_true(matches("[a-c0-9]", "7"));
	assert_true(matches("[!a-c]", "d"));
	assert_false(matches("[!a-c]", "b"));
	assert_false(matches("[!a-c]", ""));
	assert_true(matches("[a-]", "-"));
	assert_true(matches("[\xc3\xa0-\xc3\xbf]", "\xc3\xbc"));
	assert_true(matches("*-[0-9][0-9]", "order-a-42"));
	/* no more than pattern times name */
	assert_false(matches(
		"*a*a*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void what_no_glob_is(void **state)
{
	(void)state;
	static const char *const wrong[] = { "", "[", "[]", "[!]", "a]", "[a", "[b-a]", "\xff", "[\xff]" };
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_false(vd_glob_is_valid(vd_bytes_of_string(wrong[i])));
	assert_false(vd_glob_is_valid(vd_bytes_of("a\0b", 3)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_trimmed),
		cmocka_unit_test(what_no_stream_is_called),
		cmocka_unit_test(globs),
		cmocka_unit_test(what_no_glob_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
