/* SPDX-License-Identifier: Apache-2.0 */
/* history_worker: transactions without end over the public header, all of them recorded (README.md has the options).
 *
 * Whatever fails, it goes on until it has run for --seconds, begun --transactions, or is told to stop (SIGTERM, SIGINT). Then it
 * waits --drain seconds for what is under way, and closes the database: what is still open by then ends as unknown. Its
 * status is 0 then, 2 for wrong options, 3 if the history could not be written, 4 if the dump could not be made.
 */
#include "tests/history/attempt.h"
#include "tests/history/dump.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	KEY_DSN = 256,
	KEY_SCHEMA,
	KEY_NAME,
	KEY_SEED,
	KEY_IN_FLIGHT,
	KEY_SECONDS,
	KEY_TRANSACTIONS,
	KEY_WORKLOADS,
	KEY_KEYS,
	KEY_HISTORY,
	KEY_DRAIN,
	KEY_OPTION,
	KEY_DUMP
};

static const struct argp_option options[] = {
	{ "dsn", KEY_DSN, "DSN", 0, "where the database is", 0 },
	{ "schema", KEY_SCHEMA, "NAME", 0, "which schema (verdict)", 0 },
	{ "name", KEY_NAME, "NAME", 0, "of this process: letters, digits, - and _, unique in the run", 0 },
	{ "seed", KEY_SEED, "N", 0, "of all that is left to chance (1)", 0 },
	{ "in-flight", KEY_IN_FLIGHT, "N", 0, "transactions at a time (16)", 0 },
	{ "seconds", KEY_SECONDS, "S", 0, "how long it runs (no end)", 0 },
	{ "transactions", KEY_TRANSACTIONS, "N", 0, "how many it begins (no end)", 0 },
	{ "workloads", KEY_WORKLOADS, "NAME,…", 0, "bank, counter, list, scan, register (all)", 0 },
	{ "keys", KEY_KEYS, "N", 0, "how many of a kind, from 2: fewer conflict more often (16)", 0 },
	{ "history", KEY_HISTORY, "FILE", 0, "what is recorded; must not be there yet", 0 },
	{ "drain", KEY_DRAIN, "S", 0, "how long it waits for the last ones when it stops (10)", 0 },
	{ "option", KEY_OPTION, "NAME=VALUE", 0, "of vd_database_open; may be repeated", 0 },
	{ "dump", KEY_DUMP, "FILE", 0, "only writes what is stored into a file, and ends", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static struct {
	const char *dsn, *history, *dump;
	double seconds, drain;
	struct vd_option database[32];
	size_t database_count;
	struct attempt_settings attempt;
} settings = { .drain = 10, .attempt = { .name = "", .keys = 16, .in_flight = 16, .seed = 1 } };

static uint64_t number(struct argp_state *state, const char *text, uint64_t min, uint64_t max)
{
	char *end = NULL;
	errno = 0;
	uint64_t value = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < min || value > max)
		argp_error(state, "'%s' is not a number from %" PRIu64 " to %" PRIu64, text, min, max);
	return value;
}

static double seconds(struct argp_state *state, const char *text)
{
	char *end = NULL;
	double value = strtod(text, &end);
	if (end == text || *end != '\0' || value < 0)
		argp_error(state, "'%s' is not a number of seconds", text);
	return value;
}

static void choose(struct argp_state *state, char *names)
{
	struct attempt_settings *attempt = &settings.attempt;
	for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
		const struct workload *workload = workloads;
		while (workload->name != NULL && strcmp(workload->name, name) != 0)
			workload++;
		if (workload->name == NULL || attempt->chosen_count == 16)
			argp_error(state, "no such workload: %s", name);
		attempt->chosen[attempt->chosen_count++] = workload;
	}
}

static void add_option(struct argp_state *state, const char *name, char *value)
{
	if (value == NULL || settings.database_count == 32)
		argp_error(state, "an option is NAME=VALUE: %s", name);
	settings.database[settings.database_count++] = (struct vd_option){ name, value };
}

static void take_name(struct argp_state *state, const char *name)
{
	size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
	if (size == 0 || size > 32 || name[size] != '\0')
		argp_error(state, "not a name: %s", name);
	settings.attempt.name = name;
}

static void check_settings(struct argp_state *state)
{
	if (settings.dsn == NULL)
		argp_error(state, "--dsn is missing");
	if (settings.dump == NULL && (settings.history == NULL || settings.attempt.name[0] == '\0'))
		argp_error(state, "--name and --history, or --dump");
	for (const struct workload *w = workloads; settings.attempt.chosen_count == 0 || w != workloads; w++) {
		if (w->name == NULL)
			break;
		settings.attempt.chosen[settings.attempt.chosen_count++] = w;
	}
}

static error_t parse(int key, char *text, struct argp_state *state)
{
	struct attempt_settings *attempt = &settings.attempt;
	switch (key) {
	case KEY_DSN:
		settings.dsn = text;
		break;
	case KEY_SCHEMA:
		add_option(state, "schema", text);
		break;
	case KEY_NAME:
		take_name(state, text);
		break;
	case KEY_SEED:
		attempt->seed = number(state, text, 0, UINT64_MAX);
		break;
	case KEY_IN_FLIGHT:
		attempt->in_flight = (uint32_t)number(state, text, 1, 100000);
		break;
	case KEY_SECONDS:
		settings.seconds = seconds(state, text);
		break;
	case KEY_TRANSACTIONS:
		attempt->transactions = number(state, text, 1, UINT64_MAX);
		break;
	case KEY_WORKLOADS:
		choose(state, text);
		break;
	case KEY_KEYS:
		attempt->keys = (uint32_t)number(state, text, 2, 10000);
		break;
	case KEY_HISTORY:
		settings.history = text;
		break;
	case KEY_DRAIN:
		settings.drain = seconds(state, text);
		break;
	case KEY_OPTION:
		strtok(text, "=");
		add_option(state, text, strtok(NULL, ""));
		break;
	case KEY_DUMP:
		settings.dump = text;
		break;
	case ARGP_KEY_END:
		check_settings(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void remark(const char *text)
{
	static struct line line;
	line_add(&line, "# %" PRId64 " %s", now_ns(), text);
	record_write(&line);
}

/* On the loop thread. It may have failed: then it is tried again in the background, and the transactions wait. */
static void on_ready(struct vd_future *future, void *arg)
{
	(void)arg;
	remark(vd_future_error(future) == 0 ? "ready" : vd_future_message(future));
	attempts_start(&settings.attempt);
}

/* Until the time is over, a signal comes, or nothing is under way any more. */
static void wait_until(int64_t end, const sigset_t *signals)
{
	static const struct timespec while_ns = { .tv_nsec = 20000000 };
	while (attempts_open() != 0 && (end == 0 || now_ns() < end)) {
		if (sigtimedwait(signals, NULL, &while_ns) > 0)
			return;
	}
}

static int record(struct vd_database *database, const sigset_t *signals)
{
	struct line line = { 0 };
	if (!record_open(settings.history)) {
		fprintf(stderr, "history_worker: %s: %s\n", settings.history, strerror(errno));
		return 2;
	}
	line_add(&line, "verdict-history 1 %s %" PRIu64, settings.attempt.name, settings.attempt.seed);
	record_write(&line);
	line_free(&line);
	settings.attempt.database = database;
	struct vd_future *ready = vd_database_ready(database);
	vd_future_on_ready(ready, on_ready, NULL);
	wait_until(settings.seconds == 0 ? 0 : now_ns() + (int64_t)(settings.seconds * 1e9), signals);
	attempts_stop();
	wait_until(now_ns() + (int64_t)(settings.drain * 1e9), signals);
	vd_database_close(database, NULL, NULL);
	remark(attempts_open() == 0 ? "all ended" : "closed with transactions under way");
	vd_future_free(ready);
	record_close();
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = { options, parse, NULL, "records transactions for tests/history/check",
		NULL, NULL, NULL };
	struct vd_database *database = NULL;
	char message[512] = "";
	sigset_t signals;
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	int code = vd_database_open(
		NULL, settings.dsn, settings.database, settings.database_count, &database, message, sizeof message);
	if (code != 0) {
		fprintf(stderr, "history_worker: %s\n", message);
		return 2;
	}
	if (settings.dump == NULL)
		return record(database, &signals);
	code = dump(database, settings.dump);
	vd_database_close(database, NULL, NULL);
	if (code != 0)
		fprintf(stderr, "history_worker: the dump ended with %d: %s\n", code, vd_error_text(code));
	return code == 0 ? 0 : 4;
}
