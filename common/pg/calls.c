/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/calls.h"

#include "common/base/fault.h"
#include "common/pg/pipeline.h"

#include <sys/socket.h>

#define FAILS VD_FAULT("pg.call")

/* every parameter and every result is binary */
static const int formats[VD_PG_PARAMS_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	1, 1, 1 };

PQconninfoOption *pg_call_conninfo_parse(const char *dsn, char **message)
{
	return FAILS ? NULL : PQconninfoParse(dsn, message);
}

PGconn *pg_call_connect_start(const char *const *keywords, const char *const *values)
{
	return FAILS ? NULL : PQconnectStartParams(keywords, values, 0);
}

PostgresPollingStatusType pg_call_connect_poll(PGconn *conn)
{
	return FAILS ? PGRES_POLLING_FAILED : PQconnectPoll(conn);
}

int pg_call_set_nonblocking(PGconn *conn)
{
	return FAILS ? -1 : PQsetnonblocking(conn, 1);
}

int pg_call_enter_pipeline_mode(PGconn *conn)
{
	return FAILS ? 0 : PQenterPipelineMode(conn);
}

/* The algorithm is named, so libpq asks the server nothing: the pipeline is not disturbed. */
char *pg_call_encrypt_password(PGconn *conn, const char *password, const char *account)
{
	return FAILS ? NULL : PQencryptPasswordConn(conn, password, account, "scram-sha-256");
}

int pg_call_send_prepare(PGconn *conn, const char *name, const char *sql, int count, const Oid *types)
{
	return FAILS ? 0 : PQsendPrepare(conn, name, sql, count, types);
}

int pg_call_send_params(
	PGconn *conn, const char *sql, int count, const char *const *values, const int *lengths)
{
	return FAILS ? 0 : PQsendQueryParams(conn, sql, count, NULL, values, lengths, formats, 1);
}

int pg_call_send_prepared(
	PGconn *conn, const char *name, int count, const char *const *values, const int *lengths)
{
	return FAILS ? 0 : PQsendQueryPrepared(conn, name, count, values, lengths, formats, 1);
}

int pg_call_pipeline_sync(PGconn *conn)
{
	return FAILS ? 0 : PQpipelineSync(conn);
}

int pg_call_flush(PGconn *conn)
{
	if (!FAILS)
		return PQflush(conn);
	shutdown(PQsocket(conn), SHUT_RDWR);
	return -1;
}

int pg_call_consume_input(PGconn *conn)
{
	return FAILS ? 0 : PQconsumeInput(conn);
}

PGresult *pg_call_get_result(PGconn *conn)
{
	PGresult *result = PQgetResult(conn);
	if (result == NULL || !FAILS)
		return result;
	PQclear(result);
	return PQmakeEmptyPGresult(conn, PGRES_FATAL_ERROR);
}

PGnotify *pg_call_notifies(PGconn *conn)
{
	PGnotify *notify = PQnotifies(conn);
	if (notify == NULL || (!FAILS && !VD_FAULT("pg.notify")))
		return notify;
	PQfreemem(notify);
	return PQnotifies(conn);
}
