/* SPDX-License-Identifier: Apache-2.0 */
/* map.c: the ordered map over libbsd's red-black tree. */
#include "common/kv/map.h"

#include "common/base/arena.h"
#include "common/base/endian.h"

static uint64_t head_of(struct vd_bytes key)
{
	uint8_t first[8] = { 0 };
	if (key.size > 0) {
		memcpy(first, key.data, key.size < sizeof first ? key.size : sizeof first);
	}
	return vd_load_be64(first);
}

static int compare(uint64_t a_head, struct vd_bytes a, uint64_t b_head, struct vd_bytes b)
{
	if (a_head != b_head) {
		return a_head < b_head ? -1 : 1;
	}
	return vd_bytes_compare(a, b);
}

static int compare_nodes(struct vd_map_node *a, struct vd_map_node *b)
{
	return compare(a->head, a->key, b->head, b->key);
}

/* RB_GENERATE_STATIC, whose __unused is not defined on Linux. */
RB_GENERATE_INTERNAL(vd_map_tree, vd_map_node, link, compare_nodes, __attribute__((unused)) static)

void vd_map_init(struct vd_map *map)
{
	RB_INIT(&map->tree);
	map->count = 0;
}

void *vd_map_node_new(struct vd_arena *arena, size_t size, struct vd_bytes key)
{
	VD_ASSERT(size >= sizeof(struct vd_map_node));
	uint8_t *memory = vd_arena_alloc(arena, size + key.size + 1);
	if (memory == NULL) {
		return NULL;
	}
	memset(memory, 0, size);
	if (key.size > 0) {
		memcpy(memory + size, key.data, key.size);
	}
	memory[size + key.size] = 0;
	struct vd_map_node *node = (struct vd_map_node *)memory;
	node->key = vd_bytes_of(memory + size, key.size);
	node->head = head_of(key);
	return node;
}

void vd_map_insert(struct vd_map *map, struct vd_map_node *node)
{
	struct vd_map_node *there = RB_INSERT(vd_map_tree, &map->tree, node);
	VD_ASSERT(there == NULL);
	map->count++;
}

void vd_map_remove(struct vd_map *map, struct vd_map_node *node)
{
	RB_REMOVE(vd_map_tree, &map->tree, node);
	map->count--;
}

struct vd_map_node *vd_map_floor(const struct vd_map *map, struct vd_bytes key)
{
	uint64_t head = head_of(key);
	struct vd_map_node *found = NULL;
	struct vd_map_node *node = RB_ROOT(&map->tree);
	while (node != NULL) {
		int order = compare(node->head, node->key, head, key);
		if (order == 0) {
			return node;
		}
		if (order < 0) {
			found = node;
		}
		node = order < 0 ? RB_RIGHT(node, link) : RB_LEFT(node, link);
	}
	return found;
}

struct vd_map_node *vd_map_find(const struct vd_map *map, struct vd_bytes key)
{
	struct vd_map_node *node = vd_map_floor(map, key);
	return node != NULL && vd_bytes_equal(node->key, key) ? node : NULL;
}

struct vd_map_node *vd_map_ceiling(const struct vd_map *map, struct vd_bytes key)
{
	uint64_t head = head_of(key);
	struct vd_map_node *found = NULL;
	struct vd_map_node *node = RB_ROOT(&map->tree);
	while (node != NULL) {
		int order = compare(node->head, node->key, head, key);
		if (order == 0) {
			return node;
		}
		if (order > 0) {
			found = node;
		}
		node = order < 0 ? RB_RIGHT(node, link) : RB_LEFT(node, link);
	}
	return found;
}

struct vd_map_node *vd_map_below(const struct vd_map *map, struct vd_bytes key)
{
	struct vd_map_node *node = vd_map_ceiling(map, key);
	return node == NULL ? vd_map_last(map) : vd_map_prev(node);
}

struct vd_map_node *vd_map_first(const struct vd_map *map)
{
	return RB_MIN(vd_map_tree, (struct vd_map_tree *)&map->tree);
}

struct vd_map_node *vd_map_last(const struct vd_map *map)
{
	return RB_MAX(vd_map_tree, (struct vd_map_tree *)&map->tree);
}

struct vd_map_node *vd_map_next(const struct vd_map_node *node)
{
	return RB_NEXT(vd_map_tree, , (struct vd_map_node *)node);
}

struct vd_map_node *vd_map_prev(const struct vd_map_node *node)
{
	return RB_PREV(vd_map_tree, , (struct vd_map_node *)node);
}
