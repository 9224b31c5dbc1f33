/* SPDX-License-Identifier: Apache-2.0 */
/* verb_submit.c: transactions from lines of JSON, dealt out to worker processes; verdicts as they come.
 *
 * This process reads, deals, counts and prints, and opens no database. A worker has at most --in-flight lines that it has
 * not answered, so nothing piles up: what is not under way is still in the file.
 */
#include "cli/cli.h"
#include "cli/submit.h"

#include "common/base/clock.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PROGRESS_MS 200

struct submit_settings {
	char *dsn;
	char *schema;
	int64_t processes;
	int64_t in_flight;
	bool retry;
	int64_t timeout_ms;
};

static const struct vd_setting rows[] = {
	VD_CLI_STORE_ROWS(struct submit_settings),
	VD_SETTING_INTEGER("processes", struct submit_settings, processes, "1", 1, SUBMIT_PROCESSES_MAX,
		"how many worker processes"),
	VD_SETTING_INTEGER(
		"in-flight", struct submit_settings, in_flight, "64", 1, 16384, "transactions under way in each"),
	VD_SETTING_BOOL("retry", struct submit_settings, retry, "false",
		"try again what may be tried again, such as conflicts"),
	VD_SETTING_DURATION("timeout", struct submit_settings, timeout_ms, "60s", 0, 86400000,
		"after which a transaction is given up; 0: never"),
};

static const struct vd_settings settings = {
	.program = "verdict submit",
	.usage = "[settings] [FILE|-]",
	.about = "Reads one transaction a line, such as\n"
			 "  "
			 "{\"id\":\"7\",\"ops\":[[\"set\",\"k\",\"v\"],[\"add\",\"n\",5],[\"clear_range\",\"a\",\"z\"]],"
			 "\"reads\":[[\"a\",\"b\"]]}\n"
			 "and prints one verdict a line, in the order in which they come. Ends with 2 if a line was "
			 "malformed, else with 1\n"
			 "if a verdict is not committed.",
	.rows = rows,
	.count = VD_COUNT(rows),
	.takes_operands = true,
};

/* ---- the loop ---- */

static bool any_peer(const struct submit *submit)
{
	for (size_t i = 0; i < submit->peer_count; i++)
		if (submit->peers[i].output >= 0)
			return true;
	return false;
}

static void turn(struct submit *submit)
{
	struct pollfd fds[2 + 2 * SUBMIT_PROCESSES_MAX];
	nfds_t count = 2;
	fds[0] = (struct pollfd){ .fd = submit_wants_input(submit) ? submit->file : -1, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = vd_interrupted() ? -1 : submit->woken, .events = POLLIN };
	for (size_t i = 0; i < submit->peer_count; i++) {
		struct peer *peer = &submit->peers[i];
		bool sending = peer->to_send.size > 0;
		if (!sending && submit_is_dealt(submit))
			submit_close_input(peer); /* it answers what it has, and ends */
		fds[count++] = (struct pollfd){ .fd = peer->output, .events = POLLIN };
		fds[count++] = (struct pollfd){ .fd = sending ? peer->input : -1, .events = POLLOUT };
	}
	(void)poll(fds, count, submit->progress_ms >= 0 ? PROGRESS_MS : -1);
	if (fds[0].revents != 0)
		submit_read_input(submit);
	for (size_t i = 0; i < submit->peer_count; i++) {
		if (fds[3 + 2 * i].revents != 0)
			submit_send(&submit->peers[i]);
		if (fds[2 + 2 * i].revents != 0)
			submit_receive(submit, &submit->peers[i]);
	}
	if (fflush(stdout) != 0)
		submit_output_failed(submit);
}

static void interrupt(void *arg)
{
	(void)eventfd_write(((struct submit *)arg)->woken, 1);
}

static int run_all(struct submit *submit)
{
	vd_interrupt_set(interrupt, submit);
	submit->began_ms = vd_clock_ms();
	while (any_peer(submit)) {
		if (vd_interrupted())
			submit_give_up_starting(submit);
		submit_deal(submit);
		turn(submit);
		submit_show_progress(submit);
	}
	vd_interrupt_set(NULL, NULL);
	if (submit_answered(submit) > 0 || !submit->failed)
		submit_show_summary(submit);
	if (vd_interrupted())
		return VD_EXIT_INTERRUPTED;
	if (submit->failed || submit->malformed > 0)
		return VD_EXIT_WRONG;
	return submit->counts[VD_KIND_COMMITTED] == submit_answered(submit) ? VD_EXIT_DONE : VD_EXIT_FAILED;
}

/* Until there are workers nothing is under way. */
static void leave(int number)
{
	(void)number;
	_exit(VD_EXIT_INTERRUPTED);
}

static int submit(const struct submit_settings *given, const char *name)
{
	static struct submit submit;
	sigset_t set;
	bool good = true;
	submit = (struct submit){ .in_flight = (size_t)given->in_flight,
		.woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	submit.options = (struct vd_submit_options){
		.dsn = given->dsn, .schema = given->schema, .timeout_ms = given->timeout_ms, .retry = given->retry
	};
	submit.progress_ms = isatty(STDERR_FILENO) ? 0 : -1;
	if (!submit_open_input(&submit, name))
		return VD_EXIT_WRONG;
	signal(SIGINT, leave);
	signal(SIGTERM, leave);
	int code = vd_cli_check(given->dsn, given->schema);
	if (code != VD_EXIT_DONE)
		return code;
	json_object_seed(0); /* before there are threads */
	/* Workers are forked with the signals blocked, before there is any thread here. */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int64_t i = 0; i < given->processes && good; i++)
		good = submit_start_peer(&submit);
	if (!good || submit.woken < 0 || !vd_interrupt_start()) {
		vd_cli_wrong(NULL, "processes cannot be made: %s", strerror(errno));
		submit.failed = true;
	}
	code = run_all(&submit);
	for (size_t i = 0; i < submit.peer_count; i++) {
		vd_buffer_fini(&submit.peers[i].to_send);
		vd_buffer_fini(&submit.peers[i].received);
	}
	vd_buffer_fini(&submit.input);
	return code;
}

static int run(int argc, char **argv)
{
	struct submit_settings given = { 0 };
	int operands;
	int code;
	if (!vd_cli_load(&settings, argc, argv, &given, &operands, &code))
		return code;
	if (operands <= 1)
		code = submit(&given, operands == 0 ? NULL : argv[1]);
	else
		code = vd_cli_wrong("cat FILE FILE | verdict submit", "one file at a time");
	vd_settings_free(&settings, &given);
	return code;
}

const struct vd_verb vd_verb_submit = { "submit", "transactions from lines of JSON, verdicts as they come",
	run, &settings };
