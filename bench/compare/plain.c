/* SPDX-License-Identifier: Apache-2.0 */
/* plain.c: see plain.h. */
#include "bench/compare/plain.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t plain_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void plain_die(const char *what, PGconn *connection)
{
	fprintf(stderr, "%s: %s: %s", program_invocation_short_name, what,
		connection ? PQerrorMessage(connection) : "\n");
	exit(2);
}

void plain_exec(PGconn *connection, const char *sql)
{
	PGresult *result = PQexec(connection, sql);
	if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
		plain_die(sql, connection);
	PQclear(result);
}

PGconn *plain_connect(const char *dsn, const char *schema)
{
	PGconn *connection = PQconnectdb(dsn);
	if (PQstatus(connection) != CONNECTION_OK)
		plain_die("cannot connect", connection);
	char set[128];
	snprintf(
		set, sizeof set, "SET client_min_messages = warning; SET search_path = %s; SET jit = off", schema);
	plain_exec(connection, set);
	return connection;
}

/* ---- Binary arrays of one dimension --------------------------------------------------------------------------- */

void plain_put(struct plain_array *array, const void *bytes, size_t size)
{
	if (array->size + size > array->limit) {
		array->limit = (array->size + size) * 2;
		array->bytes = realloc(array->bytes, array->limit);
		if (array->bytes == NULL)
			plain_die("no memory", NULL);
	}
	memcpy(array->bytes + array->size, bytes, size);
	array->size += size;
}

static void plain_put_int(struct plain_array *array, uint32_t number)
{
	number = htonl(number);
	plain_put(array, &number, sizeof number);
}

void plain_array_begin(struct plain_array *array, uint32_t type)
{
	array->size = array->count = 0;
	plain_put_int(array, 1);
	plain_put_int(array, 0);
	plain_put_int(array, type);
	plain_put_int(array, 0); /* the count, from offset 12 */
	plain_put_int(array, 1);
}

void plain_array_add(struct plain_array *array, const void *bytes, size_t size)
{
	plain_put_int(array, (uint32_t)size);
	plain_put(array, bytes, size);
	uint32_t count = htonl(++array->count);
	memcpy(array->bytes + 12, &count, sizeof count);
}

void plain_array_add_int8(struct plain_array *array, int64_t number)
{
	uint64_t big = htobe64((uint64_t)number);
	plain_array_add(array, &big, sizeof big);
}

int64_t plain_int8_of(const PGresult *result, int row, int column)
{
	uint64_t big;
	memcpy(&big, PQgetvalue(result, row, column), sizeof big);
	return (int64_t)be64toh(big);
}

/* ---- Prepared statements -------------------------------------------------------------------------------------- */

void plain_prepare(PGconn *connection, const char *name, const char *sql)
{
	PGresult *result = PQprepare(connection, name, sql, 0, NULL);
	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		plain_die(name, connection);
	PQclear(result);
}

void plain_ask(PGconn *connection, const char *name, int count, struct plain_array *const *arrays)
{
	const char *values[8];
	int lengths[8], formats[8];
	for (int i = 0; i < count; i++) {
		values[i] = arrays[i]->bytes;
		lengths[i] = (int)arrays[i]->size;
		formats[i] = 1;
	}
	if (!PQsendQueryPrepared(connection, name, count, values, lengths, formats, 1))
		plain_die(name, connection);
}

PGresult *plain_next_result(PGconn *connection)
{
	PGresult *result;
	while ((result = PQgetResult(connection)) == NULL)
		; /* the end of a statement */
	ExecStatusType status = PQresultStatus(result);
	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_PIPELINE_SYNC)
		plain_die("statement", connection);
	return result;
}

void plain_drain_to_sync(PGconn *connection)
{
	for (bool synced = false; !synced;) {
		PGresult *result = plain_next_result(connection);
		synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
		PQclear(result);
	}
}

/* ---- Options -------------------------------------------------------------------------------------------------- */

static const char *variant = "";

const char *plain_variant(void)
{
	return variant;
}

const char *plain_parse(int argc, char **argv, struct vd_bench_settings *s)
{
	*s = (struct vd_bench_settings){ .processes = 1,
		.in_flight = 64,
		.seconds = 10,
		.warmup_seconds = 1,
		.keys = 100000,
		.value_bytes = 16,
		.seed = 1 };
	static const struct option options[] = { { "processes", 1, NULL, 'p' }, { "in-flight", 1, NULL, 'n' },
		{ "seconds", 1, NULL, 's' }, { "warmup", 1, NULL, 'w' }, { "keys", 1, NULL, 'k' },
		{ "value-bytes", 1, NULL, 'v' }, { "variant", 1, NULL, 'V' }, { NULL, 0, NULL, 0 } };
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
		case 'V':
			variant = optarg;
			break;
		default:
			optind = argc;
			break;
		}
	}
	if (optind + 1 == argc && s->processes > 0 && s->in_flight > 0 && s->in_flight < 65536 && s->keys > 1 &&
		s->value_bytes <= 8000)
		return argv[optind];
	fprintf(stderr,
		"usage: %s DSN [--processes P] [--in-flight N] [--seconds S] [--warmup S] [--keys K] [--value-bytes "
		"B] [--variant V]\n",
		program_invocation_short_name);
	return NULL;
}

struct vd_bench_report plain_report(const char *name, const struct vd_bench_settings *settings)
{
	const struct vd_bench_usage unknown = { -1, -1 };
	return (struct vd_bench_report){ .workload = name,
		.seconds = settings->seconds,
		.wal_bytes = -1,
		.postgresql = unknown,
		.resolver = unknown,
		.workers = unknown };
}

/* ---- What it costs -------------------------------------------------------------------------------------------- */

struct plain_used plain_used_now(PGconn *connection, const pid_t *workers, int worker_count, pid_t resolver)
{
	const struct vd_usage unknown = { -1, -1 };
	struct plain_used used = {
		.postgresql = unknown, .resolver = unknown, .workers = unknown, .wal_bytes = -1
	};
	pid_t self = getpid(), postmaster = vd_usage_postmaster(PQbackendPID(connection));
	if (postmaster == 0 || !vd_usage_of_family(postmaster, &used.postgresql))
		used.postgresql = unknown;
	if (resolver == 0 || !vd_usage_of(resolver, &used.resolver))
		used.resolver = unknown;
	if (worker_count == 0)
		workers = &self;
	used.workers = (struct vd_usage){ 0 };
	for (int i = 0; i < (worker_count == 0 ? 1 : worker_count); i++) {
		struct vd_usage one = { 0 };
		if (!vd_usage_of(workers[i], &one))
			plain_die("a worker has ended", NULL);
		used.workers.cpu_s += one.cpu_s;
		used.workers.memory_bytes += one.memory_bytes;
	}
	return used;
}

static double wal_now(PGconn *connection)
{
	PGresult *result = PQexec(connection, "SELECT pg_current_wal_insert_lsn() - '0/0'");
	double bytes = PQntuples(result) == 1 ? atof(PQgetvalue(result, 0, 0)) : -1;
	PQclear(result);
	return bytes;
}

static struct vd_bench_usage between(struct vd_usage from, struct vd_usage to)
{
	return (struct vd_bench_usage){ from.cpu_s < 0 || to.cpu_s < from.cpu_s ? -1 : to.cpu_s - from.cpu_s,
		to.memory_bytes };
}

void plain_used_between(
	const struct plain_used *from, const struct plain_used *to, struct vd_bench_report *report)
{
	report->postgresql = between(from->postgresql, to->postgresql);
	report->resolver = between(from->resolver, to->resolver);
	report->workers = between(from->workers, to->workers);
	report->wal_bytes = from->wal_bytes < 0 || to->wal_bytes < 0 ? -1 : to->wal_bytes - from->wal_bytes;
}

static void sleep_until(uint64_t when)
{
	const struct timespec then = { (time_t)(when / 1000000000u), (long)(when % 1000000000u) };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, NULL) != 0)
		continue;
}

void plain_meter(PGconn *connection, uint64_t from, uint64_t to, const pid_t *workers, int worker_count,
	pid_t resolver, struct vd_bench_report *report)
{
	sleep_until(from);
	struct plain_used first = plain_used_now(connection, workers, worker_count, resolver);
	first.wal_bytes = wal_now(connection);
	sleep_until(to);
	struct plain_used last = plain_used_now(connection, workers, worker_count, resolver);
	last.wal_bytes = wal_now(connection);
	plain_used_between(&first, &last, report);
}
