/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/settings.h"

#include "tests/unit/test.h"

static struct vd_database_settings settings;
static struct vd_error error;

static int init(const char *dsn, const char *name, const char *value)
{
	const struct vd_option option = { name, value };
	vd_error_clear(&error);
	int code = vd_database_settings_init(&settings, dsn, &option, name == NULL ? 0 : 1, &error);
	assert_int_equal(vd_error_is_set(&error), code != 0);
	return code;
}

static void defaults(void **state)
{
	(void)state;
	assert_int_equal(init(NULL, NULL, NULL), 0);
	assert_string_equal(settings.dsn, "");
	assert_string_equal(settings.schema, "verdict");
	assert_string_equal(settings.application_name, "verdict-follower/verdict");
	assert_int_equal(settings.max_connections, 3);
	assert_int_equal(settings.connect_timeout_ms, 10000);
	assert_int_equal(settings.max_in_flight, 20000);
	assert_int_equal(settings.limits.key_bytes, 2048);
	assert_int_equal(settings.limits.value_bytes, 100000);
	assert_int_equal(settings.limits.transaction_bytes, 10000000);
	assert_int_equal(settings.transaction_timeout_ms, 0);
	assert_int_equal(settings.transaction_retry_limit, -1);
	assert_int_equal(settings.transaction_max_retry_delay_ms, 1000);
	vd_database_settings_fini(&settings);
}

static void the_application_is_named_after_the_schema(void **state)
{
	(void)state;
	assert_int_equal(init("host=x", "schema", "mine"), 0);
	assert_string_equal(settings.application_name, "verdict-follower/mine");
	vd_database_settings_fini(&settings);
	assert_int_equal(init("host=x", "application_name", "shop"), 0);
	assert_string_equal(settings.application_name, "shop");
	vd_database_settings_fini(&settings);
}

static void limits_are_taken(void **state)
{
	(void)state;
	assert_int_equal(init("", "value_limit", "1000000"), 0);
	assert_int_equal(settings.limits.value_bytes, 1000000);
	vd_database_settings_fini(&settings);
	assert_int_equal(init("", "transaction_retry_limit", "-1"), 0);
	assert_int_equal(settings.transaction_retry_limit, -1);
	vd_database_settings_fini(&settings);
}

static void what_is_wrong_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *dsn, *name, *value;
		int code;
		const char *says;
	} cases[] = {
		{ "", "nonsense", "1", 2007, "there is no option \"nonsense\"" },
		{ "", "", "1", 2007, "there is no option" },
		{ "", "schema", NULL, 2006, "needs a value" },
		{ "", "schema", "Has Blank", 2006, "no name of a schema" },
		{ "", "schema", "pg_x", 2006, "no name of a schema" },
		{ "", "max_connections", "1", 2006, "from 2 to 1000" },
		{ "", "max_connections", "3x", 2006, "not \"3x\"" },
		{ "", "max_connections", "", 2006, "must be a number" },
		{ "", "max_in_flight", "99999999999999999999", 2006, "must be a number" },
		{ "", "key_limit", "2601", 2006, "from 1 to 2600" },
		{ "nonsense", NULL, NULL, 2104, "" },
		{ "hots=x", NULL, NULL, 2104, "" },
		{ "postgresql://u:secret@[", NULL, NULL, 2104, "" },
	};
	for (size_t i = 0; i < VD_COUNT(cases); i++) {
		assert_int_equal(init(cases[i].dsn, cases[i].name, cases[i].value), cases[i].code);
		if (strstr(error.message, cases[i].says) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", error.message, cases[i].says);
		assert_null(strstr(error.message, "secret"));
		vd_database_settings_fini(&settings);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(the_application_is_named_after_the_schema),
		cmocka_unit_test(limits_are_taken),
		cmocka_unit_test(what_is_wrong_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
