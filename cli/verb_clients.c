/* SPDX-License-Identifier: Apache-2.0 */
/* verb_clients.c: who is registered, and what he holds. */
#include "cli/admin_call.h"
#include "cli/client_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One more is asked for than is taken, to know whether there are more. */
#define MOST 100000

struct clients_settings {
	char *dsn;
	char *schema;
	char *sort;
	bool json;
	int64_t older_ms;
	int64_t limit;
	int64_t timeout_ms;
};

static const struct vd_setting rows[] = {
	VD_CLI_STORE_ROWS(struct clients_settings),
	VD_SETTING_CHOICE("sort", struct clients_settings, sort, "seen", "seen|since|verdicts|queued|low-water",
		"the latest, or the most, first"),
	VD_SETTING_DURATION("older-than", struct clients_settings, older_ms, "0", 0, 315360000000,
		"only those that were not seen for so long"),
	VD_SETTING_INTEGER(
		"limit", struct clients_settings, limit, "1000", 1, MOST, "how many are shown at most"),
	VD_SETTING_BOOL("json", struct clients_settings, json, "false", "one JSON object a line instead of text"),
	VD_SETTING_DURATION("timeout", struct clients_settings, timeout_ms, "10s", 100, 3600000,
		"how long to wait for an answer"),
};

static const struct vd_settings settings = {
	.program = "verdict clients",
	.usage = "[settings]",
	.about =
		"Lists the registrations: the databases that processes have open, or had. A client is named by a "
		"digest of its\n"
		"id, which is a secret. Needs the observer's or the resolver's role.",
	.rows = rows,
	.count = VD_COUNT(rows),
};

/* ---- order: what is wanted first is the least age, or the greatest number ---- */

static int64_t by_seen(const struct vd_admin_client *client)
{
	return client->seen_ms < 0 ? INT64_MIN : -client->seen_ms;
}

static int64_t by_since(const struct vd_admin_client *client)
{
	return client->registered_ms < 0 ? INT64_MIN : -client->registered_ms;
}

static int64_t by_verdicts(const struct vd_admin_client *client)
{
	return client->verdicts;
}

static int64_t by_queued(const struct vd_admin_client *client)
{
	return client->queued;
}

static int64_t by_low_water(const struct vd_admin_client *client)
{
	return client->low_water;
}

typedef int64_t rank_of(const struct vd_admin_client *client);

static const struct {
	const char *name;
	rank_of *rank;
} orders[] = {
	{ "seen", by_seen },
	{ "since", by_since },
	{ "verdicts", by_verdicts },
	{ "queued", by_queued },
	{ "low-water", by_low_water },
};

static int compare(const void *a, const void *b, void *rank)
{
	const struct vd_admin_client *one = a;
	const struct vd_admin_client *other = b;
	int64_t of_one = (*(rank_of **)rank)(one);
	int64_t of_other = (*(rank_of **)rank)(other);
	return of_one != of_other ? (of_one < of_other) - (of_one > of_other) : strcmp(one->name, other->name);
}

static rank_of *rank_named(const char *name)
{
	for (size_t i = 0; i < VD_COUNT(orders); i++)
		if (strcmp(orders[i].name, name) == 0)
			return orders[i].rank;
	return by_seen;
}

/* ---- the list ---- */

static bool print(
	const struct clients_settings *given, const struct vd_admin_client *clients, size_t shown, size_t count)
{
	bool printed = given->json || vd_client_print_head();
	for (size_t i = 0; i < shown && printed; i++)
		printed = vd_client_print(&clients[i], given->json);
	if (printed && count > shown)
		fprintf(stderr, "%s: %zu%s in all, %zu are shown (--limit)\n", vd_cli_name(),
			count > MOST ? MOST : count, count > MOST ? " or more" : "", shown);
	return printed && fflush(stdout) == 0;
}

static int list(const struct clients_settings *given, struct vd_admin *admin)
{
	const struct vd_admin_client *clients;
	struct vd_admin_error error = { 0 };
	size_t count;
	rank_of *rank = rank_named(given->sort);
	if (vd_admin_clients(admin, given->older_ms, MOST + 1, &clients, &count, &error) != 0)
		return vd_cli_fail_admin(&error);
	struct vd_admin_client *sorted = calloc(count + 1, sizeof *sorted);
	if (sorted == NULL)
		return vd_cli_wrong(NULL, "out of memory");
	if (count > 0)
		memcpy(sorted, clients, count * sizeof *sorted);
	qsort_r(sorted, count, sizeof *sorted, compare, &rank);
	size_t shown = count > (size_t)given->limit ? (size_t)given->limit : count;
	int code = print(given, sorted, shown, count) ? VD_EXIT_DONE : vd_cli_output_failed();
	free(sorted);
	return code;
}

static int run(int argc, char **argv)
{
	struct clients_settings given = { 0 };
	struct vd_admin *admin;
	int code;
	if (!vd_cli_load(&settings, argc, argv, &given, NULL, &code))
		return code;
	code = vd_cli_admin_open(given.dsn, given.schema, given.timeout_ms, &admin);
	if (code == VD_EXIT_DONE) {
		code = list(&given, admin);
		vd_cli_admin_close(admin);
	}
	vd_settings_free(&settings, &given);
	return code;
}

const struct vd_verb vd_verb_clients = { "clients", "who is registered, and what he holds", run, &settings };
