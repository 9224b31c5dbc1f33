/* SPDX-License-Identifier: Apache-2.0 */
/* commands_lock.c: the lock of the store, and its way out of the hands of somebody who is gone. */
#include "cli/session.h"

static int run_lock(struct vd_session *session, const struct vd_script_step *step)
{
	int code = vd_transaction_lock(session->transaction, step->arguments[0].id, 0);
	return code == 0 ? 0 : session_fail(session, code, vd_error_text(code));
}

static int run_unlock(struct vd_session *session, const struct vd_script_step *step)
{
	int code = vd_transaction_unlock(session->transaction, step->arguments[0].id);
	return code == 0 ? 0 : session_fail(session, code, vd_error_text(code));
}

static const struct vd_command rows[] = {
	{ "lock", "ID", "locks the store: who is not aware of it is refused with 1038 until it is given up",
		.run = run_lock },
	{ "unlock", "ID", "gives up the lock with this id, whoever took it; verdict status shows it",
		.run = run_unlock },
};

const struct vd_command_group vd_commands_lock = { rows, VD_COUNT(rows) };
