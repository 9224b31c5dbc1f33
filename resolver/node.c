/* SPDX-License-Identifier: Apache-2.0 */
/* node.c: first the schema is checked on a connection of its own; then the threads and the wires live until the
 * end. node_turn looks at what the keeper says and moves the life; all else calls it. */
#include "resolver/node.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/pg/migrate.h"
#include "common/pg/names.h"
#include "common/pg/pipeline.h"
#include "resolver/herald.h"
#include "resolver/keeper.h"
#include "resolver/life.h"
#include "resolver/metrics/desk.h"
#include "resolver/office.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PULSE_MS = 50 };

struct node {
	const struct vd_resolver_settings *settings;
	struct vd_loop *loop;
	struct vd_hinge hinge;
	struct vd_keeper *keeper; /* NULL until the schema is checked */
	struct vd_wires wires;
	struct vd_office office;
	bool has_office;
	struct vd_desk desk;
	unsigned life;
	struct vd_herald herald;
	uint64_t seen_won;
	struct vd_timer pulse;
	struct vd_signal signals[2];
	struct vd_timer deadline; /* of the hand-over */
	int64_t rests_until_ms;   /* it has given office up, and does not try again before */
	bool is_asked_to_stop;
	bool is_closing;
	int exit_code;

	struct vd_pg_link *check; /* until the schema is known to be ours */
	bool may_resolve;
	struct vd_arena arena;
};

static void node_turn(struct node *node);

static void tell_life(struct node *node)
{
	vd_herald_status(
		&node->herald, vd_machine_name(&vd_life, node->life), vd_machine_sentence(&vd_life, node->life));
}

/* The only mover of the life. */
static void move(struct node *node, enum vd_life life)
{
	vd_machine_move(&vd_life, &node->life, life, node);
	tell_life(node);
	node->desk.life = life;
	vd_log_info("the node's life goes on", VD_LOG_TEXT("state", vd_machine_name(&vd_life, life)),
		VD_LOG_TEXT("it", vd_machine_sentence(&vd_life, life)));
}

/* ---- the end ----------------------------------------------------------------------------------------------- */

static void close_all(struct node *node)
{
	if (node->is_closing)
		return;
	node->is_closing = true;
	if (node->life != VD_LIFE_STOPPED)
		move(node, VD_LIFE_STOPPED);
	vd_desk_wires_close(&node->desk);
	if (node->check != NULL)
		vd_pg_link_close(node->check);
	if (node->keeper != NULL) {
		atomic_store(&node->hinge.stop, true);
		vd_wake_ring(&node->hinge.keeper_wake);
		vd_keeper_join(node->keeper);
		node->keeper = NULL;
		vd_wires_close(&node->wires); /* on_wires_closed stops the loop */
	} else if (node->check == NULL) {
		vd_loop_stop(node->loop);
	} /* else on_check_closed does */
}

static void on_check_closed(void *arg)
{
	struct node *node = arg;
	if (node->is_closing && node->keeper == NULL && node->wires.open == 0)
		vd_loop_stop(node->loop);
}

/* The queue could not be drained, or the lease not released: standbys take over when they see us gone. */
static void on_deadline(void *arg)
{
	struct node *node = arg;
	if (!node->has_office)
		return;
	vd_log_warning("the hand-over takes too long, ends without it");
	vd_office_end(&node->office, "the hand-over took too long");
}

static void on_wires_closed(void *arg)
{
	struct node *node = arg;
	vd_loop_stop(node->loop);
}

static void on_signal(int number, void *arg)
{
	struct node *node = arg;
	if (node->is_asked_to_stop) {
		vd_log_warning("a second signal, ends at once", VD_LOG_INT("signal", number));
		_exit(1);
	}
	node->is_asked_to_stop = true;
	atomic_store(&node->hinge.is_stopping, true);
	vd_log_info("is asked to stop", VD_LOG_INT("signal", number));
	vd_herald_stopping(&node->herald);
	node_turn(node);
}

static void note_ready(struct node *node)
{
	bool is_ready = vd_wires_pg(&node->wires, VD_BACKEND_CLAIM) != NULL &&
					vd_wires_pg(&node->wires, VD_BACKEND_APPLY) != NULL &&
					vd_clock_ms() >= node->rests_until_ms;
	atomic_store(&node->hinge.is_ready, is_ready);
}

/* ---- the office -------------------------------------------------------------------------------------------- */

static void on_resigned(void *arg)
{
	struct node *node = arg;
	vd_log_info("the queue is drained, releases the lease");
	atomic_store(&node->hinge.release, node->seen_won);
	vd_wake_ring(&node->hinge.keeper_wake);
}

/* So that the others come first. */
static void on_deserted(void *arg)
{
	struct node *node = arg;
	node->rests_until_ms = vd_clock_ms() + 2 * node->settings->lease_ttl_ms;
	note_ready(node);
	atomic_store(&node->hinge.desert, node->seen_won);
	vd_wake_ring(&node->hinge.keeper_wake);
}

static void on_office_ended(void *arg)
{
	struct node *node = arg;
	node->has_office = false;
	node->desk.office = NULL;
	if (atomic_load(&node->hinge.released) != node->seen_won)
		node->desk.metrics.terms_lost++;
	vd_timer_cancel(&node->deadline);
	atomic_store(&node->hinge.ended, node->seen_won);
	vd_wake_ring(&node->hinge.keeper_wake);
	if (node->is_asked_to_stop) {
		close_all(node);
		return;
	}
	move(node, VD_LIFE_STANDBY);
}

static void begin_office(struct node *node, uint64_t won)
{
	struct vd_office_events events = {
		.on_resigned = on_resigned, .on_deserted = on_deserted, .on_ended = on_office_ended, .arg = node
	};
	node->seen_won = won;
	if (node->life == VD_LIFE_STANDBY)
		move(node, VD_LIFE_CAMPAIGNING);
	move(node, VD_LIFE_LEADING);
	node->has_office = true;
	node->desk.office = &node->office;
	node->desk.metrics.elections++;
	vd_office_begin(
		&node->office, node->loop, node->settings, &node->hinge, &node->wires, &node->desk.metrics, &events);
}

/* Finishes what is queued, and lets go of the lease: to end, or because the lease says that another node is to lead. */
static void resign_if_asked(struct node *node)
{
	bool is_asked = atomic_load(&node->hinge.asked) == node->seen_won;
	if (node->life != VD_LIFE_LEADING || !(is_asked || node->is_asked_to_stop))
		return;
	if (!node->is_asked_to_stop)
		vd_log_info("is asked to hand over");
	move(node, VD_LIFE_RESIGNING);
	vd_timer_arm_ms(&node->deadline, node->settings->handover_timeout_ms + 2000);
	vd_office_resign(&node->office);
}

/* What the keeper says, and what was asked for; then the life follows. */
static void node_turn(struct node *node)
{
	if (node->is_closing)
		return;
	struct vd_hinge *hinge = &node->hinge;
	uint64_t won = atomic_load(&hinge->won);
	bool is_campaigning = atomic_load(&hinge->is_campaigning);
	if (!node->has_office && won != node->seen_won)
		begin_office(node, won);
	if (node->has_office) {
		if (atomic_load(&hinge->lost) == won)
			vd_office_end(&node->office, "the lease is lost");
		else if (atomic_load(&hinge->released) == won)
			vd_office_end(&node->office, "the lease is released");
		else
			vd_office_poke(&node->office);
	}
	if (node->has_office) {
		resign_if_asked(node);
		return;
	}
	if (is_campaigning && node->life == VD_LIFE_STANDBY)
		move(node, VD_LIFE_CAMPAIGNING);
	else if (!is_campaigning && node->life == VD_LIFE_CAMPAIGNING)
		move(node, VD_LIFE_STANDBY);
	if (node->is_asked_to_stop && !is_campaigning)
		close_all(node);
}

/* ---- events ------------------------------------------------------------------------------------------------ */

static void on_wake(void *arg)
{
	node_turn(arg);
}

static void on_pulse(void *arg)
{
	struct node *node = arg;
	int64_t now_ms = vd_clock_ms();
	atomic_store(&node->hinge.pulse_ms, now_ms);
	vd_herald_pulse(&node->herald, now_ms);
	note_ready(node);
	if (atomic_load(&node->hinge.is_ready) && atomic_load(&node->hinge.has_looked))
		vd_herald_ready(&node->herald); /* who is restarted one after the other may be left alone now */
	vd_timer_arm_ms(&node->pulse, PULSE_MS);
}

static void on_wire_up(void *arg, enum vd_backend which, struct vd_pg *pg)
{
	struct node *node = arg;
	const struct vd_wire *wire = &node->wires.wire[which];
	note_ready(node);
	if (node->has_office)
		vd_office_wire_up(&node->office, which, pg);
	else
		vd_hinge_set_backend(&node->hinge, which, wire->pid, wire->start_us);
}

static void on_wire_down(void *arg, enum vd_backend which)
{
	struct node *node = arg;
	note_ready(node);
	if (node->has_office)
		vd_office_wire_down(&node->office, which);
}

static void on_wire_notify(
	void *arg, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid)
{
	struct node *node = arg;
	if (node->has_office && !node->office.is_ending)
		vd_drain_notify(&node->office.drain, pg, channel, payload, backend_pid);
}

/* ---- the start --------------------------------------------------------------------------------------------- */

static void start(struct node *node)
{
	struct vd_wire_events events = { .on_up = on_wire_up,
		.on_down = on_wire_down,
		.on_notify = on_wire_notify,
		.on_closed = on_wires_closed,
		.arg = node };
	vd_pg_link_close(node->check);
	node->check = NULL;
	tell_life(node);
	vd_wires_open(&node->wires, node->loop, node->settings, &events);
	vd_desk_wires_open(&node->desk, &node->wires);
	node->keeper = vd_keeper_start(node->settings, &node->hinge);
}

static void refuse(struct node *node, const char *message, const char *hint)
{
	struct vd_error error;
	vd_error_set(&error, VD_CODE_CLIENT_INVALID_OPERATION, "%s", message);
	vd_error_hint(&error, "%s", hint);
	vd_error_print(&error, "verdict-resolver", stderr);
	node->exit_code = 2;
	close_all(node);
}

static const struct vd_pg_statement role_statement = {
	.name = "role",
	.sql = "SELECT pg_has_role(current_user, $1, 'USAGE') AS may",
	.params = { VD_PG_TEXT },
	.columns = { { "may", VD_PG_BOOL } },
};

static void on_role_row(void *arg, const struct vd_pg_rows *rows)
{
	struct node *node = arg;
	node->may_resolve = vd_pg_rows_count(rows) == 1 && vd_pg_rows_bool(rows, 0, 0);
}

static void on_role(void *arg, const struct vd_pg_outcome *outcome)
{
	struct node *node = arg;
	struct vd_pg_name role = vd_pg_role_resolver(node->settings->schema);
	char hint[160];
	if (node->is_closing || outcome->status == VD_PG_LOST)
		return;
	if (outcome->status == VD_PG_OK && node->may_resolve) {
		start(node);
		return;
	}
	snprintf(hint, sizeof hint, "GRANT %s TO the role that the connection string names", role.text);
	refuse(node, "this role may not resolve: it is no member of the schema's resolver role", hint);
}

static void on_schema(void *arg, const struct vd_schema_report *report)
{
	struct node *node = arg;
	if (node->is_closing || report->status == VD_SCHEMA_LOST)
		return;
	if (report->status != VD_SCHEMA_OK) {
		refuse(node, report->message, report->hint);
		return;
	}
	struct vd_pg *pg = vd_pg_link_up(node->check);
	if (pg == NULL)
		return;
	struct vd_pg_name role = vd_pg_role_resolver(node->settings->schema);
	struct vd_pg_params params;
	vd_arena_reset(&node->arena);
	vd_pg_params_init(&params, &node->arena);
	vd_pg_params_text(&params, role.text);
	vd_pg_ask(pg, &role_statement, &params, on_role_row, on_role, node);
}

static void on_check_up(void *arg, struct vd_pg *pg)
{
	struct node *node = arg;
	VD_ASSERT(vd_schema_check(pg, node->settings->schema, on_schema, node));
}

static void on_check_down(void *arg, struct vd_pg *pg, const char *reason, unsigned attempt, int64_t retry_ms)
{
	struct node *node = arg;
	(void)pg;
	vd_herald_status(&node->herald, "the database cannot be reached, tries again", reason);
	if (attempt == 1 || attempt % 8 == 0)
		vd_log_warning("the database cannot be reached, tries again", VD_LOG_TEXT("why", reason),
			VD_LOG_UINT("attempt", attempt), VD_LOG_INT("retry_ms", retry_ms));
}

static void open_check(struct node *node)
{
	struct vd_pg_settings pg = { .dsn = node->settings->dsn,
		.application_name = VD_PG_APPLICATION_RESOLVER,
		.connect_timeout_ms = 5000,
		.statement_timeout_ms = 10000,
		.answer_timeout_ms = 15000,
		.target_session_attrs = "read-write" };
	struct vd_pg_link_events events = {
		.on_up = on_check_up, .on_down = on_check_down, .on_closed = on_check_closed, .arg = node
	};
	node->check = vd_pg_link_open(node->loop, &pg, &vd_backoff_reconnect, &events);
	VD_ASSERT(node->check != NULL);
}

int vd_node_run(const struct vd_resolver_settings *settings)
{
	struct node *node = calloc(1, sizeof *node);
	VD_ASSERT(node != NULL);
	node->settings = settings;
	node->loop = vd_loop_new(NULL);
	VD_ASSERT(node->loop != NULL);
	vd_arena_init(&node->arena, 1 << 16);
	VD_ASSERT(vd_wake_init(&node->hinge.loop_wake, node->loop, on_wake, node));
	VD_ASSERT(vd_timer_init(&node->pulse, node->loop, on_pulse, node));
	VD_ASSERT(vd_timer_init(&node->deadline, node->loop, on_deadline, node));
	VD_ASSERT(vd_signal_init(&node->signals[0], node->loop, SIGTERM, on_signal, node));
	VD_ASSERT(vd_signal_init(&node->signals[1], node->loop, SIGINT, on_signal, node));
	vd_log_info("starts", VD_LOG_TEXT("schema", settings->schema), VD_LOG_DSN("dsn", settings->dsn));
	vd_herald_open(&node->herald);
	on_pulse(node);
	struct vd_error error;
	if (vd_desk_open(&node->desk, node->loop, settings, &node->hinge, &error) == 0)
		open_check(node);
	else
		refuse(node, error.message, error.hint);
	VD_ASSERT(vd_loop_run(node->loop));
	int exit_code = node->exit_code;
	vd_herald_close(&node->herald);
	vd_desk_close(&node->desk);
	vd_signal_fini(&node->signals[0]);
	vd_signal_fini(&node->signals[1]);
	vd_timer_fini(&node->pulse);
	vd_timer_fini(&node->deadline);
	vd_wake_fini(&node->hinge.loop_wake);
	vd_loop_free(node->loop);
	vd_arena_fini(&node->arena);
	free(node);
	vd_log_info("has stopped", VD_LOG_INT("exit_code", exit_code));
	return exit_code;
}
