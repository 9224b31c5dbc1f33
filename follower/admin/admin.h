/* SPDX-License-Identifier: Apache-2.0 */
/* admin.h: the handle of the calls that wait, from inside; private to follower/admin.
 *
 * A call queues something on the handle's connection and runs the handle's loop until a callback has said that it is done.
 * If time runs out, or somebody interrupts, the connection is closed: what is under way on it ends as lost, and that is what
 * the callback then says. So every call ends by its callback, and nothing points to a stack that is gone.
 */
#ifndef VD_FOLLOWER_ADMIN_ADMIN_H
#define VD_FOLLOWER_ADMIN_ADMIN_H

#include "common/base/check.h"
#include "common/loop/loop.h"
#include "common/pg/connection.h"
#include "common/pg/migrate.h"
#include "common/pg/names.h"
#include "common/pg/pipeline.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <verdict/admin.h>

struct vd_admin {
	char *dsn;
	struct vd_pg_name schema;
	int64_t timeout_ms;
	struct vd_loop *loop;
	struct vd_timer timer; /* of the call: its time-out; then, to look again */
	struct vd_pg *pg;      /* NULL: not connected */
	bool connecting;
	bool checked;   /* the schema, on this connection */
	bool takes_any; /* a standby will do */
	/* the call under way */
	bool done;
	bool timed_out;
	int code;
	struct vd_admin_error *error;
	_Atomic bool interrupted;
	/* of vd_admin_status */
	struct vd_admin_node *nodes;
	size_t node_count;
	/* of vd_admin_clients and vd_admin_purge */
	struct vd_admin_client *clients;
	size_t client_count;
};

/* Begins a call: connects if need be and, unless it is a migration, checks the schema. 0, or the error that is filled. */
VD_MUST_USE int admin_begin(struct vd_admin *admin, struct vd_admin_error *error, bool check);
/* Runs until admin_done; returns the call's code. */
VD_MUST_USE int admin_wait(struct vd_admin *admin);
/* Waits for so long: 0, or the call's error if it is to end. */
VD_MUST_USE int admin_pause(struct vd_admin *admin, int64_t pause_ms);

/* For callbacks: the call is done, well or not. Sets the error if it is not set; an interrupt or a time-out takes its
 * place. */
void admin_done(struct vd_admin *admin, int code, const char *hint, const char *format, ...) VD_PRINTF(4, 5);
/* The end of a segment that is all of a call. */
void admin_on_outcome(void *arg, const struct vd_pg_outcome *outcome);
void admin_on_schema(void *arg, const struct vd_schema_report *report);

/* A handler of rows: keeps what registrations() and purge_told() tell in the handle, which is its argument. */
void admin_on_clients(void *arg, const struct vd_pg_rows *rows);

/* Outside a call: fills the error and returns the code. */
int admin_error(struct vd_admin_error *error, int code, const char *hint, const char *format, ...)
	VD_PRINTF(4, 5);

/* What every connection here is set to. */
struct vd_pg_settings admin_settings(const struct vd_admin *admin);

#endif
