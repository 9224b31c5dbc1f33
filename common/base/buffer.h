/* SPDX-License-Identifier: Apache-2.0 */
/* buffer.h: bytes that grow at the end: text, payloads, arrays for SQL.
 *
 * Failure sticks: once memory or the limit ran out, further appends do nothing, and the writer asks once at
 * the end with vd_buffer_ok. A NUL always follows the content, so that text can be read as a string. The
 * buffer owns its memory; pointers into it live until the next append. One thread at a time.
 */
#ifndef VD_COMMON_BASE_BUFFER_H
#define VD_COMMON_BASE_BUFFER_H

#include "common/base/bytes.h"

#include <stdarg.h>
#include <stdint.h>

struct vd_buffer {
	uint8_t *data; /* NULL until the first append */
	size_t size;
	size_t capacity;
	size_t limit_bytes; /* 0: none */
	bool failed;
};

/* All zero is a valid empty buffer without a limit. */
void vd_buffer_init(struct vd_buffer *buffer, size_t limit_bytes);
void vd_buffer_fini(struct vd_buffer *buffer);

/* Empties it and forgets a failure; keeps the memory. */
void vd_buffer_clear(struct vd_buffer *buffer);

/* Room for `size` more bytes at the end, not initialised and already counted; NULL if there is none. */
uint8_t *vd_buffer_extend(struct vd_buffer *buffer, size_t size);

void vd_buffer_add(struct vd_buffer *buffer, struct vd_bytes bytes);
void vd_buffer_add_byte(struct vd_buffer *buffer, uint8_t byte);
void vd_buffer_add_text(struct vd_buffer *buffer, const char *text);
void vd_buffer_add_format(struct vd_buffer *buffer, const char *format, ...) VD_PRINTF(2, 3);
void vd_buffer_add_be16(struct vd_buffer *buffer, uint16_t value);
void vd_buffer_add_be32(struct vd_buffer *buffer, uint32_t value);
void vd_buffer_add_be64(struct vd_buffer *buffer, uint64_t value);

/* Takes off the end; size at most what is there. */
void vd_buffer_truncate(struct vd_buffer *buffer, size_t size);

static inline bool vd_buffer_ok(const struct vd_buffer *buffer)
{
	return !buffer->failed;
}
static inline struct vd_bytes vd_buffer_bytes(const struct vd_buffer *buffer)
{
	return vd_bytes_of(buffer->data, buffer->size);
}
static inline const char *vd_buffer_string(const struct vd_buffer *buffer)
{
	return buffer->data == NULL ? "" : (const char *)buffer->data;
}

#endif
