/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as text: what is written of any bytes is printable and read back as the same bytes, alone and in JSON, where a NUL or
 * half a character may stand; and any text either means bytes, which are written and mean the same, or is refused with a place. */
#include "common/base/arena.h"
#include "common/text/escape.h"
#include "common/text/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_printable(struct vd_bytes text)
{
	for (size_t i = 0; i < text.size; i++)
		VD_ASSERT(text.data[i] >= 0x20 && text.data[i] <= 0x7e);
}

static struct vd_bytes meant_by(struct vd_bytes text, struct vd_buffer *to)
{
	struct vd_error error = { 0 };
	VD_ASSERT(vd_unescape(to, text, &error) == 0 && !vd_error_is_set(&error));
	return vd_buffer_bytes(to);
}

/* A short form is the whole one, or a beginning of it with dots behind. */
static void check_short(struct vd_bytes bytes, const char *whole)
{
	size_t length = strlen(whole);
	for (size_t room = 4; room < 24; room += 1 + room / 4) {
		char to[24];
		VD_ASSERT(vd_escape_short(to, room, bytes) == to && strlen(to) < room);
		size_t said = strlen(to);
		if (length < room) {
			VD_ASSERT(strcmp(to, whole) == 0);
			continue;
		}
		VD_ASSERT(said >= 3 && strcmp(to + said - 3, "...") == 0 && memcmp(to, whole, said - 3) == 0);
		struct vd_buffer head = { 0 };
		struct vd_bytes meant = meant_by(vd_bytes_of(to, said - 3), &head); /* nothing is cut in two */
		VD_ASSERT(vd_bytes_has_prefix(bytes, meant));
		vd_buffer_fini(&head);
	}
}

static void check_json(struct vd_bytes bytes)
{
	struct vd_buffer line = { 0 };
	struct vd_buffer again = { 0 };
	struct vd_error error = { 0 };
	json_t *object = json_object();
	VD_ASSERT(json_object_set_new(object, "k", vd_json_bytes(bytes)) == 0);
	vd_json_add_line(&line, object);
	json_decref(object);
	VD_ASSERT(vd_buffer_ok(&line) && line.data[line.size - 1] == '\n');
	must_be_printable(vd_bytes_of(line.data, line.size - 1));
	object = json_loadb((const char *)line.data, line.size, JSON_ALLOW_NUL, NULL);
	VD_ASSERT(object != NULL && vd_json_to_bytes(json_object_get(object, "k"), &again, &error) == 0);
	VD_ASSERT(vd_bytes_equal(vd_buffer_bytes(&again), bytes));
	json_decref(object);
	vd_buffer_fini(&line);
	vd_buffer_fini(&again);
}

static void check_written(struct vd_bytes bytes)
{
	struct vd_arena arena;
	struct vd_buffer text = { 0 };
	struct vd_buffer again = { 0 };
	vd_arena_init(&arena, SIZE_MAX);
	vd_escape(&text, bytes);
	must_be_printable(vd_buffer_bytes(&text));
	VD_ASSERT(vd_bytes_equal(meant_by(vd_buffer_bytes(&text), &again), bytes));
	VD_ASSERT(strcmp(vd_escape_in(&arena, bytes), vd_buffer_string(&text)) == 0);
	check_short(bytes, vd_buffer_string(&text));
	vd_buffer_fini(&text);
	vd_buffer_fini(&again);
	vd_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vd_bytes input = vd_bytes_of(data, size);
	struct vd_error error = { 0 };
	struct vd_buffer meant = { 0 };
	check_written(input);
	check_json(input);
	if (vd_unescape(&meant, input, &error) == 0) {
		VD_ASSERT(meant.size <= size && !vd_error_is_set(&error));
		check_written(vd_buffer_bytes(&meant));
	} else {
		VD_ASSERT(error.code == 2000 && error.hint[0] != '\0' && memchr(data, '\\', size) != NULL);
		must_be_printable(vd_bytes_of_string(error.message));
	}
	vd_buffer_fini(&meant);
	return 0;
}
