/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "cli/script.h"

static struct vd_script script;
static struct vd_error error;

static int parse_as(const char *text, enum vd_script_form form)
{
	error = (struct vd_error){ 0 };
	return vd_script_parse(&script, vd_bytes_of_string(text), form, &error);
}

static void parse(const char *text)
{
	if (parse_as(text, VD_SCRIPT_WHOLE) != 0)
		fail_msg("%s: %s", text, error.message);
}

#define ASSERT_BYTES(bytes, literal) assert_true(vd_bytes_equal((bytes), VD_BYTES(literal)))

static void a_script_becomes_steps(void **state)
{
	(void)state;
	parse("set a 1; get a; add n -5;;  ; getrange a z limit 10 reverse snapshot\nclear a;get k snapshot");
	assert_int_equal(script.steps.count, 6);
	const struct vd_script_step *s = script.steps.items;
	assert_int_equal(s[0].command->kind, VD_COMMAND_SET);
	ASSERT_BYTES(s[0].first, "a");
	ASSERT_BYTES(s[0].second, "1");
	assert_int_equal(s[1].command->kind, VD_COMMAND_GET);
	assert_false(s[1].snapshot);
	assert_int_equal(s[2].number, -5);
	assert_int_equal(s[3].number, 10);
	assert_true(s[3].reverse && s[3].snapshot);
	assert_int_equal(s[4].line, 2);
	assert_int_equal(s[4].column, 1);
	assert_int_equal(s[5].column, 9);
	assert_true(s[5].snapshot);
	vd_script_free(&script);
}

static void bytes_and_quotes(void **state)
{
	(void)state;
	parse("set \"a b;c\" \"\"; set \\x00\\xff\\\\ \"say \\\"hi\\\" \\x0a\"; set a\" \"b \xc3\xa4");
	const struct vd_script_step *s = script.steps.items;
	ASSERT_BYTES(s[0].first, "a b;c");
	ASSERT_BYTES(s[0].second, "");
	ASSERT_BYTES(s[1].first, "\0\xff\\");
	ASSERT_BYTES(s[1].second, "say \"hi\" \n");
	ASSERT_BYTES(s[2].first, "a b");
	ASSERT_BYTES(s[2].second, "\xc3\xa4");
	vd_script_free(&script);
}

static void each_command_is_found_with_and_without_underscores(void **state)
{
	(void)state;
	for (size_t i = 0; vd_command_at(i) != NULL; i++) {
		const char *name = vd_command_at(i)->name;
		char bare[40] = "";
		for (const char *at = name; *at != '\0'; at++)
			if (*at != '_')
				strncat(bare, at, 1);
		assert_ptr_equal(vd_command_of(vd_bytes_of_string(name)), vd_command_at(i));
		assert_ptr_equal(vd_command_of(vd_bytes_of_string(bare)), vd_command_at(i));
	}
	assert_null(vd_command_of(VD_BYTES("ge")));
	assert_null(vd_command_of(VD_BYTES("gets")));
	assert_null(vd_command_of(VD_BYTES("")));
	assert_int_equal(vd_command_of(VD_BYTES("BYTE_max")) == NULL, 1);
	assert_int_equal(vd_command_of(VD_BYTES("compare_and_clear"))->code, VD_MUTATION_COMPARE_AND_CLEAR);
}

static void selectors(void **state)
{
	(void)state;
	parse("getkey last_less_than k; getkey firstgreaterorequal k 3; getkey last_less_or_equal k -2 snapshot; "
		  "getkey first_greater_than 7 snapshot");
	const struct vd_script_step *s = script.steps.items;
	assert_int_equal(s[0].selector, VD_SELECT_LAST_LESS_THAN);
	assert_int_equal(s[0].number, 0);
	assert_int_equal(s[1].selector, VD_SELECT_FIRST_GREATER_OR_EQUAL);
	assert_int_equal(s[1].number, 3);
	assert_int_equal(s[2].number, -2);
	assert_true(s[2].snapshot);
	ASSERT_BYTES(s[3].first, "7");
	vd_script_free(&script);
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "foo a", "column 1: unknown command \"foo\"" },
		{ "get a; gte b", "column 8: unknown command \"gte\"" },
		{ "get a\n set a", "line 2, column 6: set: it needs a key and a value" },
		{ "get", "column 1: get: the key is missing" },
		{ "get a b", "column 5: get: a word too many" },
		{ "clear a snapshot", "column 7: clear: a word too many" },
		{ "add n x", "column 7: add: it needs a key and a number of 64 bits" },
		{ "add n 9223372036854775808", "column 7: add: it needs a key and a number of 64 bits" },
		{ "add n \"5 \"", "column 7: add: it needs a key and a number of 64 bits" },
		{ "getrange a b limit 0", "column 20: getrange: limit needs a number above 0" },
		{ "getrange a b limit", "column 14: getrange: limit needs a number above 0" },
		{ "getkey first k",
			"column 8: getkey: it needs one of last_less_than, last_less_or_equal, first_greater_than, "
			"first_greater_or_equal" },
		{ "set a \"b", "column 7: the quote is not closed" },
		{ "set a \\x1", "column 7: " },
		{ "set a b\\", "column 7: " },
		{ "begin; set a 1", "column 1: begin without commit" },
		{ "begin; begin; commit", "column 8: begin inside a transaction" },
		{ "set a 1; begin; commit", "column 10: begin after commands that wait for a commit" },
		{ "commit", "column 1: commit without anything to commit" },
		{ "begin; commit; commit", "column 16: commit without anything to commit" },
		{ "get a b c d e f g h i", "column 19: too many words in one command" },
	};
	for (size_t i = 0; i < VD_COUNT(bad); i++) {
		assert_int_not_equal(parse_as(bad[i].text, VD_SCRIPT_WHOLE), 0);
		if (strncmp(error.message, bad[i].message, strlen(bad[i].message)) != 0)
			fail_msg("%s: %s", bad[i].text, error.message);
		assert_null(strchr(error.message, '\n'));
		vd_script_free(&script);
	}
	assert_int_not_equal(parse_as("gte b", VD_SCRIPT_WHOLE), 0);
	assert_string_equal(error.hint, "did you mean get?");
	vd_script_free(&script);
}

static void transactions_over_lines_of_a_shell(void **state)
{
	(void)state;
	assert_int_equal(parse_as("begin; set a 1", VD_SCRIPT_LINE), 0);
	vd_script_free(&script);
	assert_int_equal(parse_as("set a 1; commit; get a", VD_SCRIPT_LINE_IN_OPEN), 0);
	vd_script_free(&script);
	assert_int_not_equal(parse_as("begin", VD_SCRIPT_LINE_IN_OPEN), 0);
	vd_script_free(&script);
	assert_int_equal(parse_as("begin; set a 1; commit; begin; reset; get a; commit; set b 2; commit; get b",
						 VD_SCRIPT_WHOLE),
		0);
	vd_script_free(&script);
	assert_int_equal(parse_as("", VD_SCRIPT_WHOLE), 0);
	assert_int_equal(script.steps.count, 0);
	vd_script_free(&script);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_script_becomes_steps),
		cmocka_unit_test(bytes_and_quotes),
		cmocka_unit_test(each_command_is_found_with_and_without_underscores),
		cmocka_unit_test(selectors),
		cmocka_unit_test(what_is_wrong_is_said_with_its_place),
		cmocka_unit_test(transactions_over_lines_of_a_shell),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
