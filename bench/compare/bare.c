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
#include "bench/report.h"

#include <arpa/inet.h>
#include <endian.h>
#include <getopt.h>
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { KEY_BYTES = 24, CLAIM_MOST = 4096 };
enum { BYTEA = 17, INT8 = 20, TEXT = 25 };

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void die(const char *what, PGconn *connection)
{
	fprintf(stderr, "bench_bare: %s: %s", what, connection ? PQerrorMessage(connection) : "\n");
	exit(2);
}

static void exec(PGconn *connection, const char *sql)
{
	PGresult *result = PQexec(connection, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		die(sql, connection);
	PQclear(result);
}

static PGconn *connect_to(const char *dsn)
{
	PGconn *connection = PQconnectdb(dsn);
	if (PQstatus(connection) != CONNECTION_OK)
		die("cannot connect", connection);
	exec(connection, "SET client_min_messages = warning; SET search_path = bare; SET jit = off");
	return connection;
}

/* ---- Binary arrays of one dimension --------------------------------------------------------------------------- */

struct array {
	char *bytes;
	size_t size, limit;
	uint32_t count;
};

static void put(struct array *array, const void *bytes, size_t size)
{
	if (array->size + size > array->limit) {
		array->limit = (array->size + size) * 2;
		array->bytes = realloc(array->bytes, array->limit);
		if (array->bytes == NULL)
			die("no memory", NULL);
	}
	memcpy(array->bytes + array->size, bytes, size);
	array->size += size;
}

static void put_int(struct array *array, uint32_t number)
{
	number = htonl(number);
	put(array, &number, sizeof number);
}

static void array_begin(struct array *array, uint32_t type)
{
	array->size = array->count = 0;
	put_int(array, 1);
	put_int(array, 0);
	put_int(array, type);
	put_int(array, 0); /* the count, from offset 12 */
	put_int(array, 1);
}

static void array_add(struct array *array, const void *bytes, size_t size)
{
	put_int(array, (uint32_t)size);
	put(array, bytes, size);
	uint32_t count = htonl(++array->count);
	memcpy(array->bytes + 12, &count, sizeof count);
}

static void array_add_int8(struct array *array, int64_t number)
{
	uint64_t big = htobe64((uint64_t)number);
	array_add(array, &big, sizeof big);
}

static int64_t int8_of(const PGresult *result, int row, int column)
{
	uint64_t big;
	memcpy(&big, PQgetvalue(result, row, column), sizeof big);
	return (int64_t)be64toh(big);
}

/* ---- Prepared statements -------------------------------------------------------------------------------------- */

static void prepare(PGconn *connection, const char *name, const char *sql)
{
	PGresult *result = PQprepare(connection, name, sql, 0, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		die(name, connection);
	PQclear(result);
}

static void ask(PGconn *connection, const char *name, int count, struct array *const *arrays)
{
	const char *values[8];
	int lengths[8], formats[8];
	for (int i = 0; i < count; i++) {
		values[i] = arrays[i]->bytes;
		lengths[i] = (int)arrays[i]->size;
		formats[i] = 1;
	}
	if (!PQsendQueryPrepared(connection, name, count, values, lengths, formats, 1))
		die(name, connection);
}

static PGresult *next_result(PGconn *connection)
{
	PGresult *result;
	while ((result = PQgetResult(connection)) == NULL)
		; /* the end of a statement */
	ExecStatusType status = PQresultStatus(result);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_PIPELINE_SYNC)
		die("leader", connection);
	return result;
}

static void drain_to_sync(PGconn *connection)
{
	for (bool synced = false; !synced;) {
		PGresult *result = next_result(connection);
		synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
		PQclear(result);
	}
}

/* ---- The leader ----------------------------------------------------------------------------------------------- */

struct row {
	const char *key, *value;
	int value_size;
};

struct client {
	struct array outcome;
	char reply[8000];
	size_t size;
};

struct leader {
	PGconn *connection;
	int client_count;
	struct client *clients;
	struct row rows[CLAIM_MOST];
	struct array keys, values, ids, outcomes, channels, payloads;
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
	array_add(&leader->channels, channel, (size_t)snprintf(channel, sizeof channel, "bare_%d", client));
	array_add(&leader->payloads, c->reply, c->size);
	c->size = 0;
}

static void collect(struct leader *leader, const PGresult *claimed)
{
	int count = PQntuples(claimed);
	for (int i = 0; i < leader->client_count; i++)
		leader->clients[i].outcome.size = 0;
	array_begin(&leader->channels, TEXT);
	array_begin(&leader->payloads, TEXT);
	array_begin(&leader->keys, BYTEA);
	array_begin(&leader->values, BYTEA);
	array_begin(&leader->ids, INT8);
	array_begin(&leader->outcomes, BYTEA);
	for (int i = 0; i < count; i++) {
		int client = (int)int8_of(claimed, i, 0);
		struct client *c = &leader->clients[client];
		leader->rows[i] =
			(struct row){ PQgetvalue(claimed, i, 2), PQgetvalue(claimed, i, 3), PQgetlength(claimed, i, 3) };
		put(&c->outcome, PQgetvalue(claimed, i, 1), 8);
		put(&c->outcome, "\0\0\0\0\0\0\0", 8);
		c->size += (size_t)snprintf(c->reply + c->size, sizeof c->reply - c->size,
			"%lld:0123456789abcdef:0:%d:0 ", (long long)int8_of(claimed, i, 1), i);
		if (c->size > 7800)
			reply_flush(leader, client);
	}
	qsort(leader->rows, (size_t)count, sizeof *leader->rows, by_key);
	for (int i = 0; i < count; i++) {
		if (i + 1 < count && by_key(&leader->rows[i], &leader->rows[i + 1]) == 0)
			continue;
		array_add(&leader->keys, leader->rows[i].key, KEY_BYTES);
		array_add(&leader->values, leader->rows[i].value, (size_t)leader->rows[i].value_size);
	}
	for (int i = 0; i < leader->client_count; i++) {
		if (leader->clients[i].outcome.size == 0)
			continue;
		array_add_int8(&leader->ids, i);
		array_add(&leader->outcomes, leader->clients[i].outcome.bytes, leader->clients[i].outcome.size);
		reply_flush(leader, i);
	}
}

/* Nothing waits: until the doorbell rings. */
static void rest(PGconn *connection)
{
	ask(connection, "commit", 0, NULL);
	PQpipelineSync(connection);
	drain_to_sync(connection);
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
	ask(connection, "begin", 0, NULL);
	ask(connection, "claim", 0, NULL);
	PQpipelineSync(connection);
}

static void lead(const char *dsn, int clients)
{
	static struct leader leader;
	PGconn *connection = leader.connection = connect_to(dsn);
	leader.client_count = clients;
	leader.clients = calloc((size_t)clients, sizeof *leader.clients);
	exec(connection, "LISTEN bare_doorbell");
	prepare(connection, "begin", "BEGIN");
	prepare(connection, "claim",
		"DELETE FROM queue WHERE ctid = ANY (ARRAY(SELECT ctid FROM queue LIMIT 4096)) "
		"RETURNING client, sequence, key, value");
	prepare(connection, "watermark", "UPDATE watermark SET version = version + 1");
	prepare(connection, "upsert",
		"INSERT INTO kv SELECT * FROM unnest($1::bytea[], $2::bytea[]) "
		"ON CONFLICT (key) DO UPDATE SET value = excluded.value");
	prepare(connection, "outcome", "INSERT INTO outcomes SELECT * FROM unnest($1::bigint[], $2::bytea[])");
	prepare(connection, "forget",
		"DELETE FROM outcomes WHERE ctid = ANY (ARRAY(SELECT ctid FROM outcomes LIMIT 64))");
	prepare(connection, "commit", "COMMIT");
	prepare(connection, "reply", "SELECT pg_notify(c, p) FROM unnest($1::text[], $2::text[]) r(c, p)");
	PQenterPipelineMode(connection);
	claim(connection);
	for (unsigned turn = 0;; turn++) {
		PQclear(next_result(connection));
		PGresult *claimed = next_result(connection);
		drain_to_sync(connection);
		if (PQntuples(claimed) == 0) {
			rest(connection);
		} else {
			collect(&leader, claimed);
			ask(connection, "watermark", 0, NULL);
			ask(connection, "upsert", 2, (struct array *[]){ &leader.keys, &leader.values });
			ask(connection, "outcome", 2, (struct array *[]){ &leader.ids, &leader.outcomes });
			if (turn % 16 == 0)
				ask(connection, "forget", 0, NULL);
			ask(connection, "commit", 0, NULL);
			ask(connection, "reply", 2, (struct array *[]){ &leader.channels, &leader.payloads });
			PQpipelineSync(connection);
		}
		claim(connection);
		if (PQntuples(claimed) > 0)
			drain_to_sync(connection);
		PQclear(claimed);
	}
}

/* ---- A worker ------------------------------------------------------------------------------------------------- */

struct result {
	uint64_t done;
	struct vd_histogram latency;
};

struct worker {
	const struct vd_bench_settings *settings;
	struct result *result;
	int index;
	PGconn *submit, *inbox;
	bool sending;
	uint64_t *begun; /* by slot */
	size_t *free_slots, free_count;
	uint64_t random, from, to;
	int64_t sequence;
	char value[8192];
	struct array client, sequences, keys, values;
};

static void submit(struct worker *worker, uint64_t now)
{
	const struct vd_bench_settings *settings = worker->settings;
	array_begin(&worker->sequences, INT8);
	array_begin(&worker->keys, BYTEA);
	array_begin(&worker->values, BYTEA);
	while (worker->free_count > 0) {
		char key[KEY_BYTES + 32];
		size_t slot = worker->free_slots[--worker->free_count];
		worker->random ^= worker->random << 13;
		worker->random ^= worker->random >> 7;
		worker->random ^= worker->random << 17;
		snprintf(key, sizeof key, "bench/bare/%02d/%010d", worker->index % 100,
			(int)(worker->random % (uint64_t)(settings->keys / settings->processes + 1)));
		/* the slot rides in the number, so that the answer finds it */
		array_add_int8(&worker->sequences, ++worker->sequence * 65536 + (int64_t)slot);
		array_add(&worker->keys, key, KEY_BYTES);
		array_add(&worker->values, worker->value, (size_t)settings->value_bytes);
		worker->begun[slot] = now;
	}
	ask(worker->submit, "submit", 4,
		(struct array *[]){ &worker->client, &worker->sequences, &worker->keys, &worker->values });
	worker->sending = true;
}

static void read_replies(struct worker *worker)
{
	uint64_t now = now_ns();
	for (PGnotify *notify; (notify = PQnotifies(worker->inbox)) != NULL; PQfreemem(notify)) {
		for (char *at = notify->extra; *at != '\0'; at += strcspn(at, " "), at += strspn(at, " ")) {
			size_t slot = (size_t)(strtoll(at, &at, 10) % 65536);
			if (now >= worker->from && now < worker->to) {
				worker->result->done++;
				vd_histogram_add(&worker->result->latency, now - worker->begun[slot]);
			}
			worker->free_slots[worker->free_count++] = slot;
		}
	}
}

static void work(const char *dsn, struct worker *worker)
{
	size_t slots = (size_t)worker->settings->in_flight;
	uint64_t index = htobe64((uint64_t)worker->index);
	char listen[32];
	worker->submit = connect_to(dsn);
	worker->inbox = connect_to(dsn);
	snprintf(listen, sizeof listen, "LISTEN bare_%d", worker->index);
	exec(worker->inbox, listen);
	prepare(worker->submit, "submit",
		"WITH s AS (INSERT INTO queue SELECT $1, s, k, v FROM unnest($2::bigint[], $3::bytea[], $4::bytea[]) "
		"r(s, k, v)) "
		"SELECT pg_notify('bare_doorbell', '')");
	worker->begun = calloc(slots, sizeof *worker->begun);
	worker->free_slots = calloc(slots, sizeof *worker->free_slots);
	for (worker->free_count = 0; worker->free_count < slots; worker->free_count++)
		worker->free_slots[worker->free_count] = worker->free_count;
	memset(worker->value, 'v', sizeof worker->value);
	put(&worker->client, &index, sizeof index);
	worker->from = now_ns() + (uint64_t)(worker->settings->warmup_seconds * 1e9);
	worker->to = worker->from + (uint64_t)(worker->settings->seconds * 1e9);
	for (uint64_t now; now = now_ns(), now < worker->to || worker->sending || worker->free_count < slots;) {
		if (now > worker->to + 5000000000u)
			die("a commit was not answered", NULL);
		if (!worker->sending && worker->free_count > 0 && now < worker->to)
			submit(worker, now);
		struct pollfd wait[2] = { { .fd = PQsocket(worker->inbox), .events = POLLIN },
			{ .fd = PQsocket(worker->submit), .events = POLLIN } };
		poll(wait, 2, 100);
		if (worker->sending && (wait[1].revents & POLLIN) && PQconsumeInput(worker->submit) &&
			!PQisBusy(worker->submit)) {
			for (PGresult *r; (r = PQgetResult(worker->submit)) != NULL; PQclear(r))
				if (PQresultStatus(r) != PGRES_TUPLES_OK)
					die("submit", worker->submit);
			worker->sending = false;
		}
		if (wait[0].revents & POLLIN)
			PQconsumeInput(worker->inbox);
		read_replies(worker);
	}
	_exit(0);
}

/* ---- The program ---------------------------------------------------------------------------------------------- */

static void set_up(const char *dsn)
{
	PGconn *connection = PQconnectdb(dsn);
	if (PQstatus(connection) != CONNECTION_OK)
		die("cannot connect", connection);
	exec(connection,
		"SET client_min_messages = warning; DROP SCHEMA IF EXISTS bare CASCADE; CREATE SCHEMA bare;"
		"CREATE UNLOGGED TABLE bare.queue (client bigint, sequence bigint, key bytea, value bytea, PRIMARY "
		"KEY (client, sequence));"
		"CREATE TABLE bare.kv (key bytea PRIMARY KEY, value bytea NOT NULL) WITH (fillfactor = 85);"
		"CREATE TABLE bare.outcomes (client bigint, entries bytea);"
		"CREATE TABLE bare.watermark (version bigint); INSERT INTO bare.watermark VALUES (1)");
	PQfinish(connection);
}

static bool parse(int argc, char **argv, struct vd_bench_settings *s)
{
	static const struct option options[] = { { "processes", 1, NULL, 'p' }, { "in-flight", 1, NULL, 'n' },
		{ "seconds", 1, NULL, 's' }, { "warmup", 1, NULL, 'w' }, { "keys", 1, NULL, 'k' },
		{ "value-bytes", 1, NULL, 'v' }, { NULL, 0, NULL, 0 } };
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'p':
			s->processes = atoi(optarg);
			break;
		case 'n':
			s->in_flight = atoi(optarg);
			break;
		case 's':
			s->seconds = atof(optarg);
			break;
		case 'w':
			s->warmup_seconds = atof(optarg);
			break;
		case 'k':
			s->keys = atoi(optarg);
			break;
		case 'v':
			s->value_bytes = atoi(optarg);
			break;
		default:
			return false;
		}
	}
	return optind + 1 == argc && s->processes > 0 && s->in_flight > 0 && s->in_flight < 65536 &&
		   s->value_bytes <= 8000;
}

int main(int argc, char **argv)
{
	struct vd_bench_settings s = { .processes = 1,
		.in_flight = 64,
		.seconds = 10,
		.warmup_seconds = 1,
		.keys = 100000,
		.value_bytes = 16,
		.seed = 1 };
	if (!parse(argc, argv, &s)) {
		fputs("usage: bench_bare DSN [--processes P] [--in-flight N] [--seconds S] [--warmup S] [--keys K] "
			  "[--value-bytes B]\n",
			stderr);
		return 2;
	}
	const char *dsn = argv[optind];
	struct result *results = mmap(NULL, (size_t)s.processes * sizeof *results, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, failed = 0;
	set_up(dsn);
	pid_t leader = fork();
	if (leader == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		lead(dsn, s.processes);
	}
	for (int i = 0; i < s.processes; i++) {
		if (fork() == 0) {
			struct worker worker = { .settings = &s,
				.result = &results[i],
				.index = i,
				.random = (s.seed + 1) * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)i };
			work(dsn, &worker);
		}
	}
	for (int i = 0; i < s.processes; i++) {
		pid_t gone = wait(&status);
		failed |= gone == leader || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
	}
	kill(leader, SIGKILL);
	waitpid(leader, &status, 0);
	struct vd_bench_report report = { .workload = "bare", .seconds = s.seconds, .checked = !failed };
	for (int i = 0; i < s.processes; i++) {
		report.done += results[i].done;
		vd_histogram_merge(&report.latency, &results[i].latency);
	}
	PGconn *connection = connect_to(dsn);
	exec(connection, "DROP SCHEMA bare CASCADE");
	PQfinish(connection);
	vd_bench_print_json(&s, &report);
	return failed ? 2 : 0;
}
