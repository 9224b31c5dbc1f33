/* SPDX-License-Identifier: Apache-2.0 */
/* admin.c: the handle and its calls that wait; see admin.h. */
#include "follower/admin/admin.h"

#include "common/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_MS 10000

static const char *const unreachable_hint =
	"is PostgreSQL running there, and is the connection string right?";

static int set_error(
	struct vd_admin_error *error, int code, const char *hint, const char *format, va_list args)
{
	if (error != NULL) {
		error->code = code;
		vsnprintf(error->message, sizeof error->message, format, args);
		snprintf(error->hint, sizeof error->hint, "%s", hint == NULL ? "" : hint);
	}
	return code;
}

int admin_error(struct vd_admin_error *error, int code, const char *hint, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	set_error(error, code, hint, format, args);
	va_end(args);
	return code;
}

/* ---- open and close ---- */

static void on_timer(void *arg)
{
	struct vd_admin *admin = arg;
	admin->timed_out = true;
	vd_loop_stop(admin->loop);
}

static int check_arguments(const char *dsn, const char *schema, struct vd_admin_error *error)
{
	struct vd_error why = { 0 };
	if (!vd_pg_schema_is_legal(schema))
		return admin_error(error, VD_ERROR_CONNECTION_STRING_INVALID, vd_pg_schema_rule,
			"\"%.64s\" cannot be the name of a schema", schema);
	int code = vd_pg_dsn_check(dsn, &why);
	return code == 0 ? 0 : admin_error(error, code, why.hint, "%s", why.message);
}

int vd_admin_open(const char *dsn, const char *schema, int64_t timeout_ms, struct vd_admin **out,
	struct vd_admin_error *error)
{
	dsn = dsn == NULL ? "" : dsn;
	schema = schema == NULL || schema[0] == '\0' ? "verdict" : schema;
	int code = check_arguments(dsn, schema, error);
	if (code != 0)
		return code;
	struct vd_admin *admin = calloc(1, sizeof *admin);
	if (admin == NULL)
		return admin_error(error, VD_ERROR_OUT_OF_MEMORY, NULL, "out of memory");
	admin->dsn = strdup(dsn);
	admin->loop = vd_loop_new(NULL);
	snprintf(admin->schema.text, sizeof admin->schema.text, "%s", schema);
	admin->timeout_ms = timeout_ms <= 0 ? DEFAULT_TIMEOUT_MS : timeout_ms;
	if (admin->dsn != NULL && admin->loop != NULL &&
		vd_timer_init(&admin->timer, admin->loop, on_timer, admin)) {
		*out = admin;
		return 0;
	}
	vd_admin_close(admin);
	return admin_error(error, VD_ERROR_OUT_OF_MEMORY, NULL, "out of memory");
}

void vd_admin_close(struct vd_admin *admin)
{
	if (admin == NULL)
		return;
	admin->error = NULL;
	if (admin->pg != NULL)
		vd_pg_close(admin->pg);
	while (admin->pg != NULL && vd_loop_run(admin->loop))
		;
	vd_timer_fini(&admin->timer);
	if (admin->loop != NULL)
		vd_loop_free(admin->loop);
	free(admin->nodes);
	free(admin->clients);
	free(admin->dsn);
	free(admin);
}

void vd_admin_interrupt(struct vd_admin *admin)
{
	atomic_store(&admin->interrupted, true);
	vd_loop_stop(admin->loop);
}

unsigned vd_admin_schema_version(void)
{
	return vd_migrations[vd_migrations_count - 1].number;
}

/* ---- a call ---- */

static bool gives_up(const struct vd_admin *admin)
{
	return admin->timed_out || atomic_load(&admin->interrupted);
}

/* Why a call that gave up has failed, whatever its callback said. */
static int give_up_error(struct vd_admin *admin)
{
	if (atomic_exchange(&admin->interrupted, false))
		return admin_error(admin->error, VD_ERROR_OPERATION_CANCELLED, NULL, "interrupted");
	return admin_error(admin->error, VD_ERROR_TRANSACTION_TIMED_OUT, unreachable_hint,
		"no answer from the database within %.1f s", (double)admin->timeout_ms / 1e3);
}

void admin_done(struct vd_admin *admin, int code, const char *hint, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	if (code != 0)
		set_error(admin->error, code, hint, format, args);
	va_end(args);
	admin->code = code;
	admin->done = true;
	vd_loop_stop(admin->loop);
}

int admin_wait(struct vd_admin *admin)
{
	while (!admin->done) {
		if (gives_up(admin) && admin->pg != NULL)
			vd_pg_close(admin->pg); /* all that is waited for ends with it */
		if (!vd_loop_run(admin->loop))
			return admin_error(admin->error, VD_ERROR_PLATFORM, NULL, "the event loop has failed");
	}
	admin->done = false;
	return admin->code != 0 && gives_up(admin) ? give_up_error(admin) : admin->code;
}

int admin_pause(struct vd_admin *admin, int64_t pause_ms)
{
	struct vd_timer pause;
	if (!vd_timer_init(&pause, admin->loop, (void (*)(void *))vd_loop_stop, admin->loop))
		return admin_error(admin->error, VD_ERROR_OUT_OF_MEMORY, NULL, "out of memory");
	vd_timer_arm_ms(&pause, pause_ms);
	while (vd_timer_is_armed(&pause) && !gives_up(admin) && vd_loop_run(admin->loop))
		;
	vd_timer_fini(&pause);
	return gives_up(admin) ? give_up_error(admin) : 0;
}

void admin_on_outcome(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_admin *admin = arg;
	if (outcome->status == VD_PG_OK)
		admin_done(admin, 0, NULL, "%s", "");
	else if (outcome->status == VD_PG_LOST)
		admin_done(admin, VD_ERROR_TRANSACTION_TIMED_OUT, unreachable_hint, "%s", outcome->message);
	else if (vd_pg_outcome_is(outcome, "42501"))
		admin_done(admin, VD_ERROR_SQL, "this account is not a member of the role that may do it", "%s",
			outcome->message);
	else
		admin_done(admin, VD_ERROR_SQL, outcome->detail, "%s", outcome->message);
}

void admin_on_schema(void *arg, const struct vd_schema_report *report)
{
	struct vd_admin *admin = arg;
	switch (report->status) {
	case VD_SCHEMA_OK:
		admin_done(admin, 0, NULL, "%s", "");
		break;
	case VD_SCHEMA_LOST:
		admin_done(admin, VD_ERROR_TRANSACTION_TIMED_OUT, unreachable_hint, "%s", report->message);
		break;
	default:
		admin_done(admin, VD_ERROR_CONNECTION_STRING_INVALID, report->hint, "%s", report->message);
		break;
	}
}

/* ---- the connection ---- */

struct vd_pg_settings admin_settings(const struct vd_admin *admin)
{
	return (struct vd_pg_settings){
		.dsn = admin->dsn,
		.application_name = VD_PG_APPLICATION_OBSERVER,
		.schema = admin->schema.text,
		.connect_timeout_ms = admin->timeout_ms,
		.target_session_attrs = admin->takes_any ? NULL : "read-write",
	};
}

static void on_up(void *arg, struct vd_pg *pg)
{
	struct vd_admin *admin = arg;
	(void)pg;
	admin->connecting = false;
	admin_done(admin, 0, NULL, "%s", "");
}

static void on_closed(void *arg, struct vd_pg *pg, const char *reason)
{
	struct vd_admin *admin = arg;
	bool connecting = admin->connecting;
	admin->pg = NULL;
	admin->connecting = false;
	admin->checked = false;
	vd_loop_stop(admin->loop);
	if (connecting && vd_pg_is_refused(pg))
		admin_done(
			admin, VD_ERROR_CONNECTION_STRING_INVALID, "check user, password and database", "%s", reason);
	else if (connecting)
		admin_done(admin, VD_ERROR_TRANSACTION_TIMED_OUT, unreachable_hint, "%s", reason);
}

static int connect_now(struct vd_admin *admin)
{
	struct vd_pg_settings settings = admin_settings(admin);
	struct vd_pg_events events = { .on_up = on_up, .on_closed = on_closed, .arg = admin };
	admin->pg = vd_pg_open(admin->loop, &settings, &events);
	if (admin->pg == NULL)
		return admin_error(admin->error, VD_ERROR_OUT_OF_MEMORY, NULL, "out of memory");
	admin->connecting = true;
	return admin_wait(admin);
}

int admin_begin(struct vd_admin *admin, struct vd_admin_error *error, bool check)
{
	int code = 0;
	admin->error = error;
	admin->done = false;
	admin->timed_out = false;
	vd_timer_arm_ms(&admin->timer, admin->timeout_ms);
	if (atomic_load(&admin->interrupted))
		return give_up_error(admin);
	while (admin->pg != NULL && vd_pg_state(admin->pg) == VD_PG_CLOSED && vd_loop_run(admin->loop))
		; /* it was lost since, and is about to say so */
	if (admin->pg == NULL)
		code = connect_now(admin);
	if (code == 0 && check && !admin->checked) {
		code = vd_schema_check(admin->pg, admin->schema.text, admin_on_schema, admin)
				   ? admin_wait(admin)
				   : admin_error(admin->error, VD_ERROR_OUT_OF_MEMORY, NULL, "out of memory");
		admin->checked = code == 0;
	}
	return code;
}
