/* SPDX-License-Identifier: Apache-2.0 */
/* submit_input.c: lines out of a file, as they are needed. */
#include "cli/cli.h"
#include "cli/submit.h"

#include "common/base/redact.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES_MAX ((size_t)64 << 20)
#define READ_BYTES     ((size_t)256 << 10)

bool submit_open_input(struct submit *submit, const char *name)
{
	struct stat info = { 0 };
	submit->name = name == NULL || strcmp(name, "-") == 0 ? "standard input" : name;
	submit->file = submit->name == name ? open(name, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	bool folder = submit->file >= 0 && fstat(submit->file, &info) == 0 && S_ISDIR(info.st_mode);
	if (submit->file < 0 || folder) {
		vd_cli_wrong("give a file of JSON lines, or - for standard input", "cannot read %s: %s",
			VD_REDACT_WORD(submit->name), strerror(folder ? EISDIR : errno));
		return false;
	}
	submit->file_bytes = S_ISREG(info.st_mode) ? info.st_size : 0;
	return true;
}

void submit_tell_malformed(struct submit *submit, uint64_t line, const char *message)
{
	submit->malformed++;
	fflush(stdout);
	if (submit->progress_ms >= 0)
		fputs("\r\033[K", stderr);
	fprintf(stderr, "%s: line %" PRIu64 ": %s\n", vd_cli_name(), line, message);
}

void submit_read_input(struct submit *submit)
{
	if (submit->taken > 0) {
		size_t left = submit->input.size - submit->taken;
		memmove(submit->input.data, submit->input.data + submit->taken, left);
		vd_buffer_truncate(&submit->input, left);
		submit->taken = 0;
	}
	size_t size = submit->input.size;
	uint8_t *to = vd_buffer_extend(&submit->input, READ_BYTES);
	ssize_t got = to == NULL ? -1 : read(submit->file, to, READ_BYTES);
	if (to != NULL)
		vd_buffer_truncate(&submit->input, size + (got < 0 ? 0 : (size_t)got));
	if (got < 0 && to != NULL && (errno == EINTR || errno == EAGAIN))
		return;
	if (got < 0) {
		vd_cli_wrong(
			NULL, "cannot read %s: %s", submit->name, to == NULL ? "out of memory" : strerror(errno));
		submit->failed = true;
	}
	submit->file_ended = got <= 0;
	submit->read_bytes += got < 0 ? 0 : got;
}

/* A line without an end that is longer than anybody's transaction. */
static void cut_long_line(struct submit *submit)
{
	if (submit->input.size - submit->taken <= LINE_BYTES_MAX)
		return;
	if (!submit->too_long)
		submit_tell_malformed(submit, submit->line + 1, "longer than 64 MB");
	submit->too_long = true;
	submit->taken = submit->input.size;
}

bool submit_next_line(struct submit *submit, struct vd_bytes *text)
{
	while (submit->taken < submit->input.size) {
		const uint8_t *begin = submit->input.data + submit->taken;
		size_t left = submit->input.size - submit->taken;
		const uint8_t *end = memchr(begin, '\n', left);
		if (end == NULL && !submit->file_ended) {
			cut_long_line(submit);
			return false;
		}
		*text = vd_bytes_of(begin, end == NULL ? left : (size_t)(end - begin));
		submit->taken += text->size + (end == NULL ? 0 : 1);
		submit->line++;
		bool blank = true;
		for (size_t i = 0; i < text->size && blank; i++)
			blank = strchr(" \t\r", text->data[i]) != NULL && text->data[i] != '\0';
		bool rest = submit->too_long;
		submit->too_long = false;
		if (!blank && !rest)
			return true;
	}
	return false;
}
