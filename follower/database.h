/* SPDX-License-Identifier: Apache-2.0 */
/* Database: what one open store consists of, for the rooms behind the public header.
 *
 * opening → ready → closing → closed. Opening is over when the schema was checked, the client is registered and the inbox
 * listens; the connections come and go afterwards without a change of state.
 *
 * Closing: transactions are detached (their futures end with 1025, their submitted commits are given up), then the commits
 * get 5 s, then connections close. Whoever has asynchronous things to end takes a hold and releases it; the database is
 * freed when the last hold is gone. Transactions and futures outlive it, with their references to the guard.
 *
 * Thread: everything here under the guard.
 */
#ifndef VD_FOLLOWER_DATABASE_H
#define VD_FOLLOWER_DATABASE_H

#include "common/kv/request.h"
#include "follower/future.h"
#include "follower/guard.h"
#include "verdict/verdict.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct vd_committer;
struct vd_pg;
struct vd_deadlines;
struct vd_pg_settings;
struct vd_snapshots;
struct vd_watcher;

/* What vd_database_open was asked for; strings are owned. Defaults as verdict.h says. */
struct vd_database_settings {
	char *dsn;
	char *schema;
	char *application_name;
	int64_t
		max_connections; /* one of them submits, the others read (at least one): vd_database_reader_count */
	int64_t max_long_snapshots; /* each has one more */
	int64_t connect_timeout_ms;
	int64_t max_in_flight;
	int64_t max_watches;
	struct vd_limits limits; /* key and value limits of the store, transaction_size_limit */
	/* defaults of the transactions' options; 0 no time-out, −1 no limit of retries */
	int64_t transaction_timeout_ms;
	int64_t transaction_retry_limit;
	int64_t transaction_max_retry_delay_ms;
};

/* The newest (term, version) that the follower has seen. */
struct vd_newest {
	uint8_t term[VD_TERM_BYTES];
	uint64_t version;
	bool known; /* false until registered */
};

enum vd_database_state {
	VD_DATABASE_OPENING,
	VD_DATABASE_READY,
	VD_DATABASE_CLOSING,
};

TAILQ_HEAD(vd_transaction_list, vd_transaction);

struct vd_database {
	struct vd_guard *guard;
	struct vd_loop *loop;
	struct vd_database_settings settings;
	enum vd_database_state state;
	struct vd_newest newest;
	struct vd_committer *committer;
	/* time-outs and back-offs of the transactions, ages of snapshots */
	struct vd_deadlines *deadlines;
	/* follower/snapshot: opened by vd_database_open, closed by closing */
	struct vd_snapshots *snapshots;
	/* follower/watch: the same */
	struct vd_watcher *watcher;
	/* all that are not freed; a transaction puts itself in and takes itself out */
	struct vd_transaction_list transactions;
	unsigned holds;
	/* the rest is database.c's */
	struct vd_opening *opening;
	pthread_t thread; /* if it has one of its own */
};

/* A snapshot or a registration showed this pair, a reply this version (term NULL: a reply does not name it; versions grow
 * over all terms, so the pair of an older term with it is what a request without reads may carry). Older ones change
 * nothing. */
void vd_database_see(struct vd_database *database, const uint8_t term[VD_TERM_BYTES], uint64_t version);

/* For the text of vd_database_ready, until the database is opened. Refused: the server, or the schema, does not take us, and
 * waiting will hardly help. */
void vd_database_problem(struct vd_database *database, bool refused, const char *message);
/* The same for a connection that could not be made, or was lost. */
void vd_database_not_reached(struct vd_database *database, const struct vd_pg *pg, const char *reason);
void vd_database_opened(struct vd_database *database);

/* How connections of this database are made: dsn, schema, names, time-outs, read-write. Borrows from the database. The caller
 * changes what it needs (statement_timeout_ms, …). */
void vd_database_pg_settings(const struct vd_database *database, struct vd_pg_settings *settings);
unsigned vd_database_reader_count(const struct vd_database *database);

/* Holds: while closing, the database is freed when the last one is released. On the loop. */
void vd_database_hold(struct vd_database *database);
void vd_database_release(struct vd_database *database);

/* What database.c calls of the other rooms, on the loop:
 *   vd_snapshots_open    when the database is made; connections may be opened later. False without memory.
 *   vd_snapshots_close   closes them; holds the database until they are closed, and frees itself.
 *   vd_watcher_open, vd_watcher_close   the same
 *   vd_transaction_detach   the database closes: outstanding futures end with 1025, a submitted commit is given up (its future
 *                        ends when it is decided), and transaction->database becomes NULL; it leaves the list.
 * They are declared in follower/snapshot/snapshot.h, follower/watch/watch.h and follower/transaction.h. */

#endif
