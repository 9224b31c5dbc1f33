/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/check.h"
#include "common/base/log.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

static int ends[2];

static void start(enum vd_log_level level, bool json, const char *node)
{
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	vd_log_start(&(struct vd_log_options){
		.level = level, .json = json, .fd = ends[1], .program = "test", .node = node });
}

/* What was written, stopped and closed. */
static const char *written(void)
{
	static char text[300000];
	size_t used = 0;
	ssize_t got;
	vd_log_stop();
	close(ends[1]);
	while ((got = read(ends[0], text + used, sizeof text - 1 - used)) > 0)
		used += (size_t)got;
	text[used] = '\0';
	close(ends[0]);
	return text;
}

static int evaluated;
static int64_t evaluate(void)
{
	return ++evaluated;
}

static void silent_until_started_and_below_its_level(void **state)
{
	(void)state;
	evaluated = 0;
	vd_log_error("nobody asked", VD_LOG_INT("n", evaluate()));
	assert_int_equal(evaluated, 0);
	start(VD_LOG_WARNING, false, NULL);
	vd_log_info("not this", VD_LOG_INT("n", evaluate()));
	vd_log_debug("nor this", VD_LOG_INT("n", evaluate()));
	vd_log_warning("but this", VD_LOG_INT("n", evaluate()));
	vd_log_error("and this");
	const char *text = written();
	assert_int_equal(evaluated, 1);
	assert_null(strstr(text, "not this"));
	assert_null(strstr(text, "nor this"));
	assert_non_null(strstr(text, " warning test["));
	assert_non_null(strstr(text, "] but this n=1\n"));
	assert_non_null(strstr(text, "] and this\n"));
}

static void write_one_of_each(void)
{
	vd_log_info("one of each", VD_LOG_TEXT("text", "plain"),
		VD_LOG_TEXT("blank", "a \"b\"\n\\ \x1b[0m \xc3\xa4 \xff \xc0\xaf \xed\xa0\x80"),
		VD_LOG_TEXT("none", NULL), VD_LOG_INT("int", -5), VD_LOG_UINT("uint", UINT64_MAX),
		VD_LOG_REAL("real", 1.5), VD_LOG_REAL("nan", NAN), VD_LOG_BOOL("bool", true),
		VD_LOG_BYTES("key", VD_BYTES("a\0\"\\")), VD_LOG_DSN("dsn", "host=h password=geheim"));
}

static void fields_for_people(void **state)
{
	(void)state;
	start(VD_LOG_INFO, false, "n1");
	write_one_of_each();
	const char *text = written();
	const char *fields = strstr(text, "] ");
	assert_non_null(fields);
	assert_string_equal(fields + 2,
		"one of each node=n1 text=plain blank=\"a \\\"b\\\"\\n\\\\ \\x1b[0m \xc3\xa4 \\xff \\xc0\\xaf "
		"\\xed\\xa0\\x80\" int=-5"
		" uint=18446744073709551615 real=1.5 nan=null bool=true key=\"a\\x00\\\"\\\\\""
		" dsn=\"host=h password=***\"\n");
}

static void fields_as_json(void **state)
{
	(void)state;
	start(VD_LOG_INFO, true, "n1");
	write_one_of_each();
	const char *text = written();
	assert_int_equal(strncmp(text, "{\"time\":\"20", 11), 0);
	const char *fields = strstr(text, "\"message\"");
	assert_non_null(fields);
	assert_string_equal(fields, "\"message\":\"one of each\",\"node\":\"n1\",\"text\":\"plain\","
								"\"blank\":\"a \\\"b\\\"\\n\\\\ \\\\x1b[0m \xc3\xa4 \\\\xff \\\\xc0\\\\xaf "
								"\\\\xed\\\\xa0\\\\x80\",\"int\":-5,"
								"\"uint\":18446744073709551615,\"real\":1.5,\"nan\":null,\"bool\":true,"
								"\"key\":\"a\\\\x00\\\"\\\\\\\\\",\"dsn\":\"host=h password=***\"}\n");
}

static void long_lines_stay_whole(void **state)
{
	(void)state;
	static char large[5000];
	memset(large, 'x', sizeof large - 1);
	start(VD_LOG_INFO, true, NULL);
	vd_log_info("long", VD_LOG_TEXT("a", large), VD_LOG_TEXT("b", large),
		VD_LOG_BYTES("c", vd_bytes_of_string(large)), VD_LOG_TEXT("d", large), VD_LOG_INT("e", 1));
	const char *text = written();
	size_t size = strlen(text);
	assert_true(size <= VD_LOG_LINE_BYTES);
	assert_non_null(strstr(text, "xxx...\",\"b\":\"xxx"));
	assert_string_equal(text + size - 13, ",\"cut\":true}\n");
	assert_null(strstr(text, "\"d\"")); /* nothing is left of what did not fit */
	assert_null(strstr(text, "\"e\":1"));
	assert_ptr_equal(strstr(text, "cut"), text + size - 11); /* said once */
}

static void *write_many(void *arg)
{
	for (int i = 0; i < 100; i++)
		vd_log_info("from a thread", VD_LOG_TEXT("who", (const char *)arg), VD_LOG_INT("i", i));
	return NULL;
}

static void threads_do_not_mix_lines(void **state)
{
	(void)state;
	start(VD_LOG_INFO, false, NULL);
	pthread_t threads[4];
	static char names[4][40] = { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbb", "c",
		"dddddddddddd" };
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, names[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	char *text = strdup(written());
	int lines = 0;
	char *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
		 line = strtok_r(NULL, "\n", &save), lines++) {
		const char *who = strstr(line, "from a thread who=");
		assert_non_null(who);
		size_t size = strspn(who + 18, (char[2]){ who[18], '\0' });
		assert_int_equal(strncmp(who + 18 + size, " i=", 3), 0);
		assert_int_equal(size, strlen(names[who[18] - 'a']));
	}
	free(text);
	assert_int_equal(lines, 400);
}

/* A file that may not grow stands in for a full disk: what still fits is written, and the rest is not. */
static void a_line_that_was_torn_by_a_full_disk_does_not_spoil_the_next(void **state)
{
	(void)state;
	char text[1024] = "";
	struct rlimit before;
	FILE *file = tmpfile();
	assert_non_null(file);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_IGN);
	vd_log_start(&(struct vd_log_options){
		.level = VD_LOG_INFO, .json = true, .fd = fileno(file), .program = "test" });
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 30, before.rlim_max }), 0);
	vd_log_info("this is torn");
	vd_log_info("this is lost");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	vd_log_info("this is whole");
	vd_log_info("and this");
	vd_log_stop();
	ssize_t size = pread(fileno(file), text, sizeof text - 1, 0);
	fclose(file);
	assert_true(size > 30);
	assert_int_equal(text[30], '\n');
	assert_null(strstr(text, "lost"));
	assert_non_null(strstr(text, "\"message\":\"this is whole\"}\n{"));
	assert_non_null(strstr(text, "\"message\":\"and this\"}\n"));
	assert_null(strstr(text, "\n\n"));
}

static void levels_have_names(void **state)
{
	(void)state;
	enum vd_log_level level;
	assert_true(vd_log_level_parse("warning", &level));
	assert_int_equal(level, VD_LOG_WARNING);
	assert_true(vd_log_level_parse("off", &level));
	assert_int_equal(level, VD_LOG_OFF);
	assert_false(vd_log_level_parse("loud", &level));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_until_started_and_below_its_level),
		cmocka_unit_test(fields_for_people),
		cmocka_unit_test(fields_as_json),
		cmocka_unit_test(long_lines_stay_whole),
		cmocka_unit_test(threads_do_not_mix_lines),
		cmocka_unit_test(a_line_that_was_torn_by_a_full_disk_does_not_spoil_the_next),
		cmocka_unit_test(levels_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
