/* SPDX-License-Identifier: Apache-2.0 */
/* overlay_worker_property.c: a transaction reads its own writes, and knows what it may not read.
 *
 * One overlay, mutations of every kind, also stamped ones. For any key, at any moment: the value is that of a plain store
 * (where a stamped or sequenced mutation is a set with its stamp and number not filled in, under the first key that it may
 * become); it is unreadable if the last of all stamps, numbers and clears that met it was no clear; and it is the transaction's own if it was ever set or cleared.
 */
#include "common/base/endian.h"
#include "common/kv/overlay.h"
#include "common/kv/sequence.h"
#include "tests/property/naive.h"
#include "tests/property/property.h"

enum { VALUE_LIMIT = 20, KEYS_MAX = 40, EVENTS_MAX = 1200, LEAST_VERSION = 1000 };

struct event {
	struct vd_range range;
	bool hides;
	bool clears;
	bool owns;
};

static struct world {
	struct vd_bytes keys[KEYS_MAX];
	size_t key_count;
	struct vd_bytes stamped[4];
	struct naive stored;
	struct naive serial;
	struct event events[EVENTS_MAX];
	size_t event_count;
	struct vd_overlay *overlay;
} world;

#define COUNTER VD_BYTES("\xff/counter/c")

static struct vd_bytes draw_key(struct property_case *c)
{
	return world.keys[property_below(c, (unsigned)world.key_count)];
}

/* A few keys with a place for a stamp, and what becomes of them before, at, and after the least version. */
static void make_stamped(struct property_case *c, unsigned which)
{
	struct vd_bytes before = property_key(c, 3);
	struct vd_bytes after = property_key(c, 3);
	uint8_t *bytes = vd_arena_alloc_bytes(&c->arena, before.size + after.size + 14);
	VD_ASSERT(bytes != NULL);
	memcpy(bytes, before.data, before.size);
	memset(bytes + before.size, 0x55, VD_STAMP_BYTES);
	memcpy(bytes + before.size + 10, after.data, after.size);
	vd_store_le32(bytes + before.size + 10 + after.size, (uint32_t)before.size);
	world.stamped[which] = vd_bytes_of(bytes, before.size + after.size + 14);
	static const uint64_t versions[] = { LEAST_VERSION - 1, LEAST_VERSION, LEAST_VERSION + 1, UINT64_MAX };
	for (size_t i = 0; i < VD_COUNT(versions); i++) {
		struct vd_stamp stamp = { versions[i], (uint16_t)(versions[i] == LEAST_VERSION ? 0 : 65535) };
		VD_ASSERT(vd_stamp_place(&c->arena, world.stamped[which], stamp, &world.keys[world.key_count++]));
	}
}

static void make_world(struct property_case *c)
{
	unsigned kinds = 2 + property_below(c, 3);
	world.key_count = world.event_count = world.stored.count = 0;
	for (unsigned i = 0; i < VD_COUNT(world.stamped); i++) {
		make_stamped(c, i);
	}
	world.keys[world.key_count++] = COUNTER;
	struct vd_range sequenced;
	VD_ASSERT(vd_sequenced_range(&c->arena, property_key(c, kinds), &sequenced));
	world.keys[world.key_count++] = sequenced.begin;
	world.keys[world.key_count++] = sequenced.end;
	while (world.key_count < KEYS_MAX) {
		world.keys[world.key_count++] = property_key(c, kinds);
	}
	for (size_t i = 0; i < world.key_count; i++) {
		if (property_chance(c, 50)) {
			naive_set(&world.stored, world.keys[i], property_value(c, 6));
		}
	}
	world.serial = world.stored;
	world.overlay = vd_overlay_new(&c->arena, NULL, VALUE_LIMIT);
	VD_ASSERT(world.overlay != NULL);
}

static void note(struct vd_range range, bool hides, bool clears, bool owns)
{
	VD_ASSERT(world.event_count < EVENTS_MAX);
	world.events[world.event_count++] = (struct event){ range, hides, clears, owns };
}

static struct vd_mutation draw_mutation(struct property_case *c)
{
	static const uint32_t ops[] = { VD_OP_SET, VD_OP_CLEAR, VD_OP_CLEAR_RANGE, VD_OP_ADD,
		VD_OP_APPEND_IF_FITS, VD_OP_COMPARE_AND_CLEAR, VD_OP_BYTE_MAX, VD_OP_SET_VERSIONSTAMPED_KEY,
		VD_OP_SET_VERSIONSTAMPED_VALUE, VD_OP_SET_SEQUENCED_KEY, VD_OP_SET_SEQUENCED_VALUE };
	struct vd_mutation m = { .op = ops[property_below(c, VD_COUNT(ops))], .key = draw_key(c) };
	while (vd_counter_is(m.key)) { /* no mutation is about it */
		m.key = draw_key(c);
	}
	struct vd_bytes other = draw_key(c);
	unsigned which = property_below(c, VD_COUNT(world.stamped));
	m.value = property_value(c, 5);
	if (m.op == VD_OP_CLEAR_RANGE) {
		m.value = other;
	} else if (m.op == VD_OP_CLEAR) {
		m.value = VD_BYTES("");
	} else if (m.op == VD_OP_SET_VERSIONSTAMPED_KEY) {
		m.key = world.stamped[which];
	} else if (m.op == VD_OP_SET_VERSIONSTAMPED_VALUE) {
		m.value = world.stamped[which];
	} else if (m.op == VD_OP_SET_SEQUENCED_KEY) {
		m.counter = COUNTER;
		m.is_stamped = property_chance(c, 30);
		m.value = m.is_stamped ? world.stamped[which] : m.value;
	} else if (m.op == VD_OP_SET_SEQUENCED_VALUE) {
		m.counter = COUNTER;
		m.is_stamped = property_chance(c, 50);
		m.key = m.is_stamped ? world.stamped[which] : m.key;
		m.value = world.stamped[property_below(c, VD_COUNT(world.stamped))];
	}
	return m;
}

/* What a sequenced mutation hides, and the plain set or stamped one that it is else. */
static void take_note_of_sequenced(struct property_case *c, struct vd_mutation *m)
{
	struct vd_range range;
	if (m->counter.size == 0) {
		return;
	}
	VD_ASSERT(vd_range_of_key(&c->arena, m->counter, &range));
	note(range, true, false, false);
	m->counter = VD_BYTES("");
	if (m->op == VD_OP_SET_SEQUENCED_VALUE) {
		m->value.size -= VD_STAMP_OFFSET_BYTES;
		m->op = m->is_stamped ? VD_OP_SET_VERSIONSTAMPED_KEY : VD_OP_SET;
		VD_ASSERT(vd_range_of_key(&c->arena, m->key, &range));
		note(range, !m->is_stamped, false, false);
		return;
	}
	VD_ASSERT(vd_sequenced_range(&c->arena, m->key, &range));
	note(range, true, false, false);
	m->op = VD_OP_SET;
	m->key = range.begin;
	m->value.size -= m->is_stamped ? VD_STAMP_OFFSET_BYTES : 0;
}

/* The mutation as a plain reader sees it, and what it means for those who may read. */
static struct vd_mutation take_note(struct property_case *c, const struct vd_mutation *m)
{
	struct vd_mutation plain = *m;
	struct vd_stamp least = { .version = LEAST_VERSION };
	struct vd_range key;
	if (m->op == VD_OP_SET_VERSIONSTAMPED_KEY) {
		struct vd_stamp last = { UINT64_MAX, UINT16_MAX };
		struct vd_bytes last_key;
		VD_ASSERT(vd_mutation_stamp(&c->arena, m, least, &plain) &&
				  vd_stamp_place(&c->arena, m->key, last, &last_key) &&
				  vd_range_of_key(&c->arena, last_key, &key));
		note(vd_range_of(plain.key, key.end), true, false, false);
	} else if (m->op == VD_OP_SET_VERSIONSTAMPED_VALUE) {
		plain.op = VD_OP_SET;
		plain.value.size -= VD_STAMP_OFFSET_BYTES;
	}
	VD_ASSERT(vd_range_of_key(&c->arena, plain.key, &key));
	bool clears = m->op == VD_OP_CLEAR || m->op == VD_OP_CLEAR_RANGE;
	note(m->op == VD_OP_CLEAR_RANGE ? vd_range_of(m->key, m->value) : key,
		m->op == VD_OP_SET_VERSIONSTAMPED_VALUE, clears, !vd_op_needs_base(m->op));
	return plain;
}

static bool step_mutate(struct property_case *c, bool is_run)
{
	struct vd_mutation m = draw_mutation(c);
	if (!is_run) {
		return true;
	}
	property_tell(c, "%s %s %s", vd_op_name(m.op), property_show(m.key), property_show(m.value));
	VD_ASSERT(vd_overlay_apply(world.overlay, &m, LEAST_VERSION));
	take_note_of_sequenced(c, &m);
	struct vd_mutation plain = take_note(c, &m);
	naive_apply(&world.serial, &c->arena, &plain, VALUE_LIMIT);
	return true;
}

static bool step_read(struct property_case *c, bool is_run)
{
	struct vd_bytes key = draw_key(c);
	bool is_fetched = property_chance(c, 30);
	bool hides = false;
	bool owns = false;
	if (!is_run) {
		return true;
	}
	for (size_t i = 0; i < world.event_count; i++) {
		const struct event *event = &world.events[i];
		if (vd_range_has(event->range, key)) {
			hides = (hides || event->hides) && !event->clears;
			owns = owns || event->owns;
		}
	}
	const struct vd_bytes *stored = naive_get(&world.stored, key);
	struct vd_overlay_view view = vd_overlay_get(world.overlay, key);
	if (view.state == VD_OVERLAY_PENDING || is_fetched) {
		VD_ASSERT(vd_overlay_set_base(world.overlay, key, stored));
		view = vd_overlay_get(world.overlay, key);
	}
	const struct vd_bytes *expected = naive_get(&world.serial, key);
	bool is_present =
		view.state == VD_OVERLAY_PRESENT || (view.state == VD_OVERLAY_UNKNOWN && stored != NULL);
	struct vd_bytes value = view.state == VD_OVERLAY_UNKNOWN && stored != NULL ? *stored : view.value;
	property_tell(c, "get %s", property_show(key));
	if (view.is_unreadable != hides || view.is_own != owns) {
		return property_fail(c, "unreadable %d instead of %d, own %d instead of %d", view.is_unreadable,
			hides, view.is_own, owns);
	}
	if (is_present != (expected != NULL) || (is_present && !vd_bytes_equal(value, *expected))) {
		return property_fail(c, "value %s (present: %d) instead of %s", property_show(value), is_present,
			expected != NULL ? property_show(*expected) : "none");
	}
	return true;
}

/* Each key of a walk is as a get of it says. */
static bool step_walk(struct property_case *c, bool is_run)
{
	struct vd_range range = vd_range_of(draw_key(c), draw_key(c));
	bool is_reverse = property_chance(c, 50);
	struct vd_overlay_piece piece;
	struct vd_overlay_cursor cursor = vd_overlay_cursor_of(world.overlay, range, is_reverse);
	while (is_run && vd_overlay_cursor_next(&cursor, &piece)) {
		for (size_t i = 0; i < world.key_count; i++) {
			struct vd_overlay_view view = vd_overlay_get(world.overlay, world.keys[i]);
			if (vd_range_has(piece.range, world.keys[i]) &&
				(view.state != piece.view.state || view.is_own != piece.view.is_own ||
					view.is_unreadable != piece.view.is_unreadable)) {
				return property_fail(c, "walk at %s: state %d, own %d, unreadable %d",
					property_show(world.keys[i]), piece.view.state, piece.view.is_own,
					piece.view.is_unreadable);
			}
		}
	}
	return true;
}

static bool check(struct property_case *c)
{
	bool holds = true;
	make_world(c);
	for (unsigned i = 0; i < c->steps && holds; i++) {
		unsigned kind = property_below(c, 100);
		bool is_run = property_step(c, i);
		holds = kind < 45 ? step_mutate(c, is_run) : kind < 92 ? step_read(c, is_run) : step_walk(c, is_run);
	}
	return holds;
}

int main(void)
{
	return property_run("overlay of a worker", check, 400);
}
