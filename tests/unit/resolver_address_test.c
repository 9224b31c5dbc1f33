/* SPDX-License-Identifier: Apache-2.0 */
/* Where the resolver answers HTTP: what the setting may say. */
#include "resolver/metrics/address.h"
#include "tests/unit/test.h"

static void assert_is(const char *text, const char *address)
{
	struct vd_address parsed;
	struct vd_error error;
	assert_int_equal(vd_address_parse(text, &parsed, &error), 0);
	assert_string_equal(vd_address_text_of(&parsed.socket).text, address);
}

static void test_addresses(void **state)
{
	(void)state;
	assert_is("9464", "127.0.0.1:9464");
	assert_is("0", "127.0.0.1:0");
	assert_is("localhost:65535", "127.0.0.1:65535");
	assert_is("0.0.0.0:9464", "0.0.0.0:9464");
	assert_is("[::1]:80", "[::1]:80");
	assert_is(
		"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:1", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1");
}

static void test_what_is_none(void **state)
{
	(void)state;
	static const char *const texts[] = { "", ":", ":9464", "65536", "99999999999999999999", "-1", "9464 ",
		" 9464", "0x10", "localhost", "localhost:", "host.example.org:80", "1.2.3:80", "1.2.3.4",
		"1.2.3.4:", "1.2.3.4:x", "::1:80", "[::1]", "[::1]80", "[::1:80", "[]:80", "[1.2.3.4]:80",
		"[localhost]:80", "1.2.3.4:80:", "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255.255.255]:1",
		"a name that is much longer than any address could ever be, and then some more of it:80" };
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct vd_address address;
		struct vd_error error;
		if (vd_address_parse(texts[i], &address, &error) == 0)
			fail_msg("\"%s\" was taken for an address", texts[i]);
		assert_non_null(strstr(error.message, "http-listen"));
		assert_true(error.hint[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_what_is_none) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
