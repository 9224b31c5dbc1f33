/* SPDX-License-Identifier: Apache-2.0 */
/* window_rivals.c: the red-black tree and the list. */
#include "bench/micro/window_rivals.h"

#include <bsd/sys/tree.h>
#include <stdlib.h>

/* ---- A red-black tree of boundaries ------------------------------------------------------------------------------- */

struct step {
	RB_ENTRY(step) link;
	uint64_t version; /* of all keys from here to the next step */
	struct vd_bytes key;
	uint8_t data[];
};

RB_HEAD(steps, step);

static struct steps steps;
static size_t step_bytes;
static uint64_t swept;

static int compare_steps(struct step *a, struct step *b)
{
	return vd_bytes_compare(a->key, b->key);
}

RB_GENERATE_INTERNAL(steps, step, link, compare_steps, __attribute__((unused)) static)

static struct step *step_at_or_before(struct vd_bytes key, bool *is_at)
{
	struct step *found = NULL;
	struct step *step = RB_ROOT(&steps);
	*is_at = false;
	while (step != NULL) {
		int order = vd_bytes_compare(step->key, key);
		if (order == 0) {
			*is_at = true;
			return step;
		}
		found = order < 0 ? step : found;
		step = order < 0 ? RB_RIGHT(step, link) : RB_LEFT(step, link);
	}
	return found;
}

static struct step *step_make(struct vd_bytes key)
{
	bool is_at = false;
	struct step *before = step_at_or_before(key, &is_at);
	if (is_at) {
		return before;
	}
	struct step *step = malloc(sizeof *step + key.size);
	VD_ASSERT(step != NULL);
	memcpy(step->data, key.data, key.size);
	step->key = vd_bytes_of(step->data, key.size);
	step->version = before != NULL ? before->version : 0;
	step_bytes += sizeof *step + key.size + 16;
	RB_INSERT(steps, &steps, step);
	return step;
}

static void step_drop(struct step *step)
{
	step_bytes -= sizeof *step + step->key.size + 16;
	RB_REMOVE(steps, &steps, step);
	free(step);
}

static void tree_start(uint64_t floor)
{
	RB_INIT(&steps);
	step_bytes = 0;
	swept = floor;
}

static uint64_t tree_query(struct vd_range range, uint64_t read_version)
{
	bool is_at = false;
	uint64_t found = 0;
	struct step *step = step_at_or_before(range.begin, &is_at);
	step = step != NULL ? step : RB_MIN(steps, &steps);
	while (step != NULL && vd_bytes_less(step->key, range.end)) {
		found = step->version > found ? step->version : found;
		step = RB_NEXT(steps, &steps, step);
	}
	return found > read_version ? found : 0;
}

static void tree_write(struct vd_range range, uint64_t version)
{
	step_make(range.end);
	struct step *begin = step_make(range.begin);
	struct step *next = RB_NEXT(steps, &steps, begin);
	while (vd_bytes_less(next->key, range.end)) {
		struct step *gone = next;
		next = RB_NEXT(steps, &steps, next);
		step_drop(gone);
	}
	begin->version = version;
}

static void tree_end_batch(uint64_t version, uint64_t floor)
{
	(void)version;
	if (floor < swept + 500000) {
		return;
	}
	swept = floor;
	uint64_t before = 0;
	for (struct step *step = RB_MIN(steps, &steps), *next; step != NULL; step = next) {
		next = RB_NEXT(steps, &steps, step);
		uint64_t present = step->version > floor ? step->version : 0;
		if (present == before) {
			step_drop(step);
		} else {
			step->version = before = present;
		}
	}
}

static size_t tree_bytes(void)
{
	return step_bytes;
}

static void tree_stop(void)
{
	while (!RB_EMPTY(&steps)) {
		step_drop(RB_MIN(steps, &steps));
	}
}

const struct rival rival_tree = {
	"red-black tree",
	300000,
	tree_start,
	tree_query,
	tree_write,
	tree_end_batch,
	tree_bytes,
	tree_stop,
};

/* ---- A list of recent writes -------------------------------------------------------------------------------------- */

enum { LIST_MAX = 1 << 20 };

struct entry {
	struct vd_range range; /* borrowed: the benchmark's keys stay */
	uint64_t version;
};

static struct entry *entries;
static size_t entry_begin;
static size_t entry_end;

static void list_start(uint64_t floor)
{
	(void)floor;
	entries = calloc(LIST_MAX, sizeof *entries);
	VD_ASSERT(entries != NULL);
	entry_begin = entry_end = 0;
}

static uint64_t list_query(struct vd_range range, uint64_t read_version)
{
	for (size_t i = entry_end; i-- > entry_begin;) {
		const struct entry *entry = &entries[i % LIST_MAX];
		if (entry->version <= read_version) {
			return 0;
		}
		if (vd_range_meets(entry->range, range)) {
			return entry->version;
		}
	}
	return 0;
}

static void list_write(struct vd_range range, uint64_t version)
{
	VD_ASSERT(entry_end - entry_begin < LIST_MAX);
	entries[entry_end++ % LIST_MAX] = (struct entry){ range, version };
}

static void list_end_batch(uint64_t version, uint64_t floor)
{
	(void)version;
	while (entry_begin < entry_end && entries[entry_begin % LIST_MAX].version <= floor) {
		entry_begin++;
	}
}

static size_t list_bytes(void)
{
	return (entry_end - entry_begin) * sizeof *entries;
}

static void list_stop(void)
{
	free(entries);
}

const struct rival rival_list = {
	"list",
	300,
	list_start,
	list_query,
	list_write,
	list_end_batch,
	list_bytes,
	list_stop,
};
