/* SPDX-License-Identifier: Apache-2.0 */
/* transaction_driver DSN [option=value]...: the public header under the orders of a test.
 *
 * Opens a database with a loop thread of its own, prints "ready" or "failed <code> <message>", then takes one order a line.
 * Transactions and futures have numbers that the test gives. Bytes are hexadecimal, "-" for none.
 *     new T, free T, reset T, cancel T, option T NAME [VALUE]
 *     set T K V, clear T K, clear_range T B E, atomic T OP K V
 *     sequenced_key T C PREFIX V STAMPED, sequenced_value T C K V STAMPED
 *     first T C                           "first <code> <number>"
 *     conflict T read|write B E           "conflict <code>"
 *     read_at T VERSION                   "read_at <code>"
 *     demand T TYPE K V                   "demand <code>"
 *     lock T ID ABOVE, unlock T ID        "lock <code>", "unlock <code>"
 *     size T, committed T, order T        "<word> <code> <number>"
 *     lost T                              "lost <code> <begin> <end> <version>"
 *     lost_all T                          "lost_all <code> <begin> <end> <version> …"
 *     get F T K SNAPSHOT                  makes future F; so do the following
 *     get_key F T K OR_EQUAL OFFSET SNAPSHOT
 *     get_range F T K OR_EQUAL OFFSET K OR_EQUAL OFFSET LIMIT TARGET MODE ITERATION SNAPSHOT REVERSE
 *     watch F T K
 *     many_watches F T COUNT PREFIX       watches of PREFIX followed by a big-endian 32-bit number: futures F … F+COUNT-1
 *     ready F COUNT                       "ready <how many of F … F+COUNT-1 have ended>"
 *     iterate I T K OR_EQUAL OFFSET K OR_EQUAL OFFSET LIMIT TARGET SNAPSHOT REVERSE    makes iterator I: "iterate <code>"
 *     next F I                            makes future F
 *     free_iterator I
 *     range_size F T B E, split_points F T B E CHUNK
 *     version F T, commit F T, stamp F T, await_first F T C, on_error F T CODE
 *     many_gets F T COUNT PREFIX          gets of PREFIX followed by a big-endian 32-bit number: futures F … F+COUNT-1
 *     wait F                              "wait <code> <message>", or "wait 0" and what F holds; frees F
 *     is_ready F                          "is_ready 0|1"
 *     cancel_future F, free_future F
 *     run T_KEY FAILURES CODE             run() that adds to a key, its body failing with CODE that many times: "run <code> <runs>"
 *     run_async F KEY FAILURES CODE       the same by run_async; the runs are in "runs"
 *     close                               "closed", and ends; so does the end of input
 */
#include "verdict/verdict.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS      70000
#define WORDS      20
#define LINE_BYTES (1 << 20)

static struct vd_database *database;
static struct vd_transaction *transactions[SLOTS];
static struct vd_future *futures[SLOTS];
static char *words[WORDS];
static int word_count;

struct blob {
	uint8_t *data;
	size_t size;
};

static unsigned digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

/* The word becomes the bytes that it means, in place. */
static struct blob blob(int word)
{
	char *text = words[word];
	struct blob bytes = { (uint8_t *)text, 0 };
	if (strcmp(text, "-") == 0)
		return bytes;
	for (; text[0] != '\0' && text[1] != '\0'; text += 2)
		bytes.data[bytes.size++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
	return bytes;
}

static long number(int word)
{
	return strtol(words[word], NULL, 10);
}

static void print_hex(const uint8_t *bytes, size_t size)
{
	fputs(size == 0 ? " -" : " ", stdout);
	for (size_t i = 0; i < size; i++)
		printf("%02x", bytes[i]);
}

static struct vd_transaction *transaction(int word)
{
	return transactions[number(word)];
}

/* ---- futures ---- */

static bool print_rows(const struct vd_future *future)
{
	const struct vd_row *rows;
	size_t count;
	bool more;
	if (vd_future_get_rows(future, &rows, &count, &more) != 0)
		return false;
	printf(" rows %d", more);
	for (size_t i = 0; i < count; i++) {
		print_hex(rows[i].key, rows[i].key_size);
		print_hex(rows[i].value, rows[i].value_size);
	}
	return true;
}

static bool print_keys(const struct vd_future *future)
{
	const struct vd_key *keys;
	size_t count;
	if (vd_future_get_keys(future, &keys, &count) != 0)
		return false;
	fputs(" keys", stdout);
	for (size_t i = 0; i < count; i++)
		print_hex(keys[i].key, keys[i].key_size);
	return true;
}

static void print_result(const struct vd_future *future)
{
	const uint8_t *bytes;
	size_t size;
	bool present;
	int64_t version;
	if (vd_future_get_value(future, &present, &bytes, &size) == 0) {
		fputs(present ? " value" : " absent", stdout);
		if (present)
			print_hex(bytes, size);
	} else if (vd_future_get_key(future, &bytes, &size) == 0) {
		fputs(" key", stdout);
		print_hex(bytes, size);
	} else if (vd_future_get_version(future, &version) == 0) {
		printf(" version %" PRId64, version);
	} else if (vd_future_get_size(future, &version) == 0) {
		printf(" size %" PRId64, version);
	} else if (!print_keys(future) && !print_rows(future)) {
		fputs(" done", stdout);
	}
}

static void order_wait(void)
{
	struct vd_future *future = futures[number(1)];
	int code = vd_future_wait(future);
	printf("wait %d", code);
	if (code != 0)
		printf(" %s", vd_future_message(future));
	else
		print_result(future);
	putchar('\n');
	vd_future_free(future);
	futures[number(1)] = NULL;
}

static void order_is_ready(void)
{
	printf("is_ready %d\n", vd_future_is_ready(futures[number(1)]));
}

static void order_cancel_future(void)
{
	vd_future_cancel(futures[number(1)]);
}

static void order_free_future(void)
{
	vd_future_free(futures[number(1)]);
	futures[number(1)] = NULL;
}

/* ---- transactions ---- */

static void order_new(void)
{
	if (vd_transaction_new(database, &transactions[number(1)]) != 0)
		abort();
}

static void order_free(void)
{
	vd_transaction_free(transaction(1));
	transactions[number(1)] = NULL;
}

static void order_reset(void)
{
	vd_transaction_reset(transaction(1));
}

static void order_cancel(void)
{
	vd_transaction_cancel(transaction(1));
}

static void order_option(void)
{
	printf(
		"option %d\n", vd_transaction_set_option(transaction(1), words[2], word_count > 3 ? words[3] : NULL));
}

static void order_read_at(void)
{
	printf("read_at %d\n", vd_transaction_set_read_version(transaction(1), strtoll(words[2], NULL, 10)));
}

static void order_set(void)
{
	struct blob key = blob(2), value = blob(3);
	vd_transaction_set(transaction(1), key.data, key.size, value.data, value.size);
}

static void order_clear(void)
{
	struct blob key = blob(2);
	vd_transaction_clear(transaction(1), key.data, key.size);
}

static void order_clear_range(void)
{
	struct blob begin = blob(2), end = blob(3);
	vd_transaction_clear_range(transaction(1), begin.data, begin.size, end.data, end.size);
}

static void order_atomic(void)
{
	struct blob key = blob(3), operand = blob(4);
	vd_transaction_atomic_op(
		transaction(1), (enum vd_mutation_type)number(2), key.data, key.size, operand.data, operand.size);
}

static void order_sequenced_key(void)
{
	struct blob counter = blob(2), prefix = blob(3), value = blob(4);
	vd_transaction_set_sequenced_key(transaction(1), counter.data, counter.size, prefix.data, prefix.size,
		value.data, value.size, number(5) != 0);
}

static void order_sequenced_value(void)
{
	struct blob counter = blob(2), key = blob(3), value = blob(4);
	vd_transaction_set_sequenced_value(transaction(1), counter.data, counter.size, key.data, key.size,
		value.data, value.size, number(5) != 0);
}

static void order_first(void)
{
	struct blob counter = blob(2);
	int64_t first = 0;
	int code = vd_transaction_get_first_number(transaction(1), counter.data, counter.size, &first);
	printf("first %d %" PRId64 "\n", code, first);
}

static void order_conflict(void)
{
	enum vd_conflict_range_type type =
		strcmp(words[2], "read") == 0 ? VD_CONFLICT_RANGE_READ : VD_CONFLICT_RANGE_WRITE;
	struct blob begin = blob(3), end = blob(4);
	printf("conflict %d\n",
		vd_transaction_add_conflict_range(transaction(1), begin.data, begin.size, end.data, end.size, type));
}

static void order_demand(void)
{
	struct blob key = blob(3), value = blob(4);
	printf(
		"demand %d\n", vd_transaction_add_precondition(transaction(1), (enum vd_precondition_type)number(2),
						   key.data, key.size, value.data, value.size));
}

static void order_lock(void)
{
	printf("lock %d\n", vd_transaction_lock(transaction(1), blob(2).data, strtoll(words[3], NULL, 10)));
}

static void order_unlock(void)
{
	printf("unlock %d\n", vd_transaction_unlock(transaction(1), blob(2).data));
}

static void order_size(void)
{
	int64_t size = 0;
	int code = vd_transaction_get_approximate_size(transaction(1), &size);
	printf("size %d %" PRId64 "\n", code, size);
}

static void order_committed(void)
{
	int64_t version = 0;
	int code = vd_transaction_get_committed_version(transaction(1), &version);
	printf("committed %d %" PRId64 "\n", code, version);
}

static void order_order(void)
{
	int order = 0;
	int code = vd_transaction_get_committed_order(transaction(1), &order);
	printf("order %d %d\n", code, order);
}

static void order_lost(void)
{
	const uint8_t *begin = NULL, *end = NULL;
	size_t begin_size = 0, end_size = 0;
	int64_t version = 0;
	int code = vd_transaction_get_conflict(transaction(1), &begin, &begin_size, &end, &end_size, &version);
	printf("lost %d", code);
	print_hex(begin, begin_size);
	print_hex(end, end_size);
	printf(" %" PRId64 "\n", version);
}

static void order_lost_all(void)
{
	const struct vd_conflict *conflicts;
	size_t count = 0;
	printf("lost_all %d", vd_transaction_get_conflicts(transaction(1), &conflicts, &count));
	for (size_t i = 0; i < count; i++) {
		print_hex(conflicts[i].begin, conflicts[i].begin_size);
		print_hex(conflicts[i].end, conflicts[i].end_size);
		printf(" %" PRId64, conflicts[i].version);
	}
	putchar('\n');
}

/* ---- reads and commits ---- */

static void order_get(void)
{
	struct blob key = blob(3);
	futures[number(1)] = vd_transaction_get(transaction(2), key.data, key.size, number(4) != 0);
}

static struct vd_selector selector(int word)
{
	struct blob key = blob(word);
	struct vd_selector made = { key.data, key.size, number(word + 1) != 0, (int)number(word + 2) };
	return made;
}

static void order_get_key(void)
{
	struct vd_selector where = selector(3);
	futures[number(1)] = vd_transaction_get_key(transaction(2), &where, number(6) != 0);
}

static void order_get_range(void)
{
	struct vd_selector begin = selector(3), end = selector(6);
	struct vd_range_options options = {
		.limit = (int)number(9),
		.target_bytes = (int)number(10),
		.mode = (enum vd_streaming_mode)number(11),
		.iteration = (int)number(12),
		.snapshot = number(13) != 0,
		.reverse = number(14) != 0,
	};
	futures[number(1)] = vd_transaction_get_range(transaction(2), &begin, &end, &options);
}

static size_t numbered_key(uint8_t *key, struct blob prefix, uint32_t which)
{
	memcpy(key, prefix.data, prefix.size);
	for (int byte = 0; byte < 4; byte++)
		key[prefix.size + (size_t)byte] = (uint8_t)(which >> (24 - 8 * byte));
	return prefix.size + 4;
}

static struct vd_iterator *iterators[SLOTS];

static void order_iterate(void)
{
	struct vd_selector begin = selector(3), end = selector(6);
	struct vd_range_options options = {
		.limit = (int)number(9),
		.target_bytes = (int)number(10),
		.snapshot = number(11) != 0,
		.reverse = number(12) != 0,
	};
	printf("iterate %d\n", vd_iterator_new(transaction(2), &begin, &end, &options, &iterators[number(1)]));
}

static void order_next(void)
{
	futures[number(1)] = vd_iterator_next(iterators[number(2)]);
}

static void order_range_size(void)
{
	struct blob begin = blob(3), end = blob(4);
	futures[number(1)] =
		vd_transaction_get_estimated_range_size(transaction(2), begin.data, begin.size, end.data, end.size);
}

static void order_split_points(void)
{
	struct blob begin = blob(3), end = blob(4);
	futures[number(1)] = vd_transaction_get_range_split_points(
		transaction(2), begin.data, begin.size, end.data, end.size, number(5));
}

static void order_free_iterator(void)
{
	vd_iterator_free(iterators[number(1)]);
	iterators[number(1)] = NULL;
}

static void order_many_gets(void)
{
	struct blob prefix = blob(4);
	uint8_t key[64];
	if (prefix.size > sizeof key - 4)
		abort();
	for (long i = 0; i < number(3); i++)
		futures[number(1) + i] =
			vd_transaction_get(transaction(2), key, numbered_key(key, prefix, (uint32_t)i), false);
}

static void order_watch(void)
{
	struct blob key = blob(3);
	futures[number(1)] = vd_transaction_watch(transaction(2), key.data, key.size);
}

static void order_many_watches(void)
{
	struct blob prefix = blob(4);
	uint8_t key[64];
	if (prefix.size > sizeof key - 4)
		abort();
	for (long i = 0; i < number(3); i++)
		futures[number(1) + i] =
			vd_transaction_watch(transaction(2), key, numbered_key(key, prefix, (uint32_t)i));
}

static void order_ready(void)
{
	long ready = 0;
	for (long i = 0; i < number(2); i++)
		ready += vd_future_is_ready(futures[number(1) + i]);
	printf("ready %ld\n", ready);
}

static void order_version(void)
{
	futures[number(1)] = vd_transaction_get_read_version(transaction(2));
}

static void order_commit(void)
{
	futures[number(1)] = vd_transaction_commit(transaction(2));
}

static void order_stamp(void)
{
	futures[number(1)] = vd_transaction_get_versionstamp(transaction(2));
}

static void order_await_first(void)
{
	struct blob counter = blob(3);
	futures[number(1)] = vd_transaction_await_first_number(transaction(2), counter.data, counter.size);
}

static void order_on_error(void)
{
	futures[number(1)] = vd_transaction_on_error(transaction(2), (int)number(3));
}

/* ---- the retry loops ---- */

static struct {
	struct blob key;
	long failures;
	int code;
	int runs;
} job;

static int job_body(struct vd_transaction *by, void *arg)
{
	static const uint8_t one[8] = { 1 };
	(void)arg;
	vd_transaction_atomic_op(by, VD_MUTATION_ADD, job.key.data, job.key.size, one, sizeof one);
	return job.runs++ < job.failures ? job.code : 0;
}

static struct vd_future *job_body_async(struct vd_transaction *by, void *arg)
{
	struct vd_future *future = vd_future_new(database);
	vd_future_end(future, job_body(by, arg));
	return future;
}

static void order_run(void)
{
	int64_t version = 0;
	job.key = blob(1);
	job.failures = number(2);
	job.code = (int)number(3);
	job.runs = 0;
	int code = vd_database_run(database, job_body, NULL, &version);
	printf("run %d %d %d\n", code, job.runs, version > 0);
}

static void order_run_async(void)
{
	static uint8_t key[256];
	struct blob given = blob(2);
	if (given.size > sizeof key)
		abort();
	memcpy(key, given.data, given.size);
	job.key.data = key;
	job.key.size = given.size;
	job.failures = number(3);
	job.code = (int)number(4);
	job.runs = 0;
	futures[number(1)] = vd_database_run_async(database, job_body_async, NULL);
}

static void order_runs(void)
{
	printf("runs %d\n", job.runs);
}

static const struct {
	const char *name;
	void (*run)(void);
} orders[] = {
	{ "new", order_new },
	{ "free", order_free },
	{ "reset", order_reset },
	{ "cancel", order_cancel },
	{ "option", order_option },
	{ "read_at", order_read_at },
	{ "set", order_set },
	{ "clear", order_clear },
	{ "clear_range", order_clear_range },
	{ "atomic", order_atomic },
	{ "sequenced_key", order_sequenced_key },
	{ "sequenced_value", order_sequenced_value },
	{ "first", order_first },
	{ "conflict", order_conflict },
	{ "demand", order_demand },
	{ "lock", order_lock },
	{ "unlock", order_unlock },
	{ "size", order_size },
	{ "committed", order_committed },
	{ "order", order_order },
	{ "lost", order_lost },
	{ "lost_all", order_lost_all },
	{ "get", order_get },
	{ "get_key", order_get_key },
	{ "get_range", order_get_range },
	{ "iterate", order_iterate },
	{ "next", order_next },
	{ "free_iterator", order_free_iterator },
	{ "range_size", order_range_size },
	{ "split_points", order_split_points },
	{ "many_gets", order_many_gets },
	{ "watch", order_watch },
	{ "many_watches", order_many_watches },
	{ "ready", order_ready },
	{ "version", order_version },
	{ "commit", order_commit },
	{ "stamp", order_stamp },
	{ "await_first", order_await_first },
	{ "on_error", order_on_error },
	{ "wait", order_wait },
	{ "is_ready", order_is_ready },
	{ "cancel_future", order_cancel_future },
	{ "free_future", order_free_future },
	{ "run", order_run },
	{ "run_async", order_run_async },
	{ "runs", order_runs },
};

static bool order(char *line)
{
	char *rest = NULL;
	word_count = 0;
	for (char *word = strtok_r(line, " \n", &rest); word != NULL && word_count < WORDS;
		 word = strtok_r(NULL, " \n", &rest))
		words[word_count++] = word;
	if (word_count == 0 || strcmp(words[0], "close") == 0)
		return word_count == 0;
	for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
		if (strcmp(orders[i].name, words[0]) == 0) {
			orders[i].run();
			return true;
		}
	}
	fprintf(stderr, "no such order: %s\n", words[0]);
	exit(2);
}

static int opened(int argc, char **argv)
{
	struct vd_option options[16];
	char message[512] = "";
	size_t count = 0;
	for (int i = 2; i < argc && count < 16; i++) {
		char *equals = strchr(argv[i], '=');
		if (equals == NULL)
			return 2;
		*equals = '\0';
		options[count].name = argv[i];
		options[count++].value = equals + 1;
	}
	int code = vd_database_open(NULL, argv[1], options, count, &database, message, sizeof message);
	if (code != 0) {
		printf("failed %d %s\n", code, message);
		return 1;
	}
	struct vd_future *ready = vd_database_ready(database);
	code = vd_future_wait(ready);
	if (code == 0)
		puts("ready");
	else
		printf("failed %d %s\n", code, vd_future_message(ready));
	vd_future_free(ready);
	return 0;
}

int main(int argc, char **argv)
{
	static char line[LINE_BYTES];
	int status = argc < 2 ? 2 : opened(argc, argv);
	if (status != 0)
		return status;
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) != NULL && order(line))
		fflush(stdout);
	vd_database_close(database, NULL, NULL);
	/* transactions and futures may outlive their database */
	for (size_t i = 0; i < SLOTS; i++) {
		vd_iterator_free(iterators[i]);
		vd_transaction_free(transactions[i]);
		vd_future_free(futures[i]);
	}
	puts("closed");
	return 0;
}
