/* SPDX-License-Identifier: Apache-2.0 */
/* kv_request_test.c: what is refused and with which number, how much a request counts, and which keys it writes. */
#include "tests/unit/test.h"

#include "common/base/arena.h"
#include "common/kv/request.h"

static const struct vd_limits limits = { .key_bytes = 16, .value_bytes = 20, .transaction_bytes = 1000 };

#define B(text) VD_BYTES(text)
#define K16     "0123456789abcdef"
#define V20     "0123456789abcdefghij"

struct row {
	int code;
	struct vd_mutation mutation;
};

static void mutations(void **state)
{
	(void)state;
	const struct row rows[] = {
		{ 0, { .op = VD_OP_SET, .key = B(""), .value = B("") } },
		{ 0, { .op = VD_OP_SET, .key = B(K16), .value = B(V20) } },
		{ 0, { .op = VD_OP_SET, .key = B("\xfe\xff"), .value = B("") } },
		{ 2102, { .op = VD_OP_SET, .key = B(K16 "x"), .value = B("") } },
		{ 2103, { .op = VD_OP_SET, .key = B("k"), .value = B(V20 "x") } },
		{ 2103, { .op = VD_OP_ADD, .key = B("k"), .value = B(V20 "x") } },
		{ 2004, { .op = VD_OP_SET, .key = B("\xff"), .value = B("") } },
		{ 2004, { .op = VD_OP_ADD, .key = B("\xff\xff/x"), .value = B("") } },
		{ 2004, { .op = VD_OP_CLEAR, .key = B("\xff"), .value = B("") } },
		{ 2000, { .op = VD_OP_CLEAR, .key = B("k"), .value = B("v") } },
		{ 2102, { .op = VD_OP_CLEAR, .key = B(K16 "x"), .value = B("") } },
		{ 2018, { .op = 4, .key = B("k"), .value = B("v") } },
		{ 2018, { .op = 5, .key = B("k"), .value = B("v") } },
		{ 2018, { .op = 21, .key = B("k"), .value = B("v") } },
		{ 2018, { .op = UINT32_MAX, .key = B("k"), .value = B("v") } },
		{ 0, { .op = VD_OP_CLEAR_RANGE, .key = B(""), .value = B("\xff") } },
		{ 0, { .op = VD_OP_CLEAR_RANGE, .key = B("a"), .value = B("a") } },
		{ 0, { .op = VD_OP_CLEAR_RANGE, .key = B(K16), .value = B(K16 "\0") } },
		{ 2005, { .op = VD_OP_CLEAR_RANGE, .key = B("b"), .value = B("a") } },
		{ 2004, { .op = VD_OP_CLEAR_RANGE, .key = B("a"), .value = B("\xff\0") } },
		{ 2004, { .op = VD_OP_CLEAR_RANGE, .key = B("\xff/a"), .value = B("\xff/b") } },
		{ 2102, { .op = VD_OP_CLEAR_RANGE, .key = B("0"), .value = B(K16 "xx") } },
		{ 0, { .op = VD_OP_SET_VERSIONSTAMPED_KEY, .key = B("abcdef..........\6\0\0\0"), .value = B(V20) } },
		{ 2102,
			{ .op = VD_OP_SET_VERSIONSTAMPED_KEY, .key = B("abcdefg..........\6\0\0\0"), .value = B("") } },
		{ 2000, { .op = VD_OP_SET_VERSIONSTAMPED_KEY, .key = B("abc"), .value = B("") } },
		{ 2000, { .op = VD_OP_SET_VERSIONSTAMPED_KEY, .key = B("..........\1\0\0\0"), .value = B("") } },
		{ 2004, { .op = VD_OP_SET_VERSIONSTAMPED_KEY, .key = B("\xff..........\1\0\0\0"), .value = B("") } },
		{ 0, { .op = VD_OP_SET_VERSIONSTAMPED_KEY,
				 .key = B("\xff.........\0\0\0\0"),
				 .value = B("") } }, /* the stamp goes there */
		{ 0, { .op = VD_OP_SET_VERSIONSTAMPED_VALUE,
				 .key = B("k"),
				 .value = B("0123456789..........\x0a\0\0\0") } },
		{ 2103, { .op = VD_OP_SET_VERSIONSTAMPED_VALUE,
					.key = B("k"),
					.value = B("0123456789x..........\0\0\0\0") } },
		{ 2000, { .op = VD_OP_SET_VERSIONSTAMPED_VALUE, .key = B("k"), .value = B("\0\0\0") } },
		{ 2000, { .op = VD_OP_SET_VERSIONSTAMPED_VALUE,
					.key = B("k"),
					.value = B("..........\xff\xff\xff\xff") } },
	};
	for (size_t i = 0; i < VD_COUNT(rows); i++) {
		struct vd_refusal refusal = { 0 };
		struct vd_request request = { .mutations = &rows[i].mutation, .mutation_count = 1 };
		int code = vd_request_validate(&request, &limits, &refusal);
		if (code != rows[i].code)
			fail_msg("row %zu: %d instead of %d", i, code, rows[i].code);
		assert_int_equal(refusal.code, code);
		assert_int_equal(refusal.what != NULL, code != 0);
		assert_int_equal(vd_request_validate(&request, &limits, NULL), code);
	}
}

static void conflict_ranges(void **state)
{
	(void)state;
	const struct {
		int code;
		struct vd_range range;
	} rows[] = {
		{ 0, { B(""), B("\xff") } },
		{ 0, { B("\xff"), B("\xff") } },
		{ 0, { B(K16), B(K16 "\0") } },
		{ 2005, { B("b"), B("a") } },
		{ 2005, { B("\xff\1"), B("\xff") } },
		{ 2004, { B("a"), B("\xff\xff\0") } },
		{ 2102, { B(K16 "yy"), B("1") } },
	};
	for (size_t i = 0; i < VD_COUNT(rows); i++) {
		struct vd_request reads = { .reads = &rows[i].range, .read_count = 1 };
		struct vd_request writes = { .writes = &rows[i].range, .write_count = 1 };
		assert_int_equal(vd_request_validate(&reads, &limits, NULL), rows[i].code);
		assert_int_equal(vd_request_validate(&writes, &limits, NULL), rows[i].code);
	}
}

static void a_refusal_names_key_and_sizes(void **state)
{
	(void)state;
	struct vd_mutation set = { .op = VD_OP_SET, .key = B("key"), .value = B(V20 "x") };
	struct vd_request request = { .mutations = &set, .mutation_count = 1 };
	struct vd_refusal refusal;
	assert_int_equal(vd_request_validate(&request, &limits, &refusal), VD_CODE_VALUE_TOO_LARGE);
	assert_true(vd_bytes_equal(refusal.key, B("key")));
	assert_int_equal(refusal.bytes, 21);
	assert_int_equal(refusal.limit_bytes, 20);
}

static void the_limit_of_a_transaction(void **state)
{
	(void)state;
	struct vd_mutation sets[13];
	for (size_t i = 0; i < VD_COUNT(sets); i++)
		sets[i] = (struct vd_mutation){ .op = VD_OP_SET, .key = B("key"), .value = B("value") };
	struct vd_request request = { .mutations = sets, .mutation_count = 1 };
	size_t one = vd_request_size(&request);
	assert_int_equal(one, 28 + 3 + 5 + 24 + 3 + 4); /* mutation, and its conflict range [key, key\0) */
	request.mutation_count = 13;
	struct vd_limits exact = { .key_bytes = 16, .value_bytes = 20, .transaction_bytes = 13 * one };
	assert_int_equal(vd_request_validate(&request, &exact, NULL), 0);
	exact.transaction_bytes--;
	struct vd_refusal refusal;
	assert_int_equal(vd_request_validate(&request, &exact, &refusal), VD_CODE_TRANSACTION_TOO_LARGE);
	assert_int_equal(refusal.bytes, 13 * one);
	sets[0].no_write_conflict = true;
	assert_int_equal(vd_request_validate(&request, &exact, NULL), 0);
	struct vd_range range = { B("a"), B("bc") };
	request = (struct vd_request){ .reads = &range, .read_count = 1, .writes = &range, .write_count = 1 };
	assert_int_equal(vd_request_size(&request), 2 * (24 + 3));
	struct vd_mutation clear = { .op = VD_OP_CLEAR_RANGE, .key = B("a"), .value = B("bc") };
	assert_int_equal(vd_mutation_size(&clear), 28 + 3 + 24 + 3);
	struct vd_precondition value = { VD_REQUIRE_VALUE, B("a"), B("bc") };
	request = (struct vd_request){ .preconditions = &value, .precondition_count = 1 };
	assert_int_equal(vd_request_size(&request), 28 + 3);
}

static void preconditions(void **state)
{
	(void)state;
	const struct {
		int code;
		struct vd_precondition precondition;
	} rows[] = {
		{ 0, { VD_REQUIRE_VALUE, B(""), B("") } },
		{ 0, { VD_REQUIRE_VALUE, B(K16), B(V20) } },
		{ 0, { VD_REQUIRE_PRESENT, B(K16), B("") } },
		{ 0, { VD_REQUIRE_ABSENT, B("k"), B("") } },
		{ 0, { VD_REQUIRE_EMPTY, B(""), B("\xff") } },
		{ 0, { VD_REQUIRE_EMPTY, B("a"), B("a") } },
		{ 0, { VD_REQUIRE_EMPTY, B(K16), B(K16 "\0") } },
		{ 2000, { 0, B("k"), B("") } },
		{ 2000, { 5, B("k"), B("") } },
		{ 2000, { VD_REQUIRE_PRESENT, B("k"), B("v") } },
		{ 2000, { VD_REQUIRE_ABSENT, B("k"), B("v") } },
		{ 2102, { VD_REQUIRE_VALUE, B(K16 "x"), B("") } },
		{ 2102, { VD_REQUIRE_ABSENT, B(K16 "x"), B("") } },
		{ 2103, { VD_REQUIRE_VALUE, B("k"), B(V20 "x") } },
		{ 0, { VD_REQUIRE_VALUE, B("\xff/counter/x"), B("v") } },
		{ 0, { VD_REQUIRE_EMPTY, B("a"), B("\xff\xff") } },
		{ 2004, { VD_REQUIRE_PRESENT, B("\xff\xff"), B("") } },
		{ 2004, { VD_REQUIRE_EMPTY, B("a"), B("\xff\xff\0") } },
		{ 2005, { VD_REQUIRE_EMPTY, B("b"), B("a") } },
		{ 2102, { VD_REQUIRE_EMPTY, B("0"), B(K16 "xx") } },
	};
	for (size_t i = 0; i < VD_COUNT(rows); i++) {
		struct vd_refusal refusal = { 0 };
		struct vd_request request = { .preconditions = &rows[i].precondition, .precondition_count = 1 };
		int code = vd_request_validate(&request, &limits, &refusal);
		if (code != rows[i].code)
			fail_msg("row %zu: %d instead of %d", i, code, rows[i].code);
		assert_int_equal(refusal.code, code);
		assert_int_equal(refusal.what != NULL, code != 0);
	}
	/* as a transaction may make them without further ado */
	const struct vd_precondition others[] = { { VD_REQUIRE_PRESENT, B("\xff"), B("") },
		{ VD_REQUIRE_VALUE, B("\xff/counter/x"), B("v") }, { VD_REQUIRE_EMPTY, B("a"), B("\xff\0") } };
	for (size_t i = 0; i < VD_COUNT(others); i++)
		assert_int_equal(vd_precondition_validate(&others[i], VD_KEYS_END, &limits, NULL), 2004);
}

static void the_lock(void **state)
{
	(void)state;
	const struct vd_bytes id = B("0123456789abcdef");
	const struct {
		int code;
		struct vd_request request;
	} rows[] = {
		{ 0, { .is_lock_aware = true } },
		{ 0, { .is_lock_aware = true, .lock_change = VD_LOCK_TAKE, .lock = id } },
		{ 0, { .is_lock_aware = true, .lock_change = VD_LOCK_RELEASE, .lock = id } },
		{ 0, { .is_lock_aware = true,
				 .lock_change = VD_LOCK_TAKE,
				 .lock = id,
				 .above_version = VD_ABOVE_VERSION_MAX } },
		{ 2000, { .lock_change = VD_LOCK_TAKE, .lock = id } },
		{ 2000, { .is_lock_aware = true, .lock_change = 3, .lock = id } },
		{ 2000, { .is_lock_aware = true, .lock_change = VD_LOCK_TAKE, .lock = B("0123456789abcde") } },
		{ 2000, { .is_lock_aware = true, .lock_change = VD_LOCK_RELEASE } },
		{ 2000, { .is_lock_aware = true, .lock = id } },
		{ 2000, { .is_lock_aware = true, .above_version = 1 } },
		{ 2000, { .is_lock_aware = true, .lock_change = VD_LOCK_RELEASE, .lock = id, .above_version = 1 } },
		{ 2000, { .is_lock_aware = true,
					.lock_change = VD_LOCK_TAKE,
					.lock = id,
					.above_version = VD_ABOVE_VERSION_MAX + 1 } },
	};
	for (size_t i = 0; i < VD_COUNT(rows); i++) {
		int code = vd_request_validate(&rows[i].request, &limits, NULL);
		if (code != rows[i].code)
			fail_msg("row %zu: %d instead of %d", i, code, rows[i].code);
	}
}

static void what_is_the_systems(void **state)
{
	(void)state;
	const struct {
		bool is_system;
		int code_unaware;
		struct vd_mutation mutation;
	} rows[] = {
		{ false, 0, { .op = VD_OP_SET, .key = B("\xfe"), .value = B("") } },
		{ true, 2004, { .op = VD_OP_SET, .key = B("\xff"), .value = B("") } },
		{ true, 2004, { .op = VD_OP_CLEAR, .key = B("\xff/c"), .value = B("") } },
		{ false, 0, { .op = VD_OP_CLEAR_RANGE, .key = B("a"), .value = B("\xff") } },
		{ true, 2004, { .op = VD_OP_CLEAR_RANGE, .key = B("a"), .value = B("\xff\0") } },
		{ true, 2004, { .op = VD_OP_ADD, .key = B("\xff/c"), .value = B("1") } },
		{ false, 0,
			{ .op = VD_OP_SET_VERSIONSTAMPED_KEY, .key = B("\xff.........\0\0\0\0"), .value = B("") } },
		{ true, 2004,
			{ .op = VD_OP_SET_VERSIONSTAMPED_KEY, .key = B("\xff..........\1\0\0\0"), .value = B("") } },
		{ false, 0,
			{ .op = VD_OP_SET_SEQUENCED_KEY,
				.key = B("p"),
				.value = B(""),
				.counter = B("\xff/counter/c") } },
	};
	for (size_t i = 0; i < VD_COUNT(rows); i++) {
		struct vd_request request = { .mutations = &rows[i].mutation, .mutation_count = 1 };
		if (vd_request_validate(&request, &limits, NULL) != rows[i].code_unaware)
			fail_msg("row %zu: not %d", i, rows[i].code_unaware);
		request.is_lock_aware = true;
		assert_int_equal(vd_request_validate(&request, &limits, NULL), 0);
		assert_int_equal(vd_request_writes_system(&request), rows[i].is_system);
	}
	struct vd_mutation beyond = { .op = VD_OP_SET, .key = B("\xff\xff"), .value = B("") };
	struct vd_range ranges[] = { { B("a"), B("\xff") }, { B("a"), B("\xff\xff") } };
	struct vd_request request = { .mutations = &beyond, .mutation_count = 1, .is_lock_aware = true };
	assert_int_equal(vd_request_validate(&request, &limits, NULL), 2004);
	request = (struct vd_request){ .writes = &ranges[0], .write_count = 1, .is_lock_aware = true };
	assert_false(vd_request_writes_system(&request));
	request.writes = &ranges[1];
	assert_int_equal(vd_request_validate(&request, &limits, NULL), 0);
	assert_true(vd_request_writes_system(&request));
}

static void what_a_request_writes(void **state)
{
	(void)state;
	struct vd_arena arena;
	vd_arena_init(&arena, (size_t)1 << 20);
	struct vd_mutation done[] = {
		{ .op = VD_OP_SET, .key = B("s"), .value = B("") },
		{ .op = VD_OP_ADD, .no_write_conflict = true, .key = B("n"), .value = B("") },
		{ .op = VD_OP_CLEAR_RANGE, .key = B("x"), .value = B("x") },
		{ .op = VD_OP_CLEAR_RANGE, .key = B("x"), .value = B("z") },
		{ .op = VD_OP_SET_VERSIONSTAMPED_KEY, .key = B("k..........\1\0\0\0"), .value = B("") },
		{ .op = VD_OP_SET_VERSIONSTAMPED_VALUE, .key = B("v"), .value = B("..........\0\0\0\0") },
	};
	struct vd_range extra[] = { { B("e"), B("e") }, { B("e"), B("f") } };
	struct vd_request request = {
		.mutations = done, .mutation_count = VD_COUNT(done), .writes = extra, .write_count = 2
	};
	const struct vd_range expected[] = {
		{ B("s"), B("s\0") },
		{ B("x"), B("z") },
		{ B("k\0\0\0\0\0\0\0\1\0\2"), B("k\0\0\0\0\0\0\0\1\0\2\0") },
		{ B("v"), B("v\0") },
		{ B("e"), B("f") },
	};
	struct vd_write_walk walk = vd_write_walk_of(&request, (struct vd_stamp){ 1, 2 }, &arena);
	struct vd_range range;
	size_t count = 0;
	while (vd_write_walk_next(&walk, &range)) {
		assert_true(count < VD_COUNT(expected));
		assert_true(vd_bytes_equal(range.begin, expected[count].begin));
		assert_true(vd_bytes_equal(range.end, expected[count].end));
		count++;
	}
	assert_int_equal(count, VD_COUNT(expected));
	assert_false(walk.failed);
	vd_arena_fini(&arena);
	vd_arena_init(&arena, 0);
	walk = vd_write_walk_of(&request, (struct vd_stamp){ 1, 2 }, &arena);
	assert_false(vd_write_walk_next(&walk, &range));
	assert_true(walk.failed);
	vd_arena_fini(&arena);
}

static void only_writes_and_demands_make_it_more_than_a_read(void **state)
{
	(void)state;
	struct vd_range range = { B("a"), B("b") };
	struct vd_request request = { .reads = &range, .read_count = 1 };
	assert_true(vd_request_is_read_only(&request));
	request.writes = &range;
	request.write_count = 1;
	assert_false(vd_request_is_read_only(&request));
	struct vd_precondition absent = { VD_REQUIRE_ABSENT, B("a"), B("") };
	request = (struct vd_request){ .preconditions = &absent, .precondition_count = 1 };
	assert_false(vd_request_is_read_only(&request));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutations),
		cmocka_unit_test(conflict_ranges),
		cmocka_unit_test(preconditions),
		cmocka_unit_test(the_lock),
		cmocka_unit_test(what_is_the_systems),
		cmocka_unit_test(a_refusal_names_key_and_sizes),
		cmocka_unit_test(the_limit_of_a_transaction),
		cmocka_unit_test(what_a_request_writes),
		cmocka_unit_test(only_writes_and_demands_make_it_more_than_a_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
