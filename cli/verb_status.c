/* SPDX-License-Identifier: Apache-2.0 */
/* verb_status.c: who leads, how far commits have come, what waits. Once, or again and again with --watch: on a terminal as a screen
 * (status_live.h), else as lines. The exit status is VD_EXIT_FAILED if nobody serves, so that scripts can ask. */
#include "cli/cli.h"
#include "cli/screen.h"
#include "cli/status_live.h"
#include "common/text/json.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct status_settings {
	char *dsn;
	char *schema;
	bool json;
	bool watch;
	int64_t interval_ms;
	int64_t timeout_ms;
};

static const struct vd_setting rows[] = {
	VD_CLI_STORE_ROWS(struct status_settings),
	VD_SETTING_BOOL("json", struct status_settings, json, "false", "one JSON object a line instead of text"),
	VD_SETTING_BOOL("watch", struct status_settings, watch, "false",
		"again and again, until Ctrl-C; on a terminal as a screen that is redrawn, with rates"),
	VD_SETTING_DURATION(
		"interval", struct status_settings, interval_ms, "1s", 50, 3600000, "between two, with --watch"),
	VD_SETTING_DURATION(
		"timeout", struct status_settings, timeout_ms, "10s", 100, 3600000, "how long to wait for an answer"),
};

static const struct vd_settings settings = {
	.program = "verdict status",
	.usage = "[settings]",
	.about = "Shows leader, term, epoch, nodes, lease, watermark, queue, what the term has done, and the age "
			 "of the oldest\n"
			 "snapshot. Ends with 1 if no leader serves.",
	.rows = rows,
	.count = VD_COUNT(rows),
};

/* ---- as JSON; docs/cli.md lists the fields ---- */

static json_t *nodes_json(const struct vd_admin_status *s)
{
	json_t *nodes = json_array();
	for (size_t i = 0; i < s->node_count; i++)
		json_array_append_new(nodes, json_pack("{s:o, s:I, s:b}", "node", vd_json_text(s->nodes[i].name),
										 "up_ms", (json_int_t)s->nodes[i].up_ms, "leads", s->nodes[i].leads));
	return nodes;
}

static json_t *unless(bool absent, json_t *value)
{
	if (!absent)
		return value;
	json_decref(value);
	return json_null();
}

static bool print_json(const char *schema, const struct vd_admin_status *s)
{
	const struct {
		const char *name;
		json_t *value;
	} members[] = {
		{ "schema", json_string(schema) },
		{ "leader", unless(s->leader[0] == '\0', vd_json_text(s->leader)) },
		{ "serves", json_boolean(s->serves) },
		{ "released", json_boolean(s->released) },
		{ "epoch", json_integer(s->epoch) },
		{ "term", json_string(s->term) },
		{ "led_ms", json_integer(s->led_ms) },
		{ "lease_left_ms", json_integer(s->lease_left_ms) },
		{ "renewals", json_integer(s->renewals) },
		{ "nodes", nodes_json(s) },
		{ "watermark", json_integer(s->watermark_version) },
		{ "watermark_term", json_string(s->watermark_term) },
		{ "lock", unless(s->lock[0] == '\0', json_string(s->lock)) },
		{ "queue", json_integer(s->queue) },
		{ "batches", json_integer(s->batches) },
		{ "committed", json_integer(s->committed) },
		{ "conflict", json_integer(s->conflicts) },
		{ "too_old", json_integer(s->too_old) },
		{ "rejected", json_integer(s->rejected) },
		{ "oldest_snapshot_ms", unless(s->oldest_snapshot_ms < 0, json_integer(s->oldest_snapshot_ms)) },
		{ "notify_queue", json_real(s->notify_queue) },
	};
	json_t *object = json_object();
	for (size_t i = 0; i < VD_COUNT(members); i++)
		json_object_set_new(object, members[i].name, members[i].value);
	return object != NULL && vd_json_print_line(stdout, object) && fflush(stdout) == 0;
}

/* ---- as text ---- */

static void print_leader(const struct vd_admin_status *s)
{
	if (s->leader[0] == '\0') {
		printf("leader      none yet\n");
		return;
	}
	if (s->serves)
		printf("leader      %s, for %.1f s\n", s->leader, (double)s->led_ms / 1e3);
	else if (s->released)
		printf("leader      none (%s has stepped down)\n", s->leader);
	else if (s->lease_left_ms < 0)
		printf("leader      none (the lease of %s has expired)\n", s->leader);
	else
		printf("leader      %s, not serving yet\n", s->leader);
	printf("term        %s, epoch %" PRId64 "\n", s->term, s->epoch);
	printf("lease       %+.1f s, %" PRId64 " renewals\n", (double)s->lease_left_ms / 1e3, s->renewals);
}

static bool print_text(const char *schema, const struct vd_admin_status *s)
{
	printf("schema      %s\n", schema);
	print_leader(s);
	printf("nodes       %zu", s->node_count);
	for (size_t i = 0; i < s->node_count; i++)
		printf("%s %s%s (up %.0f s)", i == 0 ? ":" : ",", s->nodes[i].name, s->nodes[i].leads ? " leads" : "",
			(double)s->nodes[i].up_ms / 1e3);
	printf("\nwatermark   %" PRId64 "\n", s->watermark_version);
	if (s->lock[0] != '\0')
		printf("lock        %s: commits and reads that are not aware of it end with 1038\n", s->lock);
	printf("queue       %" PRId64 "%s\n", s->queue, s->queue >= 100000 ? " or more" : "");
	printf("this term   %" PRId64 " batches: %" PRId64 " committed, %" PRId64 " conflict, %" PRId64
		   " too old, %" PRId64 " rejected\n",
		s->batches, s->committed, s->conflicts, s->too_old, s->rejected);
	if (s->oldest_snapshot_ms < 0)
		printf("snapshots   none open\n");
	else
		printf("snapshots   the oldest is %.1f s old\n", (double)s->oldest_snapshot_ms / 1e3);
	printf("notify      %.1f %% of the server's queue\n", s->notify_queue * 100);
	return fflush(stdout) == 0;
}

/* ---- again and again ---- */

struct watch {
	const struct status_settings *given;
	struct vd_admin *admin;
	int woken; /* an eventfd: ends the pause between two */
};

static void interrupt(void *arg)
{
	struct watch *watch = arg;
	vd_admin_interrupt(watch->admin);
	(void)eventfd_write(watch->woken, 1);
}

static int show(struct watch *watch)
{
	const struct status_settings *given = watch->given;
	struct vd_admin_status status;
	struct vd_admin_error error = { 0 };
	if (vd_admin_status(watch->admin, &status, &error) != 0)
		return vd_cli_fail_admin(&error);
	bool printed = given->json ? print_json(given->schema, &status) : print_text(given->schema, &status);
	if (!printed) {
		vd_cli_output_failed();
		exit(VD_EXIT_WRONG); /* watching on makes no sense */
	}
	return status.serves ? VD_EXIT_DONE : VD_EXIT_FAILED;
}

/* Watching goes on over a database that is away for a while: what is wrong is told each time. */
static int show_all(struct watch *watch)
{
	const struct status_settings *given = watch->given;
	int code = show(watch);
	bool first = true;
	while (given->watch && code != VD_EXIT_INTERRUPTED && !(first && code == VD_EXIT_WRONG)) {
		struct pollfd pause = { .fd = watch->woken, .events = POLLIN };
		(void)poll(&pause, 1, (int)given->interval_ms);
		if (vd_interrupted())
			return VD_EXIT_INTERRUPTED;
		if (!given->json)
			fputs("\n", stdout);
		first = false;
		code = show(watch);
	}
	return code;
}

static int run(int argc, char **argv)
{
	struct status_settings given = { 0 };
	struct vd_admin_error error = { 0 };
	struct watch watch = { .given = &given, .woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	int code;
	if (!vd_cli_load(&settings, argc, argv, &given, NULL, &code))
		return code;
	if (watch.woken < 0 || !vd_interrupt_start()) {
		code = vd_cli_wrong(NULL, "no descriptors are left");
	} else if (vd_admin_open(given.dsn, given.schema, given.timeout_ms, &watch.admin, &error) != 0) {
		code = vd_cli_fail_admin(&error);
	} else {
		struct vd_live live = { given.schema, given.interval_ms, watch.admin, watch.woken };
		vd_interrupt_set(interrupt, &watch);
		code = given.watch && !given.json && vd_screen_is_possible() ? vd_live_run(&live) : show_all(&watch);
		vd_interrupt_set(NULL, NULL);
		vd_admin_close(watch.admin);
	}
	vd_settings_free(&settings, &given);
	close(watch.woken);
	return code;
}

const struct vd_verb vd_verb_status = { "status", "who leads, how far commits have come, what waits", run,
	&settings };
