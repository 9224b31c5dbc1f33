/* SPDX-License-Identifier: Apache-2.0 */
/* What connection.c and pipeline.c share: the one noun from inside. Private to common/pg.
 *
 * connection.c owns the life (connecting, session settings, the exit) and the socket's watch; pipeline.c owns segments:
 * sending them and taking their results. A segment stands in exactly one place: with its caller (collecting), in
 * pg->held (ended before the connection was up), in pg->sent (on the wire, the oldest first), in pg->broken (its end is
 * known to be bad and is told on the next turn), or in pg->spare.
 */
#ifndef VD_COMMON_PG_INTERNAL_H
#define VD_COMMON_PG_INTERNAL_H

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/vector.h"
#include "common/loop/loop.h"
#include "common/pg/calls.h"
#include "common/pg/connection.h"
#include "common/pg/pipeline.h"

#include <libpq-fe.h>
#include <sys/queue.h>

struct vd_pg_rows {
	PGresult *result;
	bool kept;
};

/* A statement as one connection knows it. */
struct pg_plan {
	const struct vd_pg_statement *statement;
	char name[32];
	enum { PLAN_UNKNOWN, PLAN_SENT, PLAN_READY } state;
	bool columns_checked;
	/* why the last attempt to prepare it failed */
	char sqlstate[6];
	char *message;
};

/* One statement of a segment. */
struct pg_part {
	/* of what is prepared; SIZE_MAX: text is sent as it is */
	size_t plan;
	const char *label;
	const char *text;
	char *text_owned;
	const struct vd_pg_params *params;
	vd_pg_rows_handler *handler;
	void *arg;
};

struct vd_pg_segment {
	TAILQ_ENTRY(vd_pg_segment) link;
	struct vd_pg *pg;
	struct {
		VD_VECTOR(struct pg_part);
	} parts;
	/* copies of params, if the segment had to wait for the connection */
	struct {
		VD_VECTOR(struct vd_pg_params *);
	} copies;
	vd_pg_segment_handler *callback;
	void *arg;
	/* a Parse of ours: the plan that it prepares; else SIZE_MAX */
	size_t preparing;
	/* the part whose result is awaited, and whether it has come */
	size_t at;
	bool answered;
	/* what becomes the outcome */
	bool failed;
	bool warned;
	size_t failed_at;
	char sqlstate[6];
	struct vd_buffer message;
	bool sent;
	struct vd_buffer detail;
	struct vd_buffer warning;
};
TAILQ_HEAD(pg_segments, vd_pg_segment);

struct pg_host {
	const char *host;
	const char *hostaddr;
	const char *port;
};

struct vd_pg {
	struct vd_loop *loop;
	struct vd_pg_events events;
	struct vd_pg_settings settings; /* its strings are ours */
	enum vd_pg_state state;
	PGconn *conn;

	/* connecting: which of the hosts is tried, and what those before said */
	struct pg_attempts *attempts;
	struct vd_buffer reasons;
	char sqlstate[6]; /* what a server refused a session with; "": none did */

	struct vd_pg_server server;
	struct vd_buffer place;
	struct vd_pg_counts counts;

	struct pg_segments held;
	struct pg_segments sent;
	struct pg_segments broken;
	struct pg_segments spare;
	size_t collecting;
	size_t in_flight;
	size_t spare_count;
	struct {
		VD_VECTOR(struct pg_plan);
	} plans;

	/* the transaction block that the results taken so far leave open (libpq tells only when nothing is under way) */
	enum { BLOCK_NONE, BLOCK_OPEN, BLOCK_FAILED } block;
	/* the session settings are in force: held segments may go */
	bool ready;
	/* in pump(): what is queued from a callback is flushed and read for when it returns */
	bool pumping;
	/* in a turn: the memory stays until it is over */
	bool closed_told;
	/* the last FATAL that the server said: why it is about to close */
	struct vd_buffer fatal;
	char *reason;
	int64_t heard_ms;
	/* when anything last moved that may have to do with an answer: bytes that came, bytes of ours that were taken */
	int64_t moved_ms;
	int untaken; /* as of the last look: bytes that the other end has not acknowledged */

	struct vd_socket socket;
	struct vd_timer timer;
	struct vd_later turn;
};

/* connection.c */
/* The one exit. */
void pg_disconnect(struct vd_pg *pg, const char *reason);
/* Something is to be done on the next turn of the loop: read, or tell what ended. */
void pg_turn(struct vd_pg *pg);
/* A segment was sent: settings.answer_timeout_ms runs. */
void pg_expect_answer(struct vd_pg *pg);
/* The socket is watched for reading, and for writing where that is due. */
void pg_watch(struct vd_pg *pg, bool write);

/* session.c: the settings and the identify statement, as the first segments; on_ready comes if they succeeded. */
void pg_session_start(struct vd_pg *pg);

/* segment.c */
/* False without memory. */
VD_MUST_USE bool pg_segments_reserve(struct vd_pg *pg);
/* Sends what waited for the connection. */
void pg_segments_release(struct vd_pg *pg);
/* Ahead of what is held: for the connection's own set-up. */
void pg_segment_end_now(struct vd_pg_segment *segment, vd_pg_segment_handler *callback, void *arg);
void pg_segment_recycle(struct vd_pg_segment *segment);
void pg_segment_free(struct vd_pg_segment *segment);

/* pipeline.c */
/* Reads, hands out results, flushes. Called when the socket is ready, and on turns. */
void pg_pipeline_pump(struct vd_pg *pg);
void pg_flush(struct vd_pg *pg);
/* Tells the ends that are known: of broken segments, and of all once the connection is gone. */
void pg_pipeline_tell(struct vd_pg *pg);
void pg_pipeline_fini(struct vd_pg *pg);
void pg_notice(void *arg, const PGresult *notice);

/* words.c */
/* "" if there is none. */
const char *pg_result_field(const PGresult *result, int code);
/* The session ends with it, or libpq itself says that it has ended. */
bool pg_is_fatal(const PGresult *result);
/* "ERROR 40P01 deadlock detected" on one line. */
void pg_describe(struct vd_buffer *to, const PGresult *result);
/* libpq's message on one line, without the final newline. */
void pg_one_line(struct vd_buffer *to, const char *text);

#endif
