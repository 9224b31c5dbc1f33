/* SPDX-License-Identifier: Apache-2.0 */
/* window.c: skylines, one behind the other in time.
 *
 *   floor ── oldest ──┬── … ──┬── newest age │ staged n │ staged n+1
 *
 * Published writes go to the newest age; when that spans a second, it is closed and a new one begun. So:
 * - a query asks the staged batches, and ages from the newest back to the first that ends at or before the read
 *   version: most transactions are milliseconds old and ask one small tree. Older ones ask several, in step.
 * - raising the floor drops whole ages, and nothing is ever searched for what is old.
 * - a staged batch is a skyline of its own: to discard it is to forget it.
 * The price: up to an age more than asked for is kept, and a transaction as old as the floor asks all ages.
 */
#include "common/kv/window.h"

#include "common/kv/skyline.h"

#include <stdlib.h>

enum {
	STAGED_MAX = 2,
	AGES_MAX = 64,
	AGE_VERSIONS = 1000000, /* versions grow by about 1,000,000 a second */
	AGE_ENTRIES_MIN = 4096, /* a smaller age goes on: one more tree costs more than a deeper one */
	AGES_IN_LIMIT = 8,      /* an age that takes this part of the memory is closed as well */
};

struct part {
	struct vd_skyline skyline;
	uint64_t first; /* the oldest version in it, and the newest: */
	uint64_t version;
};

struct vd_window {
	struct vd_blocks blocks;
	size_t limit_bytes;
	uint64_t floor;
	uint64_t published; /* the newest version that was */
	struct part staged[STAGED_MAX];
	unsigned staged_count;
	/* A ring: the oldest age, and how many follow. At least one. */
	struct part ages[AGES_MAX];
	unsigned oldest;
	unsigned age_count;
	size_t entries; /* of the ages that are closed */
};

static struct part *age_at(const struct vd_window *window, unsigned i)
{
	return (struct part *)&window->ages[(window->oldest + i) % AGES_MAX];
}

static struct part *newest_age(const struct vd_window *window)
{
	return age_at(window, window->age_count - 1);
}

struct vd_window *vd_window_new(uint64_t floor, size_t limit_bytes)
{
	struct vd_window *window = calloc(1, sizeof *window);
	if (window == NULL) {
		return NULL;
	}
	vd_blocks_init(&window->blocks);
	for (unsigned i = 0; i < STAGED_MAX; i++) {
		vd_skyline_init(&window->staged[i].skyline, &window->blocks);
	}
	for (unsigned i = 0; i < AGES_MAX; i++) {
		vd_skyline_init(&window->ages[i].skyline, &window->blocks);
	}
	window->age_count = 1;
	window->limit_bytes = limit_bytes;
	window->floor = window->published = floor;
	return window;
}

/* Forgets the oldest age; the newest stays as an empty one. */
static void drop_oldest(struct vd_window *window)
{
	struct part *age = age_at(window, 0);
	if (window->age_count > 1) {
		window->entries -= age->skyline.entries;
		window->oldest = (window->oldest + 1) % AGES_MAX;
		window->age_count--;
	}
	vd_skyline_clear(&age->skyline);
}

static void drop_all(struct vd_window *window)
{
	while (window->age_count > 1) {
		drop_oldest(window);
	}
	drop_oldest(window);
}

static void drop_staged(struct vd_window *window)
{
	vd_skyline_clear(&window->staged[--window->staged_count].skyline);
}

void vd_window_reset(struct vd_window *window, uint64_t floor)
{
	VD_ASSERT(floor >= window->floor);
	while (window->staged_count > 0) {
		drop_staged(window);
	}
	drop_all(window);
	window->floor = window->published = floor;
}

void vd_window_free(struct vd_window *window)
{
	if (window == NULL) {
		return;
	}
	vd_window_reset(window, window->floor);
	vd_blocks_fini(&window->blocks);
	free(window);
}

uint64_t vd_window_query(const struct vd_window *window, struct vd_range range, uint64_t read_version)
{
	if (vd_range_is_empty(range)) {
		return 0;
	}
	const struct vd_skyline *asked[STAGED_MAX + AGES_MAX];
	unsigned count = 0;
	for (unsigned i = window->staged_count; i-- > 0;) {
		if (window->staged[i].version > read_version) {
			asked[count++] = &window->staged[i].skyline;
		}
	}
	for (unsigned i = window->age_count; i-- > 0 && age_at(window, i)->version > read_version;) {
		asked[count++] = &age_at(window, i)->skyline;
	}
	uint64_t found = vd_skyline_highest(asked, count, range, read_version);
	if (read_version < window->floor) {
		return found > window->floor ? found : window->floor;
	}
	return found > read_version ? found : 0;
}

bool vd_window_stage(struct vd_window *window, struct vd_range range, uint64_t version)
{
	unsigned count = window->staged_count;
	uint64_t last = count > 0 ? window->staged[count - 1].version : window->published;
	if (count == 0 || version != last) {
		VD_ASSERT(count < STAGED_MAX && version > last);
		window->staged[count].version = version;
		window->staged_count++;
	}
	return vd_range_is_empty(range) ||
		   vd_skyline_raise(&window->staged[window->staged_count - 1].skyline, range, version);
}

/* Begins a new age if the newest one is long or heavy enough. */
static struct part *age_to_write(struct vd_window *window, uint64_t version)
{
	struct part *age = newest_age(window);
	size_t entries = age->skyline.entries;
	bool is_long = entries >= AGE_ENTRIES_MIN && version - age->first >= AGE_VERSIONS;
	bool is_heavy = age->skyline.blocks * VD_BLOCK_BYTES >= window->limit_bytes / AGES_IN_LIMIT;
	if (entries > 0 && (is_long || is_heavy) && window->age_count < AGES_MAX) {
		window->entries += entries;
		window->age_count++;
		age = newest_age(window);
		VD_ASSERT(age->skyline.entries == 0);
	}
	age->first = age->skyline.entries == 0 ? version : age->first;
	age->version = version;
	return age;
}

void vd_window_publish(struct vd_window *window, uint64_t version)
{
	VD_ASSERT(version >= window->published);
	window->published = version;
	if (window->staged_count == 0 || window->staged[0].version > version) {
		return;
	}
	VD_ASSERT(window->staged[0].version == version);
	struct part *age = age_to_write(window, version);
	bool done = vd_skyline_merge(&age->skyline, &window->staged[0].skyline, version);
	struct part first = window->staged[0];
	window->staged[0] = window->staged[1];
	window->staged[1] = first;
	vd_skyline_clear(&window->staged[1].skyline);
	window->staged_count--;
	if (!done) {
		drop_all(window);
		window->floor = version;
	}
}

void vd_window_discard(struct vd_window *window, uint64_t version)
{
	while (window->staged_count > 0 && window->staged[window->staged_count - 1].version >= version) {
		drop_staged(window);
	}
}

void vd_window_raise_floor(struct vd_window *window, uint64_t version)
{
	if (version <= window->floor) {
		return;
	}
	VD_ASSERT(version <= window->published);
	window->floor = version;
	while (window->age_count > 1 && age_at(window, 0)->version <= version) {
		drop_oldest(window);
	}
	if (age_at(window, 0)->version <= version) {
		drop_oldest(window);
	}
}

uint64_t vd_window_floor(const struct vd_window *window)
{
	return window->floor;
}

uint64_t vd_window_proposed_floor(const struct vd_window *window)
{
	uint64_t floor = window->floor;
	size_t bytes = vd_window_bytes(window);
	for (unsigned i = 0; i < window->age_count && bytes > window->limit_bytes; i++) {
		const struct part *age = age_at(window, i);
		bytes -= age->skyline.blocks * VD_BLOCK_BYTES;
		floor = age->version > floor ? age->version : floor;
	}
	return floor;
}

size_t vd_window_bytes(const struct vd_window *window)
{
	return vd_blocks_used_bytes(&window->blocks);
}

size_t vd_window_entries(const struct vd_window *window)
{
	size_t entries = window->entries + newest_age(window)->skyline.entries;
	for (unsigned i = 0; i < window->staged_count; i++) {
		entries += window->staged[i].skyline.entries;
	}
	return entries;
}
