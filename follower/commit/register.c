/* SPDX-License-Identifier: Apache-2.0 */
/* register.c: the desk finds the schema in order, then makes us known.
 *
 * An id is registered at most once: whenever the answer did not come, or came with a warning (then a standby may not have
 * it), the next attempt is with a new one.
 */
#include "common/base/random.h"
#include "common/pg/migrate.h"
#include "common/pg/rows.h"
#include "follower/commit/committer.h"

#include <stdio.h>
#include <string.h>

static const struct vd_pg_statement registration = {
	.name = "register",
	.sql = "SELECT generation, term, version FROM register($1, $2)",
	.params = { VD_PG_UUID, VD_PG_INT8 },
	.columns = { { "generation", VD_PG_INT8 }, { "term", VD_PG_UUID }, { "version", VD_PG_INT8 } },
};

bool vd_identity_draw(struct vd_identity *identity)
{
	identity->registered = false;
	identity->number++;
	return vd_random_bytes(identity->client, sizeof identity->client);
}

/* A session remembers what it was not allowed to see, so the next attempt is on a fresh one, after the link's back-off. */
static void refused(struct vd_committer *committer, bool for_good, const char *message, const char *hint)
{
	struct vd_pg *desk = vd_pg_link_up(committer->desk);
	char text[1024];
	snprintf(text, sizeof text, "%s%s%s", message, *hint != '\0' ? "; " : "", hint);
	vd_database_problem(committer->database, for_good, text);
	committer->desk_refused = true;
	if (desk != NULL)
		vd_pg_disconnect(desk, "%s", text);
}

static void on_schema(void *arg, const struct vd_schema_report *report)
{
	struct vd_committer *committer = arg;
	committer->asking = false;
	if (report->status == VD_SCHEMA_OK) {
		committer->schema_checked = true;
		vd_backoff_reset(&committer->desk_backoff);
	} else if (report->status != VD_SCHEMA_LOST) {
		refused(committer, !report->may_pass, report->message, report->hint);
	}
	vd_committer_pump(committer);
}

static void on_registration(void *arg, const struct vd_pg_rows *rows)
{
	struct vd_committer *committer = arg;
	if (vd_pg_rows_count(rows) != 1)
		return;
	committer->asking_generation = vd_pg_rows_int8(rows, 0, 0);
	struct vd_pg_uuid term = vd_pg_rows_uuid(rows, 0, 1);
	memcpy(committer->asking_term, term.bytes, sizeof committer->asking_term);
	committer->asking_version = vd_pg_rows_int8(rows, 0, 2);
}

static void on_registered(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_committer *committer = arg;
	committer->asking = false;
	if (outcome->status == VD_PG_OK && !outcome->warned && committer->asking_version > 0) {
		committer->identity.generation = committer->asking_generation;
		committer->identity.registered = true;
		vd_backoff_reset(&committer->desk_backoff);
		vd_database_see(committer->database, committer->asking_term, (uint64_t)committer->asking_version);
	} else {
		bool denied = vd_pg_outcome_is(outcome, "42501");
		if (outcome->status != VD_PG_LOST)
			refused(committer, denied, outcome->status == VD_PG_OK ? outcome->warning : outcome->message,
				denied ? "grant the schema's follower role to this account" : "");
		if (!vd_identity_draw(&committer->identity))
			committer->desk_rests = committer->clock_ms + VD_COMMIT_QUIET_MS;
	}
	vd_committer_pump(committer);
}

void vd_register_pump(struct vd_committer *committer, struct vd_pg *desk)
{
	if (committer->asking || committer->clock_ms < committer->desk_rests)
		return;
	committer->asking = true;
	if (!committer->schema_checked) {
		committer->asking = vd_schema_check(desk, committer->database->settings.schema, on_schema, committer);
		return; /* without memory the next tick tries again */
	}
	struct vd_arena arena;
	vd_arena_init(&arena, SIZE_MAX);
	committer->asking_version = 0;
	struct vd_pg_params params;
	vd_pg_params_init(&params, &arena);
	vd_pg_params_uuid(&params, committer->identity.client);
	vd_pg_params_int8(&params, (int64_t)committer->reply);
	vd_pg_ask(desk, &registration, &params, on_registration, on_registered, committer);
	vd_arena_fini(&arena);
}
