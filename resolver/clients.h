/* SPDX-License-Identifier: Apache-2.0 */
/* clients.h: what the leader remembers of clients, so that no request is decided twice.
 *
 * For each client: whether it is registered, and with which generation; where its replies go; its low-water
 * (every number up to it was told); and each number above the low-water that has been decided, with its verdict
 * and the digest of what was decided. A verdict is known from the moment it is resolved, before its batch
 * commits: the next batch is resolved on it, and fails at its fence if it was wrong; then it is unlearned.
 *
 * A client is met when a request of it is claimed. It is then unknown until its rows have been read (load…),
 * and stays for as long as a batch holds it and a while longer; an idle one is dropped in the end, and read
 * again if it comes back. The database may know more than this memory (an acknowledgement that travelled alone,
 * a cancel, a purge): the fence finds that out, and the client is forgotten and read again.
 *
 * An acknowledgement is believed as soon as it is seen, since it says only what the client has been told. It
 * is written to the database lazily (vd_clients_due).
 *
 * Pure but for malloc and a random key; death if there is no memory, which is safe behind the fence. One thread.
 */
#ifndef VD_RESOLVER_CLIENTS_H
#define VD_RESOLVER_CLIENTS_H

#include "common/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* The secret of a client, in network order, as a uuid of PostgreSQL. */
struct vd_client_id {
	uint8_t bytes[16];
};

/* A verdict that is kept. 40 bytes, and one for each number above a low-water. */
struct vd_known {
	uint64_t sequence; /* never 0 */
	uint64_t version;  /* of its batch; 0: a tombstone */
	uint64_t digest;
	/* Of a conflict: what the first range that lost has lost to, and its index among the read ranges. Of a winner with
	 * counters: the first number of the first one, and how many there are. */
	uint64_t detail_version;
	uint32_t detail_range;
	uint16_t code;  /* 0: committed, else the error number; 1025: a tombstone */
	uint16_t order; /* of a winner; of a conflict: how many further ranges lost, as stored */
};

enum vd_client_state {
	VD_CLIENT_UNKNOWN, /* its rows must be read before its requests are judged */
	VD_CLIENT_LOADING, /* they are being read: not before all are in does it count as registered */
	VD_CLIENT_REGISTERED,
	VD_CLIENT_UNREGISTERED, /* was read: there is no such client */
};

struct vd_client {
	struct vd_client_id id;
	enum vd_client_state state;
	int64_t generation;
	uint64_t reply;             /* where its replies go */
	uint64_t low_water;         /* the highest number known to have been told, with all below it */
	uint64_t written;           /* how far the database knows it, as far as we know */
	uint64_t writing;           /* the same, if the batches under way commit */
	int64_t unwritten_since_us; /* 0: all is written, or on its way */

	uint64_t hash_key[2]; /* the table's */
	/* open addressing; sequence 0 is free; numbers at or below the low-water are dead weight */
	struct vd_known *known;
	uint32_t known_capacity; /* 0 or a power of two */
	uint32_t known_used;     /* with the dead ones */
	uint64_t compacted_at;   /* the low-water when the dead ones were last thrown out */

	/* for the batches that hold it */
	uint32_t pins;
	uint32_t mark_index; /* its place in the batch that was bound last, if that was mark_serial */
	uint64_t mark_serial;

	int64_t used_us;
	struct vd_client *next; /* in its bucket */
	TAILQ_ENTRY(vd_client) by_use;
	TAILQ_ENTRY(vd_client) by_unwritten;
};

TAILQ_HEAD(vd_client_queue, vd_client);

struct vd_clients {
	uint64_t hash_key[2]; /* drawn by init; nothing but where an entry stands depends on it */
	struct vd_client **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
	size_t bytes;                        /* of all of this */
	size_t limit_bytes;                  /* over it, clients that no batch holds are dropped */
	uint32_t limit_known;                /* verdicts above the low-water, a client: vd_client_must_wait */
	struct vd_client_queue by_use;       /* the one that was idle longest first */
	struct vd_client_queue by_unwritten; /* the one with the oldest unwritten acknowledgement first */
};

#define VD_CLIENTS_LIMIT_KNOWN 20000
#define VD_CLIENTS_LIMIT_BYTES ((size_t)256 << 20)

void vd_clients_init(struct vd_clients *clients, size_t limit_bytes, uint32_t limit_known);
void vd_clients_fini(struct vd_clients *clients);

/* All are unknown again: a new term, or a version that nobody expected. No batch may be resolved. */
void vd_clients_forget_all(struct vd_clients *clients);

/* ---- Meeting ---- */

/* The client with that id; NULL if it is not in memory. */
struct vd_client *vd_clients_find(const struct vd_clients *clients, const struct vd_client_id *id);

/* The same; a client not in memory enters it as unknown. Never NULL. It counts as used now. */
struct vd_client *vd_clients_meet(struct vd_clients *clients, const struct vd_client_id *id, int64_t now_us);

/* A batch holds it; a batch lets go of it. A client without a registration goes with its last pin. */
void vd_client_pin(struct vd_client *client);
void vd_client_unpin(struct vd_clients *clients, struct vd_client *client);

/* Drops clients that no batch holds: those idle for longer than idle_us, and the longest idle ones while the memory
 * is over its limit. */
void vd_clients_trim(struct vd_clients *clients, int64_t now_us, int64_t idle_us);

/* Unknown again, for a client that the fence refused. What it knew is gone. */
void vd_client_forget(struct vd_clients *clients, struct vd_client *client);

/* ---- Loading: rows of clients, outcomes and tombstones, from one snapshot or in this order ---- */

/* A row of `clients`, which comes before the others. Of a client that is in memory already with this generation, only the low-water is taken
 * over. A client that was not met is ignored, here and below. */
void vd_clients_load(struct vd_clients *clients, const struct vd_client_id *id, int64_t generation,
	uint64_t reply, uint64_t low_water, int64_t now_us);

/* A row of `outcomes`; details may be empty. False if its bytes are not what the migration says. */
VD_MUST_USE bool vd_clients_load_outcome(struct vd_clients *clients, const struct vd_client_id *id,
	uint64_t first, uint64_t version, struct vd_bytes entries, struct vd_bytes details);

void vd_clients_load_tombstone(struct vd_clients *clients, const struct vd_client_id *id, uint64_t sequence);

/* All its rows have been read: it is registered, or else is not. */
void vd_client_loaded(struct vd_client *client);

/* ---- Verdicts ---- */

/* NULL: the number is not decided, or at or below the low-water. Borrowed until the next learn. */
const struct vd_known *vd_client_known(const struct vd_client *client, uint64_t sequence);

/* Enters a verdict. The number must be above the low-water and not known. */
void vd_client_learn(struct vd_clients *clients, struct vd_client *client, const struct vd_known *known);

/* Takes back what was learned under this version; nothing if there is no such entry. */
void vd_client_unlearn(
	struct vd_clients *clients, struct vd_client *client, uint64_t sequence, uint64_t version);

/* True if the number must wait in the queue until the client acknowledges some: as many verdicts as are allowed are
 * kept for it, and the number is as far above its low-water. So one that others have overtaken is decided
 * nevertheless, the low-water can rise, and a client never waits for itself; at most twice the limit is kept. */
VD_MUST_USE bool vd_client_must_wait(struct vd_clients *clients, struct vd_client *client, uint64_t sequence);

/* The client has said that it was told all numbers up to this one. */
void vd_client_acknowledge(
	struct vd_clients *clients, struct vd_client *client, uint64_t low_water, int64_t now_us);

/* ---- Writing acknowledgements: stage, publish or discard ---- */

/* The client whose acknowledgement should be written with the next batch: it has waited since before
 * `before_us`. NULL if there is none. */
struct vd_client *vd_clients_due(const struct vd_clients *clients, int64_t before_us);

/* Its low-water is on its way; returns it. */
uint64_t vd_client_write(struct vd_clients *clients, struct vd_client *client);
/* It has arrived. */
void vd_client_written(struct vd_client *client, uint64_t low_water);
/* It has not. */
void vd_client_unwrite(struct vd_clients *clients, struct vd_client *client, int64_t now_us);

#endif
