/* SPDX-License-Identifier: Apache-2.0 */
/* session.c: transactions over scripts, and their verdicts; see session.h. */
#include "cli/session.h"

#include "cli/cli.h"
#include "cli/verdict_words.h"

#include <inttypes.h>

static int start(struct vd_session *session)
{
	char timeout[32];
	if (session->transaction != NULL)
		return 0;
	session->failure[0] = '\0';
	int code = vd_transaction_new(session->database, &session->transaction);
	if (code == 0 && session->timeout_ms > 0) {
		snprintf(timeout, sizeof timeout, "%" PRId64, session->timeout_ms);
		code = vd_transaction_set_option(session->transaction, "timeout", timeout);
	}
	return code;
}

/* ---- verdicts ---- */

static void print_lost(struct vd_session *session, const char *word, const struct vd_conflict *lost)
{
	fprintf(session->out, "%s begin=", word);
	session_print_bytes(session, vd_bytes_of(lost->begin, lost->begin_size));
	fputs(" end=", session->out);
	session_print_bytes(session, vd_bytes_of(lost->end, lost->end_size));
	fprintf(session->out, " version=%" PRId64 "\n", lost->version);
}

/* The verdict names the first range; the others, with the option report_conflicting_keys, stand before it. */
static void print_conflict(struct vd_session *session)
{
	const struct vd_conflict *lost;
	size_t count;
	if (vd_transaction_get_conflicts(session->transaction, &lost, &count) != 0) {
		fputs("conflict\n", session->out);
		return;
	}
	for (size_t i = 1; i < count; i++)
		print_lost(session, "lost", &lost[i]);
	print_lost(session, "conflict", &lost[0]);
}

static void print_committed(struct vd_session *session)
{
	int64_t version = -1;
	int order = 0;
	const uint8_t *stamp;
	size_t size;
	if (session->stamp != NULL && vd_cli_wait(session->stamp) == 0 &&
		vd_future_get_key(session->stamp, &stamp, &size) == 0) {
		fputs("versionstamp ", session->out);
		session_print_bytes(session, vd_bytes_of(stamp, size));
		fputc('\n', session->out);
	}
	session_print_numbers(session);
	if (vd_transaction_get_committed_version(session->transaction, &version) != 0 || version < 0)
		fprintf(session->out, "committed version=-1 read-only\n");
	else if (vd_transaction_get_committed_order(session->transaction, &order) == 0)
		fprintf(session->out, "committed version=%" PRId64 " order=%d\n", version, order);
}

/* The verdict line; the end of the transaction. */
static int conclude(struct vd_session *session, int code)
{
	if (code == 0) {
		print_committed(session);
		STAILQ_CONCAT(&session->armed, &session->watching);
	} else if (code == VD_ERROR_NOT_COMMITTED && session->transaction != NULL) {
		print_conflict(session);
	} else {
		fprintf(session->out, "%s reason=%s error=%d\n", vd_verdict_word(code), vd_error_name(code), code);
	}
	fflush(session->out);
	if (code != 0 && code != VD_ERROR_NOT_COMMITTED && session->failure[0] != '\0' && !vd_interrupted())
		fprintf(stderr, "%s: %s\n", vd_cli_name(), session->failure);
	session->begun = false;
	session_drop(session);
	if (vd_interrupted())
		return VD_EXIT_INTERRUPTED;
	return code == 0 ? VD_EXIT_DONE : VD_EXIT_FAILED;
}

static int commit(struct vd_session *session)
{
	int code = start(session);
	if (code != 0)
		return conclude(session, code);
	struct vd_future *future = vd_transaction_commit(session->transaction);
	code = session_wait(session, future);
	vd_future_free(future);
	return conclude(session, code);
}

int vd_session_run(struct vd_session *session, const struct vd_script *script)
{
	bool pending = false; /* steps that wait for the commit at the end */
	for (size_t i = 0; i < script->steps.count; i++) {
		const struct vd_script_step *step = &script->steps.items[i];
		int exit_code = VD_EXIT_DONE;
		if (step->command->place == VD_COMMAND_COMMITS) {
			exit_code = commit(session);
			pending = false;
		} else {
			bool is_between = step->command->place == VD_COMMAND_BETWEEN;
			int code = vd_interrupted() ? VD_ERROR_OPERATION_CANCELLED : is_between ? 0 : start(session);
			if (code == 0)
				code = step->command->run(session, step);
			if (code == VD_COMMAND_WRONG) {
				vd_session_end(session);
				exit_code = VD_EXIT_WRONG;
			} else if (code != 0) {
				exit_code = conclude(session, code);
			}
			pending = !session->begun && !is_between;
			fflush(session->out); /* what a script reads may be waited for */
		}
		/* What follows was written in the belief that this one commits. */
		if (exit_code != VD_EXIT_DONE)
			return exit_code;
	}
	return pending ? commit(session) : VD_EXIT_DONE;
}

void vd_session_init(struct vd_session *session, struct vd_database *database, int64_t timeout_ms, FILE *out)
{
	*session = (struct vd_session){ .database = database, .timeout_ms = timeout_ms, .out = out };
	STAILQ_INIT(&session->counters);
	STAILQ_INIT(&session->watching);
	STAILQ_INIT(&session->armed);
}

void vd_session_end(struct vd_session *session)
{
	session_watches_drop(&session->armed);
	session->begun = false;
	session_drop(session);
}
