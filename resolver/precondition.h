/* SPDX-License-Identifier: Apache-2.0 */
/* precondition.h: does what a request demands hold at its turn: over what is stored, the batch below, and the winners of its
 * own batch so far? Pure.
 */
#ifndef VD_RESOLVER_PRECONDITION_H
#define VD_RESOLVER_PRECONDITION_H

#include "resolver/batch.h"

/* 0, or VD_CODE_PRECONDITION_FAILED. The overlay and the presence must know what vd_fold_wants and vd_presence_wants asked
 * for. */
int vd_preconditions_judge(const struct vd_batch *batch, const struct vd_request *request);

#endif
