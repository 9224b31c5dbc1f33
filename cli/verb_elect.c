/* SPDX-License-Identifier: Apache-2.0 */
/* verb_elect.c: another leader, on purpose. */
#include "cli/admin_call.h"
#include "common/text/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct elect_settings {
	char *dsn;
	char *schema;
	char *to;
	bool handover;
	bool json;
	int64_t timeout_ms;
};

static const struct vd_setting rows[] = {
	VD_CLI_STORE_ROWS(struct elect_settings),
	VD_SETTING_BOOL("handover", struct elect_settings, handover, "false", "ask the leader to hand over"),
	VD_SETTING_STRING("to", struct elect_settings, to, "",
		"the node that is to lead; without it any other than the one that leads"),
	VD_SETTING_BOOL("json", struct elect_settings, json, "false", "one JSON object instead of text"),
	VD_SETTING_DURATION("timeout", struct elect_settings, timeout_ms, "30s", 100, 3600000,
		"how long to wait for the new leader"),
};

static const struct vd_settings settings = {
	.program = "verdict elect",
	.usage = "--handover [settings]",
	.about =
		"Asks the leader to finish what is queued and to hand over, and waits until another node serves. "
		"No request is\n"
		"lost: each ends as committed, conflict or too old. Needs the resolver's role. If it takes too "
		"long, the request\n"
		"is taken back.",
	.rows = rows,
	.count = VD_COUNT(rows),
};

static bool print(const struct elect_settings *given, const struct vd_admin_handed *handed)
{
	if (given->json) {
		json_t *object = json_pack("{s:o, s:o, s:I}", "from", vd_json_text(handed->from), "to",
			vd_json_text(handed->to), "took_ms", (json_int_t)handed->took_ms);
		return object != NULL && vd_json_print_line(stdout, object);
	}
	return printf("%s led, %s leads, after %.3f s\n", handed->from, handed->to,
			   (double)handed->took_ms / 1e3) > 0;
}

static int elect(const struct elect_settings *given)
{
	struct vd_admin *admin;
	struct vd_admin_handed handed;
	struct vd_admin_error error = { 0 };
	if (!given->handover)
		return vd_cli_wrong("verdict elect --handover asks the leader to hand over", "nothing is asked for");
	int code = vd_cli_admin_open(given->dsn, given->schema, given->timeout_ms, &admin);
	if (code != VD_EXIT_DONE)
		return code;
	if (vd_admin_hand_over(admin, given->to, &handed, &error) != 0)
		code = vd_cli_fail_admin(&error);
	else if (!print(given, &handed))
		code = vd_cli_output_failed();
	else if (given->to[0] != '\0' && strcmp(given->to, handed.to) != 0)
		code = VD_EXIT_FAILED;
	vd_cli_admin_close(admin);
	return code;
}

static int run(int argc, char **argv)
{
	struct elect_settings given = { 0 };
	int code;
	if (!vd_cli_load(&settings, argc, argv, &given, NULL, &code))
		return code;
	code = elect(&given);
	vd_settings_free(&settings, &given);
	return code;
}

const struct vd_verb vd_verb_elect = { "elect", "ask the leader to hand over to another node", run,
	&settings };
