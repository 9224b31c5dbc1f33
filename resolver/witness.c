/* SPDX-License-Identifier: Apache-2.0 */
/* witness.c: see witness.h. */
#include "resolver/witness.h"

#include "common/base/log.h"
#include "common/pg/pipeline.h"
#include "resolver/keeper_ask.h"

#include <string.h>

/* Of a session that we may not look into nothing is known, so it is not suspected. */
static const struct vd_pg_statement find_waiting = {
	.name = "find_waiting",
	.sql = "SELECT o.pid FROM unnest($1::int[], $2::timestamptz[]) AS o(pid, start) WHERE NOT EXISTS ("
		   "SELECT 1 FROM pg_stat_get_activity(o.pid) a WHERE (a.backend_start = o.start OR a.backend_start "
		   "IS NULL)"
		   " AND a.wait_event IS DISTINCT FROM 'ClientRead' AND a.wait_event IS DISTINCT FROM 'ClientWrite')",
	.params = { VD_PG_INT4_ARRAY, VD_PG_TIMESTAMPTZ_ARRAY },
	.columns = { { "pid", VD_PG_INT4 } },
};
static const struct vd_pg_statement find_others = {
	.name = "find_others",
	.sql = "SELECT EXISTS (SELECT 1 FROM nodes() n WHERE n.node <> $1) AS others",
	.params = { VD_PG_TEXT },
	.columns = { { "others", VD_PG_BOOL } },
};

static void on_waiting(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_keeper *keeper = arg;
	for (size_t row = 0; row < vd_pg_rows_count(rows); row++)
		for (unsigned i = 0; i < VD_BACKENDS; i++)
			if (keeper->asked_pids[i] == vd_pg_rows_int4(rows, row, 0))
				keeper->waiting[i] = keeper->asked_pids[i];
}

static void on_others(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_keeper *keeper = arg;
	keeper->has_others = vd_pg_rows_count(rows) == 1 && vd_pg_rows_bool(rows, 0, 0);
}

static void on_answer(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_keeper *keeper = arg;
	struct vd_testimony *testimony = &keeper->hinge->testimony;
	keeper->is_witnessing = false;
	if (outcome->status == VD_PG_ERROR)
		vd_log_warning("the server could not be asked what the leader's sessions wait for, it is asked again",
			VD_LOG_TEXT("error", outcome->message));
	if (outcome->status != VD_PG_OK)
		return;
	for (unsigned i = 0; i < VD_BACKENDS; i++)
		atomic_store(&testimony->waiting[i], keeper->waiting[i]);
	atomic_store(&testimony->has_others, keeper->has_others);
	atomic_store(&testimony->doubt, keeper->asked_doubt);
	atomic_fetch_add(&testimony->count, 1);
	vd_wake_ring(&keeper->hinge->loop_wake);
}

void vd_witness_ask(struct vd_keeper *keeper, struct vd_pg *pg)
{
	struct vd_hinge *hinge = keeper->hinge;
	uint64_t doubt = atomic_load(&hinge->doubt);
	if (keeper->is_witnessing || doubt == 0)
		return;
	int64_t starts_us[VD_BACKENDS];
	keeper->asked_doubt =
		doubt; /* read before the suspects: if they are of a newer one, nobody believes the answer */
	for (unsigned i = 0; i < VD_BACKENDS; i++) {
		keeper->asked_pids[i] = atomic_load(&hinge->suspects[i].pid);
		starts_us[i] = atomic_load(&hinge->suspects[i].start_us);
	}
	memset(keeper->waiting, 0, sizeof keeper->waiting);
	keeper->has_others = false;
	keeper->is_witnessing = true;
	struct vd_pg_params backends, node;
	vd_pg_params_init(&backends, &keeper->arena);
	vd_pg_params_int4_array(&backends, keeper->asked_pids, VD_BACKENDS);
	vd_pg_params_timestamptz_us_array(&backends, starts_us, VD_BACKENDS);
	vd_pg_params_init(&node, &keeper->arena);
	vd_pg_params_text(&node, keeper->settings->node);
	struct vd_pg_segment *segment = vd_pg_segment_begin(pg);
	vd_pg_query(segment, &find_waiting, &backends, on_waiting, keeper);
	vd_pg_query(segment, &find_others, &node, on_others, keeper);
	vd_pg_segment_end(segment, on_answer, keeper);
}
