/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/future.h"

#include "follower/guard.h"
#include "tests/unit/test.h"

#include <pthread.h>

static struct vd_loop *loop;
static struct vd_guard *guard;
static unsigned calls, thens;

static int setup(void **state)
{
	loop = vd_loop_new(NULL);
	guard = vd_guard_new(loop, *state != NULL);
	calls = thens = 0;
	return guard == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	vd_guard_detach(guard);
	vd_guard_unref(guard); /* asserts nothing about futures: LeakSanitizer does */
	vd_loop_free(loop);
	return 0;
}

static void stop(void *arg)
{
	(void)arg;
	vd_loop_stop(loop);
}

/* Until nothing happens any more. */
static void turn(void)
{
	struct vd_timer timer;
	assert_true(vd_timer_init(&timer, loop, stop, NULL));
	vd_timer_arm_ms(&timer, 5);
	assert_true(vd_loop_run(loop));
	vd_timer_fini(&timer);
}

static void on_ready(struct vd_future *future, void *arg)
{
	assert_true(vd_future_is_ready(future));
	assert_ptr_equal(arg, &calls);
	calls++;
}

static void on_then(struct vd_future *future, void *arg)
{
	(void)arg;
	assert_true(vd_future_is_ready(future));
	thens++;
}

static void free_it(struct vd_future *future, void *arg)
{
	on_ready(future, arg);
	vd_future_free(future);
}

static void a_callback_comes_once_and_never_from_inside(void **state)
{
	(void)state;
	struct vd_future *future = vd_future_make(guard, VD_FUTURE_VERSION);
	int64_t version;
	assert_false(vd_future_is_ready(future));
	assert_int_equal(vd_future_error(future), 2000);
	vd_future_on_ready(future, on_ready, &calls);
	vd_future_set_version(future, 42);
	vd_future_finish(future, 0, NULL);
	assert_int_equal(calls, 0);
	assert_int_equal(vd_future_get_version(future, &version), 0);
	assert_int_equal(version, 42);
	turn();
	assert_int_equal(calls, 1);
	turn();
	assert_int_equal(calls, 1);
	vd_future_free(future);
}

static void a_callback_for_what_has_ended_comes_later_too(void **state)
{
	(void)state;
	struct vd_future *future = vd_future_failed(guard, 1020, "lost to another one");
	assert_string_equal(vd_future_message(future), "lost to another one");
	vd_future_on_ready(future, free_it, &calls);
	assert_int_equal(calls, 0);
	turn();
	assert_int_equal(calls, 1);
}

static void freed_at_any_time(void **state)
{
	(void)state;
	struct vd_future *before = vd_future_make(guard, VD_FUTURE_VALUE);
	vd_future_on_ready(before, on_ready, &calls);
	vd_future_free(before);
	assert_true(vd_future_is_abandoned(before));
	assert_true(vd_future_set_value(before, true, VD_BYTES("late")));
	vd_future_finish(before, 0, NULL); /* frees */
	struct vd_future *posted = vd_future_make(guard, VD_FUTURE_VALUE);
	vd_future_on_ready(posted, on_ready, &calls);
	vd_future_finish(posted, 0, NULL);
	vd_future_free(posted); /* its callback was due */
	turn();
	assert_int_equal(calls, 0);
}

static void cancelled_by_its_user(void **state)
{
	(void)state;
	struct vd_future *future = vd_future_make(guard, VD_FUTURE_KEY);
	vd_future_on_ready(future, on_ready, &calls);
	vd_future_cancel(future);
	assert_int_equal(vd_future_error(future), 1101);
	vd_future_cancel(future);
	assert_true(vd_future_set_key(future, VD_BYTES("k")));
	vd_future_finish(future, 0, NULL); /* the maker comes too late */
	assert_int_equal(vd_future_error(future), 1101);
	turn();
	assert_int_equal(calls, 1);
	vd_future_free(future);
}

static unsigned asked;

static bool ask_not_yet(void *arg)
{
	(void)arg;
	asked++;
	return false;
}

static void a_maker_may_decide_how_a_cancel_ends(void **state)
{
	(void)state;
	asked = 0;
	struct vd_future *future = vd_future_make(guard, VD_FUTURE_NOTHING);
	vd_future_on_cancel(future, ask_not_yet, NULL);
	vd_future_cancel(future);
	vd_future_cancel(future);
	assert_int_equal(asked, 1);
	assert_false(vd_future_is_ready(future));
	vd_future_finish(future, 0, NULL);
	assert_int_equal(vd_future_error(future), 0);
	vd_future_free(future);
}

static void both_callbacks_come(void **state)
{
	(void)state;
	struct vd_future *future = vd_future_make(guard, VD_FUTURE_NOTHING);
	vd_future_then(future, on_then, NULL);
	vd_future_on_ready(future, on_ready, &calls);
	vd_future_finish(future, 0, NULL);
	turn();
	assert_int_equal(calls + thens, 2);
	vd_future_then(future, on_then, NULL);
	turn();
	assert_int_equal(thens, 2);
	vd_future_free(future);
}

static void getters_know_their_kind(void **state)
{
	(void)state;
	struct vd_future *future = vd_future_make(guard, VD_FUTURE_ROWS);
	struct vd_row *row = VD_ARENA_NEW(vd_future_arena(future), struct vd_row);
	row->key_size = 3;
	vd_future_set_rows(future, row, 1, true);
	vd_future_finish(future, 0, NULL);
	const struct vd_row *rows;
	size_t count, size;
	bool more, present;
	const uint8_t *bytes;
	int64_t version;
	assert_int_equal(vd_future_get_rows(future, &rows, &count, &more), 0);
	assert_true(count == 1 && more && rows[0].key_size == 3);
	assert_int_equal(vd_future_get_version(future, &version), 2000);
	assert_int_equal(vd_future_get_key(future, &bytes, &size), 2000);
	assert_int_equal(vd_future_get_value(future, &present, &bytes, &size), 2000);
	vd_future_free(future);
	struct vd_future *value = vd_future_make(guard, VD_FUTURE_VALUE);
	assert_true(vd_future_set_value(value, true, VD_BYTES("")));
	vd_future_finish(value, 0, NULL);
	assert_int_equal(vd_future_get_value(value, &present, &bytes, &size), 0);
	assert_true(present && size == 0);
	vd_future_free(value);
}

static void no_future_is_one_without_memory(void **state)
{
	(void)state;
	int64_t version;
	assert_true(vd_future_is_ready(NULL));
	assert_int_equal(vd_future_error(NULL), VD_ERROR_OUT_OF_MEMORY);
	assert_int_equal(vd_future_wait(NULL), VD_ERROR_OUT_OF_MEMORY);
	assert_int_equal(vd_future_get_version(NULL, &version), VD_ERROR_OUT_OF_MEMORY);
	assert_non_null(vd_future_message(NULL));
	vd_future_on_ready(NULL, on_ready, &calls);
	vd_future_cancel(NULL);
	vd_future_end(NULL, 0);
	vd_future_free(NULL);
}

static void a_users_future_is_ended_by_its_user_alone(void **state)
{
	(void)state;
	struct vd_future *future = vd_future_of_user(guard);
	vd_future_end(future, -7);
	vd_future_end(future, 0);
	assert_int_equal(vd_future_error(future), -7);
	vd_future_free(future);
	struct vd_future *ours = vd_future_make(guard, VD_FUTURE_NOTHING);
	vd_future_end(ours, 0);
	assert_false(vd_future_is_ready(ours));
	vd_future_finish(ours, 0, NULL);
	vd_future_free(ours);
	vd_future_free(vd_future_of_user(guard)); /* and may be freed without an end */
}

static void waiting_on_a_callers_loop_is_refused(void **state)
{
	(void)state;
	struct vd_future *future = vd_future_make(guard, VD_FUTURE_NOTHING);
	assert_int_equal(vd_future_wait(future), 2000);
	vd_future_finish(future, 1020, NULL);
	assert_int_equal(vd_future_wait(future), 1020); /* there is nothing to wait for */
	vd_future_free(future);
}

/* ---- with a loop thread ---- */

static struct vd_future *shared;
static int waited_inside;

static void *loop_thread(void *arg)
{
	(void)arg;
	vd_guard_adopt_thread(guard);
	assert_true(vd_loop_run(loop));
	return NULL;
}

static void finish_shared(void *arg)
{
	(void)arg;
	vd_future_finish(shared, 1007, NULL);
}

static void wait_inside(struct vd_future *future, void *arg)
{
	(void)future;
	struct vd_future *other = arg;
	waited_inside = vd_future_wait(other);
	vd_future_end(other, 5);
}

static void waiting_and_callbacks_over_threads(void **state)
{
	(void)state;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, loop_thread, NULL), 0);
	for (int i = 0; i < 500; i++) {
		struct vd_task task = { .run = finish_shared };
		assert_int_equal(vd_guard_enter(guard), 0);
		shared = vd_future_make(guard, VD_FUTURE_NOTHING);
		struct vd_future *mine = shared;
		struct vd_future *other = vd_future_of_user(guard);
		vd_guard_post(guard, &task);
		vd_guard_leave(guard);
		waited_inside = 0;
		vd_future_on_ready(mine, wait_inside, other);
		assert_int_equal(vd_future_wait(mine), 1007);
		assert_int_equal(vd_future_wait(other), 5);
		assert_int_equal(waited_inside, 2000);
		vd_future_free(mine);
		vd_future_free(other);
	}
	vd_loop_stop(loop);
	pthread_join(thread, NULL);
}

int main(void)
{
	static char threaded[] = "threaded";
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_callback_comes_once_and_never_from_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(a_callback_for_what_has_ended_comes_later_too, setup, teardown),
		cmocka_unit_test_setup_teardown(freed_at_any_time, setup, teardown),
		cmocka_unit_test_setup_teardown(cancelled_by_its_user, setup, teardown),
		cmocka_unit_test_setup_teardown(a_maker_may_decide_how_a_cancel_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(both_callbacks_come, setup, teardown),
		cmocka_unit_test_setup_teardown(getters_know_their_kind, setup, teardown),
		cmocka_unit_test_setup_teardown(no_future_is_one_without_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(a_users_future_is_ended_by_its_user_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(waiting_on_a_callers_loop_is_refused, setup, teardown),
		cmocka_unit_test_prestate_setup_teardown(
			waiting_and_callbacks_over_threads, setup, teardown, threaded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
