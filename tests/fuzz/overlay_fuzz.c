/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a program of mutations on a dozen keys; the overlay, over stored rows that depend on the first byte, must in
 * the end leave the same store as a plain one does. Three bytes a mutation: which, its key, its value. */
#include "common/kv/overlay.h"
#include "tests/property/naive.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUE_LIMIT = 12, KEYS = 12 };

static const struct vd_bytes keys[KEYS] = { VD_BYTES(""), VD_BYTES("\0"), VD_BYTES("a"), VD_BYTES("a\0"),
	VD_BYTES("a\0\0"), VD_BYTES("ab"), VD_BYTES("b"), VD_BYTES("eight by"), VD_BYTES("eight bytes"),
	VD_BYTES("eight byz"), VD_BYTES("\xfe"), VD_BYTES("\xfe\xff") };
static const uint32_t ops[16] = { VD_OP_SET, VD_OP_CLEAR, VD_OP_ADD, VD_OP_CLEAR_RANGE, VD_OP_BIT_AND,
	VD_OP_BIT_OR, VD_OP_BIT_XOR, VD_OP_APPEND_IF_FITS, VD_OP_MAX, VD_OP_MIN, VD_OP_BYTE_MIN, VD_OP_BYTE_MAX,
	VD_OP_COMPARE_AND_CLEAR, VD_OP_CLEAR_RANGE, VD_OP_SET, VD_OP_APPEND_IF_FITS };

static void check(const struct vd_overlay *overlay, const struct naive *stored, const struct naive *serial)
{
	for (size_t i = 0; i < KEYS; i++) {
		struct vd_overlay_view view = vd_overlay_get(overlay, keys[i]);
		const struct vd_bytes *expected = naive_get(serial, keys[i]);
		const struct vd_bytes *there = view.state == VD_OVERLAY_PRESENT ? &view.value : NULL;
		there = view.state == VD_OVERLAY_UNKNOWN ? naive_get(stored, keys[i]) : there;
		if (view.state != VD_OVERLAY_PENDING)
			VD_ASSERT(
				there == NULL ? expected == NULL : expected != NULL && vd_bytes_equal(*there, *expected));
	}
}

static void finish(
	struct vd_overlay *overlay, struct vd_arena *arena, struct naive *stored, const struct naive *serial)
{
	struct vd_write_set set;
	for (size_t i = 0; i < KEYS; i++)
		VD_ASSERT(vd_overlay_set_base(overlay, keys[i], naive_get(stored, keys[i])));
	check(overlay, stored, serial);
	VD_ASSERT(vd_overlay_write_set(overlay, arena, &set));
	for (size_t i = 0; i < set.range_count; i++)
		naive_clear(stored, set.ranges[i]);
	for (size_t i = 0; i < set.delete_count; i++) {
		struct vd_mutation clear = { .op = VD_OP_CLEAR, .key = set.deletes[i] };
		naive_apply(stored, arena, &clear, VALUE_LIMIT);
	}
	for (size_t i = 0; i < set.upsert_count; i++)
		naive_set(stored, set.upserts[i].key, set.upserts[i].value);
	VD_ASSERT(naive_equal(stored, serial));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct naive stored;
	static struct naive serial;
	static const uint8_t values[] = "\0\0\1\xff\xff\x80\x7f\0abc";
	struct vd_arena arena;
	vd_arena_init(&arena, SIZE_MAX);
	struct vd_overlay *overlay = vd_overlay_new(&arena, NULL, VALUE_LIMIT);
	VD_ASSERT(overlay != NULL);
	stored.count = 0;
	for (size_t i = 0; i < KEYS && size > 0; i++)
		if ((data[0] * 37 >> (i % 8) & 1) != 0)
			naive_set(&stored, keys[i], vd_bytes_of(values + i % 5, i % 4));
	serial = stored;
	for (size_t i = 1; i + 2 < size; i += 3) {
		struct vd_mutation m = { .op = ops[data[i] & 15], .key = keys[data[i + 1] % KEYS] };
		m.value = vd_bytes_of(values + (data[i + 2] & 7), data[i + 2] >> 5 & 3);
		m.value = m.op == VD_OP_CLEAR_RANGE ? keys[data[i + 2] % KEYS] : m.value;
		m.value = m.op == VD_OP_CLEAR ? VD_BYTES("") : m.value;
		if (data[i] & 16)
			VD_ASSERT(vd_overlay_set_base(overlay, m.key, naive_get(&stored, m.key)));
		VD_ASSERT(vd_overlay_apply(overlay, &m, 0));
		naive_apply(&serial, &arena, &m, VALUE_LIMIT);
		if (data[i] & 32)
			check(overlay, &stored, &serial);
	}
	finish(overlay, &arena, &stored, &serial);
	vd_arena_fini(&arena);
	return 0;
}
