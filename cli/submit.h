/* SPDX-License-Identifier: Apache-2.0 */
/* submit.h: `verdict submit` from inside: input, workers, what is shown. Private to verb_submit.c and submit_*.c.
 *
 * The process that reads, deals, counts and prints opens no database. A worker has at most --in-flight lines that it has not
 * answered, so nothing piles up: what is not under way is still in the file.
 */
#ifndef VD_CLI_SUBMIT_H
#define VD_CLI_SUBMIT_H

#include "cli/submit_worker.h"
#include "cli/verdict_words.h"

#include "common/base/buffer.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { SUBMIT_PROCESSES_MAX = 64 };

/* A worker, from outside. */
struct peer {
	pid_t pid;
	int input;  /* we write; -1: closed */
	int output; /* we read; -1: it has ended */
	bool ready;
	size_t open; /* lines that it has not answered */
	struct vd_buffer to_send;
	size_t sent;
	struct vd_buffer received;
};

struct submit {
	struct vd_submit_options options;
	size_t in_flight; /* of each worker */
	int file;
	const char *name;
	int64_t file_bytes; /* 0: not known */
	int64_t read_bytes;
	struct vd_buffer input;
	size_t taken; /* of input, from its begin */
	uint64_t line;
	bool file_ended;
	bool too_long; /* the present line; the rest of it is passed over */
	struct peer peers[SUBMIT_PROCESSES_MAX];
	size_t peer_count;
	int woken; /* an eventfd: Ctrl-C */
	uint64_t counts[VD_KIND_COUNT];
	uint64_t malformed;
	bool failed; /* told: workers, input or output */
	int64_t began_ms;
	int64_t progress_ms; /* when it was shown last; -1: no terminal */
};

/* ---- submit_input.c ---- */

/* name NULL or "-": standard input. False: it was told. */
bool submit_open_input(struct submit *submit, const char *name);
/* Reads some more. */
void submit_read_input(struct submit *submit);
/* The next line that is to be a transaction; false: none is there yet, or ever. */
bool submit_next_line(struct submit *submit, struct vd_bytes *text);
void submit_tell_malformed(struct submit *submit, uint64_t line, const char *message);

/* ---- submit_deal.c ---- */

/* Forks one more worker. */
bool submit_start_peer(struct submit *submit);
/* Gives lines to workers that can take more. */
void submit_deal(struct submit *submit);
bool submit_wants_input(struct submit *submit);
/* No line comes any more. */
bool submit_is_dealt(const struct submit *submit);
void submit_send(struct peer *peer);
void submit_receive(struct submit *submit, struct peer *peer);
void submit_give_up_starting(const struct submit *submit);
void submit_close_input(struct peer *peer);
void submit_output_failed(struct submit *submit);

/* ---- submit_show.c ---- */

uint64_t submit_answered(const struct submit *submit);
void submit_show_progress(struct submit *submit);
void submit_show_summary(const struct submit *submit);

#endif
