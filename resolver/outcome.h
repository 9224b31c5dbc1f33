/* SPDX-License-Identifier: Apache-2.0 */
/* outcome.h: a resolved batch as rows: what is stored of its verdicts, and what the fence must check.
 *
 * The forms are those of the migrations. Everything lives in batch->work; false means that it is at its
 * limit. One thread.
 */
#ifndef VD_RESOLVER_OUTCOME_H
#define VD_RESOLVER_OUTCOME_H

#include "resolver/batch.h"

/* Sets batch->rows, but for forget. */
VD_MUST_USE bool vd_outcome_rows(struct vd_batch *batch);

/* Adds the acknowledgements that are due: those unwritten since before `before_us`, up to `most` of them. They count
 * as being written from here on. */
VD_MUST_USE bool vd_outcome_forget(
	struct vd_batch *batch, struct vd_clients *clients, int64_t before_us, size_t most);

#endif
