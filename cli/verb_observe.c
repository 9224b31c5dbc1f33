/* SPDX-License-Identifier: Apache-2.0 */
/* verb_observe.c: verdicts and the watermark as they come, until Ctrl-C. */
#include "cli/cli.h"
#include "common/text/json.h"

#include <inttypes.h>
#include <stdio.h>

struct observe_settings {
	char *dsn;
	char *schema;
	bool json;
	int64_t count;
	int64_t timeout_ms;
};

static const struct vd_setting rows[] = {
	VD_CLI_STORE_ROWS(struct observe_settings),
	VD_SETTING_BOOL("json", struct observe_settings, json, "false", "one JSON object a line instead of text"),
	VD_SETTING_INTEGER("count", struct observe_settings, count, "0", 0, INT64_MAX,
		"end after so many batches; 0: at Ctrl-C"),
	VD_SETTING_DURATION("timeout", struct observe_settings, timeout_ms, "10s", 100, 3600000,
		"how long to wait for a connection"),
};

static const struct vd_settings settings = {
	.program = "verdict observe",
	.usage = "[settings]",
	.about = "Shows each batch with its version and how many of each verdict it gave, and each request's "
			 "verdict. What is\n"
			 "shown comes by NOTIFY and is a hint: under load some verdicts are only counted.",
	.rows = rows,
	.count = VD_COUNT(rows),
};

static const char *verdict_word(int code)
{
	switch (code) {
	case 0:
		return "committed";
	case VD_ERROR_NOT_COMMITTED:
		return "conflict";
	case VD_ERROR_TRANSACTION_TOO_OLD:
		return "too_old";
	default:
		return "rejected";
	}
}

/* ---- as JSON; docs/cli.md lists the fields ---- */

static json_t *verdict_json(const struct vd_admin_event *event)
{
	char reply[17];
	snprintf(reply, sizeof reply, "%016" PRIx64, event->reply);
	json_t *object =
		json_pack("{s:s, s:I, s:s, s:I, s:s}", "event", "verdict", "version", (json_int_t)event->version,
			"follower", reply, "sequence", (json_int_t)event->sequence, "verdict", verdict_word(event->code));
	if (event->code == 0)
		json_object_set_new(object, "order", json_integer(event->order));
	else
		json_object_set_new(object, "error", json_integer(event->code));
	return object;
}

static json_t *event_json(const struct vd_admin_event *event)
{
	switch (event->kind) {
	case VD_ADMIN_LISTENING:
		return json_pack("{s:s, s:I}", "event", "listening", "version", (json_int_t)event->version);
	case VD_ADMIN_BATCH:
		return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "event", "batch", "version",
			(json_int_t)event->version, "requests", (json_int_t)event->requests, "committed",
			(json_int_t)event->committed, "conflict", (json_int_t)event->conflict, "too_old",
			(json_int_t)event->too_old, "rejected", (json_int_t)event->rejected);
	case VD_ADMIN_VERDICT:
		return verdict_json(event);
	case VD_ADMIN_LOST:
		return json_pack("{s:s, s:o}", "event", "lost", "reason", vd_json_text(event->text));
	}
	return NULL;
}

/* ---- as text ---- */

static void print_text(const struct vd_admin_event *event)
{
	switch (event->kind) {
	case VD_ADMIN_LISTENING:
		printf("listening  version=%" PRId64 "\n", event->version);
		break;
	case VD_ADMIN_BATCH:
		printf("batch      version=%" PRId64 " requests=%" PRId64 " committed=%" PRId64 " conflict=%" PRId64
			   " too_old=%" PRId64 " rejected=%" PRId64 "\n",
			event->version, event->requests, event->committed, event->conflict, event->too_old,
			event->rejected);
		break;
	case VD_ADMIN_VERDICT:
		printf("verdict    version=%" PRId64 " follower=%016" PRIx64 " sequence=%" PRId64 " %s",
			event->version, event->reply, event->sequence, verdict_word(event->code));
		if (event->code == 0)
			printf(" order=%d\n", event->order);
		else
			printf(" reason=%s error=%d\n", vd_error_name(event->code), event->code);
		break;
	case VD_ADMIN_LOST:
		printf("lost       %s\n", event->text);
		break;
	}
}

struct observer {
	const struct observe_settings *given;
	int64_t batches;
	bool failed; /* standard output */
};

static bool on_event(const struct vd_admin_event *event, void *arg)
{
	struct observer *observer = arg;
	if (observer->given->json) {
		json_t *object = event_json(event);
		observer->failed = object == NULL || !vd_json_print_line(stdout, object);
	} else {
		print_text(event);
	}
	observer->failed = observer->failed || fflush(stdout) != 0;
	if (event->kind == VD_ADMIN_BATCH)
		observer->batches++;
	return !observer->failed && (observer->given->count == 0 || observer->batches < observer->given->count);
}

static void interrupt(void *admin)
{
	vd_admin_interrupt(admin);
}

static int observe(const struct observe_settings *given)
{
	struct vd_admin *admin = NULL;
	struct vd_admin_error error = { 0 };
	struct observer observer = { .given = given };
	if (vd_admin_open(given->dsn, given->schema, given->timeout_ms, &admin, &error) != 0)
		return vd_cli_fail_admin(&error);
	vd_interrupt_set(interrupt, admin);
	int code = vd_admin_observe(admin, on_event, &observer, &error);
	vd_interrupt_set(NULL, NULL);
	vd_admin_close(admin);
	if (code != 0)
		return vd_cli_fail_admin(&error);
	if (observer.failed)
		return vd_cli_output_failed();
	return VD_EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct observe_settings given = { 0 };
	int code;
	if (!vd_cli_load(&settings, argc, argv, &given, NULL, &code))
		return code;
	code = vd_interrupt_start() ? observe(&given) : VD_EXIT_WRONG;
	vd_settings_free(&settings, &given);
	return code;
}

const struct vd_verb vd_verb_observe = { "observe", "verdicts and the watermark as they come", run,
	&settings };
