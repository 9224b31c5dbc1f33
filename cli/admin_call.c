/* SPDX-License-Identifier: Apache-2.0 */
/* admin_call.c: see admin_call.h. */
#include "cli/admin_call.h"

#include <stdio.h>

static void interrupt(void *admin)
{
	vd_admin_interrupt(admin);
}

int vd_cli_admin_open(const char *dsn, const char *schema, int64_t timeout_ms, struct vd_admin **admin)
{
	struct vd_admin_error error = { 0 };
	*admin = NULL;
	if (!vd_interrupt_start())
		return VD_EXIT_WRONG;
	if (vd_admin_open(dsn, schema, timeout_ms, admin, &error) != 0)
		return vd_cli_fail_admin(&error);
	vd_interrupt_set(interrupt, *admin);
	return VD_EXIT_DONE;
}

void vd_cli_admin_close(struct vd_admin *admin)
{
	vd_interrupt_set(NULL, NULL);
	vd_admin_close(admin);
}

const char *vd_cli_span(int64_t span_ms, char to[VD_CLI_SPAN_BYTES])
{
	double seconds = (double)span_ms / 1e3;
	if (span_ms < 0)
		snprintf(to, VD_CLI_SPAN_BYTES, "for ever");
	else if (seconds < 120)
		snprintf(to, VD_CLI_SPAN_BYTES, "%.1f s", seconds);
	else if (seconds < 7200)
		snprintf(to, VD_CLI_SPAN_BYTES, "%.0f min", seconds / 60);
	else if (seconds < 172800)
		snprintf(to, VD_CLI_SPAN_BYTES, "%.1f h", seconds / 3600);
	else
		snprintf(to, VD_CLI_SPAN_BYTES, "%.1f d", seconds / 86400);
	return to;
}
