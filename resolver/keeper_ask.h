/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_ask.h: what keeper.c (when to do what) and keeper_ask.c (the questions) share. Thread: the keeper's. */
#ifndef VD_RESOLVER_KEEPER_ASK_H
#define VD_RESOLVER_KEEPER_ASK_H

#include "common/base/arena.h"
#include "common/pg/link.h"
#include "common/pg/listen.h"
#include "resolver/keeper.h"

#include <pthread.h>

struct vd_keeper {
	const struct vd_resolver_settings *settings;
	struct vd_hinge *hinge;
	pthread_t thread;
	struct vd_loop *loop;
	struct vd_pg_link *link;
	struct vd_pg_listener *listener;
	struct vd_timer timer;
	struct vd_arena arena; /* params of the question under way */

	struct vd_lease_watch watch;
	bool is_asking;
	bool is_announcing; /* the lease is released, the others are being told */
	bool is_hurried;    /* look or renew now, not when it is due */
	bool is_closing;
	int64_t news_ms;  /* when a notification hurried it last */
	int64_t due_ms;   /* the next look or renewal */
	uint8_t term[16]; /* the one held, or tried for last */
	bool has_term;

	/* answers of the question under way */
	struct vd_lease_seen seen;
	uint8_t seen_term[16];
	char seen_node[64];
	uint64_t asked_backends;
	bool answered;
	bool renewed;
	bool asked_to_go;
	bool pulse_was_stale;

	/* the witness */
	bool is_witnessing;
	uint64_t asked_doubt;
	int32_t asked_pids[VD_BACKENDS];
	int32_t waiting[VD_BACKENDS];
	bool has_others;
};

/* The keeper acts again after this time. */
void vd_keeper_act_in(struct vd_keeper *keeper, int64_t after_ms);

/* True while a term of this node is on: taken, and neither lost, released nor ended. */
bool vd_keeper_is_holding(const struct vd_keeper *keeper);

/* The term is over: the event loop is told. */
void vd_keeper_lose(struct vd_keeper *keeper, const char *why);

/* Each asks; nothing else may be under way. A look takes office if the lease is free. */
void vd_keeper_look(struct vd_keeper *keeper, struct vd_pg *pg);
void vd_keeper_renew(struct vd_keeper *keeper, struct vd_pg *pg);
void vd_keeper_release(struct vd_keeper *keeper, struct vd_pg *pg);

/* The connections of this node's event loop do not work, so another node is to lead: the keeper's session ends as if the node had
 * died, and the others do what they do then. They end its backends first (rule 9), which a release would not make them do. */
void vd_keeper_desert(struct vd_keeper *keeper, struct vd_pg *pg);

#endif
