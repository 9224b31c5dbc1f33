/* SPDX-License-Identifier: Apache-2.0 */
/* slots.c: one process's operations in flight; see workload.h. Everything here but vd_bench_run_slots is on the loop thread. */
#include "bench/run.h"

#include <stdlib.h>
#include <unistd.h>

static bool is_over(const struct vd_bench_run *run)
{
	return run->shared->stop || vd_bench_now_ns() >= run->shared->stop_at_ns;
}

static void slot_begin(struct vd_bench_slot *slot)
{
	slot->begun_ns = vd_bench_now_ns();
	slot->may_stand = false;
	slot->load->run->workload->begin(slot);
	slot->load->run->workload->run(slot);
}

static void slot_end(struct vd_bench_slot *slot)
{
	struct vd_bench_run *run = slot->load->run;
	pthread_mutex_lock(&run->lock);
	if (--run->running == 0)
		pthread_cond_signal(&run->idle);
	pthread_mutex_unlock(&run->lock);
}

static void slot_next(struct vd_bench_slot *slot)
{
	if (is_over(slot->load->run))
		slot_end(slot);
	else
		slot_begin(slot);
}

/* What ends after the load has been stopped does not count. */
static bool counts(const struct vd_bench_run *run, uint64_t now)
{
	return now >= run->shared->count_from_ns && now < run->shared->stop_at_ns && !run->shared->stop;
}

void vd_bench_slot_done(struct vd_bench_slot *slot, uint64_t units, unsigned commits)
{
	struct vd_bench_result *result = slot->load->run->result;
	uint64_t now = vd_bench_now_ns();
	result->applied += commits;
	if (counts(slot->load->run, now)) {
		result->done += units;
		result->commits += commits;
		vd_histogram_add(&result->latency, now - slot->begun_ns);
	}
	slot_next(slot);
}

void vd_bench_slot_unknown(struct vd_bench_slot *slot)
{
	slot->load->run->result->unknown++;
	vd_transaction_reset(slot->transaction);
	slot_next(slot);
}

static void slot_again(struct vd_future *retry, void *arg)
{
	struct vd_bench_slot *slot = arg;
	int code = vd_future_error(retry);
	vd_future_free(retry);
	if (code == 0 && is_over(slot->load->run) && !slot->may_stand) {
		slot_end(slot); /* certainly not committed: nothing is lost by leaving it */
	} else if (code == 0) {
		slot->load->run->workload->run(slot);
	} else {
		vd_bench_fail(slot->load, "an operation failed", code);
		slot_end(slot);
	}
}

void vd_bench_slot_retry(struct vd_bench_slot *slot, int code)
{
	struct vd_bench_run *run = slot->load->run;
	if (counts(run, vd_bench_now_ns()))
		run->result->retries++;
	slot->may_stand = slot->may_stand || vd_error_is(VD_ERROR_IS_MAYBE_COMMITTED, code);
	vd_future_on_ready(vd_transaction_on_error(slot->transaction, code), slot_again, slot);
}

/* The first operation begins on the loop thread, as all that follow do: a slot has one thread. */
static void slot_start(struct vd_future *start, void *arg)
{
	vd_future_free(start);
	slot_begin(arg);
}

/* All processes begin together, once the last of them can. */
static void wait_for_the_begin(struct vd_bench_shared *shared)
{
	while (!shared->stop && shared->begin_ns == 0)
		usleep(1000);
}

int vd_bench_run_slots(struct vd_bench_load *load)
{
	struct vd_bench_run *run = load->run;
	size_t size = run->workload->slot_size, count = (size_t)load->settings->in_flight;
	char *slots = calloc(count, size);
	if (slots == NULL)
		return 2;
	run->running = (int)count;
	for (size_t i = 0; i < count; i++) {
		struct vd_bench_slot *slot = (struct vd_bench_slot *)(slots + i * size);
		slot->load = load;
		if (vd_transaction_new(load->database, &slot->transaction) != 0)
			return 2;
	}
	run->result->ready = true;
	wait_for_the_begin(run->shared);
	for (size_t i = 0; i < count; i++) {
		struct vd_future *start = vd_future_new(load->database);
		vd_future_on_ready(start, slot_start, slots + i * size);
		vd_future_end(start, 0);
	}
	pthread_mutex_lock(&run->lock);
	while (run->running > 0)
		pthread_cond_wait(&run->idle, &run->lock);
	pthread_mutex_unlock(&run->lock);
	run->result->idle = true;
	while (!run->shared->measured)
		usleep(1000);
	for (size_t i = 0; i < count; i++)
		vd_transaction_free(((struct vd_bench_slot *)(slots + i * size))->transaction);
	free(slots);
	if (run->workload->check != NULL)
		run->workload->check(load);
	return 0;
}
