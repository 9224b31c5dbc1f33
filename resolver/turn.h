/* SPDX-License-Identifier: Apache-2.0 */
/* turn.h: one batch on its way, from claim to publish. drain.c says when one begins, turn.c what it does while it goes well,
 * mend.c what becomes of it when it does not. Thread: the event loop's. */
#ifndef VD_RESOLVER_TURN_H
#define VD_RESOLVER_TURN_H

#include "resolver/drain.h"

void vd_turn_init(struct vd_turn *turn, struct vd_drain *drain);
void vd_turn_fini(struct vd_turn *turn);

/* A free turn begins: there is one, and nothing else is being fetched. */
void vd_turn_begin(struct vd_drain *drain);

/* Runs the steps: the only one that does. */
void vd_turn_resume(struct vd_turn *turn);

/* Its batch is done with; free for the next. */
void vd_turn_is_over(struct vd_turn *turn);

/* Its claimed batch goes back to the queue, where its rows still are; then it is over. */
void vd_turn_give_up(struct vd_turn *turn);

/* This stage of it begins now. */
void vd_turn_mark(struct vd_turn *turn, enum vd_stage stage);

/* Its batch is committed and told: for the status. */
void vd_turn_count(struct vd_turn *turn);

/* Begins the next turn if there is reason to. */
void vd_drain_go(struct vd_drain *drain);

/* Goes on with the oldest turn, if it has failed and what was resolved on it is out of the way. */
void vd_drain_mend(struct vd_drain *drain);

/* Batches are kept small, to find the request that PostgreSQL does not take. */
bool vd_drain_is_isolating(const struct vd_drain *drain);

#endif
