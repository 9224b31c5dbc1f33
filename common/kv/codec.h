/* SPDX-License-Identifier: Apache-2.0 */
/* codec.h: a request as bytes (proto/verdict.proto), and back.
 *
 * Only codec.c sees protobuf. What is decoded lives in the arena given: one arena holds a whole batch of
 * requests, and nothing is freed one by one. A payload with a field that this version does not know, at any
 * depth, is refused, because it may be a demand; so is one of another format. Decoding does not validate: see
 * vd_request_validate. Any thread.
 */
#ifndef VD_COMMON_KV_CODEC_H
#define VD_COMMON_KV_CODEC_H

#include "common/kv/request.h"

#define VD_REQUEST_FORMAT 1

/* The request as bytes in the arena; false at its limit. The same request always gives the same bytes. */
VD_MUST_USE bool vd_request_encode(
	struct vd_arena *arena, const struct vd_request *request, struct vd_bytes *payload);

/* What decoding one payload may take in the arena, far above what any request within the limits needs: so a
 * payload of ten million empty ranges is refused whatever room the arena has. */
#define VD_REQUEST_MEMORY_BYTES ((size_t)128 << 20)

/* 0 if the payload is a request; it borrows nothing from the payload. Else, with one constant sentence in
 * *why (may be NULL): VD_CODE_CLIENT_INVALID_OPERATION (2000) if it is none of this format,
 * VD_CODE_TRANSACTION_TOO_LARGE (2101) if it would take more memory than a legal one. Or
 * VD_CODE_PLATFORM_ERROR, and no word, if the arena is at its limit: nothing is wrong with the payload then.
 * What a refused payload took in the arena stays taken. */
VD_MUST_USE int vd_request_decode(
	struct vd_arena *arena, struct vd_bytes payload, struct vd_request *request, const char **why);

#endif
