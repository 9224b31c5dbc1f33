/* SPDX-License-Identifier: Apache-2.0 */
/* drain.h: turns pending requests into committed state, one batch at a time.
 *
 *   claim ─▶ load ─▶ base ─▶ resolve ─▶ apply ─▶ publish ─▶ claim …
 *     └─ none pending ─▶ rest until a doorbell or the backstop timer
 *
 * A *turn* is one batch on its way. At most two are under way: while one is being applied (on the apply
 * connection), the next is claimed, read and resolved over it (on the claim connection), and may be sent right
 * behind it: if the first fails, the second fails at its fence. Nothing outside a turn changes before publish, so
 * any failure is: discard. Leadership is never lost over the content of a request: a batch that PostgreSQL does
 * not take is halved until the request is alone, and that one is rejected. Thread: the event loop's.
 */
#ifndef VD_RESOLVER_DRAIN_H
#define VD_RESOLVER_DRAIN_H

#include "common/base/steps.h"
#include "common/loop/loop.h"
#include "common/pg/backoff.h"
#include "common/pg/listen.h"
#include "resolver/apply.h"
#include "resolver/claim.h"
#include "resolver/looks.h"
#include "resolver/memory.h"
#include "resolver/metrics/metrics.h"
#include "resolver/waiting.h"

struct vd_office;

enum vd_turn_state {
	VD_TURN_IDLE,
	VD_TURN_FETCHING, /* from claim to resolved: at most one turn */
	VD_TURN_APPLYING,
	VD_TURN_FAILED, /* its apply ended without a commit, as far as is known */
};

struct vd_turn {
	struct vd_drain *drain;
	struct vd_run run;
	enum vd_turn_state state;
	struct vd_batch *batch;
	bool is_asking;   /* a statement of it is outstanding */
	bool is_doomed;   /* what it fetches is thrown away */
	bool is_orphan;   /* its batch is gone; it ends when its answer comes */
	bool is_loaded;   /* its clients are known */
	bool is_retry;    /* its batch is there already */
	bool waits_entry; /* resolved; the lease does not name the apply connection yet */
	bool waits_apply; /* resolved; the batch before must end first (split mode) */
	struct vd_look look;
	struct vd_claim_question question;
	struct vd_apply apply;
	struct vd_stage_times times;
};

struct vd_drain {
	struct vd_office *office;
	struct vd_turn turns[2];
	struct vd_turn *order[2]; /* those under way, the older one first */
	unsigned active;

	struct vd_pg_listener *doorbell;
	struct vd_looks looks;
	struct vd_waiting waiting;
	struct vd_crowd crowd;
	struct vd_timer timer;
	struct vd_later later; /* a doorbell rang: look in the next turn of the loop, once for all that came */
	struct vd_backoff backoff;
	bool is_open;
	bool is_held;    /* a read failed: nothing begins before the timer */
	bool is_flooded; /* too many doorbells for nothing: the same */
	uint32_t limit;  /* requests a batch: less than the setting while content is isolated */

	bool is_settling; /* nothing begins until the office says what landed */
	bool is_resigning;
	int64_t resign_by_ms;
	bool resigned_told;
};

void vd_drain_begin(struct vd_drain *drain, struct vd_office *office);
/* Stops for good: nothing begins any more. Quiet once no statement is outstanding. */
void vd_drain_stop(struct vd_drain *drain);
bool vd_drain_is_quiet(const struct vd_drain *drain);
void vd_drain_fini(struct vd_drain *drain);

/* The claim connection is up; the other one is ready, or the lease names it now; something may have come. */
void vd_drain_claim_up(struct vd_drain *drain, struct vd_pg *pg);
void vd_drain_claim_down(struct vd_drain *drain);
void vd_drain_notify(
	struct vd_drain *drain, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid);
void vd_drain_poke(struct vd_drain *drain);

/* Nothing begins until vd_drain_settled or vd_drain_reloaded: the end of what was sent is in doubt. */
void vd_drain_hold(struct vd_drain *drain);
/* From settle: of the turns that were sent, the first `landed` are committed; the others never will be. */
void vd_drain_settled(struct vd_drain *drain, uint32_t landed);
/* The same, and memory is to be read anew. */
void vd_drain_reloaded(struct vd_drain *drain, uint64_t version, const struct vd_lock *lock);

/* Claims what is there now, once, and then no more. */
void vd_drain_resign(struct vd_drain *drain, int64_t within_ms);

#endif
