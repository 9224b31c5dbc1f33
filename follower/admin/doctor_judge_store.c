/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_judge_store.c: what holds back vacuum, tables, clocks, the leader. Pure: facts in, findings out. */
#include "follower/admin/doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEM_TIMES      10 /* as old as a warning */
#define XMIN_WARNING       10000000
#define XMIN_PROBLEM       200000000
#define FROZEN_WARNING     1000000000 /* of 2,147,483,648 */
#define FROZEN_PROBLEM     1700000000
#define WAL_WARNING        1073741824LL
#define WAL_PROBLEM        17179869184LL
#define DEAD_LEAST         50000 /* fewer dead rows are no trouble whatever the share */
#define DEAD_WARNING       1     /* times the live ones */
#define DEAD_PROBLEM       10
#define DEAD_PROBLEM_LEAST 1000000
#define WAIT_WARNING_MS    1000
#define WAIT_PROBLEM_MS    10000
#define CLOCK_WARNING_US   2000000
#define DRIFT_WARNING_US   100000
#define LEASE_MS_MOST      600000 /* the longest that lease-ttl may be */
#define VERSIONS_A_SECOND  1e6
#define YEAR_S             31557600.0
#define YEARS_LEAST        1000

static enum vd_admin_level level_of(int64_t is, int64_t warning, int64_t problem)
{
	return is >= problem ? VD_ADMIN_PROBLEM : is >= warning ? VD_ADMIN_WARNING : VD_ADMIN_OK;
}

static enum vd_admin_level worse(enum vd_admin_level a, enum vd_admin_level b)
{
	return a > b ? a : b;
}

static const char *when(enum vd_admin_level level, const char *advice)
{
	return level == VD_ADMIN_OK ? "" : advice;
}

static const char *size_text(int64_t bytes, char to[32])
{
	static const char *const units[] = { "bytes", "kB", "MB", "GB", "TB" };
	double size = (double)bytes;
	size_t unit = 0;
	for (; size >= 10240 && unit + 1 < VD_COUNT(units); unit++)
		size /= 1024;
	snprintf(to, 32, "%.0f %s", size, units[unit]);
	return to;
}

/* ---- what holds back vacuum ---- */

static void judge_transactions(const struct doctor_facts *facts, const struct doctor_told *to)
{
	if (!doctor_saw(to, facts, DOCTOR_TRANSACTIONS, "old-snapshots"))
		return;
	int64_t oldest_ms = facts->has_transaction ? facts->transaction_ms_old : -1;
	const char *who = facts->transaction_of;
	bool is_partial = !facts->sees_all;
	if (is_partial && facts->has_status && facts->status.oldest_snapshot_ms > oldest_ms) {
		oldest_ms = facts->status.oldest_snapshot_ms;
		who = "a session of this database that this account may not look at";
	}
	if (is_partial)
		doctor_tell(to, "sessions", VD_ADMIN_UNSEEN,
			"GRANT pg_read_all_stats to the account, or look as one that has it",
			"%s sees its own sessions alone%s", facts->account,
			facts->has_status ? ", and of others in this database the oldest snapshot" : "");
	enum vd_admin_level level = level_of(oldest_ms, facts->old_ms, facts->old_ms * PROBLEM_TIMES);
	level = worse(level, level_of(facts->xmin_age, XMIN_WARNING, XMIN_PROBLEM));
	if (oldest_ms < 0)
		doctor_tell(to, "old-snapshots", is_partial ? VD_ADMIN_UNSEEN : VD_ADMIN_OK, "",
			is_partial ? "none that can be seen" : "no other transaction is open");
	else
		doctor_tell(to, "old-snapshots", level,
			when(level, "end it (pg_terminate_backend): nothing that was deleted since is cleaned up"),
			"the oldest transaction is %.1f s old, %s; the oldest snapshot %" PRId64 " transactions",
			(double)oldest_ms / 1e3, who, facts->xmin_age);
}

/* A leader that waits renews its lease all the same, and what it has taken does not stand in the queue any more. */
static void judge_waits(const struct doctor_facts *facts, const struct doctor_told *to)
{
	if (!doctor_saw(to, facts, DOCTOR_WAITS, "waits"))
		return;
	enum vd_admin_level level = level_of(facts->waiting_ms, WAIT_WARNING_MS, WAIT_PROBLEM_MS);
	if (level == VD_ADMIN_OK)
		doctor_tell(to, "waits", level, "", "no session waits long for a lock on our tables");
	else
		doctor_tell(to, "waits", level,
			"see in pg_stat_activity what that process does, and end it (pg_terminate_backend): commits may "
			"wait for it",
			"%" PRId64 " of the sessions that use our tables wait for a lock, the longest for %.1f s, for "
			"process %" PRId32,
			facts->waiting, (double)facts->waiting_ms / 1e3, facts->blocker_pid);
}

static void judge_slots(const struct doctor_facts *facts, const struct doctor_told *to)
{
	char size[32];
	if (!doctor_saw(to, facts, DOCTOR_SLOTS, "replication-slots"))
		return;
	enum vd_admin_level level = level_of(facts->slots_idle_bytes, WAL_WARNING, WAL_PROBLEM);
	level = worse(level, level_of(facts->slots_xmin_age, XMIN_WARNING, XMIN_PROBLEM));
	level = worse(level, facts->slots_idle > 0 || facts->slots_lost > 0 ? VD_ADMIN_WARNING : VD_ADMIN_OK);
	if (facts->slots_idle == 0)
		doctor_tell(to, "replication-slots", level,
			when(level, "what reads from it is far behind, or has lost its place"),
			"%" PRId64 ", all in use, %" PRId64 " lost; the oldest snapshot %" PRId64 " transactions",
			facts->slots, facts->slots_lost, facts->slots_xmin_age);
	else
		doctor_tell(to, "replication-slots", level,
			"let its reader come back, or pg_drop_replication_slot: it keeps WAL, and rows from being "
			"cleaned up",
			"%" PRId64 " of %" PRId64 " unused, such as %s; %s of WAL kept, the oldest snapshot %" PRId64
			" transactions",
			facts->slots_idle, facts->slots, facts->slot_idle, size_text(facts->slots_idle_bytes, size),
			facts->slots_xmin_age);
}

static void judge_prepared(const struct doctor_facts *facts, const struct doctor_told *to)
{
	if (!doctor_saw(to, facts, DOCTOR_PREPARED, "prepared-transactions"))
		return;
	enum vd_admin_level level = level_of(facts->prepared_ms, facts->old_ms, facts->old_ms * PROBLEM_TIMES);
	if (facts->prepared == 0)
		doctor_tell(to, "prepared-transactions", VD_ADMIN_OK, "", "none");
	else
		doctor_tell(to, "prepared-transactions", level,
			when(level,
				"COMMIT PREPARED or ROLLBACK PREPARED: they keep locks, and rows from being cleaned up"),
			"%" PRId64 ", the oldest (%s) for %.1f s", facts->prepared, facts->prepared_name,
			(double)facts->prepared_ms / 1e3);
}

static void judge_age(const struct doctor_facts *facts, const struct doctor_told *to)
{
	if (!doctor_saw(to, facts, DOCTOR_AGE, "wraparound"))
		return;
	enum vd_admin_level level = level_of(facts->frozen_age, FROZEN_WARNING, FROZEN_PROBLEM);
	doctor_tell(to, "wraparound", level,
		when(level, "find what holds back vacuum (above), then VACUUM (FREEZE) the database"),
		"the oldest row is %" PRId64 " million transactions old, of 2147 million",
		facts->frozen_age / 1000000);
}

/* ---- tables and disk ---- */

static void judge_table(const struct doctor_table *table, const struct doctor_told *to)
{
	char check[80];
	char size[32];
	bool many = table->dead >= DEAD_LEAST;
	enum vd_admin_level level =
		many && table->dead >= table->live * DEAD_WARNING ? VD_ADMIN_WARNING : VD_ADMIN_OK;
	if (table->dead >= DEAD_PROBLEM_LEAST && table->dead >= table->live * DEAD_PROBLEM)
		level = VD_ADMIN_PROBLEM;
	snprintf(check, sizeof check, "table-%s", table->name);
	doctor_tell(to, check, level, when(level, "find what holds back vacuum (above), then VACUUM the table"),
		"%s, about %" PRId64 " rows and %" PRId64 " dead ones", size_text(table->bytes, size), table->live,
		table->dead);
}

static void judge_tables(const struct doctor_facts *facts, const struct doctor_told *to)
{
	if (facts->schema_status != VD_SCHEMA_OK || !doctor_saw(to, facts, DOCTOR_TABLES, "tables"))
		return;
	for (size_t i = 0; i < facts->table_count; i++)
		judge_table(&facts->tables[i], to);
}

static void judge_disk(const struct doctor_facts *facts, const struct doctor_told *to)
{
	char size[32];
	if (!doctor_saw(to, facts, DOCTOR_SIZE, "disk"))
		return;
	doctor_tell(to, "disk", VD_ADMIN_UNSEEN,
		"look at the server's machine: df, for the tables and for the WAL",
		"how much is free PostgreSQL does not tell; this database takes %s%s%s",
		facts->database_bytes < 0 ? "(not to be seen)" : size_text(facts->database_bytes, size),
		facts->tablespaces[0] == '\0' ? "" : ", tablespaces ", facts->tablespaces);
}

/* ---- clocks ---- */

static void judge_clock(const struct doctor_facts *facts, const struct doctor_told *to)
{
	if (!doctor_saw(to, facts, DOCTOR_CLOCK, "clock"))
		return;
	const struct doctor_clock *first = &facts->clock[0];
	const struct doctor_clock *last = &facts->clock[1];
	int64_t apart_us = last->server_us - last->here_us;
	int64_t went_us = last->server_us - first->server_us;
	int64_t drift_us = llabs(went_us - (last->elapsed_us - first->elapsed_us));
	if (llabs(apart_us) > CLOCK_WARNING_US + last->within_us)
		doctor_tell(to, "clock", VD_ADMIN_WARNING,
			"set both by NTP: nothing in Verdict compares them, but logs do",
			"the server's clock is %.1f s %s of this machine's", (double)llabs(apart_us) / 1e6,
			apart_us > 0 ? "ahead" : "behind");
	else
		doctor_tell(to, "clock", VD_ADMIN_OK, "", "the server's clock is within %.3f s of this machine's",
			(double)(llabs(apart_us) + last->within_us / 2) / 1e6);
	if (drift_us > DRIFT_WARNING_US + first->within_us + last->within_us)
		doctor_tell(to, "clock-rate", VD_ADMIN_WARNING,
			"find what sets the server's clock: leases are timed by it, and one that is set ends or prolongs "
			"them",
			"the server's clock went on by %.3f s within %.3f s", (double)went_us / 1e6,
			(double)(last->elapsed_us - first->elapsed_us) / 1e6);
	else
		doctor_tell(to, "clock-rate", VD_ADMIN_OK, "", "the server's clock runs as this machine's");
}

/* ---- the leader ---- */

static void judge_leader(const struct vd_admin_status *s, const struct doctor_told *to)
{
	if (s->serves)
		doctor_tell(to, "leader", VD_ADMIN_OK, "", "%s serves, for %.1f s, epoch %" PRId64, s->leader,
			(double)s->led_ms / 1e3, s->epoch);
	else
		doctor_tell(to, "leader", VD_ADMIN_PROBLEM, "start a verdict-resolver, or see its log: commits wait",
			"nobody serves%s%s", s->leader[0] == '\0' ? ", and nobody ever has" : "; the last leader was ",
			s->leader);
	if (s->node_count >= 2)
		doctor_tell(to, "nodes", VD_ADMIN_OK, "", "%zu resolvers are connected", s->node_count);
	else if (s->node_count == 1)
		doctor_tell(to, "nodes", VD_ADMIN_WARNING, "start a second resolver, on another machine",
			"one resolver is connected: nobody would take over");
	else
		doctor_tell(to, "nodes", VD_ADMIN_PROBLEM, "start a verdict-resolver", "no resolver is connected");
}

static void judge_lease(const struct doctor_facts *facts, const struct doctor_told *to)
{
	const struct vd_admin_status *s = &facts->status;
	if (s->lease_left_ms > LEASE_MS_MOST)
		doctor_tell(to, "lease", VD_ADMIN_WARNING,
			"the server's clock was set back: standbys notice, and go by their own clocks",
			"the lease ends in %.0f s, later than any lease may", (double)s->lease_left_ms / 1e3);
	else if (s->serves)
		doctor_tell(to, "lease", VD_ADMIN_OK, "", "the lease has %.1f s left%s",
			(double)s->lease_left_ms / 1e3,
			s->renewals != facts->renewals_before ? ", and was renewed while we looked" : "");
}

/* Versions go on by a million a second, and by 10^13 or more when a server is promoted or restored. */
static void judge_versions(const struct vd_admin_status *s, const struct doctor_told *to)
{
	double years = (double)(INT64_MAX - s->watermark_version) / VERSIONS_A_SECOND / YEAR_S;
	enum vd_admin_level level = years < YEARS_LEAST ? VD_ADMIN_WARNING : VD_ADMIN_OK;
	doctor_tell(to, "versions", level,
		when(level, "something has moved versions ahead: load the store into a new schema in time"),
		"the newest is %" PRId64 ", numbers last for %.0f years", s->watermark_version, years);
}

static void judge_queue(const struct vd_admin_status *s, const struct doctor_told *to)
{
	bool is_stuck = s->queue > 0 && !s->serves;
	doctor_tell(to, "queue", is_stuck ? VD_ADMIN_WARNING : VD_ADMIN_OK,
		is_stuck ? "they wait for a leader" : "", "%" PRId64 " requests wait", s->queue);
}

static void judge_lock(const struct vd_admin_status *s, const struct doctor_told *to)
{
	if (s->lock[0] == '\0')
		doctor_tell(to, "lock", VD_ADMIN_OK, "", "nobody has locked the store");
	else
		doctor_tell(to, "lock", VD_ADMIN_WARNING,
			"if whoever did it is gone, see what is half done, then: verdict exec 'unlock ID'",
			"the store is locked by %s: all others are refused with 1038", s->lock);
}

void doctor_judge_store(const struct doctor_facts *facts, const struct doctor_told *to)
{
	judge_transactions(facts, to);
	judge_waits(facts, to);
	judge_slots(facts, to);
	judge_prepared(facts, to);
	judge_age(facts, to);
	judge_tables(facts, to);
	judge_disk(facts, to);
	judge_clock(facts, to);
	if (facts->has_status) {
		judge_leader(&facts->status, to);
		judge_lease(facts, to);
		judge_versions(&facts->status, to);
		judge_queue(&facts->status, to);
		judge_lock(&facts->status, to);
	} else {
		doctor_tell(to, "leader", VD_ADMIN_UNSEEN,
			"look as a member of <schema>_observer or <schema>_follower", "cannot be seen: %s",
			facts->schema_status != VD_SCHEMA_OK ? "the schema is not as it must be"
												 : facts->status_error.message);
	}
}
