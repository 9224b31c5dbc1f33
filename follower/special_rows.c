/* SPDX-License-Identifier: Apache-2.0 */
/* special_rows.c: a transaction's sets of ranges as rows. */
#include "common/base/vector.h"
#include "common/kv/request.h"
#include "follower/special.h"

/* A set of ranges: in order, merged. */
struct set {
	const struct vd_range *ranges;
	size_t count;
};

static bool read_set(const struct vd_transaction *transaction, struct vd_arena *arena, struct set *set)
{
	set->count = vd_conflicts_count(&transaction->reads);
	return vd_conflicts_list(&transaction->reads, arena, &set->ranges);
}

/* What the leader will take for it, but that stamps and numbers are not known yet. */
static bool write_set(const struct vd_transaction *transaction, struct vd_arena *arena, struct set *set)
{
	const struct vd_member *member = &transaction->member;
	uint64_t least = member->has_version ? member->version : 0;
	struct vd_request request = {
		.mutations = transaction->mutations.items,
		.mutation_count = transaction->mutations.count,
		.write_count = vd_conflicts_count(&transaction->writes),
	};
	struct vd_range *ranges =
		vd_arena_array(arena, 2 * request.mutation_count + request.write_count, sizeof *ranges);
	if (ranges == NULL || !vd_conflicts_list(&transaction->writes, arena, &request.writes))
		return false;
	struct vd_write_walk walk = vd_write_walk_of(&request, (struct vd_stamp){ .version = least }, arena);
	size_t count = 0;
	while (vd_write_walk_next(&walk, &ranges[count]))
		count++;
	for (size_t i = 0; i < request.mutation_count; i++) {
		const struct vd_mutation *mutation = &request.mutations[i];
		bool is_stamped = mutation->op == VD_OP_SET_VERSIONSTAMPED_KEY ||
						  (mutation->op == VD_OP_SET_SEQUENCED_VALUE && mutation->is_stamped);
		if (is_stamped && !mutation->no_write_conflict &&
			!vd_stamp_range(arena, mutation->key, least, &ranges[count++]))
			return false;
		if (mutation->op == VD_OP_SET_SEQUENCED_KEY &&
			!vd_range_of_key(arena, mutation->counter, &ranges[count++]))
			return false;
	}
	set->ranges = ranges;
	set->count = vd_ranges_merge(ranges, count);
	return !walk.failed;
}

static bool conflicting_set(const struct vd_transaction *transaction, struct vd_arena *arena, struct set *set)
{
	const struct vd_conflicting *lost = &transaction->conflicting;
	size_t count = transaction->options.report_conflicting_keys ? lost->count : 0;
	struct vd_range *ranges = vd_arena_array(arena, count, sizeof *ranges);
	if (ranges == NULL)
		return false;
	for (size_t i = 0; i < count; i++)
		ranges[i] = vd_range_of(vd_bytes_of(lost->items[i].begin, lost->items[i].begin_size),
			vd_bytes_of(lost->items[i].end, lost->items[i].end_size));
	*set = (struct set){ ranges, count };
	return true;
}

/* In order of their prefixes. */
static const struct {
	const char *prefix;
	bool (*take)(const struct vd_transaction *transaction, struct vd_arena *arena, struct set *set);
} sets[] = {
	{ "\xff\xff/transaction/conflicting_keys/", conflicting_set },
	{ "\xff\xff/transaction/read_conflict_range/", read_set },
	{ "\xff\xff/transaction/write_conflict_range/", write_set },
};

/* ---- rows ---- */

static bool row_of(struct vd_arena *arena, struct vd_bytes prefix, struct vd_bytes key, struct vd_bytes value,
	struct vd_row *row)
{
	struct vd_bytes full;
	if (!vd_bytes_concat(arena, prefix, key, &full))
		return false;
	*row = (struct vd_row){ full.data, full.size, value.data, value.size };
	return true;
}

bool vd_special_rows(const struct vd_transaction *transaction, struct vd_arena *arena,
	const struct vd_row **rows, size_t *count)
{
	struct set taken[VD_COUNT(sets)];
	size_t total = 0;
	for (size_t i = 0; i < VD_COUNT(sets); i++) {
		if (!sets[i].take(transaction, arena, &taken[i]))
			return false;
		total += 2 * taken[i].count;
	}
	struct vd_row *list = vd_arena_array(arena, total, sizeof *list);
	if (list == NULL)
		return false;
	*rows = list;
	*count = total;
	for (size_t i = 0; i < VD_COUNT(sets); i++) {
		struct vd_bytes prefix = vd_bytes_of_string(sets[i].prefix);
		for (size_t at = 0; at < taken[i].count; at++) {
			struct vd_range range = taken[i].ranges[at];
			if (!row_of(arena, prefix, range.begin, VD_BYTES("1"), list++) ||
				!row_of(arena, prefix, range.end, VD_BYTES("0"), list++))
				return false;
		}
	}
	return true;
}
