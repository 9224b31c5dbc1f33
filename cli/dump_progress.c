/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dump_progress.h"

#include "common/base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { SHOW_MS = 200, BAR = 20 };

void vd_progress_begin(struct vd_progress *progress, const char *word)
{
	*progress =
		(struct vd_progress){ .shows = isatty(STDERR_FILENO) == 1, .word = word, .began_ms = vd_clock_ms() };
}

static void show_share(const struct vd_progress *progress, uint64_t bytes)
{
	/* an estimate may be too low, and this is not the end */
	double share = (double)bytes / (double)progress->total_bytes;
	if (share > (progress->is_estimate ? 0.99 : 1))
		share = progress->is_estimate ? 0.99 : 1;
	char bar[BAR + 1];
	for (int i = 0; i < BAR; i++)
		bar[i] = (double)i < share * BAR ? '#' : '.';
	bar[BAR] = '\0';
	fprintf(stderr, "[%s] %s%.0f %%, ", bar, progress->is_estimate ? "about " : "", share * 100);
}

void vd_progress_show(struct vd_progress *progress, uint64_t rows, uint64_t bytes)
{
	int64_t now_ms = vd_clock_ms();
	if (!progress->shows || now_ms - progress->shown_ms < SHOW_MS)
		return;
	progress->shown_ms = now_ms;
	double seconds = (double)(now_ms - progress->began_ms + 1) / 1e3;
	fputs("\r\033[K", stderr);
	if (progress->total_bytes > 0)
		show_share(progress, bytes);
	fprintf(stderr, "%s %" PRIu64 " rows, %.1f MB, %.0f rows/s, %.1f MB/s", progress->word, rows,
		(double)bytes / 1e6, (double)rows / seconds, (double)bytes / 1e6 / seconds);
	fflush(stderr);
}

double vd_progress_end(const struct vd_progress *progress)
{
	if (progress->shows)
		fputs("\r\033[K", stderr);
	return (double)(vd_clock_ms() - progress->began_ms) / 1e3;
}
