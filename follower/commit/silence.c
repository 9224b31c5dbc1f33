/* SPDX-License-Identifier: Apache-2.0 */
/* silence.c: for how long a connection may owe an answer.
 *
 * A peer that takes everything and answers nothing (a frozen pooler or proxy, a stopped backend) is found out by time alone.
 * But one wait has no limit in PostgreSQL: that for a synchronous standby. Giving up a connection that waits so would leave
 * its backend waiting on, one more each time. So at any time only one of the two may wait like that:
 *
 *   not registered   the desk, which registers; the inbox does but listen
 *   registered       the inbox, which looks and cancels; what the desk submits waits for no standby
 *
 * The other one has VD_COMMIT_ANSWER_MS for each answer. When the one that may wait is silent for as long, it is asked over
 * the other whether any session of ours has been waiting for a standby for about that long. If none has, then neither has
 * the silent one, and it is given up for a fresh one.
 */
#include "common/base/log.h"
#include "common/pg/rows.h"
#include "follower/commit/committer.h"

/* Sessions of other accounts do not show what they wait for. */
static const struct vd_pg_statement long_waits = {
	.name = "long_waits",
	.sql = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()"
		   " AND wait_event = 'SyncRep' AND state_change < clock_timestamp() - $1) AS found",
	.params = { VD_PG_INTERVAL },
	.columns = { { "found", VD_PG_BOOL } },
};

static struct vd_pg *up(struct vd_pg_link *link)
{
	return link == NULL ? NULL : vd_pg_link_up(link);
}

static struct vd_pg *silent_one(const struct vd_committer *committer)
{
	struct vd_pg *pg = up(committer->identity.registered ? committer->inbox : committer->desk);
	return pg != NULL && vd_pg_silent_ms(pg) >= VD_COMMIT_ANSWER_MS ? pg : NULL;
}

static void on_long_waits(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_committer *committer = arg;
	committer->silence.is_excused = vd_pg_rows_count(rows) != 1 || vd_pg_rows_bool(rows, 0, 0);
}

static void on_asked(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_committer *committer = arg;
	committer->silence.is_asking = false;
	committer->silence.rests = committer->clock_ms + VD_COMMIT_QUIET_MS;
	if (outcome->status != VD_PG_OK || committer->silence.is_excused)
		return;
	struct vd_pg *pg = silent_one(committer);
	if (pg != NULL)
		vd_pg_disconnect(pg, "the server has not answered for %lld ms, and no standby keeps it waiting",
			(long long)vd_pg_silent_ms(pg));
}

void vd_silence_bound(struct vd_committer *committer)
{
	struct vd_pg *desk = up(committer->desk), *inbox = up(committer->inbox);
	bool registered = committer->identity.registered;
	if (desk != NULL)
		vd_pg_set_answer_timeout(desk, registered ? VD_COMMIT_ANSWER_MS : 0);
	if (inbox != NULL)
		vd_pg_set_answer_timeout(inbox, registered ? 0 : VD_COMMIT_ANSWER_MS);
}

void vd_silence_pump(struct vd_committer *committer)
{
	struct vd_pg *witness = up(committer->identity.registered ? committer->desk : committer->inbox);
	if (committer->silence.is_asking || committer->clock_ms < committer->silence.rests || witness == NULL ||
		silent_one(committer) == NULL)
		return;
	struct vd_arena arena;
	vd_arena_init(&arena, SIZE_MAX);
	struct vd_pg_params params;
	vd_pg_params_init(&params, &arena);
	vd_pg_params_interval_ms(&params, VD_COMMIT_ANSWER_MS / 2);
	committer->silence.is_asking = committer->silence.is_excused = true;
	vd_pg_ask(witness, &long_waits, &params, on_long_waits, on_asked, committer);
	vd_arena_fini(&arena);
}
