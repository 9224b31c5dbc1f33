/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dump_digest.h"

#include "common/base/check.h"

#include <openssl/evp.h>

bool vd_digest_init(struct vd_digest *digest)
{
	digest->context = EVP_MD_CTX_new();
	digest->scratch = EVP_MD_CTX_new();
	if (digest->context != NULL && digest->scratch != NULL &&
		EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) == 1)
		return true;
	vd_digest_fini(digest);
	return false;
}

void vd_digest_fini(struct vd_digest *digest)
{
	EVP_MD_CTX_free(digest->context);
	EVP_MD_CTX_free(digest->scratch);
	*digest = (struct vd_digest){ 0 };
}

void vd_digest_add(struct vd_digest *digest, struct vd_bytes bytes)
{
	int done = bytes.size == 0 ? 1 : EVP_DigestUpdate(digest->context, bytes.data, bytes.size);
	VD_ASSERT(done == 1);
}

void vd_digest_now(const struct vd_digest *digest, uint8_t to[VD_DIGEST_BYTES])
{
	unsigned size = 0;
	int done = EVP_MD_CTX_copy_ex(digest->scratch, digest->context) == 1 &&
			   EVP_DigestFinal_ex(digest->scratch, to, &size) == 1;
	VD_ASSERT(done && size == VD_DIGEST_BYTES);
}

const char *vd_hex(const uint8_t *bytes, size_t size, char *to)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < size; i++) {
		to[2 * i] = digits[bytes[i] >> 4];
		to[2 * i + 1] = digits[bytes[i] & 15];
	}
	to[2 * size] = '\0';
	return to;
}

static int digit_of(uint8_t character)
{
	if (character >= '0' && character <= '9')
		return character - '0';
	return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

bool vd_unhex(struct vd_bytes text, uint8_t *bytes, size_t size)
{
	if (text.size != 2 * size)
		return false;
	for (size_t i = 0; i < size; i++) {
		int high = digit_of(text.data[2 * i]);
		int low = digit_of(text.data[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
