/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "common/base/clock.h"
#include "common/loop/loop.h"

#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* a text that is passed as an argument of callbacks */
#define WORD(text) ((char[]){ text })

static struct vd_loop *loop;
static char story[200];

static void tell(const char *word)
{
	strncat(story, word, sizeof story - strlen(story) - 1);
}

static int set_up(void **state)
{
	(void)state;
	story[0] = '\0';
	loop = vd_loop_new(NULL);
	return loop == NULL;
}

static int tear_down(void **state)
{
	(void)state;
	vd_loop_free(loop);
	return 0;
}

static void stop(void *arg)
{
	tell(arg == NULL ? "." : arg);
	vd_loop_stop(loop);
}

static void say(void *arg)
{
	tell(arg);
}

static void timers_fire_once_in_order_and_on_time(void **state)
{
	(void)state;
	struct vd_timer late, early, never;
	assert_true(vd_timer_init(&late, loop, stop, WORD("late")));
	assert_true(vd_timer_init(&early, loop, say, WORD("early ")));
	assert_true(vd_timer_init(&never, loop, say, WORD("never ")));
	int64_t begin = vd_clock_us();
	vd_timer_arm_ms(&late, 1);
	vd_timer_arm_ms(&late, 30); /* replaces */
	vd_timer_arm_us(&early, 1500);
	vd_timer_arm_ms(&never, INT64_MAX);
	vd_timer_arm_us(&never, INT64_MAX);
	assert_true(vd_timer_is_armed(&never));
	vd_timer_arm_ms(&never, INT64_MIN);
	vd_timer_arm_ms(&never, 5);
	assert_true(vd_timer_is_armed(&never));
	vd_timer_cancel(&never);
	assert_false(vd_timer_is_armed(&never));
	assert_string_equal(story, "");
	assert_true(vd_loop_run(loop));
	assert_true(vd_clock_us() - begin >= 30000);
	assert_string_equal(story, "early late");
	assert_false(vd_timer_is_armed(&early));
	vd_timer_fini(&late);
	vd_timer_fini(&early);
	vd_timer_fini(&early); /* harmless */
	vd_timer_fini(&never);
}

static struct vd_timer measured;
static int64_t measured_at_us;

static void slow_then_arm(void *arg)
{
	(void)arg;
	usleep(30000);
	measured_at_us = vd_clock_us();
	vd_timer_arm_ms(&measured, 20);
}

static void check_measured(void *arg)
{
	(void)arg;
	assert_true(vd_clock_us() - measured_at_us >= 20000);
	vd_loop_stop(loop);
}

static void a_timer_counts_from_the_call_not_from_the_turn(void **state)
{
	(void)state;
	struct vd_timer slow;
	assert_true(vd_timer_init(&slow, loop, slow_then_arm, NULL));
	assert_true(vd_timer_init(&measured, loop, check_measured, NULL));
	vd_timer_arm_ms(&slow, 1);
	assert_true(vd_loop_run(loop));
	vd_timer_fini(&slow);
	vd_timer_fini(&measured);
}

static struct vd_later again;
static int turns;

static void run_again(void *arg)
{
	(void)arg;
	turns++;
	vd_later_run(&again);
	vd_later_run(&again);
}

/* Not before the other had its turns. */
static void stop_after_turns(void *arg)
{
	if (turns > 3)
		stop(WORD("timer"));
	else
		vd_timer_arm_ms(arg, 1);
}

static void later_is_never_inside_and_starves_nobody(void **state)
{
	(void)state;
	struct vd_timer timer;
	struct vd_later later, cancelled;
	turns = 0;
	assert_true(vd_later_init(&again, loop, run_again, NULL));
	assert_true(vd_later_init(&later, loop, say, WORD("later ")));
	assert_true(vd_later_init(&cancelled, loop, say, WORD("cancelled ")));
	assert_true(vd_timer_init(&timer, loop, stop_after_turns, &timer));
	vd_later_run(&later);
	vd_later_run(&later);
	vd_later_run(&cancelled);
	vd_later_cancel(&cancelled);
	vd_later_run(&again);
	vd_timer_arm_ms(&timer, 5);
	assert_string_equal(story, "");
	assert_true(vd_loop_run(loop));
	assert_string_equal(story, "later timer");
	vd_later_fini(&again);
	vd_later_fini(&later);
	vd_later_fini(&cancelled);
	vd_timer_fini(&timer);
}

/* an object on the heap that frees itself in its callback */
static void free_itself(void *arg)
{
	struct vd_timer *timer = arg;
	vd_timer_fini(timer);
	free(timer);
	stop(WORD("freed"));
}

static void a_callback_may_free_its_object(void **state)
{
	(void)state;
	struct vd_timer *timer = malloc(sizeof *timer);
	assert_true(vd_timer_init(timer, loop, free_itself, timer));
	vd_timer_arm_ms(timer, 0);
	assert_true(vd_loop_run(loop));
	assert_string_equal(story, "freed");
}

static int ends[2];
static struct vd_socket reader, writer;

static void on_readable(unsigned ready, void *arg)
{
	(void)arg;
	assert_int_equal(ready, VD_SOCKET_READ);
	char byte;
	ssize_t got = read(ends[0], &byte, 1);
	if (got == 1 && byte != '!') {
		tell((char[2]){ byte, '\0' });
		return;
	}
	/* the number may be reused: a fresh pipe under the old one must be watched again */
	assert_true(vd_socket_set(&reader, ends[0], VD_SOCKET_NONE));
	stop(WORD("!"));
}

static void on_writable(unsigned ready, void *arg)
{
	(void)arg;
	assert_int_equal(ready, VD_SOCKET_WRITE);
	tell("w");
	assert_int_equal(write(ends[1], "ab!", 3), 3);
	assert_true(vd_socket_set(&writer, ends[1], VD_SOCKET_NONE));
}

static void watches_tell_what_is_ready(void **state)
{
	(void)state;
	assert_true(vd_socket_init(&reader, loop, on_readable, NULL));
	assert_true(vd_socket_init(&writer, loop, on_writable, NULL));
	for (int round = 0; round < 2; round++) {
		assert_int_equal(pipe(ends), 0);
		story[0] = '\0';
		assert_true(vd_socket_set(&reader, ends[0], VD_SOCKET_READ));
		assert_true(vd_socket_set(&reader, ends[0], VD_SOCKET_READ)); /* is so already */
		assert_true(vd_socket_set(&writer, ends[1], VD_SOCKET_WRITE));
		assert_string_equal(story, "");
		assert_true(vd_loop_run(loop));
		assert_string_equal(story, "wab!");
		close(ends[0]);
		close(ends[1]);
	}
	vd_socket_fini(&reader);
	vd_socket_fini(&writer);
}

static struct vd_wake wake;
static _Atomic unsigned rung, seen;
enum { RINGS = 20000 };

static void on_wake(void *arg)
{
	(void)arg;
	unsigned now = atomic_load(&rung);
	atomic_store(&seen, now);
	if (now == RINGS)
		vd_loop_stop(loop);
}

static void *ring(void *arg)
{
	(void)arg;
	for (int i = 0; i < RINGS; i++) {
		atomic_fetch_add(&rung, 1);
		vd_wake_ring(&wake);
	}
	return NULL;
}

static void after_each_ring_comes_a_callback(void **state)
{
	(void)state;
	pthread_t thread;
	atomic_store(&rung, 0);
	assert_true(vd_wake_init(&wake, loop, on_wake, NULL));
	assert_int_equal(pthread_create(&thread, NULL, ring, NULL), 0);
	assert_true(vd_loop_run(loop)); /* ends only if the last ring was heard */
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&seen), RINGS);
	vd_wake_fini(&wake);
	vd_wake_fini(&wake);
}

static int rounds;

static void ring_again(void *arg)
{
	(void)arg;
	if (++rounds < 4)
		vd_wake_ring(&wake);
	else
		vd_loop_stop(loop);
}

static void a_ring_during_the_callback_gives_another(void **state)
{
	(void)state;
	struct vd_timer enough;
	rounds = 0;
	assert_true(vd_wake_init(&wake, loop, ring_again, NULL));
	assert_true(vd_timer_init(&enough, loop, stop, WORD("enough")));
	vd_timer_arm_ms(&enough, 60000);
	vd_wake_ring(&wake);
	assert_true(vd_loop_run(loop));
	assert_int_equal(rounds, 4);
	vd_timer_fini(&enough);
	vd_wake_fini(&wake);
}

static void *stop_soon(void *arg)
{
	(void)arg;
	usleep(10000);
	vd_loop_stop(loop);
	return NULL;
}

static void stop_works_before_and_from_another_thread(void **state)
{
	(void)state;
	vd_loop_stop(loop);
	assert_true(vd_loop_run(loop));
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, stop_soon, NULL), 0);
	assert_true(vd_loop_run(loop));
	pthread_join(thread, NULL);
}

static void on_signal(int number, void *arg)
{
	assert_int_equal(number, SIGUSR1);
	stop(arg);
}

static void signals_arrive_on_the_loop(void **state)
{
	(void)state;
	struct vd_signal watch;
	struct vd_later later;
	assert_true(vd_signal_init(&watch, loop, SIGUSR1, on_signal, WORD("usr1")));
	assert_true(vd_later_init(&later, loop, say, WORD("later ")));
	vd_later_run(&later);
	raise(SIGUSR1);
	assert_string_equal(story, "");
	assert_true(vd_loop_run(loop));
	assert_non_null(strstr(story, "usr1"));
	vd_signal_fini(&watch);
	vd_later_fini(&later);
}

static void a_borrowed_base_works_the_same(void **state)
{
	(void)state;
	struct event_base *base = event_base_new();
	struct vd_loop *borrowed = vd_loop_new(base);
	assert_non_null(borrowed);
	assert_ptr_equal(vd_loop_base(borrowed), base);
	struct vd_timer timer;
	struct vd_wake woken;
	assert_true(vd_timer_init(&timer, borrowed, say, WORD("timer ")));
	assert_true(vd_wake_init(&woken, borrowed, say, WORD("wake ")));
	vd_wake_ring(&woken);
	assert_string_equal(story, "");
	event_base_loop(base, EVLOOP_ONCE);
	assert_string_equal(story, "wake ");
	vd_timer_arm_ms(&timer, 10);
	while (vd_timer_is_armed(&timer))
		event_base_loop(base, EVLOOP_ONCE);
	assert_string_equal(story, "wake timer ");
	vd_timer_fini(&timer);
	vd_wake_fini(&woken);
	vd_loop_free(borrowed);
	event_base_free(base); /* still the caller's */
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOP_TEST(timers_fire_once_in_order_and_on_time),
		LOOP_TEST(a_timer_counts_from_the_call_not_from_the_turn),
		LOOP_TEST(later_is_never_inside_and_starves_nobody),
		LOOP_TEST(a_callback_may_free_its_object),
		LOOP_TEST(watches_tell_what_is_ready),
		LOOP_TEST(after_each_ring_comes_a_callback),
		LOOP_TEST(a_ring_during_the_callback_gives_another),
		LOOP_TEST(stop_works_before_and_from_another_thread),
		LOOP_TEST(signals_arrive_on_the_loop),
		LOOP_TEST(a_borrowed_base_works_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
