/* SPDX-License-Identifier: Apache-2.0 */
/* explore.h: all states that can be reached, breadth first, so that the first break has a shortest schedule.
 *
 * States are kept packed, in the order in which they were met, each with the one from which it was met. Nothing is left to
 * chance: two states are the same if all their bytes are.
 */
#ifndef VD_DOCS_MODEL_EXPLORE_H
#define VD_DOCS_MODEL_EXPLORE_H

#include "docs/model/step.h"

#include <stdio.h>

/* What can follow a state without a fault. */
struct md_edge {
	uint32_t to;
	uint16_t class; /* of step and subject: what fairness speaks of */
};

struct md_exploration {
	struct md_setup setup;
	size_t limit_bytes;
	bool keeps_edges;
	/* results */
	enum md_invariant breach;
	char breach_text[200];
	size_t states, edges;
	unsigned depth;
	double seconds;               /* of the processor */
	bool is_taken[MD_STEP_COUNT]; /* the steps that were made */
	bool is_full;                 /* the limit was reached: not all was explored */
	/* states */
	uint8_t *arena;
	size_t arena_used;
	uint32_t *offsets, *parents;
	uint64_t *slots;
	size_t slot_mask;
	size_t capacity;
	/* edges of each state, if they are kept */
	struct md_edge *links;
	size_t link_count, link_capacity;
	uint32_t *first_link; /* of each state, and one behind */
	/* of the last step, if it broke something */
	uint32_t broken_from;
	struct md_state broken;
	uint32_t now; /* the state that is walked */
};

#define MD_NOBODY UINT32_MAX

/* Explores until all is seen, something breaks, or the limit is reached. */
void md_explore(struct md_exploration *exploration);
void md_exploration_free(struct md_exploration *exploration);
void md_exploration_state(const struct md_exploration *exploration, uint32_t id, struct md_state *state);
/* A shortest schedule to a state, or to the break. */
void md_exploration_print(struct md_exploration *exploration, uint32_t to, FILE *file);

/* progress.c: dead ends, and loops that are fair to everybody. Edges must have been kept. Sets breach. */
void md_progress(struct md_exploration *exploration);

#endif
