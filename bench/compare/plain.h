/* SPDX-License-Identifier: Apache-2.0 */
/* plain.h: what the comparisons share: libpq as it is, and nothing of Verdict but the report.
 *
 * Whatever fails ends the program with one line.
 */
#ifndef VD_BENCH_COMPARE_PLAIN_H
#define VD_BENCH_COMPARE_PLAIN_H

#include "bench/report.h"

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
