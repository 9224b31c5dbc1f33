/* SPDX-License-Identifier: Apache-2.0 */
/* Conflicting: what the last commit of a transaction lost, if it ended with 1020.
 *
 * A verdict carries no keys, but places in the list of read ranges that was submitted; here they become ranges again. They are
 * in the order of that list, which is key order: so neither do they meet or touch. All memory is the transaction's, until it is
 * reset.
 */
#ifndef VD_FOLLOWER_CONFLICTING_H
#define VD_FOLLOWER_CONFLICTING_H

#include "common/kv/range.h"
#include "verdict/verdict.h"

struct vd_arena;
struct vd_verdict;

struct vd_conflicting {
	const struct vd_conflict *items;
	size_t count;
};

/* What a conflict has lost; places that are none of the list are passed over. Nothing at the arena's limit. */
void vd_conflicting_keep(struct vd_conflicting *conflicting, struct vd_arena *arena,
	const struct vd_range *reads, size_t read_count, const struct vd_verdict *verdict);

/* For the message of the error: the first of them; "" if there is none. Returns `to`. */
const char *vd_conflicting_text(const struct vd_conflicting *conflicting, char *to, size_t size);

#endif
