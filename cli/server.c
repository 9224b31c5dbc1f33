/* SPDX-License-Identifier: Apache-2.0 */
/* server.c: the private PostgreSQL of a home; see server.h. */
#include "cli/server.h"

#include "common/base/codes.h"
#include "common/base/random.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the data folder ---- */

static int make_folder(const struct vd_home *home, const char *path, struct vd_error *error)
{
	vd_home_remove_tree(path); /* what a run that was cut off has left */
	if (mkdir(path, 0700) == 0 && (!home->other || chown(path, home->account.uid, home->account.gid) == 0))
		return 0;
	return vd_error_set(error, VD_CODE_IO_ERROR, "cannot make %s: %s", path, strerror(errno));
}

static int make_data(struct vd_server *server, struct vd_error *error)
{
	const struct vd_home *home = server->home;
	char initdb[PATH_MAX + 16];
	char postgres[PATH_MAX + 16];
	char data[PATH_MAX + 16];
	snprintf(initdb, sizeof initdb, "%s/initdb", server->bin);
	snprintf(postgres, sizeof postgres, "%s/postgres", server->bin);
	snprintf(data, sizeof data, "%s/data.new", home->path);
	const char *const make[] = { initdb, "--pgdata", data, "--locale=C", "--encoding=UTF8", "--username",
		VD_SERVER_ADMIN, "--auth-local=peer", "--auth-host=scram-sha-256", "--no-instructions", NULL };
	const char *const create[] = { postgres, "--single", "-D", data, "-c", "exit_on_error=true", "template1",
		NULL };
	struct vd_spawn spawn = { .argv = make,
		.environment = server->environment,
		.account = home->other ? &home->account : NULL,
		.log = vd_home_path(home, "postgres.log"),
		.death_signal = SIGTERM };
	int code = make_folder(home, data, error);
	if (code == 0)
		code = vd_process_run(&spawn, error);
	spawn.argv = create;
	spawn.input = "CREATE DATABASE " VD_SERVER_DATABASE "\n";
	if (code == 0)
		code = vd_process_run(&spawn, error);
	if (code == 0 && rename(data, vd_home_path(home, "data")) != 0)
		code = vd_error_set(error, VD_CODE_IO_ERROR, "cannot rename %s: %s", data, strerror(errno));
	return code;
}

/* Who may come in; written at each start, for it may be another user who starts it. */
static int write_access(const struct vd_server *server, struct vd_error *error)
{
	const struct vd_home *home = server->home;
	char map[256];
	const struct passwd *us = getpwuid(geteuid());
	snprintf(map, sizeof map, "verdict \"%s\" " VD_SERVER_ADMIN "\nverdict \"%s\" " VD_SERVER_ADMIN "\n",
		us == NULL ? home->account.name : us->pw_name, home->account.name);
	int code = vd_home_write(home, "data/pg_ident.conf", true, map, error);
	if (code != 0)
		return code;
	return vd_home_write(home, "data/pg_hba.conf", true,
		"local all " VD_SERVER_ADMIN " peer map=verdict\n"
		"host all " VD_SERVER_ADMIN " all reject\n"
		"local all all scram-sha-256\n"
		"host all all 127.0.0.1/32 scram-sha-256\n",
		error);
}

static int draw_password(char password[40], struct vd_error *error)
{
	uint8_t drawn[16];
	if (!vd_random_bytes(drawn, sizeof drawn))
		return vd_error_set(error, VD_CODE_PLATFORM_ERROR, "no random bytes: %s", strerror(errno));
	for (size_t i = 0; i < sizeof drawn; i++)
		snprintf(password + 2 * i, 3, "%02x", drawn[i]);
	return 0;
}

/* 0 if it is taken; port 0 means: any that is free. */
static int free_port(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	socklen_t size = sizeof address;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
			  bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
			  getsockname(fd, (struct sockaddr *)&address, &size) == 0;
	if (fd >= 0)
		close(fd);
	return ok ? ntohs(address.sin_port) : 0;
}

static int choose_port(struct vd_home *home, struct vd_error *error)
{
	int port = home->port == 0 ? 0 : free_port(home->port);
	if (port != 0)
		return 0;
	home->port = free_port(0);
	if (home->port == 0)
		return vd_error_set(
			error, VD_CODE_PLATFORM_ERROR, "no port of 127.0.0.1 is free: %s", strerror(errno));
	return vd_home_write_secrets(home, error);
}

int vd_server_prepare(struct vd_server *server, struct vd_error *error)
{
	struct vd_home *home = server->home;
	int code = 0;
	if (home->app_password[0] == '\0' || home->node_password[0] == '\0') {
		code = draw_password(home->app_password, error);
		if (code == 0)
			code = draw_password(home->node_password, error);
		if (code == 0)
			code = vd_home_write_secrets(home, error);
	}
	if (code == 0 && vd_server_data_version(home) == 0)
		code = make_data(server, error);
	if (code == 0)
		code = write_access(server, error);
	if (code == 0)
		code = choose_port(home, error);
	return code;
}

/* ---- running ---- */

pid_t vd_server_start(struct vd_server *server, struct vd_error *error)
{
	struct vd_home *home = server->home;
	char program[PATH_MAX + 16];
	char port[32];
	char sockets[PATH_MAX + 32];
	snprintf(program, sizeof program, "%s/postgres", server->bin);
	snprintf(port, sizeof port, "port=%d", home->port);
	snprintf(sockets, sizeof sockets, "unix_socket_directories=\"%s\"", home->socket);
	const char *const argv[] = { program, "-D", vd_home_path(home, "data"), "-c",
		"listen_addresses=127.0.0.1", "-c", port, "-c", sockets, "-c", "max_connections=300", "-c",
		"logging_collector=off", "-c", "log_destination=stderr", "-c", "log_line_prefix=%m [%p] ", NULL };
	return vd_process_spawn(&(struct vd_spawn){ .argv = argv,
								.environment = server->environment,
								.account = home->other ? &home->account : NULL,
								.log = vd_home_path(home, "postgres.log"),
								.death_signal = SIGINT },
		error);
}

/* As pg_ctl does: the last line of postmaster.pid, which is this postmaster's. */
bool vd_server_is_ready(const struct vd_server *server, pid_t pid)
{
	char line[PATH_MAX];
	FILE *file = fopen(vd_home_path(server->home, "data/postmaster.pid"), "re");
	bool ready = false;
	if (file == NULL)
		return false;
	bool ours = fgets(line, sizeof line, file) != NULL && strtol(line, NULL, 10) == (long)pid;
	while (ours && fgets(line, sizeof line, file) != NULL)
		ready = strncmp(line, "ready", 5) == 0;
	fclose(file);
	return ready;
}

/* ---- connection strings ---- */

const char *vd_server_admin_dsn(const struct vd_server *server)
{
	static char dsn[2 * PATH_MAX];
	char quoted[PATH_MAX + 64];
	size_t size = 0;
	for (const char *at = server->home->socket; *at != '\0' && size + 2 < sizeof quoted; at++) {
		if (*at == '\'' || *at == '\\')
			quoted[size++] = '\\';
		quoted[size++] = *at;
	}
	quoted[size] = '\0';
	snprintf(dsn, sizeof dsn, "host='%s' port=%d dbname=" VD_SERVER_DATABASE " user=" VD_SERVER_ADMIN, quoted,
		server->home->port);
	return dsn;
}

static const char *dsn_of(char *dsn, size_t size, const char *account, const char *password, int port)
{
	snprintf(dsn, size, "postgresql://%s:%s@127.0.0.1:%d/" VD_SERVER_DATABASE, account, password, port);
	return dsn;
}

const char *vd_server_node_dsn(const struct vd_server *server)
{
	static char dsn[256];
	return dsn_of(dsn, sizeof dsn, "node", server->home->node_password, server->home->port);
}

const char *vd_server_app_dsn(const struct vd_server *server)
{
	static char dsn[256];
	return dsn_of(dsn, sizeof dsn, "app", server->home->app_password, server->home->port);
}
