/* SPDX-License-Identifier: Apache-2.0 */
/* append.h: what an append is made of.
 *
 *   append.c    what it brings
 *   write.c     as mutations and preconditions of a transaction
 *   commit.c    its commit, and how it ended
 *   look.c      which of its demands failed, or whether it was done before
 */
#ifndef VD_EVENTS_APPEND_H
#define VD_EVENTS_APPEND_H

#include "common/base/arena.h"
#include "common/base/vector.h"
#include "events/keys.h"

#include <uthash.h>

/* A stream that it names. */
struct vd_events_part {
	UT_hash_handle hh;
	struct vd_bytes name; /* NUL-terminated, in the arena */
	int64_t expected;
	uint32_t event_count;
	uint32_t first_event;  /* the place of its first one in the append */
	int64_t first_version; /* once it is done */
};

/* An event of it. */
struct vd_events_entry {
	struct vd_events_part *part;
	const char *type;
	const uint8_t *id;
	struct vd_bytes record;
};

struct vd_events_append {
	struct vd_events *events;
	atomic_uint references; /* the user's, and one while it is under way */
	struct vd_arena arena;
	struct vd_events_part *parts; /* a hash, in order of their coming */
	struct {
		VD_VECTOR(struct vd_events_entry);
	} entries;
	bool has_request_id;
	uint8_t request_id[16];
	bool is_begun;
	/* under way */
	struct vd_transaction *transaction;
	struct vd_future *future; /* the user's */
	/* how it ended */
	bool is_done;
	bool is_duplicate;
	uint8_t stamp[VD_EVENTS_STAMP_BYTES];
	struct vd_events_position first_position, last_position;
	char message[256];
};

void vd_events_append_unref(struct vd_events_append *append);

/* Whether a second one like it would be told from the first. */
bool vd_events_append_can_repeat(const struct vd_events_append *append);

/* ---- write.c ---- */

/* Everything, into a fresh transaction. */
int vd_events_append_write(const struct vd_events_append *append, struct vd_transaction *transaction);

/* ---- look.c ---- */

enum vd_events_finding {
	VD_EVENTS_FOUND_DUPLICATE, /* versions and positions are filled in */
	VD_EVENTS_FOUND_WRONG,     /* the message says what */
	VD_EVENTS_FOUND_NOTHING,   /* what failed holds by now */
	VD_EVENTS_FOUND_ERROR,     /* code and message of a read */
};

/* Reads, in a fresh transaction, what a refusal can be explained by; calls back once, on the loop. */
void vd_events_look_begin(struct vd_events_append *append,
	void (*callback)(struct vd_events_append *append, enum vd_events_finding finding, int code));

#endif
