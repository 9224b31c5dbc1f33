/* SPDX-License-Identifier: Apache-2.0 */
/* verb_doctor.c: is it well, and what is to be done? */
#include "cli/admin_call.h"
#include "common/text/json.h"

#include <stdio.h>

struct doctor_settings {
	char *dsn;
	char *schema;
	bool json;
	int64_t old_ms;
	int64_t timeout_ms;
};

static const struct vd_setting rows[] = {
	VD_CLI_STORE_ROWS(struct doctor_settings),
	VD_SETTING_BOOL("json", struct doctor_settings, json, "false", "one JSON object a line instead of text"),
	VD_SETTING_DURATION("old", struct doctor_settings, old_ms, "60s", 1, 31536000000,
		"a transaction of this age is a warning, of ten times this age a problem"),
	VD_SETTING_DURATION("timeout", struct doctor_settings, timeout_ms, "10s", 2000, 3600000,
		"how long to wait for an answer"),
};

static const struct vd_settings settings = {
	.program = "verdict doctor",
	.usage = "[settings]",
	.about = "Looks at connection, roles, schema, server and leader, and says of each thing whether it is "
			 "well, and "
			 "what to do\n"
			 "if it is not. Changes nothing. What the account may not see is said to be unseen. Ends with 0 "
			 "if there "
			 "is no\n"
			 "problem (there may be warnings), 1 if there is one, 2 if it could not look.",
	.rows = rows,
	.count = VD_COUNT(rows),
};

struct report {
	bool as_json;
	bool failed; /* standard output */
	unsigned counts[VD_ADMIN_UNSEEN + 1];
};

static const char *const levels[] = { [VD_ADMIN_OK] = "ok",
	[VD_ADMIN_WARNING] = "warning",
	[VD_ADMIN_PROBLEM] = "problem",
	[VD_ADMIN_UNSEEN] = "unseen" };

static void print(const struct vd_admin_finding *finding, void *arg)
{
	struct report *report = arg;
	report->counts[finding->level]++;
	if (report->as_json) {
		json_t *object = json_pack("{s:s, s:s, s:o, s:o}", "check", finding->check, "level",
			levels[finding->level], "text", vd_json_text(finding->text), "advice",
			finding->advice[0] == '\0' ? json_null() : vd_json_text(finding->advice));
		report->failed = report->failed || object == NULL || !vd_json_print_line(stdout, object);
		return;
	}
	int printed = printf("%-8s %-22s %s\n", levels[finding->level], finding->check, finding->text);
	if (printed > 0 && finding->advice[0] != '\0')
		printed = printf("%-8s %-22s   to do: %s\n", "", "", finding->advice);
	report->failed = report->failed || printed <= 0;
}

static int examine(const struct doctor_settings *given, struct vd_admin *admin)
{
	struct report report = { .as_json = given->json };
	struct vd_admin_error error = { 0 };
	if (vd_admin_examine(admin, given->old_ms, print, &report, &error) != 0)
		return vd_cli_fail_admin(&error);
	if (!given->json)
		printf("%u ok, %u warning%s, %u problem%s, %u unseen\n", report.counts[VD_ADMIN_OK],
			report.counts[VD_ADMIN_WARNING], report.counts[VD_ADMIN_WARNING] == 1 ? "" : "s",
			report.counts[VD_ADMIN_PROBLEM], report.counts[VD_ADMIN_PROBLEM] == 1 ? "" : "s",
			report.counts[VD_ADMIN_UNSEEN]);
	if (report.failed || fflush(stdout) != 0)
		return vd_cli_output_failed();
	return report.counts[VD_ADMIN_PROBLEM] == 0 ? VD_EXIT_DONE : VD_EXIT_FAILED;
}

static int run(int argc, char **argv)
{
	struct doctor_settings given = { 0 };
	struct vd_admin *admin;
	int code;
	if (!vd_cli_load(&settings, argc, argv, &given, NULL, &code))
		return code;
	code = vd_cli_admin_open(given.dsn, given.schema, given.timeout_ms, &admin);
	if (code == VD_EXIT_DONE) {
		code = examine(&given, admin);
		vd_cli_admin_close(admin);
	}
	vd_settings_free(&settings, &given);
	return code;
}

const struct vd_verb vd_verb_doctor = { "doctor", "is it well, and what is to be done?", run, &settings };
