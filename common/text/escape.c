/* SPDX-License-Identifier: Apache-2.0 */
/* escape.c: one byte gives one, two or four characters. */
#include "common/text/escape.h"

#include "common/base/arena.h"
#include "common/base/codes.h"

/* The characters of one byte; returns how many of the four. */
static size_t spell(uint8_t byte, char to[4])
{
	static const char digits[] = "0123456789abcdef";
	if (byte == '\\') {
		to[0] = to[1] = '\\';
		return 2;
	}
	if (byte >= 0x20 && byte <= 0x7e) {
		to[0] = (char)byte;
		return 1;
	}
	memcpy(to, (char[4]){ '\\', 'x', digits[byte >> 4], digits[byte & 15] }, 4);
	return 4;
}

void vd_escape(struct vd_buffer *out, struct vd_bytes bytes)
{
	for (size_t i = 0; i < bytes.size; i++) {
		char spelled[4];
		vd_buffer_add(out, vd_bytes_of(spelled, spell(bytes.data[i], spelled)));
	}
}

const char *vd_escape_in(struct vd_arena *arena, struct vd_bytes bytes)
{
	char spelled[4];
	size_t size = 0;
	for (size_t i = 0; i < bytes.size; i++)
		size += spell(bytes.data[i], spelled);
	char *text = (char *)vd_arena_alloc_bytes(arena, size + 1);
	if (text == NULL)
		return NULL;
	char *at = text;
	for (size_t i = 0; i < bytes.size; i++) {
		size_t count = spell(bytes.data[i], spelled);
		memcpy(at, spelled, count);
		at += count;
	}
	*at = '\0';
	return text;
}

const char *vd_escape_short(char *to, size_t size, struct vd_bytes bytes)
{
	VD_ASSERT(size >= 4);
	size_t used = 0;
	size_t whole = 0; /* as much as leaves room for the dots */
	for (size_t i = 0; i < bytes.size; i++) {
		char spelled[4];
		size_t count = spell(bytes.data[i], spelled);
		if (used + count > size - 1) {
			memcpy(to + whole, "...", 4);
			return to;
		}
		memcpy(to + used, spelled, count);
		used += count;
		if (used + 3 <= size - 1)
			whole = used;
	}
	to[used] = '\0';
	return to;
}

static int hex_digit(uint8_t character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	character |= 0x20;
	return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

int vd_unescape(struct vd_buffer *out, struct vd_bytes text, struct vd_error *error)
{
	for (size_t i = 0; i < text.size; i++) {
		uint8_t byte = text.data[i];
		if (byte == '\\') {
			size_t left = text.size - i - 1;
			const uint8_t *next = text.data + i + 1;
			int high = left >= 3 && next[0] == 'x' ? hex_digit(next[1]) : -1;
			int low = high >= 0 ? hex_digit(next[2]) : -1;
			if (left >= 1 && next[0] == '\\') {
				i += 1;
			} else if (low >= 0) {
				byte = (uint8_t)(high << 4 | low);
				i += 3;
			} else {
				vd_error_set(error, VD_CODE_CLIENT_INVALID_OPERATION, "bad escape at byte %zu of \"%s\"",
					i + 1, VD_ESCAPE_SHORT(text));
				vd_error_hint(error, "write \\xNN for a byte and \\\\ for a backslash");
				return VD_CODE_CLIENT_INVALID_OPERATION;
			}
		}
		vd_buffer_add_byte(out, byte);
	}
	return vd_buffer_ok(out) ? 0 : vd_error_set(error, VD_CODE_NO_MEMORY, "out of memory or over the limit");
}
