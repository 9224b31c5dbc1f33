/* SPDX-License-Identifier: Apache-2.0 */
/* kv_sequence_test.c: counters, sequenced writes: what is refused, what they count and write, and what they come to. */
#include "tests/unit/test.h"

#include "common/base/arena.h"
#include "common/kv/codec.h"
#include "common/kv/overlay.h"
#include "common/kv/sequence.h"

static const struct vd_limits limits = { .key_bytes = 24, .value_bytes = 20, .transaction_bytes = 10000 };

#define B(text) VD_BYTES(text)
#define COUNTER "\xff/counter/c"
#define K16     "0123456789abcdef"
#define V20     "0123456789abcdefghij"
#define KEY(...)                                                                                             \
	{                                                                                                        \
		.op = VD_OP_SET_SEQUENCED_KEY, .counter = B(COUNTER), __VA_ARGS__                                    \
	}
#define VALUE(...)                                                                                           \
	{                                                                                                        \
		.op = VD_OP_SET_SEQUENCED_VALUE, .counter = B(COUNTER), __VA_ARGS__                                  \
	}
#define COUNTED_BY(...)                                                                                      \
	{                                                                                                        \
		.op = VD_OP_SET_SEQUENCED_KEY, .counter = B(__VA_ARGS__)                                             \
	}

static struct vd_arena arena;

static int set_up(void **state)
{
	(void)state;
	vd_arena_init(&arena, (size_t)1 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	vd_arena_fini(&arena);
	return 0;
}

static void what_is_refused(void **state)
{
	(void)state;
	const struct {
		int code;
		struct vd_mutation mutation;
	} rows[] = {
		{ 0, KEY(.key = B("p/"), .value = B("v")) },
		{ 0, KEY(.key = B(""), .value = B("")) },
		{ 0, KEY(.key = B(K16), .value = B(V20)) },
		{ 2102, KEY(.key = B(K16 "x")) },
		{ 2103, KEY(.key = B("p"), .value = B(V20 "x")) },
		{ 2004, KEY(.key = B("\xff")) },
		{ 2004, KEY(.key = B(COUNTER)) },
		{ 2004, COUNTED_BY("counter") },
		{ 2004, COUNTED_BY("\xff/counter") },
		{ 2004, COUNTED_BY("\xff/other/c") },
		{ 0, COUNTED_BY("\xff/counter/") },
		{ 0, COUNTED_BY("\xff/counter/01234567890123") },
		{ 2102, COUNTED_BY("\xff/counter/012345678901234") },
		{ 0, KEY(.key = B("p"), .value = B("0123456789..........\x0a\0\0\0"), .is_stamped = true) },
		{ 2103, KEY(.key = B("p"), .value = B("0123456789x..........\0\0\0\0"), .is_stamped = true) },
		{ 2000, KEY(.key = B("p"), .value = B("..........\1\0\0\0"), .is_stamped = true) },
		{ 2000, KEY(.key = B("p"), .value = B("v"), .is_stamped = true) },
		{ 0, VALUE(.key = B("k"), .value = B("ab........\2\0\0\0")) },
		{ 2000, VALUE(.key = B("k"), .value = B("ab........\3\0\0\0")) },
		{ 2000, VALUE(.key = B("k"), .value = B("")) },
		{ 2103, VALUE(.key = B("k"), .value = B(V20 "x\0\0\0\0")) },
		{ 0, VALUE(.key = B(K16 "01234567"), .value = B("........\0\0\0\0")) },
		{ 2102, VALUE(.key = B(K16 "012345678"), .value = B("........\0\0\0\0")) },
		{ 2004, VALUE(.key = B(COUNTER), .value = B("........\0\0\0\0")) },
		{ 0, VALUE(.key = B("f..........\1\0\0\0"), .value = B("........\0\0\0\0"), .is_stamped = true) },
		{ 0, VALUE(.key = B("\xff.........\0\0\0\0"), .value = B("........\0\0\0\0"), .is_stamped = true) },
		{ 2004,
			VALUE(.key = B("\xff..........\1\0\0\0"), .value = B("........\0\0\0\0"), .is_stamped = true) },
		{ 2000, VALUE(.key = B("k"), .value = B("........\0\0\0\0"), .is_stamped = true) },
		{ 2000, { .op = VD_OP_SET, .key = B("k"), .counter = B(COUNTER) } },
		{ 2000, { .op = VD_OP_ADD, .key = B("k"), .is_stamped = true } },
		{ 2004, { .op = VD_OP_SET, .key = B(COUNTER), .value = B("\0\0\0\0\0\0\0\0") } },
		{ 2004, { .op = VD_OP_CLEAR, .key = B(COUNTER) } },
		{ 2004, { .op = VD_OP_ADD, .key = B(COUNTER), .value = B("\1") } },
		{ 2004, { .op = VD_OP_CLEAR_RANGE, .key = B("\xff"), .value = B("\xff\xff") } },
	};
	for (size_t i = 0; i < VD_COUNT(rows); i++) {
		struct vd_request request = { .mutations = &rows[i].mutation, .mutation_count = 1 };
		int code = vd_request_validate(&request, &limits, NULL);
		if (code != rows[i].code)
			fail_msg("row %zu: %d instead of %d", i, code, rows[i].code);
	}
}

static void a_counter_may_be_read_and_not_written(void **state)
{
	(void)state;
	struct vd_range counter = { B(COUNTER), B(COUNTER "\0") };
	struct vd_request reads = { .reads = &counter, .read_count = 1 };
	struct vd_request writes = { .writes = &counter, .write_count = 1 };
	assert_int_equal(vd_request_validate(&reads, &limits, NULL), 0);
	assert_int_equal(vd_request_validate(&writes, &limits, NULL), VD_CODE_KEY_OUTSIDE_LEGAL_RANGE);
}

static void what_they_count(void **state)
{
	(void)state;
	struct vd_mutation key = KEY(.key = B("pre"), .value = B("value"));
	size_t counter = sizeof COUNTER - 1;
	size_t counters = counter + 24 + counter + counter + 1;
	assert_int_equal(vd_mutation_size(&key), 28 + 3 + 5 + counters + 24 + 11 + 12);
	key.no_write_conflict = true;
	assert_int_equal(vd_mutation_size(&key), 28 + 3 + 5 + counters);
	struct vd_mutation value = VALUE(.key = B("key"), .value = B("........\0\0\0\0"));
	assert_int_equal(vd_mutation_size(&value), 28 + 3 + 12 + counters + 24 + 3 + 4);
}

static void what_they_may_write(void **state)
{
	(void)state;
	struct vd_mutation done[] = { KEY(.key = B("p")),
		VALUE(.key = B("s..........\1\0\0\0"), .value = B("........\0\0\0\0"), .is_stamped = true),
		VALUE(.key = B("v"), .value = B("........\0\0\0\0")) };
	struct vd_request request = { .mutations = done, .mutation_count = VD_COUNT(done) };
	const struct vd_range expected[] = { { B("p\0\0\0\0\0\0\0\0"), B("p\x7f\xff\xff\xff\xff\xff\xff\xff") },
		{ B("s\0\0\0\0\0\0\0\1\0\2"), B("s\0\0\0\0\0\0\0\1\0\2\0") }, { B("v"), B("v\0") } };
	struct vd_write_walk walk = vd_write_walk_of(&request, (struct vd_stamp){ 1, 2 }, &arena);
	for (size_t i = 0; i < VD_COUNT(expected); i++) {
		struct vd_range range;
		assert_true(vd_write_walk_next(&walk, &range));
		assert_true(vd_bytes_equal(range.begin, expected[i].begin));
		assert_true(vd_bytes_equal(range.end, expected[i].end));
	}
}

static void what_they_come_to(void **state)
{
	(void)state;
	const struct {
		struct vd_mutation mutation;
		struct vd_mutation plain;
	} rows[] = {
		{ KEY(.key = B("p"), .value = B("v"), .no_write_conflict = true),
			{ .op = VD_OP_SET, .key = B("p\0\0\0\0\0\0\1\2"), .value = B("v"), .no_write_conflict = true } },
		{ KEY(.key = B(""), .value = B("..........\0\0\0\0"), .is_stamped = true),
			{ .op = VD_OP_SET_VERSIONSTAMPED_VALUE,
				.key = B("\0\0\0\0\0\0\1\2"),
				.value = B("..........\0\0\0\0") } },
		{ VALUE(.key = B("k"), .value = B("a........b\1\0\0\0")),
			{ .op = VD_OP_SET, .key = B("k"), .value = B("a\0\0\0\0\0\0\1\2b") } },
		{ VALUE(.key = B("..........\0\0\0\0"), .value = B("........\0\0\0\0"), .is_stamped = true),
			{ .op = VD_OP_SET_VERSIONSTAMPED_KEY,
				.key = B("..........\0\0\0\0"),
				.value = B("\0\0\0\0\0\0\1\2") } },
	};
	for (size_t i = 0; i < VD_COUNT(rows); i++) {
		struct vd_mutation plain;
		assert_true(vd_sequenced_number(&arena, &rows[i].mutation, 0x102, &plain));
		assert_int_equal(plain.op, rows[i].plain.op);
		assert_int_equal(plain.no_write_conflict, rows[i].plain.no_write_conflict);
		assert_true(vd_bytes_equal(plain.key, rows[i].plain.key));
		assert_true(vd_bytes_equal(plain.value, rows[i].plain.value));
		assert_true(plain.counter.size == 0 && !plain.is_stamped);
	}
}

static void a_counter_holds_eight_bytes(void **state)
{
	(void)state;
	uint64_t next = 0;
	struct vd_bytes value;
	assert_true(vd_counter_parse(B("\0\0\0\0\0\0\1\2"), &next));
	assert_int_equal(next, 0x102);
	assert_true(vd_counter_print(&arena, next, &value));
	assert_true(vd_bytes_equal(value, B("\0\0\0\0\0\0\1\2")));
	assert_true(vd_counter_parse(B("\x7f\xff\xff\xff\xff\xff\xff\xff"), &next));
	assert_int_equal(next, VD_NUMBERS_END);
	assert_false(vd_counter_parse(B("\x80\0\0\0\0\0\0\0"), &next));
	assert_false(vd_counter_parse(B("\0\0\0\0\0\0\0"), &next));
	assert_false(vd_counter_parse(B("\0\0\0\0\0\0\0\0\0"), &next));
	assert_false(vd_counter_parse(B(""), &next));
}

static void the_wire(void **state)
{
	(void)state;
	struct vd_mutation done = KEY(.key = B("p"), .value = B("..........\0\0\0\0"), .is_stamped = true);
	struct vd_request request = { .mutations = &done, .mutation_count = 1 };
	struct vd_request back;
	struct vd_bytes payload;
	const struct vd_bytes expected = B("\x32\x25\x08\x80\1\x12\1p\x1a\x0e..........\0\0\0\0"
									   "\x2a\x0b" COUNTER "\x30\1");
	assert_true(vd_request_encode(&arena, &request, &payload));
	assert_true(payload.size > expected.size);
	assert_memory_equal(payload.data + payload.size - expected.size, expected.data, expected.size);
	assert_int_equal(vd_request_decode(&arena, payload, &back, NULL), 0);
	assert_true(vd_bytes_equal(back.mutations[0].counter, B(COUNTER)) && back.mutations[0].is_stamped);
}

static struct vd_overlay_view look(const struct vd_overlay *overlay, struct vd_bytes key)
{
	return vd_overlay_get(overlay, key);
}

static void they_are_unreadable(void **state)
{
	(void)state;
	struct vd_overlay *overlay = vd_overlay_new(&arena, NULL, 100);
	assert_non_null(overlay);
	struct vd_mutation key = KEY(.key = B("p"), .value = B("v"));
	struct vd_mutation value = VALUE(.key = B("k"), .value = B("........\0\0\0\0"));
	assert_true(vd_overlay_apply(overlay, &key, 7) && vd_overlay_apply(overlay, &value, 7));
	assert_true(look(overlay, B("p\0\0\0\0\0\0\0\0")).is_unreadable);
	assert_true(look(overlay, B("p\x7f\xff\xff\xff\xff\xff\xff\xfe")).is_unreadable);
	assert_false(look(overlay, B("p")).is_unreadable);
	assert_false(look(overlay, B("p\x80")).is_unreadable);
	assert_true(look(overlay, B("k")).is_unreadable);
	/* for those who bypass: as if the first number had been given; a counter is what is stored */
	assert_true(vd_bytes_equal(look(overlay, B("p\0\0\0\0\0\0\0\0")).value, B("v")));
	assert_int_equal(look(overlay, B("k")).state, VD_OVERLAY_PRESENT);
	assert_true(look(overlay, B(COUNTER)).is_unreadable);
	assert_int_equal(look(overlay, B(COUNTER)).state, VD_OVERLAY_UNKNOWN);
	assert_false(look(overlay, B(COUNTER)).is_own);
	/* what was cleared is known again; the counter is not */
	assert_true(vd_overlay_clear_range(overlay, vd_range_of(B(""), B("\xff"))));
	assert_false(look(overlay, B("p\0\0\0\0\0\0\0\0")).is_unreadable);
	assert_true(look(overlay, B(COUNTER)).is_unreadable);
}

static void at_the_limit_calls_say_so(void **state)
{
	(void)state;
	struct vd_arena small;
	struct vd_mutation key = KEY(.key = B("p"));
	struct vd_mutation plain;
	struct vd_range range;
	struct vd_bytes value;
	vd_arena_init(&small, 0);
	assert_false(vd_sequenced_number(&small, &key, 1, &plain));
	assert_false(vd_sequenced_range(&small, key.key, &range));
	assert_false(vd_counter_print(&small, 1, &value));
	vd_arena_fini(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(a_counter_may_be_read_and_not_written),
		cmocka_unit_test(what_they_count),
		cmocka_unit_test_setup_teardown(what_they_may_write, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_they_come_to, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_counter_holds_eight_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_wire, set_up, tear_down),
		cmocka_unit_test_setup_teardown(they_are_unreadable, set_up, tear_down),
		cmocka_unit_test(at_the_limit_calls_say_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
