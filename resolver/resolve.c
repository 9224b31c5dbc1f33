/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.c: the gates, in order; a request that passes them all has committed. */
#include "resolver/resolve.h"

#include "resolver/conflict.h"
#include "resolver/fold.h"
#include "resolver/lock.h"
#include "resolver/precondition.h"
#include "resolver/sequence.h"

static bool term_is(const uint8_t a[VD_TERM_BYTES], const uint8_t b[VD_TERM_BYTES])
{
	return memcmp(a, b, VD_TERM_BYTES) == 0;
}

int vd_horizon_judge(const struct vd_horizon *horizon, const struct vd_request *request)
{
	uint64_t version = request->read_version;
	/* What lies before a jump may be of a history that never was: nothing built on it may be applied. */
	if (version < horizon->jump_version)
		return VD_CODE_TRANSACTION_TOO_OLD;
	if (request->read_count == 0)
		return 0;
	if (version > horizon->newest)
		return VD_CODE_FUTURE_VERSION;
	if (version < horizon->floor)
		return VD_CODE_TRANSACTION_TOO_OLD;
	if (term_is(request->read_term, horizon->term))
		return 0;
	/* The state that the takeover found is the last one of the term before: both have seen the same. */
	if (term_is(request->read_term, horizon->preceding_term) && version == horizon->takeover_version)
		return 0;
	return VD_CODE_TRANSACTION_TOO_OLD;
}

/* ---- The gates ---- */

/* Duplicate, or nobody's: true if the request ends here. */
static bool gate_identity(struct vd_resolver *resolver, struct vd_batch *batch, struct vd_item *item)
{
	struct vd_client *client = batch->owners[item->owner].client;
	VD_ASSERT(client->state == VD_CLIENT_REGISTERED || client->state == VD_CLIENT_UNREGISTERED);
	if (client->state != VD_CLIENT_REGISTERED || client->generation != item->generation ||
		item->sequence <= client->low_water) {
		item->fate = VD_FATE_DROPPED;
		batch->counts.dropped++;
		return true;
	}
	const struct vd_known *known = vd_client_known(client, item->sequence);
	if (known != NULL) {
		bool is_tombstone = known->version == 0;
		batch->counts.repeated++;
		if (is_tombstone || known->digest == item->digest) {
			item->fate = VD_FATE_REPEATED;
			item->verdict = *known;
		} else {
			item->fate = VD_FATE_DENIED;
			item->verdict = (struct vd_known){ .sequence = item->sequence,
				.version = batch->version,
				.digest = item->digest,
				.code = VD_CODE_CLIENT_INVALID_OPERATION };
		}
		return true;
	}
	/* Sequence numbers of one outcome row lie within 32 bits of each other. */
	const struct vd_owner *owner = &batch->owners[item->owner];
	bool is_far = owner->decided > 0 &&
				  (item->sequence > owner->lowest + UINT32_MAX ||
					  (owner->highest > UINT32_MAX && item->sequence < owner->highest - UINT32_MAX));
	if (is_far || vd_client_must_wait(resolver->clients, client, item->sequence)) {
		item->fate = VD_FATE_WAITING;
		batch->counts.waiting++;
		return true;
	}
	return false;
}

/* Sets the code of the verdict, with what belongs to it. False if the batch's arena is at its limit. */
static bool gates(struct vd_resolver *resolver, struct vd_batch *batch, struct vd_item *item)
{
	item->verdict.code = item->refused_code;
	if (item->verdict.code == 0)
		item->verdict.code = (uint16_t)vd_lock_judge(&batch->lock, &item->request);
	if (item->verdict.code == 0)
		item->verdict.code = (uint16_t)vd_horizon_judge(&resolver->horizon, &item->request);
	if (item->verdict.code == 0 && !vd_conflict_judge(resolver->window, item, &batch->work))
		return false;
	if (item->verdict.code == 0)
		item->verdict.code = (uint16_t)vd_preconditions_judge(batch, &item->request);
	return true;
}

/* The last one: what passed the others gets its numbers, if it can have them. */
static bool gate_number(struct vd_batch *batch, struct vd_item *item, struct vd_numbered *numbered)
{
	if (item->verdict.code != 0)
		return true;
	if (!vd_sequence_number(batch, &item->request, numbered))
		return false;
	item->verdict.code = (uint16_t)numbered->code;
	item->numbers = numbered->firsts;
	item->verdict.detail_range = numbered->first_count;
	item->verdict.detail_version = numbered->first_count > 0 ? numbered->firsts[0] : 0;
	return true;
}

/* ---- What follows from a verdict ---- */

static void count(struct vd_counts *counts, int code)
{
	counts->requests++;
	if (code == 0)
		counts->committed++;
	else if (code == VD_CODE_NOT_COMMITTED)
		counts->conflicts++;
	else if (code == VD_CODE_TRANSACTION_TOO_OLD)
		counts->too_old++;
	else
		counts->rejected++;
}

static bool stage_writes(struct vd_resolver *resolver, struct vd_batch *batch,
	const struct vd_request *request, struct vd_stamp stamp)
{
	struct vd_write_walk walk = vd_write_walk_of(request, stamp, &batch->work);
	struct vd_range range;
	while (vd_write_walk_next(&walk, &range))
		if (!vd_window_stage(resolver->window, range, stamp.version))
			return false;
	return !walk.failed;
}

/* Decides a request that is new: its verdict is known from here on. */
static bool decide(struct vd_resolver *resolver, struct vd_batch *batch, struct vd_item *item)
{
	struct vd_owner *owner = &batch->owners[item->owner];
	item->verdict =
		(struct vd_known){ .sequence = item->sequence, .version = batch->version, .digest = item->digest };
	struct vd_numbered numbered;
	if (!gates(resolver, batch, item) || !gate_number(batch, item, &numbered))
		return false;
	if (item->verdict.code == 0) {
		VD_ASSERT(batch->counts.committed < VD_BATCH_REQUESTS_MAX);
		struct vd_stamp stamp = { batch->version, (uint16_t)batch->counts.committed };
		item->verdict.order = stamp.order;
		vd_lock_follow(&batch->lock, &item->request);
		if (!vd_fold_request(batch, &numbered.request, stamp) ||
			!stage_writes(resolver, batch, &numbered.request, stamp))
			return false;
	}
	item->fate = VD_FATE_DECIDED;
	vd_client_learn(resolver->clients, owner->client, &item->verdict);
	if (owner->decided == 0)
		owner->lowest = owner->highest = item->sequence;
	else if (item->sequence < owner->lowest)
		owner->lowest = item->sequence;
	else if (item->sequence > owner->highest)
		owner->highest = item->sequence;
	owner->decided++;
	count(&batch->counts, item->verdict.code);
	return true;
}

bool vd_resolve(struct vd_resolver *resolver, struct vd_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		struct vd_item *item = &batch->items[i];
		if (!gate_identity(resolver, batch, item) && !decide(resolver, batch, item))
			return false;
	}
	return true;
}

void vd_unresolve(struct vd_resolver *resolver, struct vd_batch *batch)
{
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct vd_item *item = &batch->items[i];
		if (item->fate == VD_FATE_DECIDED)
			vd_client_unlearn(
				resolver->clients, batch->owners[item->owner].client, item->sequence, batch->version);
	}
	vd_window_discard(resolver->window, batch->version);
}
