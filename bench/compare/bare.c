/* SPDX-License-Identifier: Apache-2.0 */
/* bare.c: the bare pipeline, the ceiling that Verdict is measured against: the same statements on the same server, and
 * nothing of what makes them right.
 *
 *   bench_bare DSN --processes P --in-flight N --seconds S
 *
 * P processes keep N one-key commits in flight each: whatever waits goes in one INSERT with one NOTIFY, and answers come by
 * LISTEN. One leader claims by DELETE ... RETURNING and, in one pipeline, moves a watermark, upserts, writes one outcome
 * row a client, commits durably and sends one packed reply a client. No conflict check, no fence, no identity, no
 * retry, no library: libpq and poll. It makes a schema "bare" of its own and drops it at the end. Prints one JSON object
 * as `verdict bench` does.
 */
#include "bench/compare/crew.h"
#include "bench/compare/plain.h"

#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_BYTES = 24, CLAIM_MOST = 4096 };

/* ---- The leader ----------------------------------------------------------------------------------------------- */

struct row {
	const char *key, *value;
	int value_size;
};

struct client {
	struct plain_array outcome;
	char reply[8000];
	size_t size;
};

struct leader {
	PGconn *connection;
	int client_count;
	struct client *clients;
	struct row rows[CLAIM_MOST];
	struct plain_array keys, values, ids, outcomes, channels, payloads;
};

static int by_key(const void *a, const void *b)
{
	return memcmp(((const struct row *)a)->key, ((const struct row *)b)->key, KEY_BYTES);
}

static void reply_flush(struct leader *leader, int client)
{
	char channel[32];
	struct client *c = &leader->clients[client];
	if (c->size == 0)
		return;
	plain_array_add(&leader->channels, channel, (size_t)snprintf(channel, sizeof channel, "bare_%d", client));
	plain_array_add(&leader->payloads, c->reply, c->size);
	c->size = 0;
}

static void collect(struct leader *leader, const PGresult *claimed)
{
	int count = PQntuples(claimed);
	for (int i = 0; i < leader->client_count; i++)
		leader->clients[i].outcome.size = 0;
	plain_array_begin(&leader->channels, PLAIN_TEXT);
	plain_array_begin(&leader->payloads, PLAIN_TEXT);
	plain_array_begin(&leader->keys, PLAIN_BYTEA);
	plain_array_begin(&leader->values, PLAIN_BYTEA);
	plain_array_begin(&leader->ids, PLAIN_INT8);
	plain_array_begin(&leader->outcomes, PLAIN_BYTEA);
	for (int i = 0; i < count; i++) {
		int client = (int)plain_int8_of(claimed, i, 0);
		struct client *c = &leader->clients[client];
		leader->rows[i] =
			(struct row){ PQgetvalue(claimed, i, 2), PQgetvalue(claimed, i, 3), PQgetlength(claimed, i, 3) };
		plain_put(&c->outcome, PQgetvalue(claimed, i, 1), 8);
		plain_put(&c->outcome, "\0\0\0\0\0\0\0", 8);
		c->size += (size_t)snprintf(c->reply + c->size, sizeof c->reply - c->size,
			"%lld:0123456789abcdef:0:%d:0 ", (long long)plain_int8_of(claimed, i, 1), i);
		if (c->size > 7800)
			reply_flush(leader, client);
	}
	qsort(leader->rows, (size_t)count, sizeof *leader->rows, by_key);
	for (int i = 0; i < count; i++) {
		if (i + 1 < count && by_key(&leader->rows[i], &leader->rows[i + 1]) == 0)
			continue;
		plain_array_add(&leader->keys, leader->rows[i].key, KEY_BYTES);
		plain_array_add(&leader->values, leader->rows[i].value, (size_t)leader->rows[i].value_size);
	}
	for (int i = 0; i < leader->client_count; i++) {
		if (leader->clients[i].outcome.size == 0)
			continue;
		plain_array_add_int8(&leader->ids, i);
		plain_array_add(&leader->outcomes, leader->clients[i].outcome.bytes, leader->clients[i].outcome.size);
		reply_flush(leader, i);
	}
}

/* Nothing waits: until the doorbell rings. */
static void rest(PGconn *connection)
{
	plain_ask(connection, "commit", 0, NULL);
	PQpipelineSync(connection);
	plain_drain_to_sync(connection);
	PGnotify *notify = PQnotifies(connection);
	if (notify == NULL) {
		struct pollfd wait = { .fd = PQsocket(connection), .events = POLLIN };
		poll(&wait, 1, 50);
		PQconsumeInput(connection);
		notify = PQnotifies(connection);
	}
	for (; notify != NULL; notify = PQnotifies(connection))
		PQfreemem(notify);
}

/* Rides behind the batch before it, so that a batch is one round trip. */
static void claim(PGconn *connection)
{
	plain_ask(connection, "begin", 0, NULL);
	plain_ask(connection, "claim", 0, NULL);
	PQpipelineSync(connection);
}

static _Noreturn void lead(const char *dsn, const struct vd_bench_settings *settings)
{
	static struct leader leader;
	PGconn *connection = leader.connection = plain_connect(dsn, "bare");
	leader.client_count = settings->processes;
	leader.clients = calloc((size_t)settings->processes, sizeof *leader.clients);
	if (leader.clients == NULL)
		plain_die("no memory", NULL);
	plain_exec(connection, "LISTEN bare_doorbell");
	plain_prepare(connection, "begin", "BEGIN");
	plain_prepare(connection, "claim",
		"DELETE FROM queue WHERE ctid = ANY (ARRAY(SELECT ctid FROM queue LIMIT 4096)) "
		"RETURNING client, sequence, key, value");
	plain_prepare(connection, "watermark", "UPDATE watermark SET version = version + 1");
	plain_prepare(connection, "upsert",
		"INSERT INTO kv SELECT * FROM unnest($1::bytea[], $2::bytea[]) "
		"ON CONFLICT (key) DO UPDATE SET value = excluded.value");
	plain_prepare(
		connection, "outcome", "INSERT INTO outcomes SELECT * FROM unnest($1::bigint[], $2::bytea[])");
	plain_prepare(connection, "forget",
		"DELETE FROM outcomes WHERE ctid = ANY (ARRAY(SELECT ctid FROM outcomes LIMIT 64))");
	plain_prepare(connection, "commit", "COMMIT");
	plain_prepare(connection, "reply", "SELECT pg_notify(c, p) FROM unnest($1::text[], $2::text[]) r(c, p)");
	PQenterPipelineMode(connection);
	claim(connection);
	for (unsigned turn = 0;; turn++) {
		PQclear(plain_next_result(connection));
		PGresult *claimed = plain_next_result(connection);
		plain_drain_to_sync(connection);
		if (PQntuples(claimed) == 0) {
			rest(connection);
		} else {
			collect(&leader, claimed);
			plain_ask(connection, "watermark", 0, NULL);
			plain_ask(connection, "upsert", 2, (struct plain_array *[]){ &leader.keys, &leader.values });
			plain_ask(connection, "outcome", 2, (struct plain_array *[]){ &leader.ids, &leader.outcomes });
			if (turn % 16 == 0)
				plain_ask(connection, "forget", 0, NULL);
			plain_ask(connection, "commit", 0, NULL);
			plain_ask(connection, "reply", 2, (struct plain_array *[]){ &leader.channels, &leader.payloads });
			PQpipelineSync(connection);
		}
		claim(connection);
		if (PQntuples(claimed) > 0)
			plain_drain_to_sync(connection);
		PQclear(claimed);
	}
}

/* ---- A worker ------------------------------------------------------------------------------------------------- */

struct worker {
	struct crew_worker *crew;
	PGconn *submit, *inbox;
	bool sending;
	int64_t sequence;
	char value[8192];
	struct plain_array client, sequences, keys, values;
};

static void submit(struct worker *worker, uint64_t now)
{
	struct crew_worker *crew = worker->crew;
	plain_array_begin(&worker->sequences, PLAIN_INT8);
	plain_array_begin(&worker->keys, PLAIN_BYTEA);
	plain_array_begin(&worker->values, PLAIN_BYTEA);
	while (crew->free_count > 0) {
		char key[KEY_BYTES + 32];
		size_t slot = crew->free_slots[--crew->free_count];
		snprintf(key, sizeof key, "bench/bare/%02d/%010d", crew->index % 100, crew_draw_key(crew));
		/* the slot rides in the number, so that the answer finds it */
		plain_array_add_int8(&worker->sequences, ++worker->sequence * 65536 + (int64_t)slot);
		plain_array_add(&worker->keys, key, KEY_BYTES);
		plain_array_add(&worker->values, worker->value, (size_t)crew->settings->value_bytes);
		crew->begun[slot] = now;
	}
	plain_ask(worker->submit, "submit", 4,
		(struct plain_array *[]){ &worker->client, &worker->sequences, &worker->keys, &worker->values });
	worker->sending = true;
}

static void read_replies(struct worker *worker)
{
	uint64_t now = plain_now_ns();
	for (PGnotify *notify; (notify = PQnotifies(worker->inbox)) != NULL; PQfreemem(notify))
		for (char *at = notify->extra; *at != '\0'; at += strcspn(at, " "), at += strspn(at, " "))
			crew_answered(worker->crew, (size_t)(strtoll(at, &at, 10) % 65536), now);
}

static void open_worker(const char *dsn, struct worker *worker)
{
	uint64_t index = htobe64((uint64_t)worker->crew->index);
	char listen[32];
	worker->submit = plain_connect(dsn, "bare");
	worker->inbox = plain_connect(dsn, "bare");
	snprintf(listen, sizeof listen, "LISTEN bare_%d", worker->crew->index);
	plain_exec(worker->inbox, listen);
	plain_prepare(worker->submit, "submit",
		"WITH s AS (INSERT INTO queue SELECT $1, s, k, v FROM unnest($2::bigint[], $3::bytea[], $4::bytea[]) "
		"r(s, k, v)) "
		"SELECT pg_notify('bare_doorbell', '')");
	memset(worker->value, 'v', sizeof worker->value);
	plain_put(&worker->client, &index, sizeof index);
}

static void work(const char *dsn, struct crew_worker *crew)
{
	static struct worker own;
	struct worker *worker = &own;
	size_t slots = (size_t)crew->settings->in_flight;
	worker->crew = crew;
	open_worker(dsn, worker);
	for (uint64_t now; now = plain_now_ns(), now < crew->to || worker->sending || crew->free_count < slots;) {
		if (now > crew->to + 5000000000u)
			plain_die("a commit was not answered", NULL);
		if (!worker->sending && crew->free_count > 0 && now < crew->to)
			submit(worker, now);
		struct pollfd wait[2] = { { .fd = PQsocket(worker->inbox), .events = POLLIN },
			{ .fd = PQsocket(worker->submit), .events = POLLIN } };
		poll(wait, 2, 100);
		if (worker->sending && (wait[1].revents & POLLIN) && PQconsumeInput(worker->submit) &&
			!PQisBusy(worker->submit)) {
			for (PGresult *r; (r = PQgetResult(worker->submit)) != NULL; PQclear(r))
				if (PQresultStatus(r) != PGRES_TUPLES_OK)
					plain_die("submit", worker->submit);
			worker->sending = false;
		}
		if (wait[0].revents & POLLIN)
			PQconsumeInput(worker->inbox);
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
		"SET client_min_messages = warning; DROP SCHEMA IF EXISTS bare CASCADE; CREATE SCHEMA bare;"
		"CREATE UNLOGGED TABLE bare.queue (client bigint, sequence bigint, key bytea, value bytea, PRIMARY "
		"KEY (client, sequence));"
		"CREATE TABLE bare.kv (key bytea PRIMARY KEY, value bytea NOT NULL) WITH (fillfactor = 85);"
		"CREATE TABLE bare.outcomes (client bigint, entries bytea);"
		"CREATE TABLE bare.watermark (version bigint); INSERT INTO bare.watermark VALUES (1)");
	PQfinish(connection);
}

int main(int argc, char **argv)
{
	static const struct crew_shape shape = { .name = "bare", .schema = "bare", .lead = lead, .work = work };
	struct vd_bench_settings settings;
	struct vd_bench_report report;
	const char *dsn = plain_parse(argc, argv, &settings);
	if (dsn == NULL)
		return 2;
	set_up(dsn);
	report.checked = crew_run(&shape, dsn, &settings, &report);
	PGconn *connection = plain_connect(dsn, "bare");
	plain_exec(connection, "DROP SCHEMA bare CASCADE");
	PQfinish(connection);
	vd_bench_print_json(&settings, &report);
	return report.checked ? 0 : 2;
}
