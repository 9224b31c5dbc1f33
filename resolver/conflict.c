/* SPDX-License-Identifier: Apache-2.0 */
/* conflict.c: see conflict.h. */
#include "resolver/conflict.h"

/* The next range from *from on that has lost; false if there is none. */
static bool find_next(
	const struct vd_window *window, const struct vd_request *request, size_t *from, struct vd_lost *lost)
{
	while (*from < request->read_count) {
		size_t i = (*from)++;
		uint64_t version = vd_window_query(window, request->reads[i], request->read_version);
		if (version != 0) {
			*lost = (struct vd_lost){ (uint32_t)i, version };
			return true;
		}
	}
	return false;
}

static bool keep_further(
	const struct vd_window *window, struct vd_item *item, size_t from, struct vd_arena *arena)
{
	struct vd_lost found[VD_REQUEST_CONFLICTS_MAX - 1];
	uint16_t count = 0;
	while (count < VD_COUNT(found) && find_next(window, &item->request, &from, &found[count]))
		count++;
	if (count == 0)
		return true;
	struct vd_lost *lost = vd_arena_array(arena, count, sizeof *lost);
	if (lost == NULL)
		return false;
	memcpy(lost, found, count * sizeof *lost);
	item->lost = lost;
	item->verdict.order = count;
	return true;
}

bool vd_conflict_judge(const struct vd_window *window, struct vd_item *item, struct vd_arena *arena)
{
	size_t from = 0;
	struct vd_lost first;
	if (!find_next(window, &item->request, &from, &first))
		return true;
	item->verdict.code = VD_CODE_NOT_COMMITTED;
	item->verdict.detail_range = first.range;
	item->verdict.detail_version = first.version;
	return !item->request.reports_conflicts || keep_further(window, item, from, arena);
}
