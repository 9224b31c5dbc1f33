/* SPDX-License-Identifier: Apache-2.0 */
/* feed.c: the rows of the feed, and its filter. A row is judged by what it says itself, so what the filter does not let
 * through costs no further read. */
#include "events/cursor.h"
#include "events/names.h"
#include "events/run.h"

#include "common/base/endian.h"

#include <stdlib.h>
#include <string.h>

static void range(const struct vd_events_cursor *cursor, struct vd_selector *begin, struct vd_selector *end)
{
	static const struct vd_events_position start;
	bool is_start = memcmp(&cursor->at.position, &start, sizeof start) == 0;
	/* the event at the position may stand in the middle of a row */
	*begin = is_start ? vd_first_greater_or_equal(cursor->at.first.data, cursor->at.first.size)
					  : vd_last_less_or_equal(cursor->at.first.data, cursor->at.first.size);
	*end = vd_first_greater_or_equal(cursor->at.last.data, cursor->at.last.size);
}

/* ---- the filter ---- */

static bool lets_stream(const struct vd_events_cursor *cursor, struct vd_bytes stream)
{
	return vd_bytes_has_prefix(stream, cursor->prefix) &&
		   (cursor->pattern.size == 0 || vd_glob_matches(cursor->pattern, stream));
}

static bool lets_type(const struct vd_events_cursor *cursor, const char *type)
{
	for (size_t i = 0; i < cursor->type_count; i++)
		if (strcmp(cursor->types[i], type) == 0)
			return true;
	return cursor->type_count == 0;
}

/* ---- rows ---- */

static int add_event(struct vd_events_cursor *cursor, const struct vd_events_run *run, uint32_t i,
	struct vd_events_position position, struct vd_bytes record)
{
	struct vd_event *event = vd_events_cursor_add(cursor);
	if (event == NULL)
		return VD_ERROR_OUT_OF_MEMORY;
	if (record.size > 0 && !vd_events_cursor_fill(cursor, event, record))
		return VD_EVENTS_ERROR_RECORD_INVALID;
	event->stream = run->stream;
	event->version = (int64_t)(run->first_number + i) + 1;
	event->position = position;
	if (record.size > 0)
		return 0;
	return vd_events_cursor_fetch(cursor, cursor->page.count - 1, vd_bytes_of(run->stream, run->stream_size),
			   run->first_number + i)
			   ? 0
			   : VD_ERROR_OUT_OF_MEMORY;
}

static int decode(struct vd_events_cursor *cursor, const struct vd_row *row)
{
	struct vd_bytes key = vd_bytes_of(row->key, row->key_size), record;
	struct vd_events_position at;
	struct vd_events_run run;
	const char *type;
	size_t space = cursor->events->prefix_size + 1;
	if (key.size != space + sizeof at.bytes || memcmp(key.data, cursor->at.last.data, space) != 0)
		return 0; /* what lies before the feed */
	if (!vd_events_key_position(key, &at) ||
		!vd_events_run_read(vd_bytes_of(row->value, row->value_size), &run))
		return VD_EVENTS_ERROR_RECORD_INVALID;
	bool lets = lets_stream(cursor, vd_bytes_of(run.stream, run.stream_size));
	uint32_t index = vd_load_be32(at.bytes + VD_EVENTS_STAMP_BYTES);
	int code = 0;
	for (uint32_t i = 0; i < run.count && code == 0 && cursor->at.left != 0; i++) {
		struct vd_events_position position = vd_events_position_of(at.bytes, index + i);
		if (!vd_events_run_next(&run, &type, &record))
			return VD_EVENTS_ERROR_RECORD_INVALID;
		if (memcmp(&position, &cursor->at.position, sizeof position) <= 0)
			continue;
		if (lets && lets_type(cursor, type))
			code = add_event(cursor, &run, i, position, record);
		cursor->at.position = position;
	}
	vd_events_key_feed(&cursor->at.first, cursor->events, &cursor->at.position);
	return code;
}

const struct vd_events_source vd_events_source_feed = { .range = range, .decode = decode };

/* ---- opening ---- */

static bool copy_filter(struct vd_events_cursor *cursor, const struct vd_events_filter *filter)
{
	if (!vd_bytes_dup(&cursor->names, vd_bytes_of_string(filter->prefix), &cursor->prefix) ||
		!vd_bytes_dup(&cursor->names, vd_bytes_of_string(filter->pattern), &cursor->pattern))
		return false;
	cursor->types = vd_arena_array(&cursor->names, filter->type_count + 1, sizeof *cursor->types);
	cursor->type_count = filter->type_count;
	for (size_t i = 0; cursor->types != NULL && i < filter->type_count; i++)
		if ((cursor->types[i] = vd_arena_string(&cursor->names, filter->types[i])) == NULL)
			return false;
	return cursor->types != NULL;
}

int vd_events_read_feed(struct vd_events *events, struct vd_transaction *transaction,
	const struct vd_events_filter *filter, const struct vd_events_position *after, int64_t limit,
	bool is_snapshot, struct vd_events_cursor **out)
{
	static const struct vd_events_position start;
	struct vd_events_position end;
	struct vd_events_cursor *cursor;
	if (filter != NULL && filter->pattern != NULL && !vd_glob_is_valid(vd_bytes_of_string(filter->pattern)))
		return VD_EVENTS_ERROR_PATTERN_INVALID;
	int code = vd_events_cursor_new(events, transaction, &vd_events_source_feed, limit, &cursor);
	if (code != 0)
		return code;
	if (filter != NULL && !copy_filter(cursor, filter)) {
		vd_events_cursor_free(cursor);
		return VD_ERROR_OUT_OF_MEMORY;
	}
	memset(&end, 0xff, sizeof end);
	cursor->is_snapshot = is_snapshot;
	cursor->at.position = after == NULL ? start : *after;
	vd_events_key_feed(&cursor->at.first, events, &cursor->at.position);
	vd_events_key_feed(&cursor->at.last, events, &end);
	*out = cursor;
	return 0;
}
