/* SPDX-License-Identifier: Apache-2.0 */
/* commands_precondition.c: what the store must hold when the commit's turn comes. */
#include "cli/session.h"

static int run_require(struct vd_session *session, const struct vd_script_step *step)
{
	enum { KEY, VALUE };
	enum vd_precondition_type type = (enum vd_precondition_type)step->command->code;
	bool has_value = type == VD_PRECONDITION_VALUE || type == VD_PRECONDITION_EMPTY;
	struct vd_bytes key = step->arguments[KEY].bytes;
	struct vd_bytes value = has_value ? step->arguments[VALUE].bytes : (struct vd_bytes){ 0 };
	int code = vd_transaction_add_precondition(
		session->transaction, type, key.data, key.size, value.data, value.size);
	return code == 0 ? 0 : session_fail(session, code, vd_error_text(code));
}

static const struct vd_command rows[] = {
	{ "require_value", "KEY VALUE", "commits only if the key holds this value, without reading it now",
		run_require, .code = VD_PRECONDITION_VALUE },
	{ "require_present", "KEY", "commits only if the key is there", run_require,
		.code = VD_PRECONDITION_PRESENT },
	{ "require_absent", "KEY", "commits only if the key is not there", run_require,
		.code = VD_PRECONDITION_ABSENT },
	{ "require_empty", "BEGIN END", "commits only if no key is between BEGIN (inclusive) and END (exclusive)",
		run_require, .code = VD_PRECONDITION_EMPTY },
};

const struct vd_command_group vd_commands_precondition = { rows, VD_COUNT(rows) };
