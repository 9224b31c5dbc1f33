/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/limits.h"

#include "common/base/codes.h"

int64_t vd_iteration_bytes(int iteration)
{
	enum { FIRST = 4096, MOST = 120000 };
	double bytes = FIRST;
	for (int i = 1; i < iteration && bytes < MOST; i++)
		bytes *= 1.5;
	return bytes < MOST ? (int64_t)bytes : MOST;
}

/* What a mode allows at a time, in bytes; −1: no such mode. */
static int64_t mode_bytes(enum vd_streaming_mode mode, int iteration)
{
	switch (mode) {
	case VD_STREAMING_EXACT:
		return INT64_MAX;
	case VD_STREAMING_SMALL:
		return 256;
	case VD_STREAMING_MEDIUM:
		return 1000;
	case VD_STREAMING_LARGE:
		return 4096;
	case VD_STREAMING_SERIAL:
	case VD_STREAMING_WANT_ALL:
		return 80000;
	case VD_STREAMING_ITERATOR:
		return iteration < 1 ? -1 : vd_iteration_bytes(iteration);
	}
	return -1;
}

int vd_range_limits_of(
	const struct vd_range_options *options, struct vd_range_limits *limits, struct vd_fault *fault)
{
	if (options->limit < 0 || options->target_bytes < 0)
		return vd_fault_set(fault, VD_CODE_RANGE_LIMITS_INVALID, "%s", "");
	limits->rows = options->limit == 0 ? INT64_MAX : options->limit;
	limits->bytes = options->target_bytes == 0 ? INT64_MAX : options->target_bytes;
	if (options->mode == VD_STREAMING_EXACT && options->limit == 0 && options->target_bytes == 0)
		return vd_fault_set(fault, VD_CODE_EXACT_MODE_WITHOUT_LIMITS, "%s", "");
	int64_t mode = mode_bytes(options->mode, options->iteration);
	if (mode < 0)
		return vd_fault_set(
			fault, VD_CODE_CLIENT_INVALID_OPERATION, "no such streaming mode, or an iteration below 1");
	if (mode < limits->bytes)
		limits->bytes = mode;
	return 0;
}
