/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_judge.c: connection, roles, schema, settings. Pure: facts in, findings out. */
#include "follower/admin/doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OLDEST_VERSION      140000
#define NEWEST_VERSION      190000 /* the first that nobody has tried */
#define CONNECTIONS_WARNING 0.8
#define CONNECTIONS_PROBLEM 0.95
#define NOTIFY_WARNING      0.25 /* from here on a leader ends laggards of ours */
#define NOTIFY_PROBLEM      0.75
#define SNAPSHOT_MS         10000 /* what a session of ours may need to sit in a transaction */
#define STATEMENT_MS        10000

static bool is_off(const char *setting)
{
	return strcmp(setting, "off") == 0;
}

/* ---- the connection ---- */

static void judge_server(const struct doctor_facts *facts, const struct doctor_told *to)
{
	int major = facts->version_num / 10000;
	int minor = facts->version_num % 10000;
	if (facts->is_standby)
		doctor_tell(to, "server", VD_ADMIN_PROBLEM,
			"name the primary in the connection string, or all hosts with target_session_attrs=read-write",
			"%s is a standby (PostgreSQL %d.%d): nothing can be committed through it", facts->place, major,
			minor);
	else if (facts->version_num < OLDEST_VERSION)
		doctor_tell(to, "server", VD_ADMIN_PROBLEM, "PostgreSQL 14 is the oldest that is supported",
			"%s is PostgreSQL %d.%d", facts->place, major, minor);
	else if (facts->version_num >= NEWEST_VERSION)
		doctor_tell(to, "server", VD_ADMIN_WARNING, "PostgreSQL 14 to 18 are what this program knows",
			"%s is the primary, PostgreSQL %d.%d", facts->place, major, minor);
	else
		doctor_tell(
			to, "server", VD_ADMIN_OK, "", "%s is the primary, PostgreSQL %d.%d", facts->place, major, minor);
}

static void judge_wire(const struct doctor_facts *facts, const struct doctor_told *to)
{
	const char *advice = "sslmode=verify-full in the connection string, and ssl = on at the server";
	if (facts->wire.is_encrypted)
		doctor_tell(to, "wire", VD_ADMIN_OK, "", "the connection is encrypted");
	else if (facts->wire.is_local)
		doctor_tell(to, "wire", VD_ADMIN_OK, "", "the connection does not leave this machine");
	else if (facts->wire.used_password)
		doctor_tell(to, "wire", VD_ADMIN_PROBLEM, advice,
			"a password was asked for over a clear wire: it was sent as it is, unless the server asked by "
			"SCRAM, "
			"and all data can be read");
	else
		doctor_tell(to, "wire", VD_ADMIN_WARNING, advice, "the wire is clear: all data can be read");
}

static void judge_listening(const struct doctor_facts *facts, const struct doctor_told *to)
{
	const char *advice = "let the pooler pool sessions, not transactions, or go past it";
	bool is_pooled = facts->seen[DOCTOR_SESSION] && facts->backend_pid != facts->server_pid;
	if (facts->listening == DOCTOR_LISTEN_UNTRIED)
		doctor_tell(to, "listen", VD_ADMIN_UNSEEN, "", "a standby cannot LISTEN");
	else if (facts->listening == DOCTOR_LISTEN_FAILED)
		doctor_tell(to, "listen", VD_ADMIN_PROBLEM, advice, "LISTEN does not work: %s", facts->listen_reason);
	else if (is_pooled)
		doctor_tell(to, "listen", VD_ADMIN_WARNING, advice,
			"LISTEN worked, but something stands between us and the server that makes up process numbers, as "
			"poolers do");
	else
		doctor_tell(to, "listen", VD_ADMIN_OK, "", "LISTEN and NOTIFY work");
}

/* ---- roles and schema ---- */

static void judge_account(const struct doctor_facts *facts, const struct doctor_told *to)
{
	char roles[64] = "";
	if (!doctor_saw(to, facts, DOCTOR_ROLES, "account"))
		return;
	snprintf(roles, sizeof roles, "%s%s%s", facts->is_follower ? " follower" : "",
		facts->is_resolver ? " resolver" : "", facts->is_observer ? " observer" : "");
	if (!facts->has_roles)
		doctor_tell(to, "account", VD_ADMIN_PROBLEM, "verdict migrate makes them",
			"the roles of schema %s are not there", facts->schema);
	else if (facts->is_super)
		doctor_tell(to, "account", VD_ADMIN_WARNING,
			"let workers and resolvers log in as accounts of their own, members of a role of the schema",
			"%s is a superuser", facts->account);
	else if (roles[0] == '\0')
		doctor_tell(to, "account", VD_ADMIN_WARNING,
			"GRANT <schema>_follower to workers, _resolver to resolvers, _observer to people",
			"%s is a member of no role of schema %s", facts->account, facts->schema);
	else
		doctor_tell(to, "account", VD_ADMIN_OK, "", "%s may act as%s of schema %s", facts->account, roles,
			facts->schema);
}

static void judge_resolver(const struct doctor_facts *facts, const struct doctor_told *to)
{
	if (!facts->seen[DOCTOR_ROLES] || !facts->has_roles)
		return;
	if (facts->resolver_signals && facts->resolver_reads_stats)
		doctor_tell(
			to, "resolver-role", VD_ADMIN_OK, "", "a new leader may end the sessions of the one before");
	else
		doctor_tell(to, "resolver-role", VD_ADMIN_WARNING,
			"GRANT pg_signal_backend, pg_read_all_stats TO <schema>_resolver, as a superuser",
			"a new leader may not end the sessions of the one before: it waits for them to time out");
}

static void judge_schema(const struct doctor_facts *facts, const struct doctor_told *to)
{
	if (facts->schema_status == VD_SCHEMA_OK)
		doctor_tell(to, "schema", VD_ADMIN_OK, "",
			"%s is at version %u, and serves this program, which knows %u", facts->schema,
			facts->schema_version, vd_admin_schema_version());
	else
		doctor_tell(to, "schema", VD_ADMIN_PROBLEM, facts->schema_hint, "%s", facts->schema_message);
}

/* ---- settings ---- */

static void judge_durability(const struct doctor_facts *facts, const struct doctor_told *to)
{
	if (is_off(facts->fsync))
		doctor_tell(to, "fsync", VD_ADMIN_PROBLEM, "fsync = on",
			"fsync is off: a crash of the machine loses what was acknowledged, and can ruin the database");
	else
		doctor_tell(to, "fsync", VD_ADMIN_OK, "", "fsync is on");
	if (is_off(facts->full_page_writes))
		doctor_tell(to, "full-page-writes", VD_ADMIN_PROBLEM,
			"full_page_writes = on, unless the file system writes pages whole",
			"full_page_writes is off: a crash of the machine can ruin tables");
	else
		doctor_tell(to, "full-page-writes", VD_ADMIN_OK, "", "full_page_writes is on");
	doctor_tell(to, "synchronous-commit", VD_ADMIN_OK, "",
		"synchronous_commit is %s%s; synchronous standbys: %s", facts->synchronous_commit,
		is_off(facts->synchronous_commit) ? ", which commits of Verdict do not follow" : "",
		facts->standby_names[0] == '\0' ? "none" : facts->standby_names);
}

static void judge_autovacuum(const struct doctor_facts *facts, const struct doctor_told *to)
{
	if (is_off(facts->autovacuum) || is_off(facts->track_counts))
		doctor_tell(to, "autovacuum", VD_ADMIN_PROBLEM, "autovacuum = on, track_counts = on",
			"%s is off: the table of keys grows with each write",
			is_off(facts->autovacuum) ? "autovacuum" : "track_counts");
	else
		doctor_tell(to, "autovacuum", VD_ADMIN_OK, "", "autovacuum is on");
}

/* As this session has them: an account or a database may have others. */
static void judge_timeouts(const struct doctor_facts *facts, const struct doctor_told *to)
{
	const char *advice = "ALTER ROLE … SET … = 0 for the accounts of workers and resolvers";
	bool is_well = true;
	const struct {
		const char *name;
		int64_t is_ms;
		int64_t least_ms;
		const char *consequence;
	} timeouts[] = {
		{ "idle_session_timeout", facts->idle_session_ms, INT64_MAX,
			"sessions that wait for verdicts are ended, and come back" },
		{ "idle_in_transaction_session_timeout", facts->idle_in_transaction_ms, SNAPSHOT_MS,
			"snapshots that transactions read are ended" },
		{ "statement_timeout", facts->statement_ms, STATEMENT_MS, "long reads are ended" },
		{ "transaction_timeout", facts->transaction_ms, SNAPSHOT_MS,
			"snapshots that transactions read are ended" },
	};
	for (size_t i = 0; i < VD_COUNT(timeouts); i++) {
		if (timeouts[i].is_ms == 0 || timeouts[i].is_ms >= timeouts[i].least_ms)
			continue;
		is_well = false;
		doctor_tell(to, "time-outs", VD_ADMIN_WARNING, advice, "%s is %.1f s: %s", timeouts[i].name,
			(double)timeouts[i].is_ms / 1e3, timeouts[i].consequence);
	}
	if (is_well)
		doctor_tell(to, "time-outs", VD_ADMIN_OK, "", "no time-out of the server ends sessions of ours");
}

/* ---- what is used up ---- */

static enum vd_admin_level level_of(double is, double warning, double problem)
{
	return is >= problem ? VD_ADMIN_PROBLEM : is >= warning ? VD_ADMIN_WARNING : VD_ADMIN_OK;
}

static void judge_connections(const struct doctor_facts *facts, const struct doctor_told *to)
{
	if (!doctor_saw(to, facts, DOCTOR_CONNECTIONS, "connections"))
		return;
	int64_t most = facts->connections_most - facts->connections_reserved;
	double used = most <= 0 ? 1 : (double)facts->connections / (double)most;
	enum vd_admin_level level = level_of(used, CONNECTIONS_WARNING, CONNECTIONS_PROBLEM);
	doctor_tell(to, "connections", level,
		level == VD_ADMIN_OK ? "" : "raise max_connections: 4 a worker, 4 a resolver, and some for people",
		"%" PRId64 " of %" PRId64 " are in use, %" PRId64 " more are reserved", facts->connections, most,
		facts->connections_reserved);
}

static void judge_notify(const struct doctor_facts *facts, const struct doctor_told *to)
{
	if (!doctor_saw(to, facts, DOCTOR_NOTIFY, "notify-queue"))
		return;
	enum vd_admin_level level = level_of(facts->notify, NOTIFY_WARNING, NOTIFY_PROBLEM);
	doctor_tell(to, "notify-queue", level,
		level == VD_ADMIN_OK ? ""
							 : "end the session that listens and does not read, or has a transaction open",
		"the server's queue is %.1f %% full", facts->notify * 100);
}

void doctor_judge_server(const struct doctor_facts *facts, const struct doctor_told *to)
{
	judge_server(facts, to);
	judge_wire(facts, to);
	judge_listening(facts, to);
	judge_account(facts, to);
	judge_resolver(facts, to);
	judge_schema(facts, to);
	if (doctor_saw(to, facts, DOCTOR_SETTINGS, "settings")) {
		judge_durability(facts, to);
		judge_autovacuum(facts, to);
		judge_timeouts(facts, to);
	}
	judge_connections(facts, to);
	judge_notify(facts, to);
}
