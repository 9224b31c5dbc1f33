/* SPDX-License-Identifier: Apache-2.0 */
/* dump_progress.h: how far it has come, in one line of a terminal; nothing where there is none. */
#ifndef VD_CLI_DUMP_PROGRESS_H
#define VD_CLI_DUMP_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct vd_progress {
	bool shows;
	const char *word; /* "loaded" */
	int64_t began_ms;
	int64_t shown_ms;
	uint64_t total_bytes; /* of keys and values; 0: not known */
	bool is_estimate;
};

void vd_progress_begin(struct vd_progress *progress, const char *word);
void vd_progress_show(struct vd_progress *progress, uint64_t rows, uint64_t bytes);
/* Takes the line away; the seconds since the begin. */
double vd_progress_end(const struct vd_progress *progress);

#endif
