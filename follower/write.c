/* SPDX-License-Identifier: Apache-2.0 */
/* write.c: what a transaction is to do: mutations and conflict ranges, and what they count.
 *
 * A write is checked at the call by the rules that the leader applies again, copied to the transaction's arena, appended to
 * its mutations and put over what it sees.
 */
#include "common/base/codes.h"
#include "common/text/escape.h"
#include "follower/transaction.h"

#include <string.h>

/* ---- mutations ---- */

static void defer(struct vd_transaction *transaction, const struct vd_refusal *refusal)
{
	vd_fault_set(
		&transaction->deferred, refusal->code, "%s: %s", refusal->what, VD_ESCAPE_SHORT(refusal->key));
}

int vd_transaction_defer_memory(struct vd_transaction *transaction)
{
	return vd_transaction_no_room(transaction, &transaction->deferred);
}

int vd_transaction_no_room(const struct vd_transaction *transaction, struct vd_fault *fault)
{
	return vd_arena_is_full(&transaction->arena)
			   ? vd_fault_set(fault, VD_CODE_TRANSACTION_TOO_LARGE,
					 "the transaction needs more memory than its size limit allows")
			   : vd_fault_set(fault, VD_CODE_NO_MEMORY, "no memory for what was written");
}

/* What a write of these keys comes to: false if to nothing, because no such key can be stored. */
static bool trim(struct vd_mutation *mutation, const struct vd_limits *limits)
{
	if (mutation->op == VD_OP_CLEAR_RANGE) {
		struct vd_range range = vd_range_of(mutation->key, mutation->value);
		if (vd_bytes_compare(range.begin, range.end) > 0)
			return true; /* inverted: to be refused */
		range = vd_range_clamp(range, limits->key_bytes);
		mutation->key = range.begin;
		mutation->value = range.end;
		return !vd_range_is_empty(range);
	}
	bool is_clear = mutation->op == VD_OP_CLEAR;
	return !is_clear || mutation->key.size <= limits->key_bytes || !vd_bytes_less(mutation->key, VD_KEYS_END);
}

static bool keep(struct vd_transaction *transaction, struct vd_mutation *mutation)
{
	struct vd_arena *arena = &transaction->arena;
	if (transaction->overlay == NULL && (transaction->overlay = vd_overlay_new(arena, NULL,
											 transaction->database->settings.limits.value_bytes)) == NULL)
		return false;
	uint64_t least = transaction->member.has_version ? transaction->member.version : 0;
	bool is_sequenced = vd_op_is_sequenced(mutation->op);
	return (!is_sequenced || vd_sequences_draw(&transaction->sequences, &mutation->counter)) &&
		   vd_bytes_dup(arena, mutation->key, &mutation->key) &&
		   vd_bytes_dup(arena, mutation->value, &mutation->value) &&
		   vd_vector_push(&transaction->mutations, *mutation) &&
		   vd_overlay_apply(transaction->overlay, mutation, least);
}

void vd_transaction_write(struct vd_transaction *transaction, struct vd_mutation mutation)
{
	if (vd_transaction_check(transaction, NULL) != 0)
		return; /* which surfaces at the next call that can fail */
	const struct vd_limits *limits = &transaction->database->settings.limits;
	struct vd_refusal refusal;
	transaction->is_used = true;
	if (transaction->options.long_snapshot) {
		vd_fault_set(&transaction->deferred, VD_CODE_CLIENT_INVALID_OPERATION, "a long snapshot only reads");
		return;
	}
	mutation.no_write_conflict = transaction->options.next_write_no_conflict;
	transaction->options.next_write_no_conflict = false;
	if (!trim(&mutation, limits))
		return;
	struct vd_bytes last = transaction->options.access_system_keys ? VD_SYSTEM_KEYS_END : VD_KEYS_END;
	if (vd_mutation_validate(&mutation, last, limits, &refusal) != 0) {
		defer(transaction, &refusal);
		return;
	}
	if (mutation.op == VD_OP_SET_SEQUENCED_VALUE &&
		!vd_sequences_has(&transaction->sequences, mutation.counter)) {
		vd_fault_set(&transaction->deferred, VD_CODE_CLIENT_INVALID_OPERATION,
			"no key is sequenced by this counter yet: %s", VD_ESCAPE_SHORT(mutation.counter));
		return;
	}
	if (!keep(transaction, &mutation)) {
		(void)vd_transaction_defer_memory(transaction);
		return;
	}
	transaction->mutation_bytes += vd_mutation_size(&mutation);
}

static void write_enter(
	struct vd_transaction *transaction, uint32_t op, struct vd_bytes key, struct vd_bytes value)
{
	if (vd_guard_enter(transaction->guard) != 0)
		return;
	vd_transaction_write(transaction, (struct vd_mutation){ .op = op, .key = key, .value = value });
	vd_guard_leave(transaction->guard);
}

void vd_transaction_set(struct vd_transaction *transaction, const void *key, size_t key_size,
	const void *value, size_t value_size)
{
	write_enter(transaction, VD_OP_SET, vd_bytes_of(key, key_size), vd_bytes_of(value, value_size));
}

void vd_transaction_clear(struct vd_transaction *transaction, const void *key, size_t key_size)
{
	write_enter(transaction, VD_OP_CLEAR, vd_bytes_of(key, key_size), VD_BYTES(""));
}

void vd_transaction_clear_range(struct vd_transaction *transaction, const void *begin, size_t begin_size,
	const void *end, size_t end_size)
{
	write_enter(transaction, VD_OP_CLEAR_RANGE, vd_bytes_of(begin, begin_size), vd_bytes_of(end, end_size));
}

void vd_transaction_atomic_op(struct vd_transaction *transaction, enum vd_mutation_type type, const void *key,
	size_t key_size, const void *operand, size_t operand_size)
{
	uint32_t op = (uint32_t)type;
	if (!vd_op_needs_base(op) && !vd_op_is_stamped(op))
		op = UINT32_MAX; /* set and clear are no atomic operations: 2018, as any that is not known */
	write_enter(transaction, op, vd_bytes_of(key, key_size), vd_bytes_of(operand, operand_size));
}

/* ---- conflict ranges ---- */

static int add_conflict(
	struct vd_transaction *transaction, struct vd_range range, enum vd_conflict_range_type type)
{
	int code = vd_transaction_check(transaction, NULL);
	if (code != 0)
		return code;
	if (type != VD_CONFLICT_RANGE_READ && type != VD_CONFLICT_RANGE_WRITE)
		return VD_CODE_CLIENT_INVALID_OPERATION;
	bool is_read = type == VD_CONFLICT_RANGE_READ;
	if (transaction->options.long_snapshot)
		return VD_CODE_CLIENT_INVALID_OPERATION;
	struct vd_bytes last = is_read || transaction->options.access_system_keys
							   ? vd_transaction_last_key(transaction)
							   : VD_KEYS_END;
	if (vd_bytes_compare(range.begin, range.end) > 0)
		return VD_CODE_INVERTED_RANGE;
	if (vd_bytes_less(last, range.end))
		return VD_CODE_KEY_OUTSIDE_LEGAL_RANGE;
	range = vd_range_clamp(range, transaction->database->settings.limits.key_bytes);
	transaction->is_used = true;
	bool is_kept =
		is_read ? vd_conflicts_add_read(&transaction->reads, range, vd_transaction_view(transaction, false))
				: vd_conflicts_add(&transaction->writes, range);
	return is_kept ? 0 : vd_transaction_defer_memory(transaction);
}

int vd_transaction_add_conflict_range(struct vd_transaction *transaction, const void *begin,
	size_t begin_size, const void *end, size_t end_size, enum vd_conflict_range_type type)
{
	int code = vd_guard_enter(transaction->guard);
	if (code != 0)
		return code;
	code = add_conflict(
		transaction, vd_range_of(vd_bytes_of(begin, begin_size), vd_bytes_of(end, end_size)), type);
	vd_guard_leave(transaction->guard);
	return code;
}

/* ---- size ---- */

size_t vd_transaction_size(const struct vd_transaction *transaction)
{
	return transaction->mutation_bytes + transaction->reads.bytes + transaction->writes.bytes +
		   transaction->precondition_bytes;
}

int vd_transaction_get_approximate_size(const struct vd_transaction *transaction, int64_t *size)
{
	int code = vd_guard_enter(transaction->guard);
	if (code != 0)
		return code;
	code = vd_transaction_check(transaction, NULL);
	if (code == 0)
		*size = (int64_t)vd_transaction_size(transaction);
	vd_guard_leave(transaction->guard);
	return code;
}
