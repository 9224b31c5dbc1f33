/* SPDX-License-Identifier: Apache-2.0 */
/* submit_worker.c: three threads: this one reads and starts transactions; the library's loop brings them forward, one
 * callback at a time; a third writes what is decided, so that a reader who is slow never holds up the loop.
 *
 *   start ─▶ commit ─▶ verdict
 *     ▲         └─ may be tried again ─▶ on_error ─┐
 *     └────────────────────────────────────────────┘
 */
#include "cli/submit_worker.h"

#include "cli/cli.h"
#include "cli/submit_verdict.h"
#include "cli/verdict_words.h"

#include "common/text/json.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct worker {
	const struct vd_submit_options *options;
	struct vd_database *database;
	int output;
	pthread_t writer;
	/* under the lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct vd_buffer lines; /* to be written */
	size_t open;            /* jobs that are not answered */
	bool ending;            /* no more jobs come */
	bool broken;            /* the other side is gone */
};

struct running {
	struct worker *worker;
	struct vd_job job;
	struct vd_transaction *transaction;
	unsigned attempts;
	int code; /* what the last attempt ended with */
	char message[300];
};

/* ---- out ---- */

static bool write_all(int fd, struct vd_bytes bytes)
{
	while (bytes.size > 0) {
		ssize_t done = write(fd, bytes.data, bytes.size);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		bytes = vd_bytes_slice(bytes, (size_t)done, bytes.size);
	}
	return true;
}

static void *write_lines(void *arg)
{
	struct worker *worker = arg;
	struct vd_buffer taken = { 0 };
	pthread_mutex_lock(&worker->lock);
	for (;;) {
		while (worker->lines.size == 0 && !(worker->ending && worker->open == 0))
			pthread_cond_wait(&worker->changed, &worker->lock);
		if (worker->lines.size == 0)
			break;
		struct vd_buffer swap = worker->lines;
		worker->lines = taken;
		taken = swap;
		pthread_mutex_unlock(&worker->lock);
		bool written = write_all(worker->output, vd_buffer_bytes(&taken));
		vd_buffer_clear(&taken);
		pthread_mutex_lock(&worker->lock);
		worker->broken = worker->broken || !written;
	}
	pthread_mutex_unlock(&worker->lock);
	vd_buffer_fini(&taken);
	return NULL;
}

/* A line goes out; if it answers a job, that is over. */
static void say(struct worker *worker, const struct vd_buffer *line, bool answers)
{
	pthread_mutex_lock(&worker->lock);
	vd_buffer_add(&worker->lines, vd_buffer_bytes(line));
	worker->open -= answers ? 1 : 0;
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
}

/* ---- the life of a job ---- */

static void job_end(struct running *running)
{
	struct vd_buffer line = { 0 };
	json_t *object = vd_verdict_json(&running->job, running->transaction, running->code, running->message,
		running->worker->options->retry ? running->attempts : 0);
	vd_buffer_add_format(&line, "V%d ", (int)vd_verdict_kind(running->code));
	vd_json_add_line(&line, object);
	json_decref(object);
	if (running->transaction != NULL)
		vd_transaction_free(running->transaction);
	say(running->worker, &line, true);
	vd_buffer_fini(&line);
	vd_job_fini(&running->job);
	free(running);
}

static void job_start(struct running *running);

static void on_retry(struct vd_future *future, void *arg)
{
	struct running *running = arg;
	bool again = vd_future_error(future) == 0;
	vd_future_free(future);
	if (again)
		job_start(running);
	else
		job_end(running);
}

static void on_committed(struct vd_future *future, void *arg)
{
	struct running *running = arg;
	running->code = vd_future_error(future);
	running->message[0] = '\0';
	if (running->code != 0)
		snprintf(running->message, sizeof running->message, "%s", vd_future_message(future));
	vd_future_free(future);
	if (running->code != 0 && running->worker->options->retry &&
		vd_error_is(VD_ERROR_IS_RETRYABLE, running->code))
		vd_future_on_ready(vd_transaction_on_error(running->transaction, running->code), on_retry, running);
	else
		job_end(running);
}

static void apply_all(struct running *running, bool ranges)
{
	for (size_t i = 0; i < running->job.ops.count && running->code == 0; i++)
		if ((running->job.ops.items[i].kind == VD_OP_CONFLICT_RANGE) == ranges)
			running->code = vd_op_apply(running->transaction, &running->job.ops.items[i]);
}

static void job_start(struct running *running)
{
	running->attempts++;
	running->code = 0;
	/* What was too old, or lost to somebody, would be so again: a further attempt begins at the newest version. */
	if (running->job.read_version > 0 && running->attempts == 1)
		running->code = vd_transaction_set_read_version(running->transaction, running->job.read_version);
	/* Reads come first: what a transaction has written itself is no read of anybody else's. */
	apply_all(running, true);
	apply_all(running, false);
	if (running->code == 0) {
		vd_future_on_ready(vd_transaction_commit(running->transaction), on_committed, running);
		return;
	}
	snprintf(running->message, sizeof running->message, "%s", vd_error_text(running->code));
	job_end(running);
}

static void job_begin(struct running *running)
{
	char timeout[32];
	int64_t timeout_ms = running->worker->options->timeout_ms;
	running->code = vd_transaction_new(running->worker->database, &running->transaction);
	if (running->code == 0 && timeout_ms > 0) {
		snprintf(timeout, sizeof timeout, "%" PRId64, timeout_ms);
		running->code = vd_transaction_set_option(running->transaction, "timeout", timeout);
	}
	if (running->code == 0)
		job_start(running);
	else
		job_end(running);
}

/* ---- in ---- */

static void malformed(struct running *running, const struct vd_error *error)
{
	struct vd_buffer line = { 0 };
	vd_buffer_add_format(&line, "M %" PRIu64 " %s\n", running->job.line, error->message);
	say(running->worker, &line, true);
	vd_buffer_fini(&line);
	vd_job_fini(&running->job);
	free(running);
}

static bool take_line(struct worker *worker, const char *text, size_t size)
{
	struct vd_error error = { 0 };
	char *json;
	struct running *running = calloc(1, sizeof *running);
	if (running == NULL)
		return false;
	running->worker = worker;
	running->job.line = strtoull(text, &json, 10);
	json++; /* the blank behind the number */
	pthread_mutex_lock(&worker->lock);
	worker->open++;
	bool broken = worker->broken;
	pthread_mutex_unlock(&worker->lock);
	if (vd_job_parse(&running->job, vd_bytes_of(json, size - (size_t)(json - text)), &error) != 0)
		malformed(running, &error);
	else
		job_begin(running);
	return !broken;
}

static void take_lines(struct worker *worker, int input)
{
	FILE *file = fdopen(input, "r");
	char *text = NULL;
	size_t capacity = 0;
	ssize_t size;
	while (file != NULL && (size = getline(&text, &capacity, file)) > 0)
		if (text[size - 1] != '\n' || !take_line(worker, text, (size_t)size - 1))
			break;
	free(text);
	if (file != NULL)
		fclose(file);
}

/* ---- the process ---- */

static bool open_database(struct worker *worker)
{
	const struct vd_option options[] = { { "schema", worker->options->schema } };
	struct vd_buffer line = { 0 };
	char message[512] = "";
	int code = vd_database_open(
		NULL, worker->options->dsn, options, VD_COUNT(options), &worker->database, message, sizeof message);
	if (code == 0) {
		struct vd_future *ready = vd_database_ready(worker->database);
		code = vd_future_wait(ready);
		snprintf(message, sizeof message, "%s", vd_future_message(ready));
		vd_future_free(ready);
	}
	if (code == 0)
		vd_buffer_add_text(&line, "R\n");
	else
		vd_buffer_add_format(&line, "F %s\n", message[0] == '\0' ? vd_error_text(code) : message);
	bool written = write_all(worker->output, vd_buffer_bytes(&line));
	vd_buffer_fini(&line);
	return written && code == 0;
}

int vd_submit_work(const struct vd_submit_options *options, int input, int output)
{
	struct worker worker = { .options = options,
		.output = output,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	bool good = open_database(&worker) && pthread_create(&worker.writer, NULL, write_lines, &worker) == 0;
	if (good) {
		take_lines(&worker, input);
		pthread_mutex_lock(&worker.lock);
		worker.ending = true;
		pthread_cond_signal(&worker.changed);
		pthread_mutex_unlock(&worker.lock);
		pthread_join(worker.writer, NULL);
	}
	if (worker.database != NULL)
		vd_database_close(worker.database, NULL, NULL);
	vd_buffer_fini(&worker.lines);
	return good ? VD_EXIT_DONE : VD_EXIT_WRONG;
}
