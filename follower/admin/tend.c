/* SPDX-License-Identifier: Apache-2.0 */
/* tend.c: tidying up. */
#include "common/base/arena.h"
#include "follower/admin/admin.h"

static const struct vd_pg_statement purge = {
	.name = "admin_purge",
	.sql = "SELECT name, follower, registered_ms, seen_ms, low_water, verdicts, given_up, queued FROM "
		   "purge_told($1)",
	.params = { VD_PG_INTERVAL },
	.columns = { { "name", VD_PG_TEXT }, { "follower", VD_PG_TEXT }, { "registered_ms", VD_PG_INT8 },
		{ "seen_ms", VD_PG_INT8 }, { "low_water", VD_PG_INT8 }, { "verdicts", VD_PG_INT8 },
		{ "given_up", VD_PG_INT8 }, { "queued", VD_PG_INT8 } },
};

int vd_admin_purge(struct vd_admin *admin, int64_t age_ms,
	void (*on_client)(const struct vd_admin_client *client, void *arg), void *arg, int64_t *count,
	struct vd_admin_error *error)
{
	struct vd_arena arena;
	struct vd_pg_params params;
	int64_t gone = 0;
	if (count != NULL)
		*count = 0;
	if (age_ms < 0)
		return admin_error(error, VD_ERROR_CLIENT_INVALID_OPERATION, NULL, "an age cannot be negative");
	int code = admin_begin(admin, error, true);
	if (code != 0)
		return code;
	vd_arena_init(&arena, 4096);
	vd_pg_params_init(&params, &arena);
	vd_pg_params_interval_ms(&params, age_ms);
	/* each call forgets a bounded number, so that applies do not wait for all of them */
	do {
		admin->client_count = 0;
		vd_pg_ask(admin->pg, &purge, &params, admin_on_clients, admin_on_outcome, admin);
		code = admin_wait(admin);
		if (code != 0)
			break;
		gone += (int64_t)admin->client_count;
		for (size_t i = 0; on_client != NULL && admin->clients != NULL && i < admin->client_count; i++)
			on_client(&admin->clients[i], arg);
	} while (admin->client_count > 0);
	vd_arena_fini(&arena);
	if (count != NULL)
		*count = gone;
	return code;
}
