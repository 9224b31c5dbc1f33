/* SPDX-License-Identifier: Apache-2.0 */
/* Anybody may send anything on a follower's channel. Whatever it is: the parser ends, stays within the payload, gives only
 * entries in their bounds, and an entry written down again is read as the same. */
#include "follower/commit/reply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_again(uint64_t version, const struct vd_reply_entry *entry)
{
	char payload[256];
	snprintf(payload, sizeof payload, "r1 %" PRIu64 " %" PRIu64 ":%016" PRIx64 ":%d:%" PRIu64 ":%" PRIu64,
		version, entry->sequence, entry->token, entry->code, entry->a, entry->b);
	struct vd_reply reply;
	struct vd_reply_entry again;
	VD_ASSERT(vd_reply_begin(&reply, payload) && reply.version == version);
	VD_ASSERT(vd_reply_next(&reply, &again));
	VD_ASSERT(again.sequence == entry->sequence && again.token == entry->token && again.code == entry->code &&
			  again.a == entry->a && again.b == entry->b);
	VD_ASSERT(!vd_reply_next(&reply, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *payload = malloc(size + 1);
	if (payload == NULL)
		return 0;
	memcpy(payload, data, size);
	payload[size] = '\0';
	struct vd_reply reply;
	struct vd_reply_entry entry;
	size_t entries = 0;
	if (vd_reply_begin(&reply, payload))
		while (vd_reply_next(&reply, &entry)) {
			VD_ASSERT(
				entry.sequence > 0 && entry.sequence <= INT64_MAX && entry.code >= 0 && entry.code <= 65535);
			VD_ASSERT(
				entry.a <= UINT32_MAX && (entry.code != 0 || entry.a <= UINT16_MAX) && entry.b <= INT64_MAX);
			same_again(reply.version, &entry);
			entries++;
		}
	VD_ASSERT(entries * 25 <= size);
	free(payload);
	return 0;
}
