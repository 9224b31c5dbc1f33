/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/history/attempt.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct attempt_settings settings;
static struct attempt *attempts;
static uint64_t random_state, last_number;
static atomic_bool stopping;
static atomic_int open_attempts = -1;

static void begin(struct attempt *attempt);
static void advance(struct attempt *attempt);

/* ---- chance ---- */

uint32_t draw(uint32_t bound)
{
	/* splitmix64 */
	uint64_t z = (random_state += 0x9E3779B97F4A7C15);
	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
	return bound == 0 ? 0 : (uint32_t)((z ^ (z >> 31)) >> 32) % bound;
}

uint32_t key_count(void)
{
	return settings.keys;
}

const char *unique(struct attempt *attempt, const char *before)
{
	static char text[128];
	snprintf(
		text, sizeof text, "%s%s.%" PRIu64 ".%d", before, settings.name, attempt->number, attempt->values++);
	return text;
}

/* Whoever is doomed is cancelled when something else happens: at any point of its life. */
static void doom_someone(void)
{
	struct attempt *attempt = &attempts[draw(settings.in_flight)];
	if (!attempt->doomed || attempt->transaction == NULL)
		return;
	attempt->doomed = false;
	vd_transaction_cancel(attempt->transaction);
}

/* ---- reads ---- */

static void read_ended(struct attempt *attempt, int code)
{
	if (code != 0 && attempt->error == 0)
		attempt->error = code;
	if (--attempt->pending == 0)
		advance(attempt);
	doom_someone();
}

static void on_read(struct vd_future *future, void *arg)
{
	struct read *read = arg;
	read_ended(read->attempt, vd_future_error(future));
}

static void on_version(struct vd_future *future, void *arg)
{
	struct attempt *attempt = arg;
	int code = vd_future_get_version(future, &attempt->version);
	if (code == 0)
		attempt->version_time = now_ns();
	read_ended(attempt, code);
}

/* The read version is asked for with the first read, if not before. */
static void ask_version(struct attempt *attempt)
{
	if (attempt->version_future != NULL)
		return;
	attempt->version_future = vd_transaction_get_read_version(attempt->transaction);
	attempt->pending++;
	vd_future_on_ready(attempt->version_future, on_version, attempt);
}

static struct read *new_read(struct attempt *attempt, char kind, const char *key, bool snapshot)
{
	if (attempt->read_count == READS_MAX)
		abort();
	ask_version(attempt);
	struct read *read = &attempt->reads[attempt->read_count++];
	*read = (struct read){ .attempt = attempt, .kind = kind, .snapshot = snapshot };
	snprintf(read->begin, sizeof read->begin, "%s", key);
	return read;
}

static int await(struct read *read, struct vd_future *future)
{
	read->future = future;
	read->attempt->pending++;
	vd_future_on_ready(future, on_read, read);
	return read->attempt->read_count - 1;
}

int attempt_get(struct attempt *attempt, const char *key, bool snapshot)
{
	struct read *read = new_read(attempt, 'g', key, snapshot);
	return await(read, vd_transaction_get(attempt->transaction, key, strlen(key), snapshot));
}

int attempt_range(
	struct attempt *attempt, const char *from, const char *to, const struct vd_range_options *options)
{
	struct read *read = new_read(attempt, 'r', from, options->snapshot);
	snprintf(read->end, sizeof read->end, "%s", to);
	read->limit = options->limit;
	read->reverse = options->reverse;
	struct vd_selector first = vd_first_greater_or_equal(from, strlen(from));
	struct vd_selector last = vd_first_greater_or_equal(to, strlen(to));
	return await(read, vd_transaction_get_range(attempt->transaction, &first, &last, options));
}

int attempt_get_key(struct attempt *attempt, const char *key, bool or_equal, int offset, bool snapshot)
{
	struct read *read = new_read(attempt, 'k', key, snapshot);
	read->or_equal = or_equal;
	read->offset = offset;
	struct vd_selector selector = { key, strlen(key), or_equal, offset };
	return await(read, vd_transaction_get_key(attempt->transaction, &selector, snapshot));
}

bool attempt_value(const struct attempt *attempt, int read, const uint8_t **value, size_t *size)
{
	bool present = false;
	if (vd_future_get_value(attempt->reads[read].future, &present, value, size) != 0)
		abort();
	return present;
}

size_t attempt_rows(const struct attempt *attempt, int read, const struct vd_row **rows)
{
	size_t count = 0;
	bool more = false;
	if (vd_future_get_rows(attempt->reads[read].future, rows, &count, &more) != 0)
		abort();
	return count;
}

static void record_range(struct line *body, const struct read *read)
{
	const struct vd_row *rows = NULL;
	size_t count = 0;
	bool more = false;
	if (vd_future_get_rows(read->future, &rows, &count, &more) != 0)
		abort();
	line_add_bytes(body, read->begin, strlen(read->begin));
	line_add_bytes(body, read->end, strlen(read->end));
	line_add(body, " %d %d %zu", read->limit, more ? 1 : 0, count);
	for (size_t i = 0; i < count; i++) {
		line_add_bytes(body, rows[i].key, rows[i].key_size);
		line_add_bytes(
			body, rows[i].value_size == 0 ? (const uint8_t *)"" : rows[i].value, rows[i].value_size);
	}
}

static void record_read(struct line *body, const struct read *read)
{
	const uint8_t *bytes = NULL;
	size_t size = 0;
	bool present = false;
	line_add(body, " %c%s%s", read->kind, read->snapshot ? "s" : "", read->reverse ? "r" : "");
	if (read->kind == 'r') {
		record_range(body, read);
		return;
	}
	line_add_bytes(body, read->begin, strlen(read->begin));
	if (read->kind == 'k') {
		if (vd_future_get_key(read->future, &bytes, &size) != 0)
			abort();
		line_add(body, " %d %d", read->or_equal ? 1 : 0, read->offset);
		line_add_bytes(body, size == 0 ? (const uint8_t *)"" : bytes, size);
		return;
	}
	if (vd_future_get_value(read->future, &present, &bytes, &size) != 0)
		abort();
	line_add_bytes(body, !present ? NULL : size == 0 ? (const uint8_t *)"" : bytes, size);
}

static void record_reads(struct attempt *attempt)
{
	for (int i = 0; i < attempt->read_count; i++) {
		struct read *read = &attempt->reads[i];
		if (read->recorded || vd_future_error(read->future) != 0)
			continue;
		read->recorded = true;
		record_read(&attempt->body, read);
	}
}

/* ---- writes ---- */

void attempt_set(struct attempt *attempt, const char *key, const char *value)
{
	vd_transaction_set(attempt->transaction, key, strlen(key), value, strlen(value));
	line_add(&attempt->body, " S");
	line_add_bytes(&attempt->body, key, strlen(key));
	line_add_bytes(&attempt->body, value, strlen(value));
}

void attempt_clear(struct attempt *attempt, const void *key, size_t size)
{
	vd_transaction_clear(attempt->transaction, key, size);
	line_add(&attempt->body, " C");
	line_add_bytes(&attempt->body, key, size);
}

void attempt_clear_range(
	struct attempt *attempt, const void *from, size_t from_size, const void *to, size_t to_size)
{
	vd_transaction_clear_range(attempt->transaction, from, from_size, to, to_size);
	line_add(&attempt->body, " D");
	line_add_bytes(&attempt->body, from, from_size);
	line_add_bytes(&attempt->body, to, to_size);
}

void attempt_atomic(struct attempt *attempt, enum vd_mutation_type type, const void *key, size_t key_size,
	const void *operand, size_t size)
{
	vd_transaction_atomic_op(attempt->transaction, type, key, key_size, operand, size);
	line_add(&attempt->body, " A %d", (int)type);
	line_add_bytes(&attempt->body, key, key_size);
	line_add_bytes(&attempt->body, operand, size);
}

void attempt_conflict_range(
	struct attempt *attempt, const char *from, const char *to, enum vd_conflict_range_type type)
{
	if (vd_transaction_add_conflict_range(attempt->transaction, from, strlen(from), to, strlen(to), type) !=
		0)
		return; /* cancelled or timed out: the commit will say so */
	line_add(&attempt->body, " %c", type == VD_CONFLICT_RANGE_READ ? 'x' : 'X');
	line_add_bytes(&attempt->body, from, strlen(from));
	line_add_bytes(&attempt->body, to, strlen(to));
}

/* The versionstamped key by which it is known whether this was committed, and where. */
static void leave_witness(struct attempt *attempt)
{
	char key[128] = "";
	int size = snprintf(
		key, sizeof key - 14, "%sw/%s/%010" PRIu64 "/", HISTORY_BEGIN, settings.name, attempt->number);
	memset(key + size, 0, 14);
	key[size + 10] = (char)size;
	attempt_atomic(attempt, VD_MUTATION_SET_VERSIONSTAMPED_KEY, key, (size_t)size + 14, "", 0);
}

/* ---- the end ---- */

static void release(struct vd_future **future)
{
	vd_future_free(*future);
	*future = NULL;
}

static void close_attempt(struct attempt *attempt)
{
	release(&attempt->version_future);
	release(&attempt->commit);
	release(&attempt->stamp);
	release(&attempt->pause);
	for (int i = 0; i < attempt->read_count; i++)
		release(&attempt->reads[i].future);
	vd_transaction_free(attempt->transaction);
	attempt->transaction = NULL;
	begin(attempt);
}

static void on_pause(struct vd_future *future, void *arg)
{
	(void)future;
	close_attempt(arg);
}

/* After an error that may be tried again, waits as a retry loop would: a database that is away is not stormed. */
static void end_attempt(struct attempt *attempt)
{
	attempt->doomed = false;
	if (attempt->error == 0 || !vd_error_is(VD_ERROR_IS_RETRYABLE, attempt->error)) {
		close_attempt(attempt);
		return;
	}
	attempt->pause = vd_transaction_on_error(attempt->transaction, attempt->error);
	vd_future_on_ready(attempt->pause, on_pause, attempt);
}

static void record_conflict(struct attempt *attempt, struct line *line)
{
	const uint8_t *from = NULL, *to = NULL;
	size_t from_size = 0, to_size = 0;
	int64_t version = 0;
	if (vd_transaction_get_conflict(attempt->transaction, &from, &from_size, &to, &to_size, &version) != 0)
		return;
	line_add_bytes(line, from_size == 0 ? (const uint8_t *)"" : from, from_size);
	line_add_bytes(line, to_size == 0 ? (const uint8_t *)"" : to, to_size);
	line_add(line, " %" PRId64, version);
}

static void told(struct attempt *attempt)
{
	if (--attempt->pending == 0)
		end_attempt(attempt);
	doom_someone();
}

static void on_committed(struct vd_future *future, void *arg)
{
	static struct line line;
	struct attempt *attempt = arg;
	int64_t end = now_ns(), version = -1;
	int order = -1;
	attempt->error = vd_future_error(future);
	line_add(&line, "E %" PRIu64 " %" PRId64 " %d", attempt->number, end, attempt->error);
	if (attempt->error == 0) {
		if (vd_transaction_get_committed_version(attempt->transaction, &version) != 0)
			abort();
		if (version >= 0 && vd_transaction_get_committed_order(attempt->transaction, &order) != 0)
			abort();
		line_add(&line, " %" PRId64 " %d", version, order);
	}
	if (attempt->error == VD_ERROR_NOT_COMMITTED)
		record_conflict(attempt, &line);
	record_write(&line);
	told(attempt);
}

static void on_stamp(struct vd_future *future, void *arg)
{
	static struct line line;
	struct attempt *attempt = arg;
	const uint8_t *stamp = NULL;
	size_t size = 0;
	int code = vd_future_get_key(future, &stamp, &size);
	line_add(&line, "V %" PRIu64 " %" PRId64 " %d", attempt->number, now_ns(), code);
	if (code == 0)
		line_add_bytes(&line, stamp, size);
	record_write(&line);
	told(attempt);
}

static void record_attempt(struct attempt *attempt, char kind, int64_t time)
{
	static struct line line;
	line_add(&line, "%c %" PRIu64 " %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, kind, attempt->number,
		attempt->workload->name, attempt->begin, attempt->version_time, attempt->version, time);
	if (kind == 'R')
		line_add(&line, " %d", attempt->error);
	line_append(&line, &attempt->body);
	record_write(&line);
}

static void submit(struct attempt *attempt, bool writes)
{
	if (writes)
		leave_witness(attempt);
	attempt->pending = 1;
	if (writes && chance(25)) {
		attempt->pending = 2;
		attempt->stamp = vd_transaction_get_versionstamp(attempt->transaction);
	}
	record_attempt(attempt, 'S', now_ns());
	attempt->commit = vd_transaction_commit(attempt->transaction);
	vd_future_on_ready(attempt->commit, on_committed, attempt);
	if (attempt->stamp != NULL)
		vd_future_on_ready(attempt->stamp, on_stamp, attempt);
}

/* ---- the life ---- */

static void advance(struct attempt *attempt)
{
	record_reads(attempt);
	size_t read_size = attempt->body.size;
	enum next next = attempt->error != 0 ? NEXT_END : attempt->workload->step(attempt, attempt->stage++);
	if (next == NEXT_READ)
		return;
	if (next == NEXT_COMMIT) {
		submit(attempt, attempt->body.size != read_size);
		return;
	}
	record_attempt(attempt, 'R', now_ns());
	end_attempt(attempt);
}

static void set_number(struct vd_transaction *transaction, const char *option, uint32_t value)
{
	char text[16];
	snprintf(text, sizeof text, "%" PRIu32, value);
	if (vd_transaction_set_option(transaction, option, text) != 0)
		abort();
}

static void begin(struct attempt *attempt)
{
	if (atomic_load(&stopping) || (settings.transactions != 0 && last_number == settings.transactions)) {
		line_free(&attempt->body);
		atomic_fetch_sub(&open_attempts, 1);
		return;
	}
	struct line body = attempt->body;
	line_clear(&body);
	*attempt = (struct attempt){ .number = ++last_number, .body = body };
	attempt->workload = settings.chosen[draw(settings.chosen_count)];
	attempt->doomed = chance(5);
	attempt->begin = now_ns();
	if (vd_transaction_new(settings.database, &attempt->transaction) != 0)
		abort();
	if (chance(5))
		set_number(attempt->transaction, "timeout", 1 + draw(40));
	if (chance(30)) {
		ask_version(attempt);
		return; /* the reads come when it is known */
	}
	advance(attempt);
}

void attempts_start(const struct attempt_settings *chosen)
{
	settings = *chosen;
	random_state = settings.seed;
	for (const char *c = settings.name; *c != '\0'; c++)
		random_state = random_state * 31 + (uint8_t)*c;
	attempts = calloc(settings.in_flight, sizeof *attempts);
	if (attempts == NULL)
		abort();
	atomic_store(&open_attempts, (int)settings.in_flight);
	for (uint32_t i = 0; i < settings.in_flight; i++)
		begin(&attempts[i]);
}

void attempts_stop(void)
{
	atomic_store(&stopping, true);
}

int attempts_open(void)
{
	return atomic_load(&open_attempts);
}
