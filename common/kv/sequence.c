/* SPDX-License-Identifier: Apache-2.0 */
/* sequence.c: see sequence.h. */
#include "common/kv/sequence.h"

#include "common/base/arena.h"
#include "common/base/endian.h"

/* ---- Counters ---- */

bool vd_counter_is(struct vd_bytes key)
{
	return key.size >= VD_COUNTERS.size && memcmp(key.data, VD_COUNTERS.data, VD_COUNTERS.size) == 0;
}

bool vd_counter_parse(struct vd_bytes value, uint64_t *next)
{
	if (value.size != VD_NUMBER_BYTES) {
		return false;
	}
	*next = vd_load_be64(value.data);
	return *next <= VD_NUMBERS_END;
}

bool vd_counter_print(struct vd_arena *arena, uint64_t next, struct vd_bytes *value)
{
	uint8_t *bytes = vd_arena_alloc_bytes(arena, VD_NUMBER_BYTES);
	if (bytes == NULL) {
		return false;
	}
	vd_store_be64(bytes, next);
	*value = vd_bytes_of(bytes, VD_NUMBER_BYTES);
	return true;
}

/* ---- Sequenced mutations ---- */

bool vd_sequenced_parse(const struct vd_mutation *mutation, struct vd_bytes *key, struct vd_bytes *value)
{
	size_t offset = 0;
	bool is_key = mutation->op == VD_OP_SET_SEQUENCED_KEY;
	struct vd_bytes *stamped = is_key ? value : key;
	*key = mutation->key;
	*value = mutation->value;
	if (mutation->is_stamped && !vd_stamp_parse(*stamped, stamped, &offset)) {
		return false;
	}
	return is_key || vd_place_parse(*value, VD_NUMBER_BYTES, value, &offset);
}

/* prefix ‖ number */
static bool append_number(
	struct vd_arena *arena, struct vd_bytes prefix, uint64_t number, struct vd_bytes *key)
{
	uint8_t *bytes = vd_arena_alloc_bytes(arena, prefix.size + VD_NUMBER_BYTES);
	if (bytes == NULL) {
		return false;
	}
	if (prefix.size > 0) {
		memcpy(bytes, prefix.data, prefix.size);
	}
	vd_store_be64(bytes + prefix.size, number);
	*key = vd_bytes_of(bytes, prefix.size + VD_NUMBER_BYTES);
	return true;
}

bool vd_sequenced_number(
	struct vd_arena *arena, const struct vd_mutation *mutation, uint64_t number, struct vd_mutation *plain)
{
	bool is_key = mutation->op == VD_OP_SET_SEQUENCED_KEY;
	*plain = *mutation;
	plain->op = !mutation->is_stamped ? VD_OP_SET
				: is_key              ? VD_OP_SET_VERSIONSTAMPED_VALUE
									  : VD_OP_SET_VERSIONSTAMPED_KEY;
	plain->counter = VD_BYTES("");
	plain->is_stamped = false;
	if (is_key) {
		return append_number(arena, mutation->key, number, &plain->key);
	}
	uint8_t bytes[VD_NUMBER_BYTES];
	vd_store_be64(bytes, number);
	return vd_place_fill(arena, mutation->value, vd_bytes_of(bytes, sizeof bytes), &plain->value);
}

bool vd_sequenced_range(struct vd_arena *arena, struct vd_bytes prefix, struct vd_range *range)
{
	/* numbers are below the end, so its key is the first one behind */
	return append_number(arena, prefix, 0, &range->begin) &&
		   append_number(arena, prefix, VD_NUMBERS_END, &range->end);
}
