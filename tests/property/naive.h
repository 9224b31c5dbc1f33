/* SPDX-License-Identifier: Apache-2.0 */
/* naive.h: a store as a plain list of keys, and every mutation written down a second time in the plainest way.
 *
 * What the overlay is held to. Nothing here is shared with common/kv but the types. Values live in the arena given.
 */
#ifndef VD_TESTS_PROPERTY_NAIVE_H
#define VD_TESTS_PROPERTY_NAIVE_H

#include "common/base/arena.h"
#include "common/kv/mutation.h"

enum { NAIVE_ROWS_MAX = 64 };

struct naive_row {
	struct vd_bytes key;
	struct vd_bytes value;
};

struct naive {
	struct naive_row rows[NAIVE_ROWS_MAX]; /* in no order */
	size_t count;
};

/* NULL: absent. */
const struct vd_bytes *naive_get(const struct naive *store, struct vd_bytes key);
void naive_set(struct naive *store, struct vd_bytes key, struct vd_bytes value);
void naive_clear(struct naive *store, struct vd_range range);

/* Any mutation but stamped ones. */
void naive_apply(struct naive *store, struct vd_arena *arena, const struct vd_mutation *mutation,
	size_t value_limit_bytes);

/* The same keys with the same values. */
bool naive_equal(const struct naive *a, const struct naive *b);

#endif
