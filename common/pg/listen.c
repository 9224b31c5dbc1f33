/* SPDX-License-Identifier: Apache-2.0 */
/* Each attachment to a connection is an object of its own that its segments refer to: what an older connection still has to
 * say finds its attachment without a listener, and is passed over. */
#include "common/pg/listen.h"

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/loop/loop.h"
#include "common/pg/connection.h"
#include "common/pg/pipeline.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PROOF_PREFIX "proof:"

struct attachment {
	/* NULL: detached */
	struct vd_pg_listener *listener;
	struct vd_pg *pg;
	/* segments whose outcome is to come */
	unsigned pending;
	char proof[sizeof PROOF_PREFIX + 32];
};

struct vd_pg_listener {
	struct vd_pg_listener_events events;
	char **channels;
	size_t channel_count;
	int64_t proof_timeout_ms;
	bool proof_is_sent_again;
	struct vd_timer timer;
	struct attachment *attachment;
	bool listening;
};

static const struct vd_pg_statement send_proof = {
	.name = "send_proof",
	.sql = "SELECT pg_notify($1, $2)",
	.params = { VD_PG_TEXT, VD_PG_TEXT },
};

bool vd_pg_channel_is_legal(const char *channel)
{
	size_t length = channel == NULL ? 0 : strspn(channel, "abcdefghijklmnopqrstuvwxyz0123456789_");
	return length > 0 && length <= VD_PG_CHANNEL_BYTES_MAX && channel[length] == 0 &&
		   !(channel[0] >= '0' && channel[0] <= '9');
}

static void send_the_proof(struct vd_pg_listener *listener, struct attachment *attachment);

/* One notification may be lost on its way without a fault of the server's: libpq drops what it has no memory for. */
static void on_timeout(void *arg)
{
	struct vd_pg_listener *listener = arg;
	if (listener->attachment == NULL || listener->listening)
		return;
	if (!listener->proof_is_sent_again) {
		listener->proof_is_sent_again = true;
		send_the_proof(listener, listener->attachment);
		vd_timer_arm_ms(&listener->timer, listener->proof_timeout_ms - listener->proof_timeout_ms / 2);
		return;
	}
	vd_pg_disconnect(listener->attachment->pg,
		"a NOTIFY to ourselves did not come back within %lld ms: a connection pooler that hands on "
		"transactions breaks LISTEN; connect to PostgreSQL directly",
		(long long)listener->proof_timeout_ms);
}

struct vd_pg_listener *vd_pg_listener_new(struct vd_loop *loop,
	const struct vd_pg_listener_settings *settings, const struct vd_pg_listener_events *events)
{
	struct vd_pg_listener *listener = calloc(1, sizeof *listener);
	if (listener == NULL)
		return NULL;
	bool good = settings->channel_count > 0 && vd_timer_init(&listener->timer, loop, on_timeout, listener);
	listener->events = *events;
	listener->proof_timeout_ms = settings->proof_timeout_ms;
	listener->channels = good ? calloc(settings->channel_count, sizeof *listener->channels) : NULL;
	good = listener->channels != NULL;
	for (size_t i = 0; good && i < settings->channel_count; i++) {
		good = vd_pg_channel_is_legal(settings->channels[i]) &&
			   (listener->channels[i] = strdup(settings->channels[i])) != NULL;
		listener->channel_count += good ? 1 : 0;
	}
	if (good)
		return listener;
	vd_pg_listener_free(listener);
	return NULL;
}

static void attachment_release(struct attachment *attachment)
{
	if (attachment->pending == 0 && attachment->listener == NULL)
		free(attachment);
}

void vd_pg_listener_detach(struct vd_pg_listener *listener)
{
	struct attachment *attachment = listener->attachment;
	if (attachment == NULL)
		return;
	vd_timer_cancel(&listener->timer);
	listener->listening = false;
	listener->attachment = NULL;
	attachment->listener = NULL;
	attachment_release(attachment);
}

void vd_pg_listener_free(struct vd_pg_listener *listener)
{
	if (listener == NULL)
		return;
	vd_pg_listener_detach(listener);
	vd_timer_fini(&listener->timer);
	for (size_t i = 0; i < listener->channel_count; i++)
		free(listener->channels[i]);
	free(listener->channels);
	free(listener);
}

static void now_listening(struct vd_pg_listener *listener)
{
	if (listener->listening)
		return;
	listener->listening = true;
	vd_timer_cancel(&listener->timer);
	if (listener->events.on_listening != NULL)
		listener->events.on_listening(listener->events.arg, listener->attachment->pg);
}

static void on_listened(void *arg, const struct vd_pg_outcome *outcome)
{
	struct attachment *attachment = arg;
	struct vd_pg_listener *listener = attachment->listener;
	attachment->pending--;
	if (listener != NULL && outcome->status == VD_PG_ERROR)
		vd_pg_disconnect(attachment->pg, "%s", outcome->message);
	else if (listener != NULL && outcome->status == VD_PG_OK && listener->proof_timeout_ms == 0)
		now_listening(listener);
	else if (listener != NULL && outcome->status == VD_PG_OK)
		vd_timer_arm_ms(&listener->timer, listener->proof_timeout_ms / 2);
	attachment_release(attachment);
}

/* The proof itself comes as a notification. A server that refuses to send it (a full queue) proves nothing either way. */
static void on_proof_sent(void *arg, const struct vd_pg_outcome *outcome)
{
	struct attachment *attachment = arg;
	attachment->pending--;
	if (attachment->listener != NULL && outcome->status == VD_PG_ERROR &&
		vd_pg_state(attachment->pg) != VD_PG_CLOSED) {
		vd_log_warning("a NOTIFY to ourselves cannot be sent, so LISTEN stays unproven",
			VD_LOG_TEXT("error", outcome->message));
		now_listening(attachment->listener);
	}
	attachment_release(attachment);
}

static void send_listen(struct vd_pg_listener *listener, struct attachment *attachment)
{
	char command[sizeof "LISTEN " + VD_PG_CHANNEL_BYTES_MAX];
	struct vd_pg_segment *segment = vd_pg_segment_begin(attachment->pg);
	for (size_t i = 0; i < listener->channel_count; i++) {
		snprintf(command, sizeof command, "LISTEN %s", listener->channels[i]);
		vd_pg_query_text(segment, "listen", command, NULL, NULL);
	}
	attachment->pending++;
	vd_pg_segment_end(segment, on_listened, attachment);
}

static void make_the_proof(struct attachment *attachment)
{
	uint64_t random[2] = { 0, 0 };
	if (!vd_random_bytes(random, sizeof random))
		random[0] = (uintptr_t)attachment; /* guessable, and still of nobody else in this process */
	snprintf(attachment->proof, sizeof attachment->proof, PROOF_PREFIX "%016" PRIx64 "%016" PRIx64, random[0],
		random[1]);
}

/* In a segment of its own: if it fails, LISTEN stands. */
static void send_the_proof(struct vd_pg_listener *listener, struct attachment *attachment)
{
	struct vd_arena arena;
	struct vd_pg_params params;
	vd_arena_init(&arena, SIZE_MAX);
	vd_pg_params_init(&params, &arena);
	vd_pg_params_text(&params, listener->channels[0]);
	vd_pg_params_text(&params, attachment->proof);
	attachment->pending++;
	vd_pg_ask(attachment->pg, &send_proof, &params, NULL, on_proof_sent, attachment);
	vd_arena_fini(&arena);
}

void vd_pg_listener_attach(struct vd_pg_listener *listener, struct vd_pg *pg)
{
	struct attachment *attachment = calloc(1, sizeof *attachment);
	vd_pg_listener_detach(listener);
	if (attachment == NULL) {
		vd_pg_disconnect(pg, "out of memory");
		return;
	}
	attachment->listener = listener;
	attachment->pg = pg;
	listener->attachment = attachment;
	listener->proof_is_sent_again = false;
	if (listener->proof_timeout_ms > 0)
		make_the_proof(attachment);
	send_listen(listener, attachment);
	if (listener->proof_timeout_ms > 0)
		send_the_proof(listener, attachment);
}

bool vd_pg_listener_is_listening(const struct vd_pg_listener *listener)
{
	return listener->listening;
}

void vd_pg_listener_notify(struct vd_pg_listener *listener, struct vd_pg *pg, const char *channel,
	const char *payload, int32_t backend_pid)
{
	struct attachment *attachment = listener->attachment;
	if (attachment == NULL || attachment->pg != pg)
		return;
	if (strncmp(payload, PROOF_PREFIX, strlen(PROOF_PREFIX)) == 0) {
		if (attachment->proof[0] != 0 && strcmp(payload, attachment->proof) == 0)
			now_listening(listener);
		return;
	}
	if (listener->events.on_notify != NULL)
		listener->events.on_notify(listener->events.arg, channel, payload, backend_pid);
}
