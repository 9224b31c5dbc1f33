/* SPDX-License-Identifier: Apache-2.0 */
/* map.h: an ordered map from keys to nodes, in an arena.
 *
 * A red-black tree (libbsd's). A node is embedded as the first member of what it carries, and its key is
 * copied behind it, in the same piece of memory, with a NUL after: so [key, key\0) needs no further copy. The
 * first 8 bytes of the key stand in the node as a number, which settles most comparisons. Removed nodes stay
 * in the arena. One thread at a time.
 */
#ifndef VD_COMMON_KV_MAP_H
#define VD_COMMON_KV_MAP_H

#include "common/base/bytes.h"

#include <bsd/sys/tree.h>

struct vd_map_node {
	RB_ENTRY(vd_map_node) link;
	uint64_t head; /* the key's first 8 bytes, big-endian, filled up with zeros */
	struct vd_bytes key;
};

RB_HEAD(vd_map_tree, vd_map_node);

struct vd_map {
	struct vd_map_tree tree;
	size_t count;
};

void vd_map_init(struct vd_map *map);

/* Memory for a node of `size` bytes, of which struct vd_map_node is the first member; the rest is zero. Not
 * yet in the map. NULL at the arena's limit. */
VD_MUST_USE void *vd_map_node_new(struct vd_arena *arena, size_t size, struct vd_bytes key);

/* The key must not be in the map. */
void vd_map_insert(struct vd_map *map, struct vd_map_node *node);
void vd_map_remove(struct vd_map *map, struct vd_map_node *node);

/* The node with that key; the last one at or before it; the first one at or after it. NULL if there is none.
 */
struct vd_map_node *vd_map_find(const struct vd_map *map, struct vd_bytes key);
struct vd_map_node *vd_map_floor(const struct vd_map *map, struct vd_bytes key);
struct vd_map_node *vd_map_below(const struct vd_map *map, struct vd_bytes key);
struct vd_map_node *vd_map_ceiling(const struct vd_map *map, struct vd_bytes key);

struct vd_map_node *vd_map_first(const struct vd_map *map);
struct vd_map_node *vd_map_last(const struct vd_map *map);
struct vd_map_node *vd_map_next(const struct vd_map_node *node);
struct vd_map_node *vd_map_prev(const struct vd_map_node *node);

/* [key, key\0) of a node, borrowed from it. */
static inline struct vd_bytes vd_map_node_successor(const struct vd_map_node *node)
{
	return vd_bytes_of(node->key.data, node->key.size + 1);
}

#endif
