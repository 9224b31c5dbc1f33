/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/guard.h"

#include "tests/unit/test.h"

#include <pthread.h>

static struct vd_loop *loop;
static struct vd_guard *guard;
static char trace[64];

struct step {
	struct vd_task task;
	const char *letter;
	struct step *posts;
	struct step *withdraws;
	bool stops;
};

static void run(void *arg)
{
	struct step *step = arg;
	if (strlen(trace) < sizeof trace - 2)
		strcat(trace, step->letter);
	if (step->posts != NULL)
		vd_guard_post(guard, &step->posts->task);
	if (step->withdraws != NULL)
		vd_guard_withdraw(guard, &step->withdraws->task);
	if (step->stops)
		vd_loop_stop(loop);
}

#define STEP(name, ...)                                                                                      \
	struct step name = { .letter = #name, __VA_ARGS__ };                                                     \
	name.task = (struct vd_task)                                                                             \
	{                                                                                                        \
		.run = run, .arg = &name                                                                             \
	}

static int setup(void **state)
{
	bool threaded = *state != NULL;
	trace[0] = '\0';
	loop = vd_loop_new(NULL);
	guard = vd_guard_new(loop, threaded);
	return guard == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	vd_guard_detach(guard);
	vd_guard_unref(guard);
	vd_loop_free(loop);
	return 0;
}

static void tasks_run_in_order_and_once(void **state)
{
	(void)state;
	STEP(c, .stops = true);
	STEP(b, .posts = &c);
	STEP(a, .posts = &a);
	a.posts = NULL;
	vd_guard_post(guard, &a.task);
	vd_guard_post(guard, &b.task);
	vd_guard_post(guard, &a.task);
	assert_string_equal(trace, ""); /* never from inside */
	assert_false(vd_guard_is_idle(guard));
	assert_true(vd_loop_run(loop));
	assert_string_equal(trace, "abc");
	assert_true(vd_guard_is_idle(guard));
}

static void a_task_may_post_itself_without_starving_others(void **state)
{
	(void)state;
	STEP(a, .posts = NULL);
	a.posts = &a;
	STEP(b, .posts = NULL);
	vd_guard_post(guard, &a.task);
	vd_guard_post(guard, &b.task);
	struct vd_timer timer;
	STEP(t, .stops = true);
	assert_true(vd_timer_init(&timer, loop, run, &t));
	vd_timer_arm_us(&timer, 200);
	assert_true(vd_loop_run(loop));
	assert_memory_equal(trace, "ab", 2);
	vd_guard_withdraw(guard, &a.task);
	vd_timer_fini(&timer);
}

static void a_withdrawn_task_does_not_run(void **state)
{
	(void)state;
	STEP(c, .stops = true);
	STEP(b, .posts = NULL);
	STEP(a, .posts = &c, .withdraws = &b);
	vd_guard_post(guard, &a.task);
	vd_guard_post(guard, &b.task);
	assert_true(vd_loop_run(loop));
	assert_string_equal(trace, "ac");
}

static void nothing_is_posted_after_the_end(void **state)
{
	(void)state;
	STEP(a, .posts = NULL);
	STEP(b, .posts = NULL);
	vd_guard_post(guard, &a.task);
	vd_guard_detach(guard);
	vd_guard_post(guard, &b.task);
	assert_true(vd_guard_is_idle(guard));
	assert_false(a.task.posted || b.task.posted);
}

/* ---- two threads ---- */

static unsigned counted;

static void *loop_thread(void *arg)
{
	(void)arg;
	vd_guard_adopt_thread(guard);
	assert_true(vd_loop_run(loop));
	return NULL;
}

static void count(void *arg)
{
	(void)arg;
	assert_true(vd_guard_is_loop_thread(guard));
	counted++;
	vd_guard_tell(guard);
}

static void posts_from_another_thread_wake_the_loop(void **state)
{
	(void)state;
	struct vd_task task = { .run = count };
	pthread_t thread;
	counted = 0;
	assert_int_equal(pthread_create(&thread, NULL, loop_thread, NULL), 0);
	for (unsigned i = 1; i <= 2000; i++) {
		assert_int_equal(vd_guard_enter(guard), 0);
		assert_false(vd_guard_is_loop_thread(guard));
		vd_guard_post(guard, &task);
		while (counted < i)
			vd_guard_wait(guard);
		vd_guard_leave(guard);
	}
	vd_loop_stop(loop);
	pthread_join(thread, NULL);
	assert_int_equal(counted, 2000);
}

static void the_child_of_a_fork_does_not_enter(void **state)
{
	(void)state;
	assert_int_equal(vd_guard_enter(guard), 0);
	pid_t child = fork(); /* with the lock held, as another thread might */
	if (child == 0) {
		alarm(10); /* it would wait for a lock that nobody holds there */
		_exit(vd_guard_enter(guard) == 2000 ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	vd_guard_leave(guard);
	assert_int_equal(vd_guard_enter(guard), 0);
	vd_guard_leave(guard);
}

int main(void)
{
	static char threaded[] = "threaded";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tasks_run_in_order_and_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_task_may_post_itself_without_starving_others, setup, teardown),
		cmocka_unit_test_setup_teardown(a_withdrawn_task_does_not_run, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_is_posted_after_the_end, setup, teardown),
		cmocka_unit_test_prestate_setup_teardown(
			posts_from_another_thread_wake_the_loop, setup, teardown, threaded),
		cmocka_unit_test_prestate_setup_teardown(
			the_child_of_a_fork_does_not_enter, setup, teardown, threaded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
