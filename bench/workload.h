/* SPDX-License-Identifier: Apache-2.0 */
/* workload.h: what a workload does; load.h runs it.
 *
 * Several processes, each with a database and a loop thread of its own, keep so many slots busy. A slot does one
 * operation after the other on the loop thread: begin picks it, run does it (again after an error that may be tried
 * again), and done counts it and begins the next. All over the public header.
 *
 * Before that one process fills the keys; after it each process checks what is its own, and one audits the whole. A
 * workload that checks nothing is none: what is fast and wrong is of no use.
 */
#ifndef VD_BENCH_WORKLOAD_H
#define VD_BENCH_WORKLOAD_H

#include "bench/draw.h"
#include "bench/report.h"

#include <verdict/verdict.h>

struct vd_bench_load;

/* A workload's own slot begins with this. */
struct vd_bench_slot {
	struct vd_bench_load *load;
	struct vd_transaction *transaction;
	uint64_t begun_ns;
	bool may_stand; /* this operation ended with commit_unknown_result before: it may have been committed */
};

/* One process's load, as its workload sees it. */
struct vd_bench_load {
	const struct vd_bench_settings *settings;
	struct vd_database *database;
	int index; /* of the process */
	uint64_t random;
	struct vd_draw draw;
	void *state; /* the workload's own */
	char *value; /* see vd_bench_value */
	/* What was compared, and what of it was wrong. */
	uint64_t *checks, *wrong;
	/* For the audit: what all processes did, also before it was counted, and what may have been done. */
	uint64_t applied, unknown;
	struct vd_bench_run *run;
};

/* What is stored under a key before the run. */
struct vd_bench_row {
	int key;
	uint64_t number;
};

struct vd_bench_workload {
	const char *name;
	int keys, value_bytes; /* unless the settings say otherwise */
	bool fixed_value;      /* values are of these bytes and no others */
	size_t slot_size;
	size_t state_size; /* of load->state, zeroed; 0: none */
	/* So many keys, from 0 on, are the workload's; those that row gives (true) are stored before the run, the others are
	 * not. NULL: it starts from whatever is there. */
	int (*rows)(const struct vd_bench_settings *settings);
	bool (*row)(const struct vd_bench_settings *settings, int key, uint64_t *number);
	/* In each process, before its slots begin; NULL: nothing to do. False: no memory. */
	bool (*prepare)(struct vd_bench_load *load);
	void (*begin)(struct vd_bench_slot *slot);
	void (*run)(struct vd_bench_slot *slot);
	/* On the thread of the process, when its slots are idle; may wait. NULL: nothing to check. */
	void (*check)(struct vd_bench_load *load);
	/* The same, once, when all processes have ended. */
	void (*audit)(struct vd_bench_load *load);
};

extern const struct vd_bench_workload vd_bench_blind, vd_bench_read, vd_bench_range, vd_bench_rmw,
	vd_bench_mixed, vd_bench_hot_add, vd_bench_hot_rmw, vd_bench_large, vd_bench_churn;

/* The operation has ended well: it did so many of what the workload counts, with so many commits. */
void vd_bench_slot_done(struct vd_bench_slot *slot, uint64_t units, unsigned commits);
/* It ended with this error: it is tried again if it may be, else the run has failed. */
void vd_bench_slot_retry(struct vd_bench_slot *slot, int code);
/* A commit whose end is unknown, of what must not be done twice: it counts as that. */
void vd_bench_slot_unknown(struct vd_bench_slot *slot);
/* Reports the failure of what was not a slot's operation. */
void vd_bench_fail(struct vd_bench_load *load, const char *what, int code);

/* Of all keys that the settings name, as they are distributed. */
int vd_bench_draw_key(struct vd_bench_load *load);

enum { VD_BENCH_KEY_BYTES = 64 };
/* "bench/<workload>/0000000007"; in the order of numbers. */
size_t vd_bench_key(const struct vd_bench_load *load, int key, char buffer[VD_BENCH_KEY_BYTES]);
/* A value of the settings' size: a number, then bytes that do not compress. The load's own, until the next one is made. */
const char *vd_bench_value(struct vd_bench_load *load, uint64_t number);
/* Sets a key to the value of that number. */
void vd_bench_set(struct vd_bench_load *load, struct vd_transaction *transaction, int key, uint64_t number);
/* The number of a value; false if it is none that vd_bench_value made. */
bool vd_bench_number(
	const struct vd_bench_load *load, const uint8_t *value, size_t value_size, uint64_t *number);

/* For checks: shows every row from one key to before another, in order; waits. A range that changes meanwhile may be seen
 * in part. 0 or an error number. */
int vd_bench_walk(struct vd_bench_load *load, int from, int to,
	void (*on_row)(void *arg, int key, const uint8_t *value, size_t value_size), void *arg);

#endif
