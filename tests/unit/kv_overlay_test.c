/* SPDX-License-Identifier: Apache-2.0 */
/* kv_overlay_test.c: the overlay, rule by rule; the properties hold it to a plain store. */
#include "tests/unit/test.h"

#include "common/kv/overlay.h"

#define B(text) VD_BYTES(text)

static struct vd_arena arena;
static struct vd_overlay *overlay;

static int set_up(void **state)
{
	(void)state;
	vd_arena_init(&arena, (size_t)64 << 20);
	overlay = vd_overlay_new(&arena, NULL, 100);
	assert_non_null(overlay);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	vd_arena_fini(&arena);
	return 0;
}

static void expect(struct vd_bytes key, enum vd_overlay_state state, bool is_own, struct vd_bytes value)
{
	struct vd_overlay_view view = vd_overlay_get(overlay, key);
	assert_int_equal(view.state, state);
	assert_int_equal(view.is_own, is_own);
	assert_false(view.is_unreadable);
	if (state == VD_OVERLAY_PRESENT)
		assert_true(vd_bytes_equal(view.value, value));
}

static void apply(uint32_t op, struct vd_bytes key, struct vd_bytes value)
{
	struct vd_mutation mutation = { .op = op, .key = key, .value = value };
	assert_true(vd_overlay_apply(overlay, &mutation, 7));
}

static void nothing_said_is_unknown(void **state)
{
	(void)state;
	assert_true(vd_overlay_is_empty(overlay));
	expect(B("a"), VD_OVERLAY_UNKNOWN, false, B(""));
	struct vd_bytes base = B("v");
	assert_true(vd_overlay_set_base(overlay, B("a"), &base));
	assert_true(vd_overlay_is_empty(overlay)); /* a base is no write */
	expect(B("a"), VD_OVERLAY_PRESENT, false, B("v"));
	struct vd_write_set set;
	assert_true(vd_overlay_write_set(overlay, &arena, &set));
	assert_int_equal(set.range_count + set.delete_count + set.upsert_count, 0);
}

static void own_writes_are_own(void **state)
{
	(void)state;
	apply(VD_OP_SET, B("a"), B("1"));
	apply(VD_OP_CLEAR, B("b"), B(""));
	apply(VD_OP_CLEAR_RANGE, B("m"), B("p"));
	apply(VD_OP_SET, B("n"), B("2"));
	assert_false(vd_overlay_is_empty(overlay));
	expect(B("a"), VD_OVERLAY_PRESENT, true, B("1"));
	expect(B("b"), VD_OVERLAY_ABSENT, true, B(""));
	expect(B("m"), VD_OVERLAY_ABSENT, true, B(""));
	expect(B("mm"), VD_OVERLAY_ABSENT, true, B(""));
	expect(B("n"), VD_OVERLAY_PRESENT, true, B("2"));
	expect(B("nn"), VD_OVERLAY_ABSENT, true, B(""));
	expect(B("p"), VD_OVERLAY_UNKNOWN, false, B(""));
	apply(VD_OP_CLEAR_RANGE, B("z"), B("a")); /* inverted: nothing */
	expect(B("c"), VD_OVERLAY_UNKNOWN, false, B(""));
}

static void ops_wait_for_their_base(void **state)
{
	(void)state;
	apply(VD_OP_ADD, B("n"), B("\1"));
	apply(VD_OP_ADD, B("n"), B("\2"));
	apply(VD_OP_APPEND_IF_FITS, B("n"), B("x"));
	expect(B("n"), VD_OVERLAY_PENDING, false, B(""));
	struct vd_bytes base = B("\5");
	assert_true(vd_overlay_set_base(overlay, B("n"), &base));
	expect(B("n"), VD_OVERLAY_PRESENT, false, B("\x08x")); /* in order; depends on what is stored */
	struct vd_bytes other = B("\x63");
	assert_true(vd_overlay_set_base(overlay, B("n"), &other));
	expect(B("n"), VD_OVERLAY_PRESENT, false, B("\x08x")); /* the first base counts */
	apply(VD_OP_ADD, B("gone"), B("\1"));
	assert_true(vd_overlay_set_base(overlay, B("gone"), NULL));
	expect(B("gone"), VD_OVERLAY_PRESENT, false, B("\1"));
}

static void after_a_clear_an_op_reads_nothing(void **state)
{
	(void)state;
	struct vd_bytes base = B("\5");
	bool is_new = true;
	apply(VD_OP_CLEAR, B("n"), B(""));
	assert_true(vd_overlay_want_base(overlay, B("n"), &is_new));
	assert_false(is_new);
	apply(VD_OP_ADD, B("n"), B("\1"));
	expect(B("n"), VD_OVERLAY_PRESENT, true, B("\1"));
	assert_true(vd_overlay_set_base(overlay, B("n"), &base));
	expect(B("n"), VD_OVERLAY_PRESENT, true, B("\1"));
	apply(VD_OP_CLEAR_RANGE, B("x"), B("y"));
	apply(VD_OP_ADD, B("xx"), B("\1"));
	expect(B("xx"), VD_OVERLAY_PRESENT, true, B("\1"));
	expect(B("x"), VD_OVERLAY_ABSENT, true, B("")); /* where the range begins, too */
	apply(VD_OP_ADD, B("x"), B("\1"));
	expect(B("x"), VD_OVERLAY_PRESENT, true, B("\1"));
	apply(VD_OP_ADD, B("w"), B("\1")); /* pending, then cleared */
	apply(VD_OP_CLEAR, B("w"), B(""));
	expect(B("w"), VD_OVERLAY_ABSENT, true, B(""));
}

static void a_hot_key_is_wanted_once(void **state)
{
	(void)state;
	bool is_new = false;
	assert_true(vd_overlay_want_base(overlay, B("hot"), &is_new));
	assert_true(is_new);
	for (int i = 0; i < 3; i++) {
		assert_true(vd_overlay_want_base(overlay, B("hot"), &is_new));
		assert_false(is_new);
		apply(VD_OP_ADD, B("hot"), B("\1"));
	}
	assert_true(vd_overlay_set_base(overlay, B("hot"), NULL));
	assert_true(vd_overlay_want_base(overlay, B("hot"), &is_new));
	assert_false(is_new);
	expect(B("hot"), VD_OVERLAY_PRESENT, false, B("\3"));
}

static void the_write_set_is_what_is_left(void **state)
{
	(void)state;
	struct vd_bytes same = B("same");
	apply(VD_OP_CLEAR_RANGE, B("b"), B("d"));
	apply(VD_OP_CLEAR_RANGE, B("d"), B("f")); /* touches: one range */
	apply(VD_OP_SET, B("c"), B("1"));         /* set in it: no second range */
	apply(VD_OP_CLEAR, B("f"), B(""));        /* joins its end */
	apply(VD_OP_CLEAR, B("k"), B(""));
	apply(VD_OP_SET, B("a"), B("2"));
	apply(VD_OP_CLEAR_RANGE, B("p"), B("q"));
	apply(VD_OP_SET, B("x"), B("3"));
	apply(VD_OP_CLEAR, B("x"), B(""));
	assert_true(vd_overlay_set_base(overlay, B("absent"), NULL));
	apply(VD_OP_CLEAR, B("absent"), B("")); /* known not to be stored: nothing to delete */
	assert_true(vd_overlay_set_base(overlay, B("kept"), &same));
	apply(VD_OP_BYTE_MAX, B("kept"), B("a")); /* known to be stored as it is */
	struct vd_write_set set;
	assert_true(vd_overlay_write_set(overlay, &arena, &set));
	assert_int_equal(set.range_count, 2);
	assert_true(vd_bytes_equal(set.ranges[0].begin, B("b")) && vd_bytes_equal(set.ranges[0].end, B("f\0")));
	assert_true(vd_bytes_equal(set.ranges[1].begin, B("p")) && vd_bytes_equal(set.ranges[1].end, B("q")));
	assert_int_equal(set.delete_count, 2);
	assert_true(vd_bytes_equal(set.deletes[0], B("k")) && vd_bytes_equal(set.deletes[1], B("x")));
	assert_int_equal(set.upsert_count, 2);
	assert_true(vd_bytes_equal(set.upserts[0].key, B("a")) && vd_bytes_equal(set.upserts[0].value, B("2")));
	assert_true(vd_bytes_equal(set.upserts[1].key, B("c")) && vd_bytes_equal(set.upserts[1].value, B("1")));
	assert_int_equal(set.bytes, 1 + 2 + 1 + 1 + 1 + 1 + 2 + 2);
}

static void a_pending_op_has_no_write_set(void)
{
	struct vd_write_set set;
	struct vd_mutation add = { .op = VD_OP_ADD, .key = B("n"), .value = B("\1") };
	if (vd_overlay_apply(overlay, &add, 0) && vd_overlay_write_set(overlay, &arena, &set))
		_exit(3);
}

static void a_missing_base_is_a_bug(void **state)
{
	(void)state;
	ASSERT_DIES(a_pending_op_has_no_write_set, "VD_OVERLAY_PENDING");
}

static void one_overlay_over_another(void **state)
{
	(void)state;
	struct vd_arena upper_arena;
	struct vd_overlay *lower = overlay;
	struct vd_write_set set;
	bool is_new = true;
	vd_arena_init(&upper_arena, (size_t)1 << 20);
	apply(VD_OP_SET, B("n"), B("\5"));
	apply(VD_OP_CLEAR, B("c"), B(""));
	apply(VD_OP_CLEAR_RANGE, B("r"), B("s"));
	overlay = vd_overlay_new(&upper_arena, lower, 100);
	expect(B("n"), VD_OVERLAY_PRESENT, false, B("\5"));
	expect(B("rr"), VD_OVERLAY_ABSENT, false, B(""));
	expect(B("z"), VD_OVERLAY_UNKNOWN, false, B(""));
	assert_true(vd_overlay_want_base(overlay, B("n"), &is_new));
	assert_false(is_new);
	assert_true(vd_overlay_want_base(overlay, B("z"), &is_new));
	assert_true(is_new);
	apply(VD_OP_ADD, B("n"), B("\1"));
	apply(VD_OP_ADD, B("rr"), B("\1"));
	apply(VD_OP_BYTE_MIN, B("kept"), B("x"));
	assert_true(vd_overlay_set_base(overlay, B("kept"), NULL));
	apply(VD_OP_CLEAR, B("c"), B("")); /* absent below: nothing to delete */
	apply(VD_OP_CLEAR, B("n2"), B(""));
	vd_overlay_detach(overlay);
	vd_arena_fini(&arena); /* the upper one borrows nothing from below */
	vd_arena_init(&arena, (size_t)1 << 20);
	expect(B("n"), VD_OVERLAY_PRESENT, false, B("\6"));
	assert_true(vd_overlay_write_set(overlay, &upper_arena, &set));
	assert_int_equal(set.range_count, 0);
	assert_int_equal(set.delete_count, 1);
	assert_true(vd_bytes_equal(set.deletes[0], B("n2")));
	assert_int_equal(set.upsert_count, 3);
	vd_arena_fini(&upper_arena);
}

static void stamped_keys_are_unreadable_until_cleared(void **state)
{
	(void)state;
	struct vd_bytes inside = B("k\0\0\0\0\0\0\x01\x00\0\0");
	apply(VD_OP_SET_VERSIONSTAMPED_VALUE, B("v"), B("ab..........\2\0\0\0"));
	struct vd_overlay_view view = vd_overlay_get(overlay, B("v"));
	assert_true(view.is_unreadable);
	assert_true(vd_bytes_equal(view.value, B("ab.........."))); /* for those who bypass */
	apply(VD_OP_SET, B("v"), B("1"));
	assert_true(vd_overlay_get(overlay, B("v")).is_unreadable); /* a set is no cure */
	apply(VD_OP_CLEAR, B("v"), B(""));
	assert_false(vd_overlay_get(overlay, B("v")).is_unreadable);
	apply(VD_OP_SET, B("v"), B("1"));
	assert_false(vd_overlay_get(overlay, B("v")).is_unreadable);

	apply(VD_OP_SET_VERSIONSTAMPED_KEY, B("k..........\1\0\0\0"), B("value"));
	assert_true(vd_overlay_get(overlay, inside).is_unreadable);
	assert_false(vd_overlay_get(overlay, B("k")).is_unreadable);
	assert_false(vd_overlay_get(overlay, B("l")).is_unreadable);
	apply(VD_OP_SET, inside, B("x"));
	assert_true(vd_overlay_get(overlay, inside).is_unreadable);
	apply(VD_OP_CLEAR, inside, B(""));
	assert_false(vd_overlay_get(overlay, inside).is_unreadable);
	assert_true(vd_overlay_get(overlay, B("k\xff\xff")).is_unreadable); /* beside it, all is as before */
	view = vd_overlay_get(overlay, B("k\0\0\0\0\0\0\0\7\0\0"));
	assert_true(view.is_unreadable && vd_bytes_equal(view.value, B("value")));
	apply(VD_OP_CLEAR_RANGE, B("k"), B("l"));
	assert_false(vd_overlay_get(overlay, B("k\xff\xff")).is_unreadable);
}

static void expect_piece(struct vd_overlay_cursor *cursor, struct vd_range range, enum vd_overlay_state state)
{
	struct vd_overlay_piece piece;
	assert_true(vd_overlay_cursor_next(cursor, &piece));
	assert_true(vd_bytes_equal(piece.range.begin, range.begin));
	assert_true(vd_bytes_equal(piece.range.end, range.end));
	assert_int_equal(piece.view.state, state);
}

static void a_walk_gives_pieces_in_both_directions(void **state)
{
	(void)state;
	struct vd_overlay_piece piece;
	apply(VD_OP_CLEAR_RANGE, B("c"), B("f"));
	apply(VD_OP_CLEAR, B("f"), B(""));
	apply(VD_OP_SET, B("d"), B("1"));
	apply(VD_OP_ADD, B("h"), B("\1"));
	apply(VD_OP_CLEAR_RANGE, B("y"), B("z"));
	const struct {
		struct vd_range range;
		enum vd_overlay_state state;
	} pieces[] = {
		{ { B("a"), B("c") }, VD_OVERLAY_UNKNOWN },
		{ { B("c"), B("d") }, VD_OVERLAY_ABSENT },
		{ { B("d"), B("d\0") }, VD_OVERLAY_PRESENT },
		{ { B("d\0"), B("f\0") }, VD_OVERLAY_ABSENT }, /* a cleared span and a cleared key: one piece */
		{ { B("f\0"), B("h") }, VD_OVERLAY_UNKNOWN },
		{ { B("h"), B("h\0") }, VD_OVERLAY_PENDING },
		{ { B("h\0"), B("k") }, VD_OVERLAY_UNKNOWN },
	};
	struct vd_overlay_cursor cursor = vd_overlay_cursor_of(overlay, vd_range_of(B("a"), B("k")), false);
	for (size_t i = 0; i < VD_COUNT(pieces); i++)
		expect_piece(&cursor, pieces[i].range, pieces[i].state);
	assert_false(vd_overlay_cursor_next(&cursor, &piece));
	cursor = vd_overlay_cursor_of(overlay, vd_range_of(B("a"), B("k")), true);
	for (size_t i = VD_COUNT(pieces); i-- > 0;)
		expect_piece(&cursor, pieces[i].range, pieces[i].state);
	assert_false(vd_overlay_cursor_next(&cursor, &piece));
	cursor = vd_overlay_cursor_of(overlay, vd_range_of(B("a"), B("a")), false);
	assert_false(vd_overlay_cursor_next(&cursor, &piece));
	cursor = vd_overlay_cursor_of(overlay, vd_range_of(B("dd"), B("e")), true);
	expect_piece(&cursor, vd_range_of(B("dd"), B("e")), VD_OVERLAY_ABSENT);
}

static void at_the_limit_calls_say_so(void **state)
{
	(void)state;
	struct vd_arena small;
	vd_arena_init(&small, 0);
	assert_null(vd_overlay_new(&small, NULL, 100));
	vd_arena_fini(&small);
	vd_arena_init(&small, 4096);
	struct vd_overlay *tiny = vd_overlay_new(&small, NULL, 100);
	assert_non_null(tiny);
	char key[16];
	bool fits = true;
	for (int i = 0; fits && i < 1000; i++) {
		snprintf(key, sizeof key, "%d", i);
		fits = vd_overlay_set(tiny, vd_bytes_of_string(key), B("v"));
	}
	assert_false(fits);
	assert_false(vd_overlay_clear(tiny, B("x")));
	assert_false(vd_overlay_clear_range(tiny, vd_range_of(B("x"), B("y"))));
	assert_false(vd_overlay_atomic(tiny, VD_OP_ADD, B("x"), B("\1")));
	assert_false(vd_overlay_set_base(tiny, B("x"), NULL));
	vd_arena_fini(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_said_is_unknown, set_up, tear_down),
		cmocka_unit_test_setup_teardown(own_writes_are_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ops_wait_for_their_base, set_up, tear_down),
		cmocka_unit_test_setup_teardown(after_a_clear_an_op_reads_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_hot_key_is_wanted_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_write_set_is_what_is_left, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_missing_base_is_a_bug, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_overlay_over_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stamped_keys_are_unreadable_until_cleared, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_walk_gives_pieces_in_both_directions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(at_the_limit_calls_say_so, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
