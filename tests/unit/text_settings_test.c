/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/codes.h"
#include "common/text/settings.h"

#include <jansson.h>
#include <stdlib.h>

struct values {
	char *dsn;
	char *token;
	char *format;
	char *name;
	int64_t batch_requests;
	int64_t lease_ms;
	int64_t window_bytes;
	bool json;
};

static const struct vd_setting rows[] = {
	VD_SETTING_DSN("dsn", struct values, dsn, "", "connection string"),
	VD_SETTING_SECRET("token", struct values, token, "", "a secret"),
	VD_SETTING_CHOICE("format", struct values, format, "text", "text|json", "form of the log"),
	VD_SETTING_STRING("name", struct values, name, "nobody", "a name"),
	VD_SETTING_INTEGER("batch-requests", struct values, batch_requests, "1024", 1, 65535, "requests a batch"),
	VD_SETTING_DURATION("lease", struct values, lease_ms, "3s", 100, 600000, "how long a lease lasts"),
	VD_SETTING_SIZE(
		"window", struct values, window_bytes, "64MB", 1024, (int64_t)8 << 30, "memory of the window"),
	VD_SETTING_BOOL("json", struct values, json, "false", "log as JSON"),
};
static const struct vd_settings table = VD_SETTINGS("test", "[settings]", rows);
static const struct vd_settings with_operands = {
	.program = "test", .usage = "FILE…", .rows = rows, .count = VD_COUNT(rows), .takes_operands = true
};

static struct values values;
static struct vd_error error;
static int operands;
static char *words[16];

/* Loads from words separated by blanks. */
static enum vd_settings_result load(const struct vd_settings *settings, const char *line)
{
	static char text[500];
	snprintf(text, sizeof text, "%s", line);
	int count = 0;
	words[count++] = text;
	char *save = NULL;
	for (char *word = strtok_r(text, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
		words[count++] = word;
	words[count] = NULL;
	memset(&values, 0, sizeof values);
	vd_error_clear(&error);
	return vd_settings_load(settings, count, words, &values, &operands, &error);
}

#define ASSERT_WRONG(line, words_of_message, words_of_hint)                                                  \
	do {                                                                                                     \
		assert_int_equal(load(&table, line), VD_SETTINGS_WRONG);                                             \
		assert_string_equal(error.message, words_of_message);                                                \
		assert_non_null(strstr(error.hint, words_of_hint));                                                  \
	} while (0)

static void write_config(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void defaults(void **state)
{
	(void)state;
	assert_int_equal(load(&table, ""), VD_SETTINGS_READY);
	assert_string_equal(values.dsn, "");
	assert_string_equal(values.format, "text");
	assert_string_equal(values.name, "nobody");
	assert_int_equal(values.batch_requests, 1024);
	assert_int_equal(values.lease_ms, 3000);
	assert_int_equal(values.window_bytes, 64 << 20);
	assert_false(values.json);
	vd_settings_free(&table, &values);
	assert_null(values.dsn);
}

static void flags(void **state)
{
	(void)state;
	assert_int_equal(
		load(&table,
			"--batch-requests 7 --lease=250 --json --name= --window 2GB --dsn host=x --batch_requests=8"),
		VD_SETTINGS_READY);
	assert_int_equal(values.batch_requests, 8); /* the last one counts */
	assert_int_equal(values.lease_ms, 250);
	assert_true(values.json);
	assert_string_equal(values.name, "");
	assert_string_equal(values.dsn, "host=x");
	assert_int_equal(values.window_bytes, (int64_t)2 << 30);
	vd_settings_free(&table, &values);
	assert_int_equal(load(&table, "--json --no-json"), VD_SETTINGS_READY);
	assert_false(values.json);
	vd_settings_free(&table, &values);
	assert_int_equal(load(&table, "--json=yes --lease 2min --window 100kb"), VD_SETTINGS_READY);
	assert_true(values.json);
	assert_int_equal(values.lease_ms, 120000);
	assert_int_equal(values.window_bytes, 102400);
	vd_settings_free(&table, &values);
}

static void wrong_flags_name_what_is_wrong(void **state)
{
	(void)state;
	ASSERT_WRONG("--bacth-requests 7", "unknown setting --bacth-requests", "did you mean --batch-requests?");
	ASSERT_WRONG("--bacth-requests=7", "unknown setting --bacth-requests", "did you mean --batch-requests?");
	ASSERT_WRONG("--zzzzzzzzzz", "unknown setting --zzzzzzzzzz", "test --help lists all");
	ASSERT_WRONG("-x", "unknown setting -x", "");
	ASSERT_WRONG("--no-lease", "unknown setting --no-lease", "");
	ASSERT_WRONG("--lease", "--lease needs a value", "");
	ASSERT_WRONG("--batch-requests seven", "--batch-requests: \"seven\" is no integer", "1 to 65535");
	ASSERT_WRONG("--batch-requests 7x", "--batch-requests: \"7x\" is no integer", "1 to 65535");
	ASSERT_WRONG("--batch-requests=", "--batch-requests: \"\" is no integer", "1 to 65535");
	ASSERT_WRONG("--batch-requests 0", "--batch-requests: 0 is out of range", "1 to 65535");
	ASSERT_WRONG("--batch-requests 99999999999999999999",
		"--batch-requests: \"99999999999999999999\" is no integer", "");
	ASSERT_WRONG("--lease 3y", "--lease: \"3y\" is no duration", "100ms to 10min, with ms, s, min, h or d");
	ASSERT_WRONG("--lease 1h", "--lease: 1h is out of range", "100ms to 10min");
	ASSERT_WRONG(
		"--window 9000000000GB", "--window: \"9000000000GB\" is no size", "1kB to 8GB, with B, kB, MB or GB");
	ASSERT_WRONG("--format xml", "--format: \"xml\" is not possible", "one of text|json");
	ASSERT_WRONG("--format tex", "--format: \"tex\" is not possible", "one of text|json");
	ASSERT_WRONG("--json=maybe", "--json: \"maybe\" is no bool", "true or false");
	ASSERT_WRONG("word", "\"word\" is no setting", "--help");
	ASSERT_WRONG("-- word", "\"word\" is no setting", "");
	assert_null(values.name); /* nothing is left to free */
}

static void operands_move_to_the_front(void **state)
{
	(void)state;
	assert_int_equal(load(&with_operands, "one --lease 1s two --json - -- --three"), VD_SETTINGS_READY);
	assert_int_equal(operands, 4);
	assert_string_equal(words[1], "one");
	assert_string_equal(words[2], "two");
	assert_string_equal(words[3], "-");
	assert_string_equal(words[4], "--three");
	assert_int_equal(values.lease_ms, 1000);
	vd_settings_free(&table, &values);
}

static void file_below_environment_below_flag(void **state)
{
	(void)state;
	char path[] = "/tmp/verdict-settings-XXXXXX";
	close(mkstemp(path));
	write_config(path,
		"# a comment\n\n  batch_requests = 11   # eleven\nlease=4s\nname = ' two  words '\n"
		"dsn = host=h password='a b' #x\ntoken=a#b\n\tjson = on\r\nformat = \"json\" # quoted");
	char line[200];
	snprintf(line, sizeof line, "--config %s --lease 5s", path);
	setenv("VERDICT_BATCH_REQUESTS", "12", 1);
	setenv("VERDICT_LEASE", "6s", 1);
	setenv("VERDICT_NAME", "", 1); /* empty counts as not set */
	assert_int_equal(load(&table, line), VD_SETTINGS_READY);
	assert_int_equal(values.batch_requests, 12);
	assert_int_equal(values.lease_ms, 5000);
	assert_string_equal(values.name, " two  words ");
	assert_string_equal(values.dsn, "host=h password='a b'");
	assert_true(values.json);
	assert_string_equal(values.format, "json");
	assert_string_equal(values.token, "a#b");
	vd_settings_free(&table, &values);

	setenv("VERDICT_LEASE", "soon", 1); /* found although the flag is stronger */
	ASSERT_WRONG(line, "VERDICT_LEASE: \"soon\" is no duration", "100ms");
	unsetenv("VERDICT_LEASE");
	unsetenv("VERDICT_BATCH_REQUESTS");
	setenv("VERDICT_CONFIG", path, 1);
	assert_int_equal(load(&table, ""), VD_SETTINGS_READY);
	assert_int_equal(values.batch_requests, 11);
	vd_settings_free(&table, &values);
	unsetenv("VERDICT_CONFIG");
	unsetenv("VERDICT_NAME");
	unlink(path);
}

static void wrong_files_name_the_line(void **state)
{
	(void)state;
	char path[] = "/tmp/verdict-settings-XXXXXX";
	close(mkstemp(path));
	static const struct {
		const char *text, *message, *hint;
	} cases[] = {
		{ "json = on\n\nlaese = 3s\n", ":3: unknown setting laese", "did you mean lease?" },
		{ "lease\n", ":1: \"=\" is missing", "name = value" },
		{ "#\nlease = never\n", ":2: lease: \"never\" is no duration", "100ms" },
		{ "name = 'open\n", ":1: name: the quotes do not match", "" },
		{ "name = 'a' b\n", ":1: name: the quotes do not match", "" },
		{ "config = other\n", ":1: unknown setting config", "" },
	};
	char line[200];
	snprintf(line, sizeof line, "--config=%s", path);
	for (size_t i = 0; i < VD_COUNT(cases); i++) {
		write_config(path, cases[i].text);
		char message[200];
		snprintf(message, sizeof message, "%s%s", path, cases[i].message);
		ASSERT_WRONG(line, message, cases[i].hint);
	}
	unlink(path);
	ASSERT_WRONG(
		"--config /nonexistent/file", "cannot read /nonexistent/file: No such file or directory", "");
	ASSERT_WRONG("--config /tmp", "cannot read /tmp: Is a directory", "");
	ASSERT_WRONG("--config", "--config needs a value", "");
}

static void help_and_json_come_from_the_table(void **state)
{
	(void)state;
	char text[4000] = { 0 };
	FILE *file = fmemopen(text, sizeof text, "w");
	vd_settings_print_help(&table, file);
	fclose(file);
	assert_int_equal(strncmp(text, "usage: test [settings]\n", 23), 0);
	for (size_t i = 0; i < VD_COUNT(rows); i++) {
		char flag[64];
		snprintf(flag, sizeof flag, "  --%s", rows[i].name);
		assert_non_null(strstr(text, flag));
		assert_non_null(strstr(text, rows[i].help));
	}
	assert_non_null(strstr(text, "default 3s, from 100ms to 10min  [VERDICT_LEASE]"));

	memset(text, 0, sizeof text);
	file = fmemopen(text, sizeof text, "w");
	vd_settings_print_json(&table, file);
	fclose(file);
	json_t *object = json_loads(text, 0, NULL);
	assert_non_null(object);
	const json_t *list = json_object_get(object, "settings");
	assert_int_equal(json_array_size(list), VD_COUNT(rows));
	const json_t *lease = json_array_get(list, 5);
	assert_string_equal(json_string_value(json_object_get(lease, "environment")), "VERDICT_LEASE");
	assert_int_equal(json_integer_value(json_object_get(lease, "max")), 600000);
	assert_string_equal(json_string_value(json_object_get(lease, "range")), "100ms to 10min");
	json_decref(object);
}

static void secrets_stay_secret(void **state)
{
	(void)state;
	assert_int_equal(
		load(&table, "--token geheim --dsn postgresql://u:geheim@h/d --lease 3000ms --batch-requests 5"),
		VD_SETTINGS_READY);
	struct vd_buffer out = { 0 };
	vd_settings_describe(&table, &values, &out);
	assert_string_equal(vd_buffer_string(&out), "dsn=postgresql://u:***@h/d token=*** batch-requests=5");
	vd_buffer_fini(&out);
	vd_settings_free(&table, &values);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(flags),
		cmocka_unit_test(wrong_flags_name_what_is_wrong),
		cmocka_unit_test(operands_move_to_the_front),
		cmocka_unit_test(file_below_environment_below_flag),
		cmocka_unit_test(wrong_files_name_the_line),
		cmocka_unit_test(help_and_json_come_from_the_table),
		cmocka_unit_test(secrets_stay_secret),
	};
	for (size_t i = 0; i < VD_COUNT(rows); i++) {
		char variable[64] = "VERDICT_";
		for (size_t j = 0; rows[i].name[j] != '\0'; j++)
			variable[8 + j] = rows[i].name[j] == '-' ? '_' : (char)(rows[i].name[j] - 32);
		unsetenv(variable);
	}
	unsetenv("VERDICT_CONFIG");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
