/* SPDX-License-Identifier: Apache-2.0 */
/* explore.c: the set of states, and the walk through it. */
#include "docs/model/explore.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum {
	BYTES_A_STATE = 60, /* at least, packed: how many places are reserved */
	SLOTS_LEAST = 1 << 14,
};

static void *reserve(size_t bytes)
{
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	return memory;
}

static uint64_t hash_of(const uint8_t *bytes, size_t size)
{
	uint64_t hash = 0x9E3779B97F4A7C15u ^ size;
	while (size > 0) {
		uint64_t word = 0;
		size_t take = size < 8 ? size : 8;
		memcpy(&word, bytes, take);
		hash = (hash ^ word) * 0xff51afd7ed558ccdu;
		hash ^= hash >> 32;
		bytes += take;
		size -= take;
	}
	hash *= 0xc4ceb9fe1a85ec53u;
	return hash ^ hash >> 29;
}

static size_t size_of(const struct md_exploration *exploration, uint32_t id)
{
	size_t end = id + 1 < exploration->states ? exploration->offsets[id + 1] : exploration->arena_used;
	return end - exploration->offsets[id];
}

static void grow(struct md_exploration *exploration, size_t slots)
{
	free(exploration->slots);
	exploration->slot_mask = slots - 1;
	exploration->slots = calloc(slots, sizeof *exploration->slots);
	if (exploration->slots == NULL)
		abort();
	for (uint32_t id = 0; id < exploration->states; id++) {
		uint64_t hash = hash_of(exploration->arena + exploration->offsets[id], size_of(exploration, id));
		size_t at = hash & exploration->slot_mask;
		while (exploration->slots[at] != 0)
			at = (at + 1) & exploration->slot_mask;
		exploration->slots[at] = hash >> 32 << 32 | (id + 1u);
	}
}

/* A slot: half of the hash, and the id + 1. */
static uint32_t find_or_add(struct md_exploration *exploration, const struct md_state *state, bool *is_new)
{
	uint8_t bytes[MD_PACKED_MAX];
	size_t size = md_state_pack(state, bytes);
	uint64_t hash = hash_of(bytes, size);
	size_t at = hash & exploration->slot_mask;
	uint64_t half = hash >> 32 << 32;
	*is_new = false;
	for (; exploration->slots[at] != 0; at = (at + 1) & exploration->slot_mask) {
		uint32_t id = (uint32_t)exploration->slots[at] - 1;
		if (exploration->slots[at] >> 32 << 32 == half && size_of(exploration, id) == size &&
			memcmp(exploration->arena + exploration->offsets[id], bytes, size) == 0)
			return id;
	}
	if (exploration->states == exploration->capacity ||
		exploration->arena_used + size > exploration->limit_bytes) {
		exploration->is_full = true;
		return MD_NOBODY;
	}
	uint32_t id = (uint32_t)exploration->states++;
	exploration->offsets[id] = (uint32_t)exploration->arena_used;
	exploration->parents[id] = exploration->now;
	memcpy(exploration->arena + exploration->arena_used, bytes, size);
	exploration->arena_used += size;
	exploration->slots[at] = half | (id + 1u);
	*is_new = true;
	if (exploration->states * 3 > exploration->slot_mask * 2)
		grow(exploration, exploration->slot_mask * 2 + 2);
	return id;
}

static void keep_edge(struct md_exploration *exploration, uint32_t to, const struct md_walk *walk)
{
	if (md_step_texts[walk->step].nature == MD_FAULT || to == exploration->now)
		return;
	if (exploration->link_count == exploration->link_capacity) {
		exploration->link_capacity =
			exploration->link_capacity == 0 ? 1 << 20 : exploration->link_capacity * 2;
		exploration->links =
			realloc(exploration->links, exploration->link_capacity * sizeof *exploration->links);
		if (exploration->links == NULL)
			abort();
	}
	exploration->links[exploration->link_count++] =
		(struct md_edge){ .to = to, .class = (uint16_t)(walk->step * 8 + walk->subject) };
}

static bool renames_versions(const struct md_exploration *exploration)
{
	return exploration->setup.bounds.batches == 0;
}

static void on_reached(struct md_walk *walk, struct md_state *next)
{
	struct md_exploration *exploration = walk->arg;
	if (exploration->breach != MD_HOLDS || exploration->is_full)
		return;
	md_state_normalize(next, renames_versions(exploration));
	md_check(walk, next);
	exploration->edges++;
	exploration->is_taken[walk->step] = true;
	if (walk->breach != MD_HOLDS) {
		exploration->breach = walk->breach;
		memcpy(exploration->breach_text, walk->breach_text, sizeof exploration->breach_text);
		exploration->broken_from = exploration->now;
		exploration->broken = *next;
		return;
	}
	bool is_new;
	uint32_t to = find_or_add(exploration, next, &is_new);
	if (exploration->keeps_edges && to != MD_NOBODY)
		keep_edge(exploration, to, walk);
}

static double spent_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void make_room(struct md_exploration *exploration)
{
	exploration->capacity = exploration->limit_bytes / BYTES_A_STATE;
	exploration->arena = reserve(exploration->limit_bytes);
	exploration->offsets = reserve(exploration->capacity * sizeof(uint32_t));
	exploration->parents = reserve(exploration->capacity * sizeof(uint32_t));
	grow(exploration, SLOTS_LEAST);
	if (exploration->keeps_edges)
		exploration->first_link = reserve((exploration->capacity + 1) * sizeof(uint32_t));
}

void md_explore(struct md_exploration *exploration)
{
	double begun = spent_s();
	make_room(exploration);
	struct md_walk walk = { .setup = &exploration->setup, .reached = on_reached, .arg = exploration };
	struct md_state state;
	bool is_new;
	md_begin(&state, &exploration->setup.bounds);
	md_state_normalize(&state, renames_versions(exploration));
	exploration->now = MD_NOBODY;
	(void)find_or_add(exploration, &state, &is_new);
	size_t end_of_depth = 1;
	for (uint32_t id = 0;
		 id < exploration->states && exploration->breach == MD_HOLDS && !exploration->is_full; id++) {
		if (id == end_of_depth) {
			exploration->depth++;
			end_of_depth = exploration->states;
		}
		exploration->now = id;
		if (exploration->keeps_edges)
			exploration->first_link[id] = (uint32_t)exploration->link_count;
		md_exploration_state(exploration, id, &state);
		md_walk_all(&walk, &state);
	}
	if (exploration->keeps_edges)
		exploration->first_link[exploration->states] = (uint32_t)exploration->link_count;
	exploration->seconds = spent_s() - begun;
}

void md_exploration_free(struct md_exploration *exploration)
{
	munmap(exploration->arena, exploration->limit_bytes);
	munmap(exploration->offsets, exploration->capacity * sizeof(uint32_t));
	munmap(exploration->parents, exploration->capacity * sizeof(uint32_t));
	free(exploration->slots);
	if (exploration->first_link != NULL)
		munmap(exploration->first_link, (exploration->capacity + 1) * sizeof(uint32_t));
	free(exploration->links);
}

void md_exploration_state(const struct md_exploration *exploration, uint32_t id, struct md_state *state)
{
	md_state_unpack(state, exploration->arena + exploration->offsets[id]);
}

/* ---- a schedule --------------------------------------------------------------------------------------------- */

struct teller {
	const struct md_exploration *exploration;
	const struct md_state *wanted;
	bool is_found;
	char text[440];
};

static void on_told(struct md_walk *walk, struct md_state *next)
{
	struct teller *teller = walk->arg;
	if (teller->is_found)
		return;
	md_state_normalize(next, renames_versions(teller->exploration));
	if (memcmp(next, teller->wanted, sizeof *next) != 0)
		return;
	teller->is_found = true;
	snprintf(teller->text, sizeof teller->text, "%-22s %s", md_step_texts[walk->step].name, walk->text);
}

static void tell_step(const struct md_exploration *exploration, uint32_t from, const struct md_state *to,
	int number, FILE *file)
{
	struct md_state state;
	struct teller teller = { .exploration = exploration, .wanted = to };
	struct md_walk walk = {
		.setup = &exploration->setup, .reached = on_told, .arg = &teller, .is_told = true
	};
	md_exploration_state(exploration, from, &state);
	md_walk_all(&walk, &state);
	fprintf(file, "  %2d  %s\n", number, teller.text);
}

void md_exploration_print(struct md_exploration *exploration, uint32_t to, FILE *file)
{
	uint32_t path[256];
	int count = 0;
	bool is_break = to == MD_NOBODY;
	for (uint32_t id = is_break ? exploration->broken_from : to; id != MD_NOBODY && count < 256;
		 id = exploration->parents[id])
		path[count++] = id;
	for (int i = count - 1, number = 1; i >= 0; i--, number++) {
		struct md_state next;
		if (i == 0 && !is_break)
			break;
		if (i == 0)
			next = exploration->broken;
		else
			md_exploration_state(exploration, path[i - 1], &next);
		tell_step(exploration, path[i], &next, number, file);
	}
}
