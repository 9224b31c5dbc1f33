/* SPDX-License-Identifier: Apache-2.0 */
/* Password: what is sent to a server in place of a password that it shall know. */
#ifndef VD_COMMON_PG_PASSWORD_H
#define VD_COMMON_PG_PASSWORD_H

#include "common/base/check.h"

struct vd_pg;

/* The SCRAM-SHA-256 verifier of a password, for CREATE ROLE … PASSWORD '…' on this connection, which is up: it holds no
 * quotes, and the password cannot be had from it, also not out of the server's log. The caller frees it; NULL without
 * memory. */
VD_MUST_USE char *vd_pg_password_verifier(struct vd_pg *pg, const char *account, const char *password);

#endif
