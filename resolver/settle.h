/* SPDX-License-Identifier: Apache-2.0 */
/* settle.h: what became of batches whose end is not known? (rule 8)
 *
 * It is read on a fresh connection: the backends of the old ones are ended first, so that nothing of theirs can land
 * after the look. Then (term, version) says it: another term, or a version that was passed already: the term is over;
 * the version that memory expects, or that of a batch under way: what landed is published, the rest discarded;
 * anything else, or a server that was restarted: all is read anew, with that version as the floor.
 * Every fresh apply connection goes through this, doubt or not. Thread: the event loop's.
 */
#ifndef VD_RESOLVER_SETTLE_H
#define VD_RESOLVER_SETTLE_H

#include "common/base/arena.h"
#include "common/loop/loop.h"
#include "common/pg/backoff.h"
#include "resolver/lock.h"

#include <stdbool.h>
#include <stdint.h>

struct vd_office;
struct vd_pg;

#define VD_SETTLE_OLD_MOST 8

struct vd_settle {
	struct vd_office *office;
	bool is_under_way;
	bool is_asking;
	bool waits; /* the world failed a batch: let some time pass before the next attempt */
	struct vd_backoff backoff;
	struct vd_timer timer;
	struct vd_arena arena;
	/* backends of this term that are not known to be gone */
	int32_t pids[VD_SETTLE_OLD_MOST];
	int64_t starts_us[VD_SETTLE_OLD_MOST];
	uint32_t old_count;
	/* what was read */
	bool has_answer;
	uint8_t term[16];
	uint64_t version;
	struct vd_lock lock;
};

void vd_settle_init(struct vd_settle *settle, struct vd_office *office);
void vd_settle_fini(struct vd_settle *settle);

/* Holds the drain, and gets a fresh apply connection if there is one now. Nothing if it is under way. */
void vd_settle_begin(struct vd_settle *settle, const char *why, bool waits);

/* The fresh connection is there. */
void vd_settle_up(struct vd_settle *settle);

#endif
