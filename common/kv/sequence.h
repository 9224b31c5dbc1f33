/* SPDX-License-Identifier: Apache-2.0 */
/* sequence.h: keys and values that get the next number of a counter.
 *
 * A counter is a system key: it begins with VD_COUNTERS, so that no other mutation can be about it, and a clear of user
 * keys never meets it. It holds the number that it gives next, 8 bytes big-endian; absent means 0. Numbers are below
 * VD_NUMBERS_END, which fits a signed 64-bit integer.
 *
 *   SET_SEQUENCED_KEY    takes the counter's next number; the value goes under key ‖ number
 *   SET_SEQUENCED_VALUE  puts the number that the counter gave last in this request into the value, at the offset that
 *                        the value ends in
 *
 * If it is stamped, the other part (the value of the first, the key of the second) has room for a versionstamp and ends in
 * its offset. Whoever gives the numbers turns such a mutation into a plain or a stamped set (vd_sequenced_number); to
 * everybody else it is one whose key is known by its range only. Pure: memory comes from the arena given. Any thread.
 */
#ifndef VD_COMMON_KV_SEQUENCE_H
#define VD_COMMON_KV_SEQUENCE_H

#include "common/kv/mutation.h"

#define VD_COUNTERS     VD_BYTES("\xff/counter/")
#define VD_NUMBER_BYTES 8
#define VD_NUMBERS_END  ((uint64_t)INT64_MAX)

static inline bool vd_op_is_sequenced(uint32_t op)
{
	return op == VD_OP_SET_SEQUENCED_KEY || op == VD_OP_SET_SEQUENCED_VALUE;
}

/* Is this the key of a counter? */
bool vd_counter_is(struct vd_bytes key);

/* What a counter's value says; false if it is none. */
VD_MUST_USE bool vd_counter_parse(struct vd_bytes value, uint64_t *next);

/* The other way, new in the arena; false at its limit. */
VD_MUST_USE bool vd_counter_print(struct vd_arena *arena, uint64_t next, struct vd_bytes *value);

/* Splits a sequenced mutation, not yet numbered, into the key (the prefix, of a sequenced key) and the value that it
 * comes to, without their offsets. False if there is no room for a number or a stamp where one belongs. */
VD_MUST_USE bool vd_sequenced_parse(
	const struct vd_mutation *mutation, struct vd_bytes *key, struct vd_bytes *value);

/* The mutation under its number: a SET, or if it is stamped SET_VERSIONSTAMPED_VALUE or …_KEY. False at the arena's limit,
 * or if vd_sequenced_parse says false. */
VD_MUST_USE bool vd_sequenced_number(
	struct vd_arena *arena, const struct vd_mutation *mutation, uint64_t number, struct vd_mutation *plain);

/* All keys that a SET_SEQUENCED_KEY may become. False at the arena's limit. */
VD_MUST_USE bool vd_sequenced_range(struct vd_arena *arena, struct vd_bytes prefix, struct vd_range *range);

#endif
