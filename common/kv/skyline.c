/* SPDX-License-Identifier: Apache-2.0 */
/* skyline.c: a B+tree of steps.
 *
 * A node has up to 32 slots in key order, each with two versions, `top` >= `lid`:
 * - in a leaf, `top` is the version of the slot's key itself, `lid` that of the open span from there to the next slot. So the
 *   write of a single key, the commonest of all, is one slot, and the span stays as it was. The least key "" has
 *   a slot from the start: every key has one at or before it.
 * - in an inner node, a slot is a child: `top` is the highest version in it, and `lid` one that every key in it has at least. A
 *   range that covers a whole child only lifts those two. A key's version is the maximum of what its leaf says and of all
 *   lids on the way down.
 *
 * What makes it fast: the first 8 bytes of each key (behind what the node's keys have in common) stand in the node as
 * numbers, in four cache lines, so that a descent touches keys only where these are equal; one more line has all that is to be
 * known of the slot found; several skylines are asked in step, so that their cache misses overlap; no deletion and no
 * rebalancing; full nodes are split on the way down, so that an insertion never climbs back up.
 *
 * Always true: keys are in order; all keys of a node from the second on begin with `prefix`; child i holds the keys from
 * its slot's to before the next slot's; a node's first key is at or before all that is looked up in it; top >= lid, in
 * leaves because a range that lifts a span has a slot of its own at its begin.
 */
#include "common/kv/skyline.h"

#include "common/base/endian.h"

enum { SLOTS = 32, PREFIX_BYTES = 56 };

/* Followed by a NUL, so that [key, key\0) needs no copy. */
struct key {
	uint32_t size;
	uint8_t data[];
};

struct slot {
	const struct key *key;
	uint64_t top;
	uint64_t lid;
	struct vd_skyline_node *child; /* NULL in a leaf */
};

struct vd_skyline_node {
	uint16_t count;
	uint16_t prefix_size;
	uint32_t is_leaf;
	uint8_t prefix[PREFIX_BYTES];
	uint64_t heads[SLOTS]; /* [0] is not used */
	struct slot slots[SLOTS];
};

VD_STATIC_ASSERT(sizeof(struct vd_skyline_node) % 64 == 0, "nodes fill cache lines");

static struct vd_bytes bytes_of(const struct key *key)
{
	return vd_bytes_of(key->data, key->size);
}

static struct vd_bytes successor_of(const struct key *key)
{
	return vd_bytes_of(key->data, key->size + (size_t)1);
}

static uint64_t higher(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- Memory ---- */

static bool has_room(const struct vd_skyline_room *room, size_t size)
{
	return room->blocks != NULL && VD_BLOCK_BYTES - room->used_bytes >= size;
}

/* After this, pieces that sum up to `size` (less than a block) can be taken without failing. */
static bool reserve(struct vd_skyline *skyline, struct vd_skyline_room *room, size_t size)
{
	if (has_room(room, size) || room->spare != NULL) {
		return true;
	}
	room->spare = vd_blocks_take(skyline->pool);
	skyline->blocks += room->spare != NULL;
	return room->spare != NULL;
}

static void *take(struct vd_skyline_room *room, size_t size)
{
	if (!has_room(room, size)) {
		VD_ASSERT(room->spare != NULL);
		room->spare->next = room->blocks;
		room->blocks = room->spare;
		room->spare = NULL;
		room->used_bytes = VD_BLOCK_HEAD_BYTES;
	}
	void *memory = (uint8_t *)room->blocks + room->used_bytes;
	room->used_bytes += size;
	return memory;
}

static size_t key_bytes(size_t size)
{
	return (sizeof(struct key) + size + 1 + 3) & ~(size_t)3;
}

static const struct key *key_new(struct vd_skyline *skyline, struct vd_bytes bytes)
{
	struct key *key = take(&skyline->keys, key_bytes(bytes.size));
	key->size = (uint32_t)bytes.size;
	if (bytes.size > 0) {
		memcpy(key->data, bytes.data, bytes.size);
	}
	key->data[bytes.size] = 0;
	return key;
}

static struct vd_skyline_node *node_new(struct vd_skyline *skyline, bool is_leaf)
{
	struct vd_skyline_node *node = take(&skyline->nodes, sizeof *node);
	node->count = 0;
	node->prefix_size = 0;
	node->is_leaf = is_leaf;
	return node;
}

static void give_room(struct vd_skyline *skyline, struct vd_skyline_room *room)
{
	vd_blocks_give(skyline->pool, room->blocks);
	vd_blocks_give(skyline->pool, room->spare);
	*room = (struct vd_skyline_room){ 0 };
}

void vd_skyline_init(struct vd_skyline *skyline, struct vd_blocks *pool)
{
	*skyline = (struct vd_skyline){ .pool = pool };
}

void vd_skyline_clear(struct vd_skyline *skyline)
{
	give_room(skyline, &skyline->nodes);
	give_room(skyline, &skyline->keys);
	vd_skyline_init(skyline, skyline->pool);
}

/* ---- Looking in a node ---- */

/* The 8 bytes behind the prefix as a number; a key that ends earlier is filled up with zeros. */
static uint64_t head_of(struct vd_bytes key, size_t prefix_size)
{
	if (key.size >= prefix_size + 8) {
		return vd_load_be64(key.data + prefix_size);
	}
	uint8_t bytes[8] = { 0 };
	if (key.size > prefix_size) {
		memcpy(bytes, key.data + prefix_size, key.size - prefix_size);
	}
	return vd_load_be64(bytes);
}

/* The last of the entries [1, end) whose head is not above; 0 if there is none. Without branches. */
static unsigned last_head_up_to(const uint64_t *heads, unsigned end, uint64_t head)
{
	const uint64_t *base = heads;
	for (unsigned rest = end - 1; rest > 0;) {
		unsigned half = (rest + 1) / 2;
		base = base[half] <= head ? base + half : base;
		rest -= half;
	}
	return (unsigned)(base - heads);
}

/* Among the entries [1, last], the last one whose key is at or before; all those of one head are compared. */
static unsigned floor_among_equals(
	const struct vd_skyline_node *node, unsigned last, struct vd_bytes key, bool *is_at)
{
	uint64_t head = node->heads[last];
	unsigned begin = head == 0 ? 0 : last_head_up_to(node->heads, last + 1, head - 1);
	unsigned end = last + 1; /* the answer is in [begin, end) */
	unsigned middle = last;
	while (begin + 1 < end) {
		int order = vd_bytes_compare(bytes_of(node->slots[middle].key), key);
		if (order == 0) {
			*is_at = true;
			return middle;
		}
		begin = order < 0 ? middle : begin;
		end = order < 0 ? end : middle;
		middle = begin + (end - begin) / 2;
	}
	return begin;
}

/* How a key stands to what all keys of a node from the second on begin with; 0: it begins with it as well. */
static int compare_prefix(const struct vd_skyline_node *node, struct vd_bytes key)
{
	size_t size = key.size < node->prefix_size ? key.size : node->prefix_size;
	int order = size > 0 ? memcmp(key.data, node->prefix, size) : 0;
	return order == 0 && key.size < node->prefix_size ? -1 : order;
}

/* How the key of slot i, not the first, stands to a key. Mostly known without touching the slot's. */
static int compare_slot(const struct vd_skyline_node *node, unsigned i, struct vd_bytes key)
{
	int order = compare_prefix(node, key);
	if (order != 0) {
		return -order;
	}
	uint64_t head = head_of(key, node->prefix_size);
	if (node->heads[i] != head) {
		return node->heads[i] < head ? -1 : 1;
	}
	return vd_bytes_compare(bytes_of(node->slots[i].key), key);
}

/* The last entry whose key is at or before a key that is not before the first one. *is_at: it is that key. */
static unsigned floor_in(const struct vd_skyline_node *node, struct vd_bytes key, bool *is_at)
{
	unsigned last = 0;
	*is_at = false;
	int order = compare_prefix(node, key);
	if (order > 0) {
		last = node->count - 1u;
	} else if (order == 0) {
		uint64_t head = head_of(key, node->prefix_size);
		last = last_head_up_to(node->heads, node->count, head);
		if (last > 0 && node->heads[last] == head) {
			last = floor_among_equals(node, last, key, is_at);
		}
	}
	if (last == 0) {
		*is_at = vd_bytes_equal(bytes_of(node->slots[0].key), key);
	}
	return last;
}

/* ---- Changing a node ---- */

/* Finds what the keys from the second on have in common, and their heads behind it. */
static void set_heads(struct vd_skyline_node *node)
{
	size_t size = 0;
	if (node->count > 2) {
		struct vd_bytes first = bytes_of(node->slots[1].key);
		size = vd_bytes_common_prefix(first, bytes_of(node->slots[node->count - 1].key));
		size = size < PREFIX_BYTES ? size : PREFIX_BYTES;
		memcpy(node->prefix, first.data, size);
	}
	node->prefix_size = (uint16_t)size;
	for (unsigned i = 1; i < node->count; i++) {
		node->heads[i] = head_of(bytes_of(node->slots[i].key), size);
	}
}

/* Puts a slot at `place`, which is not 0. */
static void insert(struct vd_skyline_node *node, unsigned place, struct slot slot)
{
	struct vd_bytes key = bytes_of(slot.key);
	memmove(&node->slots[place + 1], &node->slots[place], (node->count - place) * sizeof slot);
	memmove(&node->heads[place + 1], &node->heads[place], (node->count - place) * sizeof node->heads[0]);
	node->slots[place] = slot;
	node->count++;
	bool fits = vd_bytes_has_prefix(key, vd_bytes_of(node->prefix, node->prefix_size));
	bool is_time =
		(node->count & (node->count - 1)) == 0; /* a node that grew long may have found more in common */
	if (fits && !is_time) {
		node->heads[place] = head_of(key, node->prefix_size);
	} else {
		set_heads(node);
	}
}

static uint64_t top_of(const struct vd_skyline_node *node)
{
	uint64_t top = 0;
	for (unsigned i = 0; i < node->count; i++) {
		top = higher(top, node->slots[i].top);
	}
	return top;
}

/* Splits the child i, which is full or nearly so, of a node that has room. Keys that come in order leave full nodes
 * behind. */
static void split_child(
	struct vd_skyline *skyline, struct vd_skyline_node *parent, unsigned i, struct vd_bytes key)
{
	struct vd_skyline_node *left = parent->slots[i].child;
	struct vd_skyline_node *right = node_new(skyline, left->is_leaf);
	unsigned count = left->count;
	bool is_in_order = vd_bytes_less(bytes_of(left->slots[count - 1].key), key);
	left->count = (uint16_t)(is_in_order ? count - 2 : count / 2);
	right->count = (uint16_t)(count - left->count);
	memcpy(right->slots, left->slots + left->count, right->count * sizeof left->slots[0]);
	set_heads(left);
	set_heads(right);
	uint64_t lid = parent->slots[i].lid;
	parent->slots[i].top = higher(top_of(left), lid);
	insert(parent, i + 1, (struct slot){ right->slots[0].key, higher(top_of(right), lid), lid, right });
}

static void plant(struct vd_skyline *skyline)
{
	skyline->root = node_new(skyline, true);
	skyline->root->slots[0] = (struct slot){ .key = key_new(skyline, VD_BYTES("")) };
	skyline->root->count = 1;
	skyline->height = 1;
	skyline->entries = 1;
}

/* A full root gets a parent. Its top is set by the split that follows. */
static void grow(struct vd_skyline *skyline)
{
	struct vd_skyline_node *root = node_new(skyline, false);
	root->slots[0] = (struct slot){ .key = skyline->root->slots[0].key, .child = skyline->root };
	root->count = 1;
	skyline->root = root;
	skyline->height++;
}

/* ---- Raising ---- */

/* The slot of the child that a key belongs to, with room for `room` more in the child. The node itself has room. */
static unsigned make_room(
	struct vd_skyline *skyline, struct vd_skyline_node *node, unsigned i, struct vd_bytes key, unsigned room)
{
	if (node->slots[i].child->count + room > SLOTS) {
		split_child(skyline, node, i, key);
		i += compare_slot(node, i + 1, key) <= 0;
	}
	return i;
}

static void make_room_in_root(struct vd_skyline *skyline, struct vd_bytes key, unsigned room)
{
	if (skyline->root->count + room > SLOTS) {
		grow(skyline);
		split_child(skyline, skyline->root, 0, key);
	}
}

/* Sees to it that a key has a slot, of the version that it had, and then lifts the key itself to `version` (0: leaves it). */
static void raise_key(struct vd_skyline *skyline, struct vd_bytes key, uint64_t version)
{
	bool is_at = false;
	make_room_in_root(skyline, key, 1);
	struct vd_skyline_node *node = skyline->root;
	unsigned i = floor_in(node, key, &is_at);
	while (!node->is_leaf) {
		i = make_room(skyline, node, i, key, 1);
		node->slots[i].top = higher(node->slots[i].top, version);
		node = node->slots[i].child;
		i = floor_in(node, key, &is_at);
	}
	if (!is_at) {
		uint64_t span = node->slots[i].lid;
		insert(node, ++i, (struct slot){ key_new(skyline, key), span, span, NULL });
		skyline->entries++;
	}
	node->slots[i].top = higher(node->slots[i].top, version);
}

/* The slots that a range [begin, end) has to do with; NULL: the node lies within on that side. */
struct slots {
	unsigned first; /* first > last: none */
	unsigned last;
	bool begins_at; /* the range begins with the key of the first slot */
	bool ends_at;   /* it ends where the slot after the last begins: the last is in it up to its end */
};

static struct slots slots_in(
	const struct vd_skyline_node *node, const struct vd_bytes *begin, const struct vd_bytes *end)
{
	struct slots slots = { 0, node->count - 1u, true, true };
	if (begin != NULL) {
		slots.first = floor_in(node, *begin, &slots.begins_at);
	}
	if (end != NULL) {
		slots.last = floor_in(node, *end, &slots.ends_at);
		if (slots.ends_at && slots.last == 0) {
			return (struct slots){ 1, 0, true, true }; /* the range ends where the node begins */
		}
		slots.last -= slots.ends_at;
	}
	return slots;
}

/* Lifts all of [begin, end), which both have a slot of their own. */
static void raise_span(
	struct vd_skyline_node *node, const struct vd_bytes *begin, const struct vd_bytes *end, uint64_t version)
{
	struct slots in = slots_in(node, begin, end);
	for (unsigned i = in.first; i <= in.last; i++) {
		const struct vd_bytes *from = i == in.first ? begin : NULL;
		const struct vd_bytes *to = i == in.last && !in.ends_at ? end : NULL;
		struct slot *slot = &node->slots[i];
		slot->top = higher(slot->top, version);
		if (node->is_leaf || (from == NULL && to == NULL)) {
			slot->lid = higher(slot->lid, version);
		} else {
			raise_span(slot->child, from, to, version);
		}
	}
}

/* Lifts a range in a leaf that has room for two; ends_with_leaf: it ends where the next leaf begins. */
static void raise_in_leaf(struct vd_skyline *skyline, struct vd_skyline_node *leaf, struct vd_range range,
	bool ends_with_leaf, uint64_t version)
{
	bool is_at = false;
	unsigned i = floor_in(leaf, range.begin, &is_at);
	uint64_t span = leaf->slots[i].lid; /* of what lies behind the range, in the end */
	if (!is_at) {
		insert(leaf, ++i, (struct slot){ key_new(skyline, range.begin), span, span, NULL });
		skyline->entries++;
	}
	int order = -1;
	for (; i < leaf->count; i++) {
		order =
			i == 0 ? -1 : compare_slot(leaf, i, range.end); /* the first is not behind the range's begin */
		if (order >= 0) {
			break;
		}
		span = leaf->slots[i].lid;
		leaf->slots[i].top = higher(leaf->slots[i].top, version);
		leaf->slots[i].lid = higher(span, version);
	}
	if (order != 0 && !(i == leaf->count && ends_with_leaf)) {
		insert(leaf, i, (struct slot){ key_new(skyline, range.end), span, span, NULL });
		skyline->entries++;
	}
}

/* The same for a range that lies in one leaf, as most do, in one descent. False: it does not, and nothing was done that the
 * long way would not do. */
static bool raise_narrow(struct vd_skyline *skyline, struct vd_range range, uint64_t version)
{
	bool is_at = false;
	bool ends_with_child = false;
	make_room_in_root(skyline, range.begin, 2);
	struct vd_skyline_node *node = skyline->root;
	while (!node->is_leaf) {
		unsigned i = make_room(skyline, node, floor_in(node, range.begin, &is_at), range.begin, 2);
		if (i + 1 < node->count) {
			int order = compare_slot(node, i + 1, range.end);
			if (order < 0) {
				return false;
			}
			ends_with_child = order == 0;
		}
		node->slots[i].top = higher(node->slots[i].top, version);
		node = node->slots[i].child;
	}
	raise_in_leaf(skyline, node, range, ends_with_child, version);
	return true;
}

bool vd_skyline_raise(struct vd_skyline *skyline, struct vd_range range, uint64_t version)
{
	bool is_key = vd_range_is_key(range);
	/* Each of three descents may split a node on every level, and the root. */
	size_t node_bytes = 3 * ((size_t)skyline->height + 3) * sizeof(struct vd_skyline_node);
	size_t bytes = key_bytes(0) + key_bytes(range.begin.size) + key_bytes(range.end.size);
	VD_ASSERT(node_bytes < VD_BLOCK_BYTES / 2 && bytes < VD_BLOCK_BYTES / 2);
	if (!reserve(skyline, &skyline->nodes, node_bytes) || !reserve(skyline, &skyline->keys, bytes)) {
		return false;
	}
	if (skyline->root == NULL) {
		plant(skyline);
	}
	if (is_key) {
		raise_key(skyline, range.begin, version);
	} else if (!raise_narrow(skyline, range, version)) {
		raise_key(skyline, range.begin, 0);
		raise_key(skyline, range.end, 0);
		raise_span(skyline->root, &range.begin, &range.end, version);
	}
	return true;
}

/* ---- Asking ---- */

/* The range's maximum in a node, if it is above `above`. Since top >= lid, the span behind the last key may be counted in
 * even where the range ends before it. */
static uint64_t highest_in(const struct vd_skyline_node *node, const struct vd_bytes *begin,
	const struct vd_bytes *end, uint64_t above)
{
	struct slots in = slots_in(node, begin, end);
	for (unsigned i = in.first; i <= in.last; i++) {
		const struct vd_bytes *from = i == in.first ? begin : NULL;
		const struct vd_bytes *to = i == in.last && !in.ends_at ? end : NULL;
		const struct slot *slot = &node->slots[i];
		if (node->is_leaf) {
			above = higher(above, i > in.first || in.begins_at ? slot->top : slot->lid);
		} else if (slot->top > above) {
			above = from == NULL && to == NULL ? slot->top
											   : highest_in(slot->child, from, to, higher(above, slot->lid));
		}
	}
	return above;
}

static void prefetch(const struct vd_skyline_node *node)
{
	const uint8_t *line = (const uint8_t *)node;
	for (size_t at = 0; at < offsetof(struct vd_skyline_node, slots); at += 64) {
		__builtin_prefetch(line + at);
	}
}

/* A range that begins in slot i of a leaf, and ends in it or behind it. */
static uint64_t highest_in_leaf(
	const struct vd_skyline_node *leaf, unsigned i, bool begins_at, struct vd_bytes end, uint64_t above)
{
	above = higher(above, begins_at ? leaf->slots[i].top : leaf->slots[i].lid);
	while (++i < leaf->count && compare_slot(leaf, i, end) < 0) {
		above = higher(above, leaf->slots[i].top);
	}
	return above;
}

/* One skyline's way down. */
struct descent {
	const struct vd_skyline_node *node;
	unsigned i; /* the slot where the range begins */
	bool is_at;
};

/* One level down: the child that has the whole range; NULL if there is none, or none that has anything above. */
static const struct vd_skyline_node *step_down(
	const struct descent *descent, struct vd_range range, bool is_key, uint64_t *above)
{
	const struct vd_skyline_node *node = descent->node;
	unsigned i = descent->i;
	const struct slot *slot = &node->slots[i];
	if (node->is_leaf) {
		*above = is_key ? higher(*above, descent->is_at ? slot->top : slot->lid)
						: highest_in_leaf(node, i, descent->is_at, range.end, *above);
		return NULL;
	}
	if (!is_key && i + 1 < node->count && compare_slot(node, i + 1, range.end) < 0) {
		*above = highest_in(node, &range.begin, &range.end, *above);
		return NULL;
	}
	if (slot->top <= *above) {
		return NULL;
	}
	*above = higher(*above, slot->lid);
	prefetch(slot->child);
	return slot->child;
}

/* All take one step before any takes the next: what one waits for from memory, the others wait for at the same time. */
uint64_t vd_skyline_highest(
	const struct vd_skyline *const *skylines, unsigned count, struct vd_range range, uint64_t above)
{
	struct descent descents[VD_SKYLINES_MAX];
	bool is_key = vd_range_is_key(range);
	unsigned live = 0;
	VD_ASSERT(count <= VD_SKYLINES_MAX);
	for (unsigned i = 0; i < count; i++) {
		if (skylines[i]->root != NULL) {
			descents[live++].node = skylines[i]->root;
		}
	}
	while (live > 0) {
		for (unsigned i = 0; i < live; i++) {
			struct descent *descent = &descents[i];
			descent->i = floor_in(descent->node, range.begin, &descent->is_at);
			__builtin_prefetch(&descent->node->slots[descent->i]);
		}
		unsigned next = 0;
		for (unsigned i = 0; i < live; i++) {
			const struct vd_skyline_node *child = step_down(&descents[i], range, is_key, &above);
			if (child != NULL) {
				descents[next++].node = child;
			}
		}
		live = next;
	}
	return above;
}

/* ---- Merging ---- */

/* Walks the steps from left to right and raises each run above the ground as one range. */
struct merge {
	struct vd_skyline *to;
	uint64_t version;
	struct vd_bytes begin;
	bool is_open;
};

static bool merge_step(struct merge *merge, struct vd_bytes place, uint64_t version)
{
	if (version > 0 && !merge->is_open) {
		merge->begin = place;
		merge->is_open = true;
	} else if (version == 0 && merge->is_open) {
		merge->is_open = false;
		return vd_skyline_raise(merge->to, vd_range_of(merge->begin, place), merge->version);
	}
	return true;
}

static bool merge_node(struct merge *merge, const struct vd_skyline_node *node, uint64_t lid)
{
	bool done = true;
	for (unsigned i = 0; i < node->count && done; i++) {
		const struct slot *slot = &node->slots[i];
		if (node->is_leaf) {
			done = merge_step(merge, bytes_of(slot->key), higher(slot->top, lid)) &&
				   merge_step(merge, successor_of(slot->key), higher(slot->lid, lid));
		} else {
			done = merge_node(merge, slot->child, higher(slot->lid, lid));
		}
	}
	return done;
}

bool vd_skyline_merge(struct vd_skyline *to, const struct vd_skyline *from, uint64_t version)
{
	struct merge merge = { .to = to, .version = version };
	if (from->root == NULL) {
		return true;
	}
	bool done = merge_node(&merge, from->root, 0);
	VD_ASSERT(!done || !merge.is_open); /* every range has an end, and nothing is behind the last one */
	return done;
}
