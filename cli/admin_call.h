/* SPDX-License-Identifier: Apache-2.0 */
/* admin_call.h: what the verbs over verdict/admin.h have in common: a handle that Ctrl-C interrupts. */
#ifndef VD_CLI_ADMIN_CALL_H
#define VD_CLI_ADMIN_CALL_H

#include "cli/cli.h"

/* Opens a handle that a signal interrupts from now on. VD_EXIT_DONE, or what is wrong was told. */
VD_MUST_USE int vd_cli_admin_open(
	const char *dsn, const char *schema, int64_t timeout_ms, struct vd_admin **admin);
/* NULL does nothing. */
void vd_cli_admin_close(struct vd_admin *admin);

/* "3.2 s", "5 min", "2.0 h", "4 d": how long, for people. Negative: "for ever". */
enum { VD_CLI_SPAN_BYTES = 24 };
const char *vd_cli_span(int64_t span_ms, char to[VD_CLI_SPAN_BYTES]);

#endif
