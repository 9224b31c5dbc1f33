/* SPDX-License-Identifier: Apache-2.0 */
/* submit_deal.c: workers from outside: what they are given, what they say. */
#include "cli/cli.h"
#include "cli/submit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_BYTES ((size_t)256 << 10)

/* ---- dealing ---- */

/* The worker with the least to do, if it can take more. */
static struct peer *idle_peer(struct submit *submit)
{
	struct peer *best = NULL;
	for (size_t i = 0; i < submit->peer_count; i++) {
		struct peer *peer = &submit->peers[i];
		if (peer->input >= 0 && peer->ready && peer->open < submit->in_flight &&
			(best == NULL || peer->open < best->open))
			best = peer;
	}
	return best;
}

static bool all_ready(const struct submit *submit)
{
	for (size_t i = 0; i < submit->peer_count; i++)
		if (!submit->peers[i].ready)
			return false;
	return true;
}

void submit_deal(struct submit *submit)
{
	struct vd_bytes text;
	struct peer *peer;
	while (!submit->failed && !vd_interrupted() && all_ready(submit) && (peer = idle_peer(submit)) != NULL &&
		   submit_next_line(submit, &text)) {
		vd_buffer_add_format(&peer->to_send, "%" PRIu64 " ", submit->line);
		vd_buffer_add(&peer->to_send, text);
		vd_buffer_add_byte(&peer->to_send, '\n');
		peer->open++;
	}
}

bool submit_wants_input(struct submit *submit)
{
	return !submit->file_ended && !submit->failed && !vd_interrupted() && all_ready(submit) &&
		   idle_peer(submit) != NULL;
}

bool submit_is_dealt(const struct submit *submit)
{
	return submit->failed || vd_interrupted() || (submit->file_ended && submit->taken == submit->input.size);
}

void submit_send(struct peer *peer)
{
	ssize_t done = write(peer->input, peer->to_send.data + peer->sent, peer->to_send.size - peer->sent);
	if (done > 0)
		peer->sent += (size_t)done;
	else if (done < 0 && errno != EAGAIN && errno != EINTR)
		peer->sent = peer->to_send.size; /* it is gone; its output ends, and says so */
	if (peer->sent == peer->to_send.size) {
		vd_buffer_clear(&peer->to_send);
		peer->sent = 0;
	}
}

/* One that still waits for the database has nothing to finish. */
void submit_give_up_starting(const struct submit *submit)
{
	for (size_t i = 0; i < submit->peer_count; i++)
		if (!submit->peers[i].ready && submit->peers[i].output >= 0)
			kill(submit->peers[i].pid, SIGKILL);
}

void submit_close_input(struct peer *peer)
{
	if (peer->input >= 0)
		close(peer->input);
	peer->input = -1;
}

/* ---- what workers say ---- */

static void take_answer(struct submit *submit, struct peer *peer, char *line)
{
	char *message;
	uint64_t number;
	switch (line[0]) {
	case 'R':
		peer->ready = true;
		break;
	case 'F':
		if (!submit->failed && !vd_interrupted())
			vd_cli_wrong(vd_cli_hint, "%s", line + 2);
		submit->failed = true;
		break;
	case 'V':
		peer->open--;
		submit->counts[line[1] - '0']++;
		if (fputs(line + 3, stdout) == EOF || fputc('\n', stdout) == EOF)
			submit_output_failed(submit);
		break;
	case 'M':
		peer->open--;
		number = strtoull(line + 2, &message, 10);
		submit_tell_malformed(submit, number, message + 1);
		break;
	}
}

static void peer_ended(struct submit *submit, struct peer *peer)
{
	int status;
	close(peer->output);
	peer->output = -1;
	submit_close_input(peer);
	while (waitpid(peer->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (peer->open > 0) {
		vd_cli_wrong("what became of them is not known: look at the store",
			"a worker process has ended with %zu line%s unanswered", peer->open, peer->open == 1 ? "" : "s");
		submit->failed = true;
	} else if (!submit_is_dealt(submit)) {
		vd_cli_wrong(NULL, "a worker process has ended");
		submit->failed = true;
	}
}

void submit_receive(struct submit *submit, struct peer *peer)
{
	uint8_t *to = vd_buffer_extend(&peer->received, READ_BYTES);
	size_t before = peer->received.size - (to == NULL ? 0 : READ_BYTES);
	ssize_t got = to == NULL ? -1 : read(peer->output, to, READ_BYTES);
	vd_buffer_truncate(&peer->received, before + (got > 0 ? (size_t)got : 0));
	if (got < 0 && to != NULL && errno == EINTR)
		return;
	char *begin = (char *)peer->received.data;
	char *end = begin + peer->received.size;
	for (char *newline; begin < end && (newline = memchr(begin, '\n', (size_t)(end - begin))) != NULL;
		 begin = newline + 1) {
		*newline = '\0';
		take_answer(submit, peer, begin);
	}
	size_t left = (size_t)(end - begin);
	memmove(peer->received.data, begin, left);
	vd_buffer_truncate(&peer->received, left);
	if (got <= 0)
		peer_ended(submit, peer);
}

/* ---- workers ---- */

static void become_worker(struct submit *submit, pid_t parent, int input, int output)
{
	/* Nobody would read its verdicts. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(VD_EXIT_WRONG);
	/* What the others' ends have open here would keep them from seeing the end. */
	for (size_t i = 0; i < submit->peer_count; i++) {
		close(submit->peers[i].input);
		close(submit->peers[i].output);
	}
	_exit(vd_submit_work(&submit->options, input, output));
}

bool submit_start_peer(struct submit *submit)
{
	struct peer *peer = &submit->peers[submit->peer_count];
	int in[2];
	int out[2];
	if (pipe2(in, O_CLOEXEC) != 0)
		return false;
	if (pipe2(out, O_CLOEXEC) != 0) {
		close(in[0]);
		close(in[1]);
		return false;
	}
	pid_t parent = getpid();
	peer->pid = fork();
	if (peer->pid == 0) {
		close(in[1]);
		close(out[0]);
		become_worker(submit, parent, in[0], out[1]);
	}
	close(in[0]);
	close(out[1]);
	peer->input = in[1];
	peer->output = out[0];
	submit->peer_count++;
	(void)fcntl(peer->input, F_SETFL, O_NONBLOCK);
	return peer->pid > 0;
}

void submit_output_failed(struct submit *submit)
{
	if (!submit->failed)
		vd_cli_output_failed();
	submit->failed = true;
}
