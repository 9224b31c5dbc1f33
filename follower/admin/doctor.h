/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.h: an examination: first look (doctor_look.c: SQL, into facts), then judge (doctor_judge*.c: pure, facts to findings).
 * Private to follower/admin.
 *
 * Each look is a statement of its own: one that is refused leaves the others as they are, and what depends on it is told as unseen. */
#ifndef VD_FOLLOWER_ADMIN_DOCTOR_H
#define VD_FOLLOWER_ADMIN_DOCTOR_H

#include "common/pg/connection.h"
#include "common/pg/migrate.h"
#include "follower/admin/admin.h"

enum { DOCTOR_TABLES_MAX = 8, DOCTOR_TEXT_BYTES = 128 };

enum doctor_look {
	DOCTOR_SESSION,
	DOCTOR_ROLES,
	DOCTOR_SETTINGS,
	DOCTOR_CONNECTIONS,
	DOCTOR_NOTIFY,
	DOCTOR_TRANSACTIONS,
	DOCTOR_WAITS,
	DOCTOR_SLOTS,
	DOCTOR_PREPARED,
	DOCTOR_AGE,
	DOCTOR_TABLES,
	DOCTOR_SIZE,
	DOCTOR_CLOCK,
	DOCTOR_LOOKS
};

/* One reading of both clocks. */
struct doctor_clock {
	int64_t server_us;  /* time of day there */
	int64_t here_us;    /* and here, in the middle of the question */
	int64_t elapsed_us; /* monotonic here, likewise */
	int64_t within_us;  /* how long the question took */
};

struct doctor_table {
	char name[64];
	int64_t live;
	int64_t dead;
	int64_t bytes;
};

struct doctor_facts {
	bool seen[DOCTOR_LOOKS];
	char refused[DOCTOR_LOOKS][DOCTOR_TEXT_BYTES]; /* why not */
	int64_t old_ms;

	char place[DOCTOR_TEXT_BYTES];
	struct vd_pg_wire wire;
	int32_t version_num;
	int32_t backend_pid; /* as the connection was told; 0: not */
	enum { DOCTOR_LISTEN_UNTRIED, DOCTOR_LISTEN_PROVEN, DOCTOR_LISTEN_FAILED } listening;
	char listen_reason[256];

	/* session */
	char account[64];
	bool is_super;
	int32_t server_pid;
	bool is_standby;
	bool sees_all; /* what sessions of others do */

	/* roles */
	bool has_roles;
	bool is_follower, is_resolver, is_observer;
	bool resolver_signals, resolver_reads_stats;

	enum vd_schema_status schema_status;
	uint32_t schema_version;
	char schema[64];
	char schema_message[256];
	char schema_hint[256];

	/* settings, as this session has them; "" where the server does not know one */
	char fsync[16], full_page_writes[16], synchronous_commit[16], autovacuum[16], track_counts[16];
	char standby_names[64];
	int64_t idle_session_ms, idle_in_transaction_ms, statement_ms, transaction_ms;

	int64_t connections, connections_most, connections_reserved;
	double notify;

	/* the oldest transaction of another session: with a snapshot, or that has written */
	bool has_transaction;
	char transaction_of[DOCTOR_TEXT_BYTES]; /* account, application and pid */
	int64_t transaction_ms_old;
	int64_t xmin_age;

	/* sessions that wait for a lock and use our tables */
	int64_t waiting, waiting_ms;
	int32_t blocker_pid; /* of the one that has waited longest; 0: none, or a prepared transaction */

	int64_t slots, slots_idle, slots_lost, slots_xmin_age, slots_idle_bytes;
	char slot_idle[64];
	int64_t prepared, prepared_ms;
	char prepared_name[64];
	int64_t frozen_age;

	struct doctor_table tables[DOCTOR_TABLES_MAX];
	size_t table_count;
	int64_t database_bytes; /* -1: not to be seen */
	char tablespaces[DOCTOR_TEXT_BYTES];

	struct doctor_clock clock[2]; /* with a pause between them */

	bool has_status;
	struct vd_admin_error status_error; /* why not */
	struct vd_admin_status status;      /* nodes: only counted */
	int64_t renewals_before;
};

/* Asks all, on the handle's connection. 0, or an error of the connection: anything else is in the facts. */
VD_MUST_USE int doctor_look_at_all(struct vd_admin *admin, struct doctor_facts *facts);
/* Reads both clocks once more: clock[1], and what was there goes to clock[0]. */
VD_MUST_USE int doctor_ask_clock(struct vd_admin *admin, struct doctor_facts *facts);

struct doctor_told {
	void (*on_finding)(const struct vd_admin_finding *finding, void *arg);
	void *arg;
};
void doctor_tell(const struct doctor_told *to, const char *check, enum vd_admin_level level,
	const char *advice, const char *format, ...) VD_PRINTF(5, 6);
/* False, and told as unseen, if that look was refused. */
VD_MUST_USE bool doctor_saw(
	const struct doctor_told *to, const struct doctor_facts *facts, enum doctor_look look, const char *check);

/* Connection, roles, schema, settings. */
void doctor_judge_server(const struct doctor_facts *facts, const struct doctor_told *to);
/* What holds back vacuum, tables, clocks, the leader. */
void doctor_judge_store(const struct doctor_facts *facts, const struct doctor_told *to);

#endif
