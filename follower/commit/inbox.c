/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.c: one listening connection, and what its notifications are worth.
 *
 * Anybody may send on our channel. An entry is believed if its token is that of the open commit with its number, and once,
 * since the commit is not open afterwards. Everything else is passed over without a word.
 */
#include "common/base/endian.h"
#include "common/base/log.h"
#include "follower/commit/committer.h"
#include "follower/commit/reply.h"

#include <stdio.h>
#include <string.h>

/* The numbers of an entry in the form of a verdict. */
static struct vd_bytes further_of(const struct vd_reply_entry *entry, uint8_t *bytes)
{
	uint8_t *to = bytes;
	for (uint32_t i = 0; i < entry->number_count; i++, to += VD_COMMIT_FURTHER_BYTES) {
		vd_store_be32(to, i + 1);
		vd_store_be64(to + 4, entry->numbers[i]);
	}
	return vd_bytes_of(bytes, (size_t)(to - bytes));
}

static void believe(struct vd_committer *committer, struct vd_commit *commit, uint64_t version,
	const struct vd_reply_entry *entry)
{
	bool is_conflict = entry->code == VD_CODE_NOT_COMMITTED;
	bool is_commit = entry->code == VD_CODE_SUCCESS;
	if (entry->code == VD_CODE_SQL_ERROR ||
		((is_conflict || is_commit) && entry->number_count < entry->further)) {
		commit->look_now = true; /* its text, all that it lost, or all its numbers do not fit into a reply */
		return;
	}
	uint8_t further[VD_COMMIT_FURTHER_BYTES * VD_REPLY_NUMBERS_MOST];
	struct vd_verdict verdict = { .code = entry->code, .version = version, .message = "" };
	if (is_commit) {
		verdict.order = (uint16_t)entry->a;
		verdict.number = entry->b;
		verdict.further = further_of(entry, further);
	} else if (is_conflict) {
		verdict.conflict_range = (uint32_t)entry->a;
		verdict.conflict_version = entry->b;
	}
	vd_commits_decide(&committer->commits, commit, &verdict);
}

static void on_reply(void *arg, const char *channel, const char *payload, int32_t backend_pid)
{
	(void)channel;
	(void)backend_pid;
	struct vd_committer *committer = arg;
	struct vd_reply reply;
	struct vd_reply_entry entry;
	bool believed = false;
	if (!vd_reply_begin(&reply, payload))
		return;
	while (vd_reply_next(&reply, &entry)) {
		struct vd_commit *commit = vd_commits_find(&committer->commits, entry.sequence);
		if (commit == NULL || commit->token != entry.token)
			continue;
		believed = true;
		believe(committer, commit, reply.version, &entry);
	}
	if (!believed)
		return;
	committer->heard_ms = committer->clock_ms;
	vd_database_see(committer->database, NULL, reply.version);
	vd_committer_pump(committer);
}

/* What was sent while nobody listened is gone: the look behind the LISTEN finds it. */
static void on_listening(void *arg, struct vd_pg *pg)
{
	(void)pg;
	struct vd_committer *committer = arg;
	committer->heard_ms = committer->clock_ms;
	vd_look_at_all(committer);
	vd_committer_pump(committer);
}

static void on_up(void *arg, struct vd_pg *pg)
{
	struct vd_committer *committer = arg;
	vd_pg_listener_attach(committer->listener, pg);
	vd_committer_pump(committer);
}

static void on_down(void *arg, struct vd_pg *pg, const char *reason, unsigned attempt, int64_t retry_ms)
{
	struct vd_committer *committer = arg;
	bool is_deaf = strstr(reason, "connection pooler") != NULL; /* the listener's own words */
	vd_pg_listener_detach(committer->listener);
	vd_log_warning("inbox has no connection, verdicts are looked up when it is back",
		VD_LOG_TEXT("reason", reason), VD_LOG_UINT("attempt", attempt), VD_LOG_INT("retry_ms", retry_ms));
	if (is_deaf)
		vd_database_problem(committer->database, true, reason);
	else
		vd_database_not_reached(committer->database, pg, reason);
	vd_give_way_note(committer, pg);
	vd_committer_pump(committer);
}

static void on_notify(
	void *arg, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid)
{
	struct vd_committer *committer = arg;
	vd_pg_listener_notify(committer->listener, pg, channel, payload, backend_pid);
}

bool vd_inbox_open(struct vd_committer *committer)
{
	struct vd_database *database = committer->database;
	struct vd_pg_name channel = vd_pg_channel_reply(database->settings.schema, committer->reply);
	const char *channels[] = { channel.text };
	const struct vd_pg_listener_settings listening = {
		.channels = channels, .channel_count = 1, .proof_timeout_ms = VD_COMMIT_PROOF_MS
	};
	const struct vd_pg_listener_events heard = {
		.on_listening = on_listening, .on_notify = on_reply, .arg = committer
	};
	if (committer->listener == NULL)
		committer->listener = vd_pg_listener_new(database->loop, &listening, &heard);
	if (committer->listener == NULL)
		return false;
	struct vd_pg_settings settings;
	vd_database_pg_settings(database, &settings);
	struct vd_pg_name name;
	snprintf(name.text, sizeof name.text, "%s/%s", VD_PG_APPLICATION_INBOX, database->settings.schema);
	settings.application_name = name.text;
	settings.synchronous_commit = "off"; /* what must be durable insists on it itself */
	settings.lock_timeout_ms = 250;
	settings.statement_timeout_ms = 10000;
	settings.answer_timeout_ms = VD_COMMIT_ANSWER_MS; /* for LISTEN; then silence.c's */
	const struct vd_pg_link_events events = { .on_up = on_up,
		.on_down = on_down,
		.on_notify = on_notify,
		.on_closed = vd_committer_link_closed,
		.arg = committer };
	committer->inbox = vd_pg_link_open(database->loop, &settings, &vd_backoff_reconnect, &events);
	return committer->inbox != NULL;
}
