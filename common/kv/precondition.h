/* SPDX-License-Identifier: Apache-2.0 */
/* precondition.h: what a request demands of the store when its turn comes; if it is otherwise, the request is rejected.
 *
 * It speaks of what is there before the request's own mutations. It is judged without any read by the worker, adds no
 * conflict range, and owns nothing.
 */
#ifndef VD_COMMON_KV_PRECONDITION_H
#define VD_COMMON_KV_PRECONDITION_H

#include "common/base/bytes.h"

#include <stdint.h>

enum vd_precondition_kind {
	VD_REQUIRE_VALUE = 1,   /* the key is there, with exactly this value */
	VD_REQUIRE_PRESENT = 2, /* the key is there; no value */
	VD_REQUIRE_ABSENT = 3,  /* the key is not there; no value */
	VD_REQUIRE_EMPTY = 4,   /* no key is in [key, value) */
};

struct vd_precondition {
	uint32_t
		kind; /* as it came: may be none of enum vd_precondition_kind until vd_request_validate has passed it */
	struct vd_bytes key;
	struct vd_bytes value;
};

#endif
