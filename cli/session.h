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

struct vd_session {
	struct vd_database *database;
	int64_t timeout_ms; /* of each transaction; 0: none */
	FILE *out;
	struct vd_transaction *transaction; /* NULL: none under way */
	struct vd_future *stamp;            /* asked for in it */
	bool begun;                         /* by begin: it outlives the script */
	char failure[512];                  /* what it failed with, if the number does not say it all */
};

/* Runs a script; an enum vd_exit: done, failed (a verdict that is not committed), wrong (an error of use, told), or
 * interrupted. */
int vd_session_run(struct vd_session *session, const struct vd_script *script);
/* Drops what is under way. */
void vd_session_end(struct vd_session *session);

/* ---- for the commands ---- */

/* Keeps what the transaction failed with, in words; returns the number. */
int session_fail(struct vd_session *session, int code, const char *message);
/* Waits for a future of the transaction; 0, or its error, which is kept. */
VD_MUST_USE int session_wait(struct vd_session *session, struct vd_future *future);
/* Drops the transaction, and what was asked for in it. */
void session_drop(struct vd_session *session);

void session_print_bytes(const struct vd_session *session, struct vd_bytes bytes);
/* "key = value" */
void session_print_pair(const struct vd_session *session, struct vd_bytes key, struct vd_bytes value);

#endif
