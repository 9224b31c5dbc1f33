/* SPDX-License-Identifier: Apache-2.0 */
/* codec_property.c: what is encoded comes back as it was; what is damaged on the way is refused or is a request, and never
 * more than that.
 *
 * Damage: bytes changed, cut off, put in, or a field added that no version knows. A damaged payload that still decodes must
 * encode and decode again to the same request.
 */
#include "common/kv/codec.h"
#include "tests/property/property.h"

static struct vd_bytes draw_bytes(struct property_case *c)
{
	return property_chance(c, 50) ? property_key(c, 6) : property_value(c, property_chance(c, 3) ? 3000 : 20);
}

static struct vd_range *draw_ranges(struct property_case *c, size_t count)
{
	struct vd_range *ranges = vd_arena_array(&c->arena, count, sizeof *ranges);
	VD_ASSERT(ranges != NULL);
	for (size_t i = 0; i < count; i++) {
		ranges[i] = vd_range_of(draw_bytes(c), draw_bytes(c));
	}
	return ranges;
}

static struct vd_request draw_request(struct property_case *c)
{
	struct vd_request request = { .read_version = vd_rng_next(&c->rng) >> property_below(c, 64),
		.reports_conflicts = property_chance(c, 30),
		.is_lock_aware = property_chance(c, 30),
		.lock_change = property_below(c, 4) };
	if (property_chance(c, 30)) {
		request.lock = draw_bytes(c);
		request.above_version = vd_rng_next(&c->rng);
	}
	request.read_count = property_below(c, 1 + c->steps);
	request.write_count = property_below(c, 1 + c->steps / 2);
	request.mutation_count = property_below(c, 1 + c->steps);
	struct vd_mutation *mutations = vd_arena_array(&c->arena, request.mutation_count, sizeof *mutations);
	VD_ASSERT(mutations != NULL);
	for (size_t i = 0; i < VD_TERM_BYTES; i++) {
		request.read_term[i] = (uint8_t)property_below(c, 256);
	}
	request.reads = draw_ranges(c, request.read_count);
	request.writes = draw_ranges(c, request.write_count);
	for (size_t i = 0; i < request.mutation_count; i++) {
		mutations[i].op = property_chance(c, 95) ? property_below(c, 24) : (uint32_t)vd_rng_next(&c->rng);
		mutations[i].no_write_conflict = property_chance(c, 20);
		mutations[i].key = draw_bytes(c);
		mutations[i].value = draw_bytes(c);
		mutations[i].counter = property_chance(c, 20) ? draw_bytes(c) : VD_BYTES("");
		mutations[i].is_stamped = property_chance(c, 10);
	}
	request.mutations = mutations;
	request.precondition_count = property_below(c, 1 + c->steps / 2);
	struct vd_precondition *preconditions =
		vd_arena_array(&c->arena, request.precondition_count, sizeof *preconditions);
	VD_ASSERT(preconditions != NULL);
	for (size_t i = 0; i < request.precondition_count; i++) {
		preconditions[i].kind =
			property_chance(c, 95) ? property_below(c, 6) : (uint32_t)vd_rng_next(&c->rng);
		preconditions[i].key = draw_bytes(c);
		preconditions[i].value = draw_bytes(c);
	}
	request.preconditions = preconditions;
	return request;
}

static bool equal_ranges(const struct vd_range *a, const struct vd_range *b, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!vd_bytes_equal(a[i].begin, b[i].begin) || !vd_bytes_equal(a[i].end, b[i].end)) {
			return false;
		}
	}
	return true;
}

static bool equal_preconditions(const struct vd_request *a, const struct vd_request *b)
{
	if (a->precondition_count != b->precondition_count) {
		return false;
	}
	for (size_t i = 0; i < a->precondition_count; i++) {
		const struct vd_precondition *p = &a->preconditions[i];
		const struct vd_precondition *q = &b->preconditions[i];
		if (p->kind != q->kind || !vd_bytes_equal(p->key, q->key) || !vd_bytes_equal(p->value, q->value)) {
			return false;
		}
	}
	return true;
}

static bool equal(const struct vd_request *a, const struct vd_request *b)
{
	if (memcmp(a->read_term, b->read_term, VD_TERM_BYTES) != 0 || a->read_version != b->read_version ||
		a->reports_conflicts != b->reports_conflicts || a->is_lock_aware != b->is_lock_aware ||
		a->lock_change != b->lock_change || !vd_bytes_equal(a->lock, b->lock) ||
		a->above_version != b->above_version || a->read_count != b->read_count ||
		a->write_count != b->write_count || a->mutation_count != b->mutation_count ||
		!equal_preconditions(a, b) || !equal_ranges(a->reads, b->reads, a->read_count) ||
		!equal_ranges(a->writes, b->writes, a->write_count)) {
		return false;
	}
	for (size_t i = 0; i < a->mutation_count; i++) {
		const struct vd_mutation *m = &a->mutations[i];
		const struct vd_mutation *n = &b->mutations[i];
		if (m->op != n->op || m->no_write_conflict != n->no_write_conflict ||
			!vd_bytes_equal(m->key, n->key) || !vd_bytes_equal(m->value, n->value) ||
			!vd_bytes_equal(m->counter, n->counter) || m->is_stamped != n->is_stamped) {
			return false;
		}
	}
	return true;
}

static struct vd_bytes damaged(struct property_case *c, struct vd_bytes payload)
{
	uint8_t *bytes = vd_arena_alloc_bytes(&c->arena, payload.size + 16);
	VD_ASSERT(bytes != NULL);
	memcpy(bytes, payload.data, payload.size);
	size_t size = payload.size;
	unsigned times = 1 + property_below(c, 4);
	for (unsigned i = 0; i < times; i++) {
		size_t at = property_below(c, (unsigned)size + 1);
		uint8_t byte = (uint8_t)property_below(c, 256);
		switch (property_below(c, 4)) {
		case 0:
			size = at; /* cut off */
			break;
		case 1:
			memmove(bytes + at + 1, bytes + at, size - at); /* put in */
			bytes[at] = byte;
			size++;
			break;
		default:
			bytes[at] = at < size ? byte : bytes[at];
			break;
		}
	}
	return vd_bytes_of(bytes, size);
}

static bool survives(struct property_case *c, struct vd_bytes payload)
{
	struct vd_request request;
	struct vd_request again;
	struct vd_bytes packed;
	const char *why = NULL;
	int code = vd_request_decode(&c->arena, payload, &request, &why);
	if (code != 0) {
		return (code == VD_CODE_CLIENT_INVALID_OPERATION && why != NULL) ||
			   property_fail(c, "a damaged payload gives %d", code);
	}
	struct vd_limits limits = VD_LIMITS_DEFAULT;
	struct vd_refusal refusal;
	int ignored = vd_request_validate(&request, &limits, &refusal); /* anything, but no crash */
	(void)ignored;
	return (vd_request_encode(&c->arena, &request, &packed) &&
			   vd_request_decode(&c->arena, packed, &again, NULL) == 0 && equal(&request, &again)) ||
		   property_fail(c, "a damaged payload decodes to a request that does not come back");
}

static bool check(struct property_case *c)
{
	static const uint8_t unknown_field[] = { 0x7a, 0x00 }; /* field 15, no bytes */
	struct vd_request request = draw_request(c);
	struct vd_request back;
	struct vd_bytes payload;
	struct vd_bytes longer;
	VD_ASSERT(vd_request_encode(&c->arena, &request, &payload));
	int code = vd_request_decode(&c->arena, payload, &back, NULL);
	if (code != 0 || !equal(&request, &back)) {
		return property_fail(c, "round trip: %d, %zu reads, %zu writes, %zu mutations", code,
			request.read_count, request.write_count, request.mutation_count);
	}
	VD_ASSERT(vd_bytes_concat(&c->arena, payload, vd_bytes_of(unknown_field, sizeof unknown_field), &longer));
	if (vd_request_decode(&c->arena, longer, &back, NULL) != VD_CODE_CLIENT_INVALID_OPERATION) {
		return property_fail(c, "an unknown field is passed over");
	}
	return survives(c, damaged(c, payload));
}

int main(void)
{
	return property_run("codec", check, 60);
}
