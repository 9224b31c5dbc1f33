/* SPDX-License-Identifier: Apache-2.0 */
/* verb_purge.c: forgets clients long gone, as the leader does now and then. */
#include "cli/admin_call.h"
#include "cli/client_print.h"

#include <inttypes.h>
#include <stdio.h>

#define DRY_RUN_MOST 100000

struct purge_settings {
	char *dsn;
	char *schema;
	bool json;
	bool dry_run;
	int64_t older_ms;
	int64_t timeout_ms;
};

static const struct vd_setting rows[] = {
	VD_CLI_STORE_ROWS(struct purge_settings),
	VD_SETTING_DURATION("older-than", struct purge_settings, older_ms, "24h", 60000, 315360000000,
		"forget those that were not seen for so long"),
	VD_SETTING_BOOL("dry-run", struct purge_settings, dry_run, "false", "only show who would be forgotten"),
	VD_SETTING_BOOL("json", struct purge_settings, json, "false", "one JSON object a line instead of text"),
	VD_SETTING_DURATION(
		"timeout", struct purge_settings, timeout_ms, "60s", 100, 3600000, "how long to wait for all of it"),
};

static const struct vd_settings settings = {
	.program = "verdict purge",
	.usage = "[settings]",
	.about =
		"Forgets the registrations of clients long gone, with their outcomes, and prints them. What such a "
		"client still\n"
		"sends is refused, never applied; a process that was only silent takes a new identity, and what it "
		"had under way\n"
		"ends with commit_unknown_result. The leader does the same by itself (client-retention). Needs the "
		"resolver's role.",
	.rows = rows,
	.count = VD_COUNT(rows),
};

struct printer {
	bool as_json;
	bool has_head;
	bool failed;
	int64_t verdicts;
};

static void print(const struct vd_admin_client *client, void *arg)
{
	struct printer *printer = arg;
	if (!printer->as_json && !printer->has_head)
		printer->failed = !vd_client_print_head();
	printer->has_head = true;
	printer->verdicts += client->verdicts;
	printer->failed = printer->failed || !vd_client_print(client, printer->as_json);
}

static int look_only(struct vd_admin *admin, int64_t older_ms, struct printer *printer, int64_t *count,
	struct vd_admin_error *error)
{
	const struct vd_admin_client *clients;
	size_t found;
	int code = vd_admin_clients(admin, older_ms, DRY_RUN_MOST, &clients, &found, error);
	for (size_t i = 0; code == 0 && i < found; i++)
		print(&clients[i], printer);
	*count = (int64_t)found;
	return code;
}

static int purge(const struct purge_settings *given, struct vd_admin *admin)
{
	struct printer printer = { .as_json = given->json };
	struct vd_admin_error error = { 0 };
	int64_t count = 0;
	int code = given->dry_run ? look_only(admin, given->older_ms, &printer, &count, &error)
							  : vd_admin_purge(admin, given->older_ms, print, &printer, &count, &error);
	if (!given->json && (code == 0 || count > 0))
		printf("%" PRId64 " client%s%s %s, with %" PRId64 " verdicts\n", count, count == 1 ? "" : "s",
			given->dry_run && count >= DRY_RUN_MOST ? " or more" : "",
			given->dry_run ? "would be forgotten" : "forgotten", printer.verdicts);
	if (code != 0)
		return vd_cli_fail_admin(&error);
	return printer.failed || fflush(stdout) != 0 ? vd_cli_output_failed() : VD_EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct purge_settings given = { 0 };
	struct vd_admin *admin;
	int code;
	if (!vd_cli_load(&settings, argc, argv, &given, NULL, &code))
		return code;
	code = vd_cli_admin_open(given.dsn, given.schema, given.timeout_ms, &admin);
	if (code == VD_EXIT_DONE) {
		code = purge(&given, admin);
		vd_cli_admin_close(admin);
	}
	vd_settings_free(&settings, &given);
	return code;
}

const struct vd_verb vd_verb_purge = { "purge", "forget clients long gone", run, &settings };
