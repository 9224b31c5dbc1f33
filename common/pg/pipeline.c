/* SPDX-License-Identifier: Apache-2.0 */
/* Segments on their way back.
 *
 * libpq answers in order: for each statement one result and a NULL, for each sync a PGRES_PIPELINE_SYNC without a NULL.
 * The oldest segment of pg->sent is the one that is being answered. libpq handles notices while it parses, so a notice
 * belongs to the segment whose sync has not been taken yet: the oldest.
 * A callback may do anything, also end the connection: after each one the state is looked at before libpq is touched.
 */
#include "common/base/fault.h"
#include "common/base/log.h"
#include "common/pg/internal.h"

#include <stdlib.h>

static void warn(struct vd_pg_segment *segment, const PGresult *notice)
{
	if (segment->warned)
		return;
	segment->warned = true;
	pg_describe(&segment->warning, notice);
}

void pg_notice(void *arg, const PGresult *notice)
{
	struct vd_pg *pg = arg;
	const char *severity = pg_result_field(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
	struct vd_pg_segment *segment = TAILQ_FIRST(&pg->sent);
	if (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0) {
		vd_buffer_clear(&pg->fatal);
		pg_describe(&pg->fatal, notice);
	}
	if (strcmp(severity, "WARNING") != 0)
		return;
	/* a Parse of ours and the segment that it serves share what is said while they pass */
	for (; segment != NULL && segment->preparing != SIZE_MAX; segment = TAILQ_NEXT(segment, link))
		warn(segment, notice);
	if (segment != NULL) {
		warn(segment, notice);
		return;
	}
	struct vd_buffer text = { 0 };
	pg_describe(&text, notice);
	vd_log_warning("the server warns", VD_LOG_TEXT("place", vd_pg_place(pg)),
		VD_LOG_TEXT("warning", vd_buffer_string(&text)));
	vd_buffer_fini(&text);
}

/* The names and types of a statement's columns are what it says: else nobody could read the rows, so the connection
 * ends. */
static bool columns_are_right(struct vd_pg *pg, struct pg_plan *plan, const PGresult *result)
{
	const struct vd_pg_column *columns = plan->statement->columns;
	int count = 0;
	if (plan->columns_checked || columns[0].name == NULL)
		return true;
	while (columns[count].name != NULL && count < PQnfields(result) &&
		   strcmp(columns[count].name, PQfname(result, count)) == 0 &&
		   PQftype(result, count) == (Oid)columns[count].type)
		count++;
	if (columns[count].name == NULL && count == PQnfields(result)) {
		plan->columns_checked = true;
		return true;
	}
	vd_pg_disconnect(pg,
		"%s: column %d is \"%s\" of type %u where this program expects \"%s\" of type %u: is the schema that "
		"of another version?",
		plan->statement->name, count + 1, count < PQnfields(result) ? PQfname(result, count) : "",
		count < PQnfields(result) ? PQftype(result, count) : 0,
		columns[count].name == NULL ? "" : columns[count].name, (unsigned)columns[count].type);
	return false;
}

static void follow_block(struct vd_pg *pg, const char *tag)
{
	if (strcmp(tag, "BEGIN") == 0 || strcmp(tag, "START TRANSACTION") == 0)
		pg->block = BLOCK_OPEN;
	else if (strcmp(tag, "COMMIT") == 0 || strcmp(tag, "ROLLBACK") == 0)
		pg->block = BLOCK_NONE;
}

static void succeed(struct vd_pg *pg, struct vd_pg_segment *segment, PGresult *result)
{
	segment->answered = true;
	follow_block(pg, PQcmdStatus(result));
	if (segment->preparing == SIZE_MAX && segment->at < segment->parts.count) {
		struct pg_part *part = &segment->parts.items[segment->at];
		struct vd_pg_rows rows = { .result = result };
		if (part->plan != SIZE_MAX && !columns_are_right(pg, &pg->plans.items[part->plan], result)) {
			PQclear(result);
			return;
		}
		if (part->handler != NULL)
			part->handler(part->arg, &rows);
		if (rows.kept)
			return;
	}
	PQclear(result);
}

static void copy_sqlstate(char to[6], const char *from)
{
	snprintf(to, 6, "%.5s", from);
}

/* A statement that the connection has forgotten, or could never prepare: then that is the error to tell. */
static void explain_missing_plan(struct vd_pg *pg, struct vd_pg_segment *segment, const char *label)
{
	struct pg_plan *plan = &pg->plans.items[segment->parts.items[segment->at].plan];
	if (plan->message == NULL) {
		plan->state = PLAN_UNKNOWN;
		return;
	}
	memcpy(segment->sqlstate, plan->sqlstate, sizeof segment->sqlstate);
	vd_buffer_clear(&segment->message);
	vd_buffer_add_format(&segment->message, "%s: %s", label, plan->message);
}

static void fail(struct vd_pg *pg, struct vd_pg_segment *segment, const PGresult *result)
{
	segment->answered = true;
	if (pg_is_fatal(result)) {
		struct vd_buffer why = { 0 };
		pg_describe(&why, result);
		pg_disconnect(pg, vd_buffer_string(&why));
		vd_buffer_fini(&why);
		return;
	}
	if (pg->block == BLOCK_OPEN)
		pg->block = BLOCK_FAILED;
	if (segment->failed)
		return;
	const char *detail = pg_result_field(result, PG_DIAG_MESSAGE_DETAIL);
	bool in_part = segment->at < segment->parts.count;
	const struct pg_part *part = in_part ? &segment->parts.items[segment->at] : NULL;
	segment->failed = true;
	segment->failed_at = in_part ? segment->at : SIZE_MAX;
	copy_sqlstate(segment->sqlstate, pg_result_field(result, PG_DIAG_SQLSTATE));
	if (segment->preparing == SIZE_MAX)
		vd_buffer_add_format(&segment->message, "%s: ", in_part ? part->label : "sync");
	pg_describe(&segment->message, result);
	pg_one_line(&segment->detail, detail[0] != 0 ? detail : pg_result_field(result, PG_DIAG_MESSAGE_HINT));
	if (in_part && part->plan != SIZE_MAX && strcmp(segment->sqlstate, "26000") == 0)
		explain_missing_plan(pg, segment, part->label);
}

static void finish_prepare(struct vd_pg *pg, const struct vd_pg_segment *segment)
{
	struct pg_plan *plan = &pg->plans.items[segment->preparing];
	free(plan->message);
	plan->message = NULL;
	plan->state = segment->failed ? PLAN_UNKNOWN : PLAN_READY;
	if (!segment->failed)
		return;
	memcpy(plan->sqlstate, segment->sqlstate, sizeof plan->sqlstate);
	plan->message = strdup(vd_buffer_string(&segment->message));
}

/* The end of a segment, told. It is in no list. */
static void tell(struct vd_pg_segment *segment, enum vd_pg_status status, const char *lost)
{
	struct vd_pg *pg = segment->pg;
	struct vd_pg_outcome outcome = {
		.status = status,
		.failed = segment->failed_at,
		.message = status == VD_PG_LOST ? lost : vd_buffer_string(&segment->message),
		.detail = vd_buffer_string(&segment->detail),
		.warned = segment->warned,
		.warning = vd_buffer_string(&segment->warning),
		.sent = segment->sent,
		.in_block = status != VD_PG_LOST && pg->block != BLOCK_NONE,
		.block_failed = status != VD_PG_LOST && pg->block == BLOCK_FAILED,
		.statements = segment->parts.count,
	};
	if (status != VD_PG_LOST)
		memcpy(outcome.sqlstate, segment->sqlstate, sizeof outcome.sqlstate);
	pg->in_flight--;
	segment->callback(segment->arg, &outcome);
	pg_segment_recycle(segment);
}

static void finish(struct vd_pg *pg, struct vd_pg_segment *segment)
{
	TAILQ_REMOVE(&pg->sent, segment, link);
	if (segment->preparing == SIZE_MAX) {
		tell(segment, segment->failed ? VD_PG_ERROR : VD_PG_OK, NULL);
		return;
	}
	finish_prepare(pg, segment);
	pg_segment_recycle(segment);
}

static void take_result(struct vd_pg *pg, struct vd_pg_segment *segment, PGresult *result)
{
	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
		succeed(pg, segment, result); /* takes the result */
		return;
	case PGRES_FATAL_ERROR:
		fail(pg, segment, result);
		break;
	case PGRES_PIPELINE_ABORTED:
		segment->answered = true;
		break;
	case PGRES_PIPELINE_SYNC:
		PQclear(result);
		finish(pg, segment);
		return;
	default:
		vd_pg_disconnect(pg, "the server answered with %s, which no statement of ours asks for",
			PQresStatus(PQresultStatus(result)));
		break;
	}
	PQclear(result);
}

/* True if anything was taken. */
static bool take_results(struct vd_pg *pg)
{
	bool progress = false;
	while (pg->state != VD_PG_CLOSED && PQisBusy(pg->conn) == 0) {
		PGresult *result = pg_call_get_result(pg->conn);
		struct vd_pg_segment *segment = TAILQ_FIRST(&pg->sent);
		if (result == NULL) {
			if (segment == NULL || !segment->answered)
				return progress;
			segment->answered = false;
			segment->at++;
			continue;
		}
		progress = true;
		if (segment != NULL) {
			take_result(pg, segment, result);
			continue;
		}
		struct vd_buffer why = { 0 };
		pg_describe(&why, result);
		PQclear(result);
		pg_disconnect(pg, why.size == 0 ? "the server answered what nobody asked" : vd_buffer_string(&why));
		vd_buffer_fini(&why);
	}
	return progress;
}

static bool take_notifications(struct vd_pg *pg)
{
	bool progress = false;
	PGnotify *notify;
	while (pg->state != VD_PG_CLOSED && (notify = pg_call_notifies(pg->conn)) != NULL) {
		progress = true;
		pg->counts.notifications++;
		if (pg->events.on_notify != NULL)
			pg->events.on_notify(pg->events.arg, pg, notify->relname, notify->extra, notify->be_pid);
		PQfreemem(notify);
	}
	return progress;
}

void pg_flush(struct vd_pg *pg)
{
	int left = pg_call_flush(pg->conn);
	pg_watch(pg, left == 1);
	if (left < 0)
		pg_turn(pg); /* reading will say why */
}

void pg_pipeline_pump(struct vd_pg *pg)
{
	pg->pumping = true;
	bool alive = pg_call_consume_input(pg->conn) != 0 && !VD_FAULT("pg.read");
	pg->heard_ms = vd_clock_ms();
	bool has_result = false, has_notification = false;
	while (pg->state != VD_PG_CLOSED && ((take_results(pg) && (has_result = true)) ||
											(take_notifications(pg) && (has_notification = true))))
		;
	if (has_result || !has_notification) /* who calls us says nothing about an answer */
		pg->moved_ms = pg->heard_ms;
	pg->pumping = false;
	if (pg->state == VD_PG_CLOSED)
		return;
	if (alive) {
		pg_flush(pg);
		return;
	}
	struct vd_buffer why = { 0 };
	if (pg->fatal.size > 0)
		vd_buffer_add(&why, vd_buffer_bytes(&pg->fatal));
	else
		pg_one_line(&why, PQerrorMessage(pg->conn));
	pg_disconnect(pg, why.size == 0 ? "the connection was lost" : vd_buffer_string(&why));
	vd_buffer_fini(&why);
}

/* Segments that were ended after this began wait for the next turn: nothing is told from inside the call that ends it. */
void pg_pipeline_tell(struct vd_pg *pg)
{
	struct pg_segments list;
	struct vd_pg_segment *segment;
	TAILQ_INIT(&list);
	if (pg->state == VD_PG_CLOSED) {
		TAILQ_CONCAT(&list, &pg->sent, link);
		TAILQ_CONCAT(&list, &pg->held, link);
	}
	TAILQ_CONCAT(&list, &pg->broken, link);
	while ((segment = TAILQ_FIRST(&list)) != NULL) {
		TAILQ_REMOVE(&list, segment, link);
		if (segment->preparing != SIZE_MAX)
			pg_segment_recycle(segment);
		else if (segment->failed && !segment->sent)
			tell(segment, VD_PG_ERROR, NULL);
		else
			tell(segment, VD_PG_LOST, pg->reason == NULL ? "the connection is closed" : pg->reason);
	}
}

void pg_pipeline_fini(struct vd_pg *pg)
{
	struct vd_pg_segment *segment;
	while ((segment = TAILQ_FIRST(&pg->spare)) != NULL) {
		TAILQ_REMOVE(&pg->spare, segment, link);
		pg_segment_free(segment);
	}
	for (size_t i = 0; i < pg->plans.count; i++)
		free(pg->plans.items[i].message);
	vd_vector_fini(&pg->plans);
}
