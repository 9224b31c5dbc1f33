/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/conflicting.h"

#include "common/base/endian.h"
#include "common/text/escape.h"
#include "follower/commit/commit.h"
#include "follower/transaction.h"

#include <inttypes.h>
#include <stdio.h>

static void keep_one(struct vd_conflict *items, size_t *count, const struct vd_range *reads,
	size_t read_count, uint32_t place, uint64_t version)
{
	if (place >= read_count)
		return;
	const struct vd_range *range = &reads[place];
	items[(*count)++] = (struct vd_conflict){ .begin = range->begin.data,
		.begin_size = range->begin.size,
		.end = range->end.data,
		.end_size = range->end.size,
		.version = (int64_t)version };
}

void vd_conflicting_keep(struct vd_conflicting *conflicting, struct vd_arena *arena,
	const struct vd_range *reads, size_t read_count, const struct vd_verdict *verdict)
{
	const uint8_t *further = verdict->further.data;
	size_t further_count = verdict->further.size / VD_COMMIT_FURTHER_BYTES;
	size_t count = 0;
	struct vd_conflict *items = vd_arena_array(arena, 1 + further_count, sizeof *items);
	if (items == NULL)
		return;
	keep_one(items, &count, reads, read_count, verdict->conflict_range, verdict->conflict_version);
	for (size_t i = 0; i < further_count; i++, further += VD_COMMIT_FURTHER_BYTES)
		keep_one(items, &count, reads, read_count, vd_load_be32(further), vd_load_be64(further + 4));
	*conflicting = (struct vd_conflicting){ items, count };
}

const char *vd_conflicting_text(const struct vd_conflicting *conflicting, char *to, size_t size)
{
	const struct vd_conflict *first = conflicting->items;
	to[0] = '\0';
	if (conflicting->count > 0)
		snprintf(to, size,
			"the range from %s to %s was read, and has been written since, at version %" PRId64,
			VD_ESCAPE_SHORT(vd_bytes_of(first->begin, first->begin_size)),
			VD_ESCAPE_SHORT(vd_bytes_of(first->end, first->end_size)), first->version);
	return to;
}

int vd_transaction_get_conflicts(
	const struct vd_transaction *transaction, const struct vd_conflict **conflicts, size_t *count)
{
	int code = vd_guard_enter(transaction->guard);
	if (code != 0)
		return code;
	if (transaction->conflicting.count > 0) {
		*conflicts = transaction->conflicting.items;
		*count = transaction->conflicting.count;
	} else {
		code = VD_CODE_CLIENT_INVALID_OPERATION;
	}
	vd_guard_leave(transaction->guard);
	return code;
}

int vd_transaction_get_conflict(const struct vd_transaction *transaction, const uint8_t **begin,
	size_t *begin_size, const uint8_t **end, size_t *end_size, int64_t *version)
{
	const struct vd_conflict *first;
	size_t count;
	int code = vd_transaction_get_conflicts(transaction, &first, &count);
	if (code != 0)
		return code;
	*begin = first->begin;
	*begin_size = first->begin_size;
	*end = first->end;
	*end_size = first->end_size;
	*version = first->version;
	return 0;
}
