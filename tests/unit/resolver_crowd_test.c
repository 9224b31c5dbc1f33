/* SPDX-License-Identifier: Apache-2.0 */
/* resolver_crowd_test.c: who crowds the queue, and where the scout looks for the others. */
#include "resolver/crowd.h"

#include "tests/unit/test.h"

enum { REQUESTS = 80, SHARE = 10, DEPTH = 320 };

static struct vd_crowd crowd;

static int setup(void **state)
{
	(void)state;
	crowd = (struct vd_crowd){ 0 };
	return 0;
}

/* A claim of so many requests of the clients from `first` on, and as many of others, each just below a share, as make it
 * `total`. */
static void claimed(unsigned first, const unsigned *counts, unsigned clients, unsigned total,
	const struct vd_crowd_seen *seen, int64_t now_ms)
{
	static struct vd_item items[REQUESTS];
	static struct vd_client known[REQUESTS];
	static struct vd_owner owners[REQUESTS];
	struct vd_batch batch = { .items = items, .owners = owners };
	while (batch.count < total || batch.owner_count < clients) {
		unsigned c = batch.owner_count++;
		unsigned count = c < clients ? counts[c] : SHARE - 1;
		known[c] = (struct vd_client){ .id = { { (uint8_t)(c < clients ? first + c : 200 + c) } } };
		owners[c] = (struct vd_owner){ .client = &known[c], .first = UINT32_MAX };
		for (unsigned i = 0; i < count && batch.count < total; i++) {
			items[batch.count].next = owners[c].first;
			owners[c].first = batch.count++;
		}
	}
	vd_crowd_note(&crowd, &batch, seen, now_ms);
}

static void flood(int64_t newest, int64_t reached, bool is_depth_used_up, int64_t now_ms)
{
	const struct vd_crowd_seen seen = {
		.is_full = true, .newest = newest, .reached = reached, .is_depth_used_up = is_depth_used_up
	};
	claimed(0, (const unsigned[]){ REQUESTS }, 1, REQUESTS, &seen, now_ms);
}

static struct vd_lane lane_at(int64_t now_ms)
{
	return vd_crowd_lane(&crowd, REQUESTS, now_ms);
}

static void who_has_a_share_of_a_full_batch_crowds(void **state)
{
	(void)state;
	assert_int_equal(lane_at(0).crowd_count, 0);
	const struct vd_crowd_seen seen = { .is_full = true, .newest = 100 };
	claimed(0, (const unsigned[]){ SHARE - 1, SHARE, 1 }, 3, REQUESTS, &seen, 1000);
	struct vd_lane lane = lane_at(1000);
	assert_int_equal(lane.crowd_count, 1);
	assert_int_equal(lane.crowd[0].bytes[0], 1);
	assert_int_equal(lane.low, 100);
	assert_int_equal(lane.depth, DEPTH);
	assert_int_equal(lane.share, SHARE);
}

static void nobody_crowds_a_queue_that_was_emptied(void **state)
{
	(void)state;
	const struct vd_crowd_seen all = { .newest = 200 };
	claimed(0, (const unsigned[]){ REQUESTS - 1 }, 1, REQUESTS - 1, &all, 1000);
	assert_int_equal(lane_at(1000).crowd_count, 0);
	flood(100, 0, false, 1000);
	assert_int_equal(lane_at(1000).crowd_count, 1);
	claimed(0, (const unsigned[]){ REQUESTS - 1 }, 1, REQUESTS - 1, &all, 1001);
	assert_int_equal(lane_at(1001).crowd_count, 0);
}

static void who_has_stopped_does_not_crowd_for_long(void **state)
{
	(void)state;
	const struct vd_crowd_seen seen = { .is_full = true, .newest = 100, .reached = 100 };
	claimed(0, (const unsigned[]){ SHARE, SHARE }, 2, REQUESTS, &seen, 1000);
	claimed(0, (const unsigned[]){ SHARE, SHARE - 1 }, 2, REQUESTS, &seen, 1900);
	assert_int_equal(lane_at(2000).crowd_count, 2);
	struct vd_lane lane = lane_at(2001);
	assert_int_equal(lane.crowd_count, 1);
	assert_int_equal(lane.crowd[0].bytes[0], 0);
	assert_int_equal(lane_at(2901).crowd_count, 0);
}

static void the_scout_goes_on_from_where_it_came_to(void **state)
{
	(void)state;
	flood(100, 0, false, 1000);
	assert_int_equal(lane_at(1000).low, 100);
	flood(180, 420, true, 1001);
	assert_int_equal(lane_at(1001).low, 420);
	flood(260, 740, true, 1002);
	assert_int_equal(lane_at(1002).low, 740);
}

/* Lower numbers may come to light later than higher ones. */
static void at_the_end_the_scout_looks_back_a_moment(void **state)
{
	(void)state;
	flood(100, 0, false, 1000);
	flood(180, 300, false, 1001);
	assert_int_equal(lane_at(1002).low, 100);
	flood(260, 330, false, 1010);
	assert_int_equal(lane_at(1021).low, 300);
	assert_int_equal(lane_at(1030).low, 330);
	flood(340, 0, false, 1040); /* it saw nothing */
	assert_int_equal(lane_at(1041).low, 330);
	flood(420, 650, true, 1042); /* there is much again */
	assert_int_equal(lane_at(1042).low, 650);
}

static void a_batch_that_is_full_in_bytes_has_shares_too(void **state)
{
	(void)state;
	const struct vd_crowd_seen seen = { .is_full = true, .newest = 100 };
	claimed(0, (const unsigned[]){ 15, 1 }, 2, 16, &seen, 1000);
	assert_int_equal(lane_at(1000).crowd_count, 1);
	assert_int_equal(lane_at(1000).crowd[0].bytes[0], 0);
	claimed(7, (const unsigned[]){ 1 }, 1, 1, &seen, 1000); /* a single large one */
	assert_int_equal(lane_at(1000).crowd_count, 2);
}

static void a_crowd_of_many_is_bounded(void **state)
{
	(void)state;
	const struct vd_crowd_seen seen = { .is_full = true, .newest = 100 };
	for (unsigned i = 0; i < VD_CROWD_MOST + 2; i++)
		claimed(i, (const unsigned[]){ SHARE }, 1, REQUESTS, &seen, 1000);
	assert_int_equal(lane_at(1000).crowd_count, VD_CROWD_MOST);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_has_a_share_of_a_full_batch_crowds),
		TEST(nobody_crowds_a_queue_that_was_emptied),
		TEST(who_has_stopped_does_not_crowd_for_long),
		TEST(the_scout_goes_on_from_where_it_came_to),
		TEST(at_the_end_the_scout_looks_back_a_moment),
		TEST(a_batch_that_is_full_in_bytes_has_shares_too),
		TEST(a_crowd_of_many_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
