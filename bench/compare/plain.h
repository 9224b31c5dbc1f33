/* SPDX-License-Identifier: Apache-2.0 */
/* plain.h: what the comparisons share: libpq as it is, and nothing of Verdict but the report.
 *
 * Whatever fails ends the program with one line.
 */
#ifndef VD_BENCH_COMPARE_PLAIN_H
#define VD_BENCH_COMPARE_PLAIN_H

#include "bench/report.h"
#include "bench/usage.h"

#include <libpq-fe.h>
#include <stddef.h>
#include <stdint.h>

enum { PLAIN_BYTEA = 17, PLAIN_INT8 = 20, PLAIN_TEXT = 25 };

/* The settings that `verdict bench` has too; the connection string, or NULL after a line of usage. */
const char *plain_parse(int argc, char **argv, struct vd_bench_settings *settings);
/* What --variant says; empty: nothing. */
const char *plain_variant(void);
/* One in which nothing is known yet. */
struct vd_bench_report plain_report(const char *name, const struct vd_bench_settings *settings);
/* Waits until `from` and then until `to` (plain_now_ns), and fills in the report what PostgreSQL, these workers (none: this process) and the
 * resolver (0: there is none) used between them, and what was written to the log. For the thread that does nothing else. */
void plain_meter(PGconn *connection, uint64_t from, uint64_t to, const pid_t *workers, int worker_count,
	pid_t resolver, struct vd_bench_report *report);
/* The same in two halves, for a program that has one thread. */
struct plain_used {
	struct vd_usage postgresql, resolver, workers;
	double wal_bytes;
};
struct plain_used plain_used_now(PGconn *connection, const pid_t *workers, int worker_count, pid_t resolver);
void plain_used_between(
	const struct plain_used *from, const struct plain_used *to, struct vd_bench_report *report);
uint64_t plain_now_ns(void);

_Noreturn void plain_die(const char *what, PGconn *connection);
PGconn *plain_connect(const char *dsn, const char *schema);
void plain_exec(PGconn *connection, const char *sql);

/* A binary array of one dimension, as a parameter. */
struct plain_array {
	char *bytes;
	size_t size, limit;
	uint32_t count;
};
void plain_array_begin(struct plain_array *array, uint32_t type);
void plain_array_add(struct plain_array *array, const void *bytes, size_t size);
void plain_array_add_int8(struct plain_array *array, int64_t number);
/* Bytes at the end of it, as they are: also for a parameter that is no array. */
void plain_put(struct plain_array *array, const void *bytes, size_t size);

void plain_prepare(PGconn *connection, const char *name, const char *sql);
/* Sends a prepared statement, everything binary. */
void plain_ask(PGconn *connection, const char *name, int count, struct plain_array *const *arrays);
/* In a pipeline. */
PGresult *plain_next_result(PGconn *connection);
void plain_drain_to_sync(PGconn *connection);
int64_t plain_int8_of(const PGresult *result, int row, int column);

#endif
