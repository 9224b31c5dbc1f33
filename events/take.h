/* SPDX-License-Identifier: Apache-2.0 */
/* take.h: stored bytes, taken off piece by piece from the front. Pure. */
#ifndef VD_EVENTS_TAKE_H
#define VD_EVENTS_TAKE_H

#include "common/base/buffer.h"

/* `size` bytes; NULL, and nothing taken, if there are not as many. */
const uint8_t *vd_take(struct vd_bytes *from, size_t size);

/* A name: its size (one byte), its bytes, a NUL. NULL if there is none. */
const char *vd_take_name(struct vd_bytes *from);
/* name: up to 255 bytes; NULL: "". */
void vd_buffer_add_name(struct vd_buffer *buffer, const char *name);

#endif
