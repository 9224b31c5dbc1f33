/* SPDX-License-Identifier: Apache-2.0 */
/* append.c: streams, expectations and events are collected, and checked as they come. */
#include "events/append.h"

#include "common/base/clock.h"
#include "common/base/random.h"
#include "events/record.h"

#include <stdlib.h>
#include <string.h>

struct vd_events_append *vd_events_append_new(struct vd_events *events)
{
	struct vd_events_append *append = calloc(1, sizeof *append);
	if (append == NULL)
		return NULL;
	append->events = vd_events_ref(events);
	atomic_init(&append->references, 1);
	vd_arena_init(&append->arena, SIZE_MAX);
	append->future = vd_future_new(events->database);
	if (append->future == NULL) {
		vd_events_append_unref(append);
		return NULL;
	}
	return append;
}

void vd_events_append_unref(struct vd_events_append *append)
{
	if (atomic_fetch_sub(&append->references, 1) != 1)
		return;
	HASH_CLEAR(hh, append->parts);
	vd_vector_fini(&append->entries);
	vd_arena_fini(&append->arena);
	vd_future_free(append->future);
	vd_events_close(append->events);
	free(append);
}

void vd_events_append_free(struct vd_events_append *append)
{
	if (append != NULL)
		vd_events_append_unref(append);
}

bool vd_events_append_can_repeat(const struct vd_events_append *append)
{
	if (append->has_request_id)
		return true;
	for (const struct vd_events_part *part = append->parts; part != NULL; part = part->hh.next)
		if (part->event_count > 0 && part->expected < 0)
			return false;
	return append->entries.count > 0;
}

/* ---- streams ---- */

static int find(const struct vd_events_append *append, const char *stream, struct vd_bytes *name,
	char room[VD_EVENTS_STREAM_BYTES_MAX + 1], struct vd_events_part **part)
{
	int code = vd_events_stream_name(stream, strlen(stream), room, &name->size);
	name->data = (const uint8_t *)room;
	if (code == 0)
		HASH_FIND(hh, append->parts, room, name->size, *part);
	return code;
}

static int find_to_change(const struct vd_events_append *append, const char *stream, struct vd_bytes *name,
	char room[VD_EVENTS_STREAM_BYTES_MAX + 1], struct vd_events_part **part)
{
	return append->is_begun ? VD_ERROR_CLIENT_INVALID_OPERATION : find(append, stream, name, room, part);
}

int vd_events_append_expect(struct vd_events_append *append, const char *stream, int64_t version)
{
	char room[VD_EVENTS_STREAM_BYTES_MAX + 1];
	struct vd_bytes name;
	struct vd_events_part *part;
	int code = find_to_change(append, stream, &name, room, &part);
	if (code != 0)
		return code;
	if (version < VD_EVENTS_EXISTS)
		return VD_ERROR_INVALID_OPTION_VALUE;
	if (part != NULL)
		return part->expected == version ? 0 : VD_EVENTS_ERROR_STREAM_NAMED_TWICE;
	char *copy = vd_arena_string(&append->arena, room);
	part = VD_ARENA_NEW(&append->arena, struct vd_events_part);
	if (copy == NULL || part == NULL)
		return VD_ERROR_OUT_OF_MEMORY;
	part->name = vd_bytes_of(copy, name.size);
	part->expected = version;
	HASH_ADD_KEYPTR(hh, append->parts, part->name.data, part->name.size, part);
	return 0;
}

/* ---- events ---- */

/* The event's id, its own or a drawn one, in the arena. */
static uint8_t *id_of(struct vd_events_append *append, const struct vd_event_data *data)
{
	uint8_t *id = vd_arena_alloc_bytes(&append->arena, VD_EVENT_ID_BYTES);
	if (id != NULL && data->id != NULL)
		memcpy(id, data->id, VD_EVENT_ID_BYTES);
	else if (id != NULL && !vd_random_bytes(id, VD_EVENT_ID_BYTES))
		return NULL;
	return id;
}

static bool record_of(
	struct vd_events_append *append, const struct vd_event_data *data, struct vd_bytes *record)
{
	struct vd_buffer buffer;
	vd_buffer_init(&buffer, 0);
	vd_events_record_add(&buffer, data, (uint32_t)append->entries.count);
	bool is_good = vd_buffer_ok(&buffer) && vd_bytes_dup(&append->arena, vd_buffer_bytes(&buffer), record);
	vd_buffer_fini(&buffer);
	return is_good;
}

int vd_events_append_event(
	struct vd_events_append *append, const char *stream, const struct vd_event_data *data)
{
	char room[VD_EVENTS_STREAM_BYTES_MAX + 1];
	struct vd_bytes name;
	struct vd_events_part *part;
	int code = find_to_change(append, stream, &name, room, &part);
	if (code != 0)
		return code;
	if (part == NULL)
		return VD_EVENTS_ERROR_STREAM_NOT_NAMED;
	if (vd_events_data_is_invalid(data) || append->entries.count == UINT32_MAX)
		return VD_EVENTS_ERROR_EVENT_INVALID;
	struct vd_event_data whole = *data;
	struct vd_events_entry entry = { .part = part, .id = whole.id = id_of(append, data) };
	if (whole.time_ms == 0)
		whole.time_ms = vd_clock_wall_us() / 1000;
	entry.type = vd_arena_string(&append->arena, data->type);
	if (entry.id == NULL || entry.type == NULL || !record_of(append, &whole, &entry.record) ||
		!vd_vector_push(&append->entries, entry))
		return VD_ERROR_OUT_OF_MEMORY;
	if (part->event_count++ == 0)
		part->first_event = (uint32_t)append->entries.count - 1;
	return 0;
}

int vd_events_append_request_id(struct vd_events_append *append, const uint8_t id[16])
{
	if (append->is_begun)
		return VD_ERROR_CLIENT_INVALID_OPERATION;
	append->has_request_id = true;
	memcpy(append->request_id, id, sizeof append->request_id);
	return 0;
}

/* ---- results ---- */

const char *vd_events_append_message(const struct vd_events_append *append)
{
	return append->message;
}

bool vd_events_append_is_duplicate(const struct vd_events_append *append)
{
	return append->is_duplicate;
}

int vd_events_append_versions(
	const struct vd_events_append *append, const char *stream, int64_t *first, int64_t *last)
{
	char room[VD_EVENTS_STREAM_BYTES_MAX + 1];
	struct vd_bytes name;
	struct vd_events_part *part;
	int code = find(append, stream, &name, room, &part);
	if (code != 0)
		return code;
	if (!append->is_done)
		return VD_ERROR_TRANSACTION_INVALID_VERSION;
	if (part == NULL)
		return VD_EVENTS_ERROR_STREAM_NOT_NAMED;
	*first = part->event_count == 0 ? 0 : part->first_version;
	*last = part->event_count == 0 ? 0 : part->first_version + part->event_count - 1;
	return 0;
}

int vd_events_append_positions(
	const struct vd_events_append *append, struct vd_events_position *first, struct vd_events_position *last)
{
	if (!append->is_done)
		return VD_ERROR_TRANSACTION_INVALID_VERSION;
	if (append->entries.count == 0)
		return VD_ERROR_NO_COMMIT_VERSION;
	*first = append->first_position;
	*last = append->last_position;
	return 0;
}
