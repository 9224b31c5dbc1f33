/* SPDX-License-Identifier: Apache-2.0 */
/* cursor.c: see cursor.h. */
#include "events/cursor.h"

#include "events/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void advance(struct vd_events_cursor *cursor);
static void fetch(struct vd_events_cursor *cursor);
static void fetched(struct vd_events_cursor *cursor);

/* ---- life ---- */

int vd_events_cursor_new(struct vd_events *events, struct vd_transaction *transaction,
	const struct vd_events_source *source, int64_t limit, struct vd_events_cursor **out)
{
	if (limit < 0)
		return VD_ERROR_INVALID_OPTION_VALUE;
	struct vd_events_cursor *cursor = calloc(1, sizeof *cursor);
	if (cursor == NULL)
		return VD_ERROR_OUT_OF_MEMORY;
	cursor->events = vd_events_ref(events);
	atomic_init(&cursor->references, 1);
	vd_arena_init(&cursor->names, SIZE_MAX);
	vd_arena_init(&cursor->arena, SIZE_MAX);
	cursor->source = source;
	cursor->at.left = limit == 0 ? -1 : limit;
	cursor->owns_transaction = cursor->is_snapshot = transaction == NULL;
	cursor->transaction = transaction;
	int code = transaction == NULL ? vd_transaction_new(events->database, &cursor->transaction) : 0;
	if (code != 0)
		vd_events_cursor_free(cursor);
	else
		*out = cursor;
	return code;
}

static void page_clear(struct vd_events_cursor *cursor)
{
	for (size_t i = 0; i < cursor->fetches.count; i++)
		vd_future_free(cursor->fetches.items[i].future);
	cursor->fetches.count = cursor->page.count = 0;
	vd_future_free(cursor->rows);
	cursor->rows = NULL;
	vd_arena_reset(&cursor->arena);
}

static void iterator_drop(struct vd_events_cursor *cursor)
{
	if (cursor->iterator != NULL)
		vd_iterator_free(cursor->iterator);
	cursor->iterator = NULL;
}

static void cursor_unref(struct vd_events_cursor *cursor)
{
	if (atomic_fetch_sub(&cursor->references, 1) != 1)
		return;
	page_clear(cursor);
	iterator_drop(cursor);
	if (cursor->owns_transaction && cursor->transaction != NULL)
		vd_transaction_free(cursor->transaction);
	vd_future_free(cursor->told);
	vd_vector_fini(&cursor->page);
	vd_vector_fini(&cursor->fetches);
	vd_arena_fini(&cursor->names);
	vd_arena_fini(&cursor->arena);
	vd_events_close(cursor->events);
	free(cursor);
}

void vd_events_cursor_free(struct vd_events_cursor *cursor)
{
	if (cursor != NULL)
		cursor_unref(cursor);
}

/* ---- the page ---- */

struct vd_event *vd_events_cursor_add(struct vd_events_cursor *cursor)
{
	if (!vd_vector_push(&cursor->page, (struct vd_event){ 0 }))
		return NULL;
	if (cursor->at.left > 0)
		cursor->at.left--;
	return &cursor->page.items[cursor->page.count - 1];
}

bool vd_events_cursor_fill(struct vd_events_cursor *cursor, struct vd_event *event, struct vd_bytes record)
{
	const char *tags[VD_EVENTS_TAGS_MAX];
	struct vd_event own = *event;
	if (!vd_events_record_read(record, event, tags))
		return false;
	event->stream = own.stream;
	event->version = own.version;
	const char **kept = vd_arena_array(&cursor->arena, event->tag_count + 1, sizeof *kept);
	if (kept == NULL)
		return false;
	memcpy(kept, tags, event->tag_count * sizeof *kept);
	event->tags = kept;
	return true;
}

static void end(struct vd_events_cursor *cursor, int code, const char *message)
{
	if (message != cursor->message)
		snprintf(cursor->message, sizeof cursor->message, "%s", message);
	if (code != 0) { /* nothing of the page was given: it comes again */
		iterator_drop(cursor);
		page_clear(cursor);
		cursor->at = cursor->page_at;
	}
	vd_future_end(cursor->told, code);
	cursor_unref(cursor);
}

/* ---- what fails ---- */

static void on_waited(struct vd_future *future, void *arg)
{
	struct vd_events_cursor *cursor = arg;
	int code = vd_future_error(future);
	vd_future_free(future);
	if (code != 0)
		end(cursor, code, cursor->message);
	else if (cursor->fetches.count > 0)
		fetch(cursor);
	else
		advance(cursor);
}

/* A transaction of the cursor's own begins again where it was; the caller's is the caller's. */
static void failed(struct vd_events_cursor *cursor, int code, const char *message)
{
	struct vd_future *wait;
	snprintf(cursor->message, sizeof cursor->message, "%s", message);
	if (!cursor->owns_transaction) {
		end(cursor, code, cursor->message);
		return;
	}
	iterator_drop(cursor);
	wait = vd_transaction_on_error(cursor->transaction, code);
	if (wait != NULL)
		vd_future_on_ready(wait, on_waited, cursor);
	else
		end(cursor, VD_ERROR_OUT_OF_MEMORY, vd_error_text(VD_ERROR_OUT_OF_MEMORY));
}

/* ---- fetches ---- */

bool vd_events_cursor_fetch(
	struct vd_events_cursor *cursor, size_t place, struct vd_bytes stream, uint64_t number)
{
	struct vd_events_key *key = VD_ARENA_NEW(&cursor->arena, struct vd_events_key);
	struct vd_events_fetch fetch = { .place = place, .key = key };
	if (key == NULL)
		return false;
	vd_events_key_event(key, cursor->events, stream, number);
	return vd_vector_push(&cursor->fetches, fetch);
}

static void on_fetched(struct vd_future *future, void *arg)
{
	struct vd_events_cursor *cursor = arg;
	(void)future;
	if (--cursor->pending == 0)
		fetched(cursor);
}

/* Asks for what was not asked for yet, or in vain. */
static void fetch(struct vd_events_cursor *cursor)
{
	cursor->pending = 1;
	for (size_t i = 0; i < cursor->fetches.count; i++) {
		struct vd_events_fetch *fetch = &cursor->fetches.items[i];
		if (fetch->future != NULL && vd_future_error(fetch->future) == 0)
			continue;
		vd_future_free(fetch->future);
		fetch->future =
			vd_transaction_get(cursor->transaction, fetch->key->data, fetch->key->size, cursor->is_snapshot);
		if (fetch->future == NULL)
			continue;
		cursor->pending++;
		vd_future_on_ready(fetch->future, on_fetched, cursor);
	}
	if (--cursor->pending == 0)
		fetched(cursor);
}

/* What was removed from its stream meanwhile is no event any more. */
static bool place_fetched(struct vd_events_cursor *cursor)
{
	size_t kept = 0;
	for (size_t i = 0, f = 0; i < cursor->page.count; i++) {
		struct vd_event *event = &cursor->page.items[i];
		bool is_there = true;
		struct vd_bytes value;
		if (f < cursor->fetches.count && cursor->fetches.items[f].place == i) {
			const struct vd_future *future = cursor->fetches.items[f++].future;
			if (vd_future_get_value(future, &is_there, &value.data, &value.size) != 0)
				return false;
			if (is_there && !vd_events_cursor_fill(cursor, event, value))
				return false;
		}
		if (is_there)
			cursor->page.items[kept++] = *event;
		else if (cursor->at.left >= 0)
			cursor->at.left++;
	}
	cursor->page.count = kept;
	return true;
}

static void fetched(struct vd_events_cursor *cursor)
{
	for (size_t i = 0; i < cursor->fetches.count; i++) {
		const struct vd_future *future = cursor->fetches.items[i].future;
		int code = vd_future_error(future);
		if (code != 0) {
			failed(cursor, code, vd_future_message(future));
			return;
		}
	}
	if (!place_fetched(cursor))
		end(cursor, VD_EVENTS_ERROR_RECORD_INVALID, vd_events_error_text(VD_EVENTS_ERROR_RECORD_INVALID));
	else if (cursor->page.count == 0 && cursor->iterator != NULL)
		advance(cursor);
	else
		end(cursor, 0, "");
}

/* ---- rows ---- */

static void on_rows(struct vd_future *future, void *arg)
{
	struct vd_events_cursor *cursor = arg;
	const struct vd_row *rows;
	size_t count = 0;
	bool more = false;
	int code = vd_future_get_rows(future, &rows, &count, &more);
	if (code != 0) {
		failed(cursor, code, vd_future_message(future));
		return;
	}
	for (size_t i = 0; i < count && code == 0 && cursor->at.left != 0; i++)
		code = cursor->source->decode(cursor, &rows[i]);
	if (!more || cursor->at.left == 0) {
		iterator_drop(cursor);
		cursor->is_at_end = true;
	}
	if (code != 0)
		end(cursor, code, vd_events_error_text(code));
	else if (cursor->fetches.count > 0)
		fetch(cursor);
	else if (cursor->page.count == 0 && cursor->iterator != NULL)
		advance(cursor);
	else
		end(cursor, 0, "");
}

static int iterator_open(struct vd_events_cursor *cursor)
{
	struct vd_selector begin, end;
	struct vd_range_options options = { .reverse = cursor->is_reverse, .snapshot = cursor->is_snapshot };
	bool is_limited = cursor->source == &vd_events_source_stream && cursor->at.left > 0;
	options.limit = !is_limited ? 0 : cursor->at.left > INT32_MAX ? INT32_MAX : (int)cursor->at.left;
	cursor->source->range(cursor, &begin, &end);
	return vd_iterator_new(cursor->transaction, &begin, &end, &options, &cursor->iterator);
}

static void advance(struct vd_events_cursor *cursor)
{
	page_clear(cursor);
	int code = cursor->iterator == NULL ? iterator_open(cursor) : 0;
	if (code == 0 && (cursor->rows = vd_iterator_next(cursor->iterator)) == NULL)
		code = VD_ERROR_OUT_OF_MEMORY;
	if (code == 0)
		vd_future_on_ready(cursor->rows, on_rows, cursor);
	else
		end(cursor, code, vd_events_error_text(code));
}

struct vd_future *vd_events_cursor_next(struct vd_events_cursor *cursor)
{
	if (cursor->told != NULL && !vd_future_is_ready(cursor->told))
		return cursor->told;
	struct vd_future *told = vd_future_new(cursor->events->database);
	if (told == NULL)
		return NULL;
	vd_future_free(cursor->told);
	cursor->told = told;
	page_clear(cursor);
	cursor->page_at = cursor->at;
	atomic_fetch_add(&cursor->references, 1);
	if (cursor->at.left == 0 || (cursor->is_at_end && !cursor->owns_transaction)) {
		end(cursor, 0, "");
		return told;
	}
	if (cursor->is_at_end) /* what came since */
		vd_transaction_reset(cursor->transaction);
	cursor->is_at_end = false;
	advance(cursor);
	return told;
}

/* ---- what it has ---- */

const struct vd_event *vd_events_cursor_events(const struct vd_events_cursor *cursor, size_t *count)
{
	*count = cursor->page.count;
	return cursor->page.items;
}

struct vd_events_position vd_events_cursor_position(const struct vd_events_cursor *cursor)
{
	return cursor->at.position;
}

const char *vd_events_cursor_message(const struct vd_events_cursor *cursor)
{
	return cursor->message;
}
