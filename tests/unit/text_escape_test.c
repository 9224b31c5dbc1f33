/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/arena.h"
#include "common/base/codes.h"
#include "common/text/escape.h"

static void each_byte_there_and_back(void **state)
{
	(void)state;
	uint8_t all[256];
	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	struct vd_buffer text = { 0 }, back = { 0 };
	vd_escape(&text, vd_bytes_of(all, sizeof all));
	for (size_t i = 0; i < text.size; i++)
		assert_true(text.data[i] >= 0x20 && text.data[i] <= 0x7e);
	struct vd_error error;
	assert_int_equal(vd_unescape(&back, vd_buffer_bytes(&text), &error), 0);
	assert_true(vd_bytes_equal(vd_buffer_bytes(&back), vd_bytes_of(all, sizeof all)));
	struct vd_arena arena;
	vd_arena_init(&arena, 4096);
	assert_string_equal(vd_escape_in(&arena, vd_bytes_of(all, sizeof all)), vd_buffer_string(&text));
	assert_string_equal(vd_escape_in(&arena, VD_BYTES("a\\\0\x7f\xff\"")), "a\\\\\\x00\\x7f\\xff\"");
	vd_arena_fini(&arena);
	vd_buffer_fini(&text);
	vd_buffer_fini(&back);
}

static void reading_is_strict_about_backslashes(void **state)
{
	(void)state;
	struct vd_buffer out = { 0 };
	struct vd_error error;
	assert_int_equal(vd_unescape(&out, VD_BYTES("\xc3\xa4\\xFf\\xaB\\\\x41"), &error), 0);
	assert_true(vd_bytes_equal(vd_buffer_bytes(&out), VD_BYTES("\xc3\xa4\xff\xab\\x41")));
	static const struct {
		const char *text, *position;
	} bad[] = { { "ab\\", "byte 3" }, { "\\n", "byte 1" }, { "\\x", "byte 1" }, { "\\x1", "byte 1" },
		{ "a\\x1g", "byte 2" }, { "\\X41", "byte 1" }, { "\\xg1", "byte 1" } };
	for (size_t i = 0; i < VD_COUNT(bad); i++) {
		assert_int_equal(
			vd_unescape(&out, vd_bytes_of_string(bad[i].text), &error), VD_CODE_CLIENT_INVALID_OPERATION);
		assert_non_null(strstr(error.message, bad[i].position));
		assert_true(error.hint[0] != '\0');
	}
	/* what lies behind the end does not count */
	assert_int_equal(vd_unescape(&out, vd_bytes_of("\\x41", 3), &error), VD_CODE_CLIENT_INVALID_OPERATION);
	assert_int_equal(vd_unescape(&out, vd_bytes_of("\\\\", 1), &error), VD_CODE_CLIENT_INVALID_OPERATION);
	vd_buffer_fini(&out);
	vd_buffer_init(&out, 2);
	assert_int_equal(vd_unescape(&out, VD_BYTES("abc"), &error), VD_CODE_NO_MEMORY);
	vd_buffer_fini(&out);
}

static void short_forms_are_cut_between_characters(void **state)
{
	(void)state;
	char text[12];
	assert_string_equal(vd_escape_short(text, sizeof text, VD_BYTES("hello")), "hello");
	assert_string_equal(vd_escape_short(text, sizeof text, VD_BYTES("0123456789a")), "0123456789a");
	assert_string_equal(vd_escape_short(text, sizeof text, VD_BYTES("0123456789ab")), "01234567...");
	assert_string_equal(vd_escape_short(text, sizeof text, VD_BYTES("\1\2\3\4")), "\\x01\\x02...");
	assert_string_equal(vd_escape_short(text, 4, VD_BYTES("\1\2")), "...");
	assert_string_equal(VD_ESCAPE_SHORT(VD_BYTES("")), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_there_and_back),
		cmocka_unit_test(reading_is_strict_about_backslashes),
		cmocka_unit_test(short_forms_are_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
