/* SPDX-License-Identifier: Apache-2.0 */
/* Places in a list of read ranges become ranges again. */
#include "follower/conflicting.h"

#include "common/base/arena.h"
#include "follower/commit/commit.h"
#include "tests/unit/test.h"

static const struct vd_range reads[] = { { VD_BYTES("a"), VD_BYTES("b") }, { VD_BYTES("c"), VD_BYTES("d") },
	{ VD_BYTES("e"), VD_BYTES("f") } };

static void assert_conflict(
	const struct vd_conflict *conflict, const char *begin, const char *end, int version)
{
	assert_int_equal(conflict->begin_size, 1);
	assert_memory_equal(conflict->begin, begin, 1);
	assert_int_equal(conflict->end_size, 1);
	assert_memory_equal(conflict->end, end, 1);
	assert_int_equal(conflict->version, version);
}

static void keeps_all_that_are_in_the_list(void **state)
{
	(void)state;
	struct vd_arena arena;
	vd_arena_init(&arena, SIZE_MAX);
	static const uint8_t further[] = { 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 0, /* no place: */ 0, 0, 0, 3, 0, 0,
		0, 0, 0, 0, 0, 9, /* half of one: */ 0, 0, 0, 1 };
	struct vd_verdict verdict = { .code = 1020,
		.conflict_range = 1,
		.conflict_version = 7,
		.further = vd_bytes_of(further, sizeof further) };
	struct vd_conflicting conflicting = { 0 };
	vd_conflicting_keep(&conflicting, &arena, reads, VD_COUNT(reads), &verdict);
	assert_int_equal(conflicting.count, 2);
	assert_conflict(&conflicting.items[0], "c", "d", 7);
	assert_conflict(&conflicting.items[1], "e", "f", 256);
	char message[200];
	assert_string_equal(vd_conflicting_text(&conflicting, message, sizeof message),
		"the range from c to d was read, and has been written since, at version 7");
	verdict = (struct vd_verdict){ .code = 1020, .conflict_range = 3, .conflict_version = 7 };
	vd_conflicting_keep(&conflicting, &arena, reads, VD_COUNT(reads), &verdict);
	assert_int_equal(conflicting.count, 0);
	assert_string_equal(vd_conflicting_text(&conflicting, message, sizeof message), "");
	vd_arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_all_that_are_in_the_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
