/* SPDX-License-Identifier: Apache-2.0 */
/* hinge.h: all that the two threads of a resolver share: the event loop, which leads, and the keeper, which owns
 * the lease.
 *
 * 1. Each word has one writer, and is an atomic; a wake tells the other side to read. Nothing is locked, so a
 * stuck event loop can never stop a keeper from noticing it, nor the other way round.
 * 2. Terms of this node are numbered from 1. `won` says which one the keeper took last; `lost` which one it
 * found to be over; `ended` which one the event loop has let go of. The keeper looks for office only while
 * ended == won, so there is never more than one term to speak of.
 * 3. `takeover` is written by the keeper before it raises `won`, and not again before `ended` has reached it.
 * 4. Backends: the event loop writes its (pid, start) pairs and then raises `backends_wanted`. Whatever the
 * keeper read, it enters in the lease, and says with `backends_entered` which state it had seen before it
 * read; a pair that was changed meanwhile is entered by the next renewal. A leader applies nothing over a
 * connection that the lease does not name (rule 9).
 */
#ifndef VD_RESOLVER_HINGE_H
#define VD_RESOLVER_HINGE_H

#include "common/loop/loop.h"
#include "resolver/lease.h"
#include "resolver/lock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What taking office told (the function take_office). */
struct vd_takeover {
	uint8_t term[16];
	uint8_t previous_term[16];
	int64_t epoch;
	uint64_t version; /* the floor */
	struct vd_lock lock;
	uint64_t jump_version;
	bool jumped;
	/* Which server it was, as the keeper's connection and the statement itself saw it. */
	uint64_t system_identifier;
	uint32_t timeline;
	uint32_t database_oid;
	int64_t postmaster_start_us;
};

enum vd_backend { VD_BACKEND_CLAIM, VD_BACKEND_APPLY, VD_BACKEND_SWEEP, VD_BACKENDS };

struct vd_hinge_backend {
	_Atomic int32_t pid; /* 0: none */
	_Atomic int64_t start_us;
};

/* What the server says of the suspects (witness.h). */
struct vd_testimony {
	_Atomic uint64_t count;               /* raised when the rest is written */
	_Atomic uint64_t doubt;               /* which doubt it was asked in */
	_Atomic int32_t waiting[VD_BACKENDS]; /* the pid of one that waits for us or is gone, else 0 */
	_Atomic bool has_others;              /* other nodes are there that might lead */
};

struct vd_figures {
	_Atomic uint64_t batches;
	_Atomic uint64_t committed;
	_Atomic uint64_t conflicts;
	_Atomic uint64_t too_old;
	_Atomic uint64_t rejected;
};

struct vd_hinge {
	/* written by the event loop */
	_Atomic int64_t pulse_ms; /* when it last turned */
	_Atomic bool is_ready;    /* it has the connections to lead with */
	_Atomic bool is_stopping; /* no more campaigns */
	_Atomic bool stop;        /* the keeper's thread ends */
	_Atomic uint64_t ended;
	_Atomic uint64_t release; /* the term to release on purpose */
	_Atomic uint64_t desert;  /* the term to let go of as if this node had died */
	_Atomic uint64_t
		doubt; /* a number for each time that connections owe an answer for too long (stall.h); 0: none does */
	_Atomic uint64_t backends_wanted;
	struct vd_hinge_backend backends[VD_BACKENDS];
	struct vd_hinge_backend suspects[VD_BACKENDS]; /* in this doubt; written before its number */
	struct vd_figures figures;

	/* written by the keeper */
	_Atomic bool has_looked; /* at the lease, at least once */
	_Atomic bool is_campaigning;
	_Atomic uint64_t won;
	_Atomic uint64_t lost;
	_Atomic uint64_t released;
	_Atomic uint64_t asked; /* the term that is asked to hand over */
	_Atomic uint64_t backends_entered;
	struct vd_testimony testimony;
	struct vd_takeover takeover;
	_Atomic int64_t renewed_ms;     /* when the lease was taken or renewed last */
	_Atomic int64_t looked_ms;      /* when a standby saw the lease last; 0: never yet */
	_Atomic bool sees_leader;       /* somebody held it then */
	_Atomic uint64_t keeper_losses; /* as vd_wire.losses */

	/* rung by the other side */
	struct vd_wake loop_wake;
	struct vd_wake keeper_wake;
};

/* Event loop: this is what serves `which` now; pid 0: nothing does. */
void vd_hinge_set_backend(struct vd_hinge *hinge, enum vd_backend which, int32_t pid, int64_t start_us);

/* Event loop: true once the lease names every backend that was set. */
bool vd_hinge_backends_are_entered(const struct vd_hinge *hinge);

/* True if the connection leads to the server, timeline and database that the term is of (rule 8). */
struct vd_pg_server;
bool vd_takeover_is_of(const struct vd_takeover *takeover, const struct vd_pg_server *server);

/* A term's id as text, 36 characters. */
struct vd_term_text {
	char text[37];
};
struct vd_term_text vd_term_text_of(const uint8_t term[16]);

#endif
