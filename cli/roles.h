/* SPDX-License-Identifier: Apache-2.0 */
/* roles.h: the roles of a schema as SQL, for an administrator: where the account that migrates may not create roles, nor schemas,
 * a migration finds them made. */
#ifndef VD_CLI_ROLES_H
#define VD_CLI_ROLES_H

#include <stdio.h>

/* schema: a legal name. account: who is to migrate, or ""; any text, which is quoted. Running the result again changes nothing. */
void vd_roles_print(const char *schema, const char *account, FILE *file);

#endif
