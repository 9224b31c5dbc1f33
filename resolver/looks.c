/* SPDX-License-Identifier: Apache-2.0 */
/* looks.c: see looks.h. */
#include "resolver/looks.h"

#include <string.h>

enum {
	NEAR_MS = 20, /* how far back on the trail */
	WIDE_MS = 200,
	WIDE_EVERY_MS = 100,
	FULL_EVERY_MS = 1000,
	FULL_SHARE = 50,
	EMPTY_MOST = 8,
};

void vd_looks_reset(struct vd_looks *looks)
{
	vd_trail_reset(&looks->trail);
	looks->wants_full = true;
}

bool vd_looks_wants(const struct vd_looks *looks)
{
	return looks->has_more || looks->is_due || looks->wants_full ||
		   (looks->is_rung && looks->empty_in_row < EMPTY_MOST);
}

bool vd_looks_is_flooded(const struct vd_looks *looks)
{
	return looks->is_rung && !vd_looks_wants(looks);
}

static bool is_time_for_full(const struct vd_looks *looks, int64_t now_ms)
{
	int64_t every_ms = looks->full_took_ms * FULL_SHARE;
	return now_ms - looks->full_ms >= (every_ms > FULL_EVERY_MS ? every_ms : FULL_EVERY_MS);
}

struct vd_look vd_looks_begin(struct vd_looks *looks, int64_t now_ms)
{
	struct vd_look look = { .began_ms = now_ms };
	look.is_full = looks->wants_full || looks->is_last || is_time_for_full(looks, now_ms);
	bool is_wide = look.is_full || now_ms - looks->wide_ms >= WIDE_EVERY_MS;
	look.low = look.is_full ? 0 : vd_trail_low(&looks->trail, now_ms, is_wide ? WIDE_MS : NEAR_MS);
	if (is_wide)
		looks->wide_ms = now_ms;
	if (look.is_full)
		looks->full_ms = now_ms;
	looks->is_rung = looks->has_more = looks->is_due = looks->wants_full = false;
	return look;
}

void vd_looks_end(
	struct vd_looks *looks, const struct vd_look *look, const struct vd_look_found *found, int64_t now_ms)
{
	if (look->is_full)
		looks->full_took_ms = now_ms - look->began_ms;
	looks->empty_in_row = found->rows == 0 ? looks->empty_in_row + 1 : 0;
	looks->has_more = found->may_be_more;
	/* What is left over may stand below what was claimed before: only a look from 0 finds it for certain. */
	if (found->may_be_more && found->newest < looks->trail.newest)
		looks->wants_full = true;
	if (look->is_full && !found->may_be_more)
		looks->has_seen_all = true;
	if (found->rows > 0)
		vd_trail_claimed(&looks->trail, found->newest, now_ms);
}
