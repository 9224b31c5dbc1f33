/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.c: vd_admin_examine: connects to whatever there is, looks, listens, judges. */
#include "follower/admin/doctor.h"

#include "common/pg/listen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OLD_MS           60000
#define PAUSE_MS         700
#define PROOF_TIMEOUT_MS 3000

void doctor_tell(const struct doctor_told *to, const char *check, enum vd_admin_level level,
	const char *advice, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	struct vd_admin_finding finding = { check, level, text, advice };
	to->on_finding(&finding, to->arg);
}

bool doctor_saw(
	const struct doctor_told *to, const struct doctor_facts *facts, enum doctor_look look, const char *check)
{
	if (!facts->seen[look])
		doctor_tell(to, check, VD_ADMIN_UNSEEN, "look as an account that may", "cannot be seen: %s",
			facts->refused[look]);
	return facts->seen[look];
}

/* ---- does LISTEN work? ---- */

struct proof {
	struct vd_admin *admin;
	struct doctor_facts *facts;
	struct vd_pg_listener *listener;
	struct vd_pg *pg;
};

static void on_proof_up(void *arg, struct vd_pg *pg)
{
	struct proof *proof = arg;
	vd_pg_listener_attach(proof->listener, pg);
}

static void on_proof_closed(void *arg, struct vd_pg *pg, const char *reason)
{
	struct proof *proof = arg;
	(void)pg;
	proof->pg = NULL;
	if (proof->facts->listening != DOCTOR_LISTEN_PROVEN) {
		proof->facts->listening = DOCTOR_LISTEN_FAILED;
		snprintf(proof->facts->listen_reason, sizeof proof->facts->listen_reason, "%s", reason);
	}
	admin_done(proof->admin, 0, NULL, "%s", "");
}

static void on_proof_notify(
	void *arg, struct vd_pg *pg, const char *channel, const char *payload, int32_t backend_pid)
{
	struct proof *proof = arg;
	vd_pg_listener_notify(proof->listener, pg, channel, payload, backend_pid);
}

static void on_proven(void *arg, struct vd_pg *pg)
{
	struct proof *proof = arg;
	proof->facts->listening = DOCTOR_LISTEN_PROVEN;
	vd_pg_listener_detach(proof->listener);
	vd_pg_close(pg);
}

static void on_news(void *arg, const char *channel, const char *payload, int32_t backend_pid)
{
	(void)arg;
	(void)channel;
	(void)payload;
	(void)backend_pid;
}

/* On a connection of its own, which ends with the proof, well or not. */
static int prove_listening(struct vd_admin *admin, struct doctor_facts *facts)
{
	struct proof proof = { .admin = admin, .facts = facts };
	struct vd_pg_settings settings = admin_settings(admin);
	struct vd_pg_name channel = vd_pg_channel_verdicts(admin->schema.text);
	const char *const channels[] = { channel.text };
	struct vd_pg_listener_settings listening = { channels, 1, PROOF_TIMEOUT_MS };
	struct vd_pg_listener_events of_listener = { on_proven, on_news, &proof };
	struct vd_pg_events events = {
		.on_up = on_proof_up, .on_closed = on_proof_closed, .on_notify = on_proof_notify, .arg = &proof
	};
	if (facts->is_standby)
		return 0;
	settings.schema = NULL;
	proof.listener = vd_pg_listener_new(admin->loop, &listening, &of_listener);
	proof.pg = proof.listener == NULL ? NULL : vd_pg_open(admin->loop, &settings, &events);
	if (proof.pg == NULL) {
		if (proof.listener != NULL)
			vd_pg_listener_free(proof.listener);
		return admin_error(admin->error, VD_ERROR_OUT_OF_MEMORY, NULL, "out of memory");
	}
	while (proof.pg != NULL) {
		if ((admin->timed_out || atomic_load(&admin->interrupted)))
			vd_pg_close(proof.pg);
		if (!vd_loop_run(admin->loop))
			break;
	}
	vd_pg_listener_free(proof.listener);
	return admin_wait(admin);
}

/* ---- schema and leader ---- */

static void on_schema(void *arg, const struct vd_schema_report *report)
{
	struct doctor_facts *facts = ((struct proof *)arg)->facts;
	if (report->status == VD_SCHEMA_LOST) {
		admin_on_schema(((struct proof *)arg)->admin, report);
		return;
	}
	facts->schema_status = report->status;
	facts->schema_version = report->version;
	snprintf(facts->schema_message, sizeof facts->schema_message, "%s", report->message);
	snprintf(facts->schema_hint, sizeof facts->schema_hint, "%s", report->hint);
	admin_done(((struct proof *)arg)->admin, 0, NULL, "%s", "");
}

static int look_at_schema(struct vd_admin *admin, struct doctor_facts *facts)
{
	struct proof both = { .admin = admin, .facts = facts };
	if (!vd_schema_check(admin->pg, admin->schema.text, on_schema, &both))
		return admin_error(admin->error, VD_ERROR_OUT_OF_MEMORY, NULL, "out of memory");
	return admin_wait(admin);
}

/* What status can see, twice: that the lease is renewed meanwhile. */
static int look_at_leader(struct vd_admin *admin, struct doctor_facts *facts)
{
	struct vd_admin_error *error = admin->error;
	struct vd_admin_error *why = &facts->status_error;
	if (facts->schema_status != VD_SCHEMA_OK)
		return 0;
	facts->renewals_before = facts->status.renewals;
	int code = vd_admin_status(admin, &facts->status, why);
	admin->error = error;
	facts->has_status = code == 0;
	facts->status.nodes = NULL;
	if (code == 0 || code == VD_ERROR_SQL)
		return 0;
	return admin_error(error, code, why->hint, "%s", why->message);
}

static int examine(struct vd_admin *admin, struct doctor_facts *facts)
{
	int code = admin_begin(admin, admin->error, false);
	if (code == 0)
		code = look_at_schema(admin, facts);
	if (code == 0)
		code = doctor_look_at_all(admin, facts);
	if (code == 0)
		code = prove_listening(admin, facts);
	if (code == 0)
		code = look_at_leader(admin, facts);
	if (code == 0)
		code = admin_pause(admin, PAUSE_MS);
	if (code == 0)
		code = look_at_leader(admin, facts);
	if (code == 0)
		code = doctor_ask_clock(admin, facts);
	return code;
}

int vd_admin_examine(struct vd_admin *admin, int64_t old_ms,
	void (*on_finding)(const struct vd_admin_finding *finding, void *arg), void *arg,
	struct vd_admin_error *error)
{
	struct doctor_told to = { on_finding, arg };
	struct doctor_facts *facts = calloc(1, sizeof *facts);
	if (facts == NULL)
		return admin_error(error, VD_ERROR_OUT_OF_MEMORY, NULL, "out of memory");
	facts->old_ms = old_ms <= 0 ? OLD_MS : old_ms;
	snprintf(facts->schema, sizeof facts->schema, "%s", admin->schema.text);
	admin->error = error;
	admin->takes_any = true;
	int code = examine(admin, facts);
	admin->takes_any = false;
	if (code == 0) {
		doctor_judge_server(facts, &to);
		doctor_judge_store(facts, &to);
	}
	free(facts);
	return code;
}
