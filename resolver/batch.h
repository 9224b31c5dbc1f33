/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h: the requests that one turn resolves together, with all that comes of them.
 *
 * A batch is filled from queue rows, bound to its clients, given the base values that it needs, resolved, and in
 * the end applied and published, or discarded; then emptied for the next turn. memory.h leads it through these
 * states; here is what it holds and how it is filled.
 *
 * Nothing that a request contains fails a batch: what cannot be decoded, or is over a limit, becomes a `rejected`
 * verdict of its own. Three arenas, each with a hard cap: the requests (kept until the batch is emptied), the base
 * values (until the batch is rewound), and what resolving makes (new with each resolve). If that does not fit, a
 * resolve takes only the first half of the requests, and the others stay in the queue; a request that does not
 * fit alone is `rejected`. One thread.
 */
#ifndef VD_RESOLVER_BATCH_H
#define VD_RESOLVER_BATCH_H

#include "common/base/arena.h"
#include "common/kv/overlay.h"
#include "common/kv/request.h"
#include "resolver/clients.h"
#include "resolver/lock.h"

/* The order of a winner in its batch has 16 bits. */
#define VD_BATCH_REQUESTS_MAX 65535

/* A row of the queue, as claimed. */
struct vd_claim {
	struct vd_client_id client;
	uint64_t sequence;
	int64_t generation;
	uint64_t acknowledged;
	uint64_t token;
	struct vd_bytes payload; /* borrowed for the call */
	int64_t arrival;
};

/* What happens to a queue row. All but the waiting ones are deleted by the batch. */
enum vd_fate {
	VD_FATE_OPEN,     /* not yet resolved */
	VD_FATE_DECIDED,  /* its verdict is new: stored, and told */
	VD_FATE_REPEATED, /* a duplicate: the verdict of before is told again */
	VD_FATE_DENIED,   /* the same identity with other content: told 2000, nothing is stored */
	VD_FATE_DROPPED,  /* unregistered, or told long ago: no reply */
	VD_FATE_WAITING,  /* its client is at its limit: stays in the queue */
};

/* A read range that lost, by its index in the request, and the version that it lost to. */
struct vd_lost {
	uint32_t range;
	uint64_t version;
};

/* One request of a batch. */
struct vd_item {
	struct vd_client_id id;
	uint32_t owner; /* its client's place in batch.owners, once bound */
	uint64_t sequence;
	int64_t generation;
	uint64_t acknowledged;
	uint64_t token;
	int64_t arrival;
	uint64_t digest; /* the first 8 bytes of the payload's SHA-256, big-endian */

	/* not 0: cannot be decoded, is not valid, or the caller rejects it (vd_batch_reject) */
	uint16_t refused_code;
	struct vd_request request;

	enum vd_fate fate;
	/* the verdict, if decided, repeated or denied; version is that of its own batch, 0 for a tombstone */
	struct vd_known verdict;
	const struct vd_lost
		*lost; /* of a conflict decided anew: what lost beyond the first, verdict.order of them */
	const uint64_t *numbers; /* of a winner decided anew: the first of each of its counters */
	const char *note;        /* NULL, or the message that is stored with the verdict of a refused one */
	uint32_t next;           /* the next item of the same owner; UINT32_MAX: none */
};

/* A client of a batch. */
struct vd_owner {
	struct vd_client *client;
	uint32_t first; /* its items, in order of arrival; UINT32_MAX: none */
	uint32_t last;
	uint32_t decided; /* how many are decided anew */
	uint64_t lowest;  /* of the numbers decided anew */
	uint64_t highest;
};

struct vd_counts {
	uint32_t requests; /* decided anew: the sum of the following */
	uint32_t committed;
	uint32_t conflicts;
	uint32_t too_old;
	uint32_t rejected;
	uint32_t repeated; /* copies that were answered, or denied */
	uint32_t dropped;
	uint32_t waiting;
};

/* The write set as arrays for statements, to be done in this order; each in key order. */
struct vd_batch_writes {
	size_t range_count;
	const struct vd_bytes *range_begins;
	const struct vd_bytes *range_ends;
	size_t delete_count;
	const struct vd_bytes *deletes;
	size_t upsert_count;
	const struct vd_bytes *upsert_keys;
	const struct vd_bytes *upsert_values;
	size_t bytes;
};

/* Rows of `outcomes`, one a client, and the arguments of fence and forget. */
struct vd_batch_rows {
	size_t
		arrival_count; /* queue rows to delete; 0: there is nothing to apply, and the batch is closed at once */
	const int64_t *arrivals;

	size_t client_count; /* of fence and outcomes alike */
	const struct vd_client_id *clients;
	const int64_t *generations;
	const int64_t *firsts;
	const int64_t *lasts;
	const int64_t *versions; /* all the batch's */
	const struct vd_bytes *entries;
	const struct vd_bytes *details;
	const bool *detail_nulls; /* where the client has no conflict: NULL */
	const char *const *notes; /* JSON; "" where there are none, to be stored as NULL */

	size_t sequence_count; /* of fence: each number decided anew, and its client's place from 1 */
	const int32_t *owners;
	const int64_t *sequences;

	size_t forget_count;
	const struct vd_client_id *forget_clients;
	const int64_t *forget_generations;
	const int64_t *forget_low_waters;
};

/* A reply, or a line for observers; the payload ends with a NUL that is not counted. */
struct vd_reply {
	uint64_t reply; /* the client's reply number: names the channel; 0 for observers */
	struct vd_bytes payload;
};

enum vd_batch_state {
	VD_BATCH_IDLE,     /* free for vd_memory_open */
	VD_BATCH_CLAIMED,  /* open: being filled, bound, given base values */
	VD_BATCH_RESOLVED, /* its verdicts are staged; on its way to the database */
	VD_BATCH_LEFT,     /* published or closed; its overlay is still looked through by the batch above */
};

struct vd_batch {
	enum vd_batch_state state;
	uint64_t serial; /* a number of its own, for logs */
	struct vd_arena requests;
	struct vd_arena bases;
	struct vd_arena work;
	struct vd_digester *digester;
	struct vd_limits limits;

	struct vd_item *items; /* owned; in order of arrival */
	uint32_t count;
	uint32_t capacity;
	size_t payload_bytes;

	struct vd_owner *owners; /* owned; pinned while the batch is open */
	uint32_t owner_count;
	uint32_t owner_capacity;
	struct vd_client_id *missing; /* owned */

	/* the base step: distinct keys that must be read, and what was read */
	const struct vd_bytes *base_keys;
	size_t base_count;
	struct vd_base *base_values; /* the last one first */
	size_t stretch_count;        /* of ranges that have to be empty: see presence.h */
	const struct vd_bytes *stretch_begins;
	const struct vd_bytes *stretch_ends;
	const int64_t *stretch_limits;     /* how many of its first keys are needed */
	struct vd_stored_key *stored_keys; /* what was read of them, the last one first */
	struct vd_batch *below;            /* the batch whose overlay this one looks through; NULL: none */
	bool is_based;
	bool is_overfed; /* a base value did not fit */

	/* once resolved */
	struct vd_overlay *overlay;
	struct vd_presence *presence; /* NULL: no range has to be empty */
	uint64_t from;                /* the version that it was resolved on */
	uint64_t version;             /* its own */
	struct vd_lock lock_before;   /* the lock that it was resolved on */
	struct vd_lock lock;          /* and what its winners have made of it */
	struct vd_counts counts;
	struct vd_batch_writes writes;
	struct vd_batch_rows rows;
	size_t reply_count;
	const struct vd_reply *replies;
	size_t line_count; /* for observers: b1, and v1 if asked for */
	const struct vd_reply *lines;
};

/* Computes digests; one for a thread. */
struct vd_digester *vd_digester_new(void);
void vd_digester_free(struct vd_digester *digester);
uint64_t vd_digester_of(struct vd_digester *digester, struct vd_bytes payload);

/* An idle batch; the arenas' limit is for each of the three. The digester is borrowed. */
void vd_batch_init(struct vd_batch *batch, struct vd_digester *digester, const struct vd_limits *limits,
	size_t arena_limit_bytes);
void vd_batch_fini(struct vd_batch *batch);

/* Decodes a row into the batch. False if the batch is full (count, or bytes): then the row stays in the queue, for
 * a later batch. An empty batch is never full. Rows come in order of arrival, which is asserted. */
VD_MUST_USE bool vd_batch_add(struct vd_batch *batch, const struct vd_claim *claim);

/* True if the batch holds the queue row with this arrival: so a row of a batch under way, which the claim sees
 * until that batch commits, is known and passed over. O(log n). */
bool vd_batch_has(const struct vd_batch *batch, int64_t arrival);

/* Keeps only the first `count` (at least 1) requests; the others stay in the queue. The batch is claimed, not
 * resolved: so a batch whose content PostgreSQL refused is halved until it is known whose it was. */
void vd_batch_truncate(struct vd_batch *batch, uint32_t count);

/* Rejects a request with this code, unless it turns out to be decided already. The message is copied, and stored
 * with the verdict; it may be NULL. */
void vd_batch_reject(struct vd_batch *batch, uint32_t index, int code, const char *message);

/* ---- for memory.c and resolve.c ---- */

/* Finds the owner of each item, meeting the clients and pinning them; those bound before are let go. `mark` is
 * another number at each call. */
void vd_batch_bind(struct vd_batch *batch, struct vd_clients *clients, uint64_t mark, int64_t now_us);

/* Forgets what a resolve has made; the base values stay. */
void vd_batch_start_over(struct vd_batch *batch);

/* To be called where an arena of the batch gave nothing: at its limit the batch is to be cut; that the system has no memory says
 * nothing about the requests, and is death. */
void vd_batch_must_be_full(const struct vd_batch *batch);

/* Back to what was claimed: no base values either. */
void vd_batch_rewind(struct vd_batch *batch);

/* Lets go of its clients and empties it for the next turn: idle. */
void vd_batch_empty(struct vd_batch *batch, struct vd_clients *clients);

/* What a base read brought, in the bases' arena. */
struct vd_base {
	struct vd_base *next;
	struct vd_bytes key;
	struct vd_bytes value;
	bool is_present;
};

/* A key that is stored in a stretch, in the bases' arena. */
struct vd_stored_key {
	struct vd_stored_key *next;
	struct vd_bytes key;
};

#endif
