/* SPDX-License-Identifier: Apache-2.0 */
/* explain.c: what a read that does not fit, or a commit that should have been a conflict, is called.
 *
 * A value that a key had at another position makes the read stale (it had it before) or of the future (it had it later); a
 * range whose rows never were together is torn. A value that the key never had is somebody's who was not committed, or
 * what an atomic operation would have made if one commit were missing, or done twice, or done though it was not committed. */
#include "tests/history/check.h"

#include <inttypes.h>
#include <stdlib.h>

#define LATEST_MAX 64

/* ---- who wrote ---- */

static uint32_t *writers; /* by value: the transaction that sets it, plus one */
static uint32_t writer_count;

static const struct txn *writer_of(sid value)
{
	if (writers == NULL) {
		writer_count = string_count();
		writers = zeroed(writer_count, sizeof *writers);
		for (size_t i = 0; i < run.txn_count; i++) {
			const struct txn *txn = &run.txns[i];
			for (uint32_t o = 0; o < txn->op_count; o++) {
				const struct op *op = &run.ops[txn->op + o];
				size_t size;
				(void)bytes_of(op->b, &size);
				if ((op->kind == OP_SET || op->kind == OP_ATOMIC) && size > 0)
					writers[op->b] = (uint32_t)i + 1;
			}
		}
	}
	return value < writer_count && writers[value] != 0 ? &run.txns[writers[value] - 1] : NULL;
}

/* The commit that made the key what it is at a position; NULL: it always was. */
static const struct txn *maker(const struct lineage *lineage, uint32_t rank, uint32_t position)
{
	const struct past *past = &lineage->pasts[rank];
	for (size_t i = past->count; i-- > 0;) {
		if (past->epochs[i].position <= position)
			return &run.txns[lineage->seq[past->epochs[i].position - 1]];
	}
	return NULL;
}

static const char *name_of_writer(const struct txn *writer)
{
	switch (writer->fate) {
	case FATE_REFUSED:
		return "aborted_visible";
	case FATE_CANCELLED:
		return "cancelled_visible";
	case FATE_UNKNOWN_NEVER:
	case FATE_UNKNOWN_COMMITTED:
		return "unknown_half_seen";
	default:
		return "wrong_value";
	}
}

/* ---- one change that would explain a value ---- */

struct step {
	const struct txn *txn;
	const struct op *op;
};

static sid do_step(sid value, const struct step *step)
{
	if (step->op->kind == OP_SET)
		return step->op->b;
	if (step->op->kind != OP_ATOMIC)
		return step->op->kind == OP_WRITE_CONFLICT ? value : ABSENT;
	return step->op->type >= 14 && step->op->type <= 15 ? step->op->b
														: atomic_result(step->op->type, value, step->op->b);
}

static sid do_steps(sid value, const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++)
		value = do_step(value, &steps[i]);
	return value;
}

/* The steps of a transaction at a key, added to a list. */
static void add_steps(
	struct step **steps, size_t *count, size_t *capacity, const struct txn *txn, uint32_t rank)
{
	for (uint32_t o = 0; o < txn->op_count; o++) {
		const struct op *op = &run.ops[txn->op + o];
		uint32_t begin, end;
		if (!is_write(op) || (op->kind == OP_ATOMIC && op->type == 14))
			continue;
		op_ranks(txn, op, &begin, &end);
		if (rank < begin || rank >= end)
			continue;
		*steps = grown(*steps, *count, capacity, sizeof **steps);
		(*steps)[(*count)++] = (struct step){ txn, op };
	}
}

struct steps {
	struct step *committed, *others;
	size_t committed_count, other_count;
};

static struct steps steps_at(const struct lineage *lineage, uint32_t rank, uint32_t position)
{
	struct steps steps = { 0 };
	size_t committed_capacity = 0, other_capacity = 0;
	for (uint32_t i = 0; i < position; i++)
		add_steps(
			&steps.committed, &steps.committed_count, &committed_capacity, &run.txns[lineage->seq[i]], rank);
	for (size_t i = 0; i < run.txn_count; i++) {
		const struct txn *txn = &run.txns[i];
		if (txn->fate == FATE_REFUSED || txn->fate == FATE_CANCELLED || txn->fate == FATE_UNKNOWN_NEVER)
			add_steps(&steps.others, &steps.other_count, &other_capacity, txn, rank);
	}
	return steps;
}

/* Which of the steps, done at any point in addition, makes the value; NULL. */
static const struct txn *added(const struct step *latest, size_t count, sid before, const struct step *more,
	size_t more_count, sid value)
{
	for (size_t at = count + 1; at-- > 0;) {
		sid until = do_steps(before, latest, at);
		for (size_t i = more_count; i-- > 0;) {
			if (do_steps(do_step(until, &more[i]), latest + at, count - at) == value)
				return more[i].txn;
		}
	}
	return NULL;
}

static const char *one_change(
	const struct lineage *lineage, uint32_t rank, uint32_t position, sid value, const struct txn **by)
{
	struct steps steps = steps_at(lineage, rank, position);
	size_t first = steps.committed_count > LATEST_MAX ? steps.committed_count - LATEST_MAX : 0;
	size_t count = steps.committed_count - first;
	const struct step *latest = steps.committed + first;
	size_t others = steps.other_count > LATEST_MAX ? LATEST_MAX : steps.other_count;
	sid before = do_steps(ABSENT, steps.committed, first);
	const char *name = NULL;
	*by = NULL;
	for (size_t i = count; i-- > 0 && *by == NULL;) {
		if (do_steps(do_steps(before, latest, i), latest + i + 1, count - i - 1) == value) {
			*by = latest[i].txn;
			name = "lost_commit";
		}
	}
	if (*by == NULL && (*by = added(latest, count, before, latest, count, value)) != NULL)
		name = "doubled_commit";
	if (*by == NULL && (*by = added(latest, count, before, steps.others + steps.other_count - others, others,
							value)) != NULL)
		name = name_of_writer(*by);
	free(steps.committed);
	free(steps.others);
	return name;
}

/* ---- reads ---- */

/* Where the key was `value`, as near to the position as can be: from *from to below *to. False: nowhere. */
static bool when(
	const struct lineage *lineage, uint32_t rank, uint32_t position, sid value, uint32_t *from, uint32_t *to)
{
	const struct past *past = &lineage->pasts[rank];
	bool found = false;
	for (size_t i = 0; i <= past->count; i++) {
		uint32_t begin = i == 0 ? 0 : past->epochs[i - 1].position;
		uint32_t end = i == past->count ? lineage->count + 1 : past->epochs[i].position;
		if ((i == 0 ? ABSENT : past->epochs[i - 1].value) != value || begin == end)
			continue;
		if (found && begin > position)
			break;
		*from = begin;
		*to = end;
		found = true;
	}
	return found;
}

static void describe(const char *name, const struct lineage *lineage, const struct txn *txn, uint32_t rank,
	uint32_t position, sid value, const struct txn *by)
{
	const struct txn *last = maker(lineage, rank, position);
	sid expected = value_at(lineage, rank, position);
	int64_t version = txn == NULL ? run.final_version : txn->read_version;
	anomaly(name, txn, by, "%s%s is %s at version %" PRId64 ", but must be %s%s%s",
		txn == NULL ? "the dump: " : "", shown(key_at(rank)), shown(value), version, shown(expected),
		last == NULL ? "" : " by ", last == NULL ? "" : told(last));
}

/* A commit of another branch that this one has lost: it set the value, or the key has its stamp. */
static const struct txn *lost_writer(const struct lineage *lineage, uint32_t rank, const struct txn *by)
{
	uint32_t begin, end;
	if (by != NULL)
		return by->version >= 0 && position_of(lineage, by->version) == NONE ? by : NULL;
	for (uint32_t i = 0; run.branch_count > 1 && i < run.commit_count; i++) {
		const struct txn *txn = &run.txns[run.commits[i]];
		for (uint32_t o = 0; o < txn->op_count && position_of(lineage, txn->version) == NONE; o++) {
			const struct op *op = &run.ops[txn->op + o];
			op_ranks(txn, op, &begin, &end);
			if (op->kind == OP_ATOMIC && op->type == 14 && begin == rank && begin < end)
				return txn;
		}
	}
	return NULL;
}

static void explain_value(
	const struct lineage *lineage, const struct txn *txn, uint32_t rank, uint32_t position, sid value)
{
	const struct txn *by = value == ABSENT ? NULL : writer_of(value);
	const struct txn *lost = value == ABSENT ? NULL : lost_writer(lineage, rank, by);
	const char *name = by == NULL ? NULL : name_of_writer(by);
	if (lost != NULL) {
		describe("lost_visible", lineage, txn, rank, position, value, lost);
		return;
	}
	if (by == NULL || by->fate == FATE_COMMITTED)
		name = one_change(lineage, rank, position, value, &by);
	describe(name == NULL ? "wrong_value" : name, lineage, txn, rank, position, value, by);
}

/* The dump is of the end: what is older in it was lost. */
static const char *name_of_old(
	const struct lineage *lineage, const struct txn *txn, uint32_t rank, uint32_t position)
{
	const struct txn *missing = maker(lineage, rank, position);
	if (missing != NULL && missing->fate == FATE_UNKNOWN_COMMITTED)
		return "unknown_half_seen";
	return txn == NULL ? "lost_commit" : "stale_read";
}

void explain_rows(const struct lineage *lineage, const struct txn *txn, const struct op *op,
	uint32_t position, uint32_t begin, uint32_t end, const struct row *rows, uint32_t row_count, bool reverse)
{
	uint32_t low = 0, high = NONE, row = 0, wrong = NONE, from = 0, to = 0;
	sid wrong_value = ABSENT;
	if (op != NULL && op->kind == OP_GET_KEY) {
		anomaly("wrong_key", txn, NULL, "the key %d from %s is told as %s", op->offset, shown(op->a),
			shown(op->b));
		return;
	}
	for (uint32_t rank = begin; rank < end; rank++) {
		sid value = ABSENT;
		if (row < row_count && rows[reverse ? row_count - 1 - row : row].key == key_at(rank)) {
			value = rows[reverse ? row_count - 1 - row : row].value;
			row++;
		}
		if (!when(lineage, rank, position, value, &from, &to)) {
			explain_value(lineage, txn, rank, position, value);
			return;
		}
		low = from > low ? from : low;
		high = to < high ? to : high;
		if (wrong == NONE && (position < from || position >= to)) {
			wrong = rank;
			wrong_value = value;
		}
	}
	if (row != row_count || wrong == NONE)
		anomaly(
			"malformed_read", txn, NULL, "its rows are not in order, or outside of the range, or too many");
	else if (low >= high)
		describe("torn_read", lineage, txn, wrong, position, wrong_value, maker(lineage, wrong, low));
	else if (high <= position)
		describe(
			name_of_old(lineage, txn, wrong, position), lineage, txn, wrong, position, wrong_value, NULL);
	else
		describe("future_read", lineage, txn, wrong, position, wrong_value, maker(lineage, wrong, low));
}

/* ---- rule 1 ---- */

/* A key that both the read covers and the writer writes. */
static uint32_t common_rank(const struct txn *txn, const struct op *read, const struct txn *writer)
{
	uint32_t begin, end, from, to;
	op_ranks(txn, read, &begin, &end);
	for (uint32_t o = 0; o < writer->op_count; o++) {
		const struct op *op = &run.ops[writer->op + o];
		if (!is_write(op))
			continue;
		op_ranks(writer, op, &from, &to);
		if (from < end && begin < to)
			return from > begin ? from : begin;
	}
	return begin;
}

static bool writes_rank(const struct txn *txn, uint32_t rank)
{
	for (uint32_t o = 0; o < txn->op_count; o++) {
		const struct op *op = &run.ops[txn->op + o];
		uint32_t begin, end;
		if (!is_write(op) || op->kind == OP_WRITE_CONFLICT)
			continue;
		op_ranks(txn, op, &begin, &end);
		if (begin <= rank && rank < end)
			return true;
	}
	return false;
}

void explain_conflict(
	const struct lineage *lineage, const struct txn *txn, const struct op *op, uint32_t writer)
{
	const struct txn *by = &run.txns[lineage->seq[writer - 1]];
	uint32_t rank = common_rank(txn, op, by), read_at = position_of(lineage, txn->read_version);
	const char *name = "write_skew";
	if (by->branch == txn->branch && by->version == txn->version)
		name = "batch_order";
	else if (op->kind != OP_GET && value_at(lineage, rank, read_at) == ABSENT)
		name = "phantom";
	else if (writes_rank(txn, rank))
		name = "lost_update";
	anomaly(name, txn, by,
		"read %s at version %" PRId64 ", which was written at (%" PRId64 ", %d), before its own commit",
		shown(key_at(rank)), txn->read_version, by->version, by->order);
}
