/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.c: see cluster.h. */
#include "cli/cluster.h"

#include "common/base/clock.h"
#include "common/base/codes.h"
#include "common/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESTART_FIRST_MS  100
#define RESTART_MOST_MS   10000
#define LIVED_MS          10000
#define HOPELESS_ENDS     4
#define RESOLVER_STOP_MS  15000
#define POSTGRES_STOP_MS  60000
#define POSTGRES_CHECK_MS 20
#define HOME_CHECK_MS     1000

static void taken_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGCHLD);
}

int vd_cluster_init(struct vd_cluster *cluster, const char *schema, struct vd_error *error)
{
	sigset_t set;
	*cluster = (struct vd_cluster){ .schema = schema, .home.lock = -1 };
	cluster->environment = vd_process_environment();
	cluster->server.home = &cluster->home;
	cluster->server.environment = cluster->environment;
	taken_signals(&set);
	if (cluster->environment == NULL || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return vd_error_set(error, VD_CODE_NO_MEMORY, "out of memory");
	return 0;
}

void vd_cluster_fini(struct vd_cluster *cluster)
{
	free(cluster->environment);
	cluster->environment = NULL;
	if (cluster->home.path[0] != '\0')
		vd_home_close(&cluster->home);
}

/* ---- the resolver's program ---- */

static bool take_program(struct vd_cluster *cluster, const char *folder, size_t size, const char *below)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%.*s/%sverdict-resolver", (int)size, folder, below);
	return access(path, X_OK) == 0 && realpath(path, cluster->resolver) != NULL;
}

int vd_cluster_find_resolver(struct vd_cluster *cluster, struct vd_error *error)
{
	static const char *const below[] = { "", "../libexec/verdict/", "../libexec/", "../resolver/" };
	char self[PATH_MAX];
	ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
	while (size > 0 && self[size - 1] != '/')
		size--;
	for (size_t i = 0; size > 1 && i < VD_COUNT(below); i++)
		if (take_program(cluster, self, (size_t)size - 1, below[i]))
			return 0;
	for (const char *path = getenv("PATH"); path != NULL && *path != '\0';) {
		size_t part = strcspn(path, ":");
		if (part > 0 && take_program(cluster, path, part, ""))
			return 0;
		path += part + (path[part] == ':');
	}
	vd_error_set(error, VD_CODE_PLATFORM_ERROR, "the program verdict-resolver is not to be found");
	vd_error_hint(
		error, "it belongs beside this program (%.*s), or in PATH", size > 1 ? (int)size - 1 : 1, self);
	return error->code;
}

/* ---- one child ---- */

static bool is_postgres(const struct vd_cluster *cluster, const struct vd_child *child)
{
	return child == &cluster->children[0];
}

static const char *pid_file(const struct vd_child *child)
{
	static char name[40];
	snprintf(name, sizeof name, "%s.pid", child->name);
	return name;
}

int64_t vd_cluster_http_port(const struct vd_cluster *cluster, size_t i)
{
	return cluster->http_base_port + (int64_t)i - 1;
}

/* Nobody would wait for its hand-over if we die, nor is there then a PostgreSQL to hand over in; the fence makes it safe. */
static pid_t start_resolver(struct vd_cluster *cluster, struct vd_child *child, struct vd_error *error)
{
	char log[40];
	char listen[24] = "";
	snprintf(log, sizeof log, "%s.log", child->name);
	if (cluster->http_base_port != 0)
		snprintf(listen, sizeof listen, "%" PRId64,
			vd_cluster_http_port(cluster, (size_t)(child - cluster->children)));
	const char *const argv[] = { cluster->resolver, "--config", vd_home_path(&cluster->home, "resolver.conf"),
		"--node", child->name, "--http-listen", listen, NULL };
	return vd_process_spawn(&(struct vd_spawn){ .argv = argv,
								.environment = cluster->environment,
								.log = vd_home_path(&cluster->home, log),
								.death_signal = SIGKILL },
		error);
}

static int start_child(struct vd_cluster *cluster, struct vd_child *child, struct vd_error *error)
{
	pid_t pid = is_postgres(cluster, child) ? vd_server_start(&cluster->server, error)
											: start_resolver(cluster, child, error);
	child->restart_ms = 0;
	child->started_ms = vd_clock_ms();
	if (pid < 0)
		return error->code;
	child->pid = pid;
	vd_home_write_pid(&cluster->home, pid_file(child), pid);
	return 0;
}

static void plan_restart(struct vd_child *child)
{
	int64_t now = vd_clock_ms();
	int64_t wait = RESTART_FIRST_MS;
	if (now - child->started_ms >= LIVED_MS)
		child->ends = 0;
	for (unsigned i = 0; i < child->ends && wait < RESTART_MOST_MS; i++)
		wait *= 2;
	wait = wait > RESTART_MOST_MS ? RESTART_MOST_MS : wait;
	child->ends++;
	child->restart_ms = now + wait;
}

static void child_ended(struct vd_cluster *cluster, struct vd_child *child, int status)
{
	char how[80];
	child->pid = 0;
	child->status = status;
	vd_home_write_pid(&cluster->home, pid_file(child), 0);
	if (cluster->stop != 0)
		return;
	plan_restart(child);
	vd_log_warning("a process of the cluster has ended by itself, it is started again",
		VD_LOG_TEXT("process", child->name), VD_LOG_TEXT("how", vd_process_describe(status, how, sizeof how)),
		VD_LOG_INT("wait_ms", child->restart_ms - vd_clock_ms()));
}

static void reap(struct vd_cluster *cluster)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		for (size_t i = 0; i < cluster->count; i++)
			if (cluster->children[i].pid == pid)
				child_ended(cluster, &cluster->children[i], status);
}

/* ---- tending ---- */

/* When the next restart is due; INT64_MAX: none. */
static int64_t next_restart(const struct vd_cluster *cluster)
{
	int64_t next = INT64_MAX;
	for (size_t i = 0; i < cluster->count; i++)
		if (cluster->children[i].restart_ms != 0 && cluster->children[i].restart_ms < next)
			next = cluster->children[i].restart_ms;
	return next;
}

static void restart_due(struct vd_cluster *cluster)
{
	for (size_t i = 0; i < cluster->count; i++) {
		struct vd_child *child = &cluster->children[i];
		struct vd_error error = { 0 };
		if (child->restart_ms == 0 || child->restart_ms > vd_clock_ms() ||
			start_child(cluster, child, &error) == 0)
			continue;
		plan_restart(child);
		vd_log_error("a process of the cluster cannot be started, it is tried again",
			VD_LOG_TEXT("process", child->name), VD_LOG_TEXT("why", error.message));
	}
}

/* Waits for a signal until then; reaps. The signal that asks to stop, or 0. */
static int take_signal(struct vd_cluster *cluster, int64_t until_ms)
{
	sigset_t set;
	int64_t wait = until_ms - vd_clock_ms();
	wait = wait < 0 ? 0 : wait > 3600000 ? 3600000 : wait;
	struct timespec limit = { .tv_sec = wait / 1000, .tv_nsec = wait % 1000 * 1000000 };
	taken_signals(&set);
	int number = sigtimedwait(&set, NULL, &limit);
	reap(cluster); /* several children give one SIGCHLD */
	return number <= 0 || number == SIGCHLD ? 0 : number;
}

bool vd_cluster_tend(struct vd_cluster *cluster, int64_t for_ms)
{
	int64_t end = for_ms < 0 ? INT64_MAX : vd_clock_ms() + for_ms;
	while (cluster->stop == 0) {
		int64_t due = next_restart(cluster);
		int64_t look = vd_clock_ms() + HOME_CHECK_MS;
		due = due < look ? due : look;
		cluster->stop = take_signal(cluster, due < end ? due : end);
		cluster->lost = cluster->stop == 0 && vd_home_is_lost(&cluster->home);
		if (cluster->lost)
			cluster->stop = SIGTERM;
		if (cluster->stop == 0)
			restart_due(cluster);
		if (vd_clock_ms() >= end)
			break;
	}
	return cluster->stop == 0;
}

const struct vd_child *vd_cluster_hopeless(const struct vd_cluster *cluster)
{
	for (size_t i = 0; i < cluster->count; i++)
		if (cluster->children[i].ends >= HOPELESS_ENDS)
			return &cluster->children[i];
	return NULL;
}

/* ---- starting ---- */

int vd_cluster_start_server(struct vd_cluster *cluster, int64_t timeout_ms, struct vd_error *error)
{
	struct vd_child *postgres = &cluster->children[0];
	int64_t end = vd_clock_ms() + timeout_ms;
	strcpy(postgres->name, "postgres");
	cluster->count = 1;
	int code = start_child(cluster, postgres, error);
	while (code == 0 && postgres->pid != 0 && !vd_server_is_ready(&cluster->server, postgres->pid)) {
		if (vd_clock_ms() >= end)
			return vd_error_set(
				error, VD_CODE_TRANSACTION_TIMED_OUT, "PostgreSQL does not take connections in time");
		if (!vd_cluster_tend(cluster, POSTGRES_CHECK_MS))
			return vd_error_set(error, VD_CODE_OPERATION_CANCELLED, "interrupted");
	}
	if (code != 0 || postgres->pid != 0)
		return code;
	char how[80];
	char words[300];
	return vd_error_set(error, VD_CODE_PLATFORM_ERROR, "PostgreSQL %s: %s",
		vd_process_describe(postgres->status, how, sizeof how),
		vd_process_last_words(vd_home_path(&cluster->home, "postgres.log"), words, sizeof words));
}

int vd_cluster_start_resolvers(struct vd_cluster *cluster, size_t nodes, struct vd_error *error)
{
	int code = 0;
	VD_ASSERT(cluster->count == 1 && nodes <= VD_CLUSTER_NODES_MAX);
	for (size_t i = 1; i <= nodes && code == 0; i++) {
		struct vd_child *child = &cluster->children[cluster->count++];
		snprintf(child->name, sizeof child->name, "resolver-%zu", i);
		code = start_child(cluster, child, error);
	}
	return code;
}

/* ---- stopping ---- */

static bool any_runs(const struct vd_cluster *cluster, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		if (cluster->children[i].pid != 0)
			return true;
	return false;
}

static void signal_all(const struct vd_cluster *cluster, size_t begin, size_t end, int number)
{
	for (size_t i = begin; i < end; i++)
		if (cluster->children[i].pid != 0)
			kill(cluster->children[i].pid, number);
}

/* Asks, waits, and insists when the time is over or we are asked again. */
static void end_children(
	struct vd_cluster *cluster, size_t begin, size_t end, int ask, int insist, int64_t wait_ms)
{
	int64_t limit = vd_clock_ms() + wait_ms;
	signal_all(cluster, begin, end, ask);
	while (any_runs(cluster, begin, end) && vd_clock_ms() < limit && take_signal(cluster, limit) == 0)
		;
	while (any_runs(cluster, begin, end)) {
		signal_all(cluster, begin, end, insist);
		(void)take_signal(cluster, vd_clock_ms() + 5000);
		insist = SIGKILL;
	}
}

void vd_cluster_stop(struct vd_cluster *cluster)
{
	if (cluster->stop == 0)
		cluster->stop = SIGTERM; /* what ends from now on is not started again */
	if (cluster->count > 1)
		end_children(cluster, 1, cluster->count, SIGTERM, SIGKILL, RESOLVER_STOP_MS);
	if (cluster->count > 0)
		end_children(cluster, 0, 1, SIGINT, SIGQUIT, POSTGRES_STOP_MS); /* fast; then at once */
}
