/* SPDX-License-Identifier: Apache-2.0 */
/* serializable.c: transfers by PostgreSQL alone, what `verdict bench rmw` is measured beside.
 *
 *   bench_serializable DSN --in-flight N --seconds S
 *
 * N connections, a thread each, and again after a serialization failure. It makes a schema "plain" of its own and drops it
 * at the end. Prints one JSON object as `verdict bench` does. Two variants:
 *   pipelined    BEGIN SERIALIZABLE and one statement that reads two accounts, one that writes both and COMMIT, in two
 *                round trips: as good as it can be written (this one if none is named)
 *   statements   as applications write it: BEGIN, two SELECTs, two UPDATEs, COMMIT, prepared, each a round trip
 */
#include "bench/compare/plain.h"

#include <endian.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPENING = 1000 };

struct teller {
	const struct vd_bench_settings *settings;
	pthread_t thread;
	PGconn *connection;
	uint64_t random, from, to;
	uint64_t done, retries;
	struct vd_histogram latency;
	struct plain_array keys, balances;
	struct plain_array key[2], balance;
};

static void set_up(PGconn *connection, const struct vd_bench_settings *settings)
{
	char fill[512];
	plain_exec(connection,
		"DROP SCHEMA IF EXISTS plain CASCADE; CREATE SCHEMA plain;"
		"CREATE TABLE kv (key bytea PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 85)");
	snprintf(fill, sizeof fill,
		"INSERT INTO kv SELECT ('bench/transfers/' || lpad(i::text, 10, '0'))::bytea, %d "
		"FROM generate_series(0, %d) i; ANALYZE kv",
		OPENING, settings->keys - 1);
	plain_exec(connection, fill);
}

/* Reads to the sync; false if a statement failed, which may only be because of another transaction. */
static bool finish(PGconn *connection, int64_t balances[2])
{
	bool well = true;
	int rows = 0;
	for (;;) {
		PGresult *result = PQgetResult(connection);
		ExecStatusType status = PQresultStatus(result);
		if (result == NULL)
			continue;
		if (status == PGRES_FATAL_ERROR) {
			const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
			if (state == NULL || (strcmp(state, "40001") != 0 && strcmp(state, "40P01") != 0))
				plain_die("transfer", connection);
			well = false;
		}
		if (status == PGRES_TUPLES_OK)
			for (int i = 0; i < PQntuples(result); i++, rows++)
				balances[i & 1] = plain_int8_of(result, i, 0);
		PQclear(result);
		if (status == PGRES_PIPELINE_SYNC)
			return well;
	}
}

static bool by_statements;

/* One statement and its answer. */
static bool step(
	struct teller *teller, const char *name, int count, struct plain_array *const *arrays, int64_t *balance)
{
	int64_t balances[2] = { 0, 0 };
	plain_ask(teller->connection, name, count, arrays);
	PQpipelineSync(teller->connection);
	bool well = finish(teller->connection, balances);
	if (balance != NULL)
		*balance = balances[0];
	return well;
}

static bool transfer_by_statements(struct teller *teller)
{
	int64_t balances[2];
	bool well = step(teller, "begin", 0, NULL, NULL);
	for (int i = 0; well && i < 2; i++)
		well = step(teller, "read_one", 1, (struct plain_array *[]){ &teller->key[i] }, &balances[i]);
	for (int i = 0; well && i < 2; i++) {
		int64_t balance = (int64_t)htobe64((uint64_t)(balances[i] + (i == 0 ? -1 : 1)));
		teller->balance.size = 0;
		plain_put(&teller->balance, &balance, sizeof balance);
		well =
			step(teller, "write_one", 2, (struct plain_array *[]){ &teller->key[i], &teller->balance }, NULL);
	}
	well = well && step(teller, "commit", 0, NULL, NULL);
	if (!well && !step(teller, "rollback", 0, NULL, NULL))
		plain_die("rollback", teller->connection);
	return well;
}

static bool transfer(struct teller *teller)
{
	if (by_statements)
		return transfer_by_statements(teller);
	PGconn *connection = teller->connection;
	int64_t balances[2] = { 0, 0 };
	plain_ask(connection, "begin", 0, NULL);
	plain_ask(connection, "read", 1, (struct plain_array *[]){ &teller->keys });
	PQpipelineSync(connection);
	bool well = finish(connection, balances);
	if (well) {
		plain_array_begin(&teller->balances, PLAIN_INT8);
		plain_array_add_int8(&teller->balances, balances[0] - 1);
		plain_array_add_int8(&teller->balances, balances[1] + 1);
		plain_ask(connection, "write", 2, (struct plain_array *[]){ &teller->keys, &teller->balances });
		plain_ask(connection, "commit", 0, NULL);
		PQpipelineSync(connection);
		well = finish(connection, balances);
	}
	if (!well) {
		plain_ask(connection, "rollback", 0, NULL);
		PQpipelineSync(connection);
		if (!finish(connection, balances))
			plain_die("rollback", connection);
	}
	return well;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void *work(void *arg)
{
	struct teller *teller = arg;
	uint64_t keys = (uint64_t)teller->settings->keys;
	while (plain_now_ns() < teller->to) {
		uint64_t begun = plain_now_ns(), first = next_random(&teller->random) % keys;
		uint64_t second = (first + 1 + next_random(&teller->random) % (keys - 1)) % keys;
		plain_array_begin(&teller->keys, PLAIN_BYTEA);
		for (int i = 0; i < 2; i++) { /* in order, so that two transfers cannot dead-lock */
			char key[64];
			uint64_t which = (i == 0) == (first < second) ? first : second;
			int size = snprintf(key, sizeof key, "bench/transfers/%010llu", (unsigned long long)which);
			plain_array_add(&teller->keys, key, (size_t)size);
			teller->key[i].size = 0;
			plain_put(&teller->key[i], key, (size_t)size);
		}
		while (!transfer(teller))
			teller->retries++;
		if (begun >= teller->from && plain_now_ns() < teller->to) {
			teller->done++;
			vd_histogram_add(&teller->latency, plain_now_ns() - begun);
		}
	}
	return NULL;
}

static void open_teller(struct teller *teller, const char *dsn)
{
	PGconn *connection = teller->connection = plain_connect(dsn, "plain");
	plain_prepare(connection, "begin", "BEGIN ISOLATION LEVEL SERIALIZABLE");
	plain_prepare(connection, "read", "SELECT balance FROM kv WHERE key = ANY ($1::bytea[]) ORDER BY key");
	plain_prepare(connection, "write",
		"UPDATE kv SET balance = b FROM unnest($1::bytea[], $2::bigint[]) w(k, b) WHERE key = k");
	plain_prepare(connection, "read_one", "SELECT balance FROM kv WHERE key = $1");
	plain_prepare(connection, "write_one", "UPDATE kv SET balance = $2 WHERE key = $1");
	plain_prepare(connection, "commit", "COMMIT");
	plain_prepare(connection, "rollback", "ROLLBACK");
	PQenterPipelineMode(connection);
}

static bool sum_is_right(PGconn *connection, const struct vd_bench_settings *settings)
{
	PGresult *result = PQexec(connection, "SELECT sum(balance)::bigint FROM kv");
	bool right =
		PQntuples(result) == 1 && atoll(PQgetvalue(result, 0, 0)) == (long long)settings->keys * OPENING;
	PQclear(result);
	return right;
}

int main(int argc, char **argv)
{
	struct vd_bench_settings settings;
	const char *dsn = plain_parse(argc, argv, &settings);
	if (dsn == NULL)
		return 2;
	by_statements = strcmp(plain_variant(), "statements") == 0;
	PGconn *connection = plain_connect(dsn, "plain");
	struct teller *tellers = calloc((size_t)settings.in_flight, sizeof *tellers);
	if (tellers == NULL)
		plain_die("no memory", NULL);
	set_up(connection, &settings);
	for (int i = 0; i < settings.in_flight; i++)
		open_teller(&tellers[i], dsn);
	uint64_t from = plain_now_ns() + (uint64_t)(settings.warmup_seconds * 1e9);
	for (int i = 0; i < settings.in_flight; i++) {
		struct teller *teller = &tellers[i];
		teller->settings = &settings;
		teller->random = UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)i;
		teller->from = from;
		teller->to = from + (uint64_t)(settings.seconds * 1e9);
		if (pthread_create(&teller->thread, NULL, work, teller) != 0)
			plain_die("no thread", NULL);
	}
	struct vd_bench_report report =
		plain_report(by_statements ? "serializable_statements" : "serializable_pipelined", &settings);
	plain_meter(connection, from, from + (uint64_t)(settings.seconds * 1e9), NULL, 0, 0, &report);
	for (int i = 0; i < settings.in_flight; i++) {
		pthread_join(tellers[i].thread, NULL);
		PQfinish(tellers[i].connection);
		report.done += tellers[i].done;
		report.retries += tellers[i].retries;
		vd_histogram_merge(&report.latency, &tellers[i].latency);
	}
	report.commits = report.checks = report.done;
	report.checked = sum_is_right(connection, &settings);
	plain_exec(connection, "DROP SCHEMA plain CASCADE");
	PQfinish(connection);
	vd_bench_print_json(&settings, &report);
	return report.checked ? 0 : 1;
}
