/* SPDX-License-Identifier: Apache-2.0 */
/* calls.h: every call of libpq that can fail, and the one place where a test makes it (the fault point pg.call, docs/faults.md).
 *
 * Each is libpq's function of that name, with its meaning and its results. One that is made to fail does what libpq's does when
 * memory or the connection is gone, and no more: what it should have sent is not sent, what it should have brought is lost.
 * Called once for each call of libpq, so that the hits of the fault point number them. Private to common/pg.
 */
#ifndef VD_COMMON_PG_CALLS_H
#define VD_COMMON_PG_CALLS_H

#include "common/base/check.h"

#include <libpq-fe.h>

/* NULL, and no message: no memory. */
VD_MUST_USE PQconninfoOption *pg_call_conninfo_parse(const char *dsn, char **message);
/* NULL: no memory. */
VD_MUST_USE PGconn *pg_call_connect_start(const char *const *keywords, const char *const *values);
VD_MUST_USE PostgresPollingStatusType pg_call_connect_poll(PGconn *conn);
VD_MUST_USE int pg_call_set_nonblocking(PGconn *conn);
VD_MUST_USE int pg_call_enter_pipeline_mode(PGconn *conn);
VD_MUST_USE char *pg_call_encrypt_password(PGconn *conn, const char *password, const char *account);

/* 0: nothing was queued. Parameters and results are binary. */
VD_MUST_USE int pg_call_send_prepare(
	PGconn *conn, const char *name, const char *sql, int count, const Oid *types);
VD_MUST_USE int pg_call_send_params(
	PGconn *conn, const char *sql, int count, const char *const *values, const int *lengths);
VD_MUST_USE int pg_call_send_prepared(
	PGconn *conn, const char *name, int count, const char *const *values, const int *lengths);
VD_MUST_USE int pg_call_pipeline_sync(PGconn *conn);
/* Made to fail, the connection is cut: perhaps something of it had gone. */
VD_MUST_USE int pg_call_flush(PGconn *conn);

VD_MUST_USE int pg_call_consume_input(PGconn *conn);
/* Made to fail: what had come is lost, and a result without severity and SQLSTATE says that there was no memory for it. */
VD_MUST_USE PGresult *pg_call_get_result(PGconn *conn);
/* Made to fail: the notification is lost, and nobody says so. */
VD_MUST_USE PGnotify *pg_call_notifies(PGconn *conn);

#endif
