/* SPDX-License-Identifier: Apache-2.0 */
/* Scan: walks a range of keys as a transaction sees it: stored rows under its own writes, forward or in reverse.
 *
 * The walk goes as far as it can with what it was given, and says which stretch of stored rows it needs next; so it knows
 * nothing of SQL, and holds one stretch at a time whatever the range's size. Rows are told to a sink in order; the sink may
 * say that it has enough.
 *
 * Where atomic ops wait for what is stored, the scan supplies it to the overlay. Pure; one thread at a time.
 */
#ifndef VD_FOLLOWER_SCAN_H
#define VD_FOLLOWER_SCAN_H

#include "common/kv/range.h"

struct vd_overlay;

struct vd_stored_row {
	struct vd_bytes key;
	struct vd_bytes value; /* empty if only keys were asked for */
};

/* All rows that are stored in a range, in the direction of the scan. */
struct vd_stored {
	struct vd_range range;
	const struct vd_stored_row *rows;
	size_t count;
	bool has_values; /* else the values are empty, and serve no op that waits for one */
};

/* What the scan needs next: the rows from the near end of the range on, as many as one likes but at least one. */
struct vd_scan_want {
	struct vd_range range;
	bool needs_values; /* also if the caller does not: ops wait for them */
	size_t extra_rows; /* about as many of the rows will be answered by own writes */
};

enum vd_scan_result {
	VD_SCAN_END,        /* the range is through */
	VD_SCAN_ENOUGH,     /* the sink said so */
	VD_SCAN_FETCH,      /* *want is needed; go on with it */
	VD_SCAN_UNREADABLE, /* came upon a key that is known only after the commit: 1036 */
	VD_SCAN_NO_MEMORY,
};

/* Returns true to go on, false for enough. Key and value are borrowed for the call. */
typedef bool vd_scan_sink(void *arg, struct vd_bytes key, struct vd_bytes value);

struct vd_scan {
	struct vd_overlay *overlay; /* NULL: stored rows show through everywhere */
	struct vd_arena
		*value_arena;     /* where stored values are copied that the overlay keeps; lives as long as it */
	struct vd_range rest; /* what is still to come; borrows */
	bool is_reverse;
	bool bypasses_unreadable;
};

/* stored: NULL at first, then what was wanted; its range must begin (in reverse: end) where the rest does, and its keys must
 * outlive the scan. */
VD_MUST_USE enum vd_scan_result vd_scan_run(struct vd_scan *scan, const struct vd_stored *stored,
	vd_scan_sink *sink, void *arg, struct vd_scan_want *want);

#endif
