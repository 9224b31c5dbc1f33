/* SPDX-License-Identifier: Apache-2.0 */
/* Committer: what one database has for its commits. Two connections:
 *
 *   desk    registers, and sends each commit for the first time. Nothing here waits for a lock that an apply holds: numbers
 *           are new, so no key is taken.
 *   inbox   LISTENs, and does what may have to wait for an apply: resends, looks, cancels, acknowledgements. Notifications
 *           are held back while a statement runs, but what such a statement waits for is the very apply that sends them.
 *
 * Either may be lost without the other; neither ever waits for the other.
 *
 * The pump does what can be done now, from top to bottom; callbacks store and pump. The tick turns it over where time
 * decides (looks, patience, acknowledgements), and runs only while there is something to wait for. Its clock counts only
 * while the loop turns: a process that was stopped, or a host that was busy, has not waited in vain for the database.
 *
 * Thread: the loop's, but for vd_commit_submit and vd_commit_give_up, which post the pump.
 */
#ifndef VD_FOLLOWER_COMMIT_COMMITTER_H
#define VD_FOLLOWER_COMMIT_COMMITTER_H

#include "common/base/arena.h"
#include "common/base/vector.h"
#include "common/loop/loop.h"
#include "common/pg/backoff.h"
#include "common/pg/connection.h"
#include "common/pg/link.h"
#include "common/pg/listen.h"
#include "common/pg/names.h"
#include "common/pg/pipeline.h"
#include "follower/commit/life.h"
#include "follower/database.h"

enum {
	VD_COMMIT_TICK_MS = 100,
	VD_COMMIT_LOOK_AFTER_MS = 500,
	VD_COMMIT_LOOK_MOST = 2000,
	VD_COMMIT_CANCELS_MOST = 8,
	VD_COMMIT_ACKNOWLEDGE_IDLE_MS = 1000,
	VD_COMMIT_ACKNOWLEDGE_MOST = 1000,
	VD_COMMIT_STATEMENT_REQUESTS = 1024,
	VD_COMMIT_STATEMENT_BYTES = 4 << 20,
	VD_COMMIT_OPEN_BYTES = 64 << 20, /* of what is with the database and not decided */
	VD_COMMIT_STATEMENT_MS = 15000,  /* the server's limit on the desk */
	VD_COMMIT_ANSWER_MS = 18000,     /* ours, for a server that does not even say that (silence.c) */
	VD_COMMIT_QUIET_MS = 1000,
	VD_COMMIT_CLOSE_MS = 5000,
	VD_COMMIT_PROOF_MS = 5000,
	VD_COMMIT_PAYLOAD_BYTES = 16000000, /* what the queue takes */
};

/* Who we are for the database. Answers that were asked for under an older number are not about us. */
struct vd_identity {
	uint8_t client[16];
	int64_t generation;
	unsigned number;
	bool registered;
};

struct vd_committer;

/* A submit or a resend under way. It knows its requests by their numbers: a reply may end them before the statement ends. */
struct vd_sending {
	struct vd_committer *committer;
	bool resend;
	bool under_way;
	unsigned identity;
	uint64_t acknowledged;
	struct vd_arena arena;
	struct {
		VD_VECTOR(int64_t);
	} sequences, tokens;
	struct {
		VD_VECTOR(struct vd_bytes);
	} payloads;
};

/* A row of look or cancel. The note lives in the arena of whoever asked. */
struct vd_answer {
	uint64_t sequence;
	int state;
	struct vd_verdict verdict;
};

struct vd_look {
	bool under_way;
	unsigned identity;
	struct vd_arena arena;
	struct {
		VD_VECTOR(int64_t);
	} sequences;
	struct {
		VD_VECTOR(struct vd_answer);
	} answers;
};

/* The connection that may wait for a standby is asked about over the other one. */
struct vd_silence {
	bool is_asking;
	bool is_excused;
	int64_t rests;
};

/* One of the two connections is there, and the server refuses the other for want of connections. */
struct vd_give_way {
	unsigned refusals;
	struct vd_backoff backoff;
};

struct vd_committer {
	struct vd_database *database;
	struct vd_commits commits;
	struct vd_identity identity;
	uint64_t reply; /* which inbox is ours; for as long as the database is open */
	struct vd_pg_name doorbell;

	struct vd_pg_link *desk;
	bool schema_checked;
	bool asking;       /* the schema check or the registration is under way */
	bool desk_refused; /* the desk was closed because of what they said, which is known already */
	int64_t asking_version, asking_generation;
	uint8_t asking_term[16];
	struct vd_sending sending;

	struct vd_pg_link *inbox;
	struct vd_pg_listener *listener;
	struct vd_sending resending;
	struct vd_look look;
	unsigned cancels;
	bool acknowledging;
	uint64_t acknowledging_to;
	uint64_t acknowledged; /* what the database has got to know */

	struct vd_silence silence;
	struct vd_give_way give_way;
	struct vd_task pump;
	struct vd_timer tick;
	int64_t clock_ms;    /* see above */
	int64_t ticked_ms;   /* of the monotonic clock */
	int64_t heard_ms;    /* when the inbox last answered anything */
	int64_t sent_ms;     /* when the last statement with commits was sent */
	int64_t quiet_until; /* no doorbell: the notify queue is full */
	int64_t desk_rests;  /* until then: after an error that is the server's */
	int64_t inbox_rests;
	struct vd_backoff desk_backoff;
	struct vd_backoff inbox_backoff;

	bool closing;
	bool hung_up; /* the links are closing */
	int64_t closing_until;
	unsigned links;
};

/* Opens both links. NULL without memory or randomness. Holds the database from close until it is freed. */
VD_MUST_USE struct vd_committer *vd_committer_open(struct vd_database *database);
/* Gives up what is open, waits for it VD_COMMIT_CLOSE_MS at most, closes, frees. */
void vd_committer_close(struct vd_committer *committer);
/* Before the loop ever turned: there is nothing to close yet. */
void vd_committer_abort(struct vd_committer *committer);

/* committer.c: for the other files of this folder */
void vd_committer_pump(struct vd_committer *committer);
/* A link of either connection has closed. */
void vd_committer_link_closed(void *arg);
void vd_committer_decide(
	struct vd_committer *committer, struct vd_commit *commit, int code, const char *message);
/* Everything open ends with 1021; a new client is registered. */
void vd_committer_forgotten(struct vd_committer *committer, const char *why);

/* register.c: the schema, then who we are. */
bool vd_identity_draw(struct vd_identity *identity);
void vd_register_pump(struct vd_committer *committer, struct vd_pg *desk);

/* submit.c: first statements on the desk, resends on the inbox. */
void vd_sending_init(struct vd_sending *sending, struct vd_committer *committer, bool resend);
void vd_sending_fini(struct vd_sending *sending);
void vd_submit_pump(struct vd_committer *committer, struct vd_pg *desk);
void vd_resend_pump(struct vd_committer *committer, struct vd_pg *inbox);

/* outcome.c: look, cancel, acknowledge, on the inbox. */
void vd_look_init(struct vd_look *look);
void vd_look_fini(struct vd_look *look);
void vd_look_pump(struct vd_committer *committer, struct vd_pg *inbox);
/* What is open is looked at once (the inbox came back, so that replies may have been lost). */
void vd_look_at_all(struct vd_committer *committer);
/* A statement on the inbox has ended: if that is a sign of life, patience begins anew. */
void vd_committer_heard(struct vd_committer *committer, const struct vd_pg_outcome *outcome);
void vd_cancel_pump(struct vd_committer *committer, struct vd_pg *inbox);
void vd_acknowledge_pump(struct vd_committer *committer, struct vd_pg *inbox);

/* silence.c: how long each connection may owe an answer, set before anything is asked; and, now and then, what is to become
 * of the one that does. */
void vd_silence_bound(struct vd_committer *committer);
void vd_silence_pump(struct vd_committer *committer);

/* give_way.c: after an attempt to connect, the desk's or the inbox's, has failed; and when both are there. */
void vd_give_way_init(struct vd_give_way *way, uint64_t seed);
void vd_give_way_note(struct vd_committer *committer, const struct vd_pg *pg);
void vd_give_way_whole(struct vd_give_way *way);

/* inbox.c: replies. */
VD_MUST_USE bool vd_inbox_open(struct vd_committer *committer);

#endif
