/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verdict_words.h"

#include <verdict/verdict.h>

static const char *const words[VD_KIND_COUNT] = {
	[VD_KIND_COMMITTED] = "committed",
	[VD_KIND_CONFLICT] = "conflict",
	[VD_KIND_TOO_OLD] = "too_old",
	[VD_KIND_REJECTED] = "rejected",
	[VD_KIND_CANCELLED] = "cancelled",
	[VD_KIND_UNKNOWN] = "unknown",
};

enum vd_verdict_kind vd_verdict_kind(int code)
{
	switch (code) {
	case VD_ERROR_NONE:
		return VD_KIND_COMMITTED;
	case VD_ERROR_NOT_COMMITTED:
		return VD_KIND_CONFLICT;
	case VD_ERROR_TRANSACTION_TOO_OLD:
		return VD_KIND_TOO_OLD;
	case VD_ERROR_TRANSACTION_CANCELLED:
	case VD_ERROR_TRANSACTION_TIMED_OUT:
	case VD_ERROR_OPERATION_CANCELLED:
		return VD_KIND_CANCELLED;
	case VD_ERROR_COMMIT_UNKNOWN_RESULT:
		return VD_KIND_UNKNOWN;
	default:
		return VD_KIND_REJECTED;
	}
}

const char *vd_verdict_kind_word(enum vd_verdict_kind kind)
{
	return words[kind];
}

const char *vd_verdict_word(int code)
{
	return words[vd_verdict_kind(code)];
}
