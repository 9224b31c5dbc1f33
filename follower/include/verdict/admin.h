/* SPDX-License-Identifier: Apache-2.0 */
/* admin.h: looking after a store: create it, see how it is, watch verdicts, hand the office over, tidy up.
 *
 * One handle is one schema of one database. Each call waits for its answer and may take as long as the
 * handle's time-out says; inside it is a loop of its own with one connection, opened when the first call needs
 * it, kept, and opened anew after a loss. Nothing here is needed in order to use the store.
 *
 * A call returns 0 or an error number of verdict.h, and then fills *error, if that is not NULL, with one line
 * that says what is wrong and one that says what to do: VD_ERROR_CONNECTION_STRING_INVALID (the connection
 * string, the schema's name, the server refused us, the schema is missing or not of this program's version),
 * VD_ERROR_TRANSACTION_TIMED_OUT (not reachable, or no answer, in time), VD_ERROR_OPERATION_CANCELLED
 * (interrupted), VD_ERROR_SQL (the server's message: a privilege, say), VD_ERROR_OUT_OF_MEMORY.
 *
 * Threads: one at a time; only vd_admin_interrupt may come from any thread.
 */
#ifndef VERDICT_ADMIN_H
#define VERDICT_ADMIN_H

#include <verdict/verdict.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vd_admin;

struct vd_admin_error {
	int code;
	char message[512]; /* one line, lower case, without a full stop */
	char hint[256];    /* may be empty */
};

/* dsn: as for vd_database_open. schema: NULL or "": verdict. timeout_ms: for connecting, and for the answer of
 * each call; 0: 10,000. Connects to nothing yet. */
VD_CHECKED int vd_admin_open(const char *dsn, const char *schema, int64_t timeout_ms, struct vd_admin **out,
	struct vd_admin_error *error);
VD_PUBLIC void vd_admin_close(struct vd_admin *admin);

/* Any thread: the call under way, or the next one, ends with VD_ERROR_OPERATION_CANCELLED. */
VD_PUBLIC void vd_admin_interrupt(struct vd_admin *admin);

/* ---- The schema ---- */

/* The number of the newest migration that this library carries. */
VD_PUBLIC unsigned vd_admin_schema_version(void);

struct vd_admin_migrated {
	unsigned version; /* the schema's number now */
	unsigned applied; /* how many migrations this call applied: 0 if it was up to date */
};

/* Creates the schema if need be, and brings it to vd_admin_schema_version. Forward only, each migration whole
 * or not at all; several callers take turns. Refuses a schema that is newer, or whose past is not ours. Needs
 * a role that may create schemas and roles. */
VD_CHECKED int vd_admin_migrate(
	struct vd_admin *admin, struct vd_admin_migrated *migrated, struct vd_admin_error *error);

/* 0 if the schema is there and of vd_admin_schema_version. */
VD_CHECKED int vd_admin_check(struct vd_admin *admin, struct vd_admin_error *error);

/* What an account may do: the roles <schema>_follower, <schema>_resolver, <schema>_observer. */
enum vd_admin_role {
	VD_ADMIN_FOLLOWER = 1,
	VD_ADMIN_RESOLVER = 2,
	VD_ADMIN_OBSERVER = 4,
};

/* Makes an account that may log in, or gives the one of that name this password, and makes it a member of the
 * roles (a sum of enum vd_admin_role). The password leaves this process as a SCRAM verifier only. Needs a role
 * that may create roles. name: as a schema's, [a-z_][a-z0-9_]{0,39}. */
VD_CHECKED int vd_admin_account(struct vd_admin *admin, const char *name, const char *password,
	unsigned roles, struct vd_admin_error *error);

/* ---- How it is ---- */

struct vd_admin_node {
	char name[64];
	int64_t up_ms; /* how long its keeper has been connected */
	bool leads;
};

struct vd_admin_status {
	/* The lease. leader is "" if there never was one. serves: held, not released, not expired, and its term is
	 * the one that the watermark carries. */
	char leader[64];
	bool serves;
	bool released;
	int64_t epoch;
	char term[37];
	int64_t led_ms;        /* since it took office */
	int64_t lease_left_ms; /* until the lease expires; negative: it did, so long ago */
	int64_t renewals;
	/* Where commits stand. */
	int64_t watermark_version;
	char watermark_term[37];
	/* The id of the lock of the store, as a uuid; "": nobody holds it. */
	char lock[37];
	/* Requests that wait, counted up to 100,000. */
	int64_t queue;
	/* What this term has done, as of its last renewal. */
	int64_t batches;
	int64_t committed;
	int64_t conflicts;
	int64_t too_old;
	int64_t rejected;
	/* Of all followers, the age of the oldest snapshot that is open; -1: none is. */
	int64_t oldest_snapshot_ms;
	/* The resolvers that are connected, by name. */
	const struct vd_admin_node *nodes;
	size_t node_count;
	/* How full the server's notify queue is, from 0 to 1. */
	double notify_queue;
	/* How far the server's write-ahead log has come, in bytes; -1 on a standby. Two looks tell what was written between
	 * them, by all of the server. */
	int64_t wal_bytes;
	/* The backend that answered: a process of the machine on which the server runs. */
	int64_t backend_pid;
};

/* *status is filled; nodes belong to the handle and live until its next call. */
VD_CHECKED int vd_admin_status(
	struct vd_admin *admin, struct vd_admin_status *status, struct vd_admin_error *error);

/* ---- Is it well? ---- */

enum vd_admin_level {
	VD_ADMIN_OK,
	VD_ADMIN_WARNING, /* it works, and will not under load, after a fault, or in some weeks */
	VD_ADMIN_PROBLEM, /* it does not work, or what was acknowledged may be lost */
	VD_ADMIN_UNSEEN,  /* this account cannot look, or nobody can from here */
};

/* One line of an examination; the texts are borrowed for the call. */
struct vd_admin_finding {
	const char *check; /* a word or two with dashes, the same in each version: "fsync", "old-snapshots" */
	enum vd_admin_level level;
	const char *text;   /* what is so */
	const char *advice; /* what to do about it; "" if nothing is to be done */
};

/* Looks at connection, roles, schema, server and leader, and calls back with each finding, in a fixed order; takes a second. It only
 * reads, but for one NOTIFY to itself, and it also looks at a standby, at a schema that is not there, and as a role that may see little.
 * old_ms (0: 60,000): a transaction or snapshot older than this is a warning, ten times as old a problem.
 * Fails only if the server cannot be reached, or is lost meanwhile. */
VD_CHECKED int vd_admin_examine(struct vd_admin *admin, int64_t old_ms,
	void (*on_finding)(const struct vd_admin_finding *finding, void *arg), void *arg,
	struct vd_admin_error *error);

/* ---- Watching ---- */

enum vd_admin_event_kind {
	VD_ADMIN_LISTENING, /* it begins, or begins again after a loss: what was between is not seen */
	VD_ADMIN_BATCH,     /* the watermark moved */
	VD_ADMIN_VERDICT,   /* one request's verdict */
	VD_ADMIN_LOST,      /* the connection; text says why. It comes back by itself */
};

struct vd_admin_event {
	enum vd_admin_event_kind kind;
	/* LISTENING: of the watermark; BATCH and VERDICT: of the batch. */
	int64_t version;
	/* BATCH: how many, by verdict. more: verdicts of this batch that were not listed. */
	int64_t requests, committed, conflict, too_old, rejected;
	/* VERDICT: the follower's reply number and the request's; 0 or an error number; the place among the winners
	 * of the batch. */
	uint64_t reply;
	int64_t sequence;
	int code;
	int order;
	const char *text;
};

/* Calls back for every event, on this thread, until the callback returns false (then it returns 0), or it is
 * interrupted, or the first connection fails. Notifications are hints: anyone may send them, what cannot be
 * read is passed over, and none is promised to arrive. */
VD_CHECKED int vd_admin_observe(struct vd_admin *admin,
	bool (*on_event)(const struct vd_admin_event *event, void *arg), void *arg, struct vd_admin_error *error);

/* ---- Who is registered ---- */

/* One registration: a database that some process has open, or had. */
struct vd_admin_client {
	char name[17];         /* of its client id, which is a secret, the first 64 bits of the SHA-256, in hex */
	char follower[17];     /* its reply number in hex, as vd_admin_event tells it */
	int64_t registered_ms; /* how long ago; likewise seen_ms: it was heard of, to the minute. -1: for ever */
	int64_t seen_ms;
	int64_t low_water; /* every request up to this number was decided, and it knows how */
	int64_t verdicts;  /* what was decided above that: given up (also counted apart), or with an outcome */
	int64_t given_up;
	int64_t queued; /* its requests that wait */
};

/* The registrations that were not used for age_ms (0: all), the latest first, at most `most` of them. *clients belongs to the handle and lives
 * until its next call. */
VD_CHECKED int vd_admin_clients(struct vd_admin *admin, int64_t age_ms, int64_t most,
	const struct vd_admin_client **clients, size_t *count, struct vd_admin_error *error);

/* ---- Looking after ---- */

/* Forgets the registrations, outcomes and tombstones of clients that were not seen for age_ms, and calls back, unless on_client is
 * NULL, with what each of them was, once that is durable: also if an error ends it half-way, it was told of all that are gone.
 * What they still send is refused afterwards, never applied. *count (may be NULL): how many there were. Needs the resolver's role.
 * A leader does the same by itself with those older than its setting client-retention. */
VD_CHECKED int vd_admin_purge(struct vd_admin *admin, int64_t age_ms,
	void (*on_client)(const struct vd_admin_client *client, void *arg), void *arg, int64_t *count,
	struct vd_admin_error *error);

struct vd_admin_handed {
	char from[64];
	char to[64];
	int64_t took_ms; /* from asking to the moment when the new one was seen to serve */
};

/* Asks the leader to hand over: it finishes what is queued and releases the lease, and another node takes it: `to`, or with NULL or
 * "" any that is faster. Returns when another term serves. Who asked for, and did not come within one lease, is not waited for:
 * then whoever does leads, and handed->to says who that is.
 * The request stands in the lease's row, which only the resolver's role may write; the NOTIFY that goes with it only makes the
 * leader look. VD_ERROR_CLIENT_INVALID_OPERATION: nobody leads, no other node is connected, or not that one, or that one leads.
 * VD_ERROR_TRANSACTION_TIMED_OUT: it was asked, and the request was taken back, unless the message says that it was released. Needs
 * the resolver's role. */
VD_CHECKED int vd_admin_hand_over(
	struct vd_admin *admin, const char *to, struct vd_admin_handed *handed, struct vd_admin_error *error);

#ifdef __cplusplus
}
#endif

#endif
