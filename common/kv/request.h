/* SPDX-License-Identifier: Apache-2.0 */
/* request.h: one transaction's commit, in the one form that both ends share.
 *
 * A worker fills it from a transaction, the leader from a queue row; validation, conflict ranges and size are
 * the same code for both. A request owns nothing: its arrays and bytes live in the arena of the transaction
 * or of the batch. The identity (client, generation, sequence) is not part of it: that stands in the columns
 * of the queue. Pure; any thread.
 */
#ifndef VD_COMMON_KV_REQUEST_H
#define VD_COMMON_KV_REQUEST_H

#include "common/base/codes.h"
#include "common/kv/mutation.h"
#include "common/kv/precondition.h"
#include "common/kv/range.h"

#define VD_TERM_BYTES 16
#define VD_LOCK_BYTES 16
/* A version that a commit asks to lie above is at most this one: half of all that there are stay ahead. */
#define VD_ABOVE_VERSION_MAX ((uint64_t)1 << 62)

/* What a request does to the lock of the store. */
enum vd_lock_change {
	VD_LOCK_KEEP = 0,
	VD_LOCK_TAKE = 1,    /* none, or the same one, is held; else 1038 */
	VD_LOCK_RELEASE = 2, /* likewise; afterwards none is held */
};

/* How many of the ranges that lost a conflict names, if the request wants to know more than the first. It bounds what is
 * stored of a verdict (16 bytes for each). */
#define VD_REQUEST_CONFLICTS_MAX 100

struct vd_request {
	/* What the transaction's snapshot showed; without reads, the newest that the worker has seen. */
	uint8_t read_term[VD_TERM_BYTES];
	uint64_t read_version;
	const struct vd_range *reads; /* read conflict ranges */
	size_t read_count;
	const struct vd_range *writes; /* write conflict ranges beyond those that the mutations imply */
	size_t write_count;
	const struct vd_mutation *mutations; /* in order */
	size_t mutation_count;
	const struct vd_precondition *preconditions; /* all of them must hold */
	size_t precondition_count;
	bool reports_conflicts; /* a conflict names all read ranges that lost, up to VD_REQUEST_CONFLICTS_MAX */
	bool is_lock_aware;     /* judged also while the store is locked; may then write the system's keys */
	uint32_t
		lock_change; /* as it came: may be none of enum vd_lock_change until vd_request_validate has passed it */
	struct vd_bytes lock;   /* of a change: which lock, VD_LOCK_BYTES */
	uint64_t above_version; /* of a lock that is taken: the commit's version is above it */
};

struct vd_limits {
	size_t key_bytes; /* of the key as stored: what a stamped key loses counts not */
	size_t value_bytes;
	size_t transaction_bytes; /* of vd_request_size */
};

#define VD_LIMITS_DEFAULT                                                                                    \
	((struct vd_limits){ .key_bytes = 2048, .value_bytes = 100000, .transaction_bytes = 10000000 })
/* The largest that settings may ask for: a row of a PostgreSQL B-tree must stay under about 2,700 bytes. */
#define VD_LIMITS_MAX                                                                                        \
	((struct vd_limits){ .key_bytes = 2600, .value_bytes = 1000000, .transaction_bytes = 10000000 })

/* What is wrong with a request. Borrows from it. */
struct vd_refusal {
	int code;            /* VD_CODE_… */
	const char *what;    /* one constant sentence, lower case, without a full stop: "key is over the limit" */
	struct vd_bytes key; /* the key that is meant, or the begin of the range; empty if none is */
	size_t bytes;        /* with 2101, 2102, 2103: how many there are, and how many are allowed */
	size_t limit_bytes;
};

/* 0, or the error number that the request is refused with: 2000 (bad stamp, a value where none belongs, unknown kind of
 * precondition, a change of the lock that is none), 2004 (a key that is not the user's; what was read or demanded may be the
 * system's, and what a lock-aware request writes), 2005 (inverted range), 2018
 * (unknown op), 2101, 2102, 2103 (sizes). The first mistake in the order mutations, reads, writes, preconditions, total
 * size is told. refusal may be NULL. */
VD_MUST_USE int vd_request_validate(
	const struct vd_request *request, const struct vd_limits *limits, struct vd_refusal *refusal);

/* The same for one mutation alone, on keys below `last`, as a transaction checks it at the call. */
VD_MUST_USE int vd_mutation_validate(const struct vd_mutation *mutation, struct vd_bytes last,
	const struct vd_limits *limits, struct vd_refusal *refusal);

/* And for one precondition, on keys below `last`: it writes nothing, so it may speak of the system's. */
VD_MUST_USE int vd_precondition_validate(const struct vd_precondition *precondition, struct vd_bytes last,
	const struct vd_limits *limits, struct vd_refusal *refusal);

/* A range alone: 2005, 2004, 2102. */
VD_MUST_USE int vd_range_validate(
	struct vd_range range, const struct vd_limits *limits, struct vd_refusal *refusal);

/* What counts against the transaction's limit: mutations and conflict ranges, as FoundationDB counts them, and
 * preconditions as mutations without a conflict range. */
size_t vd_request_size(const struct vd_request *request);

/* The parts of that sum, for a transaction that counts as it grows. */
size_t vd_mutation_size(const struct vd_mutation *mutation);
size_t vd_conflict_range_size(struct vd_range range);
size_t vd_precondition_size(const struct vd_precondition *precondition);

/* True if nothing is to be done for it: no mutation, no write conflict range, no precondition, no change of the lock. */
static inline bool vd_request_is_read_only(const struct vd_request *request)
{
	return request->mutation_count == 0 && request->write_count == 0 && request->precondition_count == 0 &&
		   request->lock_change == VD_LOCK_KEEP;
}

/* True if one of its mutations or write conflict ranges reaches beyond the user's keys; counters of sequenced writes do not
 * count. The request must have passed vd_request_validate. */
VD_MUST_USE bool vd_request_writes_system(const struct vd_request *request);

/* Walks all write conflict ranges that a request has once its stamp is known: those of the mutations, in
 * their order, then the extra ones. Empty ranges are left out; ranges may overlap. A stamped key comes under
 * its final name, a sequenced one that has no number yet as all that it may become. Copies of keys go to the arena. The request must have passed vd_request_validate.
 *
 *     struct vd_write_walk walk = vd_write_walk_of(request, stamp, arena);
 *     struct vd_range range;
 *     while (vd_write_walk_next(&walk, &range)) …
 *     if (walk.failed) …    // the arena is at its limit
 */
struct vd_write_walk {
	const struct vd_request *request;
	struct vd_stamp stamp;
	struct vd_arena *arena;
	size_t next;
	bool failed;
};

struct vd_write_walk vd_write_walk_of(
	const struct vd_request *request, struct vd_stamp stamp, struct vd_arena *arena);
VD_MUST_USE bool vd_write_walk_next(struct vd_write_walk *walk, struct vd_range *range);

#endif
