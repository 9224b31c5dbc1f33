/* SPDX-License-Identifier: Apache-2.0 */
/* verb_up.c: a private cluster from nothing: PostgreSQL, migrated, with resolvers. Prints its connection string on one line
 * once a leader serves, and keeps all of it alive until it is asked to stop.
 *
 * The steps are a table, in order; if one fails, or Ctrl-C comes between two, what was started is stopped in reverse.
 */
#include "cli/cluster.h"
#include "cli/detach.h"

#include "cli/cli.h"
#include "common/base/clock.h"
#include "common/base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEADER_LOOK_MS 50

struct up_settings {
	int64_t nodes;
	char *dir;
	bool detach;
	char *pg_bin;
	char *schema;
	int64_t http_base_port;
	int64_t timeout_ms;
};

static const struct vd_setting rows[] = {
	VD_SETTING_INTEGER(
		"nodes", struct up_settings, nodes, "3", 1, VD_CLUSTER_NODES_MAX, "how many resolvers"),
	VD_SETTING_STRING("dir", struct up_settings, dir, "",
		"where the cluster lives; without it in a temporary folder, removed at the end"),
	VD_SETTING_BOOL("detach", struct up_settings, detach, "false",
		"go on in the background; verdict down --dir stops it"),
	VD_SETTING_STRING("pg-bin", struct up_settings, pg_bin, "",
		"folder of PostgreSQL's server programs; without it the newest of /usr/lib/postgresql, pg_config, "
		"PATH"),
	VD_SETTING_STRING("schema", struct up_settings, schema, "verdict", "the schema that holds the store"),
	VD_SETTING_INTEGER("http-base-port", struct up_settings, http_base_port, "0", 0,
		65536 - VD_CLUSTER_NODES_MAX,
		"the first resolver answers health, status and metrics on this port of this machine, the next on the "
		"one after it; 0: none does"),
	VD_SETTING_DURATION(
		"timeout", struct up_settings, timeout_ms, "90s", 1000, 3600000, "how long starting may take"),
};

static const struct vd_settings settings = {
	.program = "verdict up",
	.usage = "[settings]",
	.about = "Starts a private PostgreSQL and resolvers; standard output is one line, the connection string "
			 "(--dsn), once a\n"
			 "leader serves. Logs are in the folder. Ctrl-C stops all, in order.",
	.rows = rows,
	.count = VD_COUNT(rows),
};

struct up {
	struct vd_cluster cluster;
	const struct up_settings *given;
	struct vd_error error;
	int64_t deadline_ms;
};

/* ---- the steps ---- */

static int up_home(struct up *up)
{
	return vd_home_open(&up->cluster.home, up->given->dir[0] == '\0' ? NULL : up->given->dir, &up->error);
}

static int up_programs(struct up *up)
{
	int code = vd_cluster_find_resolver(&up->cluster, &up->error);
	return code != 0 ? code : vd_server_find(&up->cluster.server, up->given->pg_bin, &up->error);
}

static int up_data(struct up *up)
{
	return vd_server_prepare(&up->cluster.server, &up->error);
}

static int up_server(struct up *up)
{
	return vd_cluster_start_server(&up->cluster, up->deadline_ms - vd_clock_ms(), &up->error);
}

static int take_error(struct up *up, const char *where, const struct vd_admin_error *error)
{
	vd_error_set(&up->error, error->code, "%s: %s", where, error->message);
	if (error->hint[0] != '\0')
		vd_error_hint(&up->error, "%s", error->hint);
	return error->code;
}

static int up_schema(struct up *up)
{
	struct vd_admin *admin = NULL;
	struct vd_admin_error error = { 0 };
	struct vd_admin_migrated migrated;
	const struct vd_home *home = &up->cluster.home;
	int code = vd_admin_open(vd_server_admin_dsn(&up->cluster.server), up->given->schema,
		up->deadline_ms - vd_clock_ms(), &admin, &error);
	if (code != 0)
		return take_error(up, "schema", &error);
	code = vd_admin_migrate(admin, &migrated, &error);
	if (code == 0)
		code = vd_admin_account(admin, "node", home->node_password, VD_ADMIN_RESOLVER, &error);
	if (code == 0)
		code =
			vd_admin_account(admin, "app", home->app_password, VD_ADMIN_FOLLOWER | VD_ADMIN_OBSERVER, &error);
	vd_admin_close(admin);
	return code == 0 ? 0 : take_error(up, "schema", &error);
}

/* A file, so that no password stands on a command line. */
static int up_resolvers(struct up *up)
{
	struct vd_cluster *cluster = &up->cluster;
	char text[512];
	snprintf(text, sizeof text, "# written by verdict up\ndsn = %s\nschema = %s\n",
		vd_server_node_dsn(&cluster->server), up->given->schema);
	int code = vd_home_write(&cluster->home, "resolver.conf", false, text, &up->error);
	return code != 0 ? code : vd_cluster_start_resolvers(cluster, (size_t)up->given->nodes, &up->error);
}

static int no_leader(struct up *up, const struct vd_child *hopeless)
{
	char how[80];
	char log[64];
	char words[300];
	if (hopeless == NULL) {
		vd_error_set(&up->error, VD_ERROR_TRANSACTION_TIMED_OUT, "no leader serves in time");
		vd_error_hint(&up->error, "the logs in %s say why", up->cluster.home.path);
		return up->error.code;
	}
	snprintf(log, sizeof log, "%s.log", hopeless->name);
	return vd_error_set(&up->error, VD_ERROR_PLATFORM, "%s %s: %s", hopeless->name,
		vd_process_describe(hopeless->status, how, sizeof how),
		vd_process_last_words(vd_home_path(&up->cluster.home, log), words, sizeof words));
}

static int up_leader(struct up *up)
{
	struct vd_admin *admin = NULL;
	struct vd_admin_error error = { 0 };
	struct vd_admin_status status = { 0 };
	int code = vd_admin_open(vd_server_app_dsn(&up->cluster.server), up->given->schema, 1000, &admin, &error);
	if (code != 0)
		return take_error(up, "status", &error);
	while (vd_admin_status(admin, &status, &error) != 0 || !status.serves) {
		const struct vd_child *hopeless = vd_cluster_hopeless(&up->cluster);
		if (!vd_cluster_tend(&up->cluster, LEADER_LOOK_MS)) {
			code = VD_ERROR_OPERATION_CANCELLED;
			break;
		}
		if (hopeless != NULL || vd_clock_ms() >= up->deadline_ms) {
			code = no_leader(up, hopeless);
			break;
		}
	}
	vd_admin_close(admin);
	return code;
}

static int up_announce(struct up *up)
{
	char line[300];
	const char *dsn = vd_server_app_dsn(&up->cluster.server);
	snprintf(line, sizeof line, "%s\n", dsn);
	int code = vd_home_write(&up->cluster.home, "dsn", false, line, &up->error);
	if (code != 0)
		return code;
	if (up->given->detach) {
		const char *log = vd_home_path(&up->cluster.home, "up.log");
		return vd_detach_finish(line, log)
				   ? 0
				   : vd_error_set(&up->error, VD_ERROR_PLATFORM, "cannot write %s", log);
	}
	if (fputs(line, stdout) == EOF || fflush(stdout) != 0)
		return vd_error_set(&up->error, VD_ERROR_PLATFORM, "standard output cannot be written");
	return 0;
}

static int (*const steps[])(struct up *up) = {
	up_home,
	up_programs,
	up_data,
	up_server,
	up_schema,
	up_resolvers,
	up_leader,
	up_announce,
};

/* ---- all of it ---- */

static int up(const struct up_settings *given)
{
	struct up up = { .given = given, .deadline_ms = vd_clock_ms() + given->timeout_ms };
	int code = vd_cluster_init(&up.cluster, given->schema, &up.error);
	up.cluster.http_base_port = given->http_base_port;
	for (size_t i = 0; i < VD_COUNT(steps) && code == 0; i++) {
		code = steps[i](&up);
		if (code == 0 && !vd_cluster_tend(&up.cluster, 0))
			code = VD_ERROR_OPERATION_CANCELLED;
	}
	/* From here on it has a life to tell of; a start that fails says so in one line. */
	vd_log_start(
		&(struct vd_log_options){ .level = VD_LOG_WARNING, .fd = STDERR_FILENO, .program = "verdict up" });
	while (code == 0 && vd_cluster_tend(&up.cluster, -1))
		;
	if (up.cluster.lost)
		vd_error_set(
			&up.error, VD_ERROR_PLATFORM, "%s was removed, so the cluster ends", up.cluster.home.path);
	int asked = up.cluster.lost ? 0 : up.cluster.stop;
	if (asked == 0)
		(void)vd_cli_fail(&up.error); /* told before the logs of a temporary home are gone */
	vd_cluster_stop(&up.cluster);
	vd_cluster_fini(&up.cluster);
	if (asked == 0)
		return VD_EXIT_WRONG;
	return asked == SIGINT ? VD_EXIT_INTERRUPTED : VD_EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct up_settings given = { 0 };
	int code;
	if (!vd_cli_load(&settings, argc, argv, &given, NULL, &code))
		return code;
	if (given.detach && given.dir[0] == '\0')
		code = vd_cli_wrong("say with --dir where the cluster shall live, so that verdict down can find it",
			"--detach needs --dir");
	else if (!given.detach || vd_detach_begin(&code))
		code = up(&given);
	vd_settings_free(&settings, &given);
	return code;
}

const struct vd_verb vd_verb_up = { "up",
	"start a private PostgreSQL with resolvers; prints its connection string", run, &settings };
