/* SPDX-License-Identifier: Apache-2.0 */
/* hot.c: see hot.h. Ranges are told apart by 64 bits of a digest: two that share them would be counted as one, which a table of
 * what is hot can bear. */
#include "resolver/metrics/hot.h"

#include <string.h>

void vd_hot_fini(struct vd_hot *hot)
{
	for (unsigned i = 0; i < VD_HOT_RANGES; i++) {
		vd_buffer_fini(&hot->ranges[i].begin);
		vd_buffer_fini(&hot->ranges[i].end);
	}
}

/* FNV-1a over words of 8 bytes, and the rest by bytes. */
static uint64_t digest_of(uint64_t seed, struct vd_bytes bytes)
{
	const uint64_t prime = 0x100000001b3;
	uint64_t digest = (seed ^ bytes.size) * prime;
	size_t at = 0;
	for (; at + 8 <= bytes.size; at += 8) {
		uint64_t word;
		memcpy(&word, bytes.data + at, 8);
		digest = (digest ^ word) * prime;
		digest ^= digest >> 29;
	}
	for (; at < bytes.size; at++)
		digest = (digest ^ bytes.data[at]) * prime;
	return digest;
}

/* Forgets the slots that are over. */
static void turn(struct vd_hot *hot, int64_t now_ms)
{
	int64_t slot = now_ms / VD_HOT_SLOT_MS;
	int64_t passed = slot - hot->slot;
	if (passed <= 0)
		return;
	for (unsigned i = 0; i < VD_HOT_RANGES; i++) {
		struct vd_hot_range *range = &hot->ranges[i];
		for (int64_t k = 1; k <= passed && k <= VD_HOT_SLOTS; k++) {
			uint32_t *count = &range->counts[(hot->slot + k) % VD_HOT_SLOTS];
			range->total -= *count;
			*count = 0;
		}
	}
	hot->slot = slot;
}

static struct vd_hot_range *find(struct vd_hot *hot, uint64_t digest)
{
	for (unsigned i = 0; i < VD_HOT_RANGES; i++)
		if (hot->ranges[i].digest == digest && hot->ranges[i].total > 0)
			return &hot->ranges[i];
	return NULL;
}

static struct vd_hot_range *coldest(struct vd_hot *hot)
{
	struct vd_hot_range *least = &hot->ranges[0];
	for (unsigned i = 1; i < VD_HOT_RANGES; i++)
		if (hot->ranges[i].total < least->total)
			least = &hot->ranges[i];
	return least;
}

void vd_hot_note(struct vd_hot *hot, struct vd_range range, int64_t now_ms)
{
	turn(hot, now_ms);
	uint64_t digest = digest_of(digest_of(0xcbf29ce484222325, range.begin), range.end);
	struct vd_hot_range *place = find(hot, digest);
	if (place == NULL) {
		place = coldest(hot);
		place->digest = digest;
		vd_buffer_clear(&place->begin);
		vd_buffer_clear(&place->end);
		vd_buffer_add(&place->begin, range.begin);
		vd_buffer_add(&place->end, range.end);
	}
	place->counts[hot->slot % VD_HOT_SLOTS]++;
	place->total++;
}

unsigned vd_hot_top(struct vd_hot *hot, const struct vd_hot_range **out, unsigned most, int64_t now_ms)
{
	unsigned count = 0;
	turn(hot, now_ms);
	for (unsigned i = 0; i < VD_HOT_RANGES; i++) {
		const struct vd_hot_range *range = &hot->ranges[i];
		unsigned at = count;
		while (at > 0 && out[at - 1]->total < range->total)
			at--;
		if (range->total == 0 || at == most)
			continue;
		if (count < most)
			count++;
		memmove(&out[at + 1], &out[at], (count - 1 - at) * sizeof out[0]);
		out[at] = range;
	}
	return count;
}
