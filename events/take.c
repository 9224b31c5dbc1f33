/* SPDX-License-Identifier: Apache-2.0 */
/* take.c: see take.h. */
#include "events/take.h"

#include <string.h>

const uint8_t *vd_take(struct vd_bytes *from, size_t size)
{
	if (from->size < size)
		return NULL;
	const uint8_t *taken = from->data;
	*from = vd_bytes_slice(*from, size, from->size);
	return taken;
}

const char *vd_take_name(struct vd_bytes *from)
{
	const uint8_t *size = vd_take(from, 1);
	const uint8_t *name = size == NULL ? NULL : vd_take(from, (size_t)*size + 1);
	return name == NULL || memchr(name, 0, (size_t)*size + 1) != name + *size ? NULL : (const char *)name;
}

void vd_buffer_add_name(struct vd_buffer *buffer, const char *name)
{
	struct vd_bytes bytes = vd_bytes_of_string(name);
	vd_buffer_add_byte(buffer, (uint8_t)bytes.size);
	vd_buffer_add(buffer, bytes);
	vd_buffer_add_byte(buffer, 0);
}
