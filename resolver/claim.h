/* SPDX-License-Identifier: Apache-2.0 */
/* claim.h: the three questions that a batch is made from: which requests wait, what is known of their clients, what is
 * stored, as far as they depend on it.
 *
 * All are reads, on the claim connection, one round trip each. Nothing is locked: the fence decides, not the claim.
 * Answers go straight into the batch. Thread: the event loop's.
 */
#ifndef VD_RESOLVER_CLAIM_H
#define VD_RESOLVER_CLAIM_H

#include "common/pg/pipeline.h"
#include "resolver/crowd.h"
#include "resolver/memory.h"

/* One question under way, of one turn. */
struct vd_claim_question {
	struct vd_arena arena; /* params */
	struct vd_memory *memory;
	struct vd_batch *batch;
	void (*callback)(void *arg, const struct vd_pg_outcome *outcome);
	void *arg;
	bool is_abandoned; /* memory and batch are gone: rows are not looked at */
	/* the claim */
	const struct vd_batch *other; /* the batch under way, whose rows are still seen */
	int64_t rows;                 /* that came */
	int64_t newest;               /* arrival that came, in order */
	int64_t depth;                /* what the scout was to look at; 0: there is none */
	int64_t scouted;              /* rows that it looked at */
	int64_t reached;              /* the newest of them */
	bool was_full;                /* the batch takes no more */
	bool is_broken;               /* a stored row is not what the migration says */
};

void vd_claim_question_init(struct vd_claim_question *question);
void vd_claim_question_fini(struct vd_claim_question *question);

struct vd_claim_bounds {
	int64_t low; /* arrivals above this */
	int64_t requests;
	int64_t bytes; /* a single request may be larger */
	/* clients at their limit: their requests with numbers above the bound stay in the queue */
	const struct vd_client_id *waiting;
	const int64_t *waiting_bounds;
	size_t waiting_count;
	struct vd_lane lane;
};

/* Each asks, and calls back once, later. */
void vd_claim_ask(struct vd_claim_question *question, struct vd_pg *pg, const struct vd_claim_bounds *bounds);
void vd_claim_ask_clients(
	struct vd_claim_question *question, struct vd_pg *pg, const struct vd_client_id *clients, size_t count);
void vd_claim_ask_base(struct vd_claim_question *question, struct vd_pg *pg);

#endif
