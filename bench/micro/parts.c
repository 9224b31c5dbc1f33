/* SPDX-License-Identifier: Apache-2.0 */
/* parts.c: what the pure parts cost an operation: window, overlay, codec.
 *
 *     bench_parts [NAME]
 *
 * One JSON object a line: name, operations, ns_each (the thread's own clock, so that a busy machine does not count for much). Under
 * callgrind only the operations are counted, by name, and not what prepares them (run.sh does that): such counts are the same on
 * each run, and on a busy machine too. The same seed gives the same operations, so two commits can be compared.
 *
 * The window holds 5 s of history at 100,000 commits a second; each request has one read range and one write range, versions grow
 * by 1,000,000 a second, a batch is 500 requests, and the floor rises with each.
 */
#include "common/base/arena.h"
#include "common/base/random.h"
#include "common/kv/codec.h"
#include "common/kv/overlay.h"
#include "common/kv/window.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_START_INSTRUMENTATION
#define CALLGRIND_STOP_INSTRUMENTATION
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

enum { KEYS = 1 << 20, HOT = 1000, BATCH = 500, HISTORY = 500000, BATCH_US = 5000 };

static struct {
	struct vd_arena keys, work;
	struct vd_rng rng;
	struct vd_bytes *names; /* sorted, of 24 bytes */
	struct vd_window *window;
	struct vd_overlay *overlay;
	uint64_t version;
	struct vd_request request;
	struct vd_bytes payload;
	size_t sink; /* of answers, so that none is left out */
} it;

static struct vd_bytes name_of(uint64_t number)
{
	return it.names[number % KEYS];
}

static void make_names(void)
{
	it.names = vd_arena_array(&it.keys, KEYS, sizeof *it.names);
	VD_ASSERT(it.names != NULL);
	for (unsigned i = 0; i < KEYS; i++) {
		const char *name =
			vd_arena_format(&it.keys, "k%08x/%014llx", i, (unsigned long long)(i * 0x9e3779b97f4a7c15u) >> 8);
		VD_ASSERT(name != NULL);
		it.names[i] = vd_bytes_of(name, 24);
	}
}

/* ---- Window --------------------------------------------------------------------------------------------------- */

/* One key, which ends with its successor: name\0. */
static struct vd_range key_range(uint64_t number)
{
	struct vd_bytes name = name_of(number);
	return vd_range_of(name, vd_bytes_of(name.data, name.size + 1));
}

static struct vd_range draw_key(void)
{
	return key_range(vd_rng_next(&it.rng));
}

/* [k, k + 1 to 10). */
static struct vd_range draw_range(void)
{
	uint64_t from = vd_rng_below(&it.rng, KEYS - 10);
	return vd_range_of(name_of(from), name_of(from + 1 + vd_rng_below(&it.rng, 10)));
}

static struct vd_range draw_hot(void)
{
	uint64_t from = vd_rng_below(&it.rng, HOT);
	return vd_range_of(name_of(from), name_of(from + 1 + vd_rng_below(&it.rng, 10)));
}

/* Requests that read up to 10 ms ago; all write. */
static void judge(struct vd_range (*draw)(void), size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i % BATCH == 0)
			it.version += BATCH_US;
		it.sink +=
			vd_window_query(it.window, draw(), it.version - BATCH_US - vd_rng_below(&it.rng, 10000)) != 0;
		VD_ASSERT(vd_window_stage(it.window, draw(), it.version));
		if (i % BATCH == BATCH - 1) {
			vd_window_publish(it.window, it.version);
			vd_window_raise_floor(it.window, it.version - (uint64_t)HISTORY / BATCH * BATCH_US);
		}
	}
}

static void window_fill(struct vd_range (*draw)(void))
{
	it.version = 1000000000;
	it.window = vd_window_new(it.version, (size_t)1 << 30);
	VD_ASSERT(it.window != NULL);
	it.version += (uint64_t)HISTORY / BATCH * BATCH_US;
	for (size_t i = 0; i < HISTORY; i += BATCH) {
		it.version += BATCH_US;
		for (size_t k = 0; k < BATCH; k++)
			VD_ASSERT(vd_window_stage(it.window, draw(), it.version));
		vd_window_publish(it.window, it.version);
	}
}

static void window_end(void)
{
	vd_window_free(it.window);
}

static void fill_keys(void)
{
	window_fill(draw_key);
}

static void fill_ranges(void)
{
	window_fill(draw_range);
}

static void fill_hot(void)
{
	window_fill(draw_hot);
}

static void judge_keys(size_t count)
{
	judge(draw_key, count);
}

static void judge_ranges(size_t count)
{
	judge(draw_range, count);
}

static void judge_hot(size_t count)
{
	judge(draw_hot, count);
}

/* ---- Overlay: batches of BATCH requests ------------------------------------------------------------------------ */

static void overlay_renew(void)
{
	vd_arena_reset(&it.work);
	it.overlay = vd_overlay_new(&it.work, NULL, 100000);
	VD_ASSERT(it.overlay != NULL);
}

static void overlay_finish(void)
{
	struct vd_write_set set;
	VD_ASSERT(vd_overlay_write_set(it.overlay, &it.work, &set));
	it.sink += set.upsert_count + set.range_count;
}

static void overlay_sets(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i % BATCH == 0)
			overlay_renew();
		VD_ASSERT(vd_overlay_set(it.overlay, name_of(vd_rng_next(&it.rng)), VD_BYTES("16 bytes of text")));
		it.sink += vd_overlay_get(it.overlay, name_of(vd_rng_next(&it.rng))).state;
		if (i % BATCH == BATCH - 1)
			overlay_finish();
	}
}

static void overlay_adds(size_t count)
{
	const struct vd_bytes one = vd_bytes_of("\1\0\0\0\0\0\0\0", 8), hot = name_of(7);
	for (size_t i = 0; i < count; i++) {
		if (i % BATCH == 0) {
			overlay_renew();
			VD_ASSERT(vd_overlay_set_base(it.overlay, hot, &one));
		}
		VD_ASSERT(vd_overlay_atomic(it.overlay, VD_OP_ADD, hot, one));
		if (i % BATCH == BATCH - 1)
			overlay_finish();
	}
}

static void overlay_clears(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i % BATCH == 0)
			overlay_renew();
		VD_ASSERT(vd_overlay_clear_range(it.overlay, draw_range()));
		VD_ASSERT(vd_overlay_set(it.overlay, name_of(vd_rng_next(&it.rng)), VD_BYTES("16 bytes of text")));
		if (i % BATCH == BATCH - 1)
			overlay_finish();
	}
}

/* ---- Codec ------------------------------------------------------------------------------------------------------ */

/* Two reads and two writes. */
static void make_request(void)
{
	static struct vd_range reads[2];
	static struct vd_mutation mutations[2];
	for (unsigned i = 0; i < 2; i++) {
		reads[i] = key_range(1000 * i);
		mutations[i] = (struct vd_mutation){
			.op = VD_OP_SET, .key = name_of(1000 * i), .value = VD_BYTES("16 bytes of text")
		};
	}
	it.request = (struct vd_request){
		.read_version = 1000000, .reads = reads, .read_count = 2, .mutations = mutations, .mutation_count = 2
	};
	VD_ASSERT(vd_request_encode(&it.keys, &it.request, &it.payload));
}

static void encode(size_t count)
{
	struct vd_bytes payload;
	for (size_t i = 0; i < count; i++) {
		if (i % BATCH == 0)
			vd_arena_reset(&it.work);
		VD_ASSERT(vd_request_encode(&it.work, &it.request, &payload));
		it.sink += payload.size;
	}
}

static void decode(size_t count)
{
	struct vd_request request;
	const struct vd_limits limits = VD_LIMITS_DEFAULT;
	for (size_t i = 0; i < count; i++) {
		if (i % BATCH == 0)
			vd_arena_reset(&it.work);
		VD_ASSERT(vd_request_decode(&it.work, it.payload, &request, NULL) == 0);
		VD_ASSERT(vd_request_validate(&request, &limits, NULL) == 0);
		it.sink += request.mutation_count;
	}
}

/* ---- The program ------------------------------------------------------------------------------------------------ */

static const struct part {
	const char *name;
	size_t operations;
	void (*prepare)(void);
	void (*run)(size_t count);
	void (*end)(void);
} parts[] = {
	{ "window, random keys", 100000, fill_keys, judge_keys, window_end },
	{ "window, random ranges", 100000, fill_ranges, judge_ranges, window_end },
	{ "window, hot ranges", 100000, fill_hot, judge_hot, window_end },
	{ "overlay, set and get", 100000, NULL, overlay_sets, NULL },
	{ "overlay, add to a hot key", 100000, NULL, overlay_adds, NULL },
	{ "overlay, clear a range and set", 100000, NULL, overlay_clears, NULL },
	{ "codec, encode 2 reads + 2 writes", 100000, make_request, encode, NULL },
	{ "codec, decode 2 reads + 2 writes", 100000, make_request, decode, NULL },
};

static double cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void measure(const struct part *part)
{
	vd_rng_seed(&it.rng, 1);
	vd_arena_reset(&it.work);
	if (part->prepare != NULL)
		part->prepare();
	CALLGRIND_START_INSTRUMENTATION;
	CALLGRIND_ZERO_STATS;
	double began = cpu_ns();
	part->run(part->operations);
	double ns = cpu_ns() - began;
	CALLGRIND_DUMP_STATS_AT(part->name);
	CALLGRIND_STOP_INSTRUMENTATION;
	if (part->end != NULL)
		part->end();
	printf("{\"name\":\"%s\",\"operations\":%zu,\"ns_each\":%.1f}\n", part->name, part->operations,
		ns / (double)part->operations);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	vd_arena_init(&it.keys, SIZE_MAX);
	vd_arena_init(&it.work, SIZE_MAX);
	make_names();
	for (size_t i = 0; i < VD_COUNT(parts); i++)
		if (argc < 2 || strcmp(argv[1], parts[i].name) == 0)
			measure(&parts[i]);
	vd_arena_fini(&it.work);
	vd_arena_fini(&it.keys);
	return it.sink == 0;
}
