/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts: one connection string, host by host. Private to common/pg.
 *
 * libpq tries several hosts by itself, but its asynchronous connect knows no time-out: a first host that swallows packets
 * would hide all others for minutes. So each host of a string (or of PGHOST, PGHOSTADDR, PGPORT) becomes an attempt
 * of its own, and the connection puts a time-out on each. A string that names a service, or whose lists do not fit each
 * other, is left to libpq in one attempt. prefer-standby is two rounds: standbys, then any.
 */
#ifndef VD_COMMON_PG_ATTEMPTS_H
#define VD_COMMON_PG_ATTEMPTS_H

#include "common/base/error.h"
#include "common/pg/connection.h"

#include <libpq-fe.h>

struct pg_attempts;

/* NULL with *error: the string cannot be read (2104), or no memory (1501). Nothing is looked up yet. */
VD_MUST_USE struct pg_attempts *pg_attempts_new(
	const struct vd_pg_settings *settings, struct vd_error *error);
void pg_attempts_free(struct pg_attempts *attempts);

/* Begins to connect to the next host; NULL when all were tried (or without memory). */
VD_MUST_USE PGconn *pg_attempts_next(struct pg_attempts *attempts, const struct vd_pg_settings *settings);

/* How long one attempt may take; 0: for ever. */
int64_t pg_attempts_timeout_ms(const struct pg_attempts *attempts);

#endif
