/* SPDX-License-Identifier: Apache-2.0 */
/* give_way.c: when the server has no connection left for the one of our two that is missing.
 *
 * Either of the two is worth nothing without the other. Where there are fewer connections than processes want, many of them
 * could hold one each, wait for their second one for ever, and nobody would get anywhere. So whoever is refused the second
 * one some times over gives back the first, and rests; both are tried again at the same time. Who has both keeps them.
 */
#include "common/base/log.h"
#include "follower/commit/committer.h"

enum { REFUSALS_MOST = 5 };

/* Longer than others wait between their attempts, and each for another time. */
static const struct vd_backoff_policy rests = {
	.name = "give_way", .first_ms = 2000, .most_ms = 16000, .factor_percent = 200, .jitter_percent = 50
};

void vd_give_way_init(struct vd_give_way *way, uint64_t seed)
{
	*way = (struct vd_give_way){ 0 };
	vd_backoff_init(&way->backoff, &rests, seed);
}

void vd_give_way_whole(struct vd_give_way *way)
{
	way->refusals = 0;
	vd_backoff_reset(&way->backoff);
}

void vd_give_way_note(struct vd_committer *committer, const struct vd_pg *pg)
{
	struct vd_give_way *way = &committer->give_way;
	bool has_one = (committer->desk != NULL && vd_pg_link_up(committer->desk) != NULL) ||
				   (committer->inbox != NULL && vd_pg_link_up(committer->inbox) != NULL);
	if (committer->hung_up || !vd_pg_is_crowded_out(pg) || ++way->refusals < REFUSALS_MOST || !has_one)
		return;
	way->refusals = 0;
	int64_t rest_ms = vd_backoff_next_ms(&way->backoff);
	vd_log_warning(
		"the server has no connection left for both that commits take, gives the one back for a while",
		VD_LOG_INT("rest_ms", rest_ms));
	vd_pg_link_rest(committer->desk, rest_ms, "given back, for the server has none left for the inbox");
	vd_pg_link_rest(committer->inbox, rest_ms, "given back, for the server has none left for the desk");
}
