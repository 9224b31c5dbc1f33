/* SPDX-License-Identifier: Apache-2.0 */
/* What snapshot.c (who is in which snapshot, on which connection), reader.c (the connections), fetch.c (one read on its way)
 * and batch.c (what is sent, and how answers are told) share.
 * Private to this room.
 *
 * A fetch stands in exactly one place: in its snapshot's `queued` (not sent), `versions` (waits for the version), or in a
 * batch (sent).
 */
#ifndef VD_FOLLOWER_SNAPSHOT_INTERNAL_H
#define VD_FOLLOWER_SNAPSHOT_INTERNAL_H

#include "common/base/arena.h"
#include "common/pg/link.h"
#include "common/pg/pipeline.h"
#include "follower/database.h"
#include "follower/deadline.h"
#include "follower/snapshot/snapshot.h"

enum fetch_kind { FETCH_VERSION, FETCH_KEY, FETCH_RANGE, FETCH_MEASURE };

struct vd_fetch {
	TAILQ_ENTRY(vd_fetch) link;
	struct fetches *list; /* where it stands; NULL: in a batch, sent */
	struct vd_snapshot *snapshot;
	const struct vd_member *member; /* good while there is a handler */
	enum fetch_kind kind;
	vd_fetch_handler *handler; /* NULL: cancelled */
	void *arg;
	struct vd_fetch_range range; /* of a key: range.begin; of a measure: range.range */
	bool is_sample;
	int64_t chunk_bytes;
	/* the answer */
	struct vd_pg_rows *rows;
	bool no_memory;
	bool is_present;
	struct vd_bytes value;
};
TAILQ_HEAD(fetches, vd_fetch);

enum snapshot_state {
	SNAPSHOT_FORMING, /* nothing was sent: may be joined, unless it is a long one, which waits for its connection */
	SNAPSHOT_OPEN, /* on a connection */
	SNAPSHOT_OVER, /* takes no reads any more */
};

struct vd_snapshot {
	struct vd_snapshots *pool;
	enum snapshot_state state;
	struct reader *reader; /* OPEN, and of a long one also while it forms */
	TAILQ_HEAD(, vd_member) members;
	struct fetches queued;
	struct fetches versions;
	unsigned batches; /* sent and not yet answered */
	bool has_version;
	uint8_t term[VD_TERM_BYTES];
	uint64_t version;
	bool is_locked; /* the store was, at that version */
	struct vd_deadline age;
};

/* One connection. */
struct reader {
	struct vd_snapshots *pool;
	struct vd_pg_link *link; /* NULL: not opened yet */
	bool is_closing;         /* the link */
	bool is_spent;           /* a long one's: it held a snapshot, so it is closed before it takes another */
	bool is_long;            /* for one long snapshot, and closed with it; else shared, and kept */
	struct vd_pg *pg;        /* NULL: down */
	struct vd_snapshot *snapshot;
	unsigned ending; /* COMMITs under way */
};

struct vd_snapshots {
	struct vd_database *database;
	struct vd_snapshot *forming; /* NULL: nobody waits */
	struct vd_task pump;
	struct vd_deadline again;
	struct vd_arena scratch; /* parameters, until they are sent */
	bool is_closing;
	unsigned links;
	unsigned reader_count; /* the shared ones first */
	struct reader readers[];
};

VD_MUST_USE struct vd_fetch *fetch_new(struct vd_member *member, enum fetch_kind kind, struct vd_range range,
	vd_fetch_handler *handler, void *arg);

/* measure.c: asks, on a batch's segment; false without memory. And tells what came, and frees the fetch. */
VD_MUST_USE bool measure_ask(struct vd_pg_segment *segment, struct vd_fetch *fetch, struct vd_arena *arena);
void measure_tell(struct vd_fetch *fetch);

/* reader.c */
/* Without memory the pump is asked again soon. */
void reader_open(struct reader *reader);
/* Its snapshot is over: the next one's statements stand behind this one's COMMIT. */
void reader_release(struct reader *reader);
void reader_close(struct reader *reader);
/* A link is closed, or the pool's own hold goes: with the last one of a pool that closes, it is freed. */
void snapshots_release(struct vd_snapshots *pool);

/* batch.c: sends what is queued; `opens`: with BEGIN and the watermark in front. */
void snapshot_send(struct vd_snapshot *snapshot, bool opens);

/* fetch.c */
void fetch_free(struct vd_fetch *fetch);
/* Tells a fetch a code, and frees it. It is in no list. */
void fetch_tell(struct vd_fetch *fetch, int code, const char *message);
/* Its member asked for another version than its snapshot's, or does not read a locked store: no answer from here is for it. */
bool fetch_is_refused(const struct vd_fetch *fetch);

/* snapshot.c */
/* All reads end with the code. Lost: what was read is not to be used either. The connection, if there is one, gets a
 * COMMIT. */
void snapshot_end(struct vd_snapshot *snapshot, int code, bool is_lost, const char *message);
void snapshot_versioned(struct vd_snapshot *snapshot);
/* The snapshot, which has its version, is not for this member. */
bool snapshot_refuses(const struct vd_snapshot *snapshot, const struct vd_member *member);
/* Frees it if nobody needs it any more. */
void snapshot_settle(struct vd_snapshot *snapshot);

#endif
