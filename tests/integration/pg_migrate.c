/* SPDX-License-Identifier: Apache-2.0 */
/* pg_migrate DSN SCHEMA [check]: the migrations as the tests' fixtures need them, and as pytest tries them.
 * Prints "<status> version=<n> applied=<n>", and with a failure "message: …" and "hint: …"; ends with 0 for ok, else 1. */
#include "common/loop/loop.h"
#include "common/pg/connection.h"
#include "common/pg/migrate.h"
#include "common/pg/names.h"

#include <stdio.h>
#include <string.h>

struct program {
	struct vd_loop *loop;
	struct vd_pg *pg;
	const char *schema;
	bool check;
	int status;
};

static const char *const statuses[] = {
	[VD_SCHEMA_OK] = "ok",
	[VD_SCHEMA_MISSING] = "missing",
	[VD_SCHEMA_TOO_OLD] = "too_old",
	[VD_SCHEMA_TOO_NEW] = "too_new",
	[VD_SCHEMA_DIFFERS] = "differs",
	[VD_SCHEMA_REFUSED] = "refused",
	[VD_SCHEMA_LOST] = "lost",
};

static void on_report(void *arg, const struct vd_schema_report *report)
{
	struct program *program = arg;
	printf("%s version=%u applied=%u\n", statuses[report->status], report->version, report->applied);
	if (report->status != VD_SCHEMA_OK)
		printf("message: %s\nhint: %s\n", report->message, report->hint);
	program->status = report->status == VD_SCHEMA_OK ? 0 : 1;
	if (program->pg != NULL)
		vd_pg_close(program->pg);
}

static void on_up(void *arg, struct vd_pg *pg)
{
	struct program *program = arg;
	if (program->check)
		VD_ASSERT(vd_schema_check(pg, program->schema, on_report, program));
	else
		VD_ASSERT(vd_migrate(pg, program->schema, on_report, program));
}

static void on_closed(void *arg, struct vd_pg *pg, const char *reason)
{
	struct program *program = arg;
	(void)pg;
	program->pg = NULL;
	if (strcmp(reason, "closed") != 0)
		fprintf(stderr, "%s\n", reason);
	vd_loop_stop(program->loop);
}

int main(int argc, char **argv)
{
	struct program program = { .status = 1 };
	struct vd_pg_events events = { .on_up = on_up, .on_closed = on_closed, .arg = &program };
	if (argc < 3)
		return 2;
	struct vd_pg_settings settings = { .dsn = argv[1], .application_name = VD_PG_APPLICATION_MIGRATE };
	program.schema = argv[2];
	program.check = argc > 3 && strcmp(argv[3], "check") == 0;
	program.loop = vd_loop_new(NULL);
	if (program.loop == NULL || (program.pg = vd_pg_open(program.loop, &settings, &events)) == NULL)
		return 2;
	if (!vd_loop_run(program.loop))
		return 2;
	vd_loop_free(program.loop);
	return program.status;
}
