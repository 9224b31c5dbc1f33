/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/history/record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int file = -1;

int64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void grow(struct line *line, size_t more)
{
	if (line->capacity - line->size >= more)
		return;
	line->capacity = 2 * (line->size + more) + 256;
	line->text = realloc(line->text, line->capacity);
	if (line->text == NULL)
		abort();
}

void line_clear(struct line *line)
{
	line->size = 0;
}

void line_free(struct line *line)
{
	free(line->text);
	memset(line, 0, sizeof *line);
}

void line_add(struct line *line, const char *format, ...)
{
	va_list list;
	grow(line, 256);
	va_start(list, format);
	int size = vsnprintf(line->text + line->size, 256, format, list);
	va_end(list);
	if (size < 0 || size >= 256)
		abort();
	line->size += (size_t)size;
}

static bool is_plain(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
		   (byte != 0 && strchr("_./:;,+-", byte) != NULL);
}

void line_add_bytes(struct line *line, const void *bytes, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	const uint8_t *from = bytes;
	grow(line, 3 * size + 2);
	char *to = line->text + line->size;
	*to++ = ' ';
	if (bytes == NULL || size == 0)
		*to++ = bytes == NULL ? '~' : '%';
	for (size_t i = 0; bytes != NULL && i < size; i++) {
		if (is_plain(from[i])) {
			*to++ = (char)from[i];
			continue;
		}
		*to++ = '%';
		*to++ = digits[from[i] >> 4];
		*to++ = digits[from[i] & 15];
	}
	line->size = (size_t)(to - line->text);
}

void line_append(struct line *line, const struct line *other)
{
	if (other->size == 0)
		return;
	grow(line, other->size);
	memcpy(line->text + line->size, other->text, other->size);
	line->size += other->size;
}

bool record_open(const char *path)
{
	file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0644);
	return file >= 0;
}

void record_write(struct line *line)
{
	grow(line, 1);
	line->text[line->size++] = '\n';
	size_t done = 0;
	while (done < line->size) {
		ssize_t written = write(file, line->text + done, line->size - done);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			perror("history_worker: the history cannot be written");
			_exit(3);
		}
		done += (size_t)written;
	}
	line_clear(line);
}

void record_close(void)
{
	close(file);
	file = -1;
}
