/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/password.h"

#include "common/pg/internal.h"

#include <string.h>

char *vd_pg_password_verifier(struct vd_pg *pg, const char *account, const char *password)
{
	if (VD_BUG(pg->state != VD_PG_UP))
		return NULL;
	char *made = pg_call_encrypt_password(pg->conn, password, account);
	char *copy = made == NULL ? NULL : strdup(made);
	PQfreemem(made);
	return copy;
}
