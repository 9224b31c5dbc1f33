/* SPDX-License-Identifier: Apache-2.0 */
/* redact.h: connection strings without their secrets.
 *
 * Both forms of libpq: postgresql://user:secret@host/db?password=secret and host=… password='it\'s secret'.
 * The value of password, sslpassword and scram_*_key becomes ***, and so does everything of a string that is
 * malformed from there on, since which part of it is the secret cannot be known. (For the same reason libpq's
 * own message about a malformed string must not be shown: it quotes parts of it.)
 */
#ifndef VD_COMMON_BASE_REDACT_H
#define VD_COMMON_BASE_REDACT_H

#include "common/base/buffer.h"

/* Appends the string with its secrets replaced. */
void vd_redact_dsn(struct vd_buffer *out, const char *dsn);

#endif
