/* SPDX-License-Identifier: Apache-2.0 */
/* window.c: how many requests a second the conflict window judges, on one thread.
 *
 *     bench_window [--json] [--alone] [--workload N] [--requests N] [--seconds-of-history S] [--rate COMMITS_PER_SECOND]
 *                  [--batch N]
 *
 * --alone leaves out what it is compared with, --workload chooses one of those below. The clock is the thread's
 * own, so that a busy machine does not count. All that are compared are held to the same answers.
 *
 * A request has one read range and one write range; a reader that loses writes nothing. Before the clock starts, the history is
 * filled; while it runs, each batch is published and the floor rises, so that the history stays as long. Versions grow by
 * 1,000,000 a second, as the leader's do. What is varied:
 *   keys     of 24 bytes, at random out of 10 million, or all behind a common prefix of 24 more bytes
 *   ranges   one key, or FoundationDB's skipListTest: [k, k + 1 to 10)
 *   age      of the read version: up to 10 ms, up to all of the history, or as old as the floor
 */
#include "common/kv/window.h"
#include "bench/micro/window_rivals.h"
#include "common/base/arena.h"
#include "common/base/random.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct {
	bool is_json;
	bool is_alone;
	size_t workload; /* 0: all */
	size_t requests;
	uint64_t history_s;
	uint64_t rate;
	size_t batch;
} options = { .requests = 2000000, .history_s = 5, .rate = 100000, .batch = 500 };

/* ---- Ours --------------------------------------------------------------------------------------------------------- */

static struct vd_window *window;

static void window_start(uint64_t floor)
{
	window = vd_window_new(floor, (size_t)1 << 30);
	VD_ASSERT(window != NULL);
}

static uint64_t window_query(struct vd_range range, uint64_t read_version)
{
	return vd_window_query(window, range, read_version);
}

static void window_write(struct vd_range range, uint64_t version)
{
	VD_ASSERT(vd_window_stage(window, range, version));
}

static void window_end_batch(uint64_t version, uint64_t floor)
{
	vd_window_publish(window, version);
	vd_window_raise_floor(window, floor);
}

static size_t window_bytes(void)
{
	return vd_window_bytes(window);
}

static void window_stop(void)
{
	vd_window_free(window);
}

static const struct rival ours = {
	"window",
	SIZE_MAX,
	window_start,
	window_query,
	window_write,
	window_end_batch,
	window_bytes,
	window_stop,
};

/* ---- Work --------------------------------------------------------------------------------------------------------- */

struct workload {
	const char *name;
	size_t prefix_bytes;
	unsigned width;  /* 0: one key; else up to so many */
	uint64_t age_us; /* of read versions: up to this; UINT64_MAX: all as old as the floor */
};

static const struct workload workloads[] = {
	{ "keys, read 0-10 ms ago", 0, 0, 10000 },
	{ "keys, read 0-5 s ago", 0, 0, 5000000 },
	{ "keys, read at the floor", 0, 0, UINT64_MAX },
	{ "prefixed keys, read 0-10 ms ago", 24, 0, 10000 },
	{ "prefixed keys, read at the floor", 24, 0, UINT64_MAX },
	{ "ranges, read 0-10 ms ago", 0, 10, 10000 },
	{ "ranges, read at the floor", 0, 10, UINT64_MAX },
};

struct request {
	struct vd_range read;
	struct vd_range write;
};

static struct vd_bytes make_key(struct vd_arena *arena, size_t prefix_bytes, uint64_t number, size_t extra)
{
	uint8_t *bytes = vd_arena_alloc_bytes(arena, prefix_bytes + 26);
	VD_ASSERT(bytes != NULL);
	memset(bytes, 'p', prefix_bytes);
	snprintf((char *)bytes + prefix_bytes, 26, "k%08llu/%014llx", (unsigned long long)number,
		(unsigned long long)(number * 0x9e3779b97f4a7c15u) >> 8);
	bytes[prefix_bytes + 24] = 0;
	return vd_bytes_of(bytes, prefix_bytes + 24 + extra);
}

static struct vd_range make_range(struct vd_arena *arena, struct vd_rng *rng, const struct workload *workload)
{
	uint64_t number = vd_rng_below(rng, 10000000);
	struct vd_bytes begin = make_key(arena, workload->prefix_bytes, number, 0);
	if (workload->width == 0) {
		return vd_range_of(begin, vd_bytes_of(begin.data, begin.size + 1));
	}
	number += 1 + vd_rng_below(rng, workload->width);
	return vd_range_of(begin, make_key(arena, workload->prefix_bytes, number, 0));
}

static double cpu_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct result {
	double requests_per_s;
	double lost_share;
	size_t bytes;
};

static struct result run(const struct rival *rival, const struct workload *workload,
	const struct request *requests, size_t request_count, uint64_t *answers, bool is_first)
{
	struct result result = { 0 };
	struct vd_rng rng;
	uint64_t start = 1000000000;
	uint64_t version = start;
	uint64_t history = options.history_s * 1000000;
	uint64_t batch_us = options.batch * 1000000 / options.rate;
	size_t fill = options.history_s * options.rate;
	size_t count = request_count < rival->requests_max ? request_count : rival->requests_max;
	size_t lost = 0;
	double began = 0;
	vd_rng_seed(&rng, 1);
	rival->start(start);
	for (size_t i = 0; i < fill + count; i++) {
		const struct request *request = &requests[i % request_count];
		if (i % options.batch == 0) {
			version += batch_us;
		}
		if (i == fill) {
			began = cpu_s();
		}
		uint64_t floor = version - start > history ? version - batch_us - history : start;
		uint64_t loses_to = 0;
		if (i >= fill) {
			uint64_t age =
				workload->age_us == UINT64_MAX ? history : vd_rng_below(&rng, workload->age_us + 1);
			uint64_t read_version = version - batch_us - age;
			loses_to = rival->query(request->read, read_version > floor ? read_version : floor);
		}
		lost += loses_to != 0;
		if (i >= fill) { /* all give the same verdicts, each with the version that it lost to */
			VD_ASSERT(is_first || answers[i - fill] == loses_to);
			answers[i - fill] = loses_to;
		}
		if (loses_to == 0) {
			rival->write(request->write, version);
		}
		if (i % options.batch == options.batch - 1) {
			rival->end_batch(version, floor);
		}
	}
	result.requests_per_s = (double)count / (cpu_s() - began);
	result.lost_share = (double)lost / (double)count;
	result.bytes = rival->bytes();
	rival->stop();
	return result;
}

static void report(
	const struct workload *workload, const struct rival *rival, const struct result *result, bool is_first)
{
	if (options.is_json) {
		printf("%s{\"workload\":\"%s\",\"what\":\"%s\",\"requests_per_s\":%.0f,\"lost_share\":%.4f,\"bytes\":"
			   "%zu}",
			is_first ? "[" : ",\n ", workload->name, rival->name, result->requests_per_s, result->lost_share,
			result->bytes);
	} else {
		printf("%-34s %-15s %12.0f requests/s  %5.1f %% lose  %7.1f MB\n", workload->name, rival->name,
			result->requests_per_s, 100 * result->lost_share, (double)result->bytes / 1e6);
	}
	fflush(stdout);
}

static void run_workload(const struct workload *workload, bool is_first)
{
	static const struct rival *const rivals[] = { &ours, &rival_tree, &rival_list };
	struct vd_arena arena;
	struct vd_rng rng;
	vd_arena_init(&arena, SIZE_MAX);
	vd_rng_seed(&rng, 7);
	size_t count = options.requests;
	struct request *requests = vd_arena_array(&arena, count, sizeof *requests);
	VD_ASSERT(requests != NULL);
	for (size_t i = 0; i < count; i++) {
		requests[i].read = make_range(&arena, &rng, workload);
		requests[i].write = make_range(&arena, &rng, workload);
	}
	uint64_t *answers = vd_arena_array(&arena, count, sizeof *answers);
	VD_ASSERT(answers != NULL);
	for (size_t i = 0; i < (options.is_alone ? 1 : VD_COUNT(rivals)); i++) {
		struct result result = run(rivals[i], workload, requests, count, answers, i == 0);
		report(workload, rivals[i], &result, is_first && i == 0);
	}
	vd_arena_fini(&arena);
}

static bool parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "alone", no_argument, NULL, 'a' },
		{ "workload", required_argument, NULL, 'w' },
		{ "requests", required_argument, NULL, 'n' },
		{ "seconds-of-history", required_argument, NULL, 's' },
		{ "rate", required_argument, NULL, 'r' },
		{ "batch", required_argument, NULL, 'b' },
		{ 0 },
	};
	for (int option; (option = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		uint64_t number = optarg != NULL ? strtoull(optarg, NULL, 10) : 1;
		switch (option) {
		case 'j':
			options.is_json = true;
			break;
		case 'a':
			options.is_alone = true;
			break;
		case 'w':
			options.workload = number;
			break;
		case 'n':
			options.requests = number;
			break;
		case 's':
			options.history_s = number;
			break;
		case 'r':
			options.rate = number;
			break;
		case 'b':
			options.batch = number;
			break;
		default:
			return false;
		}
		if (number == 0) {
			fprintf(stderr, "bench_window: a number above 0 is wanted, not %s\n", optarg);
			return false;
		}
	}
	return true;
}

int main(int argc, char **argv)
{
	if (!parse(argc, argv)) {
		return 2;
	}
	bool is_first = true;
	for (size_t i = 0; i < VD_COUNT(workloads); i++) {
		if (options.workload == 0 || options.workload == i + 1) {
			run_workload(&workloads[i], is_first);
			is_first = false;
		}
	}
	if (options.is_json) {
		printf("]\n");
	}
	return 0;
}
