/* SPDX-License-Identifier: Apache-2.0 */
/* model_driver DSN [option=value]...: runs whole programs over the public header and prints what every call said.
 *
 * It opens a database on a loop of its own, prints "ready" or "failed <code> <message>", then takes programs, line by line. Bytes are
 * hexadecimal, "-" for none; T is a transaction from 0 to 7.
 *     kv K V              before the operations: what the store holds when the program begins
 *     [+]NAME T ...       an operation (the table at the end). One with a "+" is issued and not waited for: the next one without waits
 *                         for all of them. The loop does not turn between them, but where a comment below says so.
 *     run                 runs the program
 * and answers
 *     i VERSION ORDER     the commit that cleared the store and wrote the kv
 *     v T EPOCH VERSION   the read version of a transaction that read. Its epoch counts what may have begun it anew: new, reset, onerr
 *     r INDEX CODE ...    what an operation said; nothing for those that return nothing
 *     d K V               what the store holds at the end
 *     c 0 K V, c 1 K V    the counters before and after: they cannot be cleared
 *     end MILLISECONDS
 */
#include "verdict/verdict.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOTS      8
#define OPERATIONS 4096
#define WORDS      20

#define COUNTERS_END "\xff/counter0" /* '0' comes after '/' */

static struct event_base *base;
static struct vd_database *database;

struct blob {
	uint8_t *data;
	size_t size;
};

/* One transaction, and what is told about it when it ends. */
static struct slot {
	struct vd_transaction *transaction;
	struct vd_future *version;
	struct vd_iterator *iterator;
	unsigned epoch;
	bool reads, version_told, commits;
} slots[SLOTS];

static struct operation {
	char *line;
	char *words[WORDS];
	int slot;
	struct vd_future *future; /* what it waits for, or NULL */
	bool is_commit, is_stamp;
	char *result;
	size_t result_size;
	FILE *out;
} operations[OPERATIONS];
static size_t operation_count;
static size_t first_open; /* those before have said all, but for stamps */

static int64_t versions
	[OPERATIONS +
		1]; /* of the commits that wrote, in the order of the operations; the first one is the beginning's */
static size_t version_count;

/* ---- bytes ---- */

static unsigned digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

/* The word becomes the bytes that it means, in place. */
static struct blob blob(char *word)
{
	struct blob bytes = { (uint8_t *)word, 0 };
	if (word[0] == '-')
		return bytes;
	for (const char *at = word; at[0] != '\0' && at[1] != '\0'; at += 2)
		bytes.data[bytes.size++] = (uint8_t)(digit(at[0]) << 4 | digit(at[1]));
	return bytes;
}

static void put_hex(FILE *out, const uint8_t *bytes, size_t size)
{
	fputs(size == 0 ? " -" : " ", out);
	for (size_t i = 0; i < size; i++)
		fprintf(out, "%02x", bytes[i]);
}

/* ---- waiting ---- */

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void await(struct vd_future *future)
{
	while (!vd_future_is_ready(future))
		event_base_loop(base, EVLOOP_ONCE);
}

static void ask_version(struct slot *slot)
{
	if (slot->transaction != NULL && slot->reads && !slot->version_told && slot->version == NULL)
		slot->version = vd_transaction_get_read_version(slot->transaction);
}

static void tell_version(struct slot *slot)
{
	int64_t version;
	if (slot->version == NULL)
		return;
	await(slot->version);
	if (vd_future_get_version(slot->version, &version) == 0) {
		printf("v %d %u %" PRId64 "\n", (int)(slot - slots), slot->epoch, version);
		slot->version_told = true;
	}
	vd_future_free(slot->version);
	slot->version = NULL;
}

static void tell_rows(FILE *out, const struct vd_future *future)
{
	const struct vd_row *rows;
	size_t count;
	bool more;
	if (vd_future_get_rows(future, &rows, &count, &more) != 0)
		return;
	fprintf(out, " %d", more);
	for (size_t i = 0; i < count; i++) {
		put_hex(out, rows[i].key, rows[i].key_size);
		put_hex(out, rows[i].value, rows[i].value_size);
	}
}

static void tell_future(FILE *out, struct vd_future *future)
{
	const uint8_t *bytes;
	size_t size;
	bool present;
	int64_t version;
	await(future);
	fprintf(out, "%d", vd_future_error(future));
	if (vd_future_get_value(future, &present, &bytes, &size) == 0) {
		fputs(present ? " =" : " absent", out);
		if (present)
			put_hex(out, bytes, size);
	} else if (vd_future_get_key(future, &bytes, &size) == 0) {
		put_hex(out, bytes, size);
	} else if (vd_future_get_version(future, &version) == 0) {
		fprintf(out, " %" PRId64, version);
	} else if (vd_future_get_size(future, &version) == 0) {
		fprintf(out, " %" PRId64, version);
	} else {
		tell_rows(out, future);
	}
}

static void tell_commit(FILE *out, const struct vd_transaction *transaction, int code)
{
	int64_t version = 0;
	int order = 0;
	const uint8_t *begin, *end;
	size_t begin_size, end_size;
	if (code == 0 && vd_transaction_get_committed_version(transaction, &version) == 0) {
		if (version > 0 && vd_transaction_get_committed_order(transaction, &order) != 0)
			order = -1;
		fprintf(out, " %" PRId64 " %d", version, order);
		if (version > 0)
			versions[version_count++] = version;
	} else if (code == VD_ERROR_NOT_COMMITTED && vd_transaction_get_conflict(transaction, &begin, &begin_size,
													 &end, &end_size, &version) == 0) {
		fprintf(out, " %" PRId64, version);
		put_hex(out, begin, begin_size);
		put_hex(out, end, end_size);
	}
}

static void tell_operation(struct operation *operation)
{
	tell_future(operation->out, operation->future);
	if (operation->is_commit)
		tell_commit(operation->out, slots[operation->slot].transaction, vd_future_error(operation->future));
	vd_future_free(operation->future);
	operation->future = NULL;
}

/* Those that end with their transaction. One that does not, although it should, is told at the end of the program. */
static void tell_stamps(int slot)
{
	int64_t deadline = now_ms() + 2000;
	for (size_t i = 0; i < operation_count; i++) {
		struct operation *operation = &operations[i];
		if (!operation->is_stamp || operation->slot != slot || operation->future == NULL)
			continue;
		while (!vd_future_is_ready(operation->future) && now_ms() < deadline)
			event_base_loop(base, EVLOOP_NONBLOCK);
		if (vd_future_is_ready(operation->future))
			tell_operation(operation);
	}
}

/* Waits for all that was issued. */
static void settle(size_t end)
{
	for (; first_open < end; first_open++) {
		struct operation *operation = &operations[first_open];
		if (operation->future == NULL || (operation->is_stamp && !vd_future_is_ready(operation->future)))
			continue;
		tell_operation(operation);
		if (operation->is_commit)
			tell_stamps(operation->slot);
	}
	for (int i = 0; i < SLOTS; i++) {
		tell_version(&slots[i]);
		slots[i].commits = false;
	}
}

/* ---- operations ---- */

struct call {
	struct operation *operation;
	struct slot *slot;
	struct vd_transaction *transaction;
	char **words; /* from the first one after T */
};

static int number(const char *word)
{
	return (int)strtol(word, NULL, 10);
}

static struct vd_selector selector(char **words)
{
	struct blob key = blob(words[0]);
	struct vd_selector made = { key.data, key.size, number(words[1]) != 0, number(words[2]) };
	return made;
}

/* What a versionstamped key may become depends on whether the read version is known: it is, if the transaction has read. The
 * loop turns then. */
static void know_version(struct slot *slot)
{
	ask_version(slot);
	tell_version(slot);
}

/* What ends a transaction: its version is told first, and a commit that is under way is waited for. The loop turns. */
static void before_end(struct call *call)
{
	if (call->slot->commits)
		settle((size_t)(call->operation - operations));
	know_version(call->slot);
}

static void begin_anew(struct call *call)
{
	vd_iterator_free(call->slot->iterator);
	call->slot->iterator = NULL;
	call->slot->epoch++;
	call->slot->reads = call->slot->version_told = false;
	tell_stamps(call->operation->slot);
}

static void do_new(struct call *call)
{
	before_end(call);
	vd_transaction_free(call->transaction);
	if (vd_transaction_new(database, &call->slot->transaction) != 0)
		abort();
	begin_anew(call);
}

static void do_reset(struct call *call)
{
	before_end(call);
	vd_transaction_reset(call->transaction);
	begin_anew(call);
}

static void do_cancel(struct call *call)
{
	before_end(call);
	vd_transaction_cancel(call->transaction);
	tell_stamps(call->operation->slot);
}

static void do_onerr(struct call *call)
{
	before_end(call);
	call->operation->future = vd_transaction_on_error(call->transaction, number(call->words[0]));
	await(call->operation->future);
	begin_anew(call);
}

static void do_opt(struct call *call)
{
	fprintf(call->operation->out, "%d",
		vd_transaction_set_option(call->transaction, call->words[0], call->words[1]));
}

static void do_set(struct call *call)
{
	struct blob key = blob(call->words[0]), value = blob(call->words[1]);
	vd_transaction_set(call->transaction, key.data, key.size, value.data, value.size);
}

static void do_clear(struct call *call)
{
	struct blob key = blob(call->words[0]);
	vd_transaction_clear(call->transaction, key.data, key.size);
}

static void do_clearr(struct call *call)
{
	struct blob begin = blob(call->words[0]), end = blob(call->words[1]);
	vd_transaction_clear_range(call->transaction, begin.data, begin.size, end.data, end.size);
}

static void do_atomic(struct call *call)
{
	if (number(call->words[0]) == VD_MUTATION_SET_VERSIONSTAMPED_KEY)
		know_version(call->slot);
	struct blob key = blob(call->words[1]), operand = blob(call->words[2]);
	vd_transaction_atomic_op(call->transaction, (enum vd_mutation_type)number(call->words[0]), key.data,
		key.size, operand.data, operand.size);
}

static void do_conf(struct call *call)
{
	enum vd_conflict_range_type type =
		call->words[0][0] == 'r' ? VD_CONFLICT_RANGE_READ : VD_CONFLICT_RANGE_WRITE;
	struct blob begin = blob(call->words[1]), end = blob(call->words[2]);
	call->slot->reads |= type == VD_CONFLICT_RANGE_READ;
	fprintf(call->operation->out, "%d",
		vd_transaction_add_conflict_range(
			call->transaction, begin.data, begin.size, end.data, end.size, type));
}

static void do_get(struct call *call)
{
	struct blob key = blob(call->words[0]);
	call->slot->reads = true;
	call->operation->future =
		vd_transaction_get(call->transaction, key.data, key.size, number(call->words[1]) != 0);
}

static void do_getk(struct call *call)
{
	struct vd_selector at = selector(call->words);
	call->slot->reads = true;
	call->operation->future = vd_transaction_get_key(call->transaction, &at, number(call->words[3]) != 0);
}

static void do_range(struct call *call)
{
	char **words = call->words;
	struct vd_selector begin = selector(words), end = selector(words + 3);
	struct vd_range_options options = { .limit = number(words[6]),
		.target_bytes = number(words[7]),
		.mode = (enum vd_streaming_mode)number(words[8]),
		.iteration = number(words[9]),
		.snapshot = number(words[10]) != 0,
		.reverse = number(words[11]) != 0 };
	call->slot->reads = true;
	call->operation->future = vd_transaction_get_range(call->transaction, &begin, &end, &options);
}

static void do_iter(struct call *call)
{
	char **words = call->words;
	struct vd_selector begin = selector(words), end = selector(words + 3);
	struct vd_range_options options = { .limit = number(words[6]),
		.target_bytes = number(words[7]),
		.snapshot = number(words[8]) != 0,
		.reverse = number(words[9]) != 0 };
	vd_iterator_free(call->slot->iterator);
	call->slot->iterator = NULL;
	fprintf(call->operation->out, "%d",
		vd_iterator_new(call->transaction, &begin, &end, &options, &call->slot->iterator));
}

static void do_next(struct call *call)
{
	if (call->slot->iterator == NULL)
		return;
	call->slot->reads = true;
	call->operation->future = vd_iterator_next(call->slot->iterator);
}

static void do_esize(struct call *call)
{
	struct blob begin = blob(call->words[0]), end = blob(call->words[1]);
	call->slot->reads = true;
	call->operation->future = vd_transaction_get_estimated_range_size(
		call->transaction, begin.data, begin.size, end.data, end.size);
}

static void do_ranges(struct call *call)
{
	char begin[64], end[64];
	const char *kind = call->words[0][0] == 'r' ? "read" : "write";
	int size = snprintf(begin, sizeof begin, "\xff\xff/transaction/%s_conflict_range/", kind);
	snprintf(end, sizeof end, "\xff\xff/transaction/%s_conflict_range0", kind); /* '0' comes after '/' */
	struct vd_selector from = vd_first_greater_or_equal(begin, (size_t)size);
	struct vd_selector to = vd_first_greater_or_equal(end, (size_t)size);
	call->operation->future = vd_transaction_get_range(call->transaction, &from, &to, NULL);
}

static void do_version(struct call *call)
{
	call->slot->reads = true;
	call->operation->future = vd_transaction_get_read_version(call->transaction);
}

static void do_readat(struct call *call)
{
	size_t which = (size_t)number(call->words[0]);
	int64_t version = versions[which < version_count ? which : version_count - 1];
	call->slot->reads = true;
	fprintf(call->operation->out, "%d %" PRId64, vd_transaction_set_read_version(call->transaction, version),
		version);
}

static void do_commit(struct call *call)
{
	ask_version(call->slot);
	call->operation->is_commit = call->slot->commits = true;
	call->operation->future = vd_transaction_commit(call->transaction);
}

static void do_stamp(struct call *call)
{
	call->operation->is_stamp = true;
	call->operation->future = vd_transaction_get_versionstamp(call->transaction);
}

static void do_seqk(struct call *call)
{
	char **words = call->words;
	struct blob counter = blob(words[0]), prefix = blob(words[1]), value = blob(words[2]);
	vd_transaction_set_sequenced_key(call->transaction, counter.data, counter.size, prefix.data, prefix.size,
		value.data, value.size, number(words[3]) != 0);
}

static void do_seqv(struct call *call)
{
	char **words = call->words;
	bool is_stamped = number(words[3]) != 0;
	if (is_stamped)
		know_version(call->slot);
	struct blob counter = blob(words[0]), key = blob(words[1]), value = blob(words[2]);
	vd_transaction_set_sequenced_value(call->transaction, counter.data, counter.size, key.data, key.size,
		value.data, value.size, is_stamped);
}

static void do_first(struct call *call)
{
	struct blob counter = blob(call->words[0]);
	int64_t first = 0;
	int code = vd_transaction_get_first_number(call->transaction, counter.data, counter.size, &first);
	fprintf(call->operation->out, "%d %" PRId64, code, first);
}

static void do_await(struct call *call)
{
	struct blob counter = blob(call->words[0]);
	call->operation->is_stamp = true;
	call->operation->future =
		vd_transaction_await_first_number(call->transaction, counter.data, counter.size);
}

static void do_pre(struct call *call)
{
	struct blob key = blob(call->words[1]), value = blob(call->words[2]);
	fprintf(call->operation->out, "%d",
		vd_transaction_add_precondition(call->transaction, (enum vd_precondition_type)number(call->words[0]),
			key.data, key.size, value.data, value.size));
}

static void do_size(struct call *call)
{
	int64_t size = 0;
	int code = vd_transaction_get_approximate_size(call->transaction, &size);
	fprintf(call->operation->out, "%d %" PRId64, code, size);
}

static void do_committed(struct call *call)
{
	int64_t version = 0;
	int code = vd_transaction_get_committed_version(call->transaction, &version);
	fprintf(call->operation->out, "%d %" PRId64, code, version);
}

static const struct {
	const char *name;
	void (*run)(struct call *call);
} orders[] = {
	{ "new", do_new }, { "reset", do_reset }, { "cancel", do_cancel }, { "onerr", do_onerr }, /* CODE */
	{ "opt", do_opt },       /* NAME [VALUE] */
	{ "set", do_set },       /* K V */
	{ "clear", do_clear },   /* K */
	{ "clearr", do_clearr }, /* B E */
	{ "atomic", do_atomic }, /* OP K P */
	{ "conf", do_conf },     /* r|w B E */
	{ "get", do_get },       /* K SNAPSHOT */
	{ "getk", do_getk },     /* K OR_EQUAL OFFSET SNAPSHOT */
	{ "range", do_range },   /* two selectors, LIMIT TARGET MODE ITERATION SNAPSHOT REVERSE */
	{ "iter",
		do_iter }, /* two selectors, LIMIT TARGET SNAPSHOT REVERSE: the transaction's iterator from now on */
	{ "next", do_next },       /* its next chunk; nothing if there is no iterator */
	{ "esize", do_esize },     /* B E: how many bytes are stored */
	{ "ranges", do_ranges },   /* r|w: the conflict ranges so far, as special keys */
	{ "version", do_version }, /* the read version */
	{ "readat", do_readat },   /* N: set_read_version to that of the program's N-th commit, 0 its beginning */
	{ "commit", do_commit },   /* answers VERSION ORDER, or VERSION B E of the conflict */
	{ "seqk", do_seqk },       /* COUNTER PREFIX V STAMPED */
	{ "seqv", do_seqv },       /* COUNTER K V STAMPED */
	{ "first", do_first },     /* COUNTER: the first number that it gave */
	{ "await", do_await },     /* COUNTER: the same; answers when the transaction ends */
	{ "pre", do_pre },         /* KIND K V: a precondition */
	{ "stamp", do_stamp },     /* get_versionstamp: answers when the transaction ends */
	{ "size", do_size },       /* the approximate size */
	{ "committed", do_committed }, /* the committed version */
};

static void operate(size_t index)
{
	struct operation *operation = &operations[index];
	const char *name = operation->words[0];
	bool together = name[0] == '+';
	struct slot *slot = &slots[operation->slot];
	if (slot->transaction == NULL && vd_transaction_new(database, &slot->transaction) != 0)
		abort();
	struct call call = { operation, slot, slot->transaction, operation->words + 2 };
	size_t i = 0;
	while (i < sizeof orders / sizeof *orders && strcmp(orders[i].name, name + together) != 0)
		i++;
	if (i == sizeof orders / sizeof *orders) {
		fprintf(stderr, "no such operation: %s\n", name);
		exit(2);
	}
	orders[i].run(&call);
	if (!together)
		settle(index + 1);
}

/* ---- programs ---- */

static bool is_done(struct vd_future *future, const char *what)
{
	await(future);
	int code = vd_future_error(future);
	if (code != 0)
		printf("! %s: %d %s\n", what, code, vd_future_message(future));
	return code == 0;
}

/* Every program begins with a store of its own making. */
static bool fill(struct vd_transaction *start)
{
	struct vd_future *commit = vd_transaction_commit(start);
	int64_t version = 0;
	int order = 0;
	bool done = is_done(commit, "the beginning");
	if (done) {
		done = vd_transaction_get_committed_version(start, &version) == 0 &&
			   vd_transaction_get_committed_order(start, &order) == 0;
		printf("i %" PRId64 " %d\n", version, order);
		version_count = 0;
		versions[version_count++] = version;
	}
	vd_future_free(commit);
	return done;
}

/* All rows from begin up to end, each behind these words. */
static void dump(const char *words, const char *first, const char *last)
{
	struct vd_transaction *transaction;
	struct vd_selector begin = vd_first_greater_or_equal(first, strlen(first));
	struct vd_selector end = vd_first_greater_or_equal(last, strlen(last));
	bool more = true;
	if (vd_transaction_new(database, &transaction) != 0 ||
		vd_transaction_set_option(transaction, "read_system_keys", NULL) != 0)
		abort();
	for (struct vd_future *before = NULL; more || before != NULL;) {
		struct vd_future *rows = more ? vd_transaction_get_range(transaction, &begin, &end, NULL) : NULL;
		const struct vd_row *row;
		size_t count = 0;
		more = false;
		if (rows != NULL && is_done(rows, "the store") &&
			vd_future_get_rows(rows, &row, &count, &more) == 0) {
			for (size_t i = 0; i < count; i++) {
				fputs(words, stdout);
				put_hex(stdout, row[i].key, row[i].key_size);
				put_hex(stdout, row[i].value, row[i].value_size);
				putchar('\n');
			}
			if (count > 0)
				begin = vd_first_greater_than(row[count - 1].key, row[count - 1].key_size);
		}
		vd_future_free(before); /* begin borrowed from it */
		before = rows;
	}
	vd_transaction_free(transaction);
}

static void end_slot(int index)
{
	struct slot *slot = &slots[index];
	ask_version(slot);
	tell_version(slot);
	vd_iterator_free(slot->iterator);
	vd_transaction_free(slot->transaction);
	tell_stamps(index);
	memset(slot, 0, sizeof *slot);
}

static void run_program(struct vd_transaction *start)
{
	int64_t begun = now_ms();
	bool filled = fill(start);
	dump("c 0", VD_COUNTER_PREFIX, COUNTERS_END);
	first_open = 0;
	for (size_t i = 0; filled && i < operation_count; i++)
		operate(i);
	settle(filled ? operation_count : 0);
	for (int i = 0; i < SLOTS; i++)
		end_slot(i);
	for (size_t i = 0; i < operation_count; i++) {
		struct operation *operation = &operations[i];
		fclose(operation->out);
		if (operation->result_size > 0)
			printf("r %zu %s\n", i, operation->result);
		free(operation->result);
		free(operation->line);
		memset(operation, 0, sizeof *operation);
	}
	dump("d", "", "\xff");
	dump("c 1", VD_COUNTER_PREFIX, COUNTERS_END);
	printf("end %" PRId64 "\n", now_ms() - begun);
	fflush(stdout);
	operation_count = 0;
}

static void take_operation(const char *line)
{
	if (operation_count == OPERATIONS) {
		fprintf(stderr, "more than %d operations\n", OPERATIONS);
		exit(2);
	}
	struct operation *operation = &operations[operation_count++];
	operation->line = strdup(line);
	char *rest = operation->line, *word;
	for (int count = 0; count < WORDS && (word = strsep(&rest, " \n")) != NULL && *word != '\0'; count++)
		operation->words[count] = word;
	operation->slot = operation->words[1] != NULL ? number(operation->words[1]) % SLOTS : 0;
	operation->out = open_memstream(&operation->result, &operation->result_size);
}

static struct vd_transaction *take_start(void)
{
	struct vd_transaction *start;
	if (vd_transaction_new(database, &start) != 0)
		abort();
	vd_transaction_clear_range(start, "", 0, "\xff", 1);
	return start;
}

static void serve(void)
{
	char *line = NULL;
	size_t room = 0;
	struct vd_transaction *start = take_start();
	while (getline(&line, &room, stdin) > 0) {
		if (strncmp(line, "kv ", 3) == 0) {
			char *rest = line + 3, *key = strsep(&rest, " \n"), *value = strsep(&rest, " \n");
			struct blob k = blob(key), v = blob(value);
			vd_transaction_set(start, k.data, k.size, v.data, v.size);
		} else if (strcmp(line, "run\n") == 0) {
			run_program(start);
			vd_transaction_free(start);
			start = take_start();
		} else {
			take_operation(line);
		}
	}
	vd_transaction_free(start);
	free(line);
}

static void closed(void *arg)
{
	*(bool *)arg = true;
}

int main(int argc, char **argv)
{
	struct vd_option options[16];
	size_t count = 0;
	char message[256] = "";
	for (int i = 2; i < argc && count < 16; i++) {
		char *equals = strchr(argv[i], '=');
		if (equals == NULL)
			return 2;
		*equals = '\0';
		options[count++] = (struct vd_option){ argv[i], equals + 1 };
	}
	base = event_base_new();
	int code =
		vd_database_open(base, argc > 1 ? argv[1] : "", options, count, &database, message, sizeof message);
	if (code != 0) {
		printf("failed %d %s\n", code, message);
		return 1;
	}
	struct vd_future *ready = vd_database_ready(database);
	await(ready);
	code = vd_future_error(ready);
	printf(code == 0 ? "ready\n" : "failed %d %s\n", code, vd_future_message(ready));
	fflush(stdout);
	vd_future_free(ready);
	if (code == 0)
		serve();
	bool is_closed = false;
	vd_database_close(database, closed, &is_closed);
	while (!is_closed)
		event_base_loop(base, EVLOOP_ONCE);
	event_base_free(base);
	return code != 0;
}
