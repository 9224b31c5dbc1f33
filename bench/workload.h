/* SPDX-License-Identifier: Apache-2.0 */
/* workload.h: what a workload does; load.h runs it.
 *
 * Several processes, each with a database and a loop thread of its own, keep so many slots busy. A slot does one
 * operation after the other on the loop thread: begin picks it, run does it (again after an error that may be tried
 * again), and done counts it and begins the next. All over the public header.
 */
#ifndef VD_BENCH_WORKLOAD_H
#define VD_BENCH_WORKLOAD_H

#include "bench/report.h"

#include <verdict/verdict.h>

struct vd_bench_load;

/* A workload's own slot begins with this. */
struct vd_bench_slot {
	struct vd_bench_load *load;
	struct vd_transaction *transaction;
	uint64_t begun_ns;
};

/* One process's load, as its workload sees it. */
struct vd_bench_load {
	const struct vd_bench_settings *settings;
	struct vd_database *database;
	int index; /* of the process */
	uint64_t random;
	void *state; /* the workload's own */
	/* What was compared, and what of it was wrong. */
	uint64_t *checks, *wrong;
	struct vd_bench_run *run;
};

struct vd_bench_workload {
	const char *name;
	size_t slot_size;
	size_t state_size; /* of load->state, zeroed; 0: none */
	/* The number that key i holds before the run; NULL: the workload starts from whatever is there. */
	uint64_t (*initial)(int key);
	void (*begin)(struct vd_bench_slot *slot);
	void (*run)(struct vd_bench_slot *slot);
	/* On the thread of the process, when its slots are idle; may wait. NULL: nothing to check. */
	void (*check)(struct vd_bench_load *load);
	/* The same, once, when all processes have ended. */
	void (*audit)(struct vd_bench_load *load);
};

extern const struct vd_bench_workload vd_bench_blind, vd_bench_read, vd_bench_range, vd_bench_rmw;

/* The operation has ended well, and did so many of what the workload counts. */
void vd_bench_slot_done(struct vd_bench_slot *slot, uint64_t units);
/* It ended with this error: it is tried again if it may be, else the run has failed. */
void vd_bench_slot_retry(struct vd_bench_slot *slot, int code);
/* Reports the failure of what was not a slot's operation. */
void vd_bench_fail(struct vd_bench_load *load, const char *what, int code);

uint64_t vd_bench_random(uint64_t *state);

enum { VD_BENCH_KEY_BYTES = 64, VD_BENCH_VALUE_MOST = 8192 };
/* "bench/<workload>/0000000007"; in the order of numbers. */
size_t vd_bench_key(const struct vd_bench_load *load, int key, char buffer[VD_BENCH_KEY_BYTES]);
/* A value of the settings' size that begins with this number. */
size_t vd_bench_value(const struct vd_bench_load *load, uint64_t number, char buffer[VD_BENCH_VALUE_MOST]);
/* The number that a value begins with; false if it cannot. */
bool vd_bench_number(const uint8_t *value, size_t value_size, uint64_t *number);

#endif
