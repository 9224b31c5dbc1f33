/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/check.h"
#include "common/text/errors.h"

#include <ctype.h>

static void names_are_foundationdbs(void **state)
{
	(void)state;
	/* from docs/semantics.md; written out again so that a slip in the list is seen */
	static const struct {
		int code;
		const char *name;
	} known[] = { { 1007, "transaction_too_old" }, { 1009, "future_version" }, { 1020, "not_committed" },
		{ 1021, "commit_unknown_result" }, { 1025, "transaction_cancelled" },
		{ 1031, "transaction_timed_out" }, { 1032, "too_many_watches" }, { 1034, "watches_disabled" },
		{ 1036, "accessed_unreadable" }, { 1037, "process_behind" }, { 1038, "database_locked" },
		{ 1101, "operation_cancelled" }, { 2000, "client_invalid_operation" },
		{ 2002, "commit_read_incomplete" }, { 2004, "key_outside_legal_range" }, { 2005, "inverted_range" },
		{ 2006, "invalid_option_value" }, { 2007, "invalid_option" }, { 2010, "read_version_already_set" },
		{ 2011, "version_invalid" }, { 2012, "range_limits_invalid" }, { 2017, "used_during_commit" },
		{ 2018, "invalid_mutation_type" }, { 2020, "transaction_invalid_version" },
		{ 2021, "no_commit_version" }, { 2101, "transaction_too_large" }, { 2102, "key_too_large" },
		{ 2103, "value_too_large" }, { 2104, "connection_string_invalid" },
		{ 2210, "exact_mode_without_limits" }, { 7001, "precondition_failed" }, { 7002, "sql_error" },
		{ 7003, "overloaded" }, { 7004, "clear_too_large" }, { 7005, "unknown_client" },
		{ 7006, "counter_unusable" } };
	for (size_t i = 0; i < VD_COUNT(known); i++) {
		assert_string_equal(vd_code_name(known[i].code), known[i].name);
		assert_int_equal(vd_code_of_name(known[i].name), known[i].code);
	}
	assert_string_equal(vd_code_name(1), "unknown_error");
	assert_string_equal(vd_code_sentence(1), "unknown error");
	assert_int_equal(vd_code_of_name("unknown_error"), -1);
	assert_false(vd_code_is_known(1));
}

static void predicates(void **state)
{
	(void)state;
	static const int not_committed[] = { 1007, 1009, 1020, 1037, 1038, 1042, 7003 };
	static const int maybe[] = { 1021, 1039 };
	for (unsigned i = 0; vd_code_at(i) >= 0; i++) {
		int code = vd_code_at(i);
		bool in_not = false, in_maybe = false;
		for (size_t j = 0; j < VD_COUNT(not_committed); j++)
			in_not = in_not || not_committed[j] == code;
		for (size_t j = 0; j < VD_COUNT(maybe); j++)
			in_maybe = in_maybe || maybe[j] == code;
		assert_int_equal(vd_code_is_retryable_not_committed(code), in_not);
		assert_int_equal(vd_code_is_maybe_committed(code), in_maybe);
		assert_int_equal(vd_code_is_retryable(code), in_not || in_maybe);
	}
	assert_false(vd_code_is_retryable(12345));
}

static void the_list_is_in_order_and_each_has_a_sentence(void **state)
{
	(void)state;
	for (unsigned i = 0; vd_code_at(i) >= 0; i++) {
		if (i > 0)
			assert_true(vd_code_at(i) > vd_code_at(i - 1));
		const char *sentence = vd_code_sentence(vd_code_at(i));
		size_t size = strlen(sentence);
		assert_true(size > 0 && sentence[size - 1] != '.');
		assert_true(islower((unsigned char)sentence[0]) || strncmp(sentence, "PostgreSQL", 10) == 0);
		assert_true(vd_code_is_known(vd_code_at(i)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_foundationdbs),
		cmocka_unit_test(predicates),
		cmocka_unit_test(the_list_is_in_order_and_each_has_a_sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
