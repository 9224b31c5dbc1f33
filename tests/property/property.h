/* SPDX-License-Identifier: Apache-2.0 */
/* property.h: many random cases of one statement, and the smallest that breaks it.
 *
 * A case is a seed and a number of steps; a check draws everything from the case's generator, step by step,
 * so that a case with fewer steps is the beginning of the longer one. When a case fails, the runner looks for
 * the shortest beginning that fails too, then leaves out single steps (property_step says which) as long as
 * it still fails, and tells the story of what is left. VERDICT_SEED and VERDICT_CASES change the seed and the
 * number of cases (100,000).
 */
#ifndef VD_TESTS_PROPERTY_PROPERTY_H
#define VD_TESTS_PROPERTY_PROPERTY_H

#include "common/base/arena.h"
#include "common/base/bytes.h"
#include "common/base/random.h"

#include <stdbool.h>

struct property_case {
	struct vd_rng rng;     /* reseeded before each run */
	struct vd_arena arena; /* reset before each run */
	unsigned steps;
	const bool *left_out;
	bool is_told; /* the last run: property_tell prints */
	char failure[512];
};

/* True if step i is to be done. What it draws must be drawn before this is asked. */
bool property_step(const struct property_case *c, unsigned i);

/* One line of the story. */
void property_tell(const struct property_case *c, const char *format, ...) VD_PRINTF(2, 3);

/* Notes why, and returns false, so that a check can end with it. */
bool property_fail(struct property_case *c, const char *format, ...) VD_PRINTF(2, 3);

/* Draws. */
unsigned property_below(struct property_case *c, unsigned end);
bool property_chance(struct property_case *c, unsigned percent);
/* One of a few keys, often related to each other: prefixes, successors, equal heads, bytes 00 and ff. The
 * alphabet grows with `kinds`. In the arena. */
struct vd_bytes property_key(struct property_case *c, unsigned kinds);
/* Up to `limit` bytes. */
struct vd_bytes property_value(struct property_case *c, size_t limit);
/* Bytes for people; one of a few static buffers. */
const char *property_show(struct vd_bytes bytes);

/* Runs the cases; the exit status of the program. */
int property_run(const char *name, bool (*check)(struct property_case *c), unsigned steps_max);

#endif
