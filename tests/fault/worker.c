/* SPDX-License-Identifier: Apache-2.0 */
/* worker DSN [option=value]...: many commits at once over the public header, under the orders of a fault test.
 *
 * Opens a database with a loop thread of its own, prints {"ready":CODE}, then takes one order
 * a line:
 *     adds FIRST COUNT             COUNT blind transactions
 *     increments FIRST COUNT KEYS  the same, each of which reads the counter "k" + (ID mod KEYS), and sets it to one more
 *     values FIRST COUNT BYTES     blind ones, each of which also sets keys ("v" + ID + I) to values of 50,000 bytes, BYTES in all
 *     keys FIRST COUNT NUMBER      … sets so many keys ("v" + ID + I) to an empty value
 *     ranges FIRST COUNT NUMBER    … adds so many read and as many write conflict ranges of a key each ("v" + ID + I)
 *     fork                         what a child may do with the parent's database and transaction: {"fork":{…}}
 *     close                        {"closed":true}, and ends; so does the end of input
 * Each transaction has an ID and leaves behind: 1 added to "count", 1 added to a counter of its own ("n" + ID), and a witness
 * that says where it was committed (the key "s" + ID + versionstamp). IDs in keys are 4 bytes, big-endian. How it ended is told
 * once: {"id":7,"code":0,"version":V,"order":O,"us":U}, or with "at":"read" if it was never committed because its read
 * failed; U is how long that took since it began, in microseconds. Nothing is retried: what is told is what the library said
 * of that one commit.
 */
#include "verdict/verdict.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct job {
	uint32_t id;
	uint32_t counter;
	int64_t began_us;
	struct vd_transaction *transaction;
	struct vd_future *future;
};

static struct vd_database *database;
static const char *dsn;
static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;
static atomic_long open_jobs;

/* A letter, and 4 bytes: 5 bytes. */
static void key_of(uint8_t *key, char letter, uint32_t number)
{
	key[0] = (uint8_t)letter;
	for (int byte = 0; byte < 4; byte++)
		key[1 + byte] = (uint8_t)(number >> (24 - 8 * byte));
}

static int64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void tell(struct job *job, int code, const char *at)
{
	int64_t version = 0;
	int order = 0;
	if (code == 0 && (vd_transaction_get_committed_version(job->transaction, &version) != 0 ||
						 vd_transaction_get_committed_order(job->transaction, &order) != 0))
		abort();
	pthread_mutex_lock(&output);
	printf("{\"id\":%" PRIu32 ",\"code\":%d,\"version\":%" PRId64 ",\"order\":%d,\"us\":%" PRId64 "%s}\n",
		job->id, code, version, order, now_us() - job->began_us, at);
	fflush(stdout);
	pthread_mutex_unlock(&output);
	vd_future_free(job->future);
	vd_transaction_free(job->transaction);
	free(job);
	atomic_fetch_sub(&open_jobs, 1);
}

static void on_committed(struct vd_future *future, void *arg)
{
	tell(arg, vd_future_error(future), "");
}

static void commit(struct job *job)
{
	static const uint8_t one[8] = { 1 };
	uint8_t key[19] = { 0 };
	vd_transaction_atomic_op(job->transaction, VD_MUTATION_ADD, "count", 5, one, sizeof one);
	key_of(key, 'n', job->id);
	vd_transaction_atomic_op(job->transaction, VD_MUTATION_ADD, key, 5, one, sizeof one);
	key_of(key, 's', job->id);
	key[15] = 5; /* where the stamp goes, little-endian, behind the key */
	vd_transaction_atomic_op(job->transaction, VD_MUTATION_SET_VERSIONSTAMPED_KEY, key, sizeof key, "", 0);
	job->future = vd_transaction_commit(job->transaction);
	vd_future_on_ready(job->future, on_committed, job);
}

static void on_read(struct vd_future *future, void *arg)
{
	struct job *job = arg;
	bool present = false;
	const uint8_t *value = NULL;
	size_t size = 0;
	uint8_t key[5], number[8] = { 0 };
	int code = vd_future_get_value(future, &present, &value, &size);
	if (code != 0) {
		tell(job, code, ",\"at\":\"read\"");
		return;
	}
	if (present && size == sizeof number)
		memcpy(number, value, size);
	for (int byte = 0; byte < 8 && ++number[byte] == 0; byte++)
		continue;
	key_of(key, 'k', job->counter);
	vd_transaction_set(job->transaction, key, sizeof key, number, sizeof number);
	vd_future_free(future);
	commit(job);
}

/* What makes a transaction large, in any of three ways. */
static void fill(struct vd_transaction *transaction, const char *how, uint32_t id, uint32_t most)
{
	enum { VALUE_BYTES = 50000 };
	static uint8_t value[VALUE_BYTES];
	uint8_t key[10];
	key_of(key, 'v', id);
	bool has_values = strcmp(how, "values") == 0;
	for (uint32_t i = 0; has_values ? i * VALUE_BYTES < most : i < most; i++) {
		key_of(key + 5, '/', i);
		if (strcmp(how, "ranges") != 0) {
			uint32_t size = !has_values                            ? 0
							: most - i * VALUE_BYTES < VALUE_BYTES ? most - i * VALUE_BYTES
																   : VALUE_BYTES;
			vd_transaction_set(transaction, key, sizeof key, value, size);
			continue;
		}
		uint8_t end[11] = { 0 };
		memcpy(end, key, sizeof key);
		if (vd_transaction_add_conflict_range(
				transaction, key, sizeof key, end, sizeof end, VD_CONFLICT_RANGE_READ) != 0 ||
			vd_transaction_add_conflict_range(
				transaction, key, sizeof key, end, sizeof end, VD_CONFLICT_RANGE_WRITE) != 0)
			abort();
	}
}

static void begin(const char *how, uint32_t id, uint32_t most)
{
	uint32_t keys = strcmp(how, "increments") == 0 ? most : 0;
	struct job *job = calloc(1, sizeof *job);
	if (job == NULL || vd_transaction_new(database, &job->transaction) != 0)
		abort();
	job->id = id;
	job->began_us = now_us();
	atomic_fetch_add(&open_jobs, 1);
	if (keys == 0) {
		fill(job->transaction, how, id, strcmp(how, "adds") == 0 ? 0 : most);
		commit(job);
		return;
	}
	uint8_t key[5];
	job->counter = id % keys;
	key_of(key, 'k', job->counter);
	job->future = vd_transaction_get(job->transaction, key, sizeof key, false);
	vd_future_on_ready(job->future, on_read, job);
}

/* ---- fork ---- */

static int body(struct vd_transaction *transaction, void *arg)
{
	(void)arg;
	vd_transaction_set(transaction, "child", 5, "1", 1);
	return 0;
}

static int ended(struct vd_future *future)
{
	int code = vd_future_wait(future);
	vd_future_free(future);
	return code;
}

/* The codes of everything that a child can try, and of a database of its own, as JSON. */
static void child(struct vd_transaction *inherited, FILE *out)
{
	struct vd_transaction *made = NULL;
	fprintf(out, "{\"ready\":%d,", ended(vd_database_ready(database)));
	fprintf(out, "\"get\":%d,", ended(vd_transaction_get(inherited, "count", 5, false)));
	fprintf(out, "\"commit\":%d,", ended(vd_transaction_commit(inherited)));
	fprintf(out, "\"run\":%d,", vd_database_run(database, body, NULL, NULL));
	int code = vd_transaction_new(database, &made);
	if (code == 0) {
		vd_transaction_set(made, "child", 5, "1", 1);
		code = ended(vd_transaction_commit(made));
		vd_transaction_free(made);
	}
	fprintf(out, "\"new\":%d,", code);
	vd_transaction_free(inherited);
	vd_database_close(database, NULL, NULL);
	struct vd_database *own = NULL;
	code = vd_database_open(NULL, dsn, NULL, 0, &own, NULL, 0);
	if (code == 0) {
		code = vd_database_run(own, body, NULL, NULL);
		vd_database_close(own, NULL, NULL);
	}
	fprintf(out, "\"own\":%d}\n", code);
}

static void order_fork(void)
{
	struct vd_transaction *inherited = NULL;
	int ends[2], status = 0;
	char line[256] = "";
	if (vd_transaction_new(database, &inherited) != 0 || pipe(ends) != 0)
		abort();
	vd_transaction_set(inherited, "parent", 6, "1", 1);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(20);
		FILE *out = fdopen(ends[1], "w");
		child(inherited, out);
		fclose(out);
		_exit(0);
	}
	close(ends[1]);
	FILE *in = fdopen(ends[0], "r");
	if (fgets(line, sizeof line, in) == NULL)
		snprintf(line, sizeof line, "null\n");
	fclose(in);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		snprintf(line, sizeof line, "null\n");
	int code = ended(vd_transaction_commit(inherited));
	vd_transaction_free(inherited);
	line[strcspn(line, "\n")] = '\0';
	pthread_mutex_lock(&output);
	printf("{\"fork\":%s,\"parent\":%d}\n", line, code);
	fflush(stdout);
	pthread_mutex_unlock(&output);
}

/* ---- orders ---- */

static bool order(const char *line)
{
	uint32_t first, count, most = 0;
	char how[16];
	if (sscanf(line, "%15s %" SCNu32 " %" SCNu32 " %" SCNu32, how, &first, &count, &most) >= 3) {
		for (uint32_t i = 0; i < count; i++)
			begin(how, first + i, most);
		return true;
	}
	if (strcmp(line, "fork\n") == 0) {
		order_fork();
		return true;
	}
	if (strcmp(line, "close\n") == 0)
		return false;
	fprintf(stderr, "no such order: %s", line);
	exit(2);
}

static bool opened(int argc, char **argv)
{
	struct vd_option options[16];
	char message[512] = "";
	size_t count = 0;
	for (int i = 2; i < argc && count < 16; i++) {
		options[count].name = argv[i];
		char *equals = strchr(argv[i], '=');
		if (equals == NULL)
			return false;
		*equals = '\0';
		options[count++].value = equals + 1;
	}
	dsn = argv[1];
	int code = vd_database_open(NULL, dsn, options, count, &database, message, sizeof message);
	if (code == 0)
		code = ended(vd_database_ready(database));
	if (code != 0)
		fprintf(stderr, "%s\n", message);
	printf("{\"ready\":%d}\n", code);
	fflush(stdout);
	return code == 0;
}

int main(int argc, char **argv)
{
	char line[256];
	if (argc < 2 || !opened(argc, argv))
		return 2;
	while (fgets(line, sizeof line, stdin) != NULL && order(line))
		continue;
	vd_database_close(database, NULL, NULL);
	if (atomic_load(&open_jobs) != 0) {
		fprintf(stderr, "%ld commits were never told of\n", atomic_load(&open_jobs));
		return 1;
	}
	puts("{\"closed\":true}");
	return 0;
}
