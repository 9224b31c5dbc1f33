/* SPDX-License-Identifier: Apache-2.0 */
/* check.h: what the parts of the history checker share. The checker is one pass from top to bottom:
 *
 *   load      the files of a run (record.h has their format), into transactions and operations
 *   place     what became of each transaction, and where: (branch, version, order); a transaction of unknown end by its witness
 *   timing    places respect real time
 *   claims    conflicts have a cause, and no money is made
 *   replay    all that was committed, one after the other; each read is held against the state at its read version
 *   explain   what does not fit, by its right name
 *
 * A branch is a line of versions. There is one, but for each `lost T V` of the schedule, which begins another: everything above V that
 * is not of the new branch was lost. Its versions begin 10^13 above V or later (docs/rules.md, rule 3), so that a version tells
 * its branch. A branch is replayed on what it inherited.
 *
 * Bytes are interned: equal ones have the same number (sid), and 0 is "absent". Out of memory ends the program.
 */
#ifndef VD_TESTS_HISTORY_CHECK_H
#define VD_TESTS_HISTORY_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define NONE UINT32_MAX

typedef uint32_t sid;

/* ---- bytes ---- */

#define ABSENT 0

sid intern(const uint8_t *bytes, size_t size);
const uint8_t *bytes_of(sid id, size_t *size);
uint32_t string_count(void);
/* As memcmp, shorter first. */
int compare_bytes(sid a, sid b);

/* memory that grows: makes room for one more; the new pointer. */
void *grown(void *array, size_t count, size_t *capacity, size_t item);
void *zeroed(size_t count, size_t item);

/* ---- histories ---- */

enum op_kind {
	OP_GET = 'g',
	OP_RANGE = 'r',
	OP_GET_KEY = 'k',
	OP_READ_CONFLICT = 'x',
	OP_SET = 'S',
	OP_CLEAR = 'C',
	OP_CLEAR_RANGE = 'D',
	OP_ATOMIC = 'A',
	OP_WRITE_CONFLICT = 'X',
};

struct row {
	sid key, value;
};

struct op {
	char kind;
	uint8_t type; /* of an atomic operation */
	bool snapshot, reverse, more, or_equal;
	sid a, b; /* key and value, or begin and end */
	int32_t offset;
	uint32_t row, row_count; /* in rows[] */
};

enum fate {
	FATE_READ,              /* never submitted, or nothing to write */
	FATE_COMMITTED,         /* told so */
	FATE_REFUSED,           /* conflict, too old, or another error that says: not committed */
	FATE_CANCELLED,         /* 1025, 1031: as certain */
	FATE_UNKNOWN_COMMITTED, /* not told, but its witness is there */
	FATE_UNKNOWN_NEVER,     /* not told, and never seen */
};

struct txn {
	uint32_t file;
	uint64_t number;
	sid workload;
	int64_t begin, read_time, read_version, submit, end; /* submit 0: never; end 0: not told */
	int32_t code;                                        /* -1: not told */
	int64_t version;                                     /* of its commit; -1 for none */
	int32_t order;
	uint32_t branch; /* of its commit */
	enum fate fate;
	uint32_t op, op_count;    /* in ops[] */
	sid lost_begin, lost_end; /* of a conflict; ABSENT: not told */
	int64_t lost_version;
	sid stamp;          /* told by the versionstamp; ABSENT: none */
	int32_t stamp_code; /* -1: not asked for, or not told */
};

struct branch {
	int64_t time, kept, first; /* what is up to `kept` was inherited; versions are from `first` */
	uint32_t parent;
	uint32_t begin, end; /* of its commits in run.commits */
};

struct remark {
	int64_t time;
	char *text;
};

struct run {
	char **names; /* of the files */
	uint32_t file_count;
	struct txn *txns;
	struct op *ops;
	struct row *rows;
	size_t txn_count, op_count, row_count;
	bool has_final;
	int64_t final_version;
	struct row *final; /* in key order */
	size_t final_count;
	sid final_begin, final_end;
	struct branch *branches; /* by time; the first one has no loss before it */
	uint32_t branch_count;
	struct remark *remarks; /* of the schedule, by time */
	size_t remark_count;
	uint32_t *commits; /* txns, by (branch, version, order) */
	uint32_t commit_count;
};

extern struct run run;

/* They end the program with status 2 and a message if a file is not as it should be. */
void load_history(const char *path);
void load_final(const char *path);
void load_schedule(const char *path);

/* ---- places ---- */

void place_all(void);
uint32_t branch_of(int64_t version);
/* The stamp of a place: 10 bytes. */
void stamp_of(uint8_t stamp[10], int64_t version, int32_t order);
/* Whether a transaction may have been applied to what was lost, and nobody knows where: it was under way at a loss, and its end is
 * unknown, or it was told afterwards, and truly, that it was not committed (too old, cancelled): its witness went with it. */
bool may_be_lost(const struct txn *txn);
/* A versionstamped key or value with its stamp. ABSENT if its offset is wrong. */
sid stamped(sid template, int64_t version, int32_t order);
/* Where the stamp goes; SIZE_MAX if the offset is wrong. */
size_t stamp_offset(sid template);

void check_timing(void);
void check_claims(void);

/* ---- keys, in their order: a key's rank ---- */

void keys_sort(void);
uint32_t key_count(void);
sid key_at(uint32_t rank);
/* The rank of the first key that is not below. */
uint32_t rank_of(sid key);
/* Is it a key that was seen as present, in a read or in the dump? */
bool key_seen(uint32_t rank);

/* ---- the replay ---- */

/* What a key was from a position on: `position` commits of the branch had been applied. */
struct epoch {
	uint32_t position;
	sid value;
};
struct past {
	struct epoch *epochs;
	size_t count, capacity;
};
struct lineage {
	uint32_t branch;
	uint32_t *seq; /* the commits, inherited ones first: position p is after seq[p - 1] */
	uint32_t count, inherited;
	struct past *pasts; /* by rank */
};
/* How many commits are at or below a version; NONE if the version is of what this lineage has lost. */
uint32_t position_of(const struct lineage *lineage, int64_t version);
sid value_at(const struct lineage *lineage, uint32_t rank, uint32_t position);
/* A value with an atomic operation applied. */
sid atomic_result(uint8_t type, sid value, sid operand);
/* The ranks that a read covers, and that a write changes; for a versionstamped key, where the transaction is. */
void op_ranks(const struct txn *txn, const struct op *op, uint32_t *begin, uint32_t *end);
static inline bool is_write(const struct op *op)
{
	return op->kind >= 'A' && op->kind <= 'Z';
}

void replay_all(void);

/* A read, or the dump (txn NULL), that does not show what it should: from rank begin to end it shows these rows. */
void explain_rows(const struct lineage *lineage, const struct txn *txn, const struct op *op,
	uint32_t position, uint32_t begin, uint32_t end, const struct row *rows, uint32_t row_count,
	bool reverse);
/* Rule 1: what txn read with op was written by the commit at `writer`. */
void explain_conflict(
	const struct lineage *lineage, const struct txn *txn, const struct op *op, uint32_t writer);

/* ---- report ---- */

struct counts {
	uint64_t transactions, submitted, committed, conflicts, too_old, cancelled, refused, read_only;
	uint64_t reads, rows, not_comparable;
	uint64_t unknown, unknown_committed, unknown_never, lost;
};
extern struct counts counts;

/* Counts an anomaly and keeps its explanation (of each kind the first few). a and b are the transactions it is about, or NULL. */
__attribute__((format(printf, 4, 5))) void anomaly(
	const char *kind, const struct txn *a, const struct txn *b, const char *format, ...);
uint64_t anomaly_count(void);
/* For messages: printed bytes, in one of a few static buffers, cut if long. */
const char *shown(sid id);
/* "w1/17 [bank] (began 1.234 s, read version 7, committed (8, 1) at 1.236 s)" */
const char *told(const struct txn *txn);
void report(FILE *out, bool json);

#endif
