/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h: a borrowed run of bytes, and the one order that keys have.
 *
 * Order is memcmp's, and of two where one begins the other, the shorter comes first; "" is the least.
 * A struct vd_bytes owns nothing; data may be NULL if size is 0. Pure; any thread.
 */
#ifndef VD_COMMON_BASE_BYTES_H
#define VD_COMMON_BASE_BYTES_H

#include "common/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct vd_arena;

struct vd_bytes {
	const uint8_t *data;
	size_t size;
};

/* The bytes of a string literal, without its final NUL. */
#define VD_BYTES(literal) ((struct vd_bytes){ (const uint8_t *)("" literal), sizeof(literal) - 1 })

static inline struct vd_bytes vd_bytes_of(const void *data, size_t size)
{
	return (struct vd_bytes){ (const uint8_t *)data, size };
}

/* A NUL-terminated string without its NUL; NULL counts as empty. */
static inline struct vd_bytes vd_bytes_of_string(const char *string)
{
	return vd_bytes_of(string, string == NULL ? 0 : strlen(string));
}

/* Below 0, 0 or above 0. */
static inline int vd_bytes_compare(struct vd_bytes a, struct vd_bytes b)
{
	size_t shorter = a.size < b.size ? a.size : b.size;
	int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool vd_bytes_equal(struct vd_bytes a, struct vd_bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool vd_bytes_less(struct vd_bytes a, struct vd_bytes b)
{
	return vd_bytes_compare(a, b) < 0;
}

static inline bool vd_bytes_has_prefix(struct vd_bytes bytes, struct vd_bytes prefix)
{
	return bytes.size >= prefix.size &&
		   (prefix.size == 0 || memcmp(bytes.data, prefix.data, prefix.size) == 0);
}

/* How many bytes both have in common from the start. */
size_t vd_bytes_common_prefix(struct vd_bytes a, struct vd_bytes b);

static inline struct vd_bytes vd_bytes_min(struct vd_bytes a, struct vd_bytes b)
{
	return vd_bytes_compare(a, b) <= 0 ? a : b;
}

static inline struct vd_bytes vd_bytes_max(struct vd_bytes a, struct vd_bytes b)
{
	return vd_bytes_compare(a, b) >= 0 ? a : b;
}

/* The part [begin, end); asserts begin <= end <= size. */
static inline struct vd_bytes vd_bytes_slice(struct vd_bytes bytes, size_t begin, size_t end)
{
	VD_ASSERT(begin <= end && end <= bytes.size);
	return vd_bytes_of(bytes.size == 0 ? bytes.data : bytes.data + begin, end - begin);
}

/* True if `key` is followed directly by `next`: next == key\0. */
static inline bool vd_bytes_is_successor(struct vd_bytes key, struct vd_bytes next)
{
	return next.size == key.size + 1 && next.data[key.size] == 0 && vd_bytes_has_prefix(next, key);
}

/* A copy in the arena; false, and *copy untouched, if the arena is at its limit. */
VD_MUST_USE bool vd_bytes_dup(struct vd_arena *arena, struct vd_bytes bytes, struct vd_bytes *copy);

/* The next key after `key` in order, key\0, in the arena. */
VD_MUST_USE bool vd_bytes_successor(struct vd_arena *arena, struct vd_bytes key, struct vd_bytes *next);

/* a followed by b, in the arena. */
VD_MUST_USE bool vd_bytes_concat(
	struct vd_arena *arena, struct vd_bytes a, struct vd_bytes b, struct vd_bytes *both);

/* The first key after all that begin with `prefix` (FoundationDB's strinc), in the arena. A prefix of nothing
 * but \xff has none: *end is then empty with data NULL. False if the arena is at its limit. */
VD_MUST_USE bool vd_bytes_prefix_end(struct vd_arena *arena, struct vd_bytes prefix, struct vd_bytes *end);

#endif
