/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/redact.h"

static void secrets_are_replaced(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "", "" },
		{ "host=a dbname=b", "host=a dbname=b" },
		{ "host=a password=geheim dbname=b", "host=a password=*** dbname=b" },
		{ "password = 'ge heim' user=u", "password = *** user=u" },
		{ "password='ge\\'heim' user=u", "password=*** user=u" },
		{ "password=ge\\ heim user=u", "password=*** user=u" },
		{ "PASSWORD=geheim", "PASSWORD=***" },
		{ "sslpassword=geheim host=a", "sslpassword=*** host=a" },
		{ "passfile=/tmp/x", "passfile=/tmp/x" },
		/* malformed: nobody knows what is the secret */
		{ "host=a password=ge heim", "host=a password=*** ***" },
		{ "password='geheim", "password=***" },
		{ "geheim", "***" },
		{ "host='a password=geheim", "host=***" },
		{ "postgresql://u:geheim@h/db", "postgresql://u:***@h/db" },
		{ "postgres://u:geheim@h:5432,i:5433/db?sslmode=require",
			"postgres://u:***@h:5432,i:5433/db?sslmode=require" },
		{ "postgresql://h:5432/db", "postgresql://h:5432/db" },
		{ "postgresql://u@h/db", "postgresql://u@h/db" },
		{ "postgresql:///db?host=/tmp&password=geheim&user=u",
			"postgresql:///db?host=/tmp&password=***&user=u" },
		{ "postgresql:///db?p%61ssword=geheim", "postgresql:///db?p%61ssword=***" },
		{ "postgresql:///db?sslpassword=geheim", "postgresql:///db?sslpassword=***" },
		{ "postgresql://u:ge@heim@h/db", "postgresql://u:***@h/db" },
		{ "postgresql://u:ge/heim@h/db", "postgresql://u:***@h/db" },
		{ "postgresql://u:ge?heim@h/db", "postgresql://u:***@h/db" },
		{ "postgresql://h/db?application_name=a@b", "postgresql://h/db?application_name=a@b" },
		{ "postgresql://h:5432/db?application_name=a@b", "postgresql://h:5432/db?application_name=a@b" },
		{ "POSTGRESQL://u:geheim@h/db", "POSTGRESQL://u:***@h/db" },
		/* a slip of the finger: what is no key is shown to nobody */
		{ "postgresq://u:geheim@h/db?sslmode=require", "***" },
		{ "host=a u:geheim@h/db?x=y", "host=a ***" },
		{ "postgresql:///db?passwordgeheim&user=u", "postgresql:///db?***&user=u" },
	};
	for (size_t i = 0; i < VD_COUNT(cases); i++) {
		struct vd_buffer out = { 0 };
		vd_redact_dsn(&out, cases[i][0]);
		assert_string_equal(vd_buffer_string(&out), cases[i][1]);
		assert_null(strstr(vd_buffer_string(&out), "heim"));
		vd_buffer_fini(&out);
	}
}

static void a_word_may_be_a_connection_string(void **state)
{
	(void)state;
	static const char *const cases[][2] = {
		{ "statsu", "statsu" },
		{ "", "" },
		{ "a=b", "a=b" },
		{ "postgresql://u:geheim@h/db", "postgresql://u:***@h/db" },
		{ "mysql://u:geheim@h/db", "***" },
		{ "u:geheim@h/db", "***" },
		{ "password=geheim", "password=***" },
	};
	for (size_t i = 0; i < VD_COUNT(cases); i++)
		assert_string_equal(VD_REDACT_WORD(cases[i][0]), cases[i][1]);
	assert_string_equal(vd_redact_word((char[5]){ 0 }, 5, "something"), "some");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(secrets_are_replaced),
		cmocka_unit_test(a_word_may_be_a_connection_string) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
