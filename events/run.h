/* SPDX-License-Identifier: Apache-2.0 */
/* run.h: an entry of the feed, as bytes: some events of one stream that an append brought one behind the other. Pure.
 *
 *   format 1 · first number 8 · stream's size 2 · stream NUL · count 4 · that many types · records
 *
 * A type is as in a record; one of size 0 is that of the event before. The records are there if they are few and small, each
 * with its size (4 bytes) before it, so that the feed need not look at the stream; their stamps are none, since the entry's
 * key has it.
 */
#ifndef VD_EVENTS_RUN_H
#define VD_EVENTS_RUN_H

#include "common/base/buffer.h"
#include "events/keys.h"

enum { VD_EVENTS_RUN_NUMBER_AT = 1, VD_EVENTS_RUN_MAX = 256, VD_EVENTS_RUN_INLINE_BYTES = 1024 };

/* What goes into one: records of events. */
struct vd_events_run_part {
	const char *type;
	struct vd_bytes record;
};

void vd_events_run_add(
	struct vd_buffer *buffer, struct vd_bytes stream, const struct vd_events_run_part *parts, size_t count);

/* What stands in one. Points into its bytes. */
struct vd_events_run {
	uint64_t first_number;
	const char *stream;
	size_t stream_size;
	uint32_t count;
	bool is_inline;
	struct vd_bytes types; /* to be walked by vd_events_run_next */
	struct vd_bytes records;
	const char *type; /* of the one before */
};

bool vd_events_run_read(struct vd_bytes bytes, struct vd_events_run *run);

/* The next event's type, and its record (of no size if the run is not inline). False: the bytes are wrong. At most count times. */
bool vd_events_run_next(struct vd_events_run *run, const char **type, struct vd_bytes *record);

#endif
