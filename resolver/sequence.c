/* SPDX-License-Identifier: Apache-2.0 */
/* sequence.c: see sequence.h. */
#include "resolver/sequence.h"

#include "common/kv/map.h"
#include "common/kv/sequence.h"

struct counter {
	struct vd_map_node at;  /* first: the map's; the counter's key */
	struct counter *behind; /* the one that the request names next */
	uint64_t first;
	uint64_t next;
};

struct numbering {
	struct vd_batch *batch;
	struct vd_map counters;
	struct counter *first;
	struct counter **end;
	int code;
};

static size_t sequenced_of(const struct vd_request *request)
{
	size_t count = 0;
	for (size_t m = 0; m < request->mutation_count; m++)
		count += vd_op_is_sequenced(request->mutations[m].op);
	return count;
}

/* Meets the counter for the first time. NULL at the arena's limit, or with a code. */
static struct counter *counter_new(struct numbering *numbering, struct vd_bytes key)
{
	struct vd_overlay_view view = vd_overlay_get(numbering->batch->overlay, key);
	VD_ASSERT(view.state == VD_OVERLAY_PRESENT || view.state == VD_OVERLAY_ABSENT);
	uint64_t next = 0;
	if (view.state == VD_OVERLAY_PRESENT && !vd_counter_parse(view.value, &next)) {
		numbering->code = VD_CODE_COUNTER_UNUSABLE;
		return NULL;
	}
	struct counter *counter = vd_map_node_new(&numbering->batch->work, sizeof *counter, key);
	if (counter == NULL)
		return NULL;
	counter->first = counter->next = next;
	vd_map_insert(&numbering->counters, &counter->at);
	*numbering->end = counter;
	numbering->end = &counter->behind;
	return counter;
}

/* False at the arena's limit, or with a code. */
static bool number_one(
	struct numbering *numbering, const struct vd_mutation *mutation, struct vd_mutation *plain)
{
	struct counter *counter = (struct counter *)vd_map_find(&numbering->counters, mutation->counter);
	uint64_t number;
	if (mutation->op == VD_OP_SET_SEQUENCED_KEY) {
		if (counter == NULL && (counter = counter_new(numbering, mutation->counter)) == NULL)
			return false;
		number = counter->next++;
		if (number >= VD_NUMBERS_END) {
			numbering->code = VD_CODE_COUNTER_UNUSABLE;
			return false;
		}
	} else if (counter == NULL) {
		numbering->code = VD_CODE_CLIENT_INVALID_OPERATION;
		return false;
	} else {
		number = counter->next - 1;
	}
	return vd_sequenced_number(&numbering->batch->work, mutation, number, plain);
}

/* Behind the mutations: what the counters give next. */
static bool set_counters(
	struct numbering *numbering, struct vd_mutation *mutations, struct vd_numbered *numbered)
{
	struct vd_arena *arena = &numbering->batch->work;
	size_t at = numbered->request.mutation_count;
	uint64_t *firsts = vd_arena_array(arena, numbering->counters.count, sizeof *firsts);
	if (firsts == NULL)
		return false;
	for (struct counter *counter = numbering->first; counter != NULL; counter = counter->behind) {
		struct vd_mutation *set = &mutations[at++];
		*set = (struct vd_mutation){ .op = VD_OP_SET, .key = counter->at.key };
		if (!vd_counter_print(arena, counter->next, &set->value))
			return false;
		firsts[numbered->first_count++] = counter->first;
	}
	numbered->firsts = firsts;
	numbered->request.mutations = mutations;
	numbered->request.mutation_count = at;
	return true;
}

bool vd_sequence_number(
	struct vd_batch *batch, const struct vd_request *request, struct vd_numbered *numbered)
{
	*numbered = (struct vd_numbered){ .request = *request };
	size_t sequenced = sequenced_of(request);
	if (sequenced == 0)
		return true;
	struct numbering numbering = { .batch = batch };
	numbering.end = &numbering.first;
	vd_map_init(&numbering.counters);
	struct vd_mutation *mutations =
		vd_arena_array(&batch->work, request->mutation_count + sequenced, sizeof *mutations);
	if (mutations == NULL)
		return false;
	for (size_t m = 0; m < request->mutation_count; m++) {
		mutations[m] = request->mutations[m];
		if (vd_op_is_sequenced(mutations[m].op) &&
			!number_one(&numbering, &request->mutations[m], &mutations[m])) {
			numbered->code = numbering.code;
			return numbering.code != 0;
		}
	}
	return set_counters(&numbering, mutations, numbered);
}
