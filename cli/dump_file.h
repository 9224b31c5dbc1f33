/* SPDX-License-Identifier: Apache-2.0 */
/* dump_file.h: a file that is there whole or not at all: written beside its place as FILE.partial, and moved there when it is on the
 * disk. Standard output ("-") is written as it is. */
#ifndef VD_CLI_DUMP_FILE_H
#define VD_CLI_DUMP_FILE_H

#include "common/base/error.h"

#include <stdio.h>

struct vd_dump_file {
	FILE *stream;
	const char *name;
	char *partial; /* NULL: standard output */
	bool replaces;
};

/* False: the error says why; a file of that name is one unless it may be replaced. */
VD_MUST_USE bool vd_dump_file_open(
	struct vd_dump_file *file, const char *name, bool replaces, struct vd_error *error);
/* The stream has failed: says how. */
void vd_dump_file_failed(const struct vd_dump_file *file, struct vd_error *error);
/* Flushes it to the disk and moves it to its place; on failure nothing stands there. Closed in either case. */
VD_MUST_USE bool vd_dump_file_finish(struct vd_dump_file *file, struct vd_error *error);
/* Gives it up: nothing of it stays. */
void vd_dump_file_drop(struct vd_dump_file *file);

#endif
