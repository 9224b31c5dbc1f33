/* SPDX-License-Identifier: Apache-2.0 */
/* log.c: a line is made on the stack and written with one write(2), which keeps lines of several threads
 * apart.
 *
 * A field that does not fit is left out with all that follow, and "cut" is said instead; so a line of JSON is
 * always whole. Text in quotes: \" \\ \n \t, other controls and what is no UTF-8 as \xNN.
 */
#include "common/base/log.h"

#include "common/base/clock.h"
#include "common/base/redact.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* the longest single value, so that one long message does not push out the fields after it */
#define VALUE_BYTES_MAX 1200
/* kept free for the end of the line */
#define END_BYTES 24

struct line {
	char text[VD_LOG_LINE_BYTES];
	size_t size;
	bool full;
	bool json;
};

_Atomic int vd_log_level_now = VD_LOG_OFF;

static struct {
	bool json;
	int fd;
	const char *program;
	char node[64];
	/* the last line did not fit on the disk and was cut: the next one begins a new line */
	atomic_bool is_torn;
} config;

static const char *const level_names[] = { "off", "error", "warning", "info", "debug" };

void vd_log_start(const struct vd_log_options *options)
{
	atomic_store(&vd_log_level_now, VD_LOG_OFF);
	config.json = options->json;
	config.fd = options->fd;
	config.program = options->program;
	snprintf(config.node, sizeof config.node, "%s", options->node == NULL ? "" : options->node);
	atomic_store(&vd_log_level_now, (int)options->level);
}

void vd_log_stop(void)
{
	atomic_store(&vd_log_level_now, VD_LOG_OFF);
}

bool vd_log_level_parse(const char *name, enum vd_log_level *level)
{
	for (size_t i = 0; i < VD_COUNT(level_names); i++)
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum vd_log_level)i;
			return true;
		}
	return false;
}

static void put(struct line *line, const char *text, size_t size)
{
	if (size > sizeof line->text - END_BYTES - line->size)
		line->full = true;
	if (line->full)
		return;
	memcpy(line->text + line->size, text, size);
	line->size += size;
}

static void put_string(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

VD_PRINTF(2, 3) static void put_format(struct line *line, const char *format, ...)
{
	char text[128];
	va_list args;
	va_start(args, format);
	int size = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	put(line, text, size < (int)sizeof text ? (size_t)size : sizeof text - 1);
}

/* The length of the UTF-8 character at `at`, 0 if there is none (also for overlong forms and surrogates). */
static size_t utf8_size(const uint8_t *at, size_t left)
{
	static const struct {
		uint8_t mask, lead;
		uint32_t least;
	} forms[] = { { 0x80, 0, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };
	for (size_t more = 0; more < VD_COUNT(forms); more++) {
		if ((at[0] & forms[more].mask) != forms[more].lead)
			continue;
		if (more >= left)
			return 0;
		uint32_t point = at[0] & (uint8_t)~forms[more].mask;
		for (size_t i = 1; i <= more; i++) {
			if ((at[i] & 0xc0) != 0x80)
				return 0;
			point = point << 6 | (at[i] & 0x3fu);
		}
		bool legal = point >= forms[more].least && point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
		return legal ? more + 1 : 0;
	}
	return 0;
}

/* The inside of a quoted text. */
static void put_escaped(struct line *line, const char *text)
{
	const uint8_t *at = (const uint8_t *)text;
	size_t left = strlen(text);
	size_t room = VALUE_BYTES_MAX;
	while (left > 0 && room > 0) {
		size_t size = utf8_size(at, left);
		if (*at == '"' || *at == '\\')
			put_format(line, "\\%c", *at);
		else if (*at == '\n')
			put_string(line, "\\n");
		else if (*at == '\t')
			put_string(line, "\\t");
		else if (size == 0 || *at < 0x20 || *at == 0x7f)
			put_format(line, line->json ? "\\\\x%02x" : "\\x%02x", *at);
		else
			put(line, (const char *)at, size);
		size += size == 0;
		at += size;
		left -= size;
		room -= size < room ? size : room;
	}
	if (left > 0)
		put_string(line, "...");
}

static bool is_plain(const char *text)
{
	size_t size = 0;
	for (; text[size] != '\0'; size++)
		if (text[size] <= ' ' || text[size] > '~' || strchr("\"\\=", text[size]) != NULL)
			return false;
	return size > 0 && size <= VALUE_BYTES_MAX;
}

static void put_text(struct line *line, const char *text)
{
	if (!line->json && is_plain(text)) {
		put_string(line, text);
		return;
	}
	put_string(line, "\"");
	put_escaped(line, text);
	put_string(line, "\"");
}

static void put_bytes(struct line *line, struct vd_bytes bytes)
{
	const char *slash = line->json ? "\\\\" : "\\";
	put_string(line, "\"");
	for (size_t i = 0; i < bytes.size; i++) {
		uint8_t byte = bytes.data[i];
		if (i == VALUE_BYTES_MAX) {
			put_string(line, "...");
			break;
		}
		if (byte == '\\')
			put_format(line, "%s%s", slash, slash);
		else if (byte == '"')
			put_string(line, "\\\"");
		else if (byte < 0x20 || byte > 0x7e)
			put_format(line, "%sx%02x", slash, byte);
		else
			put(line, (const char *)&byte, 1);
	}
	put_string(line, "\"");
}

static void put_dsn(struct line *line, const char *dsn)
{
	struct vd_buffer safe = { 0 };
	vd_redact_dsn(&safe, dsn);
	put_text(line, vd_buffer_ok(&safe) ? vd_buffer_string(&safe) : "***");
	vd_buffer_fini(&safe);
}

static void put_value(struct line *line, const struct vd_log_field *field)
{
	switch (field->kind) {
	case VD_LOG_KIND_TEXT:
		put_text(line, field->value.text);
		break;
	case VD_LOG_KIND_INT:
		put_format(line, "%" PRId64, field->value.integer);
		break;
	case VD_LOG_KIND_UINT:
		put_format(line, "%" PRIu64, field->value.natural);
		break;
	case VD_LOG_KIND_REAL:
		if (isfinite(field->value.real))
			put_format(line, "%.6g", field->value.real);
		else
			put_string(line, "null");
		break;
	case VD_LOG_KIND_BOOL:
		put_string(line, field->value.boolean ? "true" : "false");
		break;
	case VD_LOG_KIND_BYTES:
		put_bytes(line, field->value.bytes);
		break;
	case VD_LOG_KIND_DSN:
		put_dsn(line, field->value.text);
		break;
	case VD_LOG_KIND_END:
		break;
	}
}

static void put_field(struct line *line, const struct vd_log_field *field)
{
	bool textual = field->kind == VD_LOG_KIND_TEXT || field->kind == VD_LOG_KIND_DSN;
	if (line->full || (textual && field->value.text == NULL))
		return;
	size_t before = line->size;
	put_format(line, line->json ? ",\"%s\":" : " %s=", field->key);
	put_value(line, field);
	if (!line->full)
		return;
	line->size = before;
	const char *cut = line->json ? ",\"cut\":true" : " cut=true";
	memcpy(line->text + line->size, cut, strlen(cut)); /* END_BYTES keeps room for it */
	line->size += strlen(cut);
}

static void put_head(struct line *line, enum vd_log_level level, const char *sentence)
{
	int64_t now_us = vd_clock_wall_us();
	time_t seconds = (time_t)(now_us / 1000000);
	int micros = (int)(now_us % 1000000);
	struct tm utc;
	gmtime_r(&seconds, &utc);
	char day[16], hour[16];
	strftime(day, sizeof day, "%Y-%m-%d", &utc);
	strftime(hour, sizeof hour, "%H:%M:%S", &utc);
	if (line->json) {
		put_format(line,
			"{\"time\":\"%sT%s.%06dZ\",\"level\":\"%s\",\"program\":\"%s\",\"pid\":%d,\"message\":", day,
			hour, micros, level_names[level], config.program, (int)getpid());
		put_text(line, sentence);
	} else {
		put_format(line, "%s %s.%03d %-7s %s[%d] ", day, hour, micros / 1000, level_names[level],
			config.program, (int)getpid());
		put_escaped(line, sentence);
	}
	if (config.node[0] != '\0')
		put_field(line, &VD_LOG_TEXT("node", config.node));
}

void vd_log_write(enum vd_log_level level, const char *sentence, const struct vd_log_field *fields)
{
	struct line line = { .json = config.json };
	if (atomic_load(&config.is_torn))
		put_string(&line, "\n");
	put_head(&line, level, sentence);
	for (; fields->kind != VD_LOG_KIND_END; fields++)
		put_field(&line, fields);
	const char *end = line.json ? "}\n" : "\n";
	memcpy(line.text + line.size, end, strlen(end));
	line.size += strlen(end);
	ssize_t written = write(config.fd, line.text, line.size);
	/* a log that nobody takes must not stop the work */
	if (written > 0)
		atomic_store(&config.is_torn, (size_t)written < line.size);
}
