/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/history/state.h"

#include <stdlib.h>

/* ---- presence ---- */

void presence_init(struct presence *presence, uint32_t count)
{
	*presence = (struct presence){ .count = count };
	do {
		count = count / 64 + 1;
		presence->levels[presence->depth++] = zeroed(count, sizeof(uint64_t));
	} while (count > 1);
}

void presence_fini(struct presence *presence)
{
	for (uint32_t i = 0; i < presence->depth; i++)
		free(presence->levels[i]);
}

void presence_put(struct presence *presence, uint32_t rank, bool present)
{
	for (uint32_t level = 0; level < presence->depth; level++, rank /= 64) {
		uint64_t *word = &presence->levels[level][rank / 64], bit = UINT64_C(1) << rank % 64;
		*word = present ? *word | bit : *word & ~bit;
		if (!present && *word != 0)
			return;
	}
}

static uint32_t descend(const struct presence *presence, uint32_t level, uint32_t rank, bool first)
{
	while (level-- > 0) {
		uint64_t word = presence->levels[level][rank];
		rank = rank * 64 + (uint32_t)(first ? __builtin_ctzll(word) : 63 - __builtin_clzll(word));
	}
	return rank;
}

uint32_t presence_next(const struct presence *presence, uint32_t rank)
{
	if (rank >= presence->count)
		return NONE;
	for (uint32_t level = 0; level < presence->depth; level++) {
		uint64_t word = presence->levels[level][rank / 64] & ~UINT64_C(0) << rank % 64;
		if (word != 0)
			return descend(presence, level, rank / 64 * 64 + (uint32_t)__builtin_ctzll(word), true);
		rank = rank / 64 + 1;
	}
	return NONE;
}

uint32_t presence_before(const struct presence *presence, uint32_t rank)
{
	for (uint32_t level = 0; level < presence->depth && rank > 0; level++) {
		rank--;
		uint64_t word = presence->levels[level][rank / 64] & ~UINT64_C(0) >> (63 - rank % 64);
		if (word != 0)
			return descend(presence, level, rank / 64 * 64 + 63 - (uint32_t)__builtin_clzll(word), false);
		rank /= 64;
	}
	return NONE;
}

/* ---- writes ---- */

void writes_init(struct writes *writes, uint32_t count)
{
	for (writes->leaves = 1; writes->leaves < count;)
		writes->leaves *= 2;
	writes->newest = zeroed(2 * (size_t)writes->leaves, sizeof(uint32_t));
	writes->whole = zeroed(2 * (size_t)writes->leaves, sizeof(uint32_t));
}

void writes_fini(struct writes *writes)
{
	free(writes->newest);
	free(writes->whole);
}

/* As positions only grow, whatever contains a written node has the same newest position. */
static void note_node(struct writes *writes, uint32_t node, uint32_t position)
{
	writes->whole[node] = position;
	for (; node > 0; node /= 2)
		writes->newest[node] = position;
}

void writes_note(struct writes *writes, uint32_t begin, uint32_t end, uint32_t position)
{
	if (begin >= end)
		return;
	for (begin += writes->leaves, end += writes->leaves; begin < end; begin /= 2, end /= 2) {
		if (begin & 1)
			note_node(writes, begin++, position);
		if (end & 1)
			note_node(writes, --end, position);
	}
}

uint32_t writes_newest(const struct writes *writes, uint32_t begin, uint32_t end)
{
	uint32_t newest = 0;
	if (begin >= end)
		return 0;
	for (uint32_t node = begin + writes->leaves; node > 0; node /= 2)
		newest = writes->whole[node] > newest ? writes->whole[node] : newest;
	for (uint32_t node = end - 1 + writes->leaves; node > 0; node /= 2)
		newest = writes->whole[node] > newest ? writes->whole[node] : newest;
	for (begin += writes->leaves, end += writes->leaves; begin < end; begin /= 2, end /= 2) {
		if (begin & 1) {
			newest = writes->newest[begin] > newest ? writes->newest[begin] : newest;
			begin++;
		}
		if (end & 1) {
			end--;
			newest = writes->newest[end] > newest ? writes->newest[end] : newest;
		}
	}
	return newest;
}
