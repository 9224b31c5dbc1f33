/* SPDX-License-Identifier: Apache-2.0 */
/* Segments on their way out: collected, prepared where needed, sent. What comes back is pipeline.c's. */
#include "common/base/fault.h"
#include "common/pg/internal.h"

#include <stdlib.h>
#include <unistd.h>

const struct vd_pg_statement vd_pg_begin = { .name = "begin", .sql = "BEGIN" };
const struct vd_pg_statement vd_pg_begin_snapshot = { .name = "begin_snapshot",
	.sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };
const struct vd_pg_statement vd_pg_begin_committed = { .name = "begin_committed",
	.sql = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE" };
const struct vd_pg_statement vd_pg_commit = { .name = "commit", .sql = "COMMIT" };
const struct vd_pg_statement vd_pg_rollback = { .name = "rollback", .sql = "ROLLBACK" };

/* A connection has some in reserve from its beginning: without one nobody could be told that there is no memory. */
enum { SPARE_MAX = 32, RESERVE = 16 };

static void segment_clear(struct vd_pg_segment *segment)
{
	for (size_t i = 0; i < segment->parts.count; i++)
		free(segment->parts.items[i].text_owned);
	for (size_t i = 0; i < segment->copies.count; i++)
		free(segment->copies.items[i]);
	segment->parts.count = segment->copies.count = 0;
	vd_buffer_clear(&segment->message);
	vd_buffer_clear(&segment->detail);
	vd_buffer_clear(&segment->warning);
}

void pg_segment_free(struct vd_pg_segment *segment)
{
	segment_clear(segment);
	vd_vector_fini(&segment->parts);
	vd_vector_fini(&segment->copies);
	vd_buffer_fini(&segment->message);
	vd_buffer_fini(&segment->detail);
	vd_buffer_fini(&segment->warning);
	free(segment);
}

void pg_segment_recycle(struct vd_pg_segment *segment)
{
	struct vd_pg *pg = segment->pg;
	if (pg->spare_count == SPARE_MAX) {
		pg_segment_free(segment);
		return;
	}
	segment_clear(segment);
	TAILQ_INSERT_HEAD(&pg->spare, segment, link);
	pg->spare_count++;
}

bool pg_segments_reserve(struct vd_pg *pg)
{
	for (; pg->spare_count < RESERVE; pg->spare_count++) {
		struct vd_pg_segment *segment = calloc(1, sizeof *segment);
		if (segment == NULL)
			return false;
		TAILQ_INSERT_HEAD(&pg->spare, segment, link);
	}
	return true;
}

/* The reserve is touched without memory only; beyond it there is nothing left but to wait for some. */
static struct vd_pg_segment *segment_take(struct vd_pg *pg)
{
	struct vd_pg_segment *segment = NULL;
	if (pg->spare_count <= RESERVE)
		segment = calloc(1, sizeof *segment);
	while (segment == NULL && pg->spare_count == 0) {
		usleep(1000);
		segment = calloc(1, sizeof *segment);
	}
	if (segment != NULL)
		return segment;
	segment = TAILQ_FIRST(&pg->spare);
	TAILQ_REMOVE(&pg->spare, segment, link);
	pg->spare_count--;
	return segment;
}

static struct vd_pg_segment *segment_new(struct vd_pg *pg)
{
	struct vd_pg_segment *segment = segment_take(pg);
	segment->pg = pg;
	segment->callback = NULL;
	segment->arg = NULL;
	segment->preparing = SIZE_MAX;
	segment->at = 0;
	segment->answered = segment->sent = segment->failed = segment->warned = false;
	segment->failed_at = SIZE_MAX;
	segment->sqlstate[0] = 0;
	return segment;
}

/* Nothing of it will be sent, and this is why. */
static void doom(struct vd_pg_segment *segment, const char *label, const char *sqlstate)
{
	if (segment->failed)
		return;
	segment->failed = true;
	segment->failed_at = segment->parts.count;
	memcpy(segment->sqlstate, sqlstate, sizeof segment->sqlstate);
	vd_buffer_add_format(&segment->message, "%s: %s", label,
		strcmp(sqlstate, "54000") == 0 ? "a value is too large for PostgreSQL (1 GB)" : "out of memory");
}

struct vd_pg_segment *vd_pg_segment_begin(struct vd_pg *pg)
{
	pg->collecting++;
	return segment_new(pg);
}

void vd_pg_segment_abandon(struct vd_pg_segment *segment)
{
	struct vd_pg *pg = segment->pg;
	pg->collecting--;
	pg_segment_recycle(segment);
	if (pg->state == VD_PG_CLOSED)
		pg_turn(pg);
}

/* Where the connection keeps what it knows of a statement; SIZE_MAX without memory. */
static size_t plan_of(struct vd_pg *pg, const struct vd_pg_statement *statement)
{
	for (size_t i = 0; i < pg->plans.count; i++)
		if (pg->plans.items[i].statement == statement)
			return i;
	struct pg_plan plan = { .statement = statement };
	snprintf(plan.name, sizeof plan.name, "%.20s_%zu", statement->name, pg->plans.count);
	return vd_vector_push(&pg->plans, plan) ? pg->plans.count - 1 : SIZE_MAX;
}

static size_t params_count(const struct vd_pg_statement *statement)
{
	size_t count = 0;
	while (statement->params[count] != 0)
		count++;
	return count;
}

/* The params are those that the statement names: anything else is a bug of the caller. */
static void params_check(const struct vd_pg_statement *statement, const struct vd_pg_params *params)
{
	size_t count = params_count(statement);
	VD_ASSERT(count == (params == NULL ? 0 : params->count));
	for (size_t i = 0; i < count; i++)
		VD_ASSERT(params->types[i] == (uint32_t)statement->params[i]);
}

void vd_pg_query(struct vd_pg_segment *segment, const struct vd_pg_statement *statement,
	const struct vd_pg_params *params, vd_pg_rows_handler *handler, void *arg)
{
	struct pg_part part = { .plan = SIZE_MAX, .label = statement->name, .handler = handler, .arg = arg };
	params_check(statement, params);
	if (params != NULL && params->spoiled != NULL)
		doom(segment, statement->name, params->spoiled);
	if (params != NULL && params->count > 0)
		part.params = params;
	if (statement->once)
		part.text = statement->sql;
	else if ((part.plan = plan_of(segment->pg, statement)) == SIZE_MAX)
		doom(segment, statement->name, "53200");
	if (!vd_vector_push(&segment->parts, part))
		doom(segment, statement->name, "53200");
}

void vd_pg_query_text(
	struct vd_pg_segment *segment, const char *label, const char *sql, vd_pg_rows_handler *handler, void *arg)
{
	char *text = strdup(sql);
	struct pg_part part = {
		.plan = SIZE_MAX, .label = label, .text = text, .text_owned = text, .handler = handler, .arg = arg
	};
	if (text == NULL || !vd_vector_push(&segment->parts, part)) {
		free(text);
		doom(segment, label, "53200");
	}
}

/* A Parse with a sync of its own: whatever becomes of the segment behind it, the statement stays prepared, and if it
 * cannot be prepared, the segment behind it fails alone. */
static bool send_prepare(struct vd_pg *pg, size_t index)
{
	struct pg_plan *plan = &pg->plans.items[index];
	Oid types[VD_PG_PARAMS_MAX];
	size_t count = params_count(plan->statement);
	for (size_t i = 0; i < count; i++)
		types[i] = plan->statement->params[i];
	struct vd_pg_segment *segment = segment_new(pg);
	segment->preparing = index;
	segment->sent = true;
	plan->state = PLAN_SENT;
	pg->counts.prepared++;
	TAILQ_INSERT_TAIL(&pg->sent, segment, link);
	return pg_call_send_prepare(pg->conn, plan->name, plan->statement->sql, (int)count, types) != 0 &&
		   pg_call_pipeline_sync(pg->conn) != 0;
}

static bool send_part(struct vd_pg *pg, const struct pg_part *part)
{
	const struct vd_pg_params *params = part->params;
	int count = params == NULL ? 0 : (int)params->count;
	const char *const *values = params == NULL ? NULL : params->values;
	const int *lengths = params == NULL ? NULL : params->lengths;
	pg->counts.statements++;
	if (VD_FAULT("pg.send"))
		return false;
	if (part->text != NULL)
		return pg_call_send_params(pg->conn, part->text, count, values, lengths) != 0;
	return pg_call_send_prepared(pg->conn, pg->plans.items[part->plan].name, count, values, lengths) != 0;
}

static bool send_all(struct vd_pg *pg, struct vd_pg_segment *segment)
{
	for (size_t i = 0; i < segment->parts.count; i++) {
		size_t plan = segment->parts.items[i].plan;
		if (plan != SIZE_MAX && pg->plans.items[plan].state == PLAN_UNKNOWN && !send_prepare(pg, plan))
			return false;
	}
	segment->sent = true;
	TAILQ_INSERT_TAIL(&pg->sent, segment, link);
	for (size_t i = 0; i < segment->parts.count; i++)
		if (!send_part(pg, &segment->parts.items[i]))
			return false;
	return pg_call_pipeline_sync(pg->conn) != 0;
}

static void segment_send(struct vd_pg *pg, struct vd_pg_segment *segment)
{
	if (TAILQ_EMPTY(&pg->sent))
		pg->heard_ms = pg->moved_ms = vd_clock_ms(); /* from now on an answer is due */
	pg_expect_answer(pg);
	bool sent = send_all(pg, segment);
	if (!segment->sent)
		TAILQ_INSERT_TAIL(&pg->broken, segment, link);
	if (!sent) {
		struct vd_buffer why = { 0 };
		pg_one_line(&why, PQerrorMessage(pg->conn));
		pg_disconnect(pg, why.size == 0 ? "sending failed" : vd_buffer_string(&why));
		vd_buffer_fini(&why);
		return;
	}
	for (size_t i = 0; i < segment->parts.count; i++)
		segment->parts.items[i].params = NULL; /* the caller may let go of them now */
	if (!pg->pumping)
		pg_flush(pg);
}

/* The connection is not up: what the caller lends is copied, each set of params in one piece. */
static void copy_params(struct vd_pg_segment *segment)
{
	for (size_t i = 0; i < segment->parts.count && !segment->failed; i++) {
		struct pg_part *part = &segment->parts.items[i];
		size_t bytes = sizeof *part->params;
		for (size_t p = 0; part->params != NULL && p < part->params->count; p++)
			bytes += (size_t)part->params->lengths[p];
		struct vd_pg_params *copy = part->params == NULL ? NULL : malloc(bytes);
		if (part->params == NULL)
			continue;
		if (copy == NULL || !vd_vector_push(&segment->copies, copy)) {
			free(copy);
			doom(segment, part->label, "53200");
			return;
		}
		char *at = (char *)(copy + 1);
		*copy = *part->params;
		for (size_t p = 0; p < copy->count; p++) {
			if (copy->values[p] == NULL)
				continue;
			memcpy(at, copy->values[p], (size_t)copy->lengths[p]);
			copy->values[p] = at;
			at += copy->lengths[p];
		}
		part->params = copy;
	}
}

static void segment_end(struct vd_pg_segment *segment, vd_pg_segment_handler *callback, void *arg, bool now)
{
	struct vd_pg *pg = segment->pg;
	VD_ASSERT(callback != NULL);
	segment->callback = callback;
	segment->arg = arg;
	pg->collecting--;
	pg->in_flight++;
	pg->counts.segments++;
	if (pg->state != VD_PG_CLOSED && !segment->failed && !pg->ready && !now)
		copy_params(segment);
	if (pg->state == VD_PG_CLOSED || segment->failed) {
		TAILQ_INSERT_TAIL(&pg->broken, segment, link);
		pg_turn(pg);
	} else if (pg->ready || now) {
		segment_send(pg, segment);
	} else {
		TAILQ_INSERT_TAIL(&pg->held, segment, link);
	}
}

void vd_pg_segment_end(struct vd_pg_segment *segment, vd_pg_segment_handler *callback, void *arg)
{
	segment_end(segment, callback, arg, false);
}

void pg_segment_end_now(struct vd_pg_segment *segment, vd_pg_segment_handler *callback, void *arg)
{
	segment_end(segment, callback, arg, true);
}

void pg_segments_release(struct vd_pg *pg)
{
	struct vd_pg_segment *segment;
	while (pg->state != VD_PG_CLOSED && (segment = TAILQ_FIRST(&pg->held)) != NULL) {
		TAILQ_REMOVE(&pg->held, segment, link);
		segment_send(pg, segment);
	}
}

void vd_pg_ask(struct vd_pg *pg, const struct vd_pg_statement *statement, const struct vd_pg_params *params,
	vd_pg_rows_handler *handler, vd_pg_segment_handler *callback, void *arg)
{
	struct vd_pg_segment *segment = vd_pg_segment_begin(pg);
	vd_pg_query(segment, statement, params, handler, arg);
	vd_pg_segment_end(segment, callback, arg);
}
