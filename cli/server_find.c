/* SPDX-License-Identifier: Apache-2.0 */
/* server_find.c: where PostgreSQL's server programs are. */
#include "cli/server.h"

#include "common/base/codes.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_programs(const char *bin)
{
	char path[PATH_MAX + 16];
	snprintf(path, sizeof path, "%s/initdb", bin);
	if (access(path, X_OK) != 0)
		return false;
	snprintf(path, sizeof path, "%s/postgres", bin);
	return access(path, X_OK) == 0;
}

/* What a program prints on its first line; false if it cannot be run. */
static bool ask_program(const char *command, char *line, size_t size)
{
	FILE *pipe = popen(command, "re");
	if (pipe == NULL)
		return false;
	bool got = fgets(line, (int)size, pipe) != NULL;
	got = pclose(pipe) == 0 && got;
	if (got)
		line[strcspn(line, "\n")] = '\0';
	return got;
}

/* The newest (or, with data, the matching) /usr/lib/postgresql/N/bin. */
static bool find_packaged(char *bin, size_t size, long version)
{
	glob_t found;
	long newest = 0;
	if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0)
		return false;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		long number = strtol(found.gl_pathv[i] + strlen("/usr/lib/postgresql/"), NULL, 10);
		if (number <= newest || (version != 0 && number != version) || !has_programs(found.gl_pathv[i]))
			continue;
		newest = number;
		snprintf(bin, size, "%s", found.gl_pathv[i]);
	}
	globfree(&found);
	return newest > 0;
}

static bool find_in_path(char *bin, size_t size)
{
	const char *path = getenv("PATH");
	char *copy = strdup(path == NULL ? "" : path);
	char *rest = copy;
	bool found = false;
	for (const char *part; !found && rest != NULL && (part = strsep(&rest, ":")) != NULL;) {
		found = part[0] == '/' && has_programs(part);
		if (found)
			snprintf(bin, size, "%s", part);
	}
	free(copy);
	return found;
}

long vd_server_data_version(const struct vd_home *home)
{
	return (long)vd_home_read_pid(home, "data/PG_VERSION"); /* a number like any other */
}

static int check_version(const struct vd_server *server, struct vd_error *error)
{
	long data = vd_server_data_version(server->home);
	char line[128];
	if (data == 0)
		return 0;
	/* A variable, for the folder may have any name. */
	bool asked = setenv("VERDICT_PG_BIN", server->bin, 1) == 0 &&
				 ask_program("\"$VERDICT_PG_BIN/postgres\" --version 2>&1", line, sizeof line);
	const char *digits = asked ? strpbrk(line, "0123456789") : NULL;
	long ours = digits == NULL ? 0 : strtol(digits, NULL, 10);
	if (ours == data)
		return 0;
	vd_error_set(error, VD_CODE_PLATFORM_ERROR,
		"the data in %s is of PostgreSQL %ld, the programs in %s are of %ld", server->home->path, data,
		server->bin, ours);
	vd_error_hint(error, "install PostgreSQL %ld, or say with --pg-bin where it is", data);
	return error->code;
}

int vd_server_find(struct vd_server *server, const char *wanted, struct vd_error *error)
{
	if (wanted[0] != '\0') {
		if (realpath(wanted, server->bin) != NULL && has_programs(server->bin))
			return check_version(server, error);
		vd_error_set(error, VD_CODE_PLATFORM_ERROR, "no initdb and postgres in %s", wanted);
		vd_error_hint(
			error, "--pg-bin is the folder of the server programs, such as /usr/lib/postgresql/15/bin");
		return error->code;
	}
	bool found = find_packaged(server->bin, sizeof server->bin, vd_server_data_version(server->home)) ||
				 find_packaged(server->bin, sizeof server->bin, 0) ||
				 (ask_program("pg_config --bindir 2>/dev/null", server->bin, sizeof server->bin) &&
					 has_programs(server->bin)) ||
				 find_in_path(server->bin, sizeof server->bin);
	if (found)
		return check_version(server, error);
	vd_error_set(error, VD_CODE_PLATFORM_ERROR, "PostgreSQL's server programs are not to be found");
	vd_error_hint(
		error, "install the package postgresql, or say with --pg-bin where initdb and postgres are");
	return error->code;
}
