/* SPDX-License-Identifier: Apache-2.0 */
/* Anybody with the follower's role may put any bytes into the queue. Whatever they are: they are refused with a number, or they
 * are a request, which validation and the walk over its writes survive, and which encodes to bytes that decode to the
 * same again. */
#include "common/base/arena.h"
#include "common/kv/codec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct vd_arena *arena, const struct vd_request *request)
{
	struct vd_limits limits = VD_LIMITS_DEFAULT;
	struct vd_refusal refusal;
	if (vd_request_validate(request, &limits, &refusal) != 0) {
		VD_ASSERT(refusal.what != NULL);
		return;
	}
	VD_ASSERT(request->is_lock_aware || !vd_request_writes_system(request));
	struct vd_bytes last = request->is_lock_aware ? VD_SYSTEM_KEYS_END : VD_KEYS_END;
	struct vd_write_walk walk = vd_write_walk_of(request, (struct vd_stamp){ 1, 2 }, arena);
	struct vd_range range;
	while (vd_write_walk_next(&walk, &range))
		VD_ASSERT(vd_bytes_less(range.begin, range.end) && vd_bytes_compare(range.end, last) <= 0);
	VD_ASSERT(!walk.failed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vd_arena arena;
	struct vd_request request;
	struct vd_request again;
	struct vd_bytes once;
	struct vd_bytes twice;
	const char *why = NULL;
	vd_arena_init(&arena, SIZE_MAX);
	int code = vd_request_decode(&arena, vd_bytes_of(data, size), &request, &why);
	if (code == 0) {
		use(&arena, &request);
		VD_ASSERT(vd_request_encode(&arena, &request, &once));
		VD_ASSERT(vd_request_decode(&arena, once, &again, NULL) == 0);
		VD_ASSERT(vd_request_encode(&arena, &again, &twice));
		VD_ASSERT(vd_bytes_equal(once, twice) && again.mutation_count == request.mutation_count);
	} else {
		VD_ASSERT(why != NULL &&
				  (code == VD_CODE_CLIENT_INVALID_OPERATION || code == VD_CODE_TRANSACTION_TOO_LARGE));
	}
	vd_arena_fini(&arena);
	return 0;
}
