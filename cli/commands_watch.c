/* SPDX-License-Identifier: Apache-2.0 */
/* commands_watch.c: commands about watches. A watch is set in a transaction, armed by its commit, and waited for after it. */
#include "cli/cli.h"
#include "cli/session.h"

#include <stdlib.h>
#include <string.h>

struct session_watch {
	STAILQ_ENTRY(session_watch) link;
	struct vd_future *future;
	struct vd_bytes key;
	uint8_t bytes[];
};

static void watch_free(struct session_watch *watch)
{
	vd_future_free(watch->future);
	free(watch);
}

void session_watches_drop(struct session_watch_list *list)
{
	struct session_watch *watch;
	while ((watch = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, link);
		watch_free(watch);
	}
}

static int run_watch(struct vd_session *session, const struct vd_script_step *step)
{
	enum { KEY };
	struct vd_bytes key = step->arguments[KEY].bytes;
	struct session_watch *watch = malloc(sizeof *watch + key.size);
	if (watch == NULL)
		return VD_ERROR_OUT_OF_MEMORY;
	memcpy(watch->bytes, key.data, key.size);
	watch->key = vd_bytes_of(watch->bytes, key.size);
	watch->future = vd_transaction_watch(session->transaction, key.data, key.size);
	STAILQ_INSERT_TAIL(&session->watching, watch, link);
	/* one that has ended so soon was refused */
	return vd_future_is_ready(watch->future)
			   ? session_fail(session, vd_future_error(watch->future), vd_future_message(watch->future))
			   : 0;
}

static int run_wait(struct vd_session *session, const struct vd_script_step *step)
{
	struct session_watch *watch;
	int code = 0;
	(void)step;
	while (code == 0 && (watch = STAILQ_FIRST(&session->armed)) != NULL) {
		code = session_wait(session, watch->future);
		if (code == 0) {
			fputs("changed ", session->out);
			session_print_bytes(session, watch->key);
			fputc('\n', session->out);
			fflush(session->out);
		}
		STAILQ_REMOVE_HEAD(&session->armed, link);
		watch_free(watch);
	}
	return code;
}

static const struct vd_command rows[] = {
	{ "watch", "KEY", "watches a key, once this transaction has committed", .run = run_watch },
	{ "wait", "", "after a commit: waits until each key that is watched has changed, and prints changed KEY",
		.run = run_wait, .place = VD_COMMAND_BETWEEN },
};

const struct vd_command_group vd_commands_watch = { rows, VD_COUNT(rows) };
