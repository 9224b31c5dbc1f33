/* SPDX-License-Identifier: Apache-2.0 */
/* admin_doctor_test.c: what an examination says of facts that a test cannot make on a server of its own. */
#include "follower/admin/doctor.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

/* The worst that was told of a check. */
struct heard {
	const char *check;
	int level; /* -1: nothing was told of it */
	char text[512];
};

static void on_finding(const struct vd_admin_finding *finding, void *arg)
{
	struct heard *heard = arg;
	assert_true(finding->text[0] != '\0' && finding->check[0] != '\0');
	assert_true(
		finding->level == VD_ADMIN_OK || finding->level == VD_ADMIN_UNSEEN || finding->advice[0] != '\0');
	if (strcmp(finding->check, heard->check) != 0 || (int)finding->level <= heard->level)
		return;
	heard->level = (int)finding->level;
	snprintf(heard->text, sizeof heard->text, "%s", finding->text);
}

static struct heard judge(const struct doctor_facts *facts, const char *check)
{
	struct heard heard = { .check = check, .level = -1 };
	struct doctor_told to = { on_finding, &heard };
	doctor_judge_server(facts, &to);
	doctor_judge_store(facts, &to);
	return heard;
}

/* All is well. */
static struct doctor_facts well(void)
{
	struct doctor_facts facts = { .old_ms = 60000,
		.place = "db.example.org:5432/app",
		.wire = { .is_encrypted = true, .used_password = true },
		.version_num = 150004,
		.backend_pid = 7,
		.server_pid = 7,
		.listening = DOCTOR_LISTEN_PROVEN,
		.account = "app",
		.sees_all = true,
		.has_roles = true,
		.is_follower = true,
		.resolver_signals = true,
		.resolver_reads_stats = true,
		.schema_status = VD_SCHEMA_OK,
		.schema = "verdict",
		.fsync = "on",
		.full_page_writes = "on",
		.synchronous_commit = "on",
		.autovacuum = "on",
		.track_counts = "on",
		.connections = 10,
		.connections_most = 100,
		.connections_reserved = 3,
		.has_status = true,
		.status = { .leader = "a", .serves = true, .node_count = 2, .lease_left_ms = 2500 } };
	for (int look = 0; look < DOCTOR_LOOKS; look++)
		facts.seen[look] = true;
	return facts;
}

#define EXPECT(expected, named, ...)                                                                         \
	do {                                                                                                     \
		struct doctor_facts facts = well();                                                                  \
		__VA_ARGS__;                                                                                         \
		struct heard heard = judge(&facts, named);                                                           \
		if (heard.level != (int)(expected))                                                                  \
			fail_msg("%s: %d, expected %d: %s", named, heard.level, (int)(expected), heard.text);            \
	} while (0)

static void what_is_well_is_told_so(void **state)
{
	static const char *const checks[] = { "server", "wire", "listen", "account", "resolver-role", "schema",
		"fsync", "full-page-writes", "synchronous-commit", "autovacuum", "time-outs", "connections",
		"notify-queue", "old-snapshots", "waits", "replication-slots", "prepared-transactions", "wraparound",
		"clock", "clock-rate", "leader", "nodes", "lease", "versions", "queue", "lock" };
	(void)state;
	for (size_t i = 0; i < VD_COUNT(checks); i++)
		EXPECT(VD_ADMIN_OK, checks[i], (void)0);
	EXPECT(VD_ADMIN_UNSEEN, "disk", (void)0);
}

static void wires(void **state)
{
	(void)state;
	EXPECT(VD_ADMIN_PROBLEM, "wire", facts.wire.is_encrypted = false);
	EXPECT(VD_ADMIN_WARNING, "wire", facts.wire = (struct vd_pg_wire){ 0 });
	EXPECT(VD_ADMIN_OK, "wire", facts.wire = (struct vd_pg_wire){ .is_local = true, .used_password = true });
	EXPECT(VD_ADMIN_WARNING, "listen", facts.backend_pid = 8);
	EXPECT(VD_ADMIN_PROBLEM, "listen", facts.listening = DOCTOR_LISTEN_FAILED);
	EXPECT(VD_ADMIN_PROBLEM, "server", facts.version_num = 130015);
	EXPECT(VD_ADMIN_WARNING, "server", facts.version_num = 190000);
	EXPECT(VD_ADMIN_PROBLEM, "server", facts.is_standby = true);
}

static void accounts(void **state)
{
	(void)state;
	EXPECT(VD_ADMIN_WARNING, "account", facts.is_super = true);
	EXPECT(VD_ADMIN_WARNING, "account", facts.is_follower = false);
	EXPECT(VD_ADMIN_PROBLEM, "account", facts.has_roles = false);
	EXPECT(VD_ADMIN_WARNING, "resolver-role", facts.resolver_reads_stats = false);
}

static void times_and_sizes(void **state)
{
	(void)state;
	EXPECT(VD_ADMIN_WARNING, "time-outs", facts.transaction_ms = 5000);
	EXPECT(VD_ADMIN_OK, "time-outs", facts.transaction_ms = 60000);
	EXPECT(VD_ADMIN_WARNING, "connections", facts.connections = 80);
	EXPECT(VD_ADMIN_PROBLEM, "connections", facts.connections = 97);
	EXPECT(VD_ADMIN_WARNING, "notify-queue", facts.notify = 0.3);
	EXPECT(VD_ADMIN_PROBLEM, "notify-queue", facts.notify = 0.8);
	EXPECT(VD_ADMIN_WARNING, "wraparound", facts.frozen_age = 1200000000);
	EXPECT(VD_ADMIN_PROBLEM, "wraparound", facts.frozen_age = 2000000000);
	EXPECT(VD_ADMIN_WARNING, "replication-slots", facts.slots = 1; facts.slots_lost = 1);
	EXPECT(VD_ADMIN_PROBLEM, "replication-slots", facts.slots = 1; facts.slots_idle = 1;
		   facts.slots_idle_bytes = 1LL << 40);
	EXPECT(VD_ADMIN_WARNING, "old-snapshots", facts.has_transaction = true; facts.transaction_ms_old = 60000);
	EXPECT(VD_ADMIN_PROBLEM, "old-snapshots", facts.has_transaction = true;
		   facts.transaction_ms_old = 600000);
	EXPECT(VD_ADMIN_PROBLEM, "old-snapshots", facts.has_transaction = true; facts.xmin_age = 1000000000);
	EXPECT(VD_ADMIN_OK, "waits", facts.waiting = 1; facts.waiting_ms = 100);
	EXPECT(VD_ADMIN_WARNING, "waits", facts.waiting = 1; facts.waiting_ms = 2000);
	EXPECT(VD_ADMIN_PROBLEM, "waits", facts.waiting = 1; facts.waiting_ms = 10000);
	EXPECT(VD_ADMIN_WARNING, "table-kv", facts.table_count = 1;
		   facts.tables[0] = (struct doctor_table){ "kv", 50000, 60000, 1 });
	EXPECT(VD_ADMIN_PROBLEM, "table-kv", facts.table_count = 1;
		   facts.tables[0] = (struct doctor_table){ "kv", 50000, 2000000, 1 });
}

static void clocks(void **state)
{
	(void)state;
	EXPECT(VD_ADMIN_WARNING, "clock", facts.clock[1].server_us = facts.clock[0].server_us = -3000000);
	EXPECT(VD_ADMIN_OK, "clock-rate", facts.clock[1].server_us = facts.clock[0].server_us = -3000000);
	/* as far apart as the question took is nothing that could be told */
	EXPECT(VD_ADMIN_OK, "clock", facts.clock[1].server_us = 3000000; facts.clock[1].within_us = 1500000);
	EXPECT(VD_ADMIN_WARNING, "clock-rate", facts.clock[1].server_us = 700000);
	EXPECT(VD_ADMIN_OK, "clock-rate", facts.clock[1].server_us = facts.clock[1].elapsed_us = 700000);
	EXPECT(VD_ADMIN_WARNING, "lease", facts.status.lease_left_ms = 3600000);
	EXPECT(VD_ADMIN_WARNING, "versions", facts.status.watermark_version = INT64_MAX - 1000000);
}

static void what_was_refused_is_unseen(void **state)
{
	static const struct {
		enum doctor_look look;
		const char *check;
	} looks[] = { { DOCTOR_ROLES, "account" }, { DOCTOR_SETTINGS, "settings" },
		{ DOCTOR_CONNECTIONS, "connections" }, { DOCTOR_NOTIFY, "notify-queue" },
		{ DOCTOR_TRANSACTIONS, "old-snapshots" }, { DOCTOR_WAITS, "waits" },
		{ DOCTOR_SLOTS, "replication-slots" }, { DOCTOR_PREPARED, "prepared-transactions" },
		{ DOCTOR_AGE, "wraparound" }, { DOCTOR_TABLES, "tables" }, { DOCTOR_SIZE, "disk" },
		{ DOCTOR_CLOCK, "clock" } };
	(void)state;
	for (size_t i = 0; i < VD_COUNT(looks); i++)
		EXPECT(VD_ADMIN_UNSEEN, looks[i].check, facts.seen[looks[i].look] = false;
			   strcpy(facts.refused[looks[i].look], "permission denied"));
	EXPECT(VD_ADMIN_UNSEEN, "leader", facts.has_status = false);
	EXPECT(VD_ADMIN_UNSEEN, "sessions", facts.sees_all = false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_well_is_told_so),
		cmocka_unit_test(wires),
		cmocka_unit_test(accounts),
		cmocka_unit_test(times_and_sizes),
		cmocka_unit_test(clocks),
		cmocka_unit_test(what_was_refused_is_unseen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
