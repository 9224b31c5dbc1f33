/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/password.h"

#include "common/pg/internal.h"

#include <string.h>

char *vd_pg_password_verifier(struct vd_pg *pg, const char *account, const char *password)
{
	if (VD_BUG(pg->state != VD_PG_UP))
		return NULL;
	/* The algorithm is named, so libpq asks the server nothing: the pipeline is not disturbed. */
	char *made = PQencryptPasswordConn(pg->conn, password, account, "scram-sha-256");
	char *copy = made == NULL ? NULL : strdup(made);
	PQfreemem(made);
	return copy;
}
