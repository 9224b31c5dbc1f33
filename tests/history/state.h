/* SPDX-License-Identifier: Apache-2.0 */
/* state.h: two structures over ranks: which keys are present, and where each was last written. */
#ifndef VD_TESTS_HISTORY_STATE_H
#define VD_TESTS_HISTORY_STATE_H

#include "tests/history/check.h"

/* A set of ranks, 64 to a word, and a summary of each 64 words, and so on. */
struct presence {
	uint64_t *levels[6];
	uint32_t depth, count;
};

void presence_init(struct presence *presence, uint32_t count);
void presence_fini(struct presence *presence);
void presence_put(struct presence *presence, uint32_t rank, bool present);
/* The first one from rank on; NONE. */
uint32_t presence_next(const struct presence *presence, uint32_t rank);
/* The last one below rank; NONE. */
uint32_t presence_before(const struct presence *presence, uint32_t rank);

/* The newest position at which anything of a range was written. Positions only grow. */
struct writes {
	uint32_t *newest, *whole; /* a node's newest; and the newest that wrote all of it */
	uint32_t leaves;
};

void writes_init(struct writes *writes, uint32_t count);
void writes_fini(struct writes *writes);
void writes_note(struct writes *writes, uint32_t begin, uint32_t end, uint32_t position);
uint32_t writes_newest(const struct writes *writes, uint32_t begin, uint32_t end);

#endif
