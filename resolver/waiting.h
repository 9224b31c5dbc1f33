/* SPDX-License-Identifier: Apache-2.0 */
/* waiting.h: clients at their limit, whose further requests wait in the queue until verdicts are acknowledged.
 *
 * What waits is passed over by the claim, so that a queue full of theirs does not keep others waiting. Ten times a second it
 * is asked what they have told meanwhile: by an acknowledgement that travelled alone, or by the newest of the requests that
 * wait. So a client never waits for itself. Thread: the event loop's.
 */
#ifndef VD_RESOLVER_WAITING_H
#define VD_RESOLVER_WAITING_H

#include "resolver/memory.h"

#include <stdbool.h>
#include <stdint.h>

struct vd_pg;
struct vd_pg_outcome;

/* If there are more, the others are claimed in vain, each time that the backstop looks. */
#define VD_WAITING_MOST 256

struct vd_waiting {
	struct vd_client_id clients[VD_WAITING_MOST];
	int64_t bounds[VD_WAITING_MOST]; /* its numbers above this wait */
	uint32_t count;
	bool is_asking;
	bool is_abandoned; /* the memory is gone: rows are not looked at */
	struct vd_memory *memory;
	void (*callback)(void *arg);
	void *arg;
};

/* callback: somebody need not wait any more. */
void vd_waiting_init(
	struct vd_waiting *waiting, struct vd_memory *memory, void (*callback)(void *arg), void *arg);

/* Remembers the clients of a resolved batch whose requests wait. */
void vd_waiting_note(struct vd_waiting *waiting, const struct vd_batch *batch);

/* Asks what those who wait have told, if anybody does and no question is outstanding. */
void vd_waiting_ask(struct vd_waiting *waiting, struct vd_pg *pg);

#endif
