/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/endian.h"

static void stated_order_at_any_address(void **state)
{
	(void)state;
	static const uint8_t bytes[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 };
	const uint8_t *odd = bytes + 1;
	assert_int_equal(vd_load_be16(odd), 0x0102);
	assert_int_equal(vd_load_le16(odd), 0x0201);
	assert_int_equal(vd_load_be32(odd), 0x01020304);
	assert_int_equal(vd_load_le32(odd), 0x04030201);
	assert_true(vd_load_be64(odd) == 0x0102030405060708ull);
	assert_true(vd_load_le64(odd) == 0x0807060504030201ull);

	uint8_t out[9] = { 0 };
	vd_store_be64(out + 1, 0x0102030405060708ull);
	assert_memory_equal(out, bytes, sizeof out);
	vd_store_le64(out + 1, 0x0807060504030201ull);
	assert_memory_equal(out, bytes, sizeof out);
	vd_store_be32(out + 1, 0x01020304);
	vd_store_le32(out + 5, 0x08070605);
	assert_memory_equal(out, bytes, sizeof out);
	vd_store_be16(out + 1, 0x0102);
	vd_store_le16(out + 3, 0x0403);
	assert_memory_equal(out, bytes, sizeof out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(stated_order_at_any_address) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
