/* SPDX-License-Identifier: Apache-2.0 */
/* mutation.h: what a transaction may do to a key, and what each of it means.
 *
 * Codes and results are FoundationDB's (API version 730), but CLEAR and CLEAR_RANGE, which its API has as
 * calls of their own. The worker's read-your-writes and the leader's fold both go through vd_atomic_apply, so
 * that they cannot drift apart. Pure: memory comes from the arena given. Any thread. Codes from 128 on are ours:
 * see sequence.h.
 */
#ifndef VD_COMMON_KV_MUTATION_H
#define VD_COMMON_KV_MUTATION_H

#include "common/kv/range.h"

enum vd_op {
	VD_OP_SET = 0,
	VD_OP_CLEAR = 1, /* key; no value */
	VD_OP_ADD = 2,
	VD_OP_CLEAR_RANGE = 3, /* [key, value) */
	VD_OP_BIT_AND = 6,
	VD_OP_BIT_OR = 7,
	VD_OP_BIT_XOR = 8,
	VD_OP_APPEND_IF_FITS = 9,
	VD_OP_MAX = 12,
	VD_OP_MIN = 13,
	VD_OP_SET_VERSIONSTAMPED_KEY = 14,
	VD_OP_SET_VERSIONSTAMPED_VALUE = 15,
	VD_OP_BYTE_MIN = 16,
	VD_OP_BYTE_MAX = 17,
	VD_OP_COMPARE_AND_CLEAR = 20,
	VD_OP_SET_SEQUENCED_KEY = 128,
	VD_OP_SET_SEQUENCED_VALUE = 129,
};

struct vd_mutation {
	uint32_t op; /* as it came: may be none of enum vd_op until vd_request_validate has passed it */
	bool no_write_conflict;
	struct vd_bytes key;
	struct vd_bytes value;
	struct vd_bytes counter; /* of a sequenced op, as is_stamped; empty else */
	bool is_stamped;
};

/* Where in the order of all commits one stands. */
struct vd_stamp {
	uint64_t version;
	uint16_t order; /* in its batch */
};

/* 8 bytes of version, 2 of order, both big-endian: stamps sort as the commits did. */
#define VD_STAMP_BYTES        10
#define VD_STAMP_OFFSET_BYTES 4 /* little-endian, at the end of what a stamp, or a number, goes into */

/* "set", "add", "set_versionstamped_key", …; NULL for a code that is not known. */
const char *vd_op_name(uint32_t op);

/* The other way; false if no op has that name. */
VD_MUST_USE bool vd_op_by_name(struct vd_bytes name, enum vd_op *op);

bool vd_op_is_known(uint32_t op);

/* True if the result depends on the value before: that of ADD to COMPARE_AND_CLEAR, but for the stamped ones.
 */
bool vd_op_needs_base(uint32_t op);

static inline bool vd_op_is_stamped(uint32_t op)
{
	return op == VD_OP_SET_VERSIONSTAMPED_KEY || op == VD_OP_SET_VERSIONSTAMPED_VALUE;
}

/* A value that ops work on. `spare_bytes` says how many bytes behind it are free for this value alone to grow
 * into. */
struct vd_value {
	bool is_present;
	struct vd_bytes bytes;
	size_t spare_bytes;
};

/* Applies an op that needs a base to *value, as the table in docs/semantics.md says. The result borrows from
 * the value before, from the operand, or is new in the arena; what was there before is never overwritten.
 * value_limit_bytes is for APPEND_IF_FITS. False, and *value as it was, at the arena's limit. Asserts
 * vd_op_needs_base. */
VD_MUST_USE bool vd_atomic_apply(uint32_t op, struct vd_value *value, struct vd_bytes operand,
	size_t value_limit_bytes, struct vd_arena *arena);

/* Splits a key or value with a place in it into the bytes that stay and the offset at which `size` bytes go. False if it is
 * shorter than the offset, or they would not fit. */
VD_MUST_USE bool vd_place_parse(struct vd_bytes operand, size_t size, struct vd_bytes *bytes, size_t *offset);

/* The operand with `filling` put in and the offset taken off, new in the arena, and a NUL behind. False at its limit, or if
 * vd_place_parse says false. */
VD_MUST_USE bool vd_place_fill(
	struct vd_arena *arena, struct vd_bytes operand, struct vd_bytes filling, struct vd_bytes *filled);

void vd_stamp_write(struct vd_stamp stamp, uint8_t to[VD_STAMP_BYTES]);

/* vd_place_parse for a stamp. */
VD_MUST_USE bool vd_stamp_parse(struct vd_bytes operand, struct vd_bytes *bytes, size_t *offset);

/* vd_place_fill with a stamp. */
VD_MUST_USE bool vd_stamp_place(
	struct vd_arena *arena, struct vd_bytes operand, struct vd_stamp stamp, struct vd_bytes *stamped);

/* The mutation as it will be done: a stamped op becomes the SET of its final key and value, any other is
 * copied as it is. False at the arena's limit, or if the op is stamped and malformed. */
VD_MUST_USE bool vd_mutation_stamp(struct vd_arena *arena, const struct vd_mutation *mutation,
	struct vd_stamp stamp, struct vd_mutation *plain);

/* All keys that a SET_VERSIONSTAMPED_KEY may become under a version of least_version or above. False as
 * above. */
VD_MUST_USE bool vd_stamp_range(
	struct vd_arena *arena, struct vd_bytes stamped_key, uint64_t least_version, struct vd_range *range);

#endif
