/* SPDX-License-Identifier: Apache-2.0 */
/* committed.c: what the last commit of a transaction came to. */
#include "common/base/codes.h"
#include "follower/transaction.h"

int vd_transaction_get_committed_version(const struct vd_transaction *transaction, int64_t *version)
{
	int code = vd_guard_enter(transaction->guard);
	if (code != 0)
		return code;
	if (transaction->is_committed)
		*version = transaction->committed_version;
	else
		code = VD_CODE_CLIENT_INVALID_OPERATION;
	vd_guard_leave(transaction->guard);
	return code;
}

int vd_transaction_get_committed_order(const struct vd_transaction *transaction, int *order)
{
	int code = vd_guard_enter(transaction->guard);
	if (code != 0)
		return code;
	if (transaction->is_committed && transaction->committed_version >= 0)
		*order = transaction->committed_order;
	else
		code = VD_CODE_CLIENT_INVALID_OPERATION;
	vd_guard_leave(transaction->guard);
	return code;
}
