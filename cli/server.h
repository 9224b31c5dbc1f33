/* SPDX-License-Identifier: Apache-2.0 */
/* server.h: the private PostgreSQL of a home: finds the server programs, makes the data folder, starts it.
 *
 * It listens on a free port of 127.0.0.1 and on a socket in the home. The superuser, verdict_admin, comes in by the socket
 * only, and only as the user who started us or who runs PostgreSQL (peer): it has no password. Everybody else needs one
 * (SCRAM).
 */
#ifndef VD_CLI_SERVER_H
#define VD_CLI_SERVER_H

#include "cli/home.h"

#define VD_SERVER_ADMIN    "verdict_admin"
#define VD_SERVER_DATABASE "verdict"

struct vd_server {
	struct vd_home *home;
	char bin[PATH_MAX]; /* the folder of the server programs */
	char *const *environment;
};

/* wanted: the folder to take, or "". If the home has data, the programs must be of its major version. */
VD_MUST_USE int vd_server_find(struct vd_server *server, const char *wanted, struct vd_error *error);

/* The major version of the home's data; 0: there are none. */
long vd_server_data_version(const struct vd_home *home);

/* Makes the data folder if there is none, whole or not at all; passwords too; and chooses the port: that of last time
 * while it is free. */
VD_MUST_USE int vd_server_prepare(struct vd_server *server, struct vd_error *error);

/* Starts it; its id, or -1. */
VD_MUST_USE pid_t vd_server_start(struct vd_server *server, struct vd_error *error);
/* It takes connections now. */
bool vd_server_is_ready(const struct vd_server *server, pid_t pid);

/* Connection strings, in static memory that the next call overwrites: for the superuser, for resolvers, for applications. */
const char *vd_server_admin_dsn(const struct vd_server *server);
const char *vd_server_node_dsn(const struct vd_server *server);
const char *vd_server_app_dsn(const struct vd_server *server);

#endif
