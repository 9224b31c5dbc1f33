/* SPDX-License-Identifier: Apache-2.0 */
/* json.c: see json.h. */
#include "common/text/json.h"

#include "common/base/codes.h"
#include "common/text/escape.h"

json_t *vd_json_bytes(struct vd_bytes bytes)
{
	struct vd_buffer text = { 0 };
	vd_escape(&text, bytes);
	json_t *string = vd_buffer_ok(&text) ? json_stringn_nocheck(vd_buffer_string(&text), text.size) : NULL;
	vd_buffer_fini(&text);
	return string;
}

json_t *vd_json_text(const char *text)
{
	json_t *string = json_string(text);
	return string != NULL ? string : vd_json_bytes(vd_bytes_of_string(text));
}

int vd_json_to_bytes(const json_t *value, struct vd_buffer *out, struct vd_error *error)
{
	if (!json_is_string(value))
		return vd_error_set(error, VD_CODE_CLIENT_INVALID_OPERATION, "a string is expected");
	return vd_unescape(out, vd_bytes_of(json_string_value(value), json_string_length(value)), error);
}

static int add(const char *text, size_t size, void *out)
{
	vd_buffer_add(out, vd_bytes_of(text, size));
	return vd_buffer_ok(out) ? 0 : -1;
}

void vd_json_add_line(struct vd_buffer *out, const json_t *object)
{
	if (json_dump_callback(object, add, out, JSON_COMPACT) != 0)
		out->failed = true;
	vd_buffer_add_byte(out, '\n');
}

bool vd_json_print_line(FILE *file, json_t *object)
{
	struct vd_buffer line = { 0 };
	vd_json_add_line(&line, object);
	bool written = vd_buffer_ok(&line) && fwrite(line.data, 1, line.size, file) == line.size;
	vd_buffer_fini(&line);
	json_decref(object);
	return written;
}
