/* SPDX-License-Identifier: Apache-2.0 */
/* crowd.h: clients that crowd the queue, and the lane past their requests.
 *
 * Requests are claimed in order of arrival; so one client that has queued fifty thousand would keep all others waiting. A
 * client that has an eighth of the requests of a full batch (full in number or in bytes) crowds, for a second from then
 * on. While anybody does, half of each batch is kept for the others: a scout goes ahead through the queue, a bounded
 * number of rows with each claim, and what it finds of those who do not crowd is claimed at once. The rest of the batch is
 * in order of arrival, as ever; so a crowding client that is alone has the whole of it.
 *
 * Pure; the caller says what time it is. One thread.
 */
#ifndef VD_RESOLVER_CROWD_H
#define VD_RESOLVER_CROWD_H

#include "resolver/batch.h"
#include "resolver/trail.h"

#define VD_CROWD_MOST 64

struct vd_crowd {
	struct vd_client_id clients[VD_CROWD_MOST];
	int64_t seen_ms[VD_CROWD_MOST]; /* when it last had its share of a full batch, or more */
	uint32_t count;
	int64_t begin;         /* where the scout set out */
	int64_t reached;       /* how far it has come */
	bool is_at_end;        /* nothing was there beyond that: it goes on from a moment back, on the trail */
	struct vd_trail trail; /* since late arrivals have lower numbers */
};

/* What the next claim asks beside its head. */
struct vd_lane {
	const struct vd_client_id *crowd; /* borrowed until the next call */
	uint32_t crowd_count;             /* 0: there is no lane */
	int64_t low;                      /* arrivals above this */
	int64_t depth;                    /* rows that the scout looks at */
	int64_t share;                    /* requests of one client */
};

/* What a claim found. */
struct vd_crowd_seen {
	bool is_full;          /* the claim took all that a batch may have */
	int64_t newest;        /* arrival, of those claimed in order */
	int64_t reached;       /* the newest that the scout looked at; 0: none */
	bool is_depth_used_up; /* it looked at as many as it was to */
};

/* `requests`: what a batch takes. */
struct vd_lane vd_crowd_lane(struct vd_crowd *crowd, int64_t requests, int64_t now_ms);

/* After a claim that brought something; the batch is bound to its clients. */
void vd_crowd_note(
	struct vd_crowd *crowd, const struct vd_batch *batch, const struct vd_crowd_seen *seen, int64_t now_ms);

#endif
