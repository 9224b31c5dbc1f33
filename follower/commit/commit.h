/* SPDX-License-Identifier: Apache-2.0 */
/* Commit: the one way from an encoded request to its verdict.
 *
 * 1. A commit is submitted once and told once: the handler runs from the loop, later, under the guard, exactly once, and
 *    after it the commit is gone. Between the two lie resends, looks and reconnects, of which nobody else knows.
 * 2. The verdict is exact. VD_CODE_COMMIT_UNKNOWN_RESULT is told only if the database forgot us (purged, restored), or if
 *    the commit was given up and the database was not to be reached for VD_COMMIT_PATIENCE_MS from then on.
 * 3. Giving up is a wish: the commit is told VD_CODE_TRANSACTION_CANCELLED if it is certain that it is not and never will be
 *    committed, else its true verdict. Time-outs are the transaction's: it gives up and tells its user 1031 where the
 *    commit is told 1025.
 * 4. Without a connection commits wait. At most settings.max_in_flight, and 64 MB, are with the database, the others wait here.
 *
 * The functions may be called with the guard entered, on any thread.
 */
#ifndef VD_FOLLOWER_COMMIT_COMMIT_H
#define VD_FOLLOWER_COMMIT_COMMIT_H

#include "common/base/bytes.h"
#include "common/base/codes.h"

#include <stdbool.h>
#include <stdint.h>

struct vd_commit;
struct vd_database;

enum {
	VD_COMMIT_PATIENCE_MS = 1000,
	VD_COMMIT_FURTHER_BYTES = 12, /* of one in struct vd_verdict's `further` */
};

struct vd_verdict {
	/* 0: committed; 1020 conflict; 1007 too old; 1021, 1025 as above; else the reason of the refusal */
	int code;
	/* of the batch that decided it; 0 if no batch did */
	uint64_t version;
	/* of a commit: its place in the batch; version and order make the versionstamp */
	uint16_t order;
	/* of a conflict: the index of the first read range in the request that lost, and the version that it lost to (0: not known) */
	uint32_t conflict_range;
	uint64_t conflict_version;
	/* of a commit with sequenced keys: the first number of the counter that it names first */
	uint64_t number;
	/* of a conflict: the further ranges that lost, if the request asked for them; 12 bytes each, big-endian: index (4) and
	 * version (8). Of a commit: the further counters, in the order in which it names them: index (4) and first number (8).
	 * Borrowed until the handler returns. */
	struct vd_bytes further;
	/* the server's message of a 7002, or why the outcome is unknown; "" else. Borrowed until the handler returns. */
	const char *message;
};

typedef void vd_commit_handler(void *arg, const struct vd_verdict *verdict);

/* payload: vd_request_encode's; copied. NULL without memory: nothing was submitted, the handler does not run. */
VD_MUST_USE struct vd_commit *vd_commit_submit(
	struct vd_database *database, struct vd_bytes payload, vd_commit_handler *handler, void *arg);

/* See 3. The handler runs later, never from inside; calling it again does nothing. */
void vd_commit_give_up(struct vd_commit *commit);

#endif
