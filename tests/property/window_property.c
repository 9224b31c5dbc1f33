/* SPDX-License-Identifier: Apache-2.0 */
/* window_property.c: the window answers as a plain list of all writes does.
 *
 * The list holds (range, version, staged or published); a query walks all of it. Steps: stage points, ranges
 * and bulks in up to two batches, publish, discard, raise the floor, reset, and ask.
 */
#include "common/kv/window.h"
#include "tests/property/property.h"

enum { WRITES_MAX = 200000 };

struct write {
	struct vd_range range;
	uint64_t version;
};

static struct write writes[WRITES_MAX];

struct model {
	size_t count;
	uint64_t floor;
	uint64_t published;
	uint64_t next; /* a version that was never used */
	uint64_t batches[2];
	unsigned batch_count;
	unsigned kinds;
	unsigned bulk; /* how many ranges a step may stage */
	struct vd_window *window;
};

static uint64_t naive_query(const struct model *model, struct vd_range range, uint64_t read_version)
{
	uint64_t newest = 0;
	if (vd_bytes_compare(range.begin, range.end) >= 0) {
		return 0;
	}
	for (size_t i = 0; i < model->count; i++) {
		const struct write *w = &writes[i];
		if (w->version > newest && vd_bytes_compare(w->range.begin, range.end) < 0 &&
			vd_bytes_compare(range.begin, w->range.end) < 0) {
			newest = w->version;
		}
	}
	if (read_version < model->floor && newest < model->floor) {
		newest = model->floor;
	}
	return newest > read_version ? newest : 0;
}

static void forget_above(struct model *model, uint64_t version)
{
	while (model->count > 0 && writes[model->count - 1].version > version) {
		model->count--;
	}
}

static struct vd_range draw_range(struct property_case *c, unsigned kinds, unsigned shapes)
{
	struct vd_bytes a = property_key(c, kinds);
	struct vd_bytes b = property_key(c, kinds);
	struct vd_range range;
	unsigned shape = property_below(c, shapes);
	if (shape < 5) { /* one key */
		VD_ASSERT(vd_range_of_key(&c->arena, a, &range));
		return range;
	}
	range = vd_range_of(vd_bytes_min(a, b), vd_bytes_max(a, b));
	struct vd_range key;
	if (shape == 5) { /* up to and with a key */
		VD_ASSERT(vd_range_of_key(&c->arena, range.end, &key));
		range.end = key.end;
	} else if (shape == 6) { /* from behind a key */
		VD_ASSERT(vd_range_of_key(&c->arena, range.begin, &key));
		range.begin = key.end;
	} else if (shape == 7) { /* wide */
		range.begin = VD_BYTES("");
	}
	return range;
}

static bool stage(struct property_case *c, struct model *model, struct vd_range range, uint64_t version)
{
	property_tell(c, "stage %s %s at %llu", property_show(range.begin), property_show(range.end),
		(unsigned long long)version);
	if (!vd_window_stage(model->window, range, version)) {
		return property_fail(c, "stage says that there is no memory");
	}
	if (!vd_range_is_empty(range) && model->count < WRITES_MAX) {
		writes[model->count++] = (struct write){ range, version };
	}
	return true;
}

static bool step_stage(struct property_case *c, struct model *model, bool is_run)
{
	bool is_new = model->batch_count == 0 || (model->batch_count < 2 && property_chance(c, 30));
	unsigned count = property_chance(c, 20) ? 1 + property_below(c, model->bulk) : 1;
	for (unsigned i = 0; i < count; i++) {
		/* A bulk has single keys only: many ranges would lift everything, and hide what they hide. */
		struct vd_range range = draw_range(c, model->kinds, count > 1 ? 5 : 10);
		if (!is_run) {
			continue;
		}
		if (is_new && i == 0) {
			model->batches[model->batch_count++] = model->next;
			model->next += 3;
		}
		if (!stage(c, model, range, model->batches[model->batch_count - 1])) {
			return false;
		}
	}
	return true;
}

static void step_settle(struct property_case *c, struct model *model, bool is_run)
{
	bool is_published = property_chance(c, 65);
	unsigned which = property_below(c, 2);
	if (!is_run || model->batch_count == 0) {
		return;
	}
	if (is_published) {
		uint64_t version = model->batches[0];
		property_tell(c, "publish %llu", (unsigned long long)version);
		vd_window_publish(model->window, version);
		model->published = version;
		model->batches[0] = model->batches[1];
		model->batch_count--;
		return;
	}
	which = which < model->batch_count ? which : 0;
	uint64_t version = model->batches[which];
	property_tell(c, "discard %llu", (unsigned long long)version);
	vd_window_discard(model->window, version);
	model->batch_count = which;
	forget_above(model, version - 1);
}

static void step_floor(struct property_case *c, struct model *model, bool is_run)
{
	bool is_proposed = property_chance(c, 30);
	bool is_reset = property_chance(c, 5);
	uint64_t back = property_below(c, 40);
	uint64_t version = model->published > back ? model->published - back : 0;
	if (!is_run) {
		return;
	}
	if (is_reset) {
		property_tell(c, "reset to %llu", (unsigned long long)model->next);
		vd_window_reset(model->window, model->next);
		model->floor = model->published = model->next++;
		model->batch_count = 0;
		model->count = 0;
		return;
	}
	if (is_proposed) {
		version = vd_window_proposed_floor(model->window);
	}
	property_tell(c, "raise floor to %llu", (unsigned long long)version);
	vd_window_raise_floor(model->window, version);
	model->floor = version > model->floor ? version : model->floor;
}

static bool step_query(struct property_case *c, struct model *model, bool is_run)
{
	struct vd_range range = draw_range(c, model->kinds, 10);
	uint64_t back = property_below(c, 60);
	uint64_t read_version = model->next > back ? model->next - back : 0;
	if (!is_run) {
		return true;
	}
	uint64_t expected = naive_query(model, range, read_version);
	uint64_t got = vd_window_query(model->window, range, read_version);
	if (got != expected) {
		property_tell(c, "query %s %s at %llu", property_show(range.begin), property_show(range.end),
			(unsigned long long)read_version);
		return property_fail(
			c, "query: %llu instead of %llu", (unsigned long long)got, (unsigned long long)expected);
	}
	return true;
}

static bool check(struct property_case *c)
{
	static const size_t limits[] = { SIZE_MAX, 0, (size_t)1 << 20, (size_t)4 << 20 };
	struct model model = { .floor = 5, .published = 5, .next = 10 };
	model.kinds = 2 + property_below(c, 7);
	model.bulk = property_chance(c, 10) ? 600 : 30; /* the larger ones make trees of three levels */
	model.window = vd_window_new(model.floor, limits[property_below(c, VD_COUNT(limits))]);
	VD_ASSERT(model.window != NULL);
	bool is_right = true;
	for (unsigned i = 0; i < c->steps && is_right; i++) {
		unsigned kind = property_below(c, 100);
		bool is_run = property_step(c, i);
		if (kind < 35) {
			is_right = step_stage(c, &model, is_run);
		} else if (kind < 50) {
			step_settle(c, &model, is_run);
		} else if (kind < 55) {
			step_floor(c, &model, is_run);
		} else {
			is_right = step_query(c, &model, is_run);
		}
		if (is_right && vd_window_floor(model.window) != model.floor) {
			is_right = property_fail(c, "floor: %llu instead of %llu",
				(unsigned long long)vd_window_floor(model.window), (unsigned long long)model.floor);
		}
	}
	vd_window_free(model.window);
	return is_right;
}

int main(void)
{
	return property_run("window", check, 600);
}
