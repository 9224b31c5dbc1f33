/* SPDX-License-Identifier: Apache-2.0 */
/* wordcount: several worker processes count the words of text files, exactly, whatever dies.
 *
 *   wordcount work --worker 1 --rounds 3 FILE...   one worker; start as many as you like, each with its own name
 *   wordcount progress --rounds 3 FILE...          how much is done: bytes, all bytes
 *   wordcount report                               the counts: "<count> <word>" lines in order of the words
 *
 * A piece of work is one file in one round. A worker claims it by writing its name under the piece's claim
 * key; then it goes through the file, some words a transaction: each transaction reads the piece's progress
 * (how many bytes are done), adds to the words' counters, and moves the progress. Counters are written by
 * atomic ADD, so workers never conflict over a frequent word. The progress is read, so a transaction that
 * starts from an old progress conflicts: that is why a worker that is killed in the middle of a commit and
 * started again under the same name counts nothing twice and leaves nothing out. With --take-over, a worker that
 * finds nothing to claim any more goes on with what the others have not finished: of those that died for good, and,
 * as nothing is counted twice, also of those that live. Connection string: VERDICT_DSN, or libpq's own variables.
 */
#include <verdict/verdict.h>

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct text {
	const char *path;
	char *bytes;
	size_t size;
};

struct job {
	struct vd_database *database;
	struct text *texts;
	int text_count;
	int rounds;
	int words; /* a transaction */
	bool take_over;
	const char *worker;
	FILE *trace; /* a line a verdict: milliseconds since 1970, and its code (0: committed) */
	uint64_t commits, conflicts, retries, counted;
};

static void die(const char *what, int code)
{
	fprintf(stderr, "wordcount: %s: %s (%s)\n", what, vd_error_text(code), vd_error_name(code));
	exit(1);
}

static void trace_verdict(FILE *trace, int code)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	fprintf(trace, "%" PRId64 " %d\n", (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, code);
}

/* Runs body until its transaction is committed, and counts what happened on the way. */
static void transact(struct job *job, int (*body)(struct vd_transaction *transaction, void *arg), void *arg)
{
	struct vd_transaction *transaction;
	int code = vd_transaction_new(job->database, &transaction);
	if (code != 0)
		die("cannot begin", code);
	for (;;) {
		code = body(transaction, arg);
		if (code == 0) {
			struct vd_future *commit = vd_transaction_commit(transaction);
			code = vd_future_wait(commit);
			vd_future_free(commit);
			if (job->trace && code != 0)
				trace_verdict(job->trace, code);
		}
		if (code == 0)
			break;
		job->conflicts += code == VD_ERROR_NOT_COMMITTED;
		job->retries++;
		struct vd_future *retry = vd_transaction_on_error(transaction, code);
		code = vd_future_wait(retry);
		vd_future_free(retry);
		if (code != 0)
			die("cannot commit", code);
	}
	vd_transaction_free(transaction);
}

/* Reads a key into a buffer as text; *present says whether it is there. */
static int read_text(
	struct vd_transaction *transaction, const char *key, char *buffer, size_t size, bool *present)
{
	const uint8_t *value;
	size_t value_size;
	struct vd_future *future = vd_transaction_get(transaction, key, strlen(key), false);
	int code = vd_future_wait(future);
	if (code == 0)
		code = vd_future_get_value(future, present, &value, &value_size);
	if (code == 0 && *present)
		snprintf(buffer, size, "%.*s", (int)value_size, (const char *)value);
	vd_future_free(future);
	return code;
}

/* ---- Claiming
 * ------------------------------------------------------------------------------------------------- */

struct claim {
	const struct job *job;
	char key[512];
	bool mine;
};

static int claim_piece(struct vd_transaction *transaction, void *arg)
{
	struct claim *claim = arg;
	char owner[128];
	bool present = false;
	int code = read_text(transaction, claim->key, owner, sizeof owner, &present);
	if (code == 0 && !present)
		vd_transaction_set(
			transaction, claim->key, strlen(claim->key), claim->job->worker, strlen(claim->job->worker));
	claim->mine = code == 0 && (!present || strcmp(owner, claim->job->worker) == 0);
	return code;
}

/* ---- Counting
 * ------------------------------------------------------------------------------------------------- */

struct step {
	const struct job *job;
	const struct text *text;
	char key[512];  /* of the progress */
	size_t counted; /* words in this transaction */
	bool done;
};

/* The next word at or after *at, lower case, in word; 0 at the end of the text. */
static size_t next_word(const struct text *text, size_t *at, char *word, size_t size)
{
	size_t length = 0;
	while (*at < text->size && !isalpha((unsigned char)text->bytes[*at]))
		(*at)++;
	for (; *at < text->size && isalpha((unsigned char)text->bytes[*at]); (*at)++) {
		if (length < size)
			word[length] = (char)tolower((unsigned char)text->bytes[*at]);
		length++;
	}
	return length;
}

static int count_some(struct vd_transaction *transaction, void *arg)
{
	static const uint8_t one[8] = { 1 }; /* little-endian */
	static const char prefix[] = "wordcount/count/";
	struct step *step = arg;
	char progress[32], key[sizeof prefix + 2048];
	bool present = false;
	int code = read_text(transaction, step->key, progress, sizeof progress, &present);
	if (code != 0)
		return code;
	size_t at = present ? strtoull(progress, NULL, 10) : 0;
	step->counted = 0;
	step->done = at >= step->text->size;
	if (step->done)
		return 0;
	memcpy(key, prefix, sizeof prefix - 1);
	while (step->counted < (size_t)step->job->words) {
		size_t length = next_word(step->text, &at, key + sizeof prefix - 1, sizeof key - sizeof prefix);
		if (length == 0)
			break;
		vd_transaction_atomic_op(
			transaction, VD_MUTATION_ADD, key, sizeof prefix - 1 + length, one, sizeof one);
		step->counted++;
	}
	int size = snprintf(progress, sizeof progress, "%zu", at);
	vd_transaction_set(transaction, step->key, strlen(step->key), progress, (size_t)size);
	return 0;
}

static void work_through(struct job *job, const struct text *text, int round)
{
	struct step step = { .job = job, .text = text };
	snprintf(step.key, sizeof step.key, "wordcount/progress/%d/%s", round, text->path);
	for (;;) {
		transact(job, count_some, &step);
		if (step.done)
			return;
		job->commits++;
		job->counted += step.counted;
		if (job->trace)
			trace_verdict(job->trace, 0);
	}
}

static void work(struct job *job)
{
	for (int round = 0; round < job->rounds; round++) {
		for (int i = 0; i < job->text_count; i++) {
			struct claim claim = { .job = job };
			snprintf(claim.key, sizeof claim.key, "wordcount/claim/%d/%s", round, job->texts[i].path);
			transact(job, claim_piece, &claim);
			if (claim.mine)
				work_through(job, &job->texts[i], round);
		}
	}
	for (int round = 0; job->take_over && round < job->rounds; round++)
		for (int i = 0; i < job->text_count; i++)
			work_through(job, &job->texts[i], round);
	printf("{\"worker\":\"%s\",\"words\":%" PRIu64 ",\"commits\":%" PRIu64 ",\"conflicts\":%" PRIu64
		   ",\"retries\":%" PRIu64 "}\n",
		job->worker, job->counted, job->commits, job->conflicts, job->retries);
}

/* ---- Looking
 * -------------------------------------------------------------------------------------------------- */

/* Calls each for all rows under a prefix, some at a time. The whole walk is one transaction, so one state of
 * the store. */
static void walk(
	struct job *job, const char *prefix, void (*each)(const struct vd_row *row, void *arg), void *arg)
{
	char begin[2304], end[64];
	size_t begin_size = strlen(prefix);
	struct vd_transaction *transaction;
	int code = vd_transaction_new(job->database, &transaction);
	if (code != 0)
		die("cannot begin", code);
	memcpy(begin, prefix, begin_size);
	int end_size = snprintf(end, sizeof end, "%s", prefix);
	end[end_size - 1]++; /* "…/" becomes "…0": behind all that begins with the prefix */
	for (bool more = true; more;) {
		struct vd_selector from = vd_first_greater_or_equal(begin, begin_size);
		struct vd_selector to = vd_first_greater_or_equal(end, (size_t)end_size);
		const struct vd_row *rows;
		size_t count;
		struct vd_future *future = vd_transaction_get_range(transaction, &from, &to, NULL);
		code = vd_future_wait(future);
		if (code == 0)
			code = vd_future_get_rows(future, &rows, &count, &more);
		if (code != 0)
			die("cannot read", code);
		for (size_t i = 0; i < count; i++)
			each(&rows[i], arg);
		if (count > 0) {
			memcpy(begin, rows[count - 1].key, rows[count - 1].key_size);
			begin[rows[count - 1].key_size] = '\0';
			begin_size = rows[count - 1].key_size + 1;
		}
		vd_future_free(future);
	}
	vd_transaction_free(transaction);
}

static void print_count(const struct vd_row *row, void *arg)
{
	uint64_t count = 0;
	const size_t prefix = *(const size_t *)arg;
	for (size_t i = row->value_size; i-- > 0;)
		count = count << 8 | row->value[i];
	printf("%" PRIu64 " %.*s\n", count, (int)(row->key_size - prefix), (const char *)row->key + prefix);
}

static void report(struct job *job)
{
	static const char prefix[] = "wordcount/count/";
	size_t size = strlen(prefix);
	walk(job, prefix, print_count, &size);
}

static void add_progress(const struct vd_row *row, void *arg)
{
	char text[32];
	snprintf(text, sizeof text, "%.*s", (int)row->value_size, (const char *)row->value);
	*(uint64_t *)arg += strtoull(text, NULL, 10);
}

static void progress(struct job *job)
{
	uint64_t done = 0, all = 0;
	for (int i = 0; i < job->text_count; i++)
		all += (uint64_t)job->texts[i].size * (uint64_t)job->rounds;
	walk(job, "wordcount/progress/", add_progress, &done);
	printf("%" PRIu64 " %" PRIu64 "\n", done, all);
}

/* ---- The program
 * ---------------------------------------------------------------------------------------------- */

static void load(struct text *text, const char *path)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL || fseek(file, 0, SEEK_END) != 0 || strlen(path) > 400) {
		fprintf(stderr, "wordcount: %s: %s\n", path, errno ? strerror(errno) : "the path is too long");
		exit(2);
	}
	text->path = path;
	text->size = (size_t)ftell(file);
	text->bytes = malloc(text->size + 1);
	rewind(file);
	if (text->bytes == NULL || fread(text->bytes, 1, text->size, file) != text->size) {
		fprintf(stderr, "wordcount: %s: cannot be read\n", path);
		exit(2);
	}
	fclose(file);
}

static int usage(void)
{
	fputs("usage: wordcount work|progress|report [--worker NAME] [--rounds N] [--words N] [--trace FILE] "
		  "[--schema NAME] [--take-over] FILE...\n"
		  "the connection string is taken from VERDICT_DSN\n",
		stderr);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "worker", 1, NULL, 'w' }, { "rounds", 1, NULL, 'r' },
		{ "words", 1, NULL, 'n' }, { "trace", 1, NULL, 't' }, { "schema", 1, NULL, 's' },
		{ "take-over", 0, NULL, 'o' }, { NULL, 0, NULL, 0 } };
	struct job job = { .rounds = 1, .words = 10, .worker = "1" };
	struct vd_option schema = { "schema", "verdict" };
	char message[512];
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'w':
			job.worker = optarg;
			break;
		case 'r':
			job.rounds = atoi(optarg);
			break;
		case 'n':
			job.words = atoi(optarg);
			break;
		case 's':
			schema.value = optarg;
			break;
		case 'o':
			job.take_over = true;
			break;
		case 't':
			job.trace = fopen(optarg, "a");
			break;
		default:
			return usage();
		}
	}
	const char *verb = optind < argc ? argv[optind++] : "";
	bool needs_files = strcmp(verb, "work") == 0 || strcmp(verb, "progress") == 0;
	if ((!needs_files && strcmp(verb, "report") != 0) || (needs_files && optind == argc) || job.rounds < 1 ||
		job.words < 1 || strlen(job.worker) > 100)
		return usage();
	job.text_count = argc - optind;
	job.texts = calloc((size_t)job.text_count + 1, sizeof *job.texts);
	for (int i = 0; i < job.text_count; i++)
		load(&job.texts[i], argv[optind + i]);

	int code =
		vd_database_open(NULL, getenv("VERDICT_DSN"), &schema, 1, &job.database, message, sizeof message);
	if (code != 0) {
		fprintf(stderr, "wordcount: %s\n", message);
		return 2;
	}
	if (job.trace) /* written at once, for workers get killed */
		setvbuf(job.trace, NULL, _IOLBF, 0);
	struct vd_future *ready = vd_database_ready(job.database);
	if (vd_future_wait(ready) != 0) {
		fprintf(stderr, "wordcount: %s\n", vd_future_message(ready));
		return 2;
	}
	vd_future_free(ready);

	if (strcmp(verb, "work") == 0)
		work(&job);
	else if (strcmp(verb, "progress") == 0)
		progress(&job);
	else
		report(&job);
	vd_database_close(job.database, NULL, NULL);
	for (int i = 0; i < job.text_count; i++)
		free(job.texts[i].bytes);
	free(job.texts);
	if (job.trace)
		fclose(job.trace);
	return 0;
}
