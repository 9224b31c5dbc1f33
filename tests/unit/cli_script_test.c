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

static bool step_is(size_t i, const char *name)
{
	return strcmp(script.steps.items[i].command->name, name) == 0;
}

static void a_script_becomes_steps(void **state)
{
	(void)state;
	parse("set a 1; get a; add n -5;;  ; getrange a z limit 10 reverse snapshot\nclear a;get k snapshot");
	assert_int_equal(script.steps.count, 6);
	const struct vd_script_step *s = script.steps.items;
	assert_true(step_is(0, "set"));
	ASSERT_BYTES(s[0].arguments[0].bytes, "a");
	ASSERT_BYTES(s[0].arguments[1].bytes, "1");
	assert_true(step_is(1, "get"));
	assert_false(s[1].arguments[1].given);
	assert_int_equal(s[2].arguments[1].number, -5);
	assert_int_equal(s[3].arguments[2].number, 10);
	assert_true(s[3].arguments[2].given && s[3].arguments[3].given && s[3].arguments[4].given);
	assert_int_equal(s[4].line, 2);
	assert_int_equal(s[4].column, 1);
	assert_int_equal(s[5].column, 9);
	assert_true(s[5].arguments[1].given);
	vd_script_free(&script);
	parse("getrange a z reverse; option x; option x \"\"");
	s = script.steps.items;
	assert_true(!s[0].arguments[2].given && s[0].arguments[3].given && !s[0].arguments[4].given);
	assert_true(s[1].arguments[0].given && !s[1].arguments[1].given);
	assert_true(s[2].arguments[1].given && s[2].arguments[1].bytes.size == 0);
	vd_script_free(&script);
}

static void bytes_and_quotes(void **state)
{
	(void)state;
	parse("set \"a b;c\" \"\"; set \\x00\\xff\\\\ \"say \\\"hi\\\" \\x0a\"; set a\" \"b \xc3\xa4");
	const struct vd_script_step *s = script.steps.items;
	ASSERT_BYTES(s[0].arguments[0].bytes, "a b;c");
	ASSERT_BYTES(s[0].arguments[1].bytes, "");
	ASSERT_BYTES(s[1].arguments[0].bytes, "\0\xff\\");
	ASSERT_BYTES(s[1].arguments[1].bytes, "say \"hi\" \n");
	ASSERT_BYTES(s[2].arguments[0].bytes, "a b");
	ASSERT_BYTES(s[2].arguments[1].bytes, "\xc3\xa4");
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
	assert_int_equal(s[0].arguments[0].number, VD_SELECT_LAST_LESS_THAN);
	assert_int_equal(s[0].arguments[2].number, 0);
	assert_int_equal(s[1].arguments[0].number, VD_SELECT_FIRST_GREATER_OR_EQUAL);
	assert_int_equal(s[1].arguments[2].number, 3);
	assert_int_equal(s[2].arguments[2].number, -2);
	assert_true(s[2].arguments[3].given);
	ASSERT_BYTES(s[3].arguments[1].bytes, "7");
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
		{ "get a\n set a", "line 2, column 6: set: the value is missing" },
		{ "get", "column 1: get: the key is missing" },
		{ "get a b", "column 7: get: a word too many" },
		{ "clear a snapshot", "column 9: clear: a word too many" },
		{ "add n x", "column 7: add: the number must be a number of 64 bits" },
		{ "add n 9223372036854775808", "column 7: add: the number must be a number of 64 bits" },
		{ "add n \"5 \"", "column 7: add: the number must be a number of 64 bits" },
		{ "getrange a b limit 0", "column 20: getrange: limit needs a number above 0" },
		{ "getrange a b limit", "column 14: getrange: limit needs a number above 0" },
		{ "getkey first k", "column 8: getkey: the selector must be one of last_less_than, "
							"last_less_or_equal, first_greater_than, "
							"first_greater_or_equal" },
		{ "getkey last_less_than k x",
			"column 25: getkey: the offset must be a number that is not too large" },
		{ "getkey last_less_than k 1073741824", "column 25: getkey: the offset must be" },
		{ "getkey last_less_than k 1 2", "column 27: getkey: a word too many" },
		{ "option", "column 1: option: the name is missing" },
		{ "commit now", "column 8: commit: a word too many" },
		{ "set a \"b", "column 7: the quote is not closed" },
		{ "set a \"b\n\nc\"; gte", "line 3, column 5: unknown command" },
		{ "set a \"b\n c\" \"d\n", "line 2, column 5: the quote is not closed" },
		{ "set a \\x1", "column 7: " },
		{ "set a b\\", "column 7: " },
		{ "begin; set a 1", "column 1: begin without commit" },
		{ "begin; begin; commit", "column 8: begin inside a transaction" },
		{ "set a 1; begin; commit", "column 10: begin after commands that wait for a commit" },
		{ "commit", "column 1: commit without anything to commit" },
		{ "begin; commit; commit", "column 16: commit without anything to commit" },
		{ "get 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7", "column 35: too many words in one command" },
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
