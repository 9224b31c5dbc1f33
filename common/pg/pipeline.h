/* SPDX-License-Identifier: Apache-2.0 */
/* Pipeline: statements out, one outcome back for each segment.
 *
 * 1. A *segment* is a run of statements up to a sync. It is collected first and sent as one by
 * vd_pg_segment_end. Without a BEGIN of its own it is one implicit transaction, committed at the sync; an
 * error skips what is left of the segment, and the next segment goes on. Several segments may be under way on
 * one connection; they are answered in the order in which they were ended.
 * 2. Queueing never fails at the call. Whatever happens (an SQL error, a lost connection, no memory, a
 * connection that was already lost or is not yet up), the outcome arrives once, by the segment's callback,
 * never from inside the call that ended the segment. So the caller has one place for all of it.
 * 3. The outcome is one of three: ok (the sync was answered and no statement failed), error (the sync was
 * answered and one statement failed: certainly not committed if the segment is one transaction), lost (the
 * connection ended before the sync was answered: nothing is known). A FATAL of the server is "lost", not
 * "error".
 * 4. Statements are static structs, prepared on first use on each connection, by a Parse with a sync of its
 * own ahead of the segment in the same flush: no round trip more (so what a statement names must
 * exist before its segment). If preparing fails, the segment fails with
 * that error at the statement. Parameters and results are binary.
 * 5. A row handler gets its statement's rows before the segment's outcome is known: it may store, never
 * conclude.
 *
 * Ownership: a segment belongs to the pipeline from begin; end or abandon takes the caller's pointer away.
 * Params are copied at end. Rows and the outcome are borrowed and live until the callback returns
 * (vd_pg_rows_keep). Callbacks may queue segments and may close the connection. Thread: the loop's.
 */
#ifndef VD_COMMON_PG_PIPELINE_H
#define VD_COMMON_PG_PIPELINE_H

#include "common/pg/params.h"
#include "common/pg/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vd_pg;
struct vd_pg_segment;

enum { VD_PG_COLUMNS_MAX = 24 };

/* A column that a statement must give: the pipeline compares name and type with the answer, so that a column
 * taken by its position cannot shift under its reader. */
struct vd_pg_column {
	const char *name;
	enum vd_pg_type type;
};

/* One for each SQL text, static. params and columns end with a zero entry. columns may be left out (nothing
 * is checked: for statements whose rows nobody reads). A statement that cannot be prepared (BEGIN and COMMIT
 * can; LISTEN, SET, DDL are better not) is `once`: it is parsed each time and has no params. */
struct vd_pg_statement {
	const char *name;
	const char *sql;
	enum vd_pg_type params[VD_PG_PARAMS_MAX + 1];
	struct vd_pg_column columns[VD_PG_COLUMNS_MAX + 1];
	bool once;
};

extern const struct vd_pg_statement vd_pg_begin; /* BEGIN (the session's isolation level) */
extern const struct vd_pg_statement
	vd_pg_begin_snapshot; /* BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY */
extern const struct vd_pg_statement
	vd_pg_begin_committed;                          /* BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE */
extern const struct vd_pg_statement vd_pg_commit;   /* COMMIT: ask vd_pg_rows_committed */
extern const struct vd_pg_statement vd_pg_rollback; /* ROLLBACK */

enum vd_pg_status {
	VD_PG_OK,
	VD_PG_ERROR,
	VD_PG_LOST,
};

struct vd_pg_outcome {
	enum vd_pg_status status;
	/* Of an error: which statement of the segment failed (its index in order of vd_pg_query). SIZE_MAX: none
	 * of them but the implicit commit at the sync (a deferred constraint, say), or nothing was sent. */
	size_t failed;
	/* The SQLSTATE; "" if there is none. */
	char sqlstate[6];
	/* "claim: ERROR 40P01 deadlock detected", or why the connection was lost; "" if ok. Never a password. */
	const char *message;
	/* The server's DETAIL or HINT, the first that there is; "" for none. */
	const char *detail;
	/* The server warned somewhere in this segment (severity WARNING): a COMMIT whose wait for a standby was
	 * broken off does that, and is then not durable there. The text of the first one, "" for none. */
	bool warned;
	const char *warning;
	/* Something of it went out. A lost segment of which nothing was sent is certainly not carried out. */
	bool sent;
	/* A transaction block was open after this segment's sync (its own BEGIN without an end, say: an error skips COMMIT as
	 * well), and whether it has failed: then it takes a ROLLBACK before anything else works. */
	bool in_block;
	bool block_failed;
	/* How many statements the segment had. */
	size_t statements;
};

/* A class of SQLSTATE, such as "23" (the first two characters). */
bool vd_pg_outcome_is_class(const struct vd_pg_outcome *outcome, const char *class_code);
bool vd_pg_outcome_is(const struct vd_pg_outcome *outcome, const char *sqlstate);

/* One statement succeeded; rows may be empty. Not called for a statement that failed or was skipped. */
typedef void vd_pg_rows_handler(void *arg, const struct vd_pg_rows *rows);
typedef void vd_pg_segment_handler(void *arg, const struct vd_pg_outcome *outcome);

/* Begins to collect; several may be collected at a time. Never NULL: without memory the segment is doomed and
 * says so at its end. */
struct vd_pg_segment *vd_pg_segment_begin(struct vd_pg *pg);

/* params may be NULL if the statement has none; their number and types must be the statement's. handler may
 * be NULL. Params are borrowed until the segment ends. */
void vd_pg_query(struct vd_pg_segment *segment, const struct vd_pg_statement *statement,
	const struct vd_pg_params *params, vd_pg_rows_handler *handler, void *arg);

/* A text that is known at run time only (a migration, LISTEN of a checked name): one SQL command, no params,
 * parsed each time. Copied at the call. label is static, for messages and statistics. */
void vd_pg_query_text(struct vd_pg_segment *segment, const char *label, const char *sql,
	vd_pg_rows_handler *handler, void *arg);

/* Sends statements and sync. callback, not NULL, comes once, later. */
void vd_pg_segment_end(struct vd_pg_segment *segment, vd_pg_segment_handler *callback, void *arg);

/* A segment of which nothing shall be sent. No callback. */
void vd_pg_segment_abandon(struct vd_pg_segment *segment);

/* begin, query, end in one. */
void vd_pg_ask(struct vd_pg *pg, const struct vd_pg_statement *statement, const struct vd_pg_params *params,
	vd_pg_rows_handler *handler, vd_pg_segment_handler *callback, void *arg);

#endif
