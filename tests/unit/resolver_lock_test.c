/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of the store: who is refused while it is held, and that it changes with the commits and not before. */
#include "resolver/lock.h"

#include "tests/unit/resolver_world.h"

static const struct vd_lock mine = { true, "lock of mine..." };
static const struct vd_lock another = { true, "lock of another" };

static struct vd_request change(struct vd_request request, uint32_t lock_change, const struct vd_lock *lock)
{
	request.is_lock_aware = true;
	request.lock_change = lock_change;
	request.lock = vd_bytes_of(lock->id, sizeof lock->id);
	return request;
}

static struct vd_request nothing(void)
{
	return world_request(&world, NULL, WORLD_VERSION, 0, NULL, NULL);
}

static struct vd_request aware(struct vd_request request)
{
	request.is_lock_aware = true;
	return request;
}

static void test_who_is_refused(void **state)
{
	(void)state;
	const struct vd_lock none = { 0 };
	const struct vd_request user = world_set(&world, "a", "v");
	const struct vd_request system = world_set(&world, "\xff/x", "v");
	const struct vd_request takes_mine = change(user, VD_LOCK_TAKE, &mine);
	const struct vd_request gives_mine = change(user, VD_LOCK_RELEASE, &mine);
	const struct {
		const struct vd_lock *lock;
		struct vd_request request;
		int code;
	} rows[] = {
		{ &none, user, 0 },
		{ &mine, user, 1038 },
		{ &none, aware(user), 0 },
		{ &mine, aware(user), 0 },
		{ &none, takes_mine, 0 },
		{ &mine, takes_mine, 0 },
		{ &another, takes_mine, 1038 },
		{ &none, gives_mine, 0 },
		{ &mine, gives_mine, 0 },
		{ &another, gives_mine, 1038 },
		{ &none, aware(system), 2004 },
		{ &mine, aware(system), 0 },
		{ &none, change(system, VD_LOCK_TAKE, &mine), 0 },
		{ &mine, change(system, VD_LOCK_RELEASE, &mine), 0 },
		{ &none, change(system, VD_LOCK_RELEASE, &mine), 2004 },
	};
	for (size_t i = 0; i < VD_COUNT(rows); i++)
		assert_int_equal(vd_lock_judge(rows[i].lock, &rows[i].request), rows[i].code);
}

static void test_what_a_commit_makes_of_it(void **state)
{
	(void)state;
	struct vd_lock lock = { 0 };
	struct vd_request takes = change(nothing(), VD_LOCK_TAKE, &mine);
	struct vd_request gives = change(nothing(), VD_LOCK_RELEASE, &mine);
	struct vd_request keeps = aware(nothing());
	vd_lock_follow(&lock, &keeps);
	assert_false(lock.is_held);
	vd_lock_follow(&lock, &takes);
	assert_true(vd_lock_equal(&lock, &mine) && !vd_lock_equal(&lock, &another));
	vd_lock_follow(&lock, &keeps);
	assert_true(vd_lock_equal(&lock, &mine));
	vd_lock_follow(&lock, &gives);
	assert_true(vd_lock_equal(&lock, &(struct vd_lock){ 0 }));
}

/* In the order of the requests of one batch, and from one batch to the next before either is committed. */
static void test_in_the_order_of_the_commits(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, world_set(&world, "a", "before"));
	world_add(&world, batch, 1, 2, change(nothing(), VD_LOCK_TAKE, &mine));
	world_add(&world, batch, 1, 3, world_set(&world, "a", "behind"));
	world_add(&world, batch, 1, 4, aware(world_set(&world, "\xff/counter/1", "12345678")));
	world_resolve(&world, batch);
	static const int codes[] = { 0, 0, 1038, 0 };
	for (uint32_t i = 0; i < VD_COUNT(codes); i++)
		assert_int_equal(world_code(batch, i), codes[i]);
	assert_true(!batch->lock_before.is_held && vd_lock_equal(&batch->lock, &mine));

	struct vd_batch *above = vd_memory_open(world.memory);
	world_add(&world, above, 2, 1, world_set(&world, "a", "behind"));
	world_add(&world, above, 2, 2, change(nothing(), VD_LOCK_RELEASE, &mine));
	world_add(&world, above, 2, 3, world_set(&world, "a", "free"));
	world_resolve(&world, above);
	assert_int_equal(world_code(above, 0), 1038);
	assert_int_equal(world_code(above, 1), 0);
	assert_int_equal(world_code(above, 2), 0);
	world_publish(&world, batch);
	assert_true(vd_lock_equal(&world.memory->lock, &mine));
	world_publish(&world, above);
	assert_false(world.memory->lock.is_held);
}

static void test_what_is_not_committed_leaves_no_lock(void **state)
{
	(void)state;
	struct vd_batch *batch = vd_memory_open(world.memory);
	world_add(&world, batch, 1, 1, change(nothing(), VD_LOCK_TAKE, &mine));
	world_resolve(&world, batch);
	vd_memory_discard(world.memory, batch, world.now_us);
	vd_memory_close(world.memory, batch);
	assert_int_equal(world_code(world_turn(&world, 2, 1, world_set(&world, "a", "v")), 0), 0);

	/* lost a conflict, with a lock beside it */
	struct vd_request late = world_request(&world, "a", WORLD_VERSION, 0, NULL, NULL);
	assert_int_equal(world_code(world_turn(&world, 2, 2, change(late, VD_LOCK_TAKE, &mine)), 0), 1020);
	assert_int_equal(world_code(world_turn(&world, 2, 3, world_set(&world, "a", "v")), 0), 0);
}

/* What the watermark's row says at a takeover or a reload counts; a locked request is no older than a new one. */
static void test_a_leader_reads_it(void **state)
{
	(void)state;
	vd_memory_set_lock(world.memory, &mine);
	assert_int_equal(world_code(world_turn(&world, 1, 1, world_set(&world, "a", "v")), 0), 1038);
	uint64_t version = vd_memory_newest(world.memory) + 5;
	vd_memory_reload(world.memory, version, world.now_us);
	vd_memory_set_lock(world.memory, &another);
	assert_int_equal(
		world_code(world_turn(&world, 1, 2, change(nothing(), VD_LOCK_RELEASE, &mine)), 0), 1038);
	version = vd_memory_newest(world.memory) + 5;
	vd_memory_reload(world.memory, version, world.now_us);
	assert_int_equal(world_code(world_turn(&world, 1, 3, world_set(&world, "a", "v")), 0), 0);
}

static void test_versions_lie_above_what_is_asked(void **state)
{
	(void)state;
	struct vd_request takes = change(nothing(), VD_LOCK_TAKE, &mine);
	takes.above_version = 5000000000000000;
	struct vd_batch *batch = world_turn(&world, 1, 1, takes);
	uint64_t version = batch->version;
	assert_int_equal(world_code(batch, 0), 0);
	assert_true(version > takes.above_version && version < takes.above_version + 10);
	/* from there they grow with the clock, as before */
	world.now_us += 1000000;
	uint64_t next = world_turn(&world, 1, 2, aware(world_set(&world, "a", "v")))->version;
	assert_true(next >= version + 1000000 && next < version + 1100000);
	/* who asks for less than there is gets the next one */
	takes.above_version = WORLD_VERSION;
	assert_true(world_turn(&world, 1, 3, takes)->version < next + 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_who_is_refused),
		WORLD_TEST(test_what_a_commit_makes_of_it),
		WORLD_TEST(test_in_the_order_of_the_commits),
		WORLD_TEST(test_what_is_not_committed_leaves_no_lock),
		WORLD_TEST(test_a_leader_reads_it),
		WORLD_TEST(test_versions_lie_above_what_is_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
