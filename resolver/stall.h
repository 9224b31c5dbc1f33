/* SPDX-License-Identifier: Apache-2.0 */
/* stall.h: a leader whose own connections have died without a sign does not keep office for it.
 *
 * The keeper's connection may be well while those of the event loop are not: packets are lost, a proxy has frozen, large packets do not
 * get through. Then the lease is renewed and nobody commits. So, for claim and apply:
 *
 *   owes an answer, nothing moves, for a TTL ──▶ doubt: the keeper asks the server (witness.h)
 *     the server works for it, or waits         ──▶ nothing: that has time-outs of its own
 *     it waits for us, twice in a row           ──▶ the connection is given up for a fresh one; what it had under way is settled (rule 8)
 *       … and once more, before a turn has ended ──▶ another node is to lead, if there is one
 *   is not there, for a TTL, and the keeper's is  ──▶ the same
 *
 * Twice, for the answer may have been on its way when the server was asked. How long nothing may move is doubled with each connection that
 * is given up, until a turn has come to its end: a wire on which a large batch takes longer than a TTL carries it in the end, whoever leads.
 * A term that is deserted ends as any lost one. Thread: the event loop's.
 */
#ifndef VD_RESOLVER_STALL_H
#define VD_RESOLVER_STALL_H

#include "resolver/hinge.h"

struct vd_office;

struct vd_stall {
	struct vd_office *office;
	uint64_t doubts; /* the number of the last one */
	bool is_in_doubt;
	uint64_t testimonies;                  /* so many were heard */
	unsigned hits[VD_BACKENDS];            /* times in a row that the server waited for us */
	int32_t suspects[VD_BACKENDS];         /* pids in this doubt; 0: none */
	bool is_missed[VD_BACKENDS];           /* it is not there, and has not been for too long */
	int64_t missing_since_ms[VD_BACKENDS]; /* 0: it is there */
	bool is_renewed[VD_BACKENDS];          /* it was given up, and no turn has come to its end since */
	bool is_deserting;
};

void vd_stall_begin(struct vd_stall *stall, struct vd_office *office);
/* Looks at the connections; every so often. */
void vd_stall_tick(struct vd_stall *stall);
/* The keeper may have heard something. */
void vd_stall_hear(struct vd_stall *stall);
/* A turn has come to its end: claim and apply have answered all that they were asked. */
void vd_stall_is_over(struct vd_stall *stall);
/* No doubt any more. */
void vd_stall_end(struct vd_stall *stall);

#endif
