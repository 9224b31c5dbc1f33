/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h: memory that is given back all at once.
 *
 * A bump allocator over a chain of blocks, with a hard limit: one arena for a batch, one for a transaction.
 * What does not fit gives NULL and changes nothing, so that one request over its limit can be refused and the
 * rest goes on. Blocks count against the limit with their full size; the last ones are made small enough to
 * use it up. The arena owns all it gave; a pointer lives until reset or fini. One thread at a time. With
 * AddressSanitizer each piece is fenced, and what was reset is poisoned.
 */
#ifndef VD_COMMON_BASE_ARENA_H
#define VD_COMMON_BASE_ARENA_H

#include "common/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vd_arena_block;

struct vd_arena {
	struct vd_arena_block *blocks; /* the one in use first */
	struct vd_arena_block *spares; /* kept by reset */
	size_t limit_bytes;
	size_t held_bytes; /* all blocks, spares as well */
	size_t used_bytes;
	bool is_full; /* something did not fit since the last reset */
};

/* Takes no memory yet. The limit is of the blocks' bytes; SIZE_MAX is none. */
void vd_arena_init(struct vd_arena *arena, size_t limit_bytes);
void vd_arena_fini(struct vd_arena *arena);

/* Forgets all that was given; keeps up to VD_ARENA_KEEP_BYTES of blocks for the next use. */
void vd_arena_reset(struct vd_arena *arena);
#define VD_ARENA_KEEP_BYTES ((size_t)1 << 20)

/* `size` bytes, aligned for any type, not zeroed; of size 0 too the pointer is not NULL. NULL at the limit.
 */
VD_MUST_USE void *vd_arena_alloc(struct vd_arena *arena, size_t size);

/* The same, zeroed. */
VD_MUST_USE void *vd_arena_zalloc(struct vd_arena *arena, size_t size);

/* `count` elements of `size` bytes, zeroed; NULL also if the product overflows. */
VD_MUST_USE void *vd_arena_array(struct vd_arena *arena, size_t count, size_t size);

/* Without alignment: for keys, values and text. */
VD_MUST_USE uint8_t *vd_arena_alloc_bytes(struct vd_arena *arena, size_t size);

/* A copy of a string, and a formatted one. */
VD_MUST_USE char *vd_arena_string(struct vd_arena *arena, const char *string);
VD_MUST_USE char *vd_arena_format(struct vd_arena *arena, const char *format, ...) VD_PRINTF(2, 3);

#define VD_ARENA_NEW(arena, type) ((type *)vd_arena_zalloc((arena), sizeof(type)))

/* What was asked for since the last reset, and what is held from the system. */
static inline size_t vd_arena_used_bytes(const struct vd_arena *arena)
{
	return arena->used_bytes;
}
static inline size_t vd_arena_held_bytes(const struct vd_arena *arena)
{
	return arena->held_bytes;
}

/* Since the last reset, something did not fit under the limit. After a NULL it says which: if not, the system had no memory. */
static inline bool vd_arena_is_full(const struct vd_arena *arena)
{
	return arena->is_full;
}

#endif
