/* SPDX-License-Identifier: Apache-2.0 */
/* record.c: see record.h. */
#include "events/record.h"

#include "common/base/endian.h"
#include "events/take.h"

#include <string.h>

enum { FORMAT = 1, NAME_MAX_BYTES = 255 };

/* ---- writing ---- */

static bool is_name(const char *name, size_t least)
{
	size_t size = name == NULL ? 0 : strnlen(name, NAME_MAX_BYTES + 1);
	return size >= least && size <= NAME_MAX_BYTES;
}

bool vd_events_data_is_invalid(const struct vd_event_data *data)
{
	if (!is_name(data->type, 1) || !is_name(data->content_type, 0) || data->tag_count > VD_EVENTS_TAGS_MAX ||
		data->metadata.size > UINT32_MAX)
		return true;
	for (size_t i = 0; i < data->tag_count; i++) {
		if (!is_name(data->tags[i], 1))
			return true;
		for (size_t j = 0; j < i; j++)
			if (strcmp(data->tags[i], data->tags[j]) == 0)
				return true;
	}
	return false;
}

void vd_events_record_add(struct vd_buffer *buffer, const struct vd_event_data *data, uint32_t index)
{
	static const uint8_t no_stamp[VD_EVENTS_STAMP_BYTES];
	vd_buffer_add_byte(buffer, FORMAT);
	vd_buffer_add(buffer, vd_bytes_of(no_stamp, sizeof no_stamp));
	vd_buffer_add_be32(buffer, index);
	vd_buffer_add_be64(buffer, (uint64_t)data->time_ms);
	vd_buffer_add(buffer, vd_bytes_of(data->id, VD_EVENT_ID_BYTES));
	vd_buffer_add_name(buffer, data->type);
	vd_buffer_add_name(buffer, data->content_type);
	vd_buffer_add_byte(buffer, (uint8_t)data->tag_count);
	for (size_t i = 0; i < data->tag_count; i++)
		vd_buffer_add_name(buffer, data->tags[i]);
	vd_buffer_add_be32(buffer, (uint32_t)data->metadata.size);
	vd_buffer_add(buffer, vd_bytes_of(data->metadata.data, data->metadata.size));
	vd_buffer_add(buffer, vd_bytes_of(data->payload.data, data->payload.size));
}

/* ---- reading ---- */

static bool take_tags(struct vd_bytes *from, struct vd_event *event, const char **tags)
{
	const uint8_t *count = vd_take(from, 1);
	if (count == NULL || *count > VD_EVENTS_TAGS_MAX)
		return false;
	for (size_t i = 0; i < *count; i++) {
		const char *tag = vd_take_name(from);
		if (tag == NULL)
			return false;
		if (tags != NULL)
			tags[i] = tag;
	}
	event->tags = tags;
	event->tag_count = tags == NULL ? 0 : *count;
	return true;
}

bool vd_events_record_read(struct vd_bytes record, struct vd_event *event, const char **tags)
{
	const uint8_t *format = vd_take(&record, 1);
	if (format == NULL || *format != FORMAT)
		return false;
	const uint8_t *position = vd_take(&record, sizeof event->position.bytes);
	const uint8_t *time = vd_take(&record, sizeof(uint64_t));
	const uint8_t *id = vd_take(&record, VD_EVENT_ID_BYTES);
	*event = (struct vd_event){ 0 };
	event->type = vd_take_name(&record);
	event->content_type = vd_take_name(&record);
	if (position == NULL || time == NULL || id == NULL || event->type == NULL ||
		event->content_type == NULL || !take_tags(&record, event, tags))
		return false;
	const uint8_t *metadata_size = vd_take(&record, sizeof(uint32_t));
	if (metadata_size == NULL)
		return false;
	event->metadata.size = vd_load_be32(metadata_size);
	event->metadata.data = vd_take(&record, event->metadata.size);
	if (event->metadata.data == NULL)
		return false;
	event->payload = (struct vd_event_bytes){ record.data, record.size };
	memcpy(event->position.bytes, position, sizeof event->position.bytes);
	memcpy(event->id, id, sizeof event->id);
	event->time_ms = (int64_t)vd_load_be64(time);
	return true;
}
