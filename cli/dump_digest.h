/* SPDX-License-Identifier: Apache-2.0 */
/* dump_digest.h: SHA-256 of bytes that come in pieces, which can be asked at any place of what came so far. */
#ifndef VD_CLI_DUMP_DIGEST_H
#define VD_CLI_DUMP_DIGEST_H

#include "common/base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum { VD_DIGEST_BYTES = 32, VD_DIGEST_TEXT = 2 * VD_DIGEST_BYTES + 1 };

struct vd_digest {
	void *context;
	void *scratch;
};

/* False without memory, or where libcrypto has no SHA-256. */
VD_MUST_USE bool vd_digest_init(struct vd_digest *digest);
void vd_digest_fini(struct vd_digest *digest);
void vd_digest_add(struct vd_digest *digest, struct vd_bytes bytes);
void vd_digest_now(const struct vd_digest *digest, uint8_t to[VD_DIGEST_BYTES]);

/* Lower-case hexadecimal of any bytes, with a NUL: room for 2 * size + 1. Returns `to`. */
const char *vd_hex(const uint8_t *bytes, size_t size, char *to);
/* Back; false if the text is not exactly that. */
VD_MUST_USE bool vd_unhex(struct vd_bytes text, uint8_t *bytes, size_t size);

#endif
