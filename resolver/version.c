/* SPDX-License-Identifier: Apache-2.0 */
/* version.c: see version.h. The ring holds at most twice the pairs that a history needs, so it is never full. */
#include "resolver/version.h"

#include "common/base/check.h"

VD_STATIC_ASSERT(VD_VERSIONS_STEPS * 2 <= VD_VERSIONS_PAIRS, "the ring holds a history");

static int64_t step_us(const struct vd_versions *versions)
{
	int64_t step = versions->history_us / VD_VERSIONS_STEPS;
	return step > 0 ? step : 1;
}

/* Takes what is old enough off the ring. */
static void expire(struct vd_versions *versions, int64_t now_us)
{
	while (versions->count > 0 && now_us - versions->pairs[versions->first].at_us >= versions->history_us) {
		versions->old = versions->pairs[versions->first].version;
		versions->first = (versions->first + 1) % VD_VERSIONS_PAIRS;
		versions->count--;
	}
}

/* Remembers that the newest is the newest now, unless a pair of just before says nearly the same. Leaving a pair out
 * makes the floor rise later, never too early. */
static void note(struct vd_versions *versions, int64_t now_us)
{
	if (versions->count > 0) {
		uint32_t last = (versions->first + versions->count - 1) % VD_VERSIONS_PAIRS;
		if (versions->pairs[last].version == versions->newest ||
			now_us - versions->pairs[last].at_us < step_us(versions))
			return;
	} else if (versions->old == versions->newest) {
		return;
	}
	expire(versions, now_us);
	VD_ASSERT(versions->count < VD_VERSIONS_PAIRS);
	uint32_t at = (versions->first + versions->count) % VD_VERSIONS_PAIRS;
	versions->pairs[at].version = versions->newest;
	versions->pairs[at].at_us = now_us;
	versions->count++;
}

void vd_versions_start(struct vd_versions *versions, uint64_t version, int64_t now_us, int64_t history_us)
{
	versions->base = versions->sent = versions->newest = versions->old = version;
	versions->base_us = now_us;
	versions->history_us = history_us;
	versions->first = versions->count = 0;
}

uint64_t vd_versions_next(struct vd_versions *versions, uint64_t from, int64_t now_us)
{
	VD_ASSERT(now_us >= versions->base_us);
	uint64_t next = versions->base + (uint64_t)(now_us - versions->base_us);
	if (next <= from)
		next = from + 1;
	if (next <= versions->sent)
		next = versions->sent + 1;
	versions->sent = next;
	return next;
}

void vd_versions_lift(struct vd_versions *versions, uint64_t above, int64_t now_us)
{
	VD_ASSERT(now_us >= versions->base_us);
	if (above < versions->base + (uint64_t)(now_us - versions->base_us))
		return;
	versions->base = above + 1;
	versions->base_us = now_us;
}

void vd_versions_commit(struct vd_versions *versions, uint64_t version, int64_t now_us)
{
	VD_ASSERT(version > versions->newest);
	versions->newest = version;
	if (versions->sent < version)
		versions->sent = version;
	note(versions, now_us);
}

uint64_t vd_versions_old(struct vd_versions *versions, int64_t now_us)
{
	note(versions, now_us);
	expire(versions, now_us);
	return versions->old;
}

int64_t vd_versions_age_us(const struct vd_versions *versions, uint64_t version, int64_t now_us)
{
	for (uint32_t i = 0; i < versions->count; i++) {
		uint32_t at = (versions->first + i) % VD_VERSIONS_PAIRS;
		if (versions->pairs[at].version > version)
			return now_us - versions->pairs[at].at_us;
	}
	return -1;
}
