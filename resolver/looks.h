/* SPDX-License-Identifier: Apache-2.0 */
/* looks.h: when the leader looks at the queue, and from where on.
 *
 * It looks at once when the doorbell rings or the claim before was full, and every 100 ms as a backstop, since
 * doorbells get lost and may be missing (a full notify queue). A flood of doorbells costs a bounded number of looks:
 * after some empty ones in a row, the next waits for a timer. Most looks begin a moment back on the trail, some further
 * back, and about once a second one begins at 0; but where dead rows make that slow, less often: at most one part in fifty
 * of the time goes there. Pure; the caller says what time it is. One thread.
 */
#ifndef VD_RESOLVER_LOOKS_H
#define VD_RESOLVER_LOOKS_H

#include "resolver/trail.h"

#include <stdbool.h>
#include <stdint.h>

#define VD_LOOKS_BACKSTOP_MS 100
#define VD_LOOKS_FLOOD_MS    2 /* the pause after too many empty looks */

struct vd_looks {
	struct vd_trail trail;
	bool is_rung;
	bool has_more;   /* the last claim was full */
	bool is_due;     /* the backstop's timer */
	bool wants_full; /* something may stand below the trail */
	bool is_last;    /* each look begins at 0, until one has found all there is */
	bool has_seen_all;
	unsigned empty_in_row;
	int64_t wide_ms; /* when the last ones began */
	int64_t full_ms;
	int64_t full_took_ms;
};

struct vd_look {
	bool is_full;
	int64_t low; /* arrivals above this */
	int64_t began_ms;
};

/* What a look found. */
struct vd_look_found {
	int64_t rows;
	int64_t newest;   /* arrival */
	bool may_be_more; /* it was full */
};

/* A new connection, or a new memory: nothing was claimed, and anything may be there. */
void vd_looks_reset(struct vd_looks *looks);

/* True if there is reason to look now. */
bool vd_looks_wants(const struct vd_looks *looks);

/* True if a doorbell rang, but too many did for nothing: look after VD_LOOKS_FLOOD_MS. */
bool vd_looks_is_flooded(const struct vd_looks *looks);

/* The look that begins now; all reasons up to here are served by it. */
struct vd_look vd_looks_begin(struct vd_looks *looks, int64_t now_ms);
void vd_looks_end(
	struct vd_looks *looks, const struct vd_look *look, const struct vd_look_found *found, int64_t now_ms);

#endif
