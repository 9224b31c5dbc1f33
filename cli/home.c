/* SPDX-License-Identifier: Apache-2.0 */
/* home.c: the folder of a private cluster; see home.h. */
#include "cli/home.h"

#include "common/base/codes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCK_FILE "up.pid"
/* PostgreSQL's own paths end at 1,024 bytes. */
#define HOME_PATH_MAX 900
/* What sun_path holds, less the name of PostgreSQL's socket. */
#define SOCKET_PATH_MAX (107 - (int)sizeof("/.s.PGSQL.65535"))

const char *vd_home_path(const struct vd_home *home, const char *name)
{
	static char paths[4][PATH_MAX + 64];
	static unsigned turn;
	char *path = paths[turn++ % VD_COUNT(paths)];
	snprintf(path, sizeof paths[0], "%s/%s", home->path, name);
	return path;
}

static int io_error(struct vd_error *error, const char *what, const char *path)
{
	return vd_error_set(error, VD_CODE_IO_ERROR, "cannot %s %s: %s", what, path, strerror(errno));
}

/* ---- who runs PostgreSQL ---- */

static int take_account(struct vd_home *home, uid_t uid, const char *name, struct vd_error *error)
{
	const struct passwd *entry = name != NULL ? getpwnam(name) : getpwuid(uid);
	if (entry == NULL && name != NULL) {
		vd_error_set(
			error, VD_CODE_PLATFORM_ERROR, "PostgreSQL does not run as root, and there is no user %s", name);
		vd_error_hint(error, "install PostgreSQL, or give --dir a folder that belongs to another user");
		return error->code;
	}
	if (entry == NULL) {
		vd_error_set(error, VD_CODE_PLATFORM_ERROR, "user %u has no name", (unsigned)uid);
		vd_error_hint(error, "PostgreSQL needs one: an entry in /etc/passwd");
		return error->code;
	}
	snprintf(home->account.name, sizeof home->account.name, "%s", entry->pw_name);
	home->account.uid = entry->pw_uid;
	home->account.gid = entry->pw_gid;
	home->other = entry->pw_uid != geteuid();
	return 0;
}

static int choose_account(struct vd_home *home, struct vd_error *error)
{
	struct stat info;
	if (geteuid() != 0)
		return take_account(home, geteuid(), NULL, error);
	if (stat(home->path, &info) == 0 && info.st_uid != 0)
		return take_account(home, info.st_uid, NULL, error);
	return take_account(home, 0, "postgres", error);
}

/* Asked in a child that became that user: the first folder on the way that it cannot enter. */
static int check_reach(const struct vd_home *home, struct vd_error *error)
{
	int answer[2];
	char way[PATH_MAX] = "";
	if (!home->other)
		return 0;
	if (pipe2(answer, O_CLOEXEC) != 0)
		return io_error(error, "make a pipe for", home->path);
	pid_t pid = fork();
	if (pid == 0) {
		if (setgroups(0, NULL) != 0 || initgroups(home->account.name, home->account.gid) != 0 ||
			setgid(home->account.gid) != 0 || setuid(home->account.uid) != 0)
			_exit(1);
		for (const char *at = home->path; at != NULL;) {
			at = strchr(at + 1, '/');
			snprintf(way, sizeof way, "%.*s", at == NULL ? (int)strlen(home->path) : (int)(at - home->path),
				home->path);
			if (access(way, X_OK) != 0)
				_exit(write(answer[1], way, strlen(way)) > 0 ? 0 : 1);
		}
		_exit(0);
	}
	close(answer[1]);
	ssize_t got = pid < 0 ? -1 : read(answer[0], way, sizeof way - 1);
	close(answer[0]);
	int status = 1;
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	if (got < 0 || status != 0)
		return vd_error_set(error, VD_CODE_PLATFORM_ERROR, "cannot become user %s", home->account.name);
	if (got == 0)
		return 0;
	way[got] = '\0';
	vd_error_set(error, VD_CODE_PLATFORM_ERROR, "user %s, who runs PostgreSQL, cannot enter %s",
		home->account.name, way);
	vd_error_hint(error, "chmod o+x %s, or choose another --dir", way);
	return error->code;
}

/* ---- the folder ---- */

static int check_path(const char *path, struct vd_error *error)
{
	for (const char *at = path; *at != '\0'; at++)
		if ((unsigned char)*at < ' ' || *at == 127)
			return vd_error_set(error, VD_CODE_PLATFORM_ERROR,
				"the folder's name has control characters, which PostgreSQL does not take");
	if (strlen(path) <= HOME_PATH_MAX)
		return 0;
	vd_error_set(error, VD_CODE_PLATFORM_ERROR, "the folder's path has %zu bytes, PostgreSQL takes about %d",
		strlen(path), HOME_PATH_MAX);
	vd_error_hint(error, "choose another --dir, with a shorter path");
	return error->code;
}

static int resolve_path(struct vd_home *home, const char *dir, struct vd_error *error)
{
	if (check_path(dir, error) != 0)
		return error->code;
	home->made = mkdir(dir, 0711) == 0;
	if (home->made)
		(void)chmod(dir, 0711); /* PostgreSQL's user passes through; what is secret has its own mode */
	else if (errno != EEXIST)
		return io_error(error, "make", dir);
	if (realpath(dir, home->path) == NULL)
		return io_error(error, "use", dir);
	struct stat info;
	if (stat(home->path, &info) != 0 || !S_ISDIR(info.st_mode))
		return vd_error_set(error, VD_CODE_IO_ERROR, "%s is not a folder", dir);
	return check_path(home->path, error);
}

static int check_ours(const struct vd_home *home, struct vd_error *error)
{
	if (access(vd_home_path(home, LOCK_FILE), F_OK) == 0)
		return 0;
	DIR *folder = opendir(home->path);
	if (folder == NULL)
		return io_error(error, "read", home->path);
	bool empty = true;
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			empty = false;
	closedir(folder);
	/* Another one may have begun a cluster here while we looked. */
	if (empty || access(vd_home_path(home, LOCK_FILE), F_OK) == 0)
		return 0;
	vd_error_set(
		error, VD_CODE_PLATFORM_ERROR, "%s is not empty, and no cluster of Verdict lives there", home->path);
	vd_error_hint(error, "give --dir an empty folder, or one that does not exist");
	return error->code;
}

static int in_use(const struct vd_home *home, pid_t pid, struct vd_error *error)
{
	if (pid <= 0)
		return vd_error_set(
			error, VD_CODE_PLATFORM_ERROR, "%s is in use by a process of another container", home->path);
	vd_error_set(error, VD_CODE_PLATFORM_ERROR, "%s is in use by process %d", home->path, (int)pid);
	vd_error_hint(error, "verdict down --dir %s stops it", home->path);
	return error->code;
}

/* An orphan: we were killed, PostgreSQL lives on. A number in a file may be anybody's by now, also another PostgreSQL's; this
 * one works in our data folder. */
static pid_t orphan(const struct vd_home *home)
{
	pid_t pid = vd_home_read_pid(home, "data/postmaster.pid");
	char name[64];
	struct stat works_in;
	struct stat data;
	snprintf(name, sizeof name, "/proc/%d/cwd", (int)pid);
	bool ours = pid > 0 && stat(name, &works_in) == 0 && stat(vd_home_path(home, "data"), &data) == 0 &&
				works_in.st_dev == data.st_dev && works_in.st_ino == data.st_ino;
	return ours ? pid : 0;
}

/* Who holds the lock, as the kernel knows it: what the file says is there a moment later, and stays when that process is killed.
 * 0: nobody; -1: somebody whose number means nothing here. */
static pid_t locked_by(int fd)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(fd, F_GETLK, &whole) != 0 || whole.l_type == F_UNLCK)
		return 0;
	return whole.l_pid > 0 ? whole.l_pid : -1;
}

static int lock(struct vd_home *home, struct vd_error *error)
{
	char number[16];
	const char *path = vd_home_path(home, LOCK_FILE);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return io_error(error, "write", path);
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(fd, F_SETLK, &whole) != 0) {
		(void)in_use(home, locked_by(fd), error);
		close(fd);
		return error->code;
	}
	home->lock = fd;
	pid_t left = orphan(home);
	if (left != 0)
		return in_use(home, left, error);
	int size = snprintf(number, sizeof number, "%d\n", (int)getpid());
	if (ftruncate(home->lock, 0) != 0 || pwrite(home->lock, number, (size_t)size, 0) != size)
		return io_error(error, "write", path);
	return 0;
}

static int make_temporary(struct vd_home *home, struct vd_error *error)
{
	const char *base = getenv("TMPDIR");
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/verdict-XXXXXX", base == NULL || base[0] == '\0' ? "/tmp" : base);
	if (check_path(path, error) != 0)
		return error->code;
	if (mkdtemp(path) == NULL)
		return io_error(error, "make", path);
	home->temporary = true;
	(void)chmod(path, 0711);
	if (realpath(path, home->path) == NULL)
		return io_error(error, "use", path);
	return 0;
}

static int make_socket_folder(struct vd_home *home, struct vd_error *error)
{
	snprintf(home->socket, sizeof home->socket, "%.4080s/socket", home->path);
	if (strlen(home->socket) > SOCKET_PATH_MAX || strpbrk(home->socket, ",\"") != NULL) {
		strcpy(home->socket, "/tmp/verdict-XXXXXX");
		if (mkdtemp(home->socket) == NULL)
			return io_error(error, "make", home->socket);
	} else if (mkdir(home->socket, 0755) != 0 && errno != EEXIST) {
		return io_error(error, "make", home->socket);
	}
	if (chmod(home->socket, 0755) != 0 ||
		(home->other && chown(home->socket, home->account.uid, home->account.gid) != 0))
		return io_error(error, "use", home->socket);
	return 0;
}

static void read_secrets(struct vd_home *home)
{
	FILE *file = fopen(vd_home_path(home, "secrets"), "re");
	if (file == NULL)
		return;
	if (fscanf(file, "port = %d app-password = %39s node-password = %39s", &home->port, home->app_password,
			home->node_password) != 3)
		home->port = 0;
	fclose(file);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *place)
{
	(void)info;
	(void)type;
	(void)place;
	return remove(path);
}

void vd_home_remove_tree(const char *path)
{
	(void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

bool vd_home_is_lost(const struct vd_home *home)
{
	struct stat lock;
	return home->lock >= 0 && fstat(home->lock, &lock) == 0 && lock.st_nlink == 0;
}

int vd_home_open(struct vd_home *home, const char *dir, struct vd_error *error)
{
	*home = (struct vd_home){ .lock = -1 };
	int code = dir == NULL ? make_temporary(home, error) : resolve_path(home, dir, error);
	if (code == 0)
		code = check_ours(home, error);
	if (code == 0)
		code = lock(home, error);
	if (code == 0)
		code = choose_account(home, error);
	if (code == 0)
		code = check_reach(home, error);
	if (code == 0)
		code = make_socket_folder(home, error);
	if (code == 0)
		read_secrets(home);
	else
		vd_home_close(home);
	return code;
}

void vd_home_close(struct vd_home *home)
{
	if (home->socket[0] != '\0' && strncmp(home->socket, home->path, strlen(home->path)) != 0)
		(void)rmdir(home->socket);
	bool useless = home->made && access(vd_home_path(home, "data"), F_OK) != 0;
	if (home->lock < 0 && (home->made || home->temporary))
		(void)rmdir(home->path); /* unless somebody else has begun to use it */
	else if (home->lock >= 0 && (home->temporary || useless) && !vd_home_is_lost(home))
		vd_home_remove_tree(home->path);
	if (home->lock >= 0)
		close(home->lock);
	home->lock = -1;
	home->path[0] = '\0';
}

/* ---- files ---- */

int vd_home_write(
	const struct vd_home *home, const char *name, bool for_postgres, const char *text, struct vd_error *error)
{
	const char *path = vd_home_path(home, name);
	char fresh[PATH_MAX + 80];
	snprintf(fresh, sizeof fresh, "%s.new", path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return io_error(error, "write", fresh);
	size_t size = strlen(text);
	bool ok = fchmod(fd, 0600) == 0 && write(fd, text, size) == (ssize_t)size && fsync(fd) == 0 &&
			  (!for_postgres || !home->other || fchown(fd, home->account.uid, home->account.gid) == 0);
	if (close(fd) != 0 || !ok || rename(fresh, path) != 0)
		return io_error(error, "write", path);
	return 0;
}

int vd_home_write_secrets(const struct vd_home *home, struct vd_error *error)
{
	char text[256];
	snprintf(text, sizeof text, "port = %d\napp-password = %s\nnode-password = %s\n", home->port,
		home->app_password, home->node_password);
	return vd_home_write(home, "secrets", false, text, error);
}

void vd_home_write_pid(const struct vd_home *home, const char *name, pid_t pid)
{
	const char *path = vd_home_path(home, name);
	if (vd_home_is_lost(home))
		return;
	FILE *file = pid == 0 ? NULL : fopen(path, "we");
	if (file == NULL) {
		(void)unlink(path);
		return;
	}
	fprintf(file, "%d\n", (int)pid);
	fclose(file);
}

pid_t vd_home_read_pid(const struct vd_home *home, const char *name)
{
	int pid = 0;
	FILE *file = fopen(vd_home_path(home, name), "re");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%d", &pid) != 1 || pid < 0)
		pid = 0;
	fclose(file);
	return pid;
}

int vd_home_look(const char *dir, pid_t *pid, bool *supervised, struct vd_error *error)
{
	struct vd_home home = { .lock = -1 };
	if (realpath(dir, home.path) == NULL)
		return io_error(error, "use", dir);
	int fd = open(vd_home_path(&home, LOCK_FILE), O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		vd_error_set(error, VD_CODE_PLATFORM_ERROR, "no cluster of Verdict lives in %s", dir);
		vd_error_hint(error, "verdict up --dir %s makes one", dir);
		return error->code;
	}
	if (fd < 0)
		return io_error(error, "read", vd_home_path(&home, LOCK_FILE));
	*pid = locked_by(fd);
	*supervised = *pid != 0;
	close(fd);
	if (*pid == 0)
		*pid = orphan(&home);
	return *pid >= 0 ? 0 : in_use(&home, *pid, error);
}
