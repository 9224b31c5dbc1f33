/* SPDX-License-Identifier: Apache-2.0 */
/* buffer.c: doubling, one byte more than asked for so that the final NUL always fits. */
#include "common/base/buffer.h"

#include "common/base/endian.h"
#include "common/base/vector.h"

#include <stdio.h>
#include <stdlib.h>

void vd_buffer_init(struct vd_buffer *buffer, size_t limit_bytes)
{
	*buffer = (struct vd_buffer){ .limit_bytes = limit_bytes };
}

void vd_buffer_fini(struct vd_buffer *buffer)
{
	free(buffer->data);
	vd_buffer_init(buffer, buffer->limit_bytes);
}

void vd_buffer_clear(struct vd_buffer *buffer)
{
	buffer->failed = false;
	vd_buffer_truncate(buffer, 0);
}

void vd_buffer_truncate(struct vd_buffer *buffer, size_t size)
{
	VD_ASSERT(size <= buffer->size);
	buffer->size = size;
	if (buffer->data != NULL)
		buffer->data[size] = '\0';
}

uint8_t *vd_buffer_extend(struct vd_buffer *buffer, size_t size)
{
	if (buffer->failed)
		return NULL;
	size_t limit = buffer->limit_bytes == 0 ? SIZE_MAX - 1 : buffer->limit_bytes;
	uint8_t *moved = size > limit - buffer->size
						 ? NULL
						 : vd_vector_grow(buffer->data, &buffer->capacity, buffer->size + size + 1, 1);
	if (moved == NULL) {
		buffer->failed = true;
		return NULL;
	}
	buffer->data = moved;
	uint8_t *room = buffer->data + buffer->size;
	buffer->size += size;
	buffer->data[buffer->size] = '\0';
	return room;
}

void vd_buffer_add(struct vd_buffer *buffer, struct vd_bytes bytes)
{
	uint8_t *room = vd_buffer_extend(buffer, bytes.size);
	if (room != NULL && bytes.size > 0)
		memcpy(room, bytes.data, bytes.size);
}

void vd_buffer_add_byte(struct vd_buffer *buffer, uint8_t byte)
{
	vd_buffer_add(buffer, vd_bytes_of(&byte, 1));
}

void vd_buffer_add_text(struct vd_buffer *buffer, const char *text)
{
	vd_buffer_add(buffer, vd_bytes_of_string(text));
}

void vd_buffer_add_format(struct vd_buffer *buffer, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	uint8_t *room = size < 0 ? NULL : vd_buffer_extend(buffer, (size_t)size);
	if (room == NULL) {
		buffer->failed = true;
		return;
	}
	va_start(args, format);
	vsnprintf((char *)room, (size_t)size + 1, format, args);
	va_end(args);
}

void vd_buffer_add_be16(struct vd_buffer *buffer, uint16_t value)
{
	uint8_t *room = vd_buffer_extend(buffer, sizeof value);
	if (room != NULL)
		vd_store_be16(room, value);
}

void vd_buffer_add_be32(struct vd_buffer *buffer, uint32_t value)
{
	uint8_t *room = vd_buffer_extend(buffer, sizeof value);
	if (room != NULL)
		vd_store_be32(room, value);
}

void vd_buffer_add_be64(struct vd_buffer *buffer, uint64_t value)
{
	uint8_t *room = vd_buffer_extend(buffer, sizeof value);
	if (room != NULL)
		vd_store_be64(room, value);
}
