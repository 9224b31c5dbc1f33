/* SPDX-License-Identifier: Apache-2.0 */
/* state.h: one state of the modelled world: PostgreSQL, two nodes, the requests of two clients.
 *
 * All fields are bytes, so that a state can be compared, hashed and packed as bytes. 0 is "none" everywhere. Requests are A1
 * and A2 of client A and B1 of client B. A version, a term, a key's value are small numbers: of versions only the order matters, of
 * terms only which are equal, and a key's value is who wrote it last.
 */
#ifndef VD_DOCS_MODEL_STATE_H
#define VD_DOCS_MODEL_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MD_REQUESTS = 3,
	MD_CLIENTS = 2,
	MD_KEYS = 2,
	MD_NODES = 2,
	MD_PIPELINES = 4,
	MD_TURNS = 2,
	MD_JUMP = 16, /* how far versions jump after a promotion, where they are not renamed */
};

/* What becomes of a request; also what a follower is told. */
enum md_verdict {
	MD_OPEN,
	MD_COMMITTED,
	MD_CONFLICT,
	MD_TOO_OLD,
	MD_REJECTED,  /* a precondition, content that PostgreSQL refuses */
	MD_CANCELLED, /* a tombstone */
	/* of one copy of a request only, in a batch */
	MD_REPEATED, /* decided before: the verdict is told again */
	MD_DENIED,   /* decided before with other content */
	MD_DROPPED,  /* told long ago, or nobody's */
	MD_WAITING,  /* its client is at its limit */
	/* told only */
	MD_UNKNOWN, /* commit_unknown_result */
};

/* What is durable. */
struct md_database {
	uint8_t term, version;  /* the watermark */
	uint8_t jump, timeline; /* as stored in the lease */
	uint8_t value[MD_KEYS]; /* who wrote it last: request + 1, and MD_REQUESTS more if with other content */
	uint8_t applied[MD_REQUESTS]; /* 1: it, 2: other content under its identity */
	uint8_t outcome[MD_REQUESTS];
	uint8_t at[MD_REQUESTS];    /* of a commit: its version */
	uint8_t other[MD_REQUESTS]; /* the outcome is of other content: its digest differs */
	uint8_t low_water[MD_CLIENTS];
	uint8_t generation[MD_CLIENTS]; /* 0: not registered; requests have 1 */
};

enum md_row {
	MD_ROW = 1,
	MD_ROW_OTHER = 2,
	MD_ROW_ADOPTED_NOT = 4,
	MD_ROW_ACKNOWLEDGED = 8 /* times the low-water */
};

/* A batch's transaction in PostgreSQL. */
enum md_pipeline_stage {
	MD_SENT = 1,   /* not begun */
	MD_PAST_FENCE, /* queue rows deleted, watermark moved: both locked */
	MD_CHECKED,
	MD_APPLIED,        /* committed; the answer is on its way */
	MD_APPLIED_WARNED, /* committed, but the wait for the standby was broken off */
	MD_FENCED,
	MD_REFUSED,
	MD_STANDBYS, /* the synchronous standbys were switched on or off */
	MD_CONTENT,  /* PostgreSQL does not take what one of its requests writes */
};
struct md_pipeline {
	uint8_t stage;
	uint8_t node; /* + 1; 0: nobody waits for its answer any more */
	uint8_t term, from, to;
	uint8_t mask, other;    /* which requests; which of them with other content */
	uint8_t descends;       /* their order: A2 before A1 */
	uint8_t is_synchronous; /* whether there are synchronous standbys, as its leader believes */
	uint8_t verdict[MD_REQUESTS];
	uint8_t low_water[MD_CLIENTS]; /* acknowledgements that are written with it */
};

enum md_turn_stage {
	MD_TURN_CLAIMED = 1, /* the clients' rows are to be read */
	MD_TURN_LOADING,     /* their outcomes as well */
	MD_TURN_BASED_NOT,   /* what preconditions need is to be read */
	MD_TURN_BASED,       /* all is known */
	MD_TURN_SENT,
};
struct md_turn {
	uint8_t stage;
	uint8_t mask, other, descends;
	uint8_t refused; /* alone, and PostgreSQL did not take it */
	uint8_t base;    /* the value of the first key, with what the batch below does to it */
	uint8_t from, to;
	uint8_t verdict[MD_REQUESTS];
	uint8_t pipeline; /* + 1 */
};

enum md_office { MD_STANDBY, MD_LEADING, MD_SETTLING, MD_SETTLING_RESTARTED };
enum md_acquaintance { MD_STRANGE, MD_HALF_LOADED, MD_KNOWN };
struct md_node {
	uint8_t office;
	uint8_t is_synchronous;
	uint8_t term, preceding, takeover, jump, timeline;
	uint8_t newest, floor, sent;
	uint8_t written[MD_KEYS]; /* the window: when each key was last written */
	uint8_t outcome[MD_REQUESTS], at[MD_REQUESTS], other[MD_REQUESTS];
	uint8_t client[MD_CLIENTS], generation[MD_CLIENTS], low_water[MD_CLIENTS];
	struct md_turn turn[MD_TURNS]; /* the older one first */
};

enum md_follower_stage { MD_IDLE, MD_READING, MD_ASKED, MD_TOLD };
enum md_cancel_stage {
	MD_CANCEL_CALLED = 1,
	MD_CANCEL_NO_ROW,        /* the queue row is deleted: there was none */
	MD_CANCEL_ROW,           /* it is deleted and locked */
	MD_CANCEL_SHARES_NO_ROW, /* the watermark is shared, and no outcome was seen */
	MD_CANCEL_SHARES_ROW,
};
struct md_request {
	uint8_t stage;
	uint8_t term, version, seen[MD_KEYS]; /* of its snapshot */
	uint8_t told, told_at;
	uint8_t copies, twins; /* under way to the queue; with other content */
	uint8_t cancel;
};

struct md_state {
	struct md_database database, standby;
	uint8_t queue[MD_REQUESTS]; /* enum md_row */
	struct md_pipeline pipeline[MD_PIPELINES];
	struct md_node node[MD_NODES];
	struct md_request request[MD_REQUESTS];
	uint8_t lags, timeline, bell;
	uint8_t is_synchronous;      /* commits wait for the standby */
	uint8_t reader, reader_sees; /* a snapshot is open, and what it shows */
	uint8_t unsure;              /* told while no commit waited for a standby */
	uint8_t exempt;              /* told, and lost with a standby's lag: nobody can keep that a commit then */
	uint8_t used[8]; /* a bit a version that stamped a commit, for as long as versions are not renamed */
	/* what may still go wrong */
	uint8_t crashes, promotions, cuts, deaths, leases, doubts, purges, returns, twins, batches, switches;
};

static inline uint8_t md_client_of(int request)
{
	return request == 1;
}

static inline uint8_t md_sequence_of(int request)
{
	return request == 2 ? 2 : 1;
}

const char *md_request_name(int request);
const char *md_verdict_name(uint8_t verdict);

/* The one form of all states that no step can tell apart: what nobody will look at is zeroed, pipelines are in order, terms and, if
 * wanted, versions are renamed. */
void md_state_normalize(struct md_state *state, bool renames_versions);

/* The greatest version anywhere. */
uint8_t md_state_top(const struct md_state *state);
/* A term that is nowhere. */
uint8_t md_state_fresh_term(const struct md_state *state);

#define MD_PACKED_MAX (sizeof(struct md_state) + (sizeof(struct md_state) + 7) / 8)
/* Which bytes are not zero, and those; returns the size. */
size_t md_state_pack(const struct md_state *state, uint8_t *bytes);
void md_state_unpack(struct md_state *state, const uint8_t *bytes);

#endif
