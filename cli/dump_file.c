/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dump_file.h"

#include "common/base/codes.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool fail(struct vd_error *error, const char *name, int number)
{
	vd_error_set(error, VD_CODE_IO_ERROR, "%s cannot be written: %s", name, strerror(number));
	if (number == ENOSPC || number == EDQUOT || number == EFBIG)
		vd_error_hint(error, "make room, or write to another place; nothing is left of it here");
	return false;
}

static bool already_there(struct vd_error *error, const char *name)
{
	vd_error_set(error, VD_CODE_IO_ERROR, "%s is there already", name);
	vd_error_hint(error, "another name, or --force to replace it");
	return false;
}

/* False: it is not what the name stands for any more. Whoever had locked it before us has finished it, or dropped it. */
static bool is_still(int fd, const char *partial)
{
	struct stat opened, named;
	return fstat(fd, &opened) == 0 && lstat(partial, &named) == 0 && opened.st_dev == named.st_dev &&
		   opened.st_ino == named.st_ino;
}

/* What a dump that was killed has left is written anew; one that is being written is somebody's. No link is followed: what it
 * leads to is no dump's, and would be emptied. */
static int open_partial(const char *partial, struct vd_error *error)
{
	int fd = open(partial, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666);
	if (fd < 0) {
		(void)fail(error, partial, errno);
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 || !is_still(fd, partial)) {
		vd_error_set(error, VD_CODE_IO_ERROR, "%s is being written by another process", partial);
	} else if (ftruncate(fd, 0) != 0) {
		(void)fail(error, partial, errno);
	} else {
		return fd;
	}
	close(fd);
	return -1;
}

bool vd_dump_file_open(struct vd_dump_file *file, const char *name, bool replaces, struct vd_error *error)
{
	struct stat status;
	*file = (struct vd_dump_file){ .name = name, .replaces = replaces };
	if (strcmp(name, "-") == 0) {
		file->stream = stdout;
		file->name = "standard output";
		return true;
	}
	if (lstat(name, &status) == 0) {
		if (!replaces)
			return already_there(error, name);
		if (!S_ISREG(status.st_mode))
			return fail(error, name, S_ISDIR(status.st_mode) ? EISDIR : ENOTSUP);
	}
	if (asprintf(&file->partial, "%s.partial", name) < 0) {
		file->partial = NULL;
		return fail(error, name, ENOMEM);
	}
	int fd = open_partial(file->partial, error);
	file->stream = fd < 0 ? NULL : fdopen(fd, "w");
	if (file->stream != NULL)
		return true;
	if (fd >= 0) {
		(void)fail(error, name, errno);
		close(fd);
	}
	free(file->partial);
	file->partial = NULL;
	return false;
}

void vd_dump_file_failed(const struct vd_dump_file *file, struct vd_error *error)
{
	(void)fail(error, file->name, errno);
}

/* The name is on the disk only when the folder is. */
static int sync_folder(const char *name)
{
	char *copy = strdup(name);
	int fd = copy == NULL ? -1 : open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0)
		return -1;
	int done = fsync(fd);
	close(fd);
	return done;
}

/* A file that came meanwhile is as little replaced as one that was there before. */
static int move(const struct vd_dump_file *file)
{
	int done = file->replaces ? rename(file->partial, file->name)
							  : renameat2(AT_FDCWD, file->partial, AT_FDCWD, file->name, RENAME_NOREPLACE);
	bool is_unknown = done != 0 && !file->replaces && (errno == EINVAL || errno == ENOSYS);
	if (is_unknown && access(file->name, F_OK) != 0)
		done = rename(file->partial, file->name);
	return done;
}

static void close_file(struct vd_dump_file *file)
{
	if (file->stream != NULL)
		(void)fclose(file->stream);
	free(file->partial);
	*file = (struct vd_dump_file){ 0 };
}

void vd_dump_file_drop(struct vd_dump_file *file)
{
	if (file->partial == NULL)
		return;
	(void)unlink(file->partial);
	close_file(file);
}

bool vd_dump_file_finish(struct vd_dump_file *file, struct vd_error *error)
{
	bool done = fflush(file->stream) == 0 && !ferror(file->stream);
	if (file->partial == NULL)
		return done || fail(error, file->name, errno);
	if (!done || fsync(fileno(file->stream)) != 0)
		(void)fail(error, file->name, errno);
	else if (move(file) != 0)
		(void)(errno == EEXIST ? already_there(error, file->name) : fail(error, file->name, errno));
	else {
		done = sync_folder(file->name) == 0 || fail(error, file->name, errno);
		close_file(file);
		return done;
	}
	vd_dump_file_drop(file);
	return false;
}
