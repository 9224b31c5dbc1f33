/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/conflicts.h"

#include "common/base/arena.h"
#include "common/base/random.h"
#include "common/kv/overlay.h"
#include "common/kv/request.h"
#include "tests/unit/test.h"

static struct vd_arena arena;
static struct vd_conflicts conflicts;

static int setup(void **state)
{
	(void)state;
	vd_arena_init(&arena, SIZE_MAX);
	vd_conflicts_init(&conflicts, &arena);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vd_arena_fini(&arena);
	return 0;
}

static void add(const char *begin, const char *end)
{
	assert_true(
		vd_conflicts_add(&conflicts, vd_range_of(vd_bytes_of_string(begin), vd_bytes_of_string(end))));
}

/* "a-c e-f" */
static const char *text(void)
{
	static char out[512];
	const struct vd_range *ranges;
	size_t used = 0;
	assert_true(vd_conflicts_list(&conflicts, &arena, &ranges));
	out[0] = '\0';
	for (size_t i = 0; i < vd_conflicts_count(&conflicts); i++)
		used += (size_t)snprintf(out + used, sizeof out - used, "%s%.*s-%.*s", i == 0 ? "" : " ",
			(int)ranges[i].begin.size, (const char *)ranges[i].begin.data, (int)ranges[i].end.size,
			(const char *)ranges[i].end.data);
	return out;
}

static void what_is_apart_stays_apart(void **state)
{
	(void)state;
	add("e", "f");
	add("a", "c");
	assert_string_equal(text(), "a-c e-f");
}

static void what_meets_or_touches_becomes_one(void **state)
{
	(void)state;
	add("a", "c");
	add("c", "d");
	assert_string_equal(text(), "a-d");
	add("b", "e");
	assert_string_equal(text(), "a-e");
	add("x", "z");
	add("g", "h");
	add("f", "y");
	assert_string_equal(text(), "a-e f-z");
	add("b", "c");
	assert_string_equal(text(), "a-e f-z");
	add("e", "f");
	assert_string_equal(text(), "a-z");
}

static void empty_and_inverted_ones_add_nothing(void **state)
{
	(void)state;
	add("c", "c");
	add("d", "c");
	assert_string_equal(text(), "");
	assert_int_equal(conflicts.bytes, 0);
}

static void what_is_never_written_is_left_out(void **state)
{
	(void)state;
	add("y", "\xff\xff\xff");
	assert_string_equal(text(), "y-\xff\xff");
	add("\xff\xff", "\xff\xff\xff");
	assert_true(vd_conflicts_add_key(&conflicts, VD_BYTES("\xff\xff\x02")));
	assert_string_equal(text(), "y-\xff\xff");
}

static void a_key_read_often_counts_once(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_true(vd_conflicts_add_key(&conflicts, VD_BYTES("key")));
	assert_int_equal(vd_conflicts_count(&conflicts), 1);
	assert_int_equal(
		conflicts.bytes, vd_conflict_range_size(vd_range_of(VD_BYTES("key"), VD_BYTES("key\0"))));
	assert_true(vd_arena_used_bytes(&arena) < 1000);
}

static void a_long_key_too(void **state)
{
	(void)state;
	uint8_t key[2000];
	memset(key, 'k', sizeof key);
	assert_true(vd_conflicts_add_key(&conflicts, vd_bytes_of(key, sizeof key)));
	const struct vd_range *ranges;
	assert_true(vd_conflicts_list(&conflicts, &arena, &ranges));
	assert_true(vd_range_is_key(ranges[0]) && ranges[0].begin.size == sizeof key);
}

static void own_writes_answer_for_their_keys(void **state)
{
	(void)state;
	struct vd_overlay *overlay = vd_overlay_new(&arena, NULL, 100);
	assert_true(vd_overlay_set(overlay, VD_BYTES("b"), VD_BYTES("1")));
	assert_true(vd_overlay_clear_range(overlay, vd_range_of(VD_BYTES("d"), VD_BYTES("f"))));
	assert_true(vd_overlay_atomic(overlay, VD_OP_ADD, VD_BYTES("g"), VD_BYTES("1")));
	struct vd_range all = vd_range_of(VD_BYTES("a"), VD_BYTES("z"));
	assert_true(vd_conflicts_add_read(&conflicts, all, overlay));
	const struct vd_range *ranges;
	assert_true(vd_conflicts_list(&conflicts, &arena, &ranges));
	assert_int_equal(vd_conflicts_count(&conflicts), 3);
	assert_true(vd_bytes_equal(ranges[0].end, VD_BYTES("b")));
	assert_true(
		vd_bytes_equal(ranges[1].begin, VD_BYTES("b\0")) && vd_bytes_equal(ranges[1].end, VD_BYTES("d")));
	assert_true(
		vd_bytes_equal(ranges[2].begin, VD_BYTES("f")) && vd_bytes_equal(ranges[2].end, VD_BYTES("z")));
	vd_conflicts_init(&conflicts, &arena);
	assert_true(vd_conflicts_add_read(&conflicts, all, NULL));
	assert_string_equal(text(), "a-z");
}

/* Against a list of all that was added. */
static void random_ranges(void **state)
{
	(void)state;
	struct vd_rng rng;
	vd_rng_seed(&rng, 7);
	for (int round = 0; round < 2000; round++) {
		bool is_in[64] = { false };
		vd_arena_reset(&arena);
		vd_conflicts_init(&conflicts, &arena);
		for (int i = 0; i < 12; i++) {
			uint8_t begin = (uint8_t)vd_rng_below(&rng, 64);
			uint8_t end = (uint8_t)vd_rng_below(&rng, 64);
			assert_true(
				vd_conflicts_add(&conflicts, vd_range_of(vd_bytes_of(&begin, 1), vd_bytes_of(&end, 1))));
			for (int at = begin; at < end; at++)
				is_in[at] = true;
		}
		const struct vd_range *ranges;
		assert_true(vd_conflicts_list(&conflicts, &arena, &ranges));
		size_t bytes = 0, next = 0;
		for (uint8_t at = 0; at < 64; at++) {
			if (is_in[at] && (at == 0 || !is_in[at - 1])) {
				assert_int_equal(ranges[next].begin.data[0], at);
				bytes += vd_conflict_range_size(ranges[next]);
			}
			if (is_in[at] && (at == 63 || !is_in[at + 1]))
				assert_int_equal(ranges[next++].end.data[0], at + 1);
		}
		assert_int_equal(next, vd_conflicts_count(&conflicts));
		assert_int_equal(bytes, conflicts.bytes);
	}
}

static void the_limit_is_said(void **state)
{
	(void)state;
	arena.limit_bytes = 10000;
	bool is_good = true;
	for (uint32_t i = 0; i < 10000 && is_good; i++)
		is_good = vd_conflicts_add_key(&conflicts, vd_bytes_of(&i, sizeof i));
	assert_false(is_good);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_apart_stays_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(what_meets_or_touches_becomes_one, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_and_inverted_ones_add_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_never_written_is_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_read_often_counts_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_key_too, setup, teardown),
		cmocka_unit_test_setup_teardown(own_writes_answer_for_their_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(random_ranges, setup, teardown),
		cmocka_unit_test_setup_teardown(the_limit_is_said, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
