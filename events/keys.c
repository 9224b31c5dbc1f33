/* SPDX-License-Identifier: Apache-2.0 */
/* keys.c: see keys.h. */
#include "events/keys.h"

#include "common/base/endian.h"

#include <string.h>

static void add(struct vd_events_key *key, const void *data, size_t size)
{
	VD_ASSERT(size <= sizeof key->data - key->size);
	if (size > 0)
		memcpy(key->data + key->size, data, size);
	key->size += size;
}

static void begin(struct vd_events_key *key, const struct vd_events *events, char space)
{
	key->size = 0;
	add(key, events->prefix, events->prefix_size);
	add(key, &space, 1);
}

void vd_events_key_stream(struct vd_events_key *key, const struct vd_events *events, struct vd_bytes stream)
{
	begin(key, events, 's');
	add(key, stream.data, stream.size);
	add(key, "", 1);
}

void vd_events_key_event(
	struct vd_events_key *key, const struct vd_events *events, struct vd_bytes stream, uint64_t number)
{
	uint8_t bytes[VD_EVENTS_NUMBER_BYTES];
	vd_events_key_stream(key, events, stream);
	vd_store_be64(bytes, number);
	add(key, bytes, sizeof bytes);
}

void vd_events_key_counter(struct vd_events_key *key, const struct vd_events *events, struct vd_bytes stream)
{
	key->size = 0;
	add(key, VD_COUNTER_PREFIX, sizeof VD_COUNTER_PREFIX - 1);
	add(key, events->prefix, events->prefix_size);
	add(key, stream.data, stream.size);
}

void vd_events_key_feed(
	struct vd_events_key *key, const struct vd_events *events, const struct vd_events_position *position)
{
	begin(key, events, 'f');
	add(key, position->bytes, sizeof position->bytes);
}

void vd_events_key_run(struct vd_events_key *key, const struct vd_events *events, uint32_t index)
{
	static const uint8_t no_stamp[VD_EVENTS_STAMP_BYTES];
	uint8_t bytes[4];
	begin(key, events, 'f');
	size_t offset = key->size;
	add(key, no_stamp, sizeof no_stamp);
	vd_store_be32(bytes, index);
	add(key, bytes, sizeof bytes);
	vd_store_le32(bytes, (uint32_t)offset);
	add(key, bytes, sizeof bytes);
}

void vd_events_key_request(
	struct vd_events_key *key, const struct vd_events *events, const uint8_t id[16], struct vd_bytes stream)
{
	begin(key, events, 'r');
	add(key, id, 16);
	add(key, stream.data, stream.size);
}

uint64_t vd_events_key_number(struct vd_bytes key)
{
	VD_ASSERT(key.size >= VD_EVENTS_NUMBER_BYTES);
	return vd_load_be64(key.data + key.size - VD_EVENTS_NUMBER_BYTES);
}

bool vd_events_key_position(struct vd_bytes key, struct vd_events_position *position)
{
	if (key.size < sizeof position->bytes)
		return false;
	memcpy(position->bytes, key.data + key.size - sizeof position->bytes, sizeof position->bytes);
	return true;
}

struct vd_events_position vd_events_position_of(const uint8_t stamp[VD_EVENTS_STAMP_BYTES], uint32_t index)
{
	struct vd_events_position position;
	memcpy(position.bytes, stamp, VD_EVENTS_STAMP_BYTES);
	vd_store_be32(position.bytes + VD_EVENTS_STAMP_BYTES, index);
	return position;
}
