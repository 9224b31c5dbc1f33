/* SPDX-License-Identifier: Apache-2.0 */
/* session.h: runs the steps of scripts on a database, for `verdict exec` and `verdict shell`, and prints what they give.
 *
 * Without begin, the steps of one script are one transaction, committed at its end. A transaction that was begun stays open
 * over scripts until its commit. Each commit prints its verdict on a line of its own. After an error the transaction is
 * over: nothing of it was committed, and that is its verdict.
 */
#ifndef VD_CLI_SESSION_H
#define VD_CLI_SESSION_H

#include "cli/script.h"

#include <stdio.h>
#include <sys/queue.h>

STAILQ_HEAD(session_counter_list, session_counter);
STAILQ_HEAD(session_watch_list, session_watch);

struct vd_session {
	struct vd_database *database;
	int64_t timeout_ms; /* of each transaction; 0: none */
	FILE *out;
	struct vd_transaction *transaction;   /* NULL: none under way */
	struct vd_future *stamp;              /* asked for in it */
	struct session_counter_list counters; /* that give numbers to it */
	struct session_watch_list watching;   /* set in it */
	struct session_watch_list armed;      /* in those that have committed, in their order */
	bool begun;                           /* by begin: it outlives the script */
	char failure[512];                    /* what it failed with, if the number does not say it all */
};

void vd_session_init(struct vd_session *session, struct vd_database *database, int64_t timeout_ms, FILE *out);
/* Runs a script; an enum vd_exit: done, failed (a verdict that is not committed), wrong (an error of use, told), or
 * interrupted. */
int vd_session_run(struct vd_session *session, const struct vd_script *script);
/* Drops what is under way, and what is watched. */
void vd_session_end(struct vd_session *session);

/* ---- for the commands ---- */

/* Keeps what the transaction failed with, in words; returns the number. */
int session_fail(struct vd_session *session, int code, const char *message);
/* Waits for a future of the transaction; 0, or its error, which is kept. */
VD_MUST_USE int session_wait(struct vd_session *session, struct vd_future *future);
/* Drops the transaction, and what was asked for in it. */
void session_drop(struct vd_session *session);

void session_watches_drop(struct session_watch_list *list);
void session_counters_drop(struct session_counter_list *list);
/* "number <counter> <first number>", of the transaction that has committed. */
void session_print_numbers(struct vd_session *session);

void session_print_bytes(const struct vd_session *session, struct vd_bytes bytes);
/* "key = value" */
void session_print_pair(const struct vd_session *session, struct vd_bytes key, struct vd_bytes value);

#endif
