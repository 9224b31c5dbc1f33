/* SPDX-License-Identifier: Apache-2.0 */
/* session_parts.c: what the functions behind the commands share; see session.h. */
#include "cli/cli.h"
#include "cli/session.h"

#include "common/base/buffer.h"
#include "common/text/escape.h"

int session_fail(struct vd_session *session, int code, const char *message)
{
	snprintf(session->failure, sizeof session->failure, "%s", message);
	return code;
}

int session_wait(struct vd_session *session, struct vd_future *future)
{
	int code = vd_cli_wait(future);
	return code == 0 ? 0 : session_fail(session, code, vd_future_message(future));
}

void session_drop(struct vd_session *session)
{
	vd_future_free(session->stamp);
	session->stamp = NULL;
	session_watches_drop(&session->watching);
	session_counters_drop(&session->counters);
	if (session->transaction != NULL)
		vd_transaction_free(session->transaction);
	session->transaction = NULL;
}

void session_print_bytes(const struct vd_session *session, struct vd_bytes bytes)
{
	struct vd_buffer text = { 0 };
	vd_escape(&text, bytes);
	fputs(vd_buffer_string(&text), session->out);
	vd_buffer_fini(&text);
}

void session_print_pair(const struct vd_session *session, struct vd_bytes key, struct vd_bytes value)
{
	session_print_bytes(session, key);
	fputs(" = ", session->out);
	session_print_bytes(session, value);
	fputc('\n', session->out);
}
