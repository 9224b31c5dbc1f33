/* SPDX-License-Identifier: Apache-2.0 */
/* Scans over an overlay and a made-up store of single letters, whatever the size of the stretches. */
#include "follower/scan.h"

#include "common/base/arena.h"
#include "common/base/random.h"
#include "common/kv/overlay.h"
#include "tests/unit/test.h"

#include <stdlib.h>

enum { LETTERS = 26 };

static struct vd_arena arena;
static struct vd_overlay *overlay;
static bool is_stored[LETTERS];
static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

static struct {
	char seen[LETTERS + 1];
	size_t count;
	size_t enough; /* 0: never */
	size_t fetches;
	size_t fetched_rows;
	bool asked_for_values;
} walk;

static int setup(void **state)
{
	(void)state;
	vd_arena_init(&arena, SIZE_MAX);
	overlay = vd_overlay_new(&arena, NULL, 100);
	memset(is_stored, 0, sizeof is_stored);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vd_arena_fini(&arena);
	return 0;
}

static struct vd_bytes letter(int i)
{
	return vd_bytes_of(letters + i, 1);
}

static bool sink(void *arg, struct vd_bytes key, struct vd_bytes value)
{
	(void)arg;
	(void)value;
	assert_true(walk.count < LETTERS);
	walk.seen[walk.count++] = (char)key.data[0];
	walk.seen[walk.count] = '\0';
	return walk.count != walk.enough;
}

/* Up to `most` rows of what the scan wants. */
static void store_read(const struct vd_scan *scan, const struct vd_scan_want *want, size_t most,
	struct vd_stored *stored, struct vd_stored_row *rows)
{
	*stored = (struct vd_stored){ .range = want->range, .rows = rows, .has_values = want->needs_values };
	for (int i = 0; i < LETTERS; i++) {
		int at = scan->is_reverse ? LETTERS - 1 - i : i;
		if (!is_stored[at] || !vd_range_has(want->range, letter(at)))
			continue;
		if (stored->count == most) {
			struct vd_bytes last = rows[most - 1].key;
			if (scan->is_reverse)
				stored->range.begin = last;
			else
				assert_true(vd_bytes_successor(&arena, last, &stored->range.end));
			break;
		}
		rows[stored->count++] =
			(struct vd_stored_row){ letter(at), want->needs_values ? VD_BYTES("s") : VD_BYTES("") };
	}
	walk.fetches++;
	walk.fetched_rows += stored->count;
	walk.asked_for_values |= want->needs_values;
}

static enum vd_scan_result scan_all(bool is_reverse, size_t most, size_t enough)
{
	struct vd_scan scan = { .overlay = overlay,
		.value_arena = &arena,
		.rest = vd_range_of(VD_BYTES("a"), VD_BYTES("{")),
		.is_reverse = is_reverse };
	struct vd_stored_row rows[LETTERS];
	struct vd_stored stored;
	struct vd_scan_want want;
	memset(&walk, 0, sizeof walk);
	walk.enough = enough;
	enum vd_scan_result result = vd_scan_run(&scan, NULL, sink, NULL, &want);
	while (result == VD_SCAN_FETCH) {
		assert_false(vd_range_is_empty(want.range));
		store_read(&scan, &want, most, &stored, rows);
		result = vd_scan_run(&scan, &stored, sink, NULL, &want);
	}
	return result;
}

static void stored_keys_show_through(void **state)
{
	(void)state;
	is_stored[0] = is_stored[3] = is_stored[25] = true;
	assert_int_equal(scan_all(false, 10, 0), VD_SCAN_END);
	assert_string_equal(walk.seen, "adz");
	assert_int_equal(walk.fetches, 1);
	assert_int_equal(scan_all(true, 1, 0), VD_SCAN_END);
	assert_string_equal(walk.seen, "zda");
	assert_int_equal(scan_all(false, 10, 2), VD_SCAN_ENOUGH);
	assert_string_equal(walk.seen, "ad");
}

static void own_rows_in_front_need_no_fetch(void **state)
{
	(void)state;
	is_stored[5] = true;
	assert_true(vd_overlay_clear_range(overlay, vd_range_of(VD_BYTES("a"), VD_BYTES("e"))));
	assert_true(vd_overlay_set(overlay, VD_BYTES("b"), VD_BYTES("1")));
	assert_int_equal(scan_all(false, 10, 1), VD_SCAN_ENOUGH);
	assert_string_equal(walk.seen, "b");
	assert_int_equal(walk.fetches, 0);
	assert_int_equal(scan_all(false, 10, 0), VD_SCAN_END);
	assert_string_equal(walk.seen, "bf");
}

static void a_cleared_span_is_not_fetched(void **state)
{
	(void)state;
	memset(is_stored, 1, sizeof is_stored);
	assert_true(vd_overlay_clear_range(overlay, vd_range_of(VD_BYTES("c"), VD_BYTES("y"))));
	assert_int_equal(scan_all(false, 100, 0), VD_SCAN_END);
	assert_string_equal(walk.seen, "abyz");
	assert_int_equal(walk.fetched_rows, 4);
	assert_int_equal(walk.fetches, 2);
}

static void ops_get_what_is_stored(void **state)
{
	(void)state;
	is_stored[2] = true;
	for (int i = 2; i < 4; i++)
		assert_true(vd_overlay_atomic(overlay, VD_OP_COMPARE_AND_CLEAR, letter(i), VD_BYTES("s")));
	assert_true(vd_overlay_atomic(overlay, VD_OP_ADD, VD_BYTES("e"), VD_BYTES("\1")));
	assert_int_equal(scan_all(false, 100, 0), VD_SCAN_END);
	assert_string_equal(walk.seen, "e");
	assert_int_equal(walk.fetches, 1);
	assert_true(walk.asked_for_values);
	assert_int_equal(scan_all(false, 100, 0), VD_SCAN_END);
	assert_string_equal(walk.seen, "e");
	assert_false(walk.asked_for_values);
}

/* Rows that were read for their keys alone say nothing to an op. */
static void a_row_without_its_value_is_fetched_again(void **state)
{
	(void)state;
	is_stored[2] = true;
	assert_true(vd_overlay_atomic(overlay, VD_OP_COMPARE_AND_CLEAR, VD_BYTES("c"), VD_BYTES("")));
	struct vd_scan scan = {
		.overlay = overlay, .value_arena = &arena, .rest = vd_range_of(VD_BYTES("c"), VD_BYTES("d"))
	};
	struct vd_stored_row row = { VD_BYTES("c"), VD_BYTES("") };
	struct vd_stored stored = { .range = scan.rest, .rows = &row, .count = 1 };
	struct vd_scan_want want;
	memset(&walk, 0, sizeof walk);
	assert_int_equal(vd_scan_run(&scan, &stored, sink, NULL, &want), VD_SCAN_FETCH);
	assert_true(want.needs_values);
	row.value = VD_BYTES("s");
	stored.has_values = true;
	assert_int_equal(vd_scan_run(&scan, &stored, sink, NULL, &want), VD_SCAN_END);
	assert_string_equal(walk.seen, "c");
}

static void unreadable_keys_end_it(void **state)
{
	(void)state;
	is_stored[0] = true;
	struct vd_mutation stamped = {
		.op = VD_OP_SET_VERSIONSTAMPED_VALUE, .key = VD_BYTES("c"), .value = VD_BYTES("0123456789\0\0\0\0")
	};
	assert_true(vd_overlay_apply(overlay, &stamped, 0));
	assert_int_equal(scan_all(false, 10, 0), VD_SCAN_UNREADABLE);
	assert_string_equal(walk.seen, "a");
	assert_int_equal(scan_all(false, 10, 1), VD_SCAN_ENOUGH);
}

/* Against a plain array of letters: any writes, any size of stretch, both directions, any limit. */
static void random_scans(void **state)
{
	(void)state;
	struct vd_rng rng;
	vd_rng_seed(&rng, 11);
	for (int round = 0; round < 20000; round++) {
		bool is_there[LETTERS];
		vd_arena_reset(&arena);
		overlay = vd_overlay_new(&arena, NULL, 100);
		for (int i = 0; i < LETTERS; i++)
			is_there[i] = is_stored[i] = vd_rng_below(&rng, 2) == 0;
		for (uint64_t writes = vd_rng_below(&rng, 10); writes > 0; writes--) {
			int a = (int)vd_rng_below(&rng, LETTERS), b = (int)vd_rng_below(&rng, LETTERS);
			switch (vd_rng_below(&rng, 4)) {
			case 0:
				assert_true(vd_overlay_set(overlay, letter(a), VD_BYTES("1")));
				is_there[a] = true;
				break;
			case 1:
				assert_true(vd_overlay_clear(overlay, letter(a)));
				is_there[a] = false;
				break;
			case 2:
				assert_true(vd_overlay_clear_range(overlay, vd_range_of(letter(a), letter(b))));
				for (int i = a; i < b; i++)
					is_there[i] = false;
				break;
			default:
				assert_true(vd_overlay_atomic(overlay, VD_OP_BYTE_MAX, letter(a), VD_BYTES("1")));
				is_there[a] = true;
			}
		}
		bool is_reverse = vd_rng_below(&rng, 2) == 0;
		size_t enough = vd_rng_below(&rng, 8);
		char expected[LETTERS + 1];
		size_t count = 0;
		for (int i = 0; i < LETTERS && (enough == 0 || count < enough); i++) {
			int at = is_reverse ? LETTERS - 1 - i : i;
			if (is_there[at])
				expected[count++] = letters[at];
		}
		expected[count] = '\0';
		enum vd_scan_result result = scan_all(is_reverse, 1 + vd_rng_below(&rng, 5), enough);
		assert_string_equal(walk.seen, expected);
		assert_int_equal(result, enough > 0 && count == enough ? VD_SCAN_ENOUGH : VD_SCAN_END);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stored_keys_show_through, setup, teardown),
		cmocka_unit_test_setup_teardown(own_rows_in_front_need_no_fetch, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cleared_span_is_not_fetched, setup, teardown),
		cmocka_unit_test_setup_teardown(ops_get_what_is_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(a_row_without_its_value_is_fetched_again, setup, teardown),
		cmocka_unit_test_setup_teardown(unreadable_keys_end_it, setup, teardown),
		cmocka_unit_test_setup_teardown(random_scans, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
