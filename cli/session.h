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
};

/* Runs a script; an enum vd_exit: done, failed (a verdict that is not committed), wrong (an error of use, told), or
 * interrupted. */
int vd_session_run(struct vd_session *session, const struct vd_script *script);
/* Drops what is under way. */
void vd_session_end(struct vd_session *session);

#endif
