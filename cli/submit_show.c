/* SPDX-License-Identifier: Apache-2.0 */
/* submit_show.c: how far it has come, on standard error. */
#include "cli/cli.h"
#include "cli/submit.h"

#include "common/base/clock.h"

#include <inttypes.h>
#include <stdio.h>

#define PROGRESS_MS 200

uint64_t submit_answered(const struct submit *submit)
{
	uint64_t sum = submit->malformed;
	for (size_t i = 0; i < VD_KIND_COUNT; i++)
		sum += submit->counts[i];
	return sum;
}

void submit_show_progress(struct submit *submit)
{
	int64_t now = vd_clock_ms();
	if (submit->progress_ms < 0 || now - submit->progress_ms < PROGRESS_MS)
		return;
	submit->progress_ms = now;
	double seconds = (double)(now - submit->began_ms) / 1e3;
	fprintf(stderr, "\r\033[K%" PRIu64 " lines, %.0f/s", submit_answered(submit),
		(double)submit_answered(submit) / seconds);
	double done = submit->file_bytes == 0
					  ? 0
					  : (double)(submit->read_bytes - (int64_t)(submit->input.size - submit->taken)) /
							(double)submit->file_bytes;
	if (done > 0)
		fprintf(stderr, ", %.0f %%, %.0f s left", done * 100, seconds / done - seconds);
	fflush(stderr);
}

void submit_show_summary(const struct submit *submit)
{
	double seconds = (double)(vd_clock_ms() - submit->began_ms) / 1e3;
	const char *separator = ": ";
	if (submit->progress_ms >= 0)
		fputs("\r\033[K", stderr);
	fprintf(stderr, "%s: %" PRIu64 " line%s in %.2f s (%.0f/s)", vd_cli_name(), submit_answered(submit),
		submit_answered(submit) == 1 ? "" : "s", seconds,
		(double)submit_answered(submit) / (seconds > 0 ? seconds : 1));
	for (size_t i = 0; i < VD_KIND_COUNT; i++) {
		if (submit->counts[i] == 0)
			continue;
		fprintf(stderr, "%s%" PRIu64 " %s", separator, submit->counts[i],
			vd_verdict_kind_word((enum vd_verdict_kind)i));
		separator = ", ";
	}
	if (submit->malformed > 0)
		fprintf(stderr, "%s%" PRIu64 " malformed", separator, submit->malformed);
	fputc('\n', stderr);
}
