/* SPDX-License-Identifier: Apache-2.0 */
/* events.h: an event store on Verdict: streams of events, appended to several at once or not at all, read one by one or all in
 * the order in which they were committed.
 *
 * A store is a part of a database's keys, under a name. A **stream** is a name and events with the versions 1, 2, 3 … without
 * gap; it is there from its first event on. An **append** names streams, says which version it expects of each, and carries
 * events for some of them: it happens whole or not at all. All events of a store have a **position**; the **feed** is all of
 * them in its order, which is the order of the commits: what is read of it is never joined later by an earlier one.
 *
 * Calls that need the database are begun by a call that returns a future. The future is borrowed from the object that it was
 * asked of, and lives as long; it must not be freed. Its error is a number of verdict.h or one from below, and the object has
 * the sentence. Such an object may be freed at any time; what was begun goes on. Threads are those of verdict.h: objects belong
 * to whoever made them, to one thread at a time; between begin and end of a call they belong to the call.
 *
 * Sizes are in bytes, times in milliseconds since 1970 (UTC).
 */
#ifndef VERDICT_EVENTS_H
#define VERDICT_EVENTS_H

#include <verdict/verdict.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vd_events;
struct vd_events_append;
struct vd_events_cursor;

/* ---- Errors ---- */

enum vd_events_error {
	VD_EVENTS_ERROR_WRONG_VERSION = 8001,      /* a stream is not at the version that was expected */
	VD_EVENTS_ERROR_STREAM_INVALID = 8002,     /* no name for a stream */
	VD_EVENTS_ERROR_STREAM_NAMED_TWICE = 8003, /* with different expectations */
	VD_EVENTS_ERROR_STREAM_NOT_NAMED = 8004,   /* an event for a stream that the append does not name */
	VD_EVENTS_ERROR_EVENT_INVALID = 8005,      /* a type, tag or size that no event may have */
	VD_EVENTS_ERROR_PATTERN_INVALID = 8006,    /* no glob */
	VD_EVENTS_ERROR_RECORD_INVALID =
		8007, /* stored bytes that are no event of a format that this library knows */
};

/* A short name, and a sentence; numbers of verdict.h as vd_error_name and vd_error_text. Never NULL. */
VD_PUBLIC const char *vd_events_error_name(int code);
VD_PUBLIC const char *vd_events_error_text(int code);

/* ---- The store ---- */

/* A store of events in a database. name: 1 to 64 of [a-z0-9_-]; NULL: "main". Nothing is created: a store without events
 * is empty. The database must outlive it. 2006 for a name that is none, 1501. */
VD_CHECKED int vd_events_open(struct vd_database *database, const char *name, struct vd_events **out);
/* What was begun goes on and keeps what it needs. */
VD_PUBLIC void vd_events_close(struct vd_events *events);

/* ---- Events ---- */

enum { VD_EVENT_ID_BYTES = 16, VD_EVENTS_POSITION_BYTES = 14, VD_EVENTS_TAGS_MAX = 32 };

/* Where an event stands among all: compared by memcmp. All zero lies before the first. */
struct vd_events_position {
	uint8_t bytes[VD_EVENTS_POSITION_BYTES];
};

struct vd_event_bytes {
	const void *data;
	size_t size;
};

/* What an append brings. Names are UTF-8, NUL-terminated. */
struct vd_event_data {
	const uint8_t *id;        /* VD_EVENT_ID_BYTES; NULL: one is drawn */
	const char *type;         /* 1 to 255 bytes, no NUL inside */
	const char *content_type; /* up to 255 bytes; NULL: "" */
	struct vd_event_bytes metadata;
	struct vd_event_bytes payload;
	const char *const *tags; /* each 1 to 255 bytes, no two alike, VD_EVENTS_TAGS_MAX at most */
	size_t tag_count;
	int64_t time_ms; /* 0: now, by this machine's clock */
};

/* One that was read; borrowed from whatever gave it. Strings are NUL-terminated. */
struct vd_event {
	const char *stream;
	int64_t version;
	struct vd_events_position position;
	uint8_t id[VD_EVENT_ID_BYTES];
	const char *type;
	const char *content_type;
	struct vd_event_bytes metadata;
	struct vd_event_bytes payload;
	const char *const *tags;
	size_t tag_count;
	int64_t time_ms;
};

/* ---- Streams ---- */

enum { VD_EVENTS_STREAM_BYTES_MAX = 1020 };

/* A stream's name without the white space around it, NUL-terminated: 1 to 255 characters of UTF-8, none of * ? [ ] and no NUL.
 * 8002 if it is none. */
VD_CHECKED int vd_events_stream_name(
	const char *given, size_t size, char name[VD_EVENTS_STREAM_BYTES_MAX + 1], size_t *name_size);

/* ---- Appending ---- */

/* What is expected of a stream besides an exact version from 1 on. */
enum {
	VD_EVENTS_NO_STREAM = 0,
	VD_EVENTS_ANY = -1,
	VD_EVENTS_EXISTS = -2,
};

/* NULL: no memory. The append holds copies of all that it is given. */
VD_PUBLIC struct vd_events_append *vd_events_append_new(struct vd_events *events);
VD_PUBLIC void vd_events_append_free(struct vd_events_append *append);

/* Names a stream, also one that gets no event, and what is expected of its version. 8002; 8003 if it was named with another
 * expectation; 2006 for an expectation that is none; 2000 once the append was begun; 1501. */
VD_CHECKED int vd_events_append_expect(struct vd_events_append *append, const char *stream, int64_t version);

/* An event for a stream that was named. 8002, 8004, 8005, 2000, 1501. */
VD_CHECKED int vd_events_append_event(
	struct vd_events_append *append, const char *stream, const struct vd_event_data *event);

/* A number of the caller's for an append with expectations that it would meet again, so that it is done once however often it
 * is tried: a second append with this id succeeds as a duplicate of the first. id: 16 bytes. Not needed where all streams that
 * get events are expected at exact versions (or not to exist) and the events bring their ids. */
VD_CHECKED int vd_events_append_request_id(struct vd_events_append *append, const uint8_t id[16]);

/* Begins it: all of it or nothing, in one commit. Without a stream it is 2000. Ends with 0; 8001 (vd_events_append_message names
 * the stream and its version); or an error of a commit. An append whose events stand where they would be written, by their ids,
 * and one whose request id is known, end with 0: vd_events_append_is_duplicate. One that can be told from its duplicate (by either)
 * is tried again after a commit of unknown end (1021); others end with 1021. */
VD_CHECKED struct vd_future *vd_events_append_begin(struct vd_events_append *append);

/* After its end. The sentence of its error, "" without one. */
VD_PUBLIC const char *vd_events_append_message(const struct vd_events_append *append);
VD_PUBLIC bool vd_events_append_is_duplicate(const struct vd_events_append *append);
/* The versions of the events that a stream got; both 0 if it got none. 2020 if the append did not end with 0, 8004. */
VD_CHECKED int vd_events_append_versions(
	const struct vd_events_append *append, const char *stream, int64_t *first, int64_t *last);
/* The positions of its first and last event; 2021 if it had none. */
VD_CHECKED int vd_events_append_positions(
	const struct vd_events_append *append, struct vd_events_position *first, struct vd_events_position *last);

/* ---- Reading ---- */

/* Which events of the feed: those for which all that is given holds. */
struct vd_events_filter {
	const char *prefix;  /* the stream's name begins so; no wildcard in it. NULL: any */
	const char *pattern; /* the stream's name is meant by this glob: `*`, `?`, `[a-z]`, `[!a-z]`. NULL: any */
	const char *const *types; /* the type is one of these */
	size_t type_count;        /* 0: any */
};

/* The events of a stream from a version on (from 1; 0: its first, or in reverse its last), at most `limit` (0: all), newest first
 * if is_reverse. A stream that is not there has none. transaction: all is read in its snapshot and under its conflict rules, and
 * it must outlive the cursor; NULL: in snapshots of the cursor's own, one after the other, so that a stream of any length can
 * be read for as long as it takes, and what is appended meanwhile is read too. 8002, 2006 for a version or limit below 0, 1501. */
VD_CHECKED int vd_events_read_stream(struct vd_events *events, struct vd_transaction *transaction,
	const char *stream, int64_t from, int64_t limit, bool is_reverse, struct vd_events_cursor **out);

/* The feed behind a position (NULL: from the beginning), at most `limit` events that the filter lets through (NULL: all).
 * transaction as above; the feed's tail is written by every append, so a transaction that read it is in conflict with each,
 * but with is_snapshot. 8006, 2006, 1501. */
VD_CHECKED int vd_events_read_feed(struct vd_events *events, struct vd_transaction *transaction,
	const struct vd_events_filter *filter, const struct vd_events_position *after, int64_t limit,
	bool is_snapshot, struct vd_events_cursor **out);

/* The next events, read ahead while the caller looks at those before. The future is borrowed until the next call of this, which
 * gives the same one until that has ended. Ends with 0, an error of a read, or 8007; after an
 * error it has no events, and the next call asks for the same ones again. NULL: no memory. */
VD_CHECKED struct vd_future *vd_events_cursor_next(struct vd_events_cursor *cursor);
/* What the last one brought, borrowed until the next one is asked for: at least one event, or none, and then
 * these were all that there are yet. A page holds 120,000 bytes of what is stored, or one event; the cursor about three of them, whatever the length
 * of the stream. */
VD_PUBLIC const struct vd_event *vd_events_cursor_events(
	const struct vd_events_cursor *cursor, size_t *count);
/* Of the feed: the position up to which all was given or passed over; to be handed to vd_events_read_feed to go on. */
VD_PUBLIC struct vd_events_position vd_events_cursor_position(const struct vd_events_cursor *cursor);
/* The sentence of the last error. */
VD_PUBLIC const char *vd_events_cursor_message(const struct vd_events_cursor *cursor);
VD_PUBLIC void vd_events_cursor_free(struct vd_events_cursor *cursor);

#ifdef __cplusplus
}
#endif

#endif
