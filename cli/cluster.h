/* SPDX-License-Identifier: Apache-2.0 */
/* cluster.h: the processes of a private cluster, PostgreSQL and resolvers, kept alive by the process that started them.
 *
 * The caller's thread is the only one. SIGINT, SIGTERM, SIGHUP and SIGCHLD are blocked from vd_cluster_init on and taken
 * where the cluster waits, so nothing runs in between. A child that ends by itself is started again after a wait that
 * doubles from 0.1 s to 10 s and begins anew once the child has lived for 10 s.
 */
#ifndef VD_CLI_CLUSTER_H
#define VD_CLI_CLUSTER_H

#include "cli/server.h"

#include <stdint.h>

enum { VD_CLUSTER_NODES_MAX = 64 };

struct vd_child {
	char name[24]; /* "postgres", "resolver-2" */
	pid_t pid;     /* 0: does not run */
	int64_t started_ms;
	int64_t restart_ms; /* when to start it again; 0: not */
	unsigned ends;      /* in a row, without having lived */
	int status;         /* how it ended last */
};

struct vd_cluster {
	struct vd_home home;
	struct vd_server server;
	char **environment;
	const char *schema;
	int64_t http_base_port;  /* the first resolver answers HTTP there; 0: none does */
	char resolver[PATH_MAX]; /* the program */
	struct vd_child children[1 + VD_CLUSTER_NODES_MAX]; /* the first is PostgreSQL */
	size_t count;
	int stop;  /* the signal that asks us to stop; 0: none */
	bool lost; /* stopped because the home was removed */
};

VD_MUST_USE int vd_cluster_init(struct vd_cluster *cluster, const char *schema, struct vd_error *error);
void vd_cluster_fini(struct vd_cluster *cluster);

/* Where the i-th resolver, from 1, answers HTTP. */
int64_t vd_cluster_http_port(const struct vd_cluster *cluster, size_t i);

/* Finds verdict-resolver: beside this program, in its libexec, in PATH. */
VD_MUST_USE int vd_cluster_find_resolver(struct vd_cluster *cluster, struct vd_error *error);

/* Starts PostgreSQL and waits until it takes connections; starts resolvers and does not wait. */
VD_MUST_USE int vd_cluster_start_server(
	struct vd_cluster *cluster, int64_t timeout_ms, struct vd_error *error);
VD_MUST_USE int vd_cluster_start_resolvers(struct vd_cluster *cluster, size_t nodes, struct vd_error *error);

/* Looks after the children for so long (negative: for ever), or until asked to stop, or until the home is removed. True: go
 * on. */
VD_MUST_USE bool vd_cluster_tend(struct vd_cluster *cluster, int64_t for_ms);

/* A child that ended several times in a row without having lived; NULL: none. For the start, which then fails. */
const struct vd_child *vd_cluster_hopeless(const struct vd_cluster *cluster);

/* Ends all, in order: resolvers, which hand over what they have, then PostgreSQL. Another signal hurries. */
void vd_cluster_stop(struct vd_cluster *cluster);

#endif
