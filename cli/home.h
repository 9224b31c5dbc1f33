/* SPDX-License-Identifier: Apache-2.0 */
/* home.h: the folder in which `verdict up` keeps a private cluster.
 *
 *     up.pid                    locked while a `verdict up` runs here; its process id, for people
 *     secrets                   port and passwords, for us alone
 *     dsn                       the line that `up` prints, for us alone
 *     data/ socket/             PostgreSQL's
 *     postgres.log postgres.pid, resolver-N.log resolver-N.pid, resolver.conf, up.log
 *
 * One `verdict up` at a time owns a home, by a lock that the kernel drops with the process. What is in a folder that is not
 * a home is never touched.
 */
#ifndef VD_CLI_HOME_H
#define VD_CLI_HOME_H

#include "cli/process.h"

#include <limits.h>

struct vd_home {
	char path[PATH_MAX]; /* absolute; "" if it is closed */
	bool temporary;
	bool made; /* it was not there before */
	int lock;
	/* Who runs PostgreSQL; other: not we ourselves. */
	struct vd_account account;
	bool other;
	/* Where the socket is; not in the home if its path is too long, or has what divides a list. */
	char socket[PATH_MAX];
	/* Of the secrets file; 0 and "" until they are made. */
	int port;
	char app_password[40];
	char node_password[40];
};

/* A path below the home, in a static buffer of which four are in turn. */
const char *vd_home_path(const struct vd_home *home, const char *name);

/* Makes (if it is not there) and locks a home; dir NULL: a temporary one. Checks that whoever runs PostgreSQL can reach it.
 * Nothing to close if it fails. */
VD_MUST_USE int vd_home_open(struct vd_home *home, const char *dir, struct vd_error *error);
/* Unlocks. A temporary one is removed with all that is in it, and so is one that we made and that never came to hold data:
 * what could not be used is left as it was found. */
void vd_home_close(struct vd_home *home);

/* Somebody has removed the folder beneath us. What is at its path now is not ours to touch. */
bool vd_home_is_lost(const struct vd_home *home);

/* Removes a folder and all that is in it, as far as we may. */
void vd_home_remove_tree(const char *path);

/* Writes a file whole or not at all. owner: for PostgreSQL, else ours. */
VD_MUST_USE int vd_home_write(const struct vd_home *home, const char *name, bool for_postgres,
	const char *text, struct vd_error *error);
VD_MUST_USE int vd_home_write_secrets(const struct vd_home *home, struct vd_error *error);
/* A process id file; 0 removes it. */
void vd_home_write_pid(const struct vd_home *home, const char *name, pid_t pid);
/* The first number in a file; 0 if there is none. */
pid_t vd_home_read_pid(const struct vd_home *home, const char *name);

/* For `down`: who runs here: a `verdict up`, else (*supervised is false) a PostgreSQL whose `up` was killed; 0: nobody. */
VD_MUST_USE int vd_home_look(const char *dir, pid_t *pid, bool *supervised, struct vd_error *error);

#endif
