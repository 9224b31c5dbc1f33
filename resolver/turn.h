/* SPDX-License-Identifier: Apache-2.0 */
/* turn.h: what drain.c (a turn that goes well) and mend.c (one that does not) share. Thread: the event loop's. */
#ifndef VD_RESOLVER_TURN_H
#define VD_RESOLVER_TURN_H

#include "resolver/drain.h"

/* Runs the steps: the only one that does. */
void vd_turn_resume(struct vd_turn *turn);

/* Its batch is done with; free for the next. */
void vd_turn_is_over(struct vd_turn *turn);

/* Its claimed batch goes back to the queue, where its rows still are; then it is over. */
void vd_turn_give_up(struct vd_turn *turn);

/* Its batch is committed: for the status. */
void vd_turn_count(const struct vd_turn *turn);

/* Begins the next turn if there is reason to. */
void vd_drain_go(struct vd_drain *drain);

/* Goes on with the oldest turn, if it has failed and what was resolved on it is out of the way. */
void vd_drain_mend(struct vd_drain *drain);

/* Batches are kept small, to find the request that PostgreSQL does not take. */
bool vd_drain_is_isolating(const struct vd_drain *drain);

#endif
