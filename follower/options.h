/* SPDX-License-Identifier: Apache-2.0 */
/* Options: what may be set on a transaction, in one table. Pure.
 *
 * They outlive reset and on_error; the one exception is next_write_no_write_conflict_range, which the next write uses up
 * and a reset forgets.
 */
#ifndef VD_FOLLOWER_OPTIONS_H
#define VD_FOLLOWER_OPTIONS_H

#include "common/base/check.h"

#include <stdbool.h>
#include <stdint.h>

struct vd_database_settings;

struct vd_options {
	int64_t timeout_ms;  /* 0: none */
	int64_t retry_limit; /* −1: none */
	int64_t max_retry_delay_ms;
	int64_t size_limit_bytes;
	int64_t snapshot_ryw; /* snapshot reads see own writes while it is above 0 */
	bool next_write_no_conflict;
	bool read_your_writes_disabled;
	bool bypass_unreadable;
	bool read_system_keys;
	bool access_system_keys; /* reads and writes them */
	bool lock_aware;         /* reads and writes a locked store */
	bool read_lock_aware;    /* only reads one */
	bool report_conflicting_keys;
	bool long_snapshot;
};

void vd_options_init(struct vd_options *options, const struct vd_database_settings *settings);

/* is_used: the transaction has read or written, so that some options come too late. 0, 2007 (unknown), 2006 (its value), 2000
 * (too late). */
VD_MUST_USE int vd_options_set(struct vd_options *options, const char *name, const char *value, bool is_used);

#endif
