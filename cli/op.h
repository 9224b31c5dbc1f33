/* SPDX-License-Identifier: Apache-2.0 */
/* op.h: one write of a transaction, or one conflict range, as a value: what a command of the shell and an op of a line of
 * `verdict submit` both become. */
#ifndef VD_CLI_OP_H
#define VD_CLI_OP_H

#include "common/base/bytes.h"
#include "common/base/check.h"

#include <stdint.h>
#include <verdict/verdict.h>

enum vd_op_kind { VD_OP_NONE, VD_OP_SET, VD_OP_CLEAR, VD_OP_CLEAR_RANGE, VD_OP_ATOMIC, VD_OP_CONFLICT_RANGE };

struct vd_op {
	enum vd_op_kind kind;
	int code; /* of VD_OP_ATOMIC: enum vd_mutation_type; of VD_OP_CONFLICT_RANGE: enum vd_conflict_range_type */
	struct vd_bytes first;  /* key, or begin; borrowed */
	struct vd_bytes second; /* value, operand, or end */
};

/* 0, or the error of a conflict range; what is wrong with a write surfaces at the commit. */
VD_MUST_USE int vd_op_apply(struct vd_transaction *transaction, const struct vd_op *op);

#endif
