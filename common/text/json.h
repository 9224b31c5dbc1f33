/* SPDX-License-Identifier: Apache-2.0 */
/* json.h: what jansson does not know: our bytes in its strings, and one object a line.
 *
 * A byte string becomes a JSON string of its escaped form (escape.h), so `a\b` is written "a\\\\b" and a JSON
 * string is read back by unescaping what it says. */
#ifndef VD_COMMON_TEXT_JSON_H
#define VD_COMMON_TEXT_JSON_H

#include "common/base/buffer.h"
#include "common/base/bytes.h"
#include "common/base/error.h"

#include <jansson.h>
#include <stdio.h>

/* A new string, owned by the caller; NULL without memory. */
VD_MUST_USE json_t *vd_json_bytes(struct vd_bytes bytes);

/* Text from outside (messages of PostgreSQL, names of files): as it is if it is UTF-8, else escaped. */
VD_MUST_USE json_t *vd_json_text(const char *text);

/* Appends the bytes that a JSON string means; 0, or a code with the reason (not a string, bad escape). */
VD_MUST_USE int vd_json_to_bytes(const json_t *value, struct vd_buffer *out, struct vd_error *error);

/* Appends the object in one line with a line feed, members in the order they were set. */
void vd_json_add_line(struct vd_buffer *out, const json_t *object);

/* Writes that line and flushes nothing; false if the stream failed. Takes over the object. */
VD_MUST_USE bool vd_json_print_line(FILE *file, json_t *object);

#endif
