/* SPDX-License-Identifier: Apache-2.0 */
/* escape.h: bytes as text that people and scripts can read and give back.
 *
 * Printable ASCII stands for itself, a backslash is \\, every other byte \xNN. What vd_escape writes,
 * vd_unescape reads back to the same bytes. Reading also takes bytes above 0x7f as they are, so that a script
 * in UTF-8 means what it shows. Pure; any thread.
 */
#ifndef VD_COMMON_TEXT_ESCAPE_H
#define VD_COMMON_TEXT_ESCAPE_H

#include "common/base/buffer.h"
#include "common/base/bytes.h"
#include "common/base/error.h"

/* Appends the escaped form. */
void vd_escape(struct vd_buffer *out, struct vd_bytes bytes);

/* The escaped form in the arena, as a string; NULL at its limit. */
VD_MUST_USE const char *vd_escape_in(struct vd_arena *arena, struct vd_bytes bytes);

/* For messages: at most size - 1 characters into `to`, "…" as "..." at the end if it was cut. Returns `to`.
 */
const char *vd_escape_short(char *to, size_t size, struct vd_bytes bytes);
#define VD_ESCAPE_SHORT(bytes) vd_escape_short((char[81]){ 0 }, 81, (bytes))

/* Appends the bytes meant by text. 0, or VD_CODE_CLIENT_INVALID_OPERATION with what is wrong at which
 * position; then what was appended before stays, and the caller drops it. */
VD_MUST_USE int vd_unescape(struct vd_buffer *out, struct vd_bytes text, struct vd_error *error);

#endif
