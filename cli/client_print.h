/* SPDX-License-Identifier: Apache-2.0 */
/* client_print.h: registrations, for people and for programs: what the verbs clients and purge print. */
#ifndef VD_CLI_CLIENT_PRINT_H
#define VD_CLI_CLIENT_PRINT_H

#include "cli/cli.h"

/* One line each; the head stands above them, for people alone. False: the output failed. */
VD_MUST_USE bool vd_client_print_head(void);
VD_MUST_USE bool vd_client_print(const struct vd_admin_client *client, bool as_json);

#endif
