/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.c: interned byte strings, and memory. Everything lives until the program ends. */
#include "tests/history/check.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK (1 << 20)

struct string {
	const uint8_t *bytes;
	uint32_t size, hash;
};

static struct string *strings;
static size_t count = 1, capacity; /* the first one is ABSENT */
static uint32_t *slots;
static size_t slot_count;
static uint8_t *chunk;
static size_t chunk_left;

static void *checked(void *memory)
{
	if (memory == NULL) {
		fprintf(stderr, "check: out of memory\n");
		exit(2);
	}
	return memory;
}

void *grown(void *array, size_t used, size_t *room, size_t item)
{
	if (used < *room)
		return array;
	*room = *room == 0 ? 16 : 2 * *room;
	return checked(realloc(array, *room * item));
}

void *zeroed(size_t items, size_t item)
{
	return checked(calloc(items == 0 ? 1 : items, item));
}

static const uint8_t *keep(const uint8_t *bytes, size_t size)
{
	if (chunk_left < size) {
		chunk_left = size > CHUNK ? size : CHUNK;
		chunk = zeroed(chunk_left, 1);
	}
	uint8_t *kept = chunk;
	if (size > 0)
		memcpy(kept, bytes, size);
	chunk += size;
	chunk_left -= size;
	return kept;
}

static uint32_t hash_of(const uint8_t *bytes, size_t size)
{
	uint64_t hash = 0xCBF29CE484222325;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ bytes[i]) * 0x100000001B3;
	return (uint32_t)(hash ^ (hash >> 32));
}

static void rehash(void)
{
	free(slots);
	slot_count = slot_count == 0 ? 1 << 16 : 2 * slot_count;
	slots = zeroed(slot_count, sizeof *slots);
	for (size_t id = 1; id < count; id++) {
		size_t slot = strings[id].hash & (slot_count - 1);
		while (slots[slot] != 0)
			slot = (slot + 1) & (slot_count - 1);
		slots[slot] = (uint32_t)id;
	}
}

sid intern(const uint8_t *bytes, size_t size)
{
	if (2 * count >= slot_count)
		rehash();
	uint32_t hash = hash_of(bytes, size);
	size_t slot = hash & (slot_count - 1);
	for (; slots[slot] != 0; slot = (slot + 1) & (slot_count - 1)) {
		const struct string *found = &strings[slots[slot]];
		if (found->hash == hash && found->size == size &&
			(size == 0 || memcmp(found->bytes, bytes, size) == 0))
			return slots[slot];
	}
	strings = grown(strings, count, &capacity, sizeof *strings);
	strings[count] = (struct string){ keep(bytes, size), (uint32_t)size, hash };
	slots[slot] = (uint32_t)count;
	return (sid)count++;
}

const uint8_t *bytes_of(sid id, size_t *size)
{
	static const uint8_t none[1];
	*size = id == ABSENT ? 0 : strings[id].size;
	return id == ABSENT ? none : strings[id].bytes;
}

uint32_t string_count(void)
{
	return (uint32_t)count;
}

int compare_bytes(sid a, sid b)
{
	size_t a_size, b_size;
	const uint8_t *a_bytes = bytes_of(a, &a_size), *b_bytes = bytes_of(b, &b_size);
	size_t common = a_size < b_size ? a_size : b_size;
	int order = common == 0 ? 0 : memcmp(a_bytes, b_bytes, common);
	return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}
