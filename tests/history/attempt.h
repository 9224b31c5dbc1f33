/* SPDX-License-Identifier: Apache-2.0 */
/* attempt.h: the life of one transaction of a workload, recorded as it goes.
 *
 *   begin ─▶ step ─▶ reads ─▶ step ─▶ … ─┬─▶ submit ─▶ committing ─▶ told ─▶ pause ─▶ begin …
 *                                        └─▶ not submitted ───────────────▶ pause
 *
 * A workload is a function that is called stage by stage; each call asks for reads, or writes, and says what comes next. What
 * it does goes through the calls below, which tell the library and the history at once. Everything runs in callbacks on
 * the library's loop thread. Nothing is tried again: each attempt is a transaction of its own, with a number of its own.
 */
#ifndef VD_TESTS_HISTORY_ATTEMPT_H
#define VD_TESTS_HISTORY_ATTEMPT_H

#include "tests/history/record.h"
#include "verdict/verdict.h"

#define READS_MAX 8

enum next {
	NEXT_READ,   /* reads were asked for: the next stage comes when they are there */
	NEXT_COMMIT, /* to be committed */
	NEXT_END,    /* only read, and is not committed */
};

struct attempt;

struct workload {
	const char *name;
	enum next (*step)(struct attempt *attempt, int stage);
};

/* The table of all of them ends with a name of NULL. */
extern const struct workload workloads[];

struct read {
	struct attempt *attempt;
	struct vd_future *future;
	char kind; /* g, r or k: as in the history */
	bool snapshot, reverse, or_equal, recorded;
	int limit, offset;
	char begin[64], end[64];
};

struct attempt {
	uint64_t number;
	const struct workload *workload;
	struct vd_transaction *transaction;
	struct vd_future *version_future, *commit, *stamp, *pause;
	struct read reads[READS_MAX];
	int read_count, pending, stage, error;
	int64_t begin, version_time, version;
	struct line body;   /* the operations, printed */
	uint32_t picked[4]; /* what the workload drew in its first stage */
	int values;         /* unique values that it made */
	bool doomed;        /* is to be cancelled at some moment */
};

/* ---- for workloads ---- */

/* From 0 to below bound. */
uint32_t draw(uint32_t bound);
static inline bool chance(uint32_t percent)
{
	return draw(100) < percent;
}
/* --keys */
uint32_t key_count(void);
/* "NAME.number.value" with a text before it: never the same twice. In a static buffer. */
const char *unique(struct attempt *attempt, const char *before);

/* Keys are text. The index of the read. */
int attempt_get(struct attempt *attempt, const char *key, bool snapshot);
int attempt_range(
	struct attempt *attempt, const char *begin, const char *end, const struct vd_range_options *options);
int attempt_get_key(struct attempt *attempt, const char *key, bool or_equal, int offset, bool snapshot);
/* What a read brought, once it is there: borrowed until the attempt ends. */
bool attempt_value(const struct attempt *attempt, int read, const uint8_t **value, size_t *size);
size_t attempt_rows(const struct attempt *attempt, int read, const struct vd_row **rows);

void attempt_set(struct attempt *attempt, const char *key, const char *value);
void attempt_clear(struct attempt *attempt, const void *key, size_t size);
void attempt_clear_range(
	struct attempt *attempt, const void *begin, size_t begin_size, const void *end, size_t end_size);
void attempt_atomic(struct attempt *attempt, enum vd_mutation_type type, const void *key, size_t key_size,
	const void *operand, size_t size);
void attempt_conflict_range(
	struct attempt *attempt, const char *begin, const char *end, enum vd_conflict_range_type type);

/* ---- for the worker ---- */

struct attempt_settings {
	struct vd_database *database;
	const char *name;
	const struct workload *chosen[16];
	uint32_t chosen_count, keys, in_flight;
	uint64_t seed, transactions; /* transactions: 0 for no end */
};
/* Starts as many as may be in flight, each followed by the next; to be called on the loop thread. */
void attempts_start(const struct attempt_settings *settings);
/* From any thread: no more are begun. */
void attempts_stop(void);
/* From any thread: how many are under way. -1: not started. */
int attempts_open(void);

#endif
