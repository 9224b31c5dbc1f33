/* SPDX-License-Identifier: Apache-2.0 */
/* memory.h: all that a leader has in memory, behind few calls.
 *
 * Window, clients, versions and the batches under way, of which there are at most two: while batch n is being
 * applied, batch n+1 is claimed and resolved over it. A batch goes
 *
 *     open ─▶ add… ─▶ missing ─▶ load… ─▶ base ─▶ supply… ─▶ resolve ─▶ (apply) ─▶ publish
 *                                  ▲                                       │
 *                                  └──────────────── discard ◀─────────────┘      close, from any state but resolved
 *
 * Batches are resolved in the order they were opened, and published so. Nothing in here outlives a discard but
 * acknowledgements, which are facts. A version that was given out is never given out again. Pure: no clock, no I/O; the
 * caller says what time it is (monotonic, microseconds). Out of memory is death, which is safe behind the fence; a
 * batch that is too large for its arenas is cut. One thread.
 */
#ifndef VD_RESOLVER_MEMORY_H
#define VD_RESOLVER_MEMORY_H

#include "resolver/resolve.h"
#include "resolver/version.h"

struct vd_memory_options {
	struct vd_limits limits;
	size_t window_limit_bytes;
	size_t arena_limit_bytes; /* of each of a batch's three arenas; one request must fit: 256 MB and more */
	size_t clients_limit_bytes;
	uint32_t client_limit_known; /* verdicts that a client has not acknowledged */
	int64_t history_us;          /* 5 s: how long a read version stays good */
	int64_t forget_after_us;     /* how long an acknowledgement may stay unwritten */
	int64_t client_idle_us;      /* how long an idle client is remembered */
};

#define VD_MEMORY_OPTIONS_DEFAULT                                                                            \
	((struct vd_memory_options){ .limits = VD_LIMITS_DEFAULT,                                                \
		.window_limit_bytes = (size_t)512 << 20,                                                             \
		.arena_limit_bytes = (size_t)256 << 20,                                                              \
		.clients_limit_bytes = VD_CLIENTS_LIMIT_BYTES,                                                       \
		.client_limit_known = VD_CLIENTS_LIMIT_KNOWN,                                                        \
		.history_us = 5000000,                                                                               \
		.forget_after_us = 1000000,                                                                          \
		.client_idle_us = 600000000 })

/* Two under way, and one that is done with but still looked through. */
#define VD_MEMORY_BATCHES 3

struct vd_memory {
	struct vd_memory_options options;
	struct vd_resolver resolver; /* with window, clients' place, limits, horizon */
	struct vd_clients clients;
	struct vd_versions versions; /* .newest: the newest that is known to be committed */
	struct vd_digester *digester;
	struct vd_batch batches[VD_MEMORY_BATCHES];
	struct vd_batch *under_way[VD_MEMORY_BATCHES]; /* open, in the order they were opened */
	uint32_t under_way_count;
	struct vd_lock lock; /* as of versions.newest */
	uint64_t serial;     /* of the batch opened last */
	uint64_t marks;      /* how often batches were bound */
};

VD_MUST_USE struct vd_memory *vd_memory_new(const struct vd_memory_options *options);
void vd_memory_free(struct vd_memory *memory); /* NULL is fine */

/* ---- Terms ---- */

/* Office was taken: what take_office returned. All batches are given up; window and clients begin anew. */
void vd_memory_take_office(struct vd_memory *memory, const uint8_t term[VD_TERM_BYTES],
	const uint8_t preceding_term[VD_TERM_BYTES], uint64_t version, uint64_t jump_version, int64_t now_us);

/* The database holds another version than memory expects, of our own term: read the version first. All batches are given
 * up; the window begins anew with this version as its floor, and the clients' rows must be read again. The version
 * must not be below the newest one known. */
void vd_memory_reload(struct vd_memory *memory, uint64_t version, int64_t now_us);

/* Right behind either: the lock that was read with that version. Without it, none is held. */
void vd_memory_set_lock(struct vd_memory *memory, const struct vd_lock *lock);

/* How the end of a lost connection is settled, by the watermark as read on a fresh one (rule 8). */
enum vd_settled {
	VD_SETTLED_KNOWN, /* the first *landed (0 to 2) batches under way are in, the others are not and never will be */
	VD_SETTLED_UNEXPECTED, /* our term, but a newer version than we know of: reload */
	VD_SETTLED_LOST, /* another term, or our own with a version that was passed already: the term is over */
};

/* Only says; the caller publishes the landed ones and discards the rest. */
enum vd_settled vd_memory_settle(
	const struct vd_memory *memory, const uint8_t term[VD_TERM_BYTES], uint64_t version, uint32_t *landed);

/* ---- One turn ---- */

/* An empty batch to be filled with vd_batch_add. NULL while two are under way. */
struct vd_batch *vd_memory_open(struct vd_memory *memory);

/* Binds the batch to its clients, and says whose rows must be read before it can be resolved: unknown ones, and those
 * that came with a generation that is not the one known. Borrowed until the next call for this batch. Must be
 * called, and again after each discard. */
const struct vd_client_id *vd_memory_missing(
	struct vd_memory *memory, struct vd_batch *batch, int64_t now_us, size_t *count);

/* All rows of the missing ones have been loaded (vd_clients_load… on &memory->clients): who had none is not
 * registered. To be called also if none were missing. */
void vd_memory_loaded(struct vd_memory *memory, struct vd_batch *batch, int64_t now_us);

/* Sets batch->base_keys and base_count, and the stretches: what must be read from kv before resolving. All batches before this one must be
 * resolved. The read may take place while they are being applied: what they change is answered from memory. */
void vd_memory_base(struct vd_memory *memory, struct vd_batch *batch);

/* A row that the base read brought. Keys that bring none are absent. Key and value are copied. Passed over if the batch
 * was discarded since it was asked for: the answer to a question that no longer stands. (The caller does not ask again
 * before that answer has come.) */
void vd_memory_supply(
	struct vd_memory *memory, struct vd_batch *batch, struct vd_bytes key, struct vd_bytes value);
/* Likewise a key that stands in one of the stretches: its first ones, up to the stretch's limit. */
void vd_memory_supply_key(struct vd_memory *memory, struct vd_batch *batch, struct vd_bytes key);
/* Instead of the rows or keys: they are more than a batch can hold, which is then cut. Passed over likewise. */
void vd_memory_overfeed(struct vd_memory *memory, struct vd_batch *batch);

/* Resolves the batch, gives it a version, and makes all that has to be sent: writes, rows, replies, lines. It may
 * cut the batch (see batch.h): the rest stays in the queue. If batch->rows.arrival_count is 0, there is nothing to
 * apply: it is then still claimed, and to be closed. False: the base values did not fit; the batch was cut, and goes
 * on from vd_memory_base. */
VD_MUST_USE bool vd_memory_resolve(
	struct vd_memory *memory, struct vd_batch *batch, bool list_verdicts, int64_t now_us);

/* The oldest batch under way is committed. What it holds may be used until the next vd_memory_open. */
void vd_memory_publish(struct vd_memory *memory, struct vd_batch *batch, int64_t now_us);

/* The batch, and those after it, did not commit: they are claimed again, and go on from vd_memory_missing. */
void vd_memory_discard(struct vd_memory *memory, struct vd_batch *batch, int64_t now_us);

/* Gives up a claimed batch; its rows are still in the queue. */
void vd_memory_close(struct vd_memory *memory, struct vd_batch *batch);

/* After a fence that refused (VD002) and a discard: what is known of the batch's clients is forgotten, so that they
 * are missing. */
void vd_memory_forget_clients(struct vd_memory *memory, struct vd_batch *batch);

/* An acknowledgement of a client whose requests wait: one that travelled alone, as read from the database, or that of a
 * request which is not claimed yet. */
void vd_memory_acknowledged(struct vd_memory *memory, const struct vd_client_id *id, int64_t generation,
	uint64_t low_water, int64_t now_us);

/* Raises the floor, drops idle clients. To be called some times a second, also when idle. */
void vd_memory_tick(struct vd_memory *memory, int64_t now_us);

/* The newest version, with the batches under way: what the next batch is resolved on. */
uint64_t vd_memory_newest(const struct vd_memory *memory);

#endif
