/* SPDX-License-Identifier: Apache-2.0 */
/* fold.c: see fold.h. */
#include "resolver/fold.h"

#include "resolver/presence.h"

bool vd_fold_begin(struct vd_batch *batch, const struct vd_limits *limits)
{
	const struct vd_overlay *below = batch->below == NULL ? NULL : batch->below->overlay;
	batch->overlay = vd_overlay_new(&batch->work, below, limits->value_bytes);
	return batch->overlay != NULL;
}

/* ---- Base values ---- */

/* Does the mutation depend on a stored key, and on which? */
static bool base_of(const struct vd_mutation *mutation, struct vd_bytes *key)
{
	bool is_sequenced = mutation->op == VD_OP_SET_SEQUENCED_KEY;
	*key = is_sequenced ? mutation->counter : mutation->key;
	return is_sequenced || vd_op_needs_base(mutation->op);
}

static size_t bases_possible(const struct vd_batch *batch)
{
	size_t count = 0;
	struct vd_bytes key;
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct vd_item *item = &batch->items[i];
		if (item->refused_code != 0)
			continue;
		for (size_t m = 0; m < item->request.mutation_count; m++)
			count += base_of(&item->request.mutations[m], &key);
		for (size_t p = 0; p < item->request.precondition_count; p++)
			count += item->request.preconditions[p].kind != VD_REQUIRE_EMPTY;
	}
	return count;
}

static bool want(struct vd_batch *batch, struct vd_bytes *keys, struct vd_bytes key)
{
	bool is_new;
	if (!vd_overlay_want_base(batch->overlay, key, &is_new))
		return false;
	if (is_new)
		keys[batch->base_count++] = key;
	return true;
}

static bool want_all(struct vd_batch *batch, struct vd_bytes *keys, const struct vd_request *request)
{
	for (size_t m = 0; m < request->mutation_count; m++) {
		struct vd_bytes key;
		if (base_of(&request->mutations[m], &key) && !want(batch, keys, key))
			return false;
	}
	for (size_t p = 0; p < request->precondition_count; p++) {
		const struct vd_precondition *precondition = &request->preconditions[p];
		if (precondition->kind != VD_REQUIRE_EMPTY && !want(batch, keys, precondition->key))
			return false;
	}
	return true;
}

bool vd_fold_wants(struct vd_batch *batch)
{
	batch->base_keys = NULL;
	batch->base_count = 0;
	size_t possible = bases_possible(batch);
	if (possible == 0)
		return true;
	struct vd_bytes *keys = vd_arena_array(&batch->bases, possible, sizeof *keys);
	if (keys == NULL)
		return false;
	batch->base_keys = keys;
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct vd_item *item = &batch->items[i];
		if (item->refused_code == 0 && !want_all(batch, keys, &item->request))
			return false;
	}
	return true;
}

bool vd_fold_supply(struct vd_batch *batch)
{
	for (const struct vd_base *base = batch->base_values; base != NULL; base = base->next)
		if (!vd_overlay_set_base(batch->overlay, base->key, &base->value))
			return false;
	/* who was supplied just now keeps that: a second base is ignored */
	for (size_t i = 0; i < batch->base_count; i++)
		if (!vd_overlay_set_base(batch->overlay, batch->base_keys[i], NULL))
			return false;
	return true;
}

/* ---- Folding ---- */

bool vd_fold_request(struct vd_batch *batch, const struct vd_request *request, struct vd_stamp stamp)
{
	for (size_t m = 0; m < request->mutation_count; m++) {
		const struct vd_mutation *mutation = &request->mutations[m];
		struct vd_mutation plain;
		if (vd_op_is_stamped(mutation->op)) {
			if (!vd_mutation_stamp(&batch->work, mutation, stamp, &plain))
				return false;
			mutation = &plain;
		}
		if (!vd_overlay_apply(batch->overlay, mutation, 0) || !vd_presence_follow(batch, mutation))
			return false;
	}
	return true;
}

bool vd_fold_end(struct vd_batch *batch)
{
	struct vd_write_set set;
	if (!vd_overlay_write_set(batch->overlay, &batch->work, &set))
		return false;
	struct vd_bytes *begins = vd_arena_array(&batch->work, set.range_count, sizeof *begins);
	struct vd_bytes *ends = vd_arena_array(&batch->work, set.range_count, sizeof *ends);
	struct vd_bytes *keys = vd_arena_array(&batch->work, set.upsert_count, sizeof *keys);
	struct vd_bytes *values = vd_arena_array(&batch->work, set.upsert_count, sizeof *values);
	if (begins == NULL || ends == NULL || keys == NULL || values == NULL)
		return false;
	for (size_t i = 0; i < set.range_count; i++) {
		begins[i] = set.ranges[i].begin;
		ends[i] = set.ranges[i].end;
	}
	for (size_t i = 0; i < set.upsert_count; i++) {
		keys[i] = set.upserts[i].key;
		values[i] = set.upserts[i].value;
	}
	batch->writes = (struct vd_batch_writes){ .range_count = set.range_count,
		.range_begins = begins,
		.range_ends = ends,
		.delete_count = set.delete_count,
		.deletes = set.deletes,
		.upsert_count = set.upsert_count,
		.upsert_keys = keys,
		.upsert_values = values,
		.bytes = set.bytes };
	vd_overlay_detach(batch->overlay);
	return true;
}
