/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c: the rows of a stream. */
#include "events/cursor.h"

#include <stdlib.h>
#include <string.h>

static void range(const struct vd_events_cursor *cursor, struct vd_selector *begin, struct vd_selector *end)
{
	*begin = vd_first_greater_or_equal(cursor->at.first.data, cursor->at.first.size);
	*end = vd_first_greater_or_equal(cursor->at.last.data, cursor->at.last.size);
}

static int decode(struct vd_events_cursor *cursor, const struct vd_row *row)
{
	struct vd_event *event = vd_events_cursor_add(cursor);
	if (event == NULL)
		return VD_ERROR_OUT_OF_MEMORY;
	uint64_t number = vd_events_key_number(vd_bytes_of(row->key, row->key_size));
	if (!vd_events_cursor_fill(cursor, event, vd_bytes_of(row->value, row->value_size)))
		return VD_EVENTS_ERROR_RECORD_INVALID;
	event->stream = (const char *)cursor->stream.data;
	event->version = (int64_t)number + 1;
	if (cursor->is_reverse)
		vd_events_key_event(&cursor->at.last, cursor->events, cursor->stream, number);
	else
		vd_events_key_event(&cursor->at.first, cursor->events, cursor->stream, number + 1);
	return 0;
}

const struct vd_events_source vd_events_source_stream = { .range = range, .decode = decode };

int vd_events_read_stream(struct vd_events *events, struct vd_transaction *transaction, const char *stream,
	int64_t from, int64_t limit, bool is_reverse, struct vd_events_cursor **out)
{
	char name[VD_EVENTS_STREAM_BYTES_MAX + 1];
	size_t size;
	struct vd_events_cursor *cursor;
	int code = vd_events_stream_name(stream, strlen(stream), name, &size);
	if (code == 0 && from < 0)
		code = VD_ERROR_INVALID_OPTION_VALUE;
	if (code == 0)
		code = vd_events_cursor_new(events, transaction, &vd_events_source_stream, limit, &cursor);
	if (code != 0)
		return code;
	if (!vd_bytes_dup(&cursor->names, vd_bytes_of(name, size + 1), &cursor->stream)) {
		vd_events_cursor_free(cursor);
		return VD_ERROR_OUT_OF_MEMORY;
	}
	cursor->stream.size = size;
	cursor->is_reverse = is_reverse;
	uint64_t first = from == 0 || is_reverse ? 0 : (uint64_t)from - 1;
	uint64_t end = from == 0 || !is_reverse ? INT64_MAX : (uint64_t)from;
	vd_events_key_event(&cursor->at.first, events, cursor->stream, first);
	vd_events_key_event(&cursor->at.last, events, cursor->stream, end);
	*out = cursor;
	return 0;
}
