/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/codes.h"
#include "common/base/fault.h"

#include <stdlib.h>

static void arm(const char *spec)
{
	struct vd_error error;
	assert_int_equal(vd_fault_arm(spec, NULL, &error), 0);
}

static void inert_by_default(void **state)
{
	(void)state;
	assert_false(VD_FAULT("test.place"));
	assert_int_equal(atomic_load(&vd_fault_armed), 0); /* the environment was read and named nothing */
}

static void hits_are_counted_a_place(void **state)
{
	(void)state;
	arm("test.third:3:fail,test.from:2+:fail,test.all:*:fail");
	for (int i = 1; i <= 5; i++) {
		assert_int_equal(VD_FAULT("test.third"), i == 3);
		assert_int_equal(VD_FAULT("test.from"), i >= 2);
		assert_true(VD_FAULT("test.all"));
		assert_false(VD_FAULT("test.other"));
	}
	assert_int_equal(vd_fault_hits("test.third"), 5);
	assert_int_equal(vd_fault_hits("test.other"), 5);
	assert_int_equal(vd_fault_hits("test.never"), 0);
	vd_fault_disarm();
	assert_false(VD_FAULT("test.all"));
}

static void malformed_specs_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "x", "x:1", "x:0:fail", "x:-1:fail", "x:1:explode",
		"x:1:sleep=", "x:1:sleep=5s", "x:one:fail", "x:1:fail:more", "x:1+2:fail", "a:1:fail,b" };
	for (size_t i = 0; i < VD_COUNT(bad); i++) {
		struct vd_error error = { 0 };
		assert_int_equal(vd_fault_arm(bad[i], NULL, &error), VD_CODE_INVALID_OPTION_VALUE);
		assert_non_null(strstr(error.message, bad[i]));
		assert_non_null(strstr(error.hint, "name:hit:action"));
	}
	struct vd_error error;
	assert_int_equal(vd_fault_arm(NULL, "/nonexistent/log", &error), VD_CODE_IO_ERROR);
}

static void sleeping(void **state)
{
	(void)state;
	arm("test.place:2:sleep=600000");
	(void)VD_FAULT("test.place"); /* not yet */
	arm("test.place:1:sleep=60");
	int64_t begin = vd_clock_ms();
	(void)VD_FAULT("test.place");
	assert_true(vd_clock_ms() - begin >= 60);
	vd_fault_disarm();
}

static void child_with(const char *spec, const char *log, int *status)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		atomic_store(&vd_fault_armed, -1); /* as in a new process: the first hit reads the environment */
		setenv("VERDICT_FAULT", spec, 1);
		setenv("VERDICT_FAULT_LOG", log, 1);
		(void)VD_FAULT("test.before");
		_exit(VD_FAULT("test.place") ? 3 : 0);
	}
	assert_int_equal(waitpid(child, status, WUNTRACED), child);
	if (WIFSTOPPED(*status)) {
		kill(child, SIGCONT);
		int rest;
		assert_int_equal(waitpid(child, &rest, 0), child);
		assert_true(WIFEXITED(rest) && WEXITSTATUS(rest) == 0);
	}
}

static void the_environment_pauses_and_kills_and_the_log_tells(void **state)
{
	(void)state;
	char log[] = "/tmp/verdict-fault-XXXXXX";
	int fd = mkstemp(log);
	assert_true(fd >= 0);
	int status;
	child_with("test.place:1:pause", log, &status);
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	child_with("test.place:1:kill", log, &status);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	child_with("test.place:1:fail", log, &status);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	char text[400] = { 0 };
	assert_true(read(fd, text, sizeof text - 1) > 0);
	assert_string_equal(text, "test.before 1 none\ntest.place 1 pause\n"
							  "test.before 1 none\ntest.place 1 kill\n"
							  "test.before 1 none\ntest.place 1 fail\n");
	close(fd);
	unlink(log);
}

static void a_place_is_watched_by_a_fault_or_by_a_log(void **state)
{
	(void)state;
	assert_false(vd_fault_is_watched("test.place"));
	arm("test.place:3:fail,test.more:1+:fail");
	assert_true(vd_fault_is_watched("test.place"));
	assert_true(vd_fault_is_watched("test.more"));
	assert_false(vd_fault_is_watched("test.other"));
	struct vd_error error;
	assert_int_equal(vd_fault_arm("test.place:3:fail", "/dev/null", &error), 0);
	assert_true(vd_fault_is_watched("test.other"));
	vd_fault_disarm();
	assert_false(vd_fault_is_watched("test.place"));
}

int main(void)
{
	unsetenv("VERDICT_FAULT");
	unsetenv("VERDICT_FAULT_LOG");
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inert_by_default),
		cmocka_unit_test(hits_are_counted_a_place),
		cmocka_unit_test(malformed_specs_are_refused),
		cmocka_unit_test(sleeping),
		cmocka_unit_test(a_place_is_watched_by_a_fault_or_by_a_log),
		cmocka_unit_test(the_environment_pauses_and_kills_and_the_log_tells),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
