/* SPDX-License-Identifier: Apache-2.0 */
/* precondition.c: what a transaction demands of the store. Checked at the call by the rules that the leader applies again. */
#include "common/base/codes.h"
#include "common/kv/request.h"
#include "follower/transaction.h"

static bool keep(struct vd_transaction *transaction, struct vd_precondition *precondition)
{
	struct vd_arena *arena = &transaction->arena;
	return vd_bytes_dup(arena, precondition->key, &precondition->key) &&
		   vd_bytes_dup(arena, precondition->value, &precondition->value) &&
		   vd_vector_push(&transaction->preconditions, *precondition);
}

static int add(struct vd_transaction *transaction, struct vd_precondition precondition)
{
	int code = vd_transaction_check(transaction, NULL);
	if (code != 0)
		return code;
	const struct vd_limits *limits = &transaction->database->settings.limits;
	bool is_range = precondition.kind == VD_REQUIRE_EMPTY;
	if (is_range && vd_bytes_compare(precondition.key, precondition.value) <= 0) {
		struct vd_range range =
			vd_range_clamp(vd_range_of(precondition.key, precondition.value), limits->key_bytes);
		precondition.key = range.begin;
		precondition.value = range.end;
	}
	if (transaction->options.long_snapshot)
		return VD_CODE_CLIENT_INVALID_OPERATION;
	code = vd_precondition_validate(&precondition, vd_transaction_last_key(transaction), limits, NULL);
	if (code != 0)
		return code;
	transaction->is_used = true;
	if (!keep(transaction, &precondition))
		return vd_transaction_defer_memory(transaction);
	transaction->precondition_bytes += vd_precondition_size(&precondition);
	return 0;
}

int vd_transaction_add_precondition(struct vd_transaction *transaction, enum vd_precondition_type type,
	const void *key, size_t key_size, const void *value, size_t value_size)
{
	int code = vd_guard_enter(transaction->guard);
	if (code != 0)
		return code;
	code = add(transaction, (struct vd_precondition){ .kind = (uint32_t)type,
								.key = vd_bytes_of(key, key_size),
								.value = vd_bytes_of(value, value_size) });
	vd_guard_leave(transaction->guard);
	return code;
}
