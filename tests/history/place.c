/* SPDX-License-Identifier: Apache-2.0 */
/* place.c: what became of each transaction, and where.
 *
 * What was told is believed at first; that it is true is what the replay finds out. What was not told is known by the witness:
 * a versionstamped key whose template no other transaction has. If a key of that form was seen, in a read or in the dump, the
 * transaction was committed, at the place in the stamp. */
#include "tests/history/check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define JUMP INT64_C(10000000000000)

/* ---- branches ---- */

static int compare_remarks(const void *a, const void *b)
{
	const struct remark *left = a, *right = b;
	return (left->time > right->time) - (left->time < right->time);
}

uint32_t branch_of(int64_t version)
{
	uint32_t found = 0;
	for (uint32_t b = 1; b < run.branch_count; b++) {
		if (run.branches[b].first <= version && run.branches[b].first >= run.branches[found].first)
			found = b;
	}
	return found;
}

static void make_branches(void)
{
	if (run.remark_count > 0)
		qsort(run.remarks, run.remark_count, sizeof *run.remarks, compare_remarks);
	run.branches = zeroed(run.remark_count + 1, sizeof *run.branches);
	run.branch_count = 1;
	run.branches[0].time = run.branches[0].first = INT64_MIN;
	for (size_t i = 0; i < run.remark_count; i++) {
		int64_t kept = 0, first = 0;
		int fields = sscanf(run.remarks[i].text, "lost %" SCNd64 " %" SCNd64, &kept, &first);
		if (fields < 1)
			continue;
		uint32_t parent = branch_of(kept);
		run.branches[run.branch_count++] = (struct branch){ .time = run.remarks[i].time,
			.kept = kept,
			.first = fields == 2 ? first : kept + JUMP,
			.parent = parent };
	}
}

/* ---- stamps ---- */

void stamp_of(uint8_t stamp[10], int64_t version, int32_t order)
{
	for (int i = 0; i < 8; i++)
		stamp[i] = (uint8_t)((uint64_t)version >> (56 - 8 * i));
	stamp[8] = (uint8_t)(order >> 8);
	stamp[9] = (uint8_t)order;
}

/* The template without its offset; where the stamp goes, or -1. */
static int64_t offset_in(sid template, const uint8_t **bytes, size_t *size)
{
	*bytes = bytes_of(template, size);
	if (*size < 14)
		return -1;
	const uint8_t *last = *bytes + *size - 4;
	int64_t offset =
		(int64_t)last[0] | (int64_t)last[1] << 8 | (int64_t)last[2] << 16 | (int64_t)last[3] << 24;
	*size -= 4;
	return offset + 10 <= (int64_t)*size ? offset : -1;
}

size_t stamp_offset(sid template)
{
	const uint8_t *bytes;
	size_t size;
	int64_t offset = offset_in(template, &bytes, &size);
	return offset < 0 ? SIZE_MAX : (size_t)offset;
}

sid stamped(sid template, int64_t version, int32_t order)
{
	static uint8_t text[1 << 17];
	const uint8_t *bytes;
	size_t size;
	int64_t offset = offset_in(template, &bytes, &size);
	if (offset < 0 || size > sizeof text)
		return ABSENT;
	memcpy(text, bytes, size);
	stamp_of(text + offset, version, order);
	return intern(text, size);
}

/* ---- witnesses ---- */

/* Is the key the template with some stamp? Which one. */
static bool fits(
	sid key, const uint8_t *template, size_t size, size_t offset, int64_t *version, int32_t *order)
{
	size_t key_size;
	const uint8_t *bytes = bytes_of(key, &key_size);
	if (key_size != size || memcmp(bytes, template, offset) != 0 ||
		memcmp(bytes + offset + 10, template + offset + 10, size - offset - 10) != 0)
		return false;
	*version = 0;
	for (int i = 0; i < 8; i++)
		*version = (int64_t)((uint64_t)*version << 8 | bytes[offset + (size_t)i]);
	*order = bytes[offset + 8] << 8 | bytes[offset + 9];
	return true;
}

static void seen_at(struct txn *txn, int64_t version, int32_t order)
{
	if (txn->code == 0 && txn->version == version && txn->order == order)
		return;
	switch (txn->fate) {
	case FATE_UNKNOWN_NEVER:
		txn->fate = FATE_UNKNOWN_COMMITTED;
		txn->version = version;
		txn->order = order;
		break;
	case FATE_UNKNOWN_COMMITTED:
		if (txn->version != version || txn->order != order)
			anomaly("doubled_commit", txn, NULL, "its witness is also at (%" PRId64 ", %d)", version, order);
		break;
	case FATE_CANCELLED:
		anomaly("cancelled_visible", txn, NULL, "its witness is at (%" PRId64 ", %d)", version, order);
		break;
	case FATE_REFUSED:
		anomaly("aborted_visible", txn, NULL, "its witness is at (%" PRId64 ", %d)", version, order);
		break;
	default: {
		sid at_told = ABSENT;
		for (uint32_t o = 0; o < txn->op_count && at_told == ABSENT; o++) {
			const struct op *op = &run.ops[txn->op + o];
			if (op->kind == OP_ATOMIC && op->type == 14 && txn->version >= 0) {
				sid key = stamped(op->a, txn->version, txn->order);
				uint32_t rank = rank_of(key);
				at_told = rank < key_count() && key_at(rank) == key && key_seen(rank) ? key : ABSENT;
			}
		}
		anomaly(at_told != ABSENT ? "doubled_commit" : "changed_verdict", txn, NULL,
			at_told != ABSENT ? "its witness is also at (%" PRId64 ", %d)"
							  : "its witness is at (%" PRId64 ", %d) instead",
			version, order);
	}
	}
}

static void look_for_witness(struct txn *txn, sid template)
{
	const uint8_t *bytes;
	size_t size;
	int64_t offset = offset_in(template, &bytes, &size), version = 0;
	int32_t order = 0;
	if (offset < 0)
		return;
	sid prefix = intern(bytes, (size_t)offset);
	bytes = bytes_of(template, &size);
	for (uint32_t rank = rank_of(prefix); rank < key_count(); rank++) {
		size_t key_size;
		const uint8_t *key = bytes_of(key_at(rank), &key_size);
		if (key_size < (size_t)offset || memcmp(key, bytes, (size_t)offset) != 0)
			break;
		if (key_seen(rank) && fits(key_at(rank), bytes, size - 4, (size_t)offset, &version, &order))
			seen_at(txn, version, order);
	}
}

static void look_for_witnesses(void)
{
	uint32_t strings = string_count();
	uint8_t *uses = zeroed(strings, 1);
	for (size_t o = 0; o < run.op_count; o++) {
		const struct op *op = &run.ops[o];
		if (op->kind == OP_ATOMIC && op->type == 14 && uses[op->a] < 2)
			uses[op->a]++;
	}
	for (size_t i = 0; i < run.txn_count; i++) {
		struct txn *txn = &run.txns[i];
		for (uint32_t o = 0; o < txn->op_count; o++) {
			const struct op *op = &run.ops[txn->op + o];
			if (op->kind == OP_ATOMIC && op->type == 14 && uses[op->a] == 1)
				look_for_witness(txn, op->a);
		}
	}
	free(uses);
}

/* ---- fates ---- */

static enum fate first_fate(const struct txn *txn)
{
	if (txn->submit == 0 || (txn->code == 0 && txn->version < 0))
		return FATE_READ;
	if (txn->code == -1 || txn->code == 1021)
		return FATE_UNKNOWN_NEVER;
	if (txn->code == 1025 || txn->code == 1031)
		return FATE_CANCELLED;
	return txn->code == 0 ? FATE_COMMITTED : FATE_REFUSED;
}

/* The versionstamp is told beside the commit: it must say the same. */
static void check_stamp(const struct txn *txn)
{
	uint8_t stamp[10];
	if (txn->stamp_code == -1 || txn->end == 0)
		return;
	stamp_of(stamp, txn->version, txn->order);
	if ((txn->stamp_code == 0) != (txn->code == 0) && txn->code != 1021)
		anomaly("changed_verdict", txn, NULL, "its versionstamp ended with %d", txn->stamp_code);
	else if (txn->stamp_code == 0 && txn->code == 0 && txn->stamp != intern(stamp, sizeof stamp))
		anomaly("changed_verdict", txn, NULL, "its versionstamp is %s", shown(txn->stamp));
}

static int compare_commits(const void *a, const void *b)
{
	const struct txn *left = &run.txns[*(const uint32_t *)a], *right = &run.txns[*(const uint32_t *)b];
	if (left->branch != right->branch)
		return left->branch < right->branch ? -1 : 1;
	if (left->version != right->version)
		return left->version < right->version ? -1 : 1;
	return (left->order > right->order) - (left->order < right->order);
}

static void sort_commits(void)
{
	run.commits = zeroed(run.txn_count, sizeof *run.commits);
	for (size_t i = 0; i < run.txn_count; i++) {
		struct txn *txn = &run.txns[i];
		if (txn->fate != FATE_COMMITTED && txn->fate != FATE_UNKNOWN_COMMITTED)
			continue;
		txn->branch = branch_of(txn->version);
		run.commits[run.commit_count++] = (uint32_t)i;
	}
	qsort(run.commits, run.commit_count, sizeof *run.commits, compare_commits);
	for (uint32_t i = 0; i < run.commit_count; i++) {
		struct branch *branch = &run.branches[run.txns[run.commits[i]].branch];
		if (branch->end == 0)
			branch->begin = i;
		branch->end = i + 1;
		if (i > 0 && compare_commits(&run.commits[i - 1], &run.commits[i]) == 0)
			anomaly("same_place", &run.txns[run.commits[i - 1]], &run.txns[run.commits[i]],
				"were committed at one place");
	}
}

static void count_fates(void)
{
	for (size_t i = 0; i < run.txn_count; i++) {
		const struct txn *txn = &run.txns[i];
		counts.submitted += txn->submit != 0;
		counts.committed += txn->fate == FATE_COMMITTED;
		counts.conflicts += txn->code == 1020;
		counts.too_old += txn->code == 1007;
		counts.cancelled += txn->fate == FATE_CANCELLED;
		counts.refused += txn->fate == FATE_REFUSED && txn->code != 1020 && txn->code != 1007;
		counts.read_only += txn->fate == FATE_READ;
		counts.unknown_committed += txn->fate == FATE_UNKNOWN_COMMITTED;
		counts.unknown_never += txn->fate == FATE_UNKNOWN_NEVER;
	}
	counts.transactions = run.txn_count;
	counts.unknown = counts.unknown_committed + counts.unknown_never;
}

void place_all(void)
{
	make_branches();
	for (size_t i = 0; i < run.txn_count; i++) {
		run.txns[i].fate = first_fate(&run.txns[i]);
		check_stamp(&run.txns[i]);
	}
	keys_sort();
	look_for_witnesses();
	keys_sort();
	sort_commits();
	count_fates();
}
