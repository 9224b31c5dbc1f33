/* SPDX-License-Identifier: Apache-2.0 */
/* arena.c: blocks double from 256 bytes to 1 MiB; what is larger gets a block of its own size. Of the block in
 * use and a new one, that with more room left stays in front, so that a large value does not waste the rest
 * of a block. */
#include "common/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define VD_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define VD_ASAN 1
#endif
#endif
#ifdef VD_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(data, size)   ASAN_POISON_MEMORY_REGION(data, size)
#define UNPOISON(data, size) ASAN_UNPOISON_MEMORY_REGION(data, size)
#define FENCE_BYTES          (size_t)8
#else
#define POISON(data, size)   ((void)(data), (void)(size))
#define UNPOISON(data, size) ((void)(data), (void)(size))
#define FENCE_BYTES          (size_t)0
#endif

#define ALIGNMENT       alignof(max_align_t)
#define BLOCK_BYTES_MIN ((size_t)256)
#define BLOCK_BYTES_MAX ((size_t)1 << 20)

struct vd_arena_block {
	struct vd_arena_block *next;
	size_t size; /* of data */
	size_t used;
	alignas(max_align_t) uint8_t data[];
};

void vd_arena_init(struct vd_arena *arena, size_t limit_bytes)
{
	*arena = (struct vd_arena){ .limit_bytes = limit_bytes };
}

static void block_free(struct vd_arena *arena, struct vd_arena_block *block)
{
	arena->held_bytes -= block->size;
	UNPOISON(block->data, block->size);
	free(block);
}

static void chain_free(struct vd_arena *arena, struct vd_arena_block *block)
{
	while (block != NULL) {
		struct vd_arena_block *next = block->next;
		block_free(arena, block);
		block = next;
	}
}

void vd_arena_fini(struct vd_arena *arena)
{
	chain_free(arena, arena->blocks);
	chain_free(arena, arena->spares);
	VD_ASSERT(arena->held_bytes == 0);
	vd_arena_init(arena, arena->limit_bytes);
}

void vd_arena_reset(struct vd_arena *arena)
{
	size_t kept = 0;
	for (const struct vd_arena_block *spare = arena->spares; spare != NULL; spare = spare->next)
		kept += spare->size;
	while (arena->blocks != NULL) {
		struct vd_arena_block *block = arena->blocks;
		arena->blocks = block->next;
		if (kept + block->size > VD_ARENA_KEEP_BYTES) {
			block_free(arena, block);
			continue;
		}
		kept += block->size;
		block->used = 0;
		POISON(block->data, block->size);
		block->next = arena->spares;
		arena->spares = block;
	}
	arena->used_bytes = 0;
	arena->is_full = false;
}

/* A spare that has room, taken off the list. */
static struct vd_arena_block *spare_take(struct vd_arena *arena, size_t size)
{
	for (struct vd_arena_block **at = &arena->spares; *at != NULL; at = &(*at)->next) {
		struct vd_arena_block *block = *at;
		if (block->size >= size) {
			*at = block->next;
			return block;
		}
	}
	return NULL;
}

static struct vd_arena_block *block_new(struct vd_arena *arena, size_t need)
{
	struct vd_arena_block *block = spare_take(arena, need);
	if (block != NULL)
		return block;
	/* spares that do not fit must not stand in the way of the limit */
	if (need > arena->limit_bytes - arena->held_bytes) {
		chain_free(arena, arena->spares);
		arena->spares = NULL;
	}
	size_t left = arena->limit_bytes - arena->held_bytes;
	if (need > left) {
		arena->is_full = true;
		return NULL;
	}
	size_t size = arena->blocks == NULL ? BLOCK_BYTES_MIN : arena->blocks->size * 2;
	if (size > BLOCK_BYTES_MAX)
		size = BLOCK_BYTES_MAX;
	if (size < need)
		size = need;
	if (size > left)
		size = left;
	if (size > SIZE_MAX - sizeof *block)
		return NULL;
	block = malloc(sizeof *block + size);
	if (block == NULL)
		return NULL;
	*block = (struct vd_arena_block){ .size = size };
	POISON(block->data, block->size);
	arena->held_bytes += size;
	return block;
}

static void *block_take(struct vd_arena_block *block, size_t size, size_t alignment)
{
	size_t begin = (block->used + alignment - 1) & ~(alignment - 1);
	if (begin > block->size || size > block->size - begin)
		return NULL;
	block->used = begin + size;
	UNPOISON(block->data + begin, size);
	size_t left = block->size - block->used;
	block->used += left <= FENCE_BYTES ? left : FENCE_BYTES;
	return block->data + begin;
}

static void *take(struct vd_arena *arena, size_t size, size_t alignment)
{
	void *data = arena->blocks == NULL ? NULL : block_take(arena->blocks, size, alignment);
	if (data == NULL) {
		struct vd_arena_block *block = block_new(arena, size);
		if (block == NULL)
			return NULL;
		data = block_take(block, size, alignment);
		VD_ASSERT(data != NULL);
		/* the block with more room left stays in front */
		struct vd_arena_block *front = arena->blocks;
		if (front != NULL && front->size - front->used > block->size - block->used) {
			block->next = front->next;
			front->next = block;
		} else {
			block->next = front;
			arena->blocks = block;
		}
	}
	arena->used_bytes += size;
	return data;
}

void *vd_arena_alloc(struct vd_arena *arena, size_t size)
{
	return take(arena, size, ALIGNMENT);
}

void *vd_arena_zalloc(struct vd_arena *arena, size_t size)
{
	void *data = take(arena, size, ALIGNMENT);
	return data == NULL ? NULL : memset(data, 0, size);
}

void *vd_arena_array(struct vd_arena *arena, size_t count, size_t size)
{
	size_t bytes;
	if (!__builtin_mul_overflow(count, size, &bytes))
		return vd_arena_zalloc(arena, bytes);
	arena->is_full = true;
	return NULL;
}

uint8_t *vd_arena_alloc_bytes(struct vd_arena *arena, size_t size)
{
	return take(arena, size, 1);
}

char *vd_arena_string(struct vd_arena *arena, const char *string)
{
	size_t size = strlen(string) + 1;
	char *copy = take(arena, size, 1);
	return copy == NULL ? NULL : memcpy(copy, string, size);
}

char *vd_arena_format(struct vd_arena *arena, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (size < 0)
		return NULL;
	char *text = take(arena, (size_t)size + 1, 1);
	if (text == NULL)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)size + 1, format, args);
	va_end(args);
	return text;
}
