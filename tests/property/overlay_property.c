/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_property.c: the leader's fold says what serial application does.
 *
 * Two batches at most are under way, each an overlay with an arena of its own, the later one over the earlier. Mutations
 * go into the latest overlay and, one by one, into a plain store. Bases are read from the stored rows, at once or
 * late. At any moment a read through the overlays must show the plain store; when a batch commits, its write set is
 * applied to the stored rows, which must then be what the plain store was at the end of that batch. A batch may also fail,
 * and the one over it with it.
 */
#include "common/kv/overlay.h"
#include "tests/property/naive.h"
#include "tests/property/property.h"

enum { VALUE_LIMIT = 20, KEYS_MAX = 24 };

struct batch {
	struct vd_arena arena;
	struct vd_overlay *overlay;
	struct naive end; /* what the store should be after it, once the next one was begun */
};

static struct world {
	struct vd_bytes keys[KEYS_MAX];
	size_t key_count;
	struct naive stored;
	struct naive serial;
	struct batch *batches[2]; /* overlays know their arena by its address: they stay where they are */
	struct batch pool[2];
	unsigned batch_count; /* at least one */
} world;

static struct batch *latest(void)
{
	return world.batches[world.batch_count - 1];
}

static void open_batch(void)
{
	struct vd_overlay *below = world.batch_count > 0 ? latest()->overlay : NULL;
	struct batch *batch =
		world.batch_count > 0 && latest() == &world.pool[0] ? &world.pool[1] : &world.pool[0];
	world.batches[world.batch_count++] = batch;
	vd_arena_init(&batch->arena, (size_t)64 << 20);
	batch->overlay = vd_overlay_new(&batch->arena, below, VALUE_LIMIT);
	VD_ASSERT(batch->overlay != NULL);
}

static struct vd_bytes draw_key(struct property_case *c)
{
	return world.keys[property_below(c, (unsigned)world.key_count)];
}

static bool supply(struct batch *batch, struct vd_bytes key)
{
	return vd_overlay_set_base(batch->overlay, key, naive_get(&world.stored, key));
}

/* No op waits any longer. */
static void supply_all(struct batch *batch)
{
	for (size_t i = 0; i < world.key_count; i++) {
		if (vd_overlay_get(batch->overlay, world.keys[i]).state == VD_OVERLAY_PENDING) {
			VD_ASSERT(supply(batch, world.keys[i]));
		}
	}
}

static bool step_mutate(struct property_case *c, bool is_run)
{
	static const uint32_t ops[] = { VD_OP_SET, VD_OP_SET, VD_OP_CLEAR, VD_OP_CLEAR, VD_OP_CLEAR_RANGE,
		VD_OP_CLEAR_RANGE, VD_OP_ADD, VD_OP_BIT_AND, VD_OP_BIT_OR, VD_OP_BIT_XOR, VD_OP_APPEND_IF_FITS,
		VD_OP_APPEND_IF_FITS, VD_OP_MAX, VD_OP_MIN, VD_OP_BYTE_MIN, VD_OP_BYTE_MAX, VD_OP_COMPARE_AND_CLEAR,
		VD_OP_COMPARE_AND_CLEAR };
	struct vd_mutation m = { .op = ops[property_below(c, VD_COUNT(ops))], .key = draw_key(c) };
	bool is_wanted = property_chance(c, 70);
	bool is_supplied = property_chance(c, 60);
	bool is_equal = property_chance(c, 50);
	m.value = m.op == VD_OP_CLEAR_RANGE ? draw_key(c) : property_value(c, 5);
	if (m.op == VD_OP_CLEAR) {
		m.value = VD_BYTES("");
	}
	if (!is_run) {
		return true;
	}
	const struct vd_bytes *present = naive_get(&world.serial, m.key);
	if (m.op == VD_OP_COMPARE_AND_CLEAR && is_equal && present != NULL) {
		m.value = *present;
	}
	const struct vd_bytes *stored = naive_get(&world.stored, m.key);
	if (m.op == VD_OP_SET && is_equal && stored != NULL) {
		m.value = *stored; /* nothing is left to do then, or all of it: it depends on what came before */
	}
	property_tell(c, "%s %s %s", vd_op_name(m.op), property_show(m.key), property_show(m.value));
	bool is_new = false;
	if (vd_op_needs_base(m.op) && is_wanted) {
		VD_ASSERT(vd_overlay_want_base(latest()->overlay, m.key, &is_new));
		bool again = true;
		VD_ASSERT(vd_overlay_want_base(latest()->overlay, m.key, &again));
		if (again) {
			return property_fail(c, "the base of %s is wanted twice", property_show(m.key));
		}
	}
	if (is_new && is_supplied) {
		property_tell(
			c, "base of %s: %s", property_show(m.key), naive_get(&world.stored, m.key) ? "some" : "none");
		VD_ASSERT(supply(latest(), m.key));
	}
	naive_apply(&world.serial, &c->arena, &m, VALUE_LIMIT);
	VD_ASSERT(vd_overlay_apply(latest()->overlay, &m, 0));
	return true;
}

static bool is_right(struct vd_overlay_view view, struct vd_bytes key)
{
	const struct vd_bytes *expected = naive_get(&world.serial, key);
	const struct vd_bytes *stored = naive_get(&world.stored, key);
	if (view.is_unreadable) {
		return false;
	}
	switch (view.state) {
	case VD_OVERLAY_PRESENT:
		return expected != NULL && vd_bytes_equal(view.value, *expected);
	case VD_OVERLAY_ABSENT:
		return expected == NULL;
	case VD_OVERLAY_UNKNOWN:
		return expected == NULL ? stored == NULL : stored != NULL && vd_bytes_equal(*stored, *expected);
	default:
		return false;
	}
}

static bool step_read(struct property_case *c, bool is_run)
{
	struct vd_bytes key = draw_key(c);
	bool is_supplied = property_chance(c, 40);
	if (!is_run) {
		return true;
	}
	struct vd_overlay_view view = vd_overlay_get(latest()->overlay, key);
	property_tell(c, "get %s", property_show(key));
	/* A base may come at any time, but not where the batch below has another opinion of what is stored. */
	if (view.state == VD_OVERLAY_PENDING || (is_supplied && world.batch_count == 1)) {
		property_tell(c, "base of it");
		VD_ASSERT(supply(latest(), key));
		view = vd_overlay_get(latest()->overlay, key);
	}
	if (!is_right(view, key)) {
		return property_fail(
			c, "get %s: state %d, %s", property_show(key), view.state, property_show(view.value));
	}
	return true;
}

/* All pieces of a range in one direction; checks that they are gapless and that each key of the world is right. */
static bool walk(struct property_case *c, struct vd_range range, bool is_reverse, unsigned *pieces)
{
	struct vd_overlay_cursor cursor = vd_overlay_cursor_of(latest()->overlay, range, is_reverse);
	struct vd_overlay_piece piece;
	struct vd_range rest = range;
	while (vd_overlay_cursor_next(&cursor, &piece)) {
		(*pieces)++;
		bool meets = is_reverse ? vd_bytes_equal(piece.range.end, rest.end)
								: vd_bytes_equal(piece.range.begin, rest.begin);
		if (!meets || vd_range_is_empty(piece.range)) {
			return property_fail(c, "piece %s %s of %s %s", property_show(piece.range.begin),
				property_show(piece.range.end), property_show(rest.begin), property_show(rest.end));
		}
		*(is_reverse ? &rest.end : &rest.begin) = is_reverse ? piece.range.begin : piece.range.end;
		for (size_t i = 0; i < world.key_count; i++) {
			struct vd_bytes key = world.keys[i];
			if (!vd_range_has(piece.range, key)) {
				continue;
			}
			struct vd_overlay_view view = piece.view;
			if (view.state == VD_OVERLAY_PENDING) {
				VD_ASSERT(supply(latest(), key));
				view = vd_overlay_get(latest()->overlay, key);
			}
			if (!is_right(view, key)) {
				return property_fail(c, "walk at %s: state %d", property_show(key), view.state);
			}
		}
	}
	return vd_range_is_empty(rest) || property_fail(c, "the walk leaves out %s", property_show(rest.begin));
}

static bool step_walk(struct property_case *c, bool is_run)
{
	struct vd_range range = vd_range_of(draw_key(c), draw_key(c));
	unsigned forward = 0;
	unsigned backward = 0;
	if (!is_run || world.batch_count > 1) { /* a cursor sees one overlay alone */
		return true;
	}
	property_tell(c, "walk %s %s", property_show(range.begin), property_show(range.end));
	if (vd_range_is_empty(range)) {
		range.end = range.begin;
	}
	if (!walk(c, range, false, &forward)) { /* supplies what is pending, which may join pieces */
		return false;
	}
	forward = 0;
	if (!walk(c, range, false, &forward) || !walk(c, range, true, &backward)) {
		return false;
	}
	return forward == backward || property_fail(c, "%u pieces forward, %u backward", forward, backward);
}

/* The order that the header promises. */
static const char *objection_to(const struct vd_write_set *set)
{
	size_t bytes = 0;
	for (size_t i = 0; i < set->range_count; i++) {
		bytes += set->ranges[i].begin.size + set->ranges[i].end.size;
		if (vd_range_is_empty(set->ranges[i])) {
			return "an empty range";
		}
		if (i > 0 && vd_bytes_compare(set->ranges[i - 1].end, set->ranges[i].begin) >= 0) {
			return "ranges out of order, or touching";
		}
	}
	for (size_t i = 0; i < set->delete_count; i++) {
		bytes += set->deletes[i].size;
		if (i > 0 && vd_bytes_compare(set->deletes[i - 1], set->deletes[i]) >= 0) {
			return "deletes out of order";
		}
		for (size_t k = 0; k < set->range_count; k++) {
			if (vd_range_has(set->ranges[k], set->deletes[i])) {
				return "a delete in a range";
			}
		}
		for (size_t k = 0; k < set->upsert_count; k++) {
			if (vd_bytes_equal(set->upserts[k].key, set->deletes[i])) {
				return "a delete of an upsert";
			}
		}
	}
	for (size_t i = 0; i < set->upsert_count; i++) {
		bytes += set->upserts[i].key.size + set->upserts[i].value.size;
		if (i > 0 && vd_bytes_compare(set->upserts[i - 1].key, set->upserts[i].key) >= 0) {
			return "upserts out of order";
		}
	}
	return bytes == set->bytes ? NULL : "bytes counted wrong";
}

static bool commit_oldest(struct property_case *c)
{
	struct batch *batch = world.batches[0];
	struct vd_write_set set;
	supply_all(batch);
	VD_ASSERT(vd_overlay_write_set(batch->overlay, &batch->arena, &set));
	const char *objection = objection_to(&set);
	if (objection != NULL) {
		return property_fail(c, "the write set has %s", objection);
	}
	for (size_t i = 0; i < set.range_count; i++) {
		naive_clear(&world.stored, set.ranges[i]);
	}
	for (size_t i = 0; i < set.delete_count; i++) {
		struct vd_mutation clear = { .op = VD_OP_CLEAR, .key = set.deletes[i] };
		naive_apply(&world.stored, &c->arena, &clear, VALUE_LIMIT);
	}
	for (size_t i = 0; i < set.upsert_count; i++) {
		struct vd_bytes key;
		struct vd_bytes value;
		VD_ASSERT(vd_bytes_dup(&c->arena, set.upserts[i].key, &key) &&
				  vd_bytes_dup(&c->arena, set.upserts[i].value, &value));
		naive_set(&world.stored, key, value);
	}
	const struct naive *expected = world.batch_count > 1 ? &batch->end : &world.serial;
	if (!naive_equal(&world.stored, expected)) {
		return property_fail(c, "the write set makes another store (%zu ranges, %zu deletes, %zu upserts)",
			set.range_count, set.delete_count, set.upsert_count);
	}
	return true;
}

static bool step_settle(struct property_case *c, bool is_run)
{
	bool is_committed = property_chance(c, 75);
	bool is_detached_early = property_chance(c, 50);
	if (!is_run) {
		return true;
	}
	property_tell(c, is_committed ? "commit" : "fail");
	if (!is_committed) {
		world.serial = world.stored;
		while (world.batch_count > 0) {
			vd_arena_fini(&world.batches[--world.batch_count]->arena);
		}
		open_batch();
		return true;
	}
	if (world.batch_count > 1 && is_detached_early) {
		supply_all(world.batches[1]); /* folded: what is below may go */
		vd_overlay_detach(world.batches[1]->overlay);
	}
	if (!commit_oldest(c)) {
		return false;
	}
	if (world.batch_count == 1) {
		vd_arena_fini(&world.batches[--world.batch_count]->arena);
		open_batch();
		return true;
	}
	vd_overlay_detach(world.batches[1]->overlay);
	vd_arena_fini(&world.batches[0]->arena);
	world.batches[0] = world.batches[1];
	world.batch_count = 1;
	return true;
}

static void step_next_batch(struct property_case *c, bool is_run)
{
	if (!is_run || world.batch_count == 2) {
		return;
	}
	property_tell(c, "next batch, over this one");
	supply_all(latest());
	latest()->end = world.serial;
	open_batch();
}

static void make_world(struct property_case *c)
{
	unsigned kinds = 2 + property_below(c, 5);
	world.key_count = 2 + property_below(c, KEYS_MAX - 2);
	for (size_t i = 0; i < world.key_count; i++) {
		world.keys[i] = property_key(c, kinds);
		if (i > 0 && property_chance(c, 20)) { /* directly behind another one */
			VD_ASSERT(vd_bytes_successor(&c->arena, world.keys[i - 1], &world.keys[i]));
		}
	}
	world.stored.count = 0;
	for (size_t i = 0; i < world.key_count; i++) {
		struct vd_bytes value = property_value(c, 6);
		if (property_chance(c, 50)) {
			naive_set(&world.stored, world.keys[i], value);
		}
	}
	world.serial = world.stored;
	world.batch_count = 0;
	open_batch();
}

static bool check(struct property_case *c)
{
	bool holds = true;
	make_world(c);
	for (unsigned i = 0; i < c->steps && holds; i++) {
		unsigned kind = property_below(c, 100);
		bool is_run = property_step(c, i);
		if (kind < 55) {
			holds = step_mutate(c, is_run);
		} else if (kind < 75) {
			holds = step_read(c, is_run);
		} else if (kind < 85) {
			holds = step_walk(c, is_run);
		} else if (kind < 92) {
			step_next_batch(c, is_run);
		} else {
			holds = step_settle(c, is_run);
		}
	}
	if (holds && world.batch_count == 1) {
		property_tell(c, "commit at the end");
		holds = commit_oldest(c);
	}
	while (world.batch_count > 0) {
		vd_arena_fini(&world.batches[--world.batch_count]->arena);
	}
	return holds;
}

int main(void)
{
	return property_run("overlay", check, 400);
}
