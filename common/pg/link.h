/* SPDX-License-Identifier: Apache-2.0 */
/* Link: a connection that comes back.
 *
 * Keeps one connection open: after each loss it waits (backoff.h) and opens the next. The waits begin anew
 * once a connection was up for longer than the policy's longest wait, so that a server that accepts and drops
 * is not hammered. A segment belongs to the connection that it was begun on; nothing is resent here: whoever
 * lost a segment knows best what that means.
 *
 * Ownership: the caller's from vd_pg_link_open until on_closed (or, with none, until vd_pg_link_close).
 * Thread: the loop's.
 */
#ifndef VD_COMMON_PG_LINK_H
#define VD_COMMON_PG_LINK_H

#include "common/base/check.h"
#include "common/pg/backoff.h"
#include "common/pg/connection.h"

struct vd_pg_link;

struct vd_pg_link_events {
	/* A fresh connection is up. */
	void (*on_up)(void *arg, struct vd_pg *pg);
	/* The connection was lost, or could not be made: the attempt's number since the last success (from 1) and
	 * the wait until the next. pg is freed when this returns. */
	void (*on_down)(void *arg, struct vd_pg *pg, const char *reason, unsigned attempt, int64_t retry_ms);
	/* As in struct vd_pg_events. May be NULL. */
	void (*on_notify)(
		void *arg, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid);
	/* After vd_pg_link_close: no more callbacks, the link is freed when it returns. May be NULL. */
	void (*on_closed)(void *arg);
	void *arg;
};

/* settings are copied, strings too. NULL without memory. */
VD_MUST_USE struct vd_pg_link *vd_pg_link_open(struct vd_loop *loop, const struct vd_pg_settings *settings,
	const struct vd_backoff_policy *policy, const struct vd_pg_link_events *events);
/* Ends it for good; asynchronous. */
void vd_pg_link_close(struct vd_pg_link *link);

/* The connection, if it is up; else NULL. */
struct vd_pg *vd_pg_link_up(const struct vd_pg_link *link);
/* Do not wait for the back-off: try now (a sign of life came from elsewhere). */
void vd_pg_link_hurry(struct vd_pg_link *link);
/* Gives the connection back if there is one, and does not try again for so long. */
void vd_pg_link_rest(struct vd_pg_link *link, int64_t rest_ms, const char *why);

#endif
