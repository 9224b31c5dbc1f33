/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c: every key that a history or the dump names, in order. A range is ranks from … to …; what no key lies in is empty. */
#include "tests/history/check.h"

#include <stdlib.h>
#include <string.h>

enum { KEY_NAMED = 1, KEY_SEEN = 2, BOUND_KNOWN = 4 };

static sid *keys;
static uint32_t keys_count;
static uint8_t *flags; /* by sid */
static uint32_t *ranks;
static uint32_t flag_count;

static int compare(const void *a, const void *b)
{
	return compare_bytes(*(const sid *)a, *(const sid *)b);
}

static void mark_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		flags[rows[i].key] |= KEY_NAMED | KEY_SEEN;
}

static void mark_all(void)
{
	mark_rows(run.rows, run.row_count);
	mark_rows(run.final, run.final_count);
	for (size_t i = 0; i < run.txn_count; i++) {
		const struct txn *txn = &run.txns[i];
		for (const struct op *op = &run.ops[txn->op]; op < &run.ops[txn->op + txn->op_count]; op++) {
			if (op->kind == OP_ATOMIC && op->type == 14) {
				if (txn->version >= 0)
					flags[stamped(op->a, txn->version, txn->order)] |= KEY_NAMED;
			} else if (op->kind == OP_GET || op->kind == OP_SET || op->kind == OP_CLEAR ||
					   op->kind == OP_ATOMIC) {
				flags[op->a] |= KEY_NAMED | (op->kind == OP_GET && op->b != ABSENT ? KEY_SEEN : 0);
			}
		}
	}
	flags[ABSENT] = 0;
}

/* Stamped keys are made before the flags, which are as many as there are strings. */
static void make_stamped(void)
{
	for (size_t i = 0; i < run.txn_count; i++) {
		const struct txn *txn = &run.txns[i];
		for (uint32_t o = 0; txn->version >= 0 && o < txn->op_count; o++) {
			const struct op *op = &run.ops[txn->op + o];
			if (op->kind == OP_ATOMIC && op->type == 14)
				(void)stamped(op->a, txn->version, txn->order);
		}
	}
}

void keys_sort(void)
{
	make_stamped();
	free(keys);
	free(flags);
	free(ranks);
	flag_count = string_count();
	flags = zeroed(flag_count, 1);
	ranks = zeroed(flag_count, sizeof *ranks);
	mark_all();
	keys_count = 0;
	for (sid id = 1; id < flag_count; id++)
		keys_count += flags[id] & KEY_NAMED;
	keys = zeroed(keys_count, sizeof *keys);
	keys_count = 0;
	for (sid id = 1; id < flag_count; id++) {
		if (flags[id] & KEY_NAMED)
			keys[keys_count++] = id;
	}
	qsort(keys, keys_count, sizeof *keys, compare);
	for (uint32_t rank = 0; rank < keys_count; rank++) {
		flags[keys[rank]] |= BOUND_KNOWN;
		ranks[keys[rank]] = rank;
	}
}

uint32_t key_count(void)
{
	return keys_count;
}

sid key_at(uint32_t rank)
{
	return keys[rank];
}

bool key_seen(uint32_t rank)
{
	return (flags[keys[rank]] & KEY_SEEN) != 0;
}

uint32_t rank_of(sid key)
{
	if (key < flag_count && flags[key] & BOUND_KNOWN)
		return ranks[key];
	uint32_t low = 0, high = keys_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (compare_bytes(keys[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (key < flag_count) {
		flags[key] |= BOUND_KNOWN;
		ranks[key] = low;
	}
	return low;
}
