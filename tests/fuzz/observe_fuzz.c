/* SPDX-License-Identifier: Apache-2.0 */
/* Anybody may send anything on the channel of observers. Whatever it is: the parser ends, stays within the payload, gives no
 * number below 0, and an event written down as a leader writes it is read as the same. */
#include "follower/admin/parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same_again(const struct vd_admin_event *event)
{
	char text[300];
	bool is_batch = event->kind == VD_ADMIN_BATCH;
	if (is_batch)
		snprintf(text, sizeof text,
			"b1 version=%" PRId64 " requests=%" PRId64 " committed=%" PRId64 " conflict=%" PRId64
			" too_old=%" PRId64 " rejected=%" PRId64,
			event->version, event->requests, event->committed, event->conflict, event->too_old,
			event->rejected);
	else
		snprintf(text, sizeof text, "v1 version=%" PRId64 " %016" PRIx64 ":%" PRId64 ":%d:%d", event->version,
			event->reply, event->sequence, event->code, event->order);
	struct admin_payload payload = { text, 0 };
	struct vd_admin_event again;
	VD_ASSERT(admin_payload_next(&payload, &again));
	VD_ASSERT(again.kind == event->kind && again.version == event->version);
	VD_ASSERT(again.requests == event->requests && again.committed == event->committed &&
			  again.conflict == event->conflict && again.too_old == event->too_old &&
			  again.rejected == event->rejected);
	VD_ASSERT(again.reply == event->reply && again.sequence == event->sequence && again.code == event->code &&
			  again.order == event->order);
	VD_ASSERT(!admin_payload_next(&payload, &again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	struct admin_payload payload = { text, 0 };
	struct vd_admin_event event;
	size_t events = 0;
	while (admin_payload_next(&payload, &event)) {
		VD_ASSERT(event.kind == VD_ADMIN_BATCH || event.kind == VD_ADMIN_VERDICT);
		VD_ASSERT(event.version >= 0 && event.requests >= 0 && event.committed >= 0 && event.conflict >= 0 &&
				  event.too_old >= 0 && event.rejected >= 0);
		VD_ASSERT(event.sequence >= 0 && event.code >= 0 && event.order >= 0);
		/* version 0 is never given out; a v1 line that says so is no line */
		if (event.kind == VD_ADMIN_BATCH || event.version != 0)
			same_again(&event);
		events++;
	}
	VD_ASSERT(events <= size);
	free(text);
	return 0;
}
