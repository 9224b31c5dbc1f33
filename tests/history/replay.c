/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c: all commits of a branch, one after the other.
 *
 *   reads at position p ─▶ the dump, if it is of p ─▶ commit p + 1: rule 1, then its writes ─▶ reads at p + 1 …
 *
 * Position p is "p commits were applied". A read at version v is at the position of all commits at or below v, whatever became
 * of its transaction. What does not fit is set aside, and explained when the whole past of every key is known. */
#include "tests/history/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define EXPLAINED_MAX 200

/* The key may have been written; an unknown key before it may have been there. */
enum { DOUBTFUL_KEY = 1, DOUBTFUL_GAP = 2 };

struct suspect {
	uint32_t txn, op, position;
};

static struct {
	struct lineage lineage;
	struct presence presence;
	struct writes writes;
	uint32_t *first, *next; /* the transactions that read at a position: lists by position, txn + 1 */
	uint8_t
		*doubtful; /* by rank: an unknown transaction may have written it, and it cannot be told whether */
	int64_t doubtful_above; /* … reads above this version */
	struct suspect *suspects;
	size_t suspect_count, suspect_capacity;
} now;

/* ---- positions ---- */

static uint32_t commits_up_to(const struct lineage *lineage, int64_t version)
{
	uint32_t low = 0, high = lineage->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct txn *txn = &run.txns[lineage->seq[middle]];
		/* later branches come later in the sequence, whatever their versions */
		if (txn->branch < branch_of(version) ||
			(txn->branch == branch_of(version) && txn->version <= version))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint32_t position_of(const struct lineage *lineage, int64_t version)
{
	uint32_t branch = branch_of(version), at = lineage->branch;
	while (at != branch) {
		if (at == 0 || at < branch)
			return NONE;
		if (run.branches[at].parent == branch && version > run.branches[at].kept)
			return NONE;
		at = run.branches[at].parent;
	}
	return commits_up_to(lineage, version);
}

sid value_at(const struct lineage *lineage, uint32_t rank, uint32_t position)
{
	const struct past *past = &lineage->pasts[rank];
	size_t low = 0, high = past->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (past->epochs[middle].position <= position)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? ABSENT : past->epochs[low - 1].value;
}

static sid value_now(uint32_t rank)
{
	const struct past *past = &now.lineage.pasts[rank];
	return past->count == 0 ? ABSENT : past->epochs[past->count - 1].value;
}

/* ---- ranks of operations ---- */

static uint32_t rank_after(sid key)
{
	uint32_t rank = rank_of(key);
	return rank < key_count() && key_at(rank) == key ? rank + 1 : rank;
}

static void range_ranks(const struct op *op, uint32_t *begin, uint32_t *end)
{
	*begin = rank_of(op->a);
	*end = rank_of(op->b);
	if (!op->more || op->row_count == 0)
		return;
	sid last = run.rows[op->row + op->row_count - 1].key;
	if (op->reverse)
		*begin = rank_of(last);
	else
		*end = rank_after(last);
}

void op_ranks(const struct txn *txn, const struct op *op, uint32_t *begin, uint32_t *end)
{
	sid key = op->a;
	switch (op->kind) {
	case OP_RANGE:
		range_ranks(op, begin, end);
		break;
	case OP_GET_KEY:
		*begin = op->offset > 0 ? (op->or_equal ? rank_after(op->a) : rank_of(op->a)) : rank_of(op->b);
		*end = op->offset > 0 ? rank_after(op->b) : op->or_equal ? rank_after(op->a) : rank_of(op->a);
		break;
	case OP_READ_CONFLICT:
	case OP_CLEAR_RANGE:
	case OP_WRITE_CONFLICT:
		*begin = rank_of(op->a);
		*end = rank_of(op->b);
		break;
	default:
		if (op->kind == OP_ATOMIC && op->type == 14)
			key = txn->version < 0 ? ABSENT : stamped(op->a, txn->version, txn->order);
		*begin = key == ABSENT ? 0 : rank_of(key);
		*end = key == ABSENT ? 0 : rank_after(key);
	}
	if (*end < *begin)
		*end = *begin;
}

/* ---- writes ---- */

static void put(uint32_t rank, sid value, uint32_t position)
{
	struct past *past = &now.lineage.pasts[rank];
	presence_put(&now.presence, rank, value != ABSENT);
	if (past->count > 0 && past->epochs[past->count - 1].position == position) {
		past->epochs[past->count - 1].value = value;
		return;
	}
	past->epochs = grown(past->epochs, past->count, &past->capacity, sizeof *past->epochs);
	past->epochs[past->count++] = (struct epoch){ position, value };
}

static void apply_op(const struct txn *txn, const struct op *op, uint32_t position)
{
	uint32_t begin, end;
	op_ranks(txn, op, &begin, &end);
	writes_note(&now.writes, begin, end, position);
	if (begin == end)
		return;
	switch (op->kind) {
	case OP_SET:
		put(begin, op->b, position);
		break;
	case OP_ATOMIC:
		if (op->type == 14)
			put(begin, op->b, position);
		else if (op->type == 15)
			put(begin, stamped(op->b, txn->version, txn->order), position);
		else
			put(begin, atomic_result(op->type, value_now(begin), op->b), position);
		break;
	case OP_CLEAR:
	case OP_CLEAR_RANGE:
		for (uint32_t rank = presence_next(&now.presence, begin); rank < end;
			 rank = presence_next(&now.presence, rank))
			put(rank, ABSENT, position);
		break;
	default:
		break;
	}
}

static void apply(const struct txn *txn, uint32_t position)
{
	for (uint32_t o = 0; o < txn->op_count; o++) {
		const struct op *op = &run.ops[txn->op + o];
		if (is_write(op))
			apply_op(txn, op, position);
	}
}

/* ---- rule 1 ---- */

static void check_rule_1(const struct txn *txn, uint32_t position)
{
	uint32_t begin, end;
	if (txn->read_version <= 0)
		return;
	uint32_t from = position_of(&now.lineage, txn->read_version);
	if (from != NONE && from >= position)
		anomaly("version_not_after_read", txn, NULL, "was committed at or below its read version");
	for (uint32_t o = 0; o < txn->op_count; o++) {
		const struct op *op = &run.ops[txn->op + o];
		if (is_write(op) || op->snapshot)
			continue;
		if (from == NONE) {
			anomaly("read_of_lost", txn, NULL,
				"was committed at version %" PRId64 ", but had read at version %" PRId64 ", which was lost",
				txn->version, txn->read_version);
			return;
		}
		op_ranks(txn, op, &begin, &end);
		uint32_t newest = writes_newest(&now.writes, begin, end);
		if (newest > from)
			explain_conflict(&now.lineage, txn, op, newest);
	}
}

/* ---- reads ---- */

static bool range_fits(const struct op *op)
{
	uint32_t begin, end, row = 0;
	op_ranks(NULL, op, &begin, &end);
	for (uint32_t rank = presence_next(&now.presence, begin); rank < end;
		 rank = presence_next(&now.presence, rank + 1)) {
		if (row == op->row_count)
			return false;
		const struct row *shown_row = &run.rows[op->row + (op->reverse ? op->row_count - 1 - row : row)];
		if (shown_row->key != key_at(rank) || shown_row->value != value_now(rank))
			return false;
		row++;
	}
	return row == op->row_count && (!op->more || op->row_count > 0) &&
		   (op->offset == 0 || op->row_count <= (uint32_t)op->offset);
}

static bool key_fits(const struct op *op)
{
	uint32_t base = op->or_equal ? rank_after(op->a) : rank_of(op->a), rank = base;
	if (op->offset > 0) {
		for (int32_t i = 0; i < op->offset && rank != NONE; i++)
			rank = presence_next(&now.presence, i == 0 ? base : rank + 1);
	} else {
		for (int32_t i = 0; i >= op->offset && rank != NONE; i--)
			rank = presence_before(&now.presence, rank);
	}
	if (rank != NONE)
		return key_at(rank) == op->b;
	/* beyond what the history is about, only the side is known */
	return op->offset > 0 ? compare_bytes(op->b, run.final_end) >= 0
						  : compare_bytes(op->b, run.final_begin) < 0;
}

static bool is_doubtful(const struct op *op, int64_t version)
{
	uint32_t begin, end;
	if (version <= now.doubtful_above)
		return false;
	op_ranks(NULL, op, &begin, &end);
	for (uint32_t rank = begin; rank < end; rank++) {
		if (now.doubtful[rank] & DOUBTFUL_KEY)
			return true;
	}
	for (uint32_t rank = begin; op->kind != OP_GET && rank <= end; rank++) {
		if (now.doubtful[rank] & DOUBTFUL_GAP)
			return true;
	}
	return false;
}

static void check_read(const struct txn *txn, uint32_t index, uint32_t position)
{
	const struct op *op = &run.ops[index];
	if (is_write(op) || op->kind == OP_READ_CONFLICT)
		return;
	if (is_doubtful(op, txn->read_version)) {
		counts.not_comparable++;
		return;
	}
	bool fits = op->kind == OP_RANGE     ? range_fits(op)
				: op->kind == OP_GET_KEY ? key_fits(op)
										 : value_now(rank_of(op->a)) == op->b;
	counts.reads++;
	counts.rows += op->kind == OP_RANGE ? op->row_count : 1;
	if (fits)
		return;
	now.suspects = grown(now.suspects, now.suspect_count, &now.suspect_capacity, sizeof *now.suspects);
	now.suspects[now.suspect_count++] = (struct suspect){ (uint32_t)(txn - run.txns), index, position };
}

static void check_reads(uint32_t position)
{
	for (uint32_t at = now.first[position]; at != 0; at = now.next[at - 1]) {
		const struct txn *txn = &run.txns[at - 1];
		for (uint32_t o = 0; o < txn->op_count; o++)
			check_read(txn, txn->op + o, position);
	}
}

/* The rows that explain_rows compares are those that a read shows. */
static void explain_read(const struct suspect *suspect)
{
	const struct txn *txn = &run.txns[suspect->txn];
	const struct op *op = &run.ops[suspect->op];
	uint32_t begin, end;
	op_ranks(txn, op, &begin, &end);
	struct row row = { op->a, op->b };
	if (op->kind == OP_RANGE)
		explain_rows(&now.lineage, txn, op, suspect->position, begin, end, &run.rows[op->row], op->row_count,
			op->reverse);
	else
		explain_rows(&now.lineage, txn, op, suspect->position, begin, end, &row, op->b != ABSENT, false);
}

static void explain_suspects(void)
{
	for (size_t i = 0; i < now.suspect_count; i++) {
		if (i < EXPLAINED_MAX)
			explain_read(&now.suspects[i]);
		else
			anomaly("wrong_read", &run.txns[now.suspects[i].txn], NULL, "one more that does not fit");
	}
}

static void check_final(uint32_t position)
{
	uint32_t begin = rank_of(run.final_begin), end = rank_of(run.final_end);
	size_t row = 0;
	for (uint32_t rank = begin; rank < end; rank++) {
		sid shown_value = ABSENT;
		if (row < run.final_count && run.final[row].key == key_at(rank))
			shown_value = run.final[row++].value;
		if (shown_value == value_at(&now.lineage, rank, position))
			continue;
		if (run.final_version > now.doubtful_above && now.doubtful[rank] & DOUBTFUL_KEY)
			continue;
		struct row one = { key_at(rank), shown_value };
		explain_rows(&now.lineage, NULL, NULL, position, rank, rank + 1, &one, shown_value != ABSENT, false);
	}
}

/* ---- a branch ---- */

static void inherit(uint32_t branch, int64_t kept)
{
	const struct branch *of = &run.branches[branch];
	if (branch != 0)
		inherit(of->parent, of->kept);
	for (uint32_t i = of->begin; i < of->end && run.txns[run.commits[i]].version <= kept; i++)
		now.lineage.seq[now.lineage.count++] = run.commits[i];
}

/* Up to which version what a branch wrote is still there in the newest one. */
static int64_t kept_of(uint32_t branch)
{
	uint32_t at = run.branch_count - 1;
	int64_t kept = INT64_MAX;
	for (; at > branch; at = run.branches[at].parent)
		kept = run.branches[at].kept;
	return at == branch ? kept : INT64_MIN;
}

static void mark_doubtful(const struct txn *txn, const struct op *op)
{
	uint32_t begin, end;
	size_t size;
	if (!is_write(op))
		return;
	if (op->kind == OP_ATOMIC && op->type == 14) {
		const uint8_t *bytes = bytes_of(op->a, &size);
		size_t offset = stamp_offset(op->a);
		if (offset < size)
			now.doubtful[rank_of(intern(bytes, offset))] |= DOUBTFUL_GAP;
		return;
	}
	op_ranks(txn, op, &begin, &end);
	for (uint32_t rank = begin; rank < end; rank++)
		now.doubtful[rank] |= DOUBTFUL_KEY;
}

bool may_be_lost(const struct txn *txn)
{
	if (txn->fate == FATE_UNKNOWN_NEVER)
		return txn->submit <= (run.has_final ? run.branches[run.branch_count - 1].time : INT64_MAX);
	if (txn->fate != FATE_REFUSED && txn->fate != FATE_CANCELLED)
		return false;
	for (uint32_t b = 1; b < run.branch_count; b++) {
		if (txn->submit != 0 && txn->submit <= run.branches[b].time && run.branches[b].time < txn->end)
			return true;
	}
	return false;
}

static void find_doubtful(void)
{
	now.doubtful_above = run.has_final ? kept_of(now.lineage.branch) : 0;
	for (size_t i = 0; now.doubtful_above != INT64_MAX && i < run.txn_count; i++) {
		const struct txn *txn = &run.txns[i];
		for (uint32_t o = 0; may_be_lost(txn) && o < txn->op_count; o++)
			mark_doubtful(txn, &run.ops[txn->op + o]);
	}
}

static void list_readers(void)
{
	memset(now.first, 0, (run.commit_count + 1) * sizeof *now.first);
	for (size_t i = 0; i < run.txn_count; i++) {
		const struct txn *txn = &run.txns[i];
		if (txn->read_version <= 0 || branch_of(txn->read_version) != now.lineage.branch)
			continue;
		uint32_t position = commits_up_to(&now.lineage, txn->read_version);
		now.next[i] = now.first[position];
		now.first[position] = (uint32_t)i + 1;
	}
}

static void replay_branch(uint32_t branch)
{
	uint32_t final = NONE;
	now.lineage.branch = branch;
	now.lineage.count = now.suspect_count = 0;
	if (branch != 0)
		inherit(run.branches[branch].parent, run.branches[branch].kept);
	now.lineage.inherited = now.lineage.count;
	for (uint32_t i = run.branches[branch].begin; i < run.branches[branch].end; i++)
		now.lineage.seq[now.lineage.count++] = run.commits[i];
	now.lineage.pasts = zeroed(key_count(), sizeof *now.lineage.pasts);
	now.doubtful = zeroed((size_t)key_count() + 1, 1);
	presence_init(&now.presence, key_count());
	writes_init(&now.writes, key_count());
	find_doubtful();
	list_readers();
	if (run.has_final && branch_of(run.final_version) == branch)
		final = commits_up_to(&now.lineage, run.final_version);
	for (uint32_t position = 0; position <= now.lineage.count; position++) {
		check_reads(position);
		if (position == now.lineage.count)
			break;
		const struct txn *txn = &run.txns[now.lineage.seq[position]];
		if (position >= now.lineage.inherited)
			check_rule_1(txn, position + 1);
		apply(txn, position + 1);
	}
	explain_suspects();
	if (final != NONE)
		check_final(final);
	for (uint32_t rank = 0; rank < key_count(); rank++)
		free(now.lineage.pasts[rank].epochs);
	free(now.lineage.pasts);
	free(now.doubtful);
	presence_fini(&now.presence);
	writes_fini(&now.writes);
}

static void count_lost(void)
{
	for (uint32_t i = 0; i < run.commit_count; i++) {
		const struct txn *txn = &run.txns[run.commits[i]];
		counts.lost += txn->version > kept_of(txn->branch);
	}
}

void replay_all(void)
{
	now.lineage.seq = zeroed(run.commit_count, sizeof(uint32_t));
	now.first = zeroed(run.commit_count + 1, sizeof(uint32_t));
	now.next = zeroed(run.txn_count, sizeof(uint32_t));
	for (uint32_t branch = 0; branch < run.branch_count; branch++)
		replay_branch(branch);
	if (run.has_final && branch_of(run.final_version) != run.branch_count - 1)
		anomaly("wrong_dump", NULL, NULL, "the dump is at version %" PRId64 ", from before the last loss",
			run.final_version);
	count_lost();
}
