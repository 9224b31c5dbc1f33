/* SPDX-License-Identifier: Apache-2.0 */
/* Future, seen from inside: made by a call, ended once by whoever works on it.
 *
 * 1. A future has two holders: the user, until vd_future_free, and the maker, until vd_future_finish. Each may be first.
 * 2. The maker fills the result (set_… copy into the future's own memory, but rows, see there) and finishes exactly once.
 *    If the future had ended already (the user cancelled it), finishing only gives up the maker's reference.
 * 3. The user's callback runs later, from the loop, exactly once; not if the future is freed before its turn.
 * 4. A cancel by the user ends the future with 1101 at once, and tells the maker by on_cancel, if there is one, that nobody
 *    waits any more; the maker still finishes it. If on_cancel says false, the future does not end by the cancel but by the
 *    maker (a submitted commit, which is decided first).
 * 5. vd_future_then is the library's own callback, beside the user's: from the loop, under the guard.
 *
 * All functions here are called with the guard entered (or from the loop). Getters are in verdict.h; reading what a future
 * that has ended holds needs no guard.
 */
#ifndef VD_FOLLOWER_FUTURE_H
#define VD_FOLLOWER_FUTURE_H

#include "common/base/arena.h"
#include "common/base/bytes.h"
#include "verdict/verdict.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vd_guard;

enum vd_future_kind {
	VD_FUTURE_NOTHING,
	VD_FUTURE_VERSION,
	VD_FUTURE_VALUE,
	VD_FUTURE_KEY,
	VD_FUTURE_ROWS,
	VD_FUTURE_SIZE,
	VD_FUTURE_KEYS,
};

/* Two references: the user's (freed by vd_future_free) and the maker's (given up by vd_future_finish). NULL without memory:
 * the public call then returns NULL. */
VD_MUST_USE struct vd_future *vd_future_make(struct vd_guard *guard, enum vd_future_kind kind);

/* A future that has ended with an error already; only the user holds it. message may be NULL: the number's sentence. */
VD_MUST_USE struct vd_future *vd_future_failed(struct vd_guard *guard, int code, const char *message);

/* The user's reference goes: vd_future_free from inside. */
void vd_future_drop(struct vd_future *future);

/* One for vd_future_new: its user ends it, with vd_future_end, and frees it. */
VD_MUST_USE struct vd_future *vd_future_of_user(struct vd_guard *guard);

/* Ends it (unless it has ended) and gives up the maker's reference: the pointer is gone. message: NULL or "" for the number's
 * own sentence; copied. */
void vd_future_finish(struct vd_future *future, int code, const char *message);

/* Before finishing with 0. False (and nothing set) without memory: finish with VD_ERROR_OUT_OF_MEMORY. */
void vd_future_set_version(struct vd_future *future, int64_t version);
VD_MUST_USE bool vd_future_set_value(struct vd_future *future, bool present, struct vd_bytes value);
VD_MUST_USE bool vd_future_set_key(struct vd_future *future, struct vd_bytes key);
void vd_future_set_size(struct vd_future *future, int64_t bytes);
/* Rows and keys are not copied: they, and what they point to, are to live in vd_future_arena. */
void vd_future_set_keys(struct vd_future *future, const struct vd_key *keys, size_t count);
void vd_future_set_rows(struct vd_future *future, const struct vd_row *rows, size_t count, bool more);
/* vd_future_free from under the guard: for a future that the library itself holds as its user. */
void vd_future_drop(struct vd_future *future);
/* Lives as long as the future; no limit. */
struct vd_arena *vd_future_arena(struct vd_future *future);

/* See 4. on_cancel returns true if the future may end with 1101 at once. It must not finish the future itself. */
void vd_future_on_cancel(struct vd_future *future, bool (*on_cancel)(void *arg), void *arg);

/* See 5. At most one; also if it has ended. */
void vd_future_then(
	struct vd_future *future, void (*callback)(struct vd_future *future, void *arg), void *arg);

/* Nobody but the maker holds it, or it has ended: its result interests nobody. */
bool vd_future_is_abandoned(const struct vd_future *future);
enum vd_future_kind vd_future_kind(const struct vd_future *future);
/* Whose it is: a user may hand the future of one database to a call of another. */
struct vd_guard *vd_future_guard(const struct vd_future *future);

#endif
