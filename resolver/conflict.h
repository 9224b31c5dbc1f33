/* SPDX-License-Identifier: Apache-2.0 */
/* conflict.h: what a request has lost to (rule 1): which of the ranges that it read, and which version of each.
 *
 * The first range that lost is part of every such verdict. A request that asks for it is told the further ones too, up to
 * VD_REQUEST_CONFLICTS_MAX in all; what lost beyond those is not told. Pure.
 */
#ifndef VD_RESOLVER_CONFLICT_H
#define VD_RESOLVER_CONFLICT_H

#include "common/kv/window.h"
#include "resolver/batch.h"

/* Sets 1020 and what was lost in item->verdict and item->lost, if a range that the request read was written above its read
 * version; else changes nothing. False if the arena, from which item->lost is taken, is at its limit. */
VD_MUST_USE bool vd_conflict_judge(
	const struct vd_window *window, struct vd_item *item, struct vd_arena *arena);

#endif
