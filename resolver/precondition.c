/* SPDX-License-Identifier: Apache-2.0 */
/* precondition.c: see precondition.h. */
#include "resolver/precondition.h"

#include "resolver/presence.h"

static bool holds(const struct vd_batch *batch, const struct vd_precondition *precondition)
{
	if (precondition->kind == VD_REQUIRE_EMPTY)
		return vd_presence_is_empty(batch, vd_range_of(precondition->key, precondition->value));
	struct vd_overlay_view view = vd_overlay_get(batch->overlay, precondition->key);
	VD_ASSERT(view.state == VD_OVERLAY_PRESENT || view.state == VD_OVERLAY_ABSENT);
	bool is_present = view.state == VD_OVERLAY_PRESENT;
	if (precondition->kind == VD_REQUIRE_VALUE)
		return is_present && vd_bytes_equal(view.value, precondition->value);
	return is_present == (precondition->kind == VD_REQUIRE_PRESENT);
}

int vd_preconditions_judge(const struct vd_batch *batch, const struct vd_request *request)
{
	for (size_t i = 0; i < request->precondition_count; i++)
		if (!holds(batch, &request->preconditions[i]))
			return VD_CODE_PRECONDITION_FAILED;
	return 0;
}
