/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/codes.h"
#include "common/text/json.h"

static void bytes_there_and_back(void **state)
{
	(void)state;
	json_t *object = json_object();
	json_object_set_new(object, "key", vd_json_bytes(VD_BYTES("a\\\0\xff\"")));
	json_object_set_new(object, "text", vd_json_text("\xc3\xa4"));
	json_object_set_new(object, "broken", vd_json_text("\xff"));
	struct vd_buffer line = { 0 };
	vd_json_add_line(&line, object);
	assert_string_equal(vd_buffer_string(&line),
		"{\"key\":\"a\\\\\\\\\\\\x00\\\\xff\\\"\",\"text\":\"\xc3\xa4\",\"broken\":\"\\\\xff\"}\n");
	json_t *read = json_loadb((const char *)line.data, line.size, 0, NULL);
	struct vd_buffer bytes = { 0 };
	struct vd_error error;
	assert_int_equal(vd_json_to_bytes(json_object_get(read, "key"), &bytes, &error), 0);
	assert_true(vd_bytes_equal(vd_buffer_bytes(&bytes), VD_BYTES("a\\\0\xff\"")));
	assert_int_equal(
		vd_json_to_bytes(json_object_get(read, "absent"), &bytes, &error), VD_CODE_CLIENT_INVALID_OPERATION);
	json_decref(read);
	json_decref(object);
	vd_buffer_fini(&bytes);
	vd_buffer_fini(&line);
}

static void one_line_to_a_file(void **state)
{
	(void)state;
	char text[100] = { 0 };
	FILE *file = fmemopen(text, sizeof text, "w");
	assert_true(vd_json_print_line(file, json_pack("{s:i, s:s}", "line", 1, "verdict", "committed")));
	fclose(file);
	assert_string_equal(text, "{\"line\":1,\"verdict\":\"committed\"}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_there_and_back),
		cmocka_unit_test(one_line_to_a_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
