/* SPDX-License-Identifier: Apache-2.0 */
/* bench_resolve: how many requests a second the resolver's pure part does in one thread, from queue rows to what is
 * sent: decode, digest, judge, fold, write set, outcome rows, replies. What PostgreSQL and libpq do comes on top. The
 * clock of the figures is the thread's own, so that a busy machine does not count.
 *
 *     bench_resolve [requests of a batch] [seconds]
 */
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/kv/codec.h"
#include "resolver/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CLIENTS = 4, PAYLOADS = 1 << 16, KEYS = 1000000 };

struct load {
	const char *name;
	unsigned reads;
	unsigned writes;
	uint32_t op;
};

static const struct load loads[] = {
	{ "blind set", 0, 1, VD_OP_SET },
	{ "blind add", 0, 1, VD_OP_ADD },
	{ "1 read + 1 write", 1, 1, VD_OP_SET },
	{ "2 reads + 2 writes", 2, 2, VD_OP_SET },
};

static struct vd_bytes payloads[PAYLOADS];
static const uint8_t term[VD_TERM_BYTES] = "bench";

static struct vd_bytes draw_key(struct vd_arena *arena, struct vd_rng *rng)
{
	char *key = vd_arena_format(
		arena, "key/%016llx", (unsigned long long)(vd_rng_below(rng, KEYS) * 0x9E3779B97F4A7C15u));
	return vd_bytes_of_string(key);
}

/* Requests that read at `version`. */
static void draw_payloads(struct vd_arena *arena, const struct load *load, uint64_t version)
{
	struct vd_rng rng;
	vd_rng_seed(&rng, 1);
	vd_arena_reset(arena);
	for (unsigned i = 0; i < PAYLOADS; i++) {
		struct vd_range reads[2];
		struct vd_mutation mutations[2];
		struct vd_request request = { .read_version = version,
			.reads = reads,
			.read_count = load->reads,
			.mutations = mutations,
			.mutation_count = load->writes };
		memcpy(request.read_term, term, VD_TERM_BYTES);
		for (unsigned k = 0; k < load->reads; k++)
			VD_ASSERT(vd_range_of_key(arena, draw_key(arena, &rng), &reads[k]));
		for (unsigned k = 0; k < load->writes; k++)
			mutations[k] = (struct vd_mutation){
				.op = load->op, .key = draw_key(arena, &rng), .value = VD_BYTES("16 bytes of text")
			};
		VD_ASSERT(vd_request_encode(arena, &request, &payloads[i]));
	}
}

static int64_t thread_ns(void)
{
	struct timespec now;
	VD_ASSERT(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct spent {
	int64_t claim_ns, bind_ns, resolve_ns, publish_ns;
	uint64_t requests, committed, batches;
};

static void turn(struct vd_memory *memory, unsigned count, uint64_t *sequence, struct spent *spent)
{
	static int64_t arrival;
	int64_t now_us = vd_clock_us();
	int64_t t0 = thread_ns();
	struct vd_batch *batch = vd_memory_open(memory);
	for (unsigned i = 0; i < count; i++) {
		/* a client's rows come together, as its statements carry them */
		unsigned client = i * CLIENTS / count;
		struct vd_claim claim = { .client = { { (uint8_t)client, 1 } },
			.sequence = ++sequence[client],
			.generation = 1,
			.acknowledged = sequence[client] > 2 * count ? sequence[client] - 2 * count : 0,
			.token = sequence[client] * 0x9E3779B97F4A7C15u,
			.payload = payloads[(uint64_t)arrival % PAYLOADS],
			.arrival = arrival + 1 };
		arrival++;
		if (!vd_batch_add(batch, &claim))
			abort();
	}
	int64_t t1 = thread_ns();
	size_t missing;
	const struct vd_client_id *ids = vd_memory_missing(memory, batch, now_us, &missing);
	for (size_t i = 0; i < missing; i++)
		vd_clients_load(&memory->clients, &ids[i], 1, 1, 0, now_us);
	vd_memory_loaded(memory, batch, now_us);
	vd_memory_base(memory, batch);
	for (size_t i = 0; i < batch->base_count; i++)
		vd_memory_supply(memory, batch, batch->base_keys[i], VD_BYTES("\1\0\0\0\0\0\0\0"));
	int64_t t2 = thread_ns();
	if (!vd_memory_resolve(memory, batch, false, now_us) || batch->count != count)
		abort();
	int64_t t3 = thread_ns();
	spent->requests += batch->counts.requests;
	spent->committed += batch->counts.committed;
	vd_memory_publish(memory, batch, now_us);
	int64_t t4 = thread_ns();
	spent->claim_ns += t1 - t0;
	spent->bind_ns += t2 - t1;
	spent->resolve_ns += t3 - t2;
	spent->publish_ns += t4 - t3;
	spent->batches++;
}

static void run(const struct load *load, struct vd_arena *arena, unsigned count, double seconds)
{
	struct vd_memory_options options = VD_MEMORY_OPTIONS_DEFAULT;
	struct vd_memory *memory = vd_memory_new(&options);
	VD_ASSERT(memory != NULL);
	uint64_t sequence[CLIENTS] = { 0 };
	uint64_t version = 2000000000;
	static const uint8_t none[VD_TERM_BYTES];
	vd_memory_take_office(memory, term, none, version, 0, vd_clock_us());
	draw_payloads(arena, load, version);
	int64_t drawn_us = vd_clock_us();
	struct spent spent = { 0 };
	for (int64_t end_ns = vd_clock_ns() + (int64_t)(seconds * 1e9); vd_clock_ns() < end_ns;) {
		turn(memory, count, sequence, &spent);
		/* a read version is some 100 ms old at most, as a worker's is */
		if (load->reads > 0 && vd_clock_us() - drawn_us > 100000) {
			int64_t paused_ns = vd_clock_ns();
			draw_payloads(arena, load, vd_memory_newest(memory));
			drawn_us = vd_clock_us();
			end_ns += vd_clock_ns() - paused_ns;
		}
	}
	double ns = (double)(spent.claim_ns + spent.bind_ns + spent.resolve_ns + spent.publish_ns);
	double n = (double)spent.requests;
	printf(
		"%-20s %9.0f requests/s   %5.1f %% committed   ns each: claim %4.0f  bind+base %4.0f  resolve %4.0f  "
		"publish %4.0f\n",
		load->name, n * 1e9 / ns, 100.0 * (double)spent.committed / n, (double)spent.claim_ns / n,
		(double)spent.bind_ns / n, (double)spent.resolve_ns / n, (double)spent.publish_ns / n);
	vd_memory_free(memory);
}

int main(int argc, char **argv)
{
	unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
	double seconds = argc > 2 ? atof(argv[2]) : 2;
	if (count == 0 || count > VD_CLIENTS_LIMIT_KNOWN || seconds <= 0) {
		fputs("usage: bench_resolve [requests of a batch, 1 to 20000] [seconds]\n", stderr);
		return 2;
	}
	struct vd_arena arena;
	vd_arena_init(&arena, SIZE_MAX);
	for (size_t i = 0; i < VD_COUNT(loads); i++)
		run(&loads[i], &arena, count, seconds);
	vd_arena_fini(&arena);
	return 0;
}
