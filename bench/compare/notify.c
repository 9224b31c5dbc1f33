/* SPDX-License-Identifier: Apache-2.0 */
/* notify.c: the shape that comes to mind first: one INSERT and one NOTIFY a request, its status stamped in place, and one
 * statement at a time. It is what `verdict bench blind` replaces, with the same data, and as durable.
 *
 *   bench_notify DSN --processes P --in-flight N --seconds S [--variant together|apart]
 *
 * P processes keep N one-key commits in flight each. For each of them a connection INSERTs the request into a logged table and
 * NOTIFYs its number. One resolver takes the numbers that have come, reads those requests, and for each looks up in memory
 * whether it conflicts, applies it, stamps its status by UPDATE and NOTIFYs the reply, all of what it took in one
 * transaction. It makes a schema "shape" of its own and drops it at the end; that every commit was applied once is
 * checked. Prints one JSON object as `verdict bench` does.
 *
 * It is made as fast as this shape allows. What was tried, at 4 x 256, on a busy machine with a slow disk, all in one run
 * (commits a second):
 * - INSERT and NOTIFY in one transaction: 375. NOTIFY's lock is held until its transaction has ended, so that no two of
 *   them share a flush. Apart (a NOTIFY alone writes nothing): 2,149; so that is what is done unless `together` is asked for.
 * - requests taken one by one, each in a transaction of its own: 194. As many as have come, in one: 2,149.
 * - apply, stamp and reply as three statements a request: 1,963; as one: 2,149.
 * - connections of a process to send by: 4: 1,910; 16: 2,149; 32: 1,603.
 * - taking what has come by a partial index on the status instead of by the numbers that were notified: each UPDATE would
 *   leave a dead entry there, and none would be HOT. So there is no such index; a real one would need it for notifications that are
 *   lost, and a loop that cleans up what was decided. Both are left out, to its advantage.
 * What would help more (many requests a statement, a pipeline, an unlogged queue whose rows are deleted) is another shape: that of
 * bare.c.
 */
#include "bench/compare/crew.h"
#include "bench/compare/plain.h"

#include <endian.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_BYTES = 25, TAKE_MOST = 1024, CONNECTIONS_MOST = 16, MEMORY = 1 << 20 };

/* A statement with its answer, one at a time. */
static PGresult *ask(PGconn *connection, const char *name, int count, struct plain_array *const *arrays)
{
	PGresult *last = NULL;
	plain_ask(connection, name, count, arrays);
	for (PGresult *result; (result = PQgetResult(connection)) != NULL; last = result) {
		if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
			plain_die(name, connection);
		PQclear(last);
	}
	return last;
}

static void put_int8(struct plain_array *array, int64_t number)
{
	uint64_t big = htobe64((uint64_t)number);
	array->size = 0;
	plain_put(array, &big, sizeof big);
}

static void put_text(struct plain_array *array, const void *bytes, size_t size)
{
	array->size = 0;
	plain_put(array, bytes, size);
}

/* ---- The resolver --------------------------------------------------------------------------------------------- */

/* When a key was last written, by a hash of it: what a conflict is found by. */
static int64_t written_at[MEMORY];

static int64_t *memory_of(const char *key, size_t size)
{
	uint64_t hash = 14695981039346656037u;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (uint8_t)key[i]) * 1099511628211u;
	return &written_at[hash % MEMORY];
}

static void resolve(PGconn *connection, const PGresult *requests, int64_t *version)
{
	static struct plain_array id, key, value, at, channel, reply;
	for (int i = 0; i < PQntuples(requests); i++) {
		char text[64];
		const char *name = PQgetvalue(requests, i, 2);
		size_t size = (size_t)PQgetlength(requests, i, 2);
		int64_t *last = memory_of(name, size), number = plain_int8_of(requests, i, 0);
		int64_t read_version = plain_int8_of(requests, i, 4);
		bool conflicts = read_version != 0 && *last > read_version;
		*last = ++*version;
		put_int8(&id, number);
		put_int8(&at, *version);
		put_text(&key, name, size);
		put_text(&value, PQgetvalue(requests, i, 3), (size_t)PQgetlength(requests, i, 3));
		put_text(&channel, text,
			(size_t)snprintf(text, sizeof text, "shape_%d", (int)plain_int8_of(requests, i, 1)));
		put_text(&reply, text,
			(size_t)snprintf(
				text, sizeof text, "%lld:%d:%lld", (long long)number, conflicts, (long long)*version));
		PQclear(ask(
			connection, "decide", 6, (struct plain_array *[]){ &id, &key, &value, &at, &channel, &reply }));
	}
}

static _Noreturn void lead(const char *dsn, const struct vd_bench_settings *settings)
{
	(void)settings;
	PGconn *connection = plain_connect(dsn, "shape");
	struct plain_array ids = { 0 };
	int64_t version = 0;
	plain_exec(connection, "LISTEN shape_requests");
	plain_prepare(connection, "begin", "BEGIN");
	plain_prepare(connection, "take",
		"SELECT id, client, key, value, read_version FROM requests WHERE id = ANY ($1::bigint[]) AND status "
		"= 0 ORDER BY id");
	plain_prepare(connection, "decide",
		"WITH w AS (INSERT INTO kv VALUES ($2::bytea, $3::bytea) ON CONFLICT (key) DO UPDATE SET value = "
		"excluded.value), "
		"s AS (UPDATE requests SET status = 1, version = $4::bigint WHERE id = $1::bigint) SELECT "
		"pg_notify($5::text, $6::text)");
	plain_prepare(connection, "commit", "COMMIT");
	for (;;) {
		int count = 0;
		PGnotify *notify;
		plain_array_begin(&ids, PLAIN_INT8);
		for (; count < TAKE_MOST && (notify = PQnotifies(connection)) != NULL; PQfreemem(notify), count++)
			plain_array_add_int8(&ids, strtoll(notify->extra, NULL, 10));
		if (count == 0) {
			struct pollfd wait = { .fd = PQsocket(connection), .events = POLLIN };
			poll(&wait, 1, 100);
			PQconsumeInput(connection);
			continue;
		}
		PQclear(ask(connection, "begin", 0, NULL));
		PGresult *requests = ask(connection, "take", 1, (struct plain_array *[]){ &ids });
		resolve(connection, requests, &version);
		PQclear(requests);
		PQclear(ask(connection, "commit", 0, NULL));
	}
}

/* ---- A worker ------------------------------------------------------------------------------------------------- */

/* One connection, which sends one request at a time. */
struct line {
	PGconn *connection;
	bool is_busy, is_notifying;
	int64_t id;
};

struct worker {
	struct crew_worker *crew;
	bool apart;
	struct line lines[CONNECTIONS_MOST];
	int line_count;
	PGconn *inbox;
	int64_t sequence;
	char value[8192];
	struct plain_array id, client, key, given, none, number;
};

static void tell(struct worker *worker, struct line *line)
{
	char text[32];
	put_text(&worker->number, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)line->id));
	plain_ask(line->connection, "notify", 1, (struct plain_array *[]){ &worker->number });
	line->is_notifying = true;
}

static void submit(struct worker *worker, struct line *line)
{
	struct crew_worker *crew = worker->crew;
	char key[64], text[32];
	size_t slot = crew->free_slots[--crew->free_count];
	/* who and which slot ride in the number, so that the answer finds it */
	line->id = (++worker->sequence << 24) | (int64_t)crew->index << 16 | (int64_t)slot;
	int size = snprintf(key, sizeof key, "bench/shape/%02d/%010d", crew->index % 100, crew_draw_key(crew));
	put_int8(&worker->id, line->id);
	put_int8(&worker->client, crew->index);
	put_text(&worker->key, key, (size_t)size);
	put_text(&worker->given, worker->value, (size_t)crew->settings->value_bytes);
	put_int8(&worker->none, 0);
	put_text(&worker->number, text, (size_t)snprintf(text, sizeof text, "%lld", (long long)line->id));
	plain_ask(line->connection, "insert", worker->apart ? 5 : 6,
		(struct plain_array *[]){
			&worker->id, &worker->client, &worker->key, &worker->given, &worker->none, &worker->number });
	line->is_busy = true;
	line->is_notifying = !worker->apart;
}

static void read_line(struct worker *worker, struct line *line)
{
	if (!PQconsumeInput(line->connection))
		plain_die("submit", line->connection);
	if (PQisBusy(line->connection))
		return;
	for (PGresult *r; (r = PQgetResult(line->connection)) != NULL; PQclear(r))
		if (PQresultStatus(r) != PGRES_TUPLES_OK && PQresultStatus(r) != PGRES_COMMAND_OK)
			plain_die("submit", line->connection);
	if (line->is_notifying)
		line->is_busy = false;
	else
		tell(worker, line);
}

static void read_replies(struct worker *worker)
{
	PQconsumeInput(worker->inbox);
	uint64_t now = plain_now_ns();
	for (PGnotify *notify; (notify = PQnotifies(worker->inbox)) != NULL; PQfreemem(notify)) {
		size_t slot = (size_t)(strtoll(notify->extra, NULL, 10) & 0xffff);
		crew_answered(worker->crew, slot, now);
		worker->crew->begun[slot] = now; /* of the next one, which may have to wait for a connection */
	}
}

static bool any_busy(const struct worker *worker)
{
	for (int i = 0; i < worker->line_count; i++)
		if (worker->lines[i].is_busy)
			return true;
	return false;
}

static void open_worker(const char *dsn, struct worker *worker)
{
	char listen[32];
	size_t slots = (size_t)worker->crew->settings->in_flight;
	worker->apart = strcmp(plain_variant(), "together") != 0;
	worker->line_count = slots < CONNECTIONS_MOST ? (int)slots : CONNECTIONS_MOST;
	for (int i = 0; i < worker->line_count; i++) {
		PGconn *connection = worker->lines[i].connection = plain_connect(dsn, "shape");
		plain_prepare(connection, "insert",
			worker->apart
				? "INSERT INTO requests VALUES ($1::bigint, $2::bigint, $3::bytea, $4::bytea, $5::bigint)"
				: "WITH i AS (INSERT INTO requests VALUES ($1::bigint, $2::bigint, $3::bytea, $4::bytea, "
				  "$5::bigint)) "
				  "SELECT pg_notify('shape_requests', $6::text)");
		plain_prepare(connection, "notify", "SELECT pg_notify('shape_requests', $1::text)");
	}
	worker->inbox = plain_connect(dsn, "shape");
	snprintf(listen, sizeof listen, "LISTEN shape_%d", worker->crew->index);
	plain_exec(worker->inbox, listen);
	for (size_t i = 0; i < slots; i++)
		worker->crew->begun[i] = plain_now_ns();
	memset(worker->value, 'v', sizeof worker->value);
}

static void work(const char *dsn, struct crew_worker *crew)
{
	static struct worker own;
	struct worker *worker = &own;
	size_t slots = (size_t)crew->settings->in_flight;
	worker->crew = crew;
	open_worker(dsn, worker);
	for (uint64_t now;
		 now = plain_now_ns(), now < crew->to || any_busy(worker) || crew->free_count < slots;) {
		struct pollfd wait[CONNECTIONS_MOST + 1];
		if (now > crew->to + 30000000000u)
			plain_die("a commit was not answered", NULL);
		for (int i = 0; i < worker->line_count; i++) {
			struct line *line = &worker->lines[i];
			if (!line->is_busy && crew->free_count > 0 && now < crew->to)
				submit(worker, line);
			wait[i] = (struct pollfd){ .fd = PQsocket(line->connection), .events = POLLIN };
		}
		wait[worker->line_count] = (struct pollfd){ .fd = PQsocket(worker->inbox), .events = POLLIN };
		poll(wait, (nfds_t)worker->line_count + 1, 100);
		for (int i = 0; i < worker->line_count; i++)
			if (worker->lines[i].is_busy && (wait[i].revents & POLLIN))
				read_line(worker, &worker->lines[i]);
		read_replies(worker);
	}
}

/* ---- The program ---------------------------------------------------------------------------------------------- */

static void set_up(const char *dsn)
{
	PGconn *connection = PQconnectdb(dsn);
	if (PQstatus(connection) != CONNECTION_OK)
		plain_die("cannot connect", connection);
	plain_exec(connection,
		"SET client_min_messages = warning; DROP SCHEMA IF EXISTS shape CASCADE; CREATE SCHEMA shape;"
		"CREATE TABLE shape.requests (id bigint PRIMARY KEY, client bigint NOT NULL, key bytea NOT NULL, "
		"value bytea NOT NULL, "
		"read_version bigint NOT NULL, status smallint NOT NULL DEFAULT 0, version bigint) WITH (fillfactor "
		"= 50);"
		"CREATE TABLE shape.kv (key bytea PRIMARY KEY, value bytea NOT NULL) WITH (fillfactor = 85)");
	PQfinish(connection);
}

static bool is_right(PGconn *connection, uint64_t committed)
{
	PGresult *result =
		PQexec(connection, "SELECT count(*), count(DISTINCT version) FROM requests WHERE status = 1");
	bool right = PQntuples(result) == 1 && strtoull(PQgetvalue(result, 0, 0), NULL, 10) == committed &&
				 strtoull(PQgetvalue(result, 0, 1), NULL, 10) == committed;
	PQclear(result);
	return right;
}

int main(int argc, char **argv)
{
	static const struct crew_shape shape = {
		.name = "notify", .schema = "shape", .lead = lead, .work = work
	};
	struct vd_bench_settings settings;
	struct vd_bench_report report;
	const char *dsn = plain_parse(argc, argv, &settings);
	if (dsn == NULL)
		return 2;
	set_up(dsn);
	bool is_well = crew_run(&shape, dsn, &settings, &report);
	PGconn *connection = plain_connect(dsn, "shape");
	report.checked = is_well && is_right(connection, report.checks);
	plain_exec(connection, "DROP SCHEMA shape CASCADE");
	PQfinish(connection);
	vd_bench_print_json(&settings, &report);
	return !is_well ? 2 : report.checked ? 0 : 1;
}
