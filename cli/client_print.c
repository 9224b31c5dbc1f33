/* SPDX-License-Identifier: Apache-2.0 */
/* client_print.c: see client_print.h; docs/cli.md lists the fields. */
#include "cli/client_print.h"

#include "cli/admin_call.h"
#include "common/text/json.h"

#include <inttypes.h>
#include <stdio.h>

bool vd_client_print_head(void)
{
	return printf("%-16s  %-16s  %9s  %9s  %10s  %8s  %8s  %6s\n", "client", "follower", "since", "seen",
			   "low-water", "verdicts", "given up", "queued") > 0;
}

static json_t *age(int64_t age_ms)
{
	return age_ms < 0 ? json_null() : json_integer(age_ms);
}

static json_t *as_object(const struct vd_admin_client *c)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:I}", "client", c->name, "follower", c->follower,
		"registered_ms", age(c->registered_ms), "seen_ms", age(c->seen_ms), "low_water",
		(json_int_t)c->low_water, "verdicts", (json_int_t)c->verdicts, "given_up", (json_int_t)c->given_up,
		"queued", (json_int_t)c->queued);
}

bool vd_client_print(const struct vd_admin_client *c, bool as_json)
{
	char since[VD_CLI_SPAN_BYTES];
	char seen[VD_CLI_SPAN_BYTES];
	if (as_json) {
		json_t *object = as_object(c);
		return object != NULL && vd_json_print_line(stdout, object);
	}
	return printf("%-16s  %-16s  %9s  %9s  %10" PRId64 "  %8" PRId64 "  %8" PRId64 "  %6" PRId64 "\n",
			   c->name, c->follower, vd_cli_span(c->registered_ms, since), vd_cli_span(c->seen_ms, seen),
			   c->low_water, c->verdicts, c->given_up, c->queued) > 0;
}
