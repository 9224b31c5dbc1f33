/* SPDX-License-Identifier: Apache-2.0 */
/* names.c: see names.h. */
#include "events/names.h"

#include <string.h>
#include <verdict/events.h>

enum { STREAM_CHARACTERS_MAX = 255 };

/* ---- characters ---- */

/* The character at `at`, which is moved behind it; -1: no UTF-8. */
static int32_t next_character(struct vd_bytes text, size_t *at)
{
	static const int32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint8_t first = text.data[*at];
	int size = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
	if (size == 0 || text.size - *at < (size_t)size)
		return -1;
	int32_t character = size == 1 ? first : first & (0xff >> (size + 1));
	for (int i = 1; i < size; i++) {
		uint8_t byte = text.data[*at + (size_t)i];
		if (byte >> 6 != 2)
			return -1;
		character = character << 6 | (byte & 0x3f);
	}
	if (character < least[size] || character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
		return -1;
	*at += (size_t)size;
	return character;
}

int vd_utf8_length(struct vd_bytes text)
{
	int count = 0;
	for (size_t at = 0; at < text.size; count++)
		if (next_character(text, &at) < 0)
			return -1;
	return count;
}

/* ---- streams ---- */

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

int vd_events_stream_name(
	const char *given, size_t size, char name[VD_EVENTS_STREAM_BYTES_MAX + 1], size_t *name_size)
{
	while (size > 0 && is_space(given[size - 1]))
		size--;
	while (size > 0 && is_space(*given)) {
		given++;
		size--;
	}
	if (size == 0 || size > VD_EVENTS_STREAM_BYTES_MAX || memchr(given, '\0', size) != NULL)
		return VD_EVENTS_ERROR_STREAM_INVALID;
	int length = vd_utf8_length(vd_bytes_of(given, size));
	if (length < 1 || length > STREAM_CHARACTERS_MAX)
		return VD_EVENTS_ERROR_STREAM_INVALID;
	memcpy(name, given, size);
	name[size] = '\0';
	if (strpbrk(name, "*?[]") != NULL)
		return VD_EVENTS_ERROR_STREAM_INVALID;
	*name_size = size;
	return 0;
}

/* ---- globs ---- */

/* One of the characters of the class that begins at `at`, behind its `[`; at is moved behind its `]`. -1: no class. */
static int class_matches(struct vd_bytes pattern, size_t *at, int32_t character)
{
	bool is_negated = *at < pattern.size && pattern.data[*at] == '!';
	bool is_found = false, is_first = true;
	*at += is_negated;
	for (;; is_first = false) {
		if (*at >= pattern.size)
			return -1;
		if (pattern.data[*at] == ']' && !is_first)
			break;
		int32_t low = next_character(pattern, at), high = low;
		if (low < 0)
			return -1;
		if (*at + 1 < pattern.size && pattern.data[*at] == '-' && pattern.data[*at + 1] != ']') {
			++*at;
			high = next_character(pattern, at);
			if (high < low)
				return -1;
		}
		is_found |= character >= low && character <= high;
	}
	++*at;
	return is_found != is_negated;
}

bool vd_glob_is_valid(struct vd_bytes pattern)
{
	for (size_t at = 0; at < pattern.size;) {
		if (pattern.data[at] == ']')
			return false;
		if (pattern.data[at] == '[') {
			at++;
			if (class_matches(pattern, &at, 0) < 0)
				return false;
		} else if (pattern.data[at] == '\0' || next_character(pattern, &at) < 0)
			return false;
	}
	return pattern.size > 0;
}

/* Whether the element of the pattern at `at`, not a `*`, means the character; at is moved behind it. */
static bool element_matches(struct vd_bytes pattern, size_t *at, int32_t character)
{
	if (pattern.data[*at] == '[') {
		++*at;
		return class_matches(pattern, at, character) > 0;
	}
	bool is_any = pattern.data[*at] == '?';
	int32_t wanted = next_character(pattern, at);
	return is_any || wanted == character;
}

bool vd_glob_matches(struct vd_bytes pattern, struct vd_bytes name)
{
	size_t p = 0, n = 0, star = SIZE_MAX,
		   star_name = 0; /* where to go on if what follows the last star fails */
	while (n < name.size) {
		if (p < pattern.size && pattern.data[p] == '*') {
			star = ++p;
			star_name = n;
			continue;
		}
		size_t next_p = p, next_n = n;
		int32_t character = next_character(name, &next_n);
		if (p < pattern.size && element_matches(pattern, &next_p, character)) {
			p = next_p;
			n = next_n;
			continue;
		}
		if (star == SIZE_MAX)
			return false;
		(void)next_character(name, &star_name);
		p = star;
		n = star_name;
	}
	while (p < pattern.size && pattern.data[p] == '*')
		p++;
	return p == pattern.size;
}
