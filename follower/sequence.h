/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences: the counters that a transaction draws on, and the first number that each gave when it committed.
 *
 * A verdict tells them in the order in which the request names its counters, which is that of the calls. All memory is the
 * arena's, from which a reset takes it. Under the guard.
 */
#ifndef VD_FOLLOWER_SEQUENCE_H
#define VD_FOLLOWER_SEQUENCE_H

#include "common/kv/map.h"
#include "common/kv/sequence.h"

struct vd_verdict;

struct vd_sequences {
	struct vd_arena *arena;
	struct vd_map counters;
	int64_t *numbers; /* one for each; NULL: not committed */
};

void vd_sequences_init(struct vd_sequences *sequences, struct vd_arena *arena);

/* Has a sequenced key drawn on the counter? */
VD_MUST_USE bool vd_sequences_has(const struct vd_sequences *sequences, struct vd_bytes counter);

/* A sequenced write draws on its counter; *counter is a copy from here on. False at the arena's limit. */
VD_MUST_USE bool vd_sequences_draw(struct vd_sequences *sequences, struct vd_bytes *counter);

/* The first number of one of its counters, by its place among them, as a commit's verdict tells it. False: it does not. */
VD_MUST_USE bool vd_verdict_number(const struct vd_verdict *verdict, size_t counter, int64_t *number);

/* The transaction has committed. Without memory the numbers are lost, the verdict is not. */
void vd_sequences_keep(struct vd_sequences *sequences, const struct vd_verdict *verdict);

#endif
