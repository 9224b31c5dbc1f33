/* SPDX-License-Identifier: Apache-2.0 */
/* commands_transaction.c: commands about the transaction itself. */
#include "cli/cli.h"
#include "cli/session.h"

#include "common/text/escape.h"

#include <inttypes.h>
#include <string.h>

static int run_versionstamp(struct vd_session *session, const struct vd_script_step *step)
{
	(void)step;
	if (session->stamp == NULL)
		session->stamp = vd_transaction_get_versionstamp(session->transaction);
	return 0;
}

/* As a string; false if it does not fit or has a NUL in it. */
static bool take_text(struct vd_bytes bytes, char *to, size_t size)
{
	if (bytes.size >= size)
		return false;
	snprintf(to, size, "%.*s", (int)bytes.size, (const char *)bytes.data);
	return strlen(to) == bytes.size;
}

static int run_option(struct vd_session *session, const struct vd_script_step *step)
{
	enum { NAME, VALUE };
	char name[64] = "";
	char value[64] = "";
	const struct vd_argument *given = step->arguments;
	int code = 0;
	if (!take_text(given[NAME].bytes, name, sizeof name))
		code = VD_ERROR_INVALID_OPTION;
	else if (given[VALUE].given && !take_text(given[VALUE].bytes, value, sizeof value))
		code = VD_ERROR_INVALID_OPTION_VALUE;
	else
		code = vd_transaction_set_option(session->transaction, name, given[VALUE].given ? value : NULL);
	if (code == 0)
		return 0;
	(void)vd_cli_wrong(
		"timeout, retry_limit, max_retry_delay, size_limit, read_your_writes_disable and others: see "
		"verdict.h; nothing of this transaction was done",
		"option %s: %s", VD_ESCAPE_SHORT(given[NAME].bytes), vd_error_text(code));
	return VD_COMMAND_WRONG;
}

static int run_size(struct vd_session *session, const struct vd_script_step *step)
{
	int64_t size;
	(void)step;
	int code = vd_transaction_get_approximate_size(session->transaction, &size);
	if (code == 0)
		fprintf(session->out, "size %" PRId64 "\n", size);
	return code;
}

static int run_begin(struct vd_session *session, const struct vd_script_step *step)
{
	(void)step;
	session->begun = true;
	return 0;
}

static int run_reset(struct vd_session *session, const struct vd_script_step *step)
{
	(void)step;
	session_drop(session);
	return 0;
}

static const struct vd_command rows[] = {
	{ "versionstamp", "", "prints the stamp of this transaction when it has committed",
		.run = run_versionstamp },
	{ "option", "NAME [VALUE]", "sets an option of this transaction, such as timeout 5000",
		.run = run_option },
	{ "size", "", "prints how large this transaction is so far, in bytes", .run = run_size },
	{ "begin", "", "begins a transaction, which ends with commit", .run = run_begin,
		.place = VD_COMMAND_BEGINS },
	{ "commit", "", "commits, and prints the verdict", .place = VD_COMMAND_COMMITS },
	{ "reset", "", "drops what this transaction has read and written", .run = run_reset },
};

const struct vd_command_group vd_commands_transaction = { rows, VD_COUNT(rows) };
