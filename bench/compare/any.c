/* SPDX-License-Identifier: Apache-2.0 */
/* any.c: point reads by hand, what `verdict bench read` is measured beside.
 *
 *   bench_any DSN --in-flight N --seconds S
 *
 * One connection reads N keys at a time by `= ANY` in one REPEATABLE READ snapshot. It makes a schema "plain" of its own
 * and drops it at the end. Prints one JSON object as `verdict bench` does.
 */
#include "bench/compare/plain.h"

#include <stdio.h>
#include <stdlib.h>

enum { KEY_BYTES = 22 };

static void set_up(PGconn *connection, const struct vd_bench_settings *settings)
{
	char fill[512];
	plain_exec(connection,
		"DROP SCHEMA IF EXISTS plain CASCADE; CREATE SCHEMA plain;"
		"CREATE TABLE kv (key bytea PRIMARY KEY, value bytea NOT NULL) WITH (fillfactor = 85)");
	snprintf(fill, sizeof fill,
		"INSERT INTO kv SELECT ('bench/reads/' || lpad(i::text, 10, '0'))::bytea, repeat('v', %d)::bytea "
		"FROM generate_series(0, %d) i; ANALYZE kv",
		settings->value_bytes, settings->keys - 1);
	plain_exec(connection, fill);
}

static void read_keys(PGconn *connection, const struct vd_bench_settings *settings, struct plain_array *keys)
{
	plain_array_begin(keys, PLAIN_BYTEA);
	for (int i = 0; i < settings->in_flight; i++) {
		char key[64];
		int size = snprintf(key, sizeof key, "bench/reads/%010d", (int)(random() % settings->keys));
		plain_array_add(keys, key, (size_t)size);
	}
	plain_ask(connection, "read", 1, &keys);
	for (PGresult *result; (result = PQgetResult(connection)) != NULL; PQclear(result))
		if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) < 1)
			plain_die("read", connection);
}

int main(int argc, char **argv)
{
	struct vd_bench_settings settings;
	const char *dsn = plain_parse(argc, argv, &settings);
	if (dsn == NULL)
		return 2;
	PGconn *connection = plain_connect(dsn, "plain");
	struct plain_array keys = { 0 };
	struct vd_bench_report report = plain_report("any", &settings);
	report.checked = true;
	set_up(connection, &settings);
	plain_prepare(connection, "read", "SELECT key, value FROM kv WHERE key = ANY ($1::bytea[])");
	plain_exec(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ");
	uint64_t from = plain_now_ns() + (uint64_t)(settings.warmup_seconds * 1e9);
	uint64_t to = from + (uint64_t)(settings.seconds * 1e9);
	struct plain_used first = { 0 };
	for (uint64_t begun; (begun = plain_now_ns()) < to;) {
		read_keys(connection, &settings, &keys);
		if (begun < from)
			continue;
		if (report.done == 0)
			first = plain_used_now(connection, NULL, 0, 0);
		report.done += (uint64_t)settings.in_flight;
		vd_histogram_add(&report.latency, plain_now_ns() - begun);
	}
	struct plain_used last = plain_used_now(connection, NULL, 0, 0);
	plain_used_between(&first, &last, &report);
	plain_exec(connection, "COMMIT; DROP SCHEMA plain CASCADE");
	PQfinish(connection);
	vd_bench_print_json(&settings, &report);
	return 0;
}
