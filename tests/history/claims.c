/* SPDX-License-Identifier: Apache-2.0 */
/* claims.c: what can be held against the history without a replay: that a conflict has a cause, and that the bank's money is there.
 *
 * A conflict names a range that the transaction had read, and the version that it lost to: at that version, above its read
 * version, somebody committed a write in that range. All accounts together hold what they held in the beginning. */
#include "tests/history/check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BALANCE 100

struct range {
	sid begin, end; /* end ABSENT: only the key `begin` */
};

static struct range range_of(const struct txn *txn, const struct op *op)
{
	struct range range = { op->a, ABSENT };
	switch (op->kind) {
	case OP_RANGE:
	case OP_READ_CONFLICT:
	case OP_CLEAR_RANGE:
	case OP_WRITE_CONFLICT:
		range.end = op->b;
		break;
	case OP_GET_KEY: /* not narrower than what was read */
		range =
			compare_bytes(op->a, op->b) < 0 ? (struct range){ op->a, op->b } : (struct range){ op->b, op->a };
		break;
	case OP_ATOMIC:
		if (op->type == 14)
			range.begin = txn->version < 0 ? ABSENT : stamped(op->a, txn->version, txn->order);
		break;
	default:
		break;
	}
	return range;
}

/* Touching counts as meeting: a selector's range ends with its key. */
static bool meet(struct range range, sid begin, sid end, bool touching)
{
	if (range.begin == ABSENT || compare_bytes(range.begin, end) >= (touching ? 1 : 0))
		return false;
	if (range.end == ABSENT)
		return compare_bytes(range.begin, begin) >= 0;
	return compare_bytes(begin, range.end) < (touching ? 1 : 0);
}

static bool writes_in(const struct txn *txn, sid begin, sid end)
{
	for (uint32_t o = 0; o < txn->op_count; o++) {
		const struct op *op = &run.ops[txn->op + o];
		if (is_write(op) && meet(range_of(txn, op), begin, end, false))
			return true;
	}
	return false;
}

static bool has_read(const struct txn *txn)
{
	for (uint32_t o = 0; o < txn->op_count; o++) {
		const struct op *op = &run.ops[txn->op + o];
		if (!is_write(op) && !op->snapshot &&
			meet(range_of(txn, op), txn->lost_begin, txn->lost_end, op->kind == OP_GET_KEY))
			return true;
	}
	return false;
}

static bool committed_at(int64_t version, sid begin, sid end)
{
	const struct branch *branch = &run.branches[branch_of(version)];
	uint32_t low = branch->begin, high = branch->end;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (run.txns[run.commits[middle]].version < version)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < branch->end && run.txns[run.commits[low]].version == version; low++) {
		if (writes_in(&run.txns[run.commits[low]], begin, end))
			return true;
	}
	return false;
}

/* Somebody whose witness may have been lost: it may have been the cause. */
static bool perhaps_committed(sid begin, sid end)
{
	for (size_t i = 0; i < run.txn_count && (!run.has_final || run.branch_count > 1); i++) {
		if (may_be_lost(&run.txns[i]) && writes_in(&run.txns[i], begin, end))
			return true;
	}
	return false;
}

static void check_conflict(const struct txn *txn)
{
	if (!has_read(txn))
		anomaly("conflict_without_cause", txn, NULL, "lost %s to %s, which it had not read",
			shown(txn->lost_begin), shown(txn->lost_end));
	else if (txn->lost_version <= txn->read_version ||
			 (!committed_at(txn->lost_version, txn->lost_begin, txn->lost_end) &&
				 !perhaps_committed(txn->lost_begin, txn->lost_end)))
		anomaly("conflict_without_cause", txn, NULL,
			"lost %s to %s to version %" PRId64 ", at which nobody wrote there", shown(txn->lost_begin),
			shown(txn->lost_end), txn->lost_version);
}

static void check_bank(const struct txn *txn, const struct op *op)
{
	long long surplus = 0;
	for (uint32_t i = 0; i < op->row_count; i++) {
		size_t size;
		const uint8_t *value = bytes_of(run.rows[op->row + i].value, &size);
		char text[32] = "";
		memcpy(text, value, size < sizeof text ? size : sizeof text - 1);
		surplus += strtoll(text, NULL, 10) - BALANCE;
	}
	if (surplus != 0)
		anomaly("bank_total", txn, NULL, "saw %lld too much in all accounts together", surplus);
}

void check_claims(void)
{
	sid bank = intern((const uint8_t *)"bank", 4);
	sid begin = intern((const uint8_t *)"h/b/", 4), end = intern((const uint8_t *)"h/b0", 4);
	for (size_t i = 0; i < run.txn_count; i++) {
		const struct txn *txn = &run.txns[i];
		if (txn->code == 1020 && txn->lost_begin != ABSENT)
			check_conflict(txn);
		for (uint32_t o = 0; o < txn->op_count; o++) {
			const struct op *op = &run.ops[txn->op + o];
			if (txn->workload == bank && op->kind == OP_RANGE && op->a == begin && op->b == end && !op->more)
				check_bank(txn, op);
		}
	}
}
