/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/buffer.h"
#include "common/base/vector.h"

static void content_grows_and_is_always_a_string(void **state)
{
	(void)state;
	struct vd_buffer buffer = { 0 };
	assert_string_equal(vd_buffer_string(&buffer), "");
	vd_buffer_add_text(&buffer, "a");
	vd_buffer_add_format(&buffer, "%s-%d", "b", 12);
	vd_buffer_add_byte(&buffer, 'c');
	vd_buffer_add(&buffer, (struct vd_bytes){ NULL, 0 });
	assert_string_equal(vd_buffer_string(&buffer), "ab-12c");
	vd_buffer_truncate(&buffer, 2);
	assert_string_equal(vd_buffer_string(&buffer), "ab");
	for (int i = 0; i < 10000; i++)
		vd_buffer_add_text(&buffer, "0123456789");
	assert_int_equal(buffer.size, 100002);
	assert_int_equal(strlen(vd_buffer_string(&buffer)), 100002);
	assert_true(vd_buffer_ok(&buffer));
	vd_buffer_fini(&buffer);
}

static void numbers_are_big_endian(void **state)
{
	(void)state;
	struct vd_buffer buffer = { 0 };
	vd_buffer_add_be16(&buffer, 0x0102);
	vd_buffer_add_be32(&buffer, 0x03040506);
	vd_buffer_add_be64(&buffer, 0x0708090a0b0c0d0eull);
	assert_int_equal(buffer.size, 14);
	for (size_t i = 0; i < 14; i++)
		assert_int_equal(buffer.data[i], i + 1);
	vd_buffer_fini(&buffer);
}

static void failure_sticks_until_cleared(void **state)
{
	(void)state;
	struct vd_buffer buffer;
	vd_buffer_init(&buffer, 4);
	vd_buffer_add_text(&buffer, "abc");
	assert_true(vd_buffer_ok(&buffer));
	vd_buffer_add_text(&buffer, "de");
	assert_false(vd_buffer_ok(&buffer));
	vd_buffer_add_text(&buffer, "f"); /* would fit, but what came before is missing */
	assert_string_equal(vd_buffer_string(&buffer), "abc");
	assert_null(vd_buffer_extend(&buffer, 1));
	vd_buffer_clear(&buffer);
	vd_buffer_add_text(&buffer, "four");
	assert_true(vd_buffer_ok(&buffer));
	assert_null(vd_buffer_extend(&buffer, SIZE_MAX));
	vd_buffer_fini(&buffer);
}

static void vectors_grow(void **state)
{
	(void)state;
	struct {
		VD_VECTOR(struct vd_bytes);
	} keys = { 0 };
	for (size_t i = 0; i < 1000; i++)
		assert_true(vd_vector_push(&keys, (struct vd_bytes){ NULL, i }));
	assert_int_equal(keys.count, 1000);
	assert_true(keys.capacity >= 1000 && keys.capacity < 2000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(keys.items[i].size, i);
	assert_false(vd_vector_reserve(&keys, SIZE_MAX / sizeof *keys.items + 2)); /* would wrap to a few bytes */
	assert_int_equal(keys.items[999].size, 999);
	vd_vector_fini(&keys);
	assert_null(keys.items);
	assert_true(vd_vector_reserve(&keys, 0));
	vd_vector_fini(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(content_grows_and_is_always_a_string),
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(failure_sticks_until_cleared),
		cmocka_unit_test(vectors_grow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
