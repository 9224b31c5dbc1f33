/* SPDX-License-Identifier: Apache-2.0 */
/* claim.c: the statements and their rows.
 *
 * Fault point: claim.answered (the requests are known here, and still in the queue).
 */
#include "resolver/claim.h"

#include "common/base/clock.h"
#include "common/base/fault.h"

/* In order of arrival, bounded in count and bytes before anything is sent. Rows of the batch under way are seen
 * until it commits: they are left out by a hashed subplan, whatever their number, and the index gives the order.
 * Values: low, arrivals under way, requests, bytes, waiting clients and their bounds. */
#define NOT_WAITING                                                                                          \
	" AND arrival NOT IN (SELECT unnest($2::bigint[]))"                                                      \
	" AND (cardinality($5) = 0 OR sequence <= coalesce("                                                     \
	"(SELECT w.bound FROM unnest($5::uuid[], $6::bigint[]) AS w(client, bound)"                              \
	" WHERE w.client = q.client), sequence))"
#define REQUEST "client, sequence, generation, acknowledged, token, payload, arrival"
#define REQUEST_PARAMS                                                                                       \
	VD_PG_INT8, VD_PG_INT8_ARRAY, VD_PG_INT8, VD_PG_INT8, VD_PG_UUID_ARRAY, VD_PG_INT8_ARRAY
#define REQUEST_COLUMNS                                                                                      \
	{ "client", VD_PG_UUID }, { "sequence", VD_PG_INT8 }, { "generation", VD_PG_INT8 },                      \
		{ "acknowledged", VD_PG_INT8 }, { "token", VD_PG_INT8 }, { "payload", VD_PG_BYTEA },                 \
	{                                                                                                        \
		"arrival", VD_PG_INT8                                                                                \
	}
static const struct vd_pg_statement claim = {
	.name = "claim",
	.sql = "SELECT " REQUEST " FROM (SELECT " REQUEST
		   ", sum(octet_length(payload)) OVER (ORDER BY arrival ROWS UNBOUNDED PRECEDING) AS running"
		   " FROM (SELECT " REQUEST " FROM commit_requests q WHERE arrival > $1" NOT_WAITING
		   " ORDER BY arrival LIMIT $3) p) r"
		   " WHERE running <= $4 OR running = octet_length(payload) ORDER BY arrival",
	.params = { REQUEST_PARAMS },
	.columns = { REQUEST_COLUMNS },
};
/* The same while clients crowd: a scout looks at a bounded number of rows further on, without their payloads; what it finds of
 * others fills up to half of the batch, and the head the rest.
 * Values, further: crowding clients, where the scout begins, how many rows it looks at, requests of one client. */
static const struct vd_pg_statement claim_with_lane = {
	.name = "claim_with_lane",
	.sql = "WITH scout AS MATERIALIZED (SELECT arrival, client, sequence FROM commit_requests"
		   " WHERE arrival > $8 ORDER BY arrival LIMIT $9),"
		   " lane AS MATERIALIZED (SELECT " REQUEST " FROM (SELECT q.*,"
		   " sum(octet_length(q.payload)) OVER (ORDER BY q.arrival ROWS UNBOUNDED PRECEDING) AS running"
		   " FROM (SELECT arrival AS at FROM (SELECT arrival,"
		   " row_number() OVER (PARTITION BY client ORDER BY arrival) AS nth FROM scout q"
		   " WHERE client NOT IN (SELECT unnest($7::uuid[]))" NOT_WAITING ") n"
		   " WHERE nth <= $10 ORDER BY arrival LIMIT $3 / 2) l JOIN commit_requests q ON q.arrival = l.at) r"
		   " WHERE running <= $4 / 2),"
		   " head AS (SELECT " REQUEST " FROM (SELECT " REQUEST ","
		   " sum(octet_length(payload)) OVER (ORDER BY arrival ROWS UNBOUNDED PRECEDING) AS running"
		   " FROM (SELECT " REQUEST " FROM commit_requests q WHERE arrival > $1" NOT_WAITING
		   " AND arrival NOT IN (SELECT arrival FROM lane)"
		   " ORDER BY arrival LIMIT $3 - (SELECT count(*) FROM lane)) p) r"
		   " WHERE running <= $4 - (SELECT coalesce(sum(octet_length(payload)), 0) FROM lane)"
		   " OR running = octet_length(payload))"
		   " SELECT " REQUEST ", false AS is_ahead, (SELECT count(*) FROM scout) AS scouted,"
		   " (SELECT coalesce(max(arrival), 0) FROM scout) AS reached FROM head"
		   " UNION ALL SELECT " REQUEST ", true, (SELECT count(*) FROM scout),"
		   " (SELECT coalesce(max(arrival), 0) FROM scout) FROM lane ORDER BY arrival",
	.params = { REQUEST_PARAMS, VD_PG_UUID_ARRAY, VD_PG_INT8, VD_PG_INT8, VD_PG_INT8 },
	.columns = { REQUEST_COLUMNS, { "is_ahead", VD_PG_BOOL }, { "scouted", VD_PG_INT8 },
		{ "reached", VD_PG_INT8 } },
};
/* Whoever has got more outcomes to be kept than any client may have (it kept the acknowledgements from being written) does
 * not count as registered until it has acknowledged: what is loaded is bounded. */
#define OUTCOME_BYTES_MOST 128 /* eight outcomes for each verdict that a client may leave unacknowledged */
/* model: leader_load_clients */
static const struct vd_pg_statement load_clients = {
	.name = "load_clients",
	.sql = "SELECT client, generation, reply, low_water FROM clients c WHERE client = ANY ($1)"
		   " AND coalesce((SELECT sum(octet_length(o.entries)) FROM outcomes o WHERE o.client = c.client), "
		   "0) <= $2",
	.params = { VD_PG_UUID_ARRAY, VD_PG_INT8 },
	.columns = { { "client", VD_PG_UUID }, { "generation", VD_PG_INT8 }, { "reply", VD_PG_INT8 },
		{ "low_water", VD_PG_INT8 } },
};
/* model: leader_load_outcomes */
static const struct vd_pg_statement load_outcomes = {
	.name = "load_outcomes",
	.sql = "SELECT client, first, version, entries, details FROM outcomes WHERE client = ANY ($1)",
	.params = { VD_PG_UUID_ARRAY },
	.columns = { { "client", VD_PG_UUID }, { "first", VD_PG_INT8 }, { "version", VD_PG_INT8 },
		{ "entries", VD_PG_BYTEA }, { "details", VD_PG_BYTEA } },
};
/* Of the requests at hand only: what a client gives up is much, and the fence refuses a batch with one that memory does not know. */
static const struct vd_pg_statement load_tombstones = {
	.name = "load_tombstones",
	.sql = "SELECT t.client, t.sequence FROM unnest($1::uuid[], $2::bigint[]) AS r(client, sequence)"
		   " JOIN tombstones t ON t.client = r.client AND t.sequence = r.sequence",
	.params = { VD_PG_UUID_ARRAY, VD_PG_INT8_ARRAY },
	.columns = { { "client", VD_PG_UUID }, { "sequence", VD_PG_INT8 } },
};
/* Short keys may have long values: more than a batch can hold does not leave the server, all are null then. The newest version
 * of a key is found from its end (apply.c). */
static const struct vd_pg_statement load_base = {
	.name = "load_base",
	.sql = "SELECT key, CASE WHEN total <= $2 THEN value END AS value FROM (SELECT o.key, o.value,"
		   " sum(octet_length(o.value)) OVER () AS total FROM unnest($1::bytea[]) AS r(k),"
		   " LATERAL (SELECT key, value FROM kv WHERE key >= k AND key <= k ORDER BY key DESC LIMIT 1) o) b",
	.params = { VD_PG_BYTEA_ARRAY, VD_PG_INT8 },
	.columns = { { "key", VD_PG_BYTEA }, { "value", VD_PG_BYTEA } },
};

/* The first keys of disjoint ranges, as many of each as are asked for; bounded likewise. */
static const struct vd_pg_statement load_stretches = {
	.name = "load_stretches",
	.sql = "SELECT CASE WHEN total <= $4 THEN key END AS key FROM ("
		   "SELECT x.key, sum(octet_length(x.key)) OVER () AS total"
		   " FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) AS r(b, e, n), LATERAL ("
		   "SELECT k.key FROM kv k WHERE k.key >= r.b AND k.key < r.e ORDER BY k.key LIMIT r.n) x) s",
	.params = { VD_PG_BYTEA_ARRAY, VD_PG_BYTEA_ARRAY, VD_PG_INT8_ARRAY, VD_PG_INT8 },
	.columns = { { "key", VD_PG_BYTEA } },
};

static struct vd_client_id client_id(const struct vd_pg_rows *rows, size_t row)
{
	struct vd_pg_uuid uuid = vd_pg_rows_uuid(rows, row, 0);
	struct vd_client_id id;
	memcpy(id.bytes, uuid.bytes, sizeof id.bytes);
	return id;
}

static void on_answer(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_claim_question *question = arg;
	question->callback(question->arg, outcome);
}

/* ---- which requests wait ----------------------------------------------------------------------------------- */

static void on_claim_rows(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_claim_question *question = arg;
	if (question->is_abandoned)
		return;
	size_t count = vd_pg_rows_count(rows);
	question->rows = (int64_t)count;
	for (size_t row = 0; row < count; row++) {
		struct vd_claim item = { .client = client_id(rows, row),
			.sequence = (uint64_t)vd_pg_rows_int8(rows, row, 1),
			.generation = vd_pg_rows_int8(rows, row, 2),
			.acknowledged = (uint64_t)vd_pg_rows_int8(rows, row, 3),
			.token = (uint64_t)vd_pg_rows_int8(rows, row, 4),
			.payload = vd_pg_rows_bytea(rows, row, 5),
			.arrival = vd_pg_rows_int8(rows, row, 6) };
		if (!vd_batch_add(question->batch, &item)) {
			question->was_full = true;
			break;
		}
		if (question->depth == 0 || !vd_pg_rows_bool(rows, row, 7))
			question->newest = item.arrival;
	}
	if (question->depth > 0 && count > 0) {
		question->scouted = vd_pg_rows_int8(rows, 0, 8);
		question->reached = vd_pg_rows_int8(rows, 0, 9);
	}
	if (count > 0)
		(void)VD_FAULT("claim.answered");
}

void vd_claim_ask(struct vd_claim_question *question, struct vd_pg *pg, const struct vd_claim_bounds *bounds)
{
	const struct vd_batch *other = question->other;
	struct vd_pg_params params;
	vd_arena_reset(&question->arena);
	vd_pg_params_init(&params, &question->arena);
	vd_pg_params_int8(&params, bounds->low);
	vd_pg_params_int8_array(
		&params, other == NULL ? NULL : other->rows.arrivals, other == NULL ? 0 : other->rows.arrival_count);
	vd_pg_params_int8(&params, bounds->requests);
	vd_pg_params_int8(&params, bounds->bytes);
	vd_pg_params_uuid_array(&params, (const struct vd_pg_uuid *)bounds->waiting, bounds->waiting_count);
	vd_pg_params_int8_array(&params, bounds->waiting_bounds, bounds->waiting_count);
	const struct vd_lane *lane = &bounds->lane;
	if (lane->crowd_count > 0) {
		vd_pg_params_uuid_array(&params, (const struct vd_pg_uuid *)lane->crowd, lane->crowd_count);
		vd_pg_params_int8(&params, lane->low);
		vd_pg_params_int8(&params, lane->depth);
		vd_pg_params_int8(&params, lane->share);
	}
	question->depth = lane->crowd_count > 0 ? lane->depth : 0;
	question->rows = question->newest = question->scouted = question->reached = 0;
	question->was_full = false;
	question->is_broken = false;
	vd_pg_ask(
		pg, question->depth > 0 ? &claim_with_lane : &claim, &params, on_claim_rows, on_answer, question);
}

/* ---- what is known of their clients ------------------------------------------------------------------------ */

static void on_clients(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_claim_question *question = arg;
	if (question->is_abandoned)
		return;
	for (size_t row = 0; row < vd_pg_rows_count(rows); row++) {
		struct vd_client_id id = client_id(rows, row);
		vd_clients_load(&question->memory->clients, &id, vd_pg_rows_int8(rows, row, 1),
			(uint64_t)vd_pg_rows_int8(rows, row, 2), (uint64_t)vd_pg_rows_int8(rows, row, 3), vd_clock_us());
	}
}

static void on_outcomes(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_claim_question *question = arg;
	if (question->is_abandoned)
		return;
	for (size_t row = 0; row < vd_pg_rows_count(rows); row++) {
		struct vd_client_id id = client_id(rows, row);
		if (!vd_clients_load_outcome(&question->memory->clients, &id, (uint64_t)vd_pg_rows_int8(rows, row, 1),
				(uint64_t)vd_pg_rows_int8(rows, row, 2), vd_pg_rows_bytea(rows, row, 3),
				vd_pg_rows_bytea(rows, row, 4)))
			question->is_broken = true;
	}
}

static void on_tombstones(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_claim_question *question = arg;
	if (question->is_abandoned)
		return;
	for (size_t row = 0; row < vd_pg_rows_count(rows); row++) {
		struct vd_client_id id = client_id(rows, row);
		vd_clients_load_tombstone(&question->memory->clients, &id, (uint64_t)vd_pg_rows_int8(rows, row, 1));
	}
}

static void put_requests(struct vd_pg_params *params, struct vd_arena *arena, const struct vd_batch *batch)
{
	struct vd_pg_uuid *clients = vd_arena_array(arena, batch->count, sizeof *clients);
	int64_t *sequences = vd_arena_array(arena, batch->count, sizeof *sequences);
	VD_ASSERT(clients != NULL && sequences != NULL);
	for (uint32_t i = 0; i < batch->count; i++) {
		memcpy(&clients[i], &batch->items[i].id, sizeof clients[i]);
		sequences[i] = (int64_t)batch->items[i].sequence;
	}
	vd_pg_params_uuid_array(params, clients, batch->count);
	vd_pg_params_int8_array(params, sequences, batch->count);
}

void vd_claim_ask_clients(
	struct vd_claim_question *question, struct vd_pg *pg, const struct vd_client_id *clients, size_t count)
{
	VD_STATIC_ASSERT(sizeof(struct vd_client_id) == sizeof(struct vd_pg_uuid), "both are 16 bytes");
	const struct vd_pg_uuid *ids = (const struct vd_pg_uuid *)clients;
	struct vd_pg_params registered, decided, given_up;
	vd_arena_reset(&question->arena);
	vd_pg_params_init(&registered, &question->arena);
	vd_pg_params_uuid_array(&registered, ids, count);
	vd_pg_params_int8(
		&registered, (int64_t)question->memory->options.client_limit_known * OUTCOME_BYTES_MOST);
	vd_pg_params_init(&decided, &question->arena);
	vd_pg_params_uuid_array(&decided, ids, count);
	vd_pg_params_init(&given_up, &question->arena);
	put_requests(&given_up, &question->arena, question->batch);
	struct vd_pg_segment *segment = vd_pg_segment_begin(pg);
	vd_pg_query(segment, &load_clients, &registered, on_clients, question);
	vd_pg_query(segment, &load_outcomes, &decided, on_outcomes, question);
	vd_pg_query(segment, &load_tombstones, &given_up, on_tombstones, question);
	vd_pg_segment_end(segment, on_answer, question);
}

/* ---- what is stored ---------------------------------------------------------------------------------------- */

static void on_base(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_claim_question *question = arg;
	if (question->is_abandoned)
		return;
	for (size_t row = 0; row < vd_pg_rows_count(rows); row++) {
		if (vd_pg_rows_null(rows, row, 1)) {
			vd_memory_overfeed(question->memory, question->batch);
			return;
		}
		vd_memory_supply(question->memory, question->batch, vd_pg_rows_bytea(rows, row, 0),
			vd_pg_rows_bytea(rows, row, 1));
	}
}

static void on_stretches(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_claim_question *question = arg;
	if (question->is_abandoned)
		return;
	for (size_t row = 0; row < vd_pg_rows_count(rows); row++) {
		if (vd_pg_rows_null(rows, row, 0)) {
			vd_memory_overfeed(question->memory, question->batch);
			return;
		}
		vd_memory_supply_key(question->memory, question->batch, vd_pg_rows_bytea(rows, row, 0));
	}
}

void vd_claim_ask_base(struct vd_claim_question *question, struct vd_pg *pg)
{
	const struct vd_batch *batch = question->batch;
	int64_t most_bytes = (int64_t)question->memory->options.arena_limit_bytes;
	struct vd_pg_params keys;
	struct vd_pg_params stretches;
	vd_arena_reset(&question->arena);
	vd_pg_params_init(&keys, &question->arena);
	vd_pg_params_bytea_array(&keys, batch->base_keys, batch->base_count);
	vd_pg_params_int8(&keys, most_bytes);
	vd_pg_params_init(&stretches, &question->arena);
	vd_pg_params_bytea_array(&stretches, batch->stretch_begins, batch->stretch_count);
	vd_pg_params_bytea_array(&stretches, batch->stretch_ends, batch->stretch_count);
	vd_pg_params_int8_array(&stretches, batch->stretch_limits, batch->stretch_count);
	vd_pg_params_int8(&stretches, most_bytes);
	struct vd_pg_segment *segment = vd_pg_segment_begin(pg);
	if (batch->base_count > 0)
		vd_pg_query(segment, &load_base, &keys, on_base, question);
	if (batch->stretch_count > 0)
		vd_pg_query(segment, &load_stretches, &stretches, on_stretches, question);
	vd_pg_segment_end(segment, on_answer, question);
}

void vd_claim_question_init(struct vd_claim_question *question)
{
	*question = (struct vd_claim_question){ 0 };
	vd_arena_init(&question->arena, (size_t)1 << 30);
}

void vd_claim_question_fini(struct vd_claim_question *question)
{
	vd_arena_fini(&question->arena);
}
