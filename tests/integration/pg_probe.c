/* SPDX-License-Identifier: Apache-2.0 */
/* pg_probe DSN identify | pg_probe DSN ask SQL...: a connection of ours for pytest, on one line each.
 *
 * identify prints what the server says of itself. ask prints "pid <backend>", sends each SQL as a segment of its own, all
 * at once, and prints each outcome as it comes: "<n> ok|error|lost sqlstate=<s> warned=<0|1> tag=<tag> <message or warning>".
 * Ends with 0 if all are ok, else 1; a connection that cannot be made is 2. */
#include "common/loop/loop.h"
#include "common/pg/connection.h"
#include "common/pg/pipeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { QUESTIONS_MAX = 20 };

struct question {
	struct program *program;
	int number;
	char tag[64];
};

struct program {
	struct vd_loop *loop;
	struct vd_pg *pg;
	char **sql;
	int count, answered;
	bool identify, up;
	int status;
	struct question questions[QUESTIONS_MAX];
};

static void print_server(const struct vd_pg_server *server)
{
	printf("pid=%d version=%d system=%" PRIu64
		   " timeline=%u database=%u in_recovery=%d synchronous=%d postmaster_start=%" PRId64
		   " backend_start=%" PRId64 "\n",
		server->backend_pid, server->version_num, server->system_identifier, server->timeline,
		server->database_oid, server->in_recovery, server->synchronous_standbys, server->postmaster_start_us,
		server->backend_start_us);
}

static void on_rows(void *arg, const struct vd_pg_rows *rows)
{
	struct question *question = arg;
	snprintf(question->tag, sizeof question->tag, "%s", vd_pg_rows_tag(rows));
}

static void on_outcome(void *arg, const struct vd_pg_outcome *outcome)
{
	static const char *const statuses[] = { "ok", "error", "lost" };
	struct question *question = arg;
	struct program *program = question->program;
	printf("%d %s sqlstate=%s warned=%d tag=%s %s\n", question->number, statuses[outcome->status],
		outcome->sqlstate, outcome->warned, question->tag,
		outcome->warned ? outcome->warning : outcome->message);
	fflush(stdout);
	if (outcome->status != VD_PG_OK)
		program->status = 1;
	if (++program->answered == program->count && vd_pg_state(program->pg) != VD_PG_CLOSED)
		vd_pg_close(program->pg);
}

static void on_up(void *arg, struct vd_pg *pg)
{
	struct program *program = arg;
	program->up = true;
	if (program->identify) {
		print_server(vd_pg_server(pg));
		vd_pg_close(pg);
		return;
	}
	printf("pid %d\n", vd_pg_server(pg)->backend_pid);
	fflush(stdout);
	for (int i = 0; i < program->count; i++) {
		struct vd_pg_segment *segment = vd_pg_segment_begin(pg);
		program->questions[i] = (struct question){ .program = program, .number = i };
		vd_pg_query_text(segment, "ask", program->sql[i], on_rows, &program->questions[i]);
		vd_pg_segment_end(segment, on_outcome, &program->questions[i]);
	}
}

static void on_closed(void *arg, struct vd_pg *pg, const char *reason)
{
	struct program *program = arg;
	(void)pg;
	if (strcmp(reason, "closed") != 0)
		printf("closed: %s\n", reason);
	if (!program->up)
		program->status = 2;
	vd_loop_stop(program->loop);
}

int main(int argc, char **argv)
{
	struct program program = { .status = 0 };
	struct vd_pg_events events = { .on_up = on_up, .on_closed = on_closed, .arg = &program };
	if (argc < 3 || argc > 3 + QUESTIONS_MAX)
		return 2;
	struct vd_pg_settings settings = {
		.dsn = argv[1], .application_name = "verdict-probe", .identify = true
	};
	program.identify = strcmp(argv[2], "identify") == 0;
	program.sql = argv + 3;
	program.count = argc - 3;
	program.loop = vd_loop_new(NULL);
	if (program.loop == NULL || (program.pg = vd_pg_open(program.loop, &settings, &events)) == NULL ||
		!vd_loop_run(program.loop))
		return 2;
	vd_loop_free(program.loop);
	return program.status;
}
