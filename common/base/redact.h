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

/* For messages about a word that is of no use where it stands: it may be a connection string whose --dsn was forgotten. Writes the
 * word, or what vd_redact_dsn leaves of it if it looks like one, to `to`, cut to size - 1 bytes. Returns `to`. */
const char *vd_redact_word(char *to, size_t size, const char *word);
#define VD_REDACT_WORD(word) vd_redact_word((char[129]){ 0 }, 129, (word))

#endif
