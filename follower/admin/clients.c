/* SPDX-License-Identifier: Apache-2.0 */
/* clients.c: who is registered. */
#include "common/base/arena.h"
#include "follower/admin/admin.h"

#include <stdio.h>
#include <stdlib.h>

static const struct vd_pg_statement select_clients = {
	.name = "admin_clients",
	.sql = "SELECT name, follower, registered_ms, seen_ms, low_water, verdicts, given_up, queued"
		   " FROM registrations($1, $2)",
	.params = { VD_PG_INTERVAL, VD_PG_INT8 },
	.columns = { { "name", VD_PG_TEXT }, { "follower", VD_PG_TEXT }, { "registered_ms", VD_PG_INT8 },
		{ "seen_ms", VD_PG_INT8 }, { "low_water", VD_PG_INT8 }, { "verdicts", VD_PG_INT8 },
		{ "given_up", VD_PG_INT8 }, { "queued", VD_PG_INT8 } },
};

void admin_on_clients(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_admin *admin = arg;
	size_t count = vd_pg_rows_count(rows);
	free(admin->clients);
	admin->clients = count == 0 ? NULL : calloc(count, sizeof *admin->clients);
	admin->client_count = count;
	for (size_t i = 0; admin->clients != NULL && i < count; i++) {
		struct vd_admin_client *client = &admin->clients[i];
		snprintf(client->name, sizeof client->name, "%s", vd_pg_rows_text(rows, i, 0));
		snprintf(client->follower, sizeof client->follower, "%s", vd_pg_rows_text(rows, i, 1));
		client->registered_ms = vd_pg_rows_int8(rows, i, 2);
		client->seen_ms = vd_pg_rows_int8(rows, i, 3);
		client->low_water = vd_pg_rows_int8(rows, i, 4);
		client->verdicts = vd_pg_rows_int8(rows, i, 5);
		client->given_up = vd_pg_rows_int8(rows, i, 6);
		client->queued = vd_pg_rows_int8(rows, i, 7);
	}
}

int vd_admin_clients(struct vd_admin *admin, int64_t age_ms, int64_t most,
	const struct vd_admin_client **clients, size_t *count, struct vd_admin_error *error)
{
	struct vd_arena arena;
	struct vd_pg_params params;
	if (age_ms < 0 || most < 0)
		return admin_error(
			error, VD_ERROR_CLIENT_INVALID_OPERATION, NULL, "neither an age nor a limit can be negative");
	int code = admin_begin(admin, error, true);
	if (code != 0)
		return code;
	vd_arena_init(&arena, 4096);
	vd_pg_params_init(&params, &arena);
	vd_pg_params_interval_ms(&params, age_ms);
	vd_pg_params_int8(&params, most);
	admin->client_count = 0;
	vd_pg_ask(admin->pg, &select_clients, &params, admin_on_clients, admin_on_outcome, admin);
	code = admin_wait(admin);
	vd_arena_fini(&arena);
	if (code == 0 && admin->client_count > 0 && admin->clients == NULL)
		code = admin_error(error, VD_ERROR_OUT_OF_MEMORY, NULL, "out of memory");
	*clients = code == 0 ? admin->clients : NULL;
	*count = code == 0 ? admin->client_count : 0;
	return code;
}
