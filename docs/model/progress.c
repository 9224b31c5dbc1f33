/* SPDX-License-Identifier: Apache-2.0 */
/* progress.c: does each request reach a verdict once nothing goes wrong any more?
 *
 * Over all that is reached, and the steps that are no faults: (1) from each state one is reached in which no request is
 * open; (2) there is no way to go on for ever with a request open that is fair: a fair step that could be made all the time
 * is made. Tarjan's strongly connected components give both: they come in reverse order of what follows what.
 */
#include "docs/model/explore.h"

#include <stdlib.h>
#include <string.h>

enum { CLASSES = MD_STEP_COUNT * 8, WORDS = (CLASSES + 63) / 64 };

struct classes {
	uint64_t bits[WORDS];
};

struct search {
	struct md_exploration *exploration;
	uint32_t *number, *low, *component; /* of each state; 0: not yet */
	uint32_t *path, *next_link;         /* the path that is walked, and how far each of its states is */
	uint32_t *stack;
	size_t path_count, stack_count;
	uint32_t numbered, components;
	uint8_t *reaches; /* of each component: the goal */
	bool is_over;
};

static bool is_fair(uint16_t class)
{
	return md_step_texts[class / 8].nature == MD_FAIR;
}

static bool is_goal(const struct md_exploration *exploration, uint32_t id)
{
	struct md_state state;
	md_exploration_state(exploration, id, &state);
	for (int r = 0; r < MD_REQUESTS; r++)
		if (state.request[r].stage == MD_ASKED)
			return false;
	return true;
}

static void found(struct search *search, uint32_t id, const char *what)
{
	struct md_exploration *exploration = search->exploration;
	search->is_over = true;
	exploration->breach = MD_PROGRESS;
	snprintf(exploration->breach_text, sizeof exploration->breach_text, "%s", what);
	exploration->broken_from = exploration->parents[id];
	md_exploration_state(exploration, id, &exploration->broken);
}

/* A component in which no state is a goal: may one stay in it for ever, and be fair? */
static bool may_stay(const struct search *search, const uint32_t *members, size_t count, uint32_t component)
{
	const struct md_exploration *exploration = search->exploration;
	struct classes always, made = { { 0 } };
	memset(&always, 0xff, sizeof always);
	for (size_t i = 0; i < count; i++) {
		struct classes enabled = { { 0 } };
		for (uint32_t k = exploration->first_link[members[i]]; k < exploration->first_link[members[i] + 1];
			 k++) {
			const struct md_edge *edge = &exploration->links[k];
			if (!is_fair(edge->class))
				continue;
			enabled.bits[edge->class / 64] |= (uint64_t)1 << edge->class % 64;
			if (search->component[edge->to] == component)
				made.bits[edge->class / 64] |= (uint64_t)1 << edge->class % 64;
		}
		for (int w = 0; w < WORDS; w++)
			always.bits[w] &= enabled.bits[w];
	}
	for (int w = 0; w < WORDS; w++)
		if (always.bits[w] & ~made.bits[w])
			return false;
	return true;
}

static void judge(struct search *search, const uint32_t *members, size_t count, uint32_t component)
{
	const struct md_exploration *exploration = search->exploration;
	bool reaches = false, has_goal = false;
	for (size_t i = 0; i < count; i++) {
		has_goal |= is_goal(exploration, members[i]);
		for (uint32_t k = exploration->first_link[members[i]]; k < exploration->first_link[members[i] + 1];
			 k++) {
			uint32_t to = search->component[exploration->links[k].to];
			reaches |= to != component && search->reaches[to];
		}
	}
	reaches |= has_goal;
	search->reaches[component] = reaches;
	if (!reaches)
		found(search, members[0], "from here no verdict can be reached without a fault");
	else if (!has_goal && may_stay(search, members, count, component))
		found(search, members[0],
			count > 1 ? "a loop goes through here, is fair to everybody, and a request stays open"
					  : "here everybody waits, and a request stays open");
}

static void enter(struct search *search, uint32_t id)
{
	search->number[id] = search->low[id] = ++search->numbered;
	search->stack[search->stack_count++] = id;
	search->path[search->path_count] = id;
	search->next_link[search->path_count++] = search->exploration->first_link[id];
}

static void leave(struct search *search, uint32_t id)
{
	search->path_count--;
	if (search->path_count > 0) {
		uint32_t before = search->path[search->path_count - 1];
		if (search->low[id] < search->low[before])
			search->low[before] = search->low[id];
	}
	if (search->low[id] != search->number[id])
		return;
	size_t begin = search->stack_count;
	uint32_t component = ++search->components;
	do
		search->component[search->stack[--begin]] = component;
	while (search->stack[begin] != id);
	judge(search, search->stack + begin, search->stack_count - begin, component);
	search->stack_count = begin;
}

static void walk_from(struct search *search, uint32_t root)
{
	const struct md_exploration *exploration = search->exploration;
	enter(search, root);
	while (search->path_count > 0 && !search->is_over) {
		uint32_t id = search->path[search->path_count - 1];
		uint32_t *link = &search->next_link[search->path_count - 1];
		if (*link == exploration->first_link[id + 1]) {
			leave(search, id);
			continue;
		}
		uint32_t to = exploration->links[(*link)++].to;
		if (search->number[to] == 0)
			enter(search, to);
		else if (search->component[to] == 0 && search->number[to] < search->low[id])
			search->low[id] = search->number[to];
	}
}

static uint32_t *array_of(size_t count)
{
	uint32_t *array = calloc(count, sizeof *array);
	if (array == NULL)
		abort();
	return array;
}

void md_progress(struct md_exploration *exploration)
{
	size_t count = exploration->states;
	struct search search = { .exploration = exploration,
		.number = array_of(count),
		.low = array_of(count),
		.component = array_of(count),
		.path = array_of(count),
		.next_link = array_of(count),
		.stack = array_of(count),
		.reaches = (uint8_t *)array_of(count / 4 + 2) };
	for (uint32_t id = 0; id < count && !search.is_over; id++)
		if (search.number[id] == 0)
			walk_from(&search, id);
	free(search.number);
	free(search.low);
	free(search.component);
	free(search.path);
	free(search.next_link);
	free(search.stack);
	free(search.reaches);
}
