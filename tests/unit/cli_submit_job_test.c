/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "cli/submit_job.h"

#include <verdict/verdict.h>

static struct vd_job job;
static struct vd_error error;

static int parse(const char *text)
{
	error = (struct vd_error){ 0 };
	return vd_job_parse(&job, vd_bytes_of_string(text), &error);
}

#define ASSERT_BYTES(bytes, literal) assert_true(vd_bytes_equal((bytes), VD_BYTES(literal)))

static void a_line_becomes_operations(void **state)
{
	(void)state;
	if (parse("{\"id\":\"7\",\"ops\":[[\"set\",\"k\",\"v\"],[\"add\",\"n\",-2],[\"clear_range\",\"a\",\"z\"],"
			  "[\"clear\",\"\"],"
			  "[\"byte_max\",\"b\",\"\\\\x00\\\\xff\\\\\\\\\"],[\"add\",\"m\",\"\\\\x01\"]],\"reads\":[["
			  "\"a\",\"b\"]],"
			  "\"writes\":[[\"c\",\"d\"],[\"e\",\"f\"]]}") != 0)
		fail_msg("%s", error.message);
	assert_string_equal(json_string_value(job.id), "7");
	assert_int_equal(job.ops.count, 9);
	const struct vd_op *ops = job.ops.items;
	assert_int_equal(ops[0].kind, VD_OP_SET);
	ASSERT_BYTES(ops[0].first, "k");
	ASSERT_BYTES(ops[0].second, "v");
	assert_int_equal(ops[1].kind, VD_OP_ATOMIC);
	assert_int_equal(ops[1].code, VD_MUTATION_ADD);
	ASSERT_BYTES(ops[1].second, "\xfe\xff\xff\xff\xff\xff\xff\xff");
	assert_int_equal(ops[2].kind, VD_OP_CLEAR_RANGE);
	ASSERT_BYTES(ops[2].second, "z");
	assert_int_equal(ops[3].kind, VD_OP_CLEAR);
	ASSERT_BYTES(ops[3].first, "");
	assert_int_equal(ops[4].code, VD_MUTATION_BYTE_MAX);
	ASSERT_BYTES(ops[4].second, "\0\xff\\");
	ASSERT_BYTES(ops[5].second, "\x01");
	assert_int_equal(ops[6].kind, VD_OP_CONFLICT_RANGE);
	assert_int_equal(ops[6].code, VD_CONFLICT_RANGE_READ);
	assert_int_equal(ops[8].code, VD_CONFLICT_RANGE_WRITE);
	ASSERT_BYTES(ops[8].first, "e");
	vd_job_fini(&job);
}

static void what_is_malformed_is_said_in_one_line(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "", "malformed JSON at byte 0: " },
		{ "{", "malformed JSON at byte 1: " },
		{ "{\"ops\":[]} x", "malformed JSON at byte 12: " },
		{ "{\"ops\":[],\"ops\":[]}", "malformed JSON at byte 15: duplicate object key" },
		{ "[]", "it must be a JSON object" },
		{ "{}", "ops is missing" },
		{ "{\"ops\":{}}", "ops: it must be an array" },
		{ "{\"ops\":[[]]}", "ops[0]: an op is an array that begins with its name" },
		{ "{\"ops\":[\"set\"]}", "ops[0]: an op is an array that begins with its name" },
		{ "{\"ops\":[[\"set\",\"k\",\"v\"],[\"sett\",\"k\",\"v\"]]}", "ops[1]: unknown op \"sett\"" },
		{ "{\"ops\":[[\"get\",\"k\"]]}", "ops[0]: unknown op \"get\"" },
		{ "{\"ops\":[[\"set\",\"k\"]]}", "ops[0]: set takes two arguments" },
		{ "{\"ops\":[[\"clear\",\"k\",\"v\"]]}", "ops[0]: clear takes one argument" },
		{ "{\"ops\":[[\"set\",\"k\",5]]}", "ops[0]: set: a string is expected" },
		{ "{\"ops\":[[\"add\",\"k\",1.5]]}", "ops[0]: add: a string is expected" },
		{ "{\"ops\":[[\"add\",\"k\",9223372036854775808]]}", "malformed JSON at byte " },
		{ "{\"ops\":[[\"set\",\"k\",\"\\\\x0\"]]}", "ops[0]: set: " },
		{ "{\"ops\":[],\"reads\":[[\"a\"]]}", "reads[0]: a range is an array of its begin and its end" },
		{ "{\"ops\":[],\"writes\":5}", "writes: it must be an array" },
		{ "{\"ops\":[],\"id\":[]}", "id must be text or a number" },
		{ "{\"ops\":[],\"read_version\":\"12\"}", "read_version must be a number above 0" },
		{ "{\"ops\":[],\"read_version\":0}", "read_version must be a number above 0" },
		{ "{\"ops\":[[\"set\\u0000\",\"k\",\"v\"]]}", "ops[0]: unknown op \"set\\x00\"" },
		{ "{\"ops\":[[\"read_conflict\",\"k\",\"v\"]]}", "ops[0]: unknown op \"read_conflict\"" },
		/* What is passed on to a terminal is plain text, whatever the line holds. */
		{ "{\"ops\":[[\"\\u001b[31m\",\"k\",\"v\"]]}", "ops[0]: unknown op \"\\x1b[31m\"" },
		{ "{\"\\u001b\xc2\x9b\":1}", "unknown field \"\\x1b\\xc2\\x9b\"" },
		{ "{\"\xc2\x9b\" 1}", "malformed JSON at byte " },
		{ "\x1b[31m", "malformed JSON at byte " },
		{ "{\"ops\":[],\"precondition\":1}", "unknown field \"precondition\"" },
	};
	for (size_t i = 0; i < VD_COUNT(bad); i++) {
		assert_int_not_equal(parse(bad[i].text), 0);
		if (strncmp(error.message, bad[i].message, strlen(bad[i].message)) != 0)
			fail_msg("%s: %s", bad[i].text, error.message);
		for (const char *at = error.message; *at != '\0'; at++)
			assert_in_range(*at, ' ', '~');
		vd_job_fini(&job);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_becomes_operations),
		cmocka_unit_test(what_is_malformed_is_said_in_one_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
