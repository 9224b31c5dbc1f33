/* SPDX-License-Identifier: Apache-2.0 */
/* Where stamps, numbers and selectors point. The first byte says which of them; the rest is an operand, a key, a counter, or a
 * list of keys. Each is held to the same thing said in the plainest way, from docs/semantics.md. */
#include "common/base/arena.h"
#include "common/kv/request.h"
#include "common/kv/sequence.h"
#include "follower/seek.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vd_arena arena;

static uint64_t take_64(const uint8_t **data, size_t *size)
{
	uint64_t number = 0;
	for (int i = 0; i < 8 && *size > 0; i++, (*size)--)
		number = number << 8 | *(*data)++;
	return number;
}

static void put_big_endian(uint64_t number, int bytes, uint8_t *to)
{
	for (int i = 0; i < bytes; i++)
		to[i] = (uint8_t)(number >> (8 * (bytes - 1 - i)));
}

/* True if `count` bytes have room in the operand, where its last four bytes say; they are put there. */
static bool place(struct vd_bytes operand, const uint8_t *filling, size_t count, struct vd_bytes *placed)
{
	if (operand.size < 4)
		return false;
	size_t size = operand.size - 4;
	uint64_t at = 0;
	for (int i = 3; i >= 0; i--)
		at = at << 8 | operand.data[size + (size_t)i];
	if (at + count > size)
		return false;
	uint8_t *bytes = vd_arena_alloc_bytes(&arena, size);
	for (size_t i = 0; i < size; i++)
		bytes[i] = i >= at && i < at + count ? filling[i - at] : operand.data[i];
	*placed = vd_bytes_of(bytes, size);
	return true;
}

static struct vd_bytes stamped(struct vd_bytes operand, struct vd_stamp stamp, bool *is_good)
{
	uint8_t bytes[VD_STAMP_BYTES];
	struct vd_bytes placed = VD_BYTES("");
	put_big_endian(stamp.version, 8, bytes);
	put_big_endian(stamp.order, 2, bytes + 8);
	*is_good = place(operand, bytes, sizeof bytes, &placed);
	return placed;
}

static void check_stamp(struct vd_bytes operand, struct vd_stamp stamp, uint64_t least)
{
	bool is_good;
	struct vd_bytes expected = stamped(operand, stamp, &is_good);
	struct vd_bytes bytes;
	struct vd_bytes got;
	struct vd_range range;
	size_t offset;
	VD_ASSERT(vd_stamp_parse(operand, &bytes, &offset) == is_good);
	VD_ASSERT(vd_stamp_place(&arena, operand, stamp, &got) == is_good);
	VD_ASSERT(vd_stamp_range(&arena, operand, least, &range) == is_good);
	struct vd_mutation set = { .op = VD_OP_SET_VERSIONSTAMPED_KEY, .key = operand, .value = VD_BYTES("v") };
	struct vd_mutation plain;
	VD_ASSERT(vd_mutation_stamp(&arena, &set, stamp, &plain) == is_good);
	if (!is_good)
		return;
	VD_ASSERT(vd_bytes_equal(got, expected) && bytes.size == expected.size && got.data[got.size] == 0);
	VD_ASSERT(plain.op == VD_OP_SET && vd_bytes_equal(plain.key, expected));
	bool is_in = vd_bytes_compare(range.begin, expected) <= 0 && vd_bytes_compare(expected, range.end) < 0;
	VD_ASSERT(is_in || stamp.version < least);
	/* the first and the last that it may become */
	expected = stamped(operand, (struct vd_stamp){ least, 0 }, &is_good);
	VD_ASSERT(vd_bytes_equal(expected, range.begin));
	expected = stamped(operand, (struct vd_stamp){ UINT64_MAX, UINT16_MAX }, &is_good);
	VD_ASSERT(vd_bytes_less(expected, range.end));
}

static void check_sequenced(struct vd_mutation mutation, uint64_t number, struct vd_stamp stamp)
{
	uint8_t digits[8];
	struct vd_bytes key = mutation.key;
	struct vd_bytes value = mutation.value;
	struct vd_bytes parsed_key;
	struct vd_bytes parsed_value;
	bool is_key = mutation.op == VD_OP_SET_SEQUENCED_KEY;
	bool is_good = true;
	put_big_endian(number, 8, digits);
	if (mutation.is_stamped && is_key)
		value = stamped(value, stamp, &is_good);
	else if (mutation.is_stamped)
		key = stamped(key, stamp, &is_good);
	if (!is_key)
		is_good = place(value, digits, sizeof digits, &value) && is_good;
	VD_ASSERT(vd_sequenced_parse(&mutation, &parsed_key, &parsed_value) == is_good);
	if (!is_good)
		return;
	VD_ASSERT(parsed_key.size == key.size && parsed_value.size == value.size);
	struct vd_mutation numbered;
	struct vd_mutation plain;
	VD_ASSERT(vd_sequenced_number(&arena, &mutation, number, &numbered));
	VD_ASSERT(vd_mutation_stamp(&arena, &numbered, stamp, &plain));
	if (is_key)
		VD_ASSERT(vd_bytes_concat(&arena, key, vd_bytes_of(digits, sizeof digits), &key));
	VD_ASSERT(plain.op == VD_OP_SET && plain.counter.size == 0 && !plain.is_stamped);
	VD_ASSERT(vd_bytes_equal(plain.key, key) && vd_bytes_equal(plain.value, value));
	struct vd_range range;
	VD_ASSERT(vd_sequenced_range(&arena, mutation.key, &range));
	bool is_in = vd_bytes_compare(range.begin, key) <= 0 && vd_bytes_less(key, range.end);
	VD_ASSERT(!is_key || is_in == (number < VD_NUMBERS_END));
}

static void check_counter(struct vd_bytes bytes)
{
	uint64_t next = 0;
	uint64_t expected = 0;
	for (size_t i = 0; i < bytes.size && i < 8; i++)
		expected = expected << 8 | bytes.data[i];
	VD_ASSERT(vd_counter_parse(bytes, &next) == (bytes.size == 8 && expected <= INT64_MAX));
	struct vd_bytes again;
	if (bytes.size == 8 && expected <= INT64_MAX)
		VD_ASSERT(next == expected && vd_counter_print(&arena, next, &again) && vd_bytes_equal(again, bytes));
	struct vd_bytes all = VD_BYTES("\xff/counter/");
	VD_ASSERT(vd_counter_is(bytes) ==
			  (bytes.size >= all.size && all.size > 0 && memcmp(bytes.data, all.data, all.size) == 0));
	/* between a prefix and its end lies what begins with it, and nothing else */
	struct vd_bytes end;
	struct vd_bytes prefix = vd_bytes_slice(bytes, 0, bytes.size / 2);
	VD_ASSERT(vd_bytes_prefix_end(&arena, prefix, &end));
	if (end.data != NULL) {
		bool is_in = vd_bytes_compare(prefix, bytes) <= 0 && vd_bytes_less(bytes, end);
		VD_ASSERT(is_in);
		VD_ASSERT(!vd_bytes_has_prefix(end, prefix) && end.size <= prefix.size);
	} else {
		for (size_t i = 0; i < prefix.size; i++)
			VD_ASSERT(prefix.data[i] == 0xff);
	}
}

/* ---- selectors ---- */

enum { KEYS_MAX = 24, LIMIT = 6 };

/* (key, or_equal, offset) as FoundationDB says it: the last key below (or at) the key, then `offset` keys on. −1: off the
 * front; `count`: off the end. */
static long resolve(const struct vd_bytes *keys, long count, const struct vd_selector *selector)
{
	struct vd_bytes key = vd_bytes_of(selector->key, selector->key_size);
	long at = -1;
	for (long i = 0; i < count; i++) {
		int order = vd_bytes_compare(keys[i], key);
		if (order < 0 || (selector->or_equal && order == 0))
			at = i;
	}
	at += selector->offset;
	return at < 0 ? -1 : at > count ? count : at;
}

static long walk(const struct vd_bytes *keys, long count, const struct vd_seek *seek)
{
	uint64_t seen = 0;
	struct vd_range range = vd_seek_range(seek, VD_BYTES("\xff"));
	for (long i = 0; i < count; i++) {
		long at = seek->is_reverse ? count - 1 - i : i;
		bool is_in = vd_bytes_compare(range.begin, keys[at]) <= 0 && vd_bytes_less(keys[at], range.end);
		if (is_in && ++seen == seek->count)
			return at;
	}
	return seek->is_reverse ? -1 : count;
}

static int compare_keys(const void *a, const void *b)
{
	return vd_bytes_compare(*(const struct vd_bytes *)a, *(const struct vd_bytes *)b);
}

/* What the answer hangs on has the keys that were passed in it, and what it is; nobody may add or take one without being in it. */
static void check_conflict(
	const struct vd_bytes *keys, long count, const struct vd_seek *seek, long found, struct vd_bytes selected)
{
	struct vd_range conflict;
	const struct vd_bytes *key = found >= 0 && found < count ? &keys[found] : NULL;
	VD_ASSERT(vd_seek_conflict(seek, key, VD_BYTES("\xff"), &arena, &conflict));
	if (key != NULL) {
		bool is_in = vd_bytes_compare(conflict.begin, *key) <= 0 && vd_bytes_less(*key, conflict.end);
		VD_ASSERT(is_in);
	}
	for (long i = 0; i < count; i++) {
		bool is_passed = seek->is_reverse ? i > found && vd_bytes_less(keys[i], selected)
										  : i < found && vd_bytes_compare(keys[i], seek->point) >= 0;
		bool is_in = vd_bytes_compare(conflict.begin, keys[i]) <= 0 && vd_bytes_less(keys[i], conflict.end);
		VD_ASSERT(is_in || !is_passed);
	}
}

static void check_selector(struct vd_bytes input, bool or_equal, int offset)
{
	struct vd_bytes all[KEYS_MAX];
	struct vd_bytes keys[KEYS_MAX];
	long found_keys = 0;
	long count = 0;
	size_t begin = 0;
	for (size_t i = 0; i <= input.size && found_keys < KEYS_MAX; i++)
		if (i == input.size || input.data[i] == ' ') {
			all[found_keys++] = vd_bytes_slice(input, begin, i);
			begin = i + 1;
		}
	struct vd_bytes key = all[0];
	qsort(all, (size_t)found_keys, sizeof *all, compare_keys);
	for (long i = 0; i < found_keys; i++) /* stored keys are legal, and no two alike */
		if (all[i].size <= LIMIT && vd_bytes_less(all[i], VD_BYTES("\xff")) &&
			(count == 0 || !vd_bytes_equal(all[i], keys[count - 1])))
			keys[count++] = all[i];
	struct vd_selector selector = { key.data, key.size, or_equal, offset };
	struct vd_seek seek;
	VD_ASSERT(vd_seek_of(&selector, LIMIT, &arena, &seek));
	VD_ASSERT(seek.count > 0 && seek.point.size <= LIMIT + 1);
	long found = walk(keys, count, &seek);
	VD_ASSERT(found == resolve(keys, count, &selector));
	check_conflict(keys, count, &seek, found, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	uint8_t what = *data++;
	size--;
	vd_arena_init(&arena, SIZE_MAX);
	if (what % 4 == 0) {
		uint64_t version = take_64(&data, &size);
		uint64_t least = (what & 16) != 0 ? version / 2 : take_64(&data, &size);
		check_stamp(vd_bytes_of(data, size), (struct vd_stamp){ version, (uint16_t)(version * 31) }, least);
	} else if (what % 4 == 1) {
		uint64_t number = take_64(&data, &size);
		size_t key = size > 0 ? *data % size : 0;
		check_sequenced((struct vd_mutation){ .op = (what & 16) != 0 ? VD_OP_SET_SEQUENCED_KEY
																	 : VD_OP_SET_SEQUENCED_VALUE,
							.key = vd_bytes_of(data, key),
							.value = vd_bytes_of(data + key, size - key),
							.counter = VD_COUNTERS,
							.is_stamped = (what & 32) != 0 },
			number, (struct vd_stamp){ number / 3, what });
	} else if (what % 4 == 2) {
		check_counter(vd_bytes_of(data, size));
	} else {
		check_selector(vd_bytes_of(data, size), (what & 4) != 0, (int)(what >> 3) - 16);
	}
	vd_arena_fini(&arena);
	return 0;
}
