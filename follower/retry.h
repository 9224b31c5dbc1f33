/* SPDX-License-Identifier: Apache-2.0 */
/* Retry: on_error and its wait, and the loops around body, commit and on_error.
 *
 * The rules (which number waits how long) are pure; see docs/semantics.md.
 */
#ifndef VD_FOLLOWER_RETRY_H
#define VD_FOLLOWER_RETRY_H

#include "common/base/check.h"

#include <stdbool.h>
#include <stdint.h>

struct vd_options;
struct vd_transaction;

struct vd_retry_state {
	int64_t retries;
	int64_t backoff_ms; /* of the next wait; 0: the first one */
};

/* True if the number may be tried again, with the wait before; counts the try. unit: the random factor, in [0, 1). */
VD_MUST_USE bool vd_retry_decide(
	struct vd_retry_state *state, const struct vd_options *options, int code, double unit, int64_t *wait_us);

/* Ends the wait of an on_error, if there is one. */
void vd_retry_end(struct vd_transaction *transaction, int code);

#endif
