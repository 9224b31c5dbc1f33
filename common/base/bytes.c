/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.c: copies and derived keys; what is hot is inline in the header. */
#include "common/base/bytes.h"

#include "common/base/arena.h"

size_t vd_bytes_common_prefix(struct vd_bytes a, struct vd_bytes b)
{
	size_t shorter = a.size < b.size ? a.size : b.size;
	size_t i = 0;
	while (i < shorter && a.data[i] == b.data[i])
		i++;
	return i;
}

bool vd_bytes_dup(struct vd_arena *arena, struct vd_bytes bytes, struct vd_bytes *copy)
{
	return vd_bytes_concat(arena, bytes, (struct vd_bytes){ NULL, 0 }, copy);
}

bool vd_bytes_successor(struct vd_arena *arena, struct vd_bytes key, struct vd_bytes *next)
{
	return vd_bytes_concat(arena, key, vd_bytes_of("", 1), next);
}

bool vd_bytes_concat(struct vd_arena *arena, struct vd_bytes a, struct vd_bytes b, struct vd_bytes *both)
{
	uint8_t *data = vd_arena_alloc_bytes(arena, a.size + b.size);
	if (data == NULL)
		return false;
	if (a.size > 0)
		memcpy(data, a.data, a.size);
	if (b.size > 0)
		memcpy(data + a.size, b.data, b.size);
	*both = vd_bytes_of(data, a.size + b.size);
	return true;
}

bool vd_bytes_prefix_end(struct vd_arena *arena, struct vd_bytes prefix, struct vd_bytes *end)
{
	size_t size = prefix.size;
	while (size > 0 && prefix.data[size - 1] == 0xff)
		size--;
	if (size == 0) {
		*end = (struct vd_bytes){ NULL, 0 };
		return true;
	}
	uint8_t *data = vd_arena_alloc_bytes(arena, size);
	if (data == NULL)
		return false;
	memcpy(data, prefix.data, size);
	data[size - 1]++;
	*end = vd_bytes_of(data, size);
	return true;
}
