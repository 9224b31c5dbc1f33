/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.h: verdicts, and nothing else.
 *
 * One pass over a batch in order of arrival. Each request goes through the same gates (docs/rules.md, rule 5):
 * duplicate, validity, the lock, too old or future, conflict, precondition, number and stamp, fold; only then do its write
 * ranges enter the window's stage. So a stamped key is in the window under its final name, and a request that is not
 * committed leaves no trace. Pure: a function of batch, clients, window and horizon. One thread.
 */
#ifndef VD_RESOLVER_RESOLVE_H
#define VD_RESOLVER_RESOLVE_H

#include "common/kv/window.h"
#include "resolver/batch.h"

/* What a request's age is judged by (rule 3). */
struct vd_horizon {
	uint8_t term[VD_TERM_BYTES];
	uint8_t preceding_term[VD_TERM_BYTES];
	uint64_t takeover_version; /* what the takeover's own statement returned */
	uint64_t jump_version;     /* of the last jump; 0: none ever */
	uint64_t newest;           /* with the batch in flight */
	uint64_t floor;            /* the window's */
};

/* 0, VD_CODE_TRANSACTION_TOO_OLD or VD_CODE_FUTURE_VERSION. */
int vd_horizon_judge(const struct vd_horizon *horizon, const struct vd_request *request);

struct vd_resolver {
	struct vd_clients *clients;
	struct vd_window *window;
	struct vd_horizon horizon;
};

/* Judges all requests of a bound batch under batch->version, whose overlay has all base values: sets fates and
 * verdicts, learns what is decided, folds the winners, stages their write ranges. False if an arena or memory is at
 * its limit: the caller then takes back all of it with vd_unresolve. */
VD_MUST_USE bool vd_resolve(struct vd_resolver *resolver, struct vd_batch *batch);

/* Takes back what vd_resolve did, but for the overlay: unlearns, and discards the window's stage. */
void vd_unresolve(struct vd_resolver *resolver, struct vd_batch *batch);

#endif
