/* SPDX-License-Identifier: Apache-2.0 */
/* crew.c: see crew.h. */
#include "bench/compare/crew.h"

#include "bench/compare/plain.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS_MOST = 256 };

struct crew {
	const struct crew_shape *shape;
	const char *dsn;
	const struct vd_bench_settings *settings;
	struct crew_result *results;
	uint64_t from, to;
	pid_t leader, workers[WORKERS_MOST];
};

int crew_draw_key(struct crew_worker *worker)
{
	worker->random ^= worker->random << 13;
	worker->random ^= worker->random >> 7;
	worker->random ^= worker->random << 17;
	return (int)(worker->random % (uint64_t)(worker->settings->keys / worker->settings->processes + 1));
}

void crew_answered(struct crew_worker *worker, size_t slot, uint64_t now)
{
	worker->result->committed++;
	if (now >= worker->from && now < worker->to) {
		worker->result->done++;
		vd_histogram_add(&worker->result->latency, now - worker->begun[slot]);
	}
	worker->free_slots[worker->free_count++] = slot;
}

static _Noreturn void live_as_worker(const struct crew *crew, int index)
{
	const struct vd_bench_settings *settings = crew->settings;
	size_t slots = (size_t)settings->in_flight;
	struct crew_worker worker = { .settings = settings,
		.result = &crew->results[index],
		.index = index,
		.from = crew->from,
		.to = crew->to,
		.random = (settings->seed + 1) * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)index };
	worker.begun = calloc(slots, sizeof *worker.begun);
	worker.free_slots = calloc(slots, sizeof *worker.free_slots);
	if (worker.begun == NULL || worker.free_slots == NULL)
		plain_die("no memory", NULL);
	for (; worker.free_count < slots; worker.free_count++)
		worker.free_slots[worker.free_count] = worker.free_count;
	crew->shape->work(crew->dsn, &worker);
	_exit(0);
}

static pid_t begin(const struct crew *crew, int index)
{
	pid_t pid = fork();
	if (pid < 0)
		plain_die("fork", NULL);
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (index < 0) {
		crew->shape->lead(crew->dsn, crew->settings);
		plain_die("the leader returned", NULL);
	}
	live_as_worker(crew, index);
}

/* False: one of them ended otherwise than it should, or the leader before them. */
static bool collect(const struct crew *crew)
{
	bool is_well = true;
	int status;
	for (int i = 0; i < crew->settings->processes; i++) {
		pid_t gone = wait(&status);
		is_well = is_well && gone != crew->leader && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	kill(crew->leader, SIGKILL);
	waitpid(crew->leader, &status, 0);
	return is_well;
}

bool crew_run(const struct crew_shape *shape, const char *dsn, const struct vd_bench_settings *settings,
	struct vd_bench_report *report)
{
	if (settings->processes >= WORKERS_MOST)
		plain_die("too many processes", NULL);
	struct crew crew = { .shape = shape, .dsn = dsn, .settings = settings };
	size_t bytes = (size_t)settings->processes * sizeof *crew.results;
	crew.results = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (crew.results == MAP_FAILED)
		plain_die("no memory", NULL);
	crew.leader = begin(&crew, -1);
	crew.from = plain_now_ns() + (uint64_t)(settings->warmup_seconds * 1e9);
	crew.to = crew.from + (uint64_t)(settings->seconds * 1e9);
	for (int i = 0; i < settings->processes; i++)
		crew.workers[i] = begin(&crew, i);
	PGconn *connection = plain_connect(dsn, shape->schema);
	*report = plain_report(shape->name, settings);
	plain_meter(connection, crew.from, crew.to, crew.workers, settings->processes, crew.leader, report);
	PQfinish(connection);
	bool is_well = collect(&crew);
	for (int i = 0; i < settings->processes; i++) {
		report->done += crew.results[i].done;
		report->checks += crew.results[i].committed;
		vd_histogram_merge(&report->latency, &crew.results[i].latency);
	}
	report->commits = report->done;
	munmap(crew.results, bytes);
	return is_well;
}
