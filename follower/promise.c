/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/promise.h"

#include "common/base/codes.h"
#include "common/kv/mutation.h"
#include "follower/commit/commit.h"
#include "follower/sequence.h"

struct vd_future *vd_promises_add(struct vd_promises *promises, struct vd_guard *guard, size_t counter)
{
	enum vd_future_kind kind = counter == VD_PROMISE_STAMP ? VD_FUTURE_KEY : VD_FUTURE_VERSION;
	struct vd_promise promise = { vd_future_make(guard, kind), counter };
	if (promise.future != NULL && !vd_vector_push(promises, promise))
		vd_future_finish(promise.future, VD_CODE_NO_MEMORY, NULL);
	return promise.future;
}

void vd_promises_break(struct vd_promises *promises, int code)
{
	for (size_t i = 0; i < promises->count; i++)
		vd_future_finish(promises->items[i].future, code, NULL);
	vd_vector_fini(promises);
}

static bool keep(const struct vd_promise *promise, const struct vd_verdict *verdict)
{
	if (promise->counter != VD_PROMISE_STAMP) {
		int64_t number;
		bool is_told = vd_verdict_number(verdict, promise->counter, &number);
		if (is_told)
			vd_future_set_version(promise->future, number);
		return is_told;
	}
	uint8_t stamp[VD_STAMP_BYTES];
	vd_stamp_write((struct vd_stamp){ verdict->version, verdict->order }, stamp);
	return vd_future_set_key(promise->future, vd_bytes_of(stamp, sizeof stamp));
}

void vd_promises_keep(struct vd_promises *promises, const struct vd_verdict *verdict)
{
	for (size_t i = 0; i < promises->count; i++) {
		bool is_kept = keep(&promises->items[i], verdict);
		vd_future_finish(promises->items[i].future, is_kept ? 0 : VD_CODE_NO_MEMORY, NULL);
	}
	vd_vector_fini(promises);
}
