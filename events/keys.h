/* SPDX-License-Identifier: Apache-2.0 */
/* keys.h: where things of a store lie. Pure.
 *
 *   P s stream 00 number     an event of a stream; its version is number + 1, big-endian
 *   P f stamp index          the feed: a run of events, those of one stream that an append brought one behind the other
 *   P r id                   an append that came with a request id
 *   P r id stream            the first number that it took of a stream
 *   \xff/counter/P stream    how many events the stream ever had, which is its version
 *
 * P is the store's prefix; stamp and index make the position of a run's first event.
 */
#ifndef VD_EVENTS_KEYS_H
#define VD_EVENTS_KEYS_H

#include "events/store.h"

enum { VD_EVENTS_KEY_MAX = 1200, VD_EVENTS_STAMP_BYTES = 10, VD_EVENTS_NUMBER_BYTES = 8 };

struct vd_events_key {
	size_t size;
	uint8_t data[VD_EVENTS_KEY_MAX];
};

static inline struct vd_bytes vd_events_key_bytes(const struct vd_events_key *key)
{
	return vd_bytes_of(key->data, key->size);
}

/* All events of a stream, without a number. */
void vd_events_key_stream(struct vd_events_key *key, const struct vd_events *events, struct vd_bytes stream);
void vd_events_key_event(
	struct vd_events_key *key, const struct vd_events *events, struct vd_bytes stream, uint64_t number);
void vd_events_key_counter(struct vd_events_key *key, const struct vd_events *events, struct vd_bytes stream);

/* The feed from a position on. */
void vd_events_key_feed(
	struct vd_events_key *key, const struct vd_events *events, const struct vd_events_position *position);
/* A feed entry before its commit: with room for the stamp, and ending in its offset. */
void vd_events_key_run(struct vd_events_key *key, const struct vd_events *events, uint32_t index);

/* stream: empty for the append itself. */
void vd_events_key_request(
	struct vd_events_key *key, const struct vd_events *events, const uint8_t id[16], struct vd_bytes stream);

/* The number at the end of the key of an event. */
uint64_t vd_events_key_number(struct vd_bytes key);
/* The position at the end of the key of a feed entry; false if it is none. */
bool vd_events_key_position(struct vd_bytes key, struct vd_events_position *position);

struct vd_events_position vd_events_position_of(const uint8_t stamp[VD_EVENTS_STAMP_BYTES], uint32_t index);

#endif
