/* SPDX-License-Identifier: Apache-2.0 */
/* cursor.h: pages of events, from rows as they come.
 *
 *   cursor.c    rows: an iterator, opened anew behind the last row when its snapshot has grown old
 *   stream.c    of rows of a stream, events
 *   feed.c      of rows of the feed, events; what a row does not hold is fetched from the streams
 *
 * A page is: rows come ─▶ decode ─▶ fetch (what is missing) ─▶ told. Rows that give no event are followed by more.
 */
#ifndef VD_EVENTS_CURSOR_H
#define VD_EVENTS_CURSOR_H

#include "common/base/arena.h"
#include "common/base/vector.h"
#include "events/keys.h"

/* How rows become events. */
struct vd_events_source {
	/* Where rows are, in what remains. */
	void (*range)(const struct vd_events_cursor *cursor, struct vd_selector *begin, struct vd_selector *end);
	/* Adds a row's events. 0, or 8007. */
	int (*decode)(struct vd_events_cursor *cursor, const struct vd_row *row);
};

extern const struct vd_events_source vd_events_source_stream, vd_events_source_feed;

/* An event of the page whose record lies elsewhere. */
struct vd_events_fetch {
	size_t place; /* among the page's events */
	const struct vd_events_key *key;
	struct vd_future *future;
};

/* How far a cursor is. */
struct vd_events_place {
	int64_t left;                       /* how many events may still be given; −1: any number */
	struct vd_events_key first, last;   /* rows are in [first, last); what was consumed is cut off */
	struct vd_events_position position; /* of the feed: all up to it was given or passed over */
};

struct vd_events_cursor {
	const struct vd_events_source *source;
	struct vd_events *events;
	atomic_uint references; /* the user's, and one while a page is under way */
	struct vd_transaction *transaction;
	bool owns_transaction;
	bool is_snapshot;
	bool is_reverse;
	struct vd_events_place at;
	struct vd_events_place page_at; /* where it stood before the page; an error puts it back */
	/* the stream's, or the feed's filter; in names */
	struct vd_arena names;
	struct vd_bytes stream;
	struct vd_bytes prefix, pattern;
	const char **types;
	size_t type_count;
	/* the page */
	struct vd_iterator *iterator;
	struct vd_future *rows;
	struct vd_future *told;
	bool is_at_end; /* of its snapshot */
	struct {
		VD_VECTOR(struct vd_event);
	} page;
	struct {
		VD_VECTOR(struct vd_events_fetch);
	} fetches;
	size_t pending;
	struct vd_arena arena; /* of the page */
	char message[256];
};

/* A place for an event on the page; NULL without memory. */
struct vd_event *vd_events_cursor_add(struct vd_events_cursor *cursor);

/* Has the record of an event of the page fetched from its stream. False without memory. */
bool vd_events_cursor_fetch(
	struct vd_events_cursor *cursor, size_t place, struct vd_bytes stream, uint64_t number);

/* An event's record, into its place, of which stream, version and position stay. False: it is none. */
bool vd_events_cursor_fill(struct vd_events_cursor *cursor, struct vd_event *event, struct vd_bytes record);

/* A cursor with its own or the caller's transaction; its source and range are still to be set. */
int vd_events_cursor_new(struct vd_events *events, struct vd_transaction *transaction,
	const struct vd_events_source *source, int64_t limit, struct vd_events_cursor **out);

#endif
