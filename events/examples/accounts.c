/* SPDX-License-Identifier: Apache-2.0 */
/* accounts: a bank that writes down what happened, not what is left.
 *
 *   accounts open ann 100             a stream of its own for ann's account, which must not be there yet
 *   accounts transfer ann bob 30      one append to two streams: "sent" for ann, "received" for bob
 *   accounts transfer ann bob 1 500   the same 500 times, each for itself
 *   accounts history ann              what happened, one event a line
 *   accounts total                    "<accounts> <sum>", of the feed of all accounts
 *
 * A transfer adds up both accounts from their events and appends, expecting both streams at the versions that it has seen. If
 * either went on in between, nothing is written (8001): it reads what came since, and decides anew. Of those that meet one always
 * gets through, so there is no end to set to the attempts.
 */
#include <verdict/events.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "account-"

enum { STREAM_SIZE = sizeof PREFIX + 64 };

/* An account as its events tell it: all up to `version`. */
struct account {
	char stream[STREAM_SIZE];
	int64_t version, balance;
};

static void fail(const char *what, int code, const char *message)
{
	fprintf(stderr, "%s: %s (%s)\n", what, message[0] != '\0' ? message : vd_events_error_text(code),
		vd_events_error_name(code));
	exit(1);
}

static struct vd_database *open_database(void)
{
	struct vd_database *database;
	char message[512];
	if (vd_database_open(NULL, getenv("VERDICT_DSN"), NULL, 0, &database, message, sizeof message) != 0) {
		fprintf(stderr, "%s\n", message);
		exit(2);
	}
	return database;
}

static struct account account_named(const char *name)
{
	struct account account = { .version = 0 };
	if ((size_t)snprintf(account.stream, STREAM_SIZE, PREFIX "%s", name) >= STREAM_SIZE) {
		fprintf(stderr, "%s: too long a name\n", name);
		exit(2);
	}
	return account;
}

/* ---- reading ---- */

static int64_t amount_of(const struct vd_event *event)
{
	char text[32] = { 0 };
	memcpy(text, event->payload.data, event->payload.size < 31 ? event->payload.size : 31);
	return strtoll(text, NULL, 10);
}

/* What an event changes: the whole of what this bank knows. */
static int64_t change(const struct vd_event *event)
{
	return strcmp(event->type, "sent") == 0 ? -amount_of(event) : amount_of(event);
}

/* The next events of a cursor, NULL at the end. */
static const struct vd_event *next_events(struct vd_events_cursor *cursor, size_t *count)
{
	int code = vd_future_wait(vd_events_cursor_next(cursor));
	if (code != 0)
		fail("reading", code, vd_events_cursor_message(cursor));
	const struct vd_event *events = vd_events_cursor_events(cursor, count);
	return *count > 0 ? events : NULL;
}

/* Adds what came since the account was read; the first time that is all. */
static void catch_up(struct vd_events *store, struct account *account, bool is_printed)
{
	struct vd_events_cursor *cursor;
	const struct vd_event *events;
	size_t count;
	int code = vd_events_read_stream(store, NULL, account->stream, account->version + 1, 0, false, &cursor);
	if (code != 0)
		fail(account->stream, code, "");
	while ((events = next_events(cursor, &count)) != NULL)
		for (size_t i = 0; i < count; i++) {
			account->version = events[i].version;
			account->balance += change(&events[i]);
			if (is_printed)
				printf("%" PRId64 " %s %" PRId64 "%s%.*s\n", events[i].version, events[i].type,
					amount_of(&events[i]), events[i].metadata.size > 0 ? " " : "",
					(int)events[i].metadata.size, (const char *)events[i].metadata.data);
		}
	vd_events_cursor_free(cursor);
}

static void history(struct vd_events *store, const char *name)
{
	struct account account = account_named(name);
	catch_up(store, &account, true);
}

static void total(struct vd_events *store)
{
	const struct vd_events_filter filter = { .prefix = PREFIX };
	struct vd_events_cursor *cursor;
	const struct vd_event *events;
	size_t count;
	int64_t accounts = 0, sum = 0;
	int code = vd_events_read_feed(store, NULL, &filter, NULL, 0, true, &cursor);
	if (code != 0)
		fail("the feed", code, "");
	while ((events = next_events(cursor, &count)) != NULL)
		for (size_t i = 0; i < count; i++) {
			accounts += strcmp(events[i].type, "opened") == 0;
			sum += change(&events[i]);
		}
	vd_events_cursor_free(cursor);
	printf("%" PRId64 " %" PRId64 "\n", accounts, sum);
}

/* ---- appending ---- */

/* Adds an event to an append that expects the account as it was read. other: whom it concerns too, or NULL. */
static void write_down(struct vd_events_append *append, const struct account *account, const char *type,
	int64_t amount, const struct account *other)
{
	char text[32];
	const char *whom = other != NULL ? other->stream + strlen(PREFIX) : "";
	const struct vd_event_data event = {
		.type = type,
		.payload = { text, (size_t)snprintf(text, sizeof text, "%" PRId64, amount) },
		.metadata = { whom, strlen(whom) },
	};
	int code = vd_events_append_expect(append, account->stream, account->version);
	if (code == 0)
		code = vd_events_append_event(append, account->stream, &event);
	if (code != 0)
		fail(account->stream, code, "");
}

static struct vd_events_append *new_append(struct vd_events *store)
{
	struct vd_events_append *append = vd_events_append_new(store);
	if (append == NULL)
		fail("an append", VD_ERROR_OUT_OF_MEMORY, "");
	return append;
}

/* Appends and frees: whether it was done, or somebody else was faster. */
static bool commit(struct vd_events_append *append)
{
	int code = vd_future_wait(vd_events_append_begin(append));
	if (code != 0 && code != VD_EVENTS_ERROR_WRONG_VERSION)
		fail("appending", code, vd_events_append_message(append));
	vd_events_append_free(append);
	return code == 0;
}

static int open_account(struct vd_events *store, const char *name, int64_t amount)
{
	const struct account account = account_named(name); /* version 0: VD_EVENTS_NO_STREAM */
	struct vd_events_append *append = new_append(store);
	write_down(append, &account, "opened", amount, NULL);
	if (commit(append))
		return 0;
	fprintf(stderr, "%s has an account already\n", name);
	return 1;
}

/* 0, or 1 and a sentence. What the accounts hold is kept for the next one. */
static int transfer(struct vd_events *store, struct account *from, struct account *to, int64_t amount)
{
	for (;;) {
		catch_up(store, from, false);
		catch_up(store, to, false);
		if (from->version == 0 || to->version == 0 || from->balance < amount) {
			fprintf(stderr, "%s\n",
				from->version == 0 || to->version == 0 ? "there is no such account" : "not enough money");
			return 1;
		}
		struct vd_events_append *append = new_append(store);
		write_down(append, from, "sent", amount, to);
		write_down(append, to, "received", amount, from);
		if (commit(append))
			return 0;
	}
}

static int transfer_all(struct vd_events *store, char **names, int64_t amount, int times)
{
	struct account from = account_named(names[0]), to = account_named(names[1]);
	int code = 0;
	for (int i = 0; i < times && code == 0; i++)
		code = transfer(store, &from, &to, amount);
	return code;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	bool is_open = strcmp(verb, "open") == 0 && argc == 4 && atoll(argv[3]) >= 0;
	bool is_transfer = strcmp(verb, "transfer") == 0 && (argc == 5 || argc == 6) && atoll(argv[4]) > 0 &&
					   strcmp(argv[2], argv[3]) != 0;
	bool is_history = strcmp(verb, "history") == 0 && argc == 3;
	if (!is_open && !is_transfer && !is_history && (strcmp(verb, "total") != 0 || argc != 2)) {
		fprintf(stderr,
			"usage: accounts open NAME AMOUNT | transfer FROM TO AMOUNT [TIMES] | history NAME | total\n");
		return 2;
	}
	struct vd_database *database = open_database();
	struct vd_events *store;
	int code = vd_events_open(database, "bank", &store);
	if (code != 0)
		fail("bank", code, "");
	if (is_open)
		code = open_account(store, argv[2], atoll(argv[3]));
	else if (is_transfer)
		code = transfer_all(store, argv + 2, atoll(argv[4]), argc == 6 ? atoi(argv[5]) : 1);
	else if (is_history)
		history(store, argv[2]);
	else
		total(store);
	vd_events_close(store);
	vd_database_close(database, NULL, NULL);
	return code;
}
