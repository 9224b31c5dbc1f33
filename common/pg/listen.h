/* SPDX-License-Identifier: Apache-2.0 */
/* Listen: channels over connections that come and go, and the proof that they work.
 *
 * 1. A listener outlives its connections: it is attached to each new one, and says LISTEN there for each of
 * its channels.
 * 2. What was sent between a lost connection and the new LISTEN is gone. So on_listening comes after the sync
 * behind LISTEN was answered: from then on nothing is missed, and the owner takes his look at the truth there
 * (a statement queued inside on_listening runs behind the LISTEN). Never before.
 * 3. A connection pooler that hands each transaction to another session takes LISTEN without a word and
 * delivers nothing. With a proof asked for, the listener sends itself a NOTIFY and waits for it; on_listening
 * comes only when it arrived. If it does not arrive in time, the connection is closed with a reason that
 * names the pooler. A proof that cannot be sent (the notify queue is full, SQLSTATE 54000) is no failure:
 * listening goes on unproven.
 * 4. Channel names are checked: a lower-case identifier of at most 63 bytes. LISTEN of anything else is
 * refused here, for a name of 64 bytes would fail, or be cut and heard by nobody.
 *
 * The proof's payload begins with "proof:"; it goes to the first channel, is recognised by 128 random bits,
 * and is not handed to on_notify; proofs of other listeners are not handed on either.
 *
 * A connection hands its notifications to its own on_notify; the owner passes them to vd_pg_listener_notify.
 *
 * Ownership: the caller's, new to free; channel names are copied. Thread: the loop's.
 */
#ifndef VD_COMMON_PG_LISTEN_H
#define VD_COMMON_PG_LISTEN_H

#include "common/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vd_loop;
struct vd_pg;
struct vd_pg_listener;

enum { VD_PG_CHANNEL_BYTES_MAX = 63 };

/* [a-z_][a-z0-9_]*, at most 63 bytes. */
bool vd_pg_channel_is_legal(const char *channel);

struct vd_pg_listener_settings {
	/* All legal (vd_pg_channel_is_legal), at least one. */
	const char *const *channels;
	size_t channel_count;
	/* Wait so long for the proof, which is sent once more half-way; 0: no proof. */
	int64_t proof_timeout_ms;
};

struct vd_pg_listener_events {
	/* LISTEN is in force on pg, and proven if that was asked for. */
	void (*on_listening)(void *arg, struct vd_pg *pg);
	void (*on_notify)(void *arg, const char *channel, const char *payload, int32_t backend_pid);
	void *arg;
};

/* NULL without memory, or if a channel name is not legal. */
VD_MUST_USE struct vd_pg_listener *vd_pg_listener_new(struct vd_loop *loop,
	const struct vd_pg_listener_settings *settings, const struct vd_pg_listener_events *events);
void vd_pg_listener_free(struct vd_pg_listener *listener);

/* Says LISTEN on a connection that is up or connecting. Failing to (an SQL error, no proof) closes the
 * connection, with the reason; a loss is told by the connection alone. Attaching to the next connection
 * detaches from this one. */
void vd_pg_listener_attach(struct vd_pg_listener *listener, struct vd_pg *pg);
/* Forget the connection, which is being closed. */
void vd_pg_listener_detach(struct vd_pg_listener *listener);
/* LISTEN holds now. */
bool vd_pg_listener_is_listening(const struct vd_pg_listener *listener);

/* From the connection's on_notify. */
void vd_pg_listener_notify(struct vd_pg_listener *listener, struct vd_pg *pg, const char *channel,
	const char *payload, int32_t backend_pid);

#endif
