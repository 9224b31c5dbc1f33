/* SPDX-License-Identifier: Apache-2.0 */
/* Connection: one asynchronous session with PostgreSQL, from connecting to closed.
 *
 * 1. A connection has one life: connecting → up → closed. It does not come back; link.h opens the next one.
 * 2. Roles differ by settings only. They are sent ahead of everything else, with the identify statement if it
 * is wanted, in one round trip; a session that cannot be set up as asked is closed with the reason.
 * 3. Segments (pipeline.h) may be queued from the start; they are held until the connection is up.
 * 4. There is one exit. Whatever ends the connection (connecting failed, lost, closed by its owner) runs
 * through it: the socket is shut at once; on the next turn of the loop all open segments get their outcome
 * (lost), then on_closed is called, and after it the memory is free. Nothing is ever called from inside
 * vd_pg_open or vd_pg_close.
 * 5. Hosts of a multi-host string are tried one after the other, each with the full connect time-out, so that
 * a host that swallows packets does not hide the next one. (libpq looks names up in DNS while the loop waits;
 * give hostaddr where that matters.)
 * 6. No message carries a password, nor any part of an unreadable connection string that might be one.
 * 7. Places where a test can make libpq fail (common/base/fault.h): pg.connect, pg.send (each statement), pg.read; and pg.call, each
 * call of libpq that can fail (calls.h).
 *
 * Ownership: the connection owns itself; the owner keeps the pointer until on_closed, or until vd_pg_close
 * returns. Thread: its loop's.
 */
#ifndef VD_COMMON_PG_CONNECTION_H
#define VD_COMMON_PG_CONNECTION_H

#include "common/base/check.h"
#include "common/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vd_loop;
struct vd_pg;

/* Every time-out: 0 leaves the server's or libpq's own default in force. */
struct vd_pg_settings {
	/* A libpq connection string or URI; "" or NULL: libpq's own variables. Copied. */
	const char *dsn;
	/* Not NULL: how pg_stat_activity names us (names.h). A dsn cannot override it. */
	const char *application_name;
	/* search_path becomes this schema and pg_temp; NULL leaves it. */
	const char *schema;
	/* For each host, unless the dsn says connect_timeout. 0: 10,000. */
	int64_t connect_timeout_ms;
	int64_t statement_timeout_ms;
	int64_t lock_timeout_ms;
	int64_t idle_in_transaction_session_timeout_ms;
	/* Both ends: unacknowledged data for so long ends the connection (TCP only). */
	int64_t tcp_user_timeout_ms;
	/* Both ends: idle time to the first probe, and between probes (TCP only). */
	int64_t keepalives_idle_s;
	int64_t keepalives_interval_s;
	int64_t keepalives_count;
	/* The server looks so often during a long statement whether we still exist; left out where it cannot. */
	int64_t client_connection_check_interval_ms;
	/* Our own watch: a segment under way and not a byte from the server for so long ends the connection. 0:
	 * none. */
	int64_t answer_timeout_ms;
	/* "on", "off", "local", …; NULL leaves the server's. */
	const char *synchronous_commit;
	/* "auto", "force_generic_plan", "force_custom_plan"; NULL leaves the server's. */
	const char *plan_cache_mode;
	/* "read-write", "primary", …; a dsn overrides it; NULL: any. */
	const char *target_session_attrs;
	/* Ask for struct vd_pg_server before on_up. */
	bool identify;
};

/* Who answers. backend_pid and version_num are always known when up; the rest only with settings.identify. */
struct vd_pg_server {
	int32_t backend_pid;
	int32_t version_num;
	int64_t backend_start_us;
	int64_t postmaster_start_us;
	uint64_t system_identifier;
	/* Of a primary: that of its current WAL file, which is right directly after a promotion; of a standby 0.
	 */
	uint32_t timeline;
	uint32_t database_oid;
	bool in_recovery;
	/* synchronous_standby_names is not empty: COMMIT waits for a standby. */
	bool synchronous_standbys;
};

enum vd_pg_state {
	VD_PG_CONNECTING,
	VD_PG_UP,
	VD_PG_CLOSED,
};

struct vd_pg_events {
	/* The session is set up. May be NULL. */
	void (*on_up)(void *arg, struct vd_pg *pg);
	/* The end, exactly once, unless closed by vd_pg_close with no callback. reason: one line, for logs and
	 * for users. The connection is freed when it returns. */
	void (*on_closed)(void *arg, struct vd_pg *pg, const char *reason);
	/* A notification; channel and payload are borrowed. May come at any time while up. May be NULL. */
	void (*on_notify)(
		void *arg, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid);
	void *arg;
};

/* Begins to connect. Never NULL but without memory; all that goes wrong comes by on_closed. */
VD_MUST_USE struct vd_pg *vd_pg_open(
	struct vd_loop *loop, const struct vd_pg_settings *settings, const struct vd_pg_events *events);

/* Ends it from our side: open segments end as lost, then on_closed("closed"). Segments that were sent may
 * still be carried out by the server. Calling it again does nothing. */
void vd_pg_close(struct vd_pg *pg);

/* Another settings.answer_timeout_ms, for what is asked from now on: some statements may take longer than others. */
void vd_pg_set_answer_timeout(struct vd_pg *pg, int64_t answer_timeout_ms);

/* For how long an answer has been due and not a byte has come; 0 if none is due. */
int64_t vd_pg_silent_ms(const struct vd_pg *pg);

/* For how long an answer has been due and nothing has moved on the wire that may have to do with it: no byte has come (but
 * notifications, which say nothing of the answer), and none that waits to be sent has been taken. 0 if none is due. What is sent is
 * looked at with each call, so it is as exact as the calls are frequent. */
int64_t vd_pg_stalled_ms(struct vd_pg *pg);

/* As vd_pg_close, with the caller's reason: the one way for a user of the connection to declare it broken. */
void vd_pg_disconnect(struct vd_pg *pg, const char *format, ...) VD_PRINTF(2, 3);

/* A server answered and would not have us: not as this role, not without this password, not in this database. Known by the
 * SQLSTATE, for the words may be in any language. (One that starts, stops or is full is away.) */
bool vd_pg_is_refused(const struct vd_pg *pg);
/* It would, but has no connection left: for anybody, for this role, or for this database. */
bool vd_pg_is_crowded_out(const struct vd_pg *pg);

enum vd_pg_state vd_pg_state(const struct vd_pg *pg);
const struct vd_pg_server *vd_pg_server(const struct vd_pg *pg);
/* How we are connected, as this end sees it: the server may be behind a pooler, which has another wire to it. */
struct vd_pg_wire {
	bool is_local;     /* a socket of this machine, or its loopback */
	bool is_encrypted; /* by TLS or GSSAPI */
	bool used_password;
};
struct vd_pg_wire vd_pg_wire_of(const struct vd_pg *pg);

/* "host:port/database" of the host in use, or "socket …"; for logs. */
const char *vd_pg_place(const struct vd_pg *pg);
struct vd_loop *vd_pg_loop(const struct vd_pg *pg);
/* The server's value of a reported parameter, such as "in_hot_standby"; NULL if it does not report it. */
const char *vd_pg_parameter(const struct vd_pg *pg, const char *name);

/* Segments that were ended and have no outcome yet. */
size_t vd_pg_in_flight(const struct vd_pg *pg);

/* For tests and metrics: what went over this connection. A Parse of ours is counted apart: it happens once a
 * statement. */
struct vd_pg_counts {
	uint64_t statements;
	uint64_t segments;
	uint64_t prepared;
	uint64_t notifications;
};
const struct vd_pg_counts *vd_pg_counts(const struct vd_pg *pg);

/* A copy that owns its strings (the same, without them, if there is no memory: false). fini frees the strings. */
VD_MUST_USE bool vd_pg_settings_copy(struct vd_pg_settings *to, const struct vd_pg_settings *from);
void vd_pg_settings_fini(struct vd_pg_settings *settings);

/* A connection string that cannot be read (2104), or no memory to read it (1501): the number, and one clear line in *error; else
 * 0. Reads no server. */
int vd_pg_dsn_check(const char *dsn, struct vd_error *error);

#endif
