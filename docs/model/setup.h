/* SPDX-License-Identifier: Apache-2.0 */
/* setup.h: what is explored: how small the world is, what may go wrong in it, and which rule is taken out.
 *
 * Names and numbers of rules are those of docs/rules.md.
 */
#ifndef VD_DOCS_MODEL_SETUP_H
#define VD_DOCS_MODEL_SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, rule, what is taken out. A rule has several where several of its sentences matter. */
#define MD_SWITCHES(X)                                                                                       \
	X(WINDOW, "window", 1, "a range that was read is not looked up in the window")                           \
	X(BATCH_WINDOW, "batch-window", 1, "earlier winners of the same batch are not looked at")                \
	X(STAGE, "stage", 1, "what the batch under way has written is not in the window yet")                    \
	X(FLOOR, "floor", 2, "read versions below the window's floor are judged as if it knew them")             \
	X(JUMP, "jump", 3, "versions do not jump after a promotion")                                             \
	X(RANDOM_JUMP, "random-jump", 3, "the jump has a fixed length")                                          \
	X(BLIND_JUMP, "blind-jump", 3, "a request without reads is not held against the last jump")              \
	X(TERM, "term", 3, "read versions of any term count as if they were of the present one")                 \
	X(FRESH_SNAPSHOT, "fresh-snapshot", 4, "a transaction may join a snapshot from before it began")         \
	X(INSIDE_SNAPSHOT, "inside-snapshot", 4, "the read version is not read inside the snapshot")             \
	X(TRACELESS, "traceless", 5, "what a refused request would have written enters the window")              \
	X(BASE_BELOW, "base-below", 5, "a precondition is judged by the store, without the batch under way")     \
	X(ORDER, "order", 6, "all winners of a batch have the order 0")                                          \
	X(SENT_VERSIONS, "sent-versions", 6, "the next version is above the newest one, not above those sent")   \
	X(FENCE, "fence", 7, "no fence at all")                                                                  \
	X(FENCE_VERSION, "fence-version", 7, "the fence compares the term only")                                 \
	X(RELOAD, "reload", 8, "window and outcomes are kept though the version is not what memory expects")     \
	X(TIMELINE, "timeline", 8, "a term outlives a promotion")                                                \
	X(ENDED_BACKENDS, "ended-backends", 9, "nobody ends a leader's frozen backends")                         \
	X(LOW_WATER, "low-water", 11, "a copy of what was told and forgotten is not dropped")                    \
	X(OUTCOME, "outcome", 11, "commits leave no durable outcome")                                            \
	X(DIGEST, "digest", 11, "other content under the same identity counts as a copy")                        \
	X(GENERATION, "generation", 11, "registering again revives the old identity")                            \
	X(UNREGISTERED, "unregistered", 11, "\"not registered\" is told as a verdict")                           \
	X(RESEND, "resend", 12, "what is neither queued nor decided is not sent again")                          \
	X(ADOPTION, "adoption", 13, "a new leader passes over what was queued before it")                        \
	X(TOMBSTONE, "tombstone", 14, "a cancel deletes the queue row and writes nothing")                       \
	X(SHARE, "share", 14, "a cancel does not lock the watermark")                                            \
	X(TOMBSTONE_CHECK, "tombstone-check", 14, "an apply does not look for tombstones behind its fence")      \
	X(CHECK_ORDER, "check-order", 14, "low-waters are looked at before tombstones")                          \
	X(LOW_WATER_CHECK, "low-water-check", 14, "an apply does not look at low-waters behind its fence")       \
	X(CANCEL_LOW_WATER, "cancel-low-water", 14, "a cancel does not look at the low-water")                   \
	X(CANCEL_REGISTRATION, "cancel-registration", 14, "a cancel does not look at the registration")          \
	X(REFRESH, "refresh", 14, "after a refusal the batch is resolved with what was known before")            \
	X(KEEPING, "keeping", 15, "an outcome is forgotten once it is seen, though older numbers are open")      \
	X(LONELY_ACKNOWLEDGEMENT, "lonely-acknowledgement", 15, "acknowledgements travel with requests only")    \
	X(REGISTRATION_CHECK, "registration-check", 15, "an apply does not look at registrations")               \
	X(PURGE_LOCK, "purge-lock", 15, "a purge does not lock the watermark")                                   \
	X(SYNC_REPLY, "sync-reply", 16, "replies do not wait for the standby")                                   \
	X(SYNC_LOOK, "sync-look", 16, "a look does not wait for the standby")                                    \
	X(SYNC_SETTLE, "sync-settle", 16, "the replies of a settled commit do not wait for the standby")         \
	X(SYNC_CANCEL, "sync-cancel", 16, "a cancel's answer counts though its wait was broken off")             \
	X(SYNC_STILL_NONE, "sync-still-none", 16,                                                                \
		"replies behind COMMIT are sent though there are standbys by now")                                   \
	X(ISOLATION, "isolation", 17, "a batch that PostgreSQL does not take is tried again as it is")           \
	X(TOKEN, "token", 19, "replies are believed without a token")                                            \
	X(BACKSTOP, "backstop", 19, "the leader looks only when a doorbell rang")

enum md_switch {
	MD_NO_SWITCH,
#define MD_ENUM(id, name, rule, what) MD_WITHOUT_##id,
	MD_SWITCHES(MD_ENUM)
#undef MD_ENUM
		MD_SWITCH_COUNT,
};

struct md_switch_text {
	const char *name;
	int rule;
	const char *what;
};
extern const struct md_switch_text md_switch_texts[MD_SWITCH_COUNT];
/* MD_NO_SWITCH: there is none of that name. */
enum md_switch md_switch_find(const char *name);

#define MD_INVARIANTS(X)                                                                                     \
	X(APPLIED_ONCE, "applied-once", "a request is applied at most once")                                     \
	X(TOLD_IS_DURABLE, "told-is-durable", "what is told is the durable outcome")                             \
	X(ONE_VERDICT, "one-verdict", "no two verdicts are told for a request")                                  \
	X(ACKNOWLEDGED_IS_DURABLE, "acknowledged-is-durable",                                                    \
		"an acknowledged commit outlives a crash, and the promotion of a synchronous standby")               \
	X(CANCELLED_IS_NOT_COMMITTED, "cancelled-is-not-committed",                                              \
		"what was told as cancelled is never applied")                                                       \
	X(STAMPS_ARE_UNIQUE, "stamps-are-unique", "no versionstamp is given twice")                              \
	X(VERSIONS_GROW, "versions-grow", "each batch has a version above all before it")                        \
	X(READS_SEE_ACKNOWLEDGED, "reads-see-acknowledged",                                                      \
		"a transaction sees what was acknowledged before it began")                                          \
	X(SERIALIZABLE, "serializable", "what a commit has read is still so when it is applied")                 \
	X(PRECONDITION_HOLDS, "precondition-holds", "what a commit demands is so when it is applied")            \
	X(CONFLICT_IS_REAL, "conflict-is-real", "a conflict has a cause; a rejected request leaves no trace")    \
	X(DECIDED_ONCE, "decided-once", "nothing is decided anew that its client has acknowledged")              \
	X(ONLY_REGISTERED, "only-registered", "nothing of a client that is not registered is applied")           \
	X(PROGRESS, "progress", "each request reaches a verdict: no dead end, no endless loop under fairness")

enum md_invariant {
	MD_HOLDS,
#define MD_ENUM(id, name, what) MD_##id,
	MD_INVARIANTS(MD_ENUM)
#undef MD_ENUM
		MD_INVARIANT_COUNT,
};
struct md_invariant_text {
	const char *name;
	const char *what;
};
extern const struct md_invariant_text md_invariant_texts[MD_INVARIANT_COUNT];

enum { MD_A1 = 1, MD_B1 = 2, MD_A2 = 4 };
/* Switched: there are no synchronous standbys at first, then some, and so on. */
enum md_replication { MD_ALONE, MD_ASYNCHRONOUS, MD_SYNCHRONOUS, MD_SWITCHED };
enum md_acknowledging { MD_ACK_NOT = 0, MD_ACK_ALONE = 1, MD_ACK_RIDES = 2 };

/* A small world. Masks are of requests. What is not named is 0. */
struct md_bounds {
	uint8_t requests;      /* those that there are */
	uint8_t blind;         /* those that read nothing */
	uint8_t put_if_absent; /* those that read nothing and demand that the first key is absent */
	uint8_t apart;         /* those that read and write the second key instead of the first */
	uint8_t ranged;        /* those that read both keys, as a range, and write the second one */
	uint8_t poison;        /* those whose writes PostgreSQL refuses */
	uint8_t cancels;       /* those that may be given up */
	uint8_t twins;         /* how many copies with other content a twin sends of A1 */
	uint8_t acknowledging;
	uint8_t limit;       /* verdicts that a client may leave unacknowledged; 0: any number */
	uint8_t copies;      /* of a request, under way at a time */
	uint8_t replication; /* enum md_replication; a standby is promoted at most `promotions` times */
	uint8_t batches;     /* 0: as many as it takes, and versions are renamed */
	/* how often the world goes wrong */
	uint8_t crashes, promotions, cuts, deaths, leases, doubts, purges, returns, switches;
	bool overlaps;     /* two batches under way */
	bool slow_claim;   /* what is claimed is resolved later */
	bool slow_apply;   /* what was looked at behind the fence is committed later */
	bool raises_floor; /* at any time */
	bool reader;       /* a transaction that only reads */
	bool strangers;    /* send what they like on reply channels */
};

struct md_setup {
	struct md_bounds bounds;
	enum md_switch without, also; /* rules that are taken out */
	enum md_invariant
		only; /* if not MD_HOLDS: nothing else is looked at, so that another break does not hide it */
};

static inline bool md_with(const struct md_setup *setup, enum md_switch without)
{
	return setup->without != without && setup->also != without;
}

/* A world that is explored by the tests. */
struct md_case {
	const char *name;
	bool is_long;    /* minutes */
	bool progresses; /* look for dead ends and loops as well */
	const char *what;
	struct md_bounds bounds;
};
extern const struct md_case md_cases[];
extern const size_t md_case_count;

/* A rule taken out of a world, and what must break. */
struct md_removal {
	enum md_switch without;
	enum md_invariant breaks;
	enum md_switch also; /* taken out as well, for it covers what breaks */
	bool is_alone;       /* other invariants that break earlier are not looked at */
	struct md_bounds bounds;
};
extern const struct md_removal md_removals[];
extern const size_t md_removal_count;

#endif
