/* SPDX-License-Identifier: Apache-2.0 */
/* mutation.c: the meaning of each op, as FoundationDB 7.3 gives it (fdbclient/Atomic.h).
 *
 * Two families share a helper each: ops that work byte by byte over the operand's length, with the value cut
 * or extended with zeros to it (ADD, BIT_*), and ops that choose one of the two (MAX, MIN, BYTE_*).
 */
#include "common/kv/mutation.h"

#include "common/base/arena.h"
#include "common/base/endian.h"

static const struct op_entry {
	uint32_t op;
	bool needs_base;
	const char *name;
} op_table[] = {
	{ VD_OP_SET, false, "set" },
	{ VD_OP_CLEAR, false, "clear" },
	{ VD_OP_ADD, true, "add" },
	{ VD_OP_CLEAR_RANGE, false, "clear_range" },
	{ VD_OP_BIT_AND, true, "bit_and" },
	{ VD_OP_BIT_OR, true, "bit_or" },
	{ VD_OP_BIT_XOR, true, "bit_xor" },
	{ VD_OP_APPEND_IF_FITS, true, "append_if_fits" },
	{ VD_OP_MAX, true, "max" },
	{ VD_OP_MIN, true, "min" },
	{ VD_OP_SET_VERSIONSTAMPED_KEY, false, "set_versionstamped_key" },
	{ VD_OP_SET_VERSIONSTAMPED_VALUE, false, "set_versionstamped_value" },
	{ VD_OP_BYTE_MIN, true, "byte_min" },
	{ VD_OP_BYTE_MAX, true, "byte_max" },
	{ VD_OP_COMPARE_AND_CLEAR, true, "compare_and_clear" },
	{ VD_OP_SET_SEQUENCED_KEY, false, "set_sequenced_key" },
	{ VD_OP_SET_SEQUENCED_VALUE, false, "set_sequenced_value" },
};

static const struct op_entry *op_find(uint32_t op)
{
	for (size_t i = 0; i < VD_COUNT(op_table); i++) {
		if (op_table[i].op == op) {
			return &op_table[i];
		}
	}
	return NULL;
}

const char *vd_op_name(uint32_t op)
{
	const struct op_entry *entry = op_find(op);
	return entry == NULL ? NULL : entry->name;
}

bool vd_op_by_name(struct vd_bytes name, enum vd_op *op)
{
	for (size_t i = 0; i < VD_COUNT(op_table); i++) {
		if (vd_bytes_equal(name, vd_bytes_of_string(op_table[i].name))) {
			*op = (enum vd_op)op_table[i].op;
			return true;
		}
	}
	return false;
}

bool vd_op_is_known(uint32_t op)
{
	return op_find(op) != NULL;
}

bool vd_op_needs_base(uint32_t op)
{
	const struct op_entry *entry = op_find(op);
	return entry != NULL && entry->needs_base;
}

/* ---- Atomic ops ---- */

static struct vd_value value_of(struct vd_bytes bytes)
{
	return (struct vd_value){ .is_present = true, .bytes = bytes };
}

/* The value cut, or extended with zeros, to a size. A cut borrows. */
static bool resized(struct vd_arena *arena, struct vd_bytes value, size_t size, struct vd_bytes *result)
{
	if (value.size >= size) {
		*result = vd_bytes_of(value.data, size);
		return true;
	}
	uint8_t *bytes = vd_arena_alloc_bytes(arena, size);
	if (bytes == NULL) {
		return false;
	}
	if (value.size > 0) {
		memcpy(bytes, value.data, value.size);
	}
	memset(bytes + value.size, 0, size - value.size);
	*result = vd_bytes_of(bytes, size);
	return true;
}

static bool apply_bytewise(
	uint32_t op, struct vd_value *value, struct vd_bytes operand, struct vd_arena *arena)
{
	uint8_t *bytes = vd_arena_alloc_bytes(arena, operand.size);
	if (bytes == NULL) {
		return false;
	}
	unsigned carry = 0;
	for (size_t i = 0; i < operand.size; i++) {
		unsigned v = i < value->bytes.size ? value->bytes.data[i] : 0;
		unsigned p = operand.data[i];
		switch (op) {
		case VD_OP_ADD:
			carry += v + p;
			bytes[i] = (uint8_t)carry;
			carry >>= 8;
			break;
		case VD_OP_BIT_AND:
			bytes[i] = (uint8_t)(v & p);
			break;
		case VD_OP_BIT_OR:
			bytes[i] = (uint8_t)(v | p);
			break;
		default:
			bytes[i] = (uint8_t)(v ^ p);
			break;
		}
	}
	*value = value_of(vd_bytes_of(bytes, operand.size));
	return true;
}

/* The value, over the operand's length, against the operand, as unsigned little-endian numbers. */
static int compare_little_endian(struct vd_bytes value, struct vd_bytes operand)
{
	for (size_t i = operand.size; i-- > 0;) {
		int v = i < value.size ? value.data[i] : 0;
		int p = operand.data[i];
		if (v != p) {
			return v - p;
		}
	}
	return 0;
}

static bool apply_append(
	struct vd_value *value, struct vd_bytes operand, size_t value_limit_bytes, struct vd_arena *arena)
{
	size_t size = value->bytes.size + operand.size;
	if (operand.size == 0 || size > value_limit_bytes) {
		return true;
	}
	if (value->spare_bytes >= operand.size) {
		/* The spare room is this value's own, behind bytes that others may have borrowed: they see no change.
		 */
		memcpy((uint8_t *)value->bytes.data + value->bytes.size, operand.data, operand.size);
		value->bytes.size = size;
		value->spare_bytes -= operand.size;
		return true;
	}
	/* A hot key may be appended to a thousand times in a batch: room for half as much again keeps the sum
	 * linear. */
	size_t capacity = size + size / 2 < value_limit_bytes ? size + size / 2 : value_limit_bytes;
	uint8_t *bytes = vd_arena_alloc_bytes(arena, capacity);
	if (bytes == NULL) {
		return false;
	}
	if (value->bytes.size > 0) {
		memcpy(bytes, value->bytes.data, value->bytes.size);
	}
	memcpy(bytes + value->bytes.size, operand.data, operand.size);
	*value = value_of(vd_bytes_of(bytes, size));
	value->spare_bytes = capacity - size;
	return true;
}

/* MAX and MIN: the greater or lesser of two numbers, in the operand's length. */
static bool apply_number(uint32_t op, struct vd_value *value, struct vd_bytes operand, struct vd_arena *arena)
{
	int order = compare_little_endian(value->bytes, operand);
	struct vd_bytes winner = operand;
	if ((op == VD_OP_MAX ? order > 0 : order < 0) && !resized(arena, value->bytes, operand.size, &winner)) {
		return false;
	}
	*value = value_of(winner);
	return true;
}

bool vd_atomic_apply(uint32_t op, struct vd_value *value, struct vd_bytes operand, size_t value_limit_bytes,
	struct vd_arena *arena)
{
	VD_ASSERT(vd_op_needs_base(op));
	if (op == VD_OP_COMPARE_AND_CLEAR) {
		if (value->is_present && vd_bytes_equal(value->bytes, operand)) {
			*value = (struct vd_value){ 0 };
		}
		return true;
	}
	if (!value->is_present) {
		*value = value_of(operand);
		return true;
	}
	switch (op) {
	case VD_OP_APPEND_IF_FITS:
		return apply_append(value, operand, value_limit_bytes, arena);
	case VD_OP_MAX:
	case VD_OP_MIN:
		return apply_number(op, value, operand, arena);
	case VD_OP_BYTE_MIN:
		if (vd_bytes_compare(operand, value->bytes) < 0) {
			*value = value_of(operand);
		}
		return true;
	case VD_OP_BYTE_MAX:
		if (vd_bytes_compare(operand, value->bytes) > 0) {
			*value = value_of(operand);
		}
		return true;
	default:
		return apply_bytewise(op, value, operand, arena);
	}
}

/* ---- Places ---- */

bool vd_place_parse(struct vd_bytes operand, size_t size, struct vd_bytes *bytes, size_t *offset)
{
	if (operand.size < VD_STAMP_OFFSET_BYTES + size) {
		return false;
	}
	size_t rest = operand.size - VD_STAMP_OFFSET_BYTES;
	size_t at = vd_load_le32(operand.data + rest);
	if (at > rest - size) {
		return false;
	}
	*bytes = vd_bytes_of(operand.data, rest);
	*offset = at;
	return true;
}

bool vd_place_fill(
	struct vd_arena *arena, struct vd_bytes operand, struct vd_bytes filling, struct vd_bytes *filled)
{
	struct vd_bytes bytes;
	size_t offset = 0;
	if (!vd_place_parse(operand, filling.size, &bytes, &offset)) {
		return false;
	}
	uint8_t *copy = vd_arena_alloc_bytes(arena, bytes.size + 1);
	if (copy == NULL) {
		return false;
	}
	memcpy(copy, bytes.data, bytes.size);
	memcpy(copy + offset, filling.data, filling.size);
	copy[bytes.size] = 0;
	*filled = vd_bytes_of(copy, bytes.size);
	return true;
}

/* ---- Versionstamps ---- */

void vd_stamp_write(struct vd_stamp stamp, uint8_t to[VD_STAMP_BYTES])
{
	vd_store_be64(to, stamp.version);
	vd_store_be16(to + 8, stamp.order);
}

bool vd_stamp_parse(struct vd_bytes operand, struct vd_bytes *bytes, size_t *offset)
{
	return vd_place_parse(operand, VD_STAMP_BYTES, bytes, offset);
}

bool vd_stamp_place(
	struct vd_arena *arena, struct vd_bytes operand, struct vd_stamp stamp, struct vd_bytes *stamped)
{
	uint8_t bytes[VD_STAMP_BYTES];
	vd_stamp_write(stamp, bytes);
	return vd_place_fill(arena, operand, vd_bytes_of(bytes, sizeof bytes), stamped);
}

bool vd_mutation_stamp(struct vd_arena *arena, const struct vd_mutation *mutation, struct vd_stamp stamp,
	struct vd_mutation *plain)
{
	*plain = *mutation;
	if (!vd_op_is_stamped(mutation->op)) {
		return true;
	}
	plain->op = VD_OP_SET;
	return mutation->op == VD_OP_SET_VERSIONSTAMPED_KEY
			   ? vd_stamp_place(arena, mutation->key, stamp, &plain->key)
			   : vd_stamp_place(arena, mutation->value, stamp, &plain->value);
}

bool vd_stamp_range(
	struct vd_arena *arena, struct vd_bytes stamped_key, uint64_t least_version, struct vd_range *range)
{
	uint8_t last[VD_STAMP_BYTES];
	struct vd_stamp least = { .version = least_version };
	memset(last, 0xff, sizeof last);
	if (!vd_stamp_place(arena, stamped_key, least, &range->begin) ||
		!vd_place_fill(arena, stamped_key, vd_bytes_of(last, sizeof last), &range->end)) {
		return false;
	}
	range->end.size++; /* the NUL behind: the last key is in the range as well */
	return true;
}
