/* SPDX-License-Identifier: Apache-2.0 */
/* crowd.c: see crowd.h. */
#include "resolver/crowd.h"

enum {
	SHARE_OF_BATCH = 8, /* one client's: an eighth */
	DEPTH_OF_BATCH = 4, /* the scout looks at four times as many rows as a batch takes */
	CROWDS_FOR_MS = 1000,
	NEAR_MS = 20, /* how far back on the trail */
};

static int64_t share_of(int64_t requests)
{
	return requests < SHARE_OF_BATCH ? 1 : requests / SHARE_OF_BATCH;
}

static void forget_old(struct vd_crowd *crowd, int64_t now_ms)
{
	uint32_t left = 0;
	for (uint32_t i = 0; i < crowd->count; i++) {
		if (now_ms - crowd->seen_ms[i] > CROWDS_FOR_MS)
			continue;
		crowd->clients[left] = crowd->clients[i];
		crowd->seen_ms[left++] = crowd->seen_ms[i];
	}
	crowd->count = left;
}

struct vd_lane vd_crowd_lane(struct vd_crowd *crowd, int64_t requests, int64_t now_ms)
{
	forget_old(crowd, now_ms);
	struct vd_lane lane = { .crowd = crowd->clients,
		.crowd_count = crowd->count,
		.low = crowd->reached,
		.depth = requests * DEPTH_OF_BATCH,
		.share = share_of(requests) };
	if (crowd->is_at_end) {
		lane.low = vd_trail_low(&crowd->trail, now_ms, NEAR_MS);
		if (lane.low < crowd->begin)
			lane.low = crowd->begin;
	}
	return lane;
}

static void add(struct vd_crowd *crowd, const struct vd_client_id *id, int64_t now_ms)
{
	uint32_t at = 0;
	while (at < crowd->count && memcmp(&crowd->clients[at], id, sizeof *id) != 0)
		at++;
	if (at == VD_CROWD_MOST)
		return;
	if (at == crowd->count)
		crowd->clients[crowd->count++] = *id;
	crowd->seen_ms[at] = now_ms;
}

static bool has_its_share(const struct vd_batch *batch, const struct vd_owner *owner, int64_t share)
{
	for (uint32_t i = owner->first; i != UINT32_MAX && share > 0; i = batch->items[i].next)
		share--;
	return share == 0;
}

void vd_crowd_note(
	struct vd_crowd *crowd, const struct vd_batch *batch, const struct vd_crowd_seen *seen, int64_t now_ms)
{
	if (!seen->is_full) {
		crowd->count = 0;
		return;
	}
	if (crowd->count == 0) {
		vd_trail_reset(&crowd->trail);
		crowd->begin = crowd->reached = seen->newest;
		crowd->is_at_end = false;
	} else {
		crowd->is_at_end = !seen->is_depth_used_up;
		if (seen->reached > crowd->reached)
			crowd->reached = seen->reached;
		vd_trail_claimed(&crowd->trail, crowd->reached, now_ms);
	}
	for (uint32_t i = 0; i < batch->owner_count; i++)
		if (has_its_share(batch, &batch->owners[i], share_of(batch->count)))
			add(crowd, &batch->owners[i].client->id, now_ms);
}
