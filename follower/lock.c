/* SPDX-License-Identifier: Apache-2.0 */
/* lock.c: a transaction that takes the lock of the store, or gives it up. */
#include "common/base/codes.h"
#include "follower/transaction.h"

#include <string.h>

static int change(struct vd_transaction *transaction, enum vd_lock_change lock_change, const void *lock,
	int64_t above_version)
{
	int code = vd_transaction_check(transaction, NULL);
	if (code != 0)
		return code;
	if (transaction->options.long_snapshot || above_version < 0 ||
		(uint64_t)above_version > VD_ABOVE_VERSION_MAX)
		return VD_CODE_CLIENT_INVALID_OPERATION;
	transaction->options.lock_aware = true;
	transaction->is_used = true;
	transaction->lock_change = lock_change;
	memcpy(transaction->lock, lock, sizeof transaction->lock);
	transaction->above_version = (uint64_t)above_version;
	return 0;
}

static int change_enter(struct vd_transaction *transaction, enum vd_lock_change lock_change, const void *lock,
	int64_t above_version)
{
	int code = vd_guard_enter(transaction->guard);
	if (code != 0)
		return code;
	code = change(transaction, lock_change, lock, above_version);
	vd_guard_leave(transaction->guard);
	return code;
}

int vd_transaction_lock(
	struct vd_transaction *transaction, const uint8_t lock[VD_STORE_LOCK_BYTES], int64_t above_version)
{
	VD_STATIC_ASSERT(VD_STORE_LOCK_BYTES == VD_LOCK_BYTES, "one size of locks");
	return change_enter(transaction, VD_LOCK_TAKE, lock, above_version);
}

int vd_transaction_unlock(struct vd_transaction *transaction, const uint8_t lock[VD_STORE_LOCK_BYTES])
{
	return change_enter(transaction, VD_LOCK_RELEASE, lock, 0);
}
