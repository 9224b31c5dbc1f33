/* SPDX-License-Identifier: Apache-2.0 */
/* kv_codec_test.c: the bytes on the wire, and what is refused. */
#include "tests/unit/test.h"

#include "common/base/arena.h"
#include "common/kv/codec.h"

#include <stdlib.h>

#define B(text) VD_BYTES(text)
#define HEAD                                                                                                 \
	"\x08\x01\x12\x10"                                                                                       \
	"0123456789abcdef"                                                                                       \
	"\x19\5\0\0\0\0\0\0\0"

static struct vd_arena arena;

static int set_up(void **state)
{
	(void)state;
	vd_arena_init(&arena, (size_t)256 << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	vd_arena_fini(&arena);
	return 0;
}

static void the_wire_is_as_it_was(void **state)
{
	(void)state;
	struct vd_range read = { B("a"), B("b") };
	struct vd_range write = { B("c"), B("d") };
	struct vd_mutation done[] = {
		{ .op = VD_OP_ADD, .no_write_conflict = true, .key = B("k"), .value = B("v") },
		{ .op = VD_OP_SET, .key = B(""), .value = B("") }
	};
	struct vd_precondition demands[] = { { VD_REQUIRE_EMPTY, B("e"), B("f") },
		{ VD_REQUIRE_ABSENT, B(""), B("") } };
	struct vd_request request = { .read_version = 5,
		.reads = &read,
		.read_count = 1,
		.writes = &write,
		.write_count = 1,
		.mutations = done,
		.mutation_count = 2,
		.preconditions = demands,
		.precondition_count = 2,
		.reports_conflicts = true,
		.is_lock_aware = true,
		.lock_change = VD_LOCK_TAKE,
		.lock = B("fedcba9876543210"),
		.above_version = 7 };
	memcpy(request.read_term, "0123456789abcdef", 16);
	struct vd_bytes payload;
	assert_true(vd_request_encode(&arena, &request, &payload));
	struct vd_bytes expected = B(HEAD "\x22\6\x0a\1a\x12\1b"
									  "\x2a\6\x0a\1c\x12\1d"
									  "\x32\x0a\x08\2\x12\1k\x1a\1v\x20\1"
									  "\x32\0"
									  "\x38\1"
									  "\x42\x08\x08\4\x12\1e\x1a\1f"
									  "\x42\2\x08\3"
									  "\x48\1\x50\1\x5a\x10"
									  "fedcba9876543210"
									  "\x61\7\0\0\0\0\0\0\0");
	assert_int_equal(payload.size, expected.size);
	assert_memory_equal(payload.data, expected.data, expected.size);
	struct vd_request back;
	assert_int_equal(vd_request_decode(&arena, payload, &back, NULL), 0);
	assert_int_equal(back.read_version, 5);
	assert_memory_equal(back.read_term, request.read_term, 16);
	assert_int_equal(back.mutation_count, 2);
	assert_int_equal(back.mutations[0].op, VD_OP_ADD);
	assert_true(back.mutations[0].no_write_conflict);
	assert_true(vd_bytes_equal(back.mutations[0].key, B("k")));
	assert_true(vd_bytes_equal(back.writes[0].end, B("d")));
	assert_true(back.reports_conflicts);
	assert_int_equal(back.precondition_count, 2);
	assert_int_equal(back.preconditions[0].kind, VD_REQUIRE_EMPTY);
	assert_true(vd_bytes_equal(back.preconditions[0].value, B("f")));
	assert_int_equal(back.preconditions[1].kind, VD_REQUIRE_ABSENT);
	assert_true(back.is_lock_aware && back.lock_change == VD_LOCK_TAKE && back.above_version == 7);
	assert_true(vd_bytes_equal(back.lock, request.lock));
}

static void what_is_refused(void **state)
{
	(void)state;
	const struct {
		int code;
		struct vd_bytes payload;
	} rows[] = {
		{ 0, B(HEAD) }, { 2000, B("") }, { 2000, B("garbage") },
		{ 2000, B("\x08\x02\x12\x10"
				  "0123456789abcdef") }, /* another format */
		{ 2000, B("\x12\x10"
				  "0123456789abcdef") }, /* no format */
		{ 2000, B("\x08\x01\x12\x0f"
				  "0123456789abcde") },                                 /* a term of 15 bytes */
		{ 2000, B("\x08\x01") },                                        /* no term */
		{ 2000, B(HEAD "\x7a\0") },                                     /* an unknown field */
		{ 2000, B(HEAD "\x22\2\x18\1") },                               /* in a read */
		{ 2000, B(HEAD "\x2a\2\x18\1") },                               /* in a write */
		{ 2000, B(HEAD "\x32\2\x28\1") },                               /* in a mutation */
		{ 2000, B(HEAD "\x32\4\x08\2\x28\1") }, { 2000, B(HEAD "\0") }, /* garbage behind it */
		{ 2000, B(HEAD "\x22\6\x0a\1a\x12") },                          /* cut off */
		{ 2000, B(HEAD "\x22\xff\xff\xff\xff\x0f") },                   /* a length beyond all bounds */
		{ 2000, B(HEAD "\x32\2\x12\x7f") },                             /* one beyond its message */
		{ 2000, B("\x0a\x01\x01\x12\x10"
				  "0123456789abcdef") }, /* format as bytes */
	};
	for (size_t i = 0; i < VD_COUNT(rows); i++) {
		struct vd_request request;
		const char *why = NULL;
		int code = vd_request_decode(&arena, rows[i].payload, &request, &why);
		if (code != rows[i].code)
			fail_msg("row %zu: %d instead of %d", i, code, rows[i].code);
		assert_int_equal(why != NULL, code != 0);
	}
}

static void the_order_of_mutations_stays(void **state)
{
	(void)state;
	enum { COUNT = 5000 };
	struct vd_mutation *done = vd_arena_array(&arena, COUNT, sizeof *done);
	uint32_t *keys = vd_arena_array(&arena, COUNT, sizeof *keys);
	assert_true(done != NULL && keys != NULL);
	for (uint32_t i = 0; i < COUNT; i++) {
		keys[i] = i * 2654435761u;
		done[i] = (struct vd_mutation){ .op = i % 3, .key = vd_bytes_of(&keys[i], 4), .value = B("") };
	}
	struct vd_request request = { .mutations = done, .mutation_count = COUNT };
	struct vd_request back;
	struct vd_bytes payload;
	assert_true(vd_request_encode(&arena, &request, &payload));
	assert_int_equal(vd_request_decode(&arena, payload, &back, NULL), 0);
	assert_int_equal(back.mutation_count, COUNT);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_true(back.mutations[i].op == i % 3 && vd_bytes_equal(back.mutations[i].key, done[i].key));
}

static void the_request_borrows_nothing(void **state)
{
	(void)state;
	struct vd_request request;
	uint8_t payload[] = HEAD "\x32\x06\x12\1k\x1a\1v";
	assert_int_equal(vd_request_decode(&arena, vd_bytes_of(payload, sizeof payload - 1), &request, NULL), 0);
	memset(payload, 0xee, sizeof payload);
	assert_true(vd_bytes_equal(request.mutations[0].key, B("k")));
	assert_true(vd_bytes_equal(request.mutations[0].value, B("v")));
	assert_memory_equal(request.read_term, "0123456789abcdef", 16);
}

static void a_few_bytes_may_not_take_all_memory(void **state)
{
	(void)state;
	size_t count = 3000000; /* empty ranges: 6 MB on the wire, 300 in memory */
	struct vd_bytes head = B(HEAD);
	uint8_t *payload = malloc(head.size + 2 * count);
	assert_non_null(payload);
	memcpy(payload, head.data, head.size);
	for (size_t i = 0; i < count; i++)
		memcpy(payload + head.size + 2 * i, "\x22", 2);
	struct vd_request request;
	const char *why = NULL;
	int code = vd_request_decode(&arena, vd_bytes_of(payload, head.size + 2 * count), &request, &why);
	free(payload);
	assert_int_equal(code, VD_CODE_TRANSACTION_TOO_LARGE);
	assert_non_null(why);
}

static void an_arena_at_its_limit_is_nobodys_fault(void **state)
{
	(void)state;
	struct vd_arena small;
	struct vd_request request;
	vd_arena_init(&small, 64);
	assert_int_equal(
		vd_request_decode(&small, B(HEAD "\x32\x06\x12\1k\x1a\1v"), &request, NULL), VD_CODE_PLATFORM_ERROR);
	struct vd_bytes payload;
	struct vd_mutation set = {
		.op = VD_OP_SET, .key = B("a rather long key"), .value = B("a rather long value, longer than 64")
	};
	request = (struct vd_request){ .mutations = &set, .mutation_count = 1 };
	assert_false(vd_request_encode(&small, &request, &payload));
	vd_arena_fini(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_wire_is_as_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_order_of_mutations_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_request_borrows_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_few_bytes_may_not_take_all_memory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_arena_at_its_limit_is_nobodys_fault, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
