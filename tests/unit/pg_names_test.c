/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/pg/listen.h"
#include "common/pg/names.h"

#include <string.h>

static void legal_schemas(void **state)
{
	(void)state;
	static const char *const good[] = { "verdict", "_", "a", "a1_b",
		"x234567890123456789012345678901234567890", "user", "pgx" };
	static const char *const bad[] = { "", "Verdict", "1a", "a-b", "a b", "a\"", "pg_a", "pg_",
		"x2345678901234567890123456789012345678901", "\xc3\xbc", "a\n" };
	for (size_t i = 0; i < VD_COUNT(good); i++)
		assert_true(vd_pg_schema_is_legal(good[i]));
	for (size_t i = 0; i < VD_COUNT(bad); i++)
		assert_false(vd_pg_schema_is_legal(bad[i]));
	assert_false(vd_pg_schema_is_legal(NULL));
}

static void names_follow_from_the_schema(void **state)
{
	(void)state;
	assert_string_equal(vd_pg_channel_doorbell("verdict").text, "verdict_doorbell");
	assert_string_equal(vd_pg_channel_lease("verdict").text, "verdict_lease");
	assert_string_equal(vd_pg_channel_verdicts("verdict").text, "verdict_verdicts");
	assert_string_equal(vd_pg_channel_reply("verdict", 0xfedc).text, "verdict_reply_000000000000fedc");
	assert_string_equal(vd_pg_channel_reply("v", UINT64_MAX).text, "v_reply_ffffffffffffffff");
	assert_string_equal(vd_pg_role_resolver("verdict").text, "verdict_resolver");
	assert_string_equal(vd_pg_role_follower("verdict").text, "verdict_follower");
	assert_string_equal(vd_pg_role_observer("verdict").text, "verdict_observer");
}

static void the_longest_schema_fits_everywhere(void **state)
{
	(void)state;
	char schema[41];
	memset(schema, 'a', 40);
	schema[40] = 0;
	assert_int_equal(strlen(vd_pg_channel_reply(schema, 1).text), 63);
	assert_true(vd_pg_channel_is_legal(vd_pg_channel_reply(schema, 1).text));
	assert_true(vd_pg_channel_is_legal(vd_pg_channel_doorbell(schema).text));
}

static void application_names_are_cut(void **state)
{
	(void)state;
	assert_string_equal(
		vd_pg_application("verdict-keeper", "verdict", "node1").text, "verdict-keeper/verdict/node1");
	assert_string_equal(vd_pg_application("verdict-inbox", "verdict", NULL).text, "verdict-inbox/verdict");
	assert_int_equal(strlen(vd_pg_application(
						 "verdict-keeper", "verdict", "a-very-long-name-of-a-node-that-goes-on-and-on-and-on")
								.text),
		63);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(legal_schemas),
		cmocka_unit_test(names_follow_from_the_schema),
		cmocka_unit_test(the_longest_schema_fits_everywhere),
		cmocka_unit_test(application_names_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
