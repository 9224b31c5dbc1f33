/* SPDX-License-Identifier: Apache-2.0 */
/* error.c: messages are made on the side first, since arguments may point into the error itself; line breaks,
 * which PostgreSQL's messages have, become blanks. */
#include "common/base/error.h"

#include <stdarg.h>
#include <string.h>

/* One line: line breaks and tabs become single blanks, none at the end. */
static void keep(char *to, size_t size, const char *from)
{
	size_t used = 0;
	for (; *from != '\0' && used < size - 1; from++) {
		bool blank = *from == '\n' || *from == '\r' || *from == '\t';
		if (blank && (used == 0 || to[used - 1] == ' '))
			continue;
		to[used++] = blank ? ' ' : *from;
	}
	while (used > 0 && to[used - 1] == ' ')
		used--;
	to[used] = '\0';
}

int vd_error_set(struct vd_error *error, int code, const char *format, ...)
{
	if (error == NULL)
		return code;
	char text[sizeof error->message];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	error->code = code;
	keep(error->message, sizeof error->message, text);
	error->hint[0] = '\0';
	return code;
}

void vd_error_hint(struct vd_error *error, const char *format, ...)
{
	if (error == NULL)
		return;
	char text[sizeof error->hint];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	keep(error->hint, sizeof error->hint, text);
}

void vd_error_wrap(struct vd_error *error, const char *format, ...)
{
	if (error == NULL)
		return;
	char where[sizeof error->message];
	char text[2 * sizeof error->message + 2];
	va_list args;
	va_start(args, format);
	vsnprintf(where, sizeof where, format, args);
	va_end(args);
	snprintf(text, sizeof text, "%s: %s", where, error->message);
	keep(error->message, sizeof error->message, text);
}

void vd_error_clear(struct vd_error *error)
{
	if (error == NULL)
		return;
	error->code = 0;
	error->message[0] = '\0';
	error->hint[0] = '\0';
}

void vd_error_print(const struct vd_error *error, const char *program, FILE *file)
{
	fprintf(file, "%s: %s\n", program, error->message);
	if (error->hint[0] != '\0')
		fprintf(file, "hint: %s\n", error->hint);
}
