/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/op.h"

int vd_op_apply(struct vd_transaction *transaction, const struct vd_op *op)
{
	struct vd_bytes first = op->first;
	struct vd_bytes second = op->second;
	switch (op->kind) {
	case VD_OP_NONE:
		break;
	case VD_OP_SET:
		vd_transaction_set(transaction, first.data, first.size, second.data, second.size);
		break;
	case VD_OP_CLEAR:
		vd_transaction_clear(transaction, first.data, first.size);
		break;
	case VD_OP_CLEAR_RANGE:
		vd_transaction_clear_range(transaction, first.data, first.size, second.data, second.size);
		break;
	case VD_OP_ATOMIC:
		vd_transaction_atomic_op(
			transaction, (enum vd_mutation_type)op->code, first.data, first.size, second.data, second.size);
		break;
	case VD_OP_CONFLICT_RANGE:
		return vd_transaction_add_conflict_range(transaction, first.data, first.size, second.data,
			second.size, (enum vd_conflict_range_type)op->code);
	}
	return 0;
}
