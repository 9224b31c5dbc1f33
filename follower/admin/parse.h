/* SPDX-License-Identifier: Apache-2.0 */
/* parse.h: what a leader tells observers, read from the payload of a notification (docs/protocol.md, "Observing"). Pure.
 * Anybody may send anything: what is not exactly of the form gives nothing. */
#ifndef VD_FOLLOWER_ADMIN_PARSE_H
#define VD_FOLLOWER_ADMIN_PARSE_H

#include <stdbool.h>
#include <verdict/admin.h>

/* Where a payload is read; begins as { payload }. */
struct admin_payload {
	const char *at;
	int64_t version; /* 0: not yet known */
};

/* The next event of it; false at the end, or where it cannot be read. */
bool admin_payload_next(struct admin_payload *payload, struct vd_admin_event *event);

#endif
