/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: who reads in which snapshot, over few connections.
 *
 * 1. A transaction begins to read by joining the *next* snapshot: the one of which no statement was sent yet. All that join
 *    it until a connection is free for it share it. Nobody joins later: so whatever was acknowledged before a transaction
 *    began is in its snapshot. But a transaction that was told its read version joins a snapshot that is held at exactly that
 *    version; without one, the next, which is its own only if the store still stands there.
 * 2. A snapshot is one transaction block on one connection, REPEATABLE READ READ ONLY. Its first statement reads the
 *    watermark: that is the read version of all its members.
 * 3. Reads are sent in the loop's next turn, together with all that the same turn brought: point reads of one snapshot as one
 *    `key = ANY`, everything pipelined. Nobody waits for the answer of another's read.
 * 4. A snapshot ends when its last member left, or after VD_SNAPSHOT_AGE_MS; then reads that were not sent, and later ones,
 *    end with 1007, but what was read is good. Or it is lost (connection, SQL error): 1007 for all its members.
 * 5. A long snapshot has one member (or several that asked for its version), a connection of its own, and no age. There are
 *    max_long_snapshots at most.
 * 6. A member leaves before it waits for anything else than a read. So whoever waits for a connection waits at most as long as
 *    a snapshot may be old.
 *
 * The functions but open and close may be called from any thread, under the guard; statements go out from the loop.
 */
#ifndef VD_FOLLOWER_SNAPSHOT_SNAPSHOT_H
#define VD_FOLLOWER_SNAPSHOT_SNAPSHOT_H

#include "common/kv/request.h"
#include "follower/scan.h"

#include <sys/queue.h>

struct vd_database;
struct vd_snapshot;
struct vd_snapshots;

enum { VD_SNAPSHOT_AGE_MS = 5000 };

/* On the loop, or before it runs. NULL without memory. Connections are opened when they are needed. */
VD_MUST_USE struct vd_snapshots *vd_snapshots_open(struct vd_database *database);
/* On the loop, when no member is left. Holds the database until the connections are closed, then frees itself. */
void vd_snapshots_close(struct vd_snapshots *snapshots);
/* Before the loop ever ran. */
void vd_snapshots_abort(struct vd_snapshots *snapshots);

/* One transaction's place; embedded. All zero: has not begun. */
struct vd_member {
	struct vd_snapshot *snapshot; /* NULL: has not begun, has left, or the snapshot is over */
	TAILQ_ENTRY(vd_member) link;
	bool is_long;       /* set before it begins: it takes a long snapshot */
	bool is_lock_aware; /* likewise: it reads also while the store is locked */
	uint64_t asked;     /* likewise: the one version that it reads at; 0: whichever comes */
	bool has_version;   /* the read version is known, and stays known when the snapshot is over */
	bool has_term;      /* and the term that it was read in; not for one that was asked for and not found */
	uint8_t term[VD_TERM_BYTES];
	uint64_t version;
	/* The snapshot ended before the member left: 1007 (1009 if the version asked for does not exist yet, 1038 if the store was
	 * locked there, 7002 if the store
	 * cannot be read at all), and why. With is_lost, what was read is not to be used either. */
	int code;
	bool is_lost;
	char message[200];
};

/* Begins. Only once, until the member is all zero again. 0; 7003 if there are as many long snapshots as may be; or no
 * memory. */
VD_MUST_USE int vd_member_join(struct vd_snapshots *snapshots, struct vd_member *member);
/* Does nothing if it is in none. Its reads must have ended or been cancelled. */
void vd_member_leave(struct vd_member *member);

/* ---- Reads ---- */

struct vd_fetch;

struct vd_fetched {
	int code; /* 0, 1007, 1009, 1038 or 7002 */
	const char *message;
	/* of a key; borrowed until the handler returns */
	bool is_present;
	struct vd_bytes value;
	/* of a range, in the direction asked for; borrowed likewise. Complete: these are all that there are. */
	const struct vd_stored_row *rows;
	size_t count;
	bool is_complete;
	/* of the rows of a range; of a measure (of one with chunks, the rows above are keys at which they begin) */
	int64_t bytes;
};

/* From the loop, never from inside the call; once, unless cancelled. Afterwards the fetch is gone. */
typedef void vd_fetch_handler(void *arg, const struct vd_fetched *fetched);

/* The member is in a snapshot. NULL without memory. Keys are copied. */
VD_MUST_USE struct vd_fetch *vd_fetch_version(struct vd_member *member, vd_fetch_handler *handler, void *arg);
VD_MUST_USE struct vd_fetch *vd_fetch_key(
	struct vd_member *member, struct vd_bytes key, vd_fetch_handler *handler, void *arg);

struct vd_fetch_range {
	struct vd_range range;
	bool is_reverse;
	bool with_values;
	/* At most so many rows (at least 1), and no further row once these bytes are reached. */
	int64_t rows;
	int64_t bytes;
};
VD_MUST_USE struct vd_fetch *vd_fetch_range(
	struct vd_member *member, const struct vd_fetch_range *range, vd_fetch_handler *handler, void *arg);

/* How much is stored in a range: keys and values, in bytes; or where to cut it into chunks of about so many bytes. Counted, row by
 * row, up to VD_MEASURE_ROWS rows from the begin on (complete: these were all); or, as a sample, estimated from a thousand
 * pages of the table (all of it, if it has no more), in which the same pages are taken each time. */
enum { VD_MEASURE_ROWS = 10000, VD_MEASURE_CHUNKS_MAX = 10000 };
VD_MUST_USE struct vd_fetch *vd_fetch_measure(struct vd_member *member, struct vd_range range, bool is_sample,
	int64_t chunk_bytes, vd_fetch_handler *handler, void *arg); /* chunk_bytes 0: no chunks, but the size */

/* The handler will not run; the pointer is gone. */
void vd_fetch_cancel(struct vd_fetch *fetch);

#endif
