/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/walk.h"

#include "common/base/codes.h"
#include "common/text/escape.h"

/* One stretch of stored rows: bounded whatever is asked for. The statement looks at as many rows as it is allowed, however few
 * bytes are wanted, so it is allowed no more than are likely to be needed: as if each were small, or somewhat smaller than those
 * before. If they are smaller still, another stretch follows. */
enum { STRETCH_ROWS = 4096, STRETCH_BYTES = 256 * 1024, SMALL_ROW_BYTES = 16 };

/* ---- the view at the call ---- */

static bool view_rebuild(struct vd_walk *walk)
{
	const struct vd_transaction *transaction = walk->read->transaction;
	struct vd_overlay *overlay =
		vd_overlay_new(walk->arena, NULL, transaction->database->settings.limits.value_bytes);
	uint64_t least = transaction->member.has_version ? transaction->member.version : 0;
	for (size_t i = 0; overlay != NULL && i < walk->read->position; i++)
		if (!vd_overlay_apply(overlay, &transaction->mutations.items[i], least))
			return false;
	walk->scan.overlay = overlay;
	walk->scan.value_arena = walk->arena;
	walk->is_private = true;
	return overlay != NULL;
}

static bool view_take(struct vd_walk *walk)
{
	struct vd_read *read = walk->read;
	struct vd_transaction *transaction = read->transaction;
	if (!read->sees_writes || walk->is_private)
		return true;
	if (transaction->mutations.count != read->position)
		return view_rebuild(walk);
	walk->scan.overlay = transaction->overlay;
	walk->scan.value_arena = &transaction->arena;
	return true;
}

/* ---- stretch by stretch ---- */

static void walk_run(struct vd_walk *walk, const struct vd_stored *stored);

/* The stored rows that came; what they cover becomes known. */
static bool stretch_of(struct vd_walk *walk, const struct vd_fetched *fetched, struct vd_stored *stored)
{
	*stored = (struct vd_stored){
		.range = vd_range_of(walk->wanted_begin, walk->wanted_end),
		.rows = fetched->rows,
		.count = fetched->count,
		.has_values = walk->wanted_values,
	};
	if (fetched->is_complete)
		return true;
	struct vd_bytes last = fetched->rows[fetched->count - 1].key;
	return walk->scan.is_reverse ? vd_bytes_dup(walk->arena, last, &stored->range.begin)
								 : vd_bytes_successor(walk->arena, last, &stored->range.end);
}

static const char no_memory[] = "the read needs more memory than there is";

static void on_stretch(void *arg, const struct vd_fetched *fetched)
{
	struct vd_walk *walk = arg;
	struct vd_stored stored;
	walk->read->fetch = NULL;
	if (fetched->count > 0)
		walk->row_bytes = fetched->bytes * 3 / 4 / (int64_t)fetched->count + 1;
	if (fetched->code != 0)
		walk->done(walk->arg, fetched->code, fetched->message);
	else if (!view_take(walk) || !stretch_of(walk, fetched, &stored))
		walk->done(walk->arg, VD_CODE_NO_MEMORY, no_memory);
	else
		walk_run(walk, &stored);
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void fetch(struct vd_walk *walk, const struct vd_scan_want *want)
{
	struct vd_read *read = walk->read;
	const char *message;
	int64_t bytes = smaller(walk->bytes, STRETCH_BYTES);
	int64_t row_bytes = walk->row_bytes > 0 ? walk->row_bytes : SMALL_ROW_BYTES;
	int64_t rows = smaller(walk->rows, bytes / row_bytes + 1), extra = (int64_t)want->extra_rows;
	struct vd_fetch_range range = {
		.range = want->range,
		.is_reverse = walk->scan.is_reverse,
		.with_values = walk->with_values || want->needs_values,
		.rows = rows < STRETCH_ROWS - extra ? rows + extra : STRETCH_ROWS,
		.bytes = bytes,
	};
	walk->wanted_begin = want->range.begin;
	walk->wanted_end = want->range.end;
	walk->wanted_values = range.with_values;
	int code = vd_read_join(read->transaction, &message);
	if (code == 0 &&
		(read->fetch = vd_fetch_range(&read->transaction->member, &range, on_stretch, walk)) == NULL)
		code = VD_CODE_NO_MEMORY;
	if (code != 0)
		walk->done(walk->arg, code, message);
}

static void walk_run(struct vd_walk *walk, const struct vd_stored *stored)
{
	struct vd_scan_want want;
	switch (vd_scan_run(&walk->scan, stored, walk->sink, walk->arg, &want)) {
	case VD_SCAN_END:
	case VD_SCAN_ENOUGH:
		walk->done(walk->arg, 0, NULL);
		break;
	case VD_SCAN_FETCH:
		fetch(walk, &want);
		break;
	case VD_SCAN_UNREADABLE:
		walk->done(walk->arg, VD_CODE_ACCESSED_UNREADABLE, NULL);
		break;
	case VD_SCAN_NO_MEMORY:
		walk->done(walk->arg, VD_CODE_TRANSACTION_TOO_LARGE, no_memory);
		break;
	}
}

void vd_walk_start(struct vd_walk *walk, struct vd_range range, bool is_reverse)
{
	walk->is_private = false;
	walk->scan = (struct vd_scan){
		.rest = range,
		.is_reverse = is_reverse,
		.bypasses_unreadable = walk->read->bypasses_unreadable,
	};
	if (view_take(walk))
		walk_run(walk, NULL);
	else
		walk->done(walk->arg, VD_CODE_NO_MEMORY, no_memory);
}

bool vd_walk_conflict(struct vd_walk *walk, struct vd_range range)
{
	struct vd_read *read = walk->read;
	return read->is_snapshot || vd_conflicts_add_read(&read->transaction->reads, range, walk->scan.overlay);
}

/* ---- locate ---- */

static bool locate_sink(void *arg, struct vd_bytes key, struct vd_bytes value)
{
	struct vd_locate *locate = arg;
	(void)value;
	locate->walk.rows = (int64_t)--locate->left;
	if (locate->left > 0)
		return true;
	locate->is_found = vd_bytes_dup(locate->walk.arena, key, &locate->key);
	return false;
}

static void locate_done(void *arg, int code, const char *message)
{
	struct vd_locate *locate = arg;
	struct vd_walk *walk = &locate->walk;
	struct vd_bytes last = vd_transaction_last_key(walk->read->transaction);
	struct vd_range conflict;
	if (code == 0 && locate->left == 0 && !locate->is_found)
		code = VD_CODE_NO_MEMORY;
	if (!locate->is_found)
		locate->key = locate->seek.is_reverse ? VD_BYTES("") : last;
	if (code == 0 && (!vd_seek_conflict(&locate->seek, locate->is_found ? &locate->key : NULL, last,
						  walk->arena, &conflict) ||
						 !vd_walk_conflict(walk, conflict)))
		code = VD_CODE_TRANSACTION_TOO_LARGE;
	locate->done(locate->arg, code, message);
}

void vd_locate_start(struct vd_locate *locate, struct vd_read *read, struct vd_arena *arena,
	const struct vd_seek *seek, void (*done)(void *arg, int code, const char *message), void *arg)
{
	*locate = (struct vd_locate){ .seek = *seek, .left = seek->count, .done = done, .arg = arg };
	locate->walk = (struct vd_walk){
		.read = read,
		.arena = arena,
		.sink = locate_sink,
		.arg = locate,
		.rows = (int64_t)seek->count,
		.bytes = INT64_MAX,
		.done = locate_done,
	};
	vd_walk_start(
		&locate->walk, vd_seek_range(seek, vd_transaction_last_key(read->transaction)), seek->is_reverse);
}

int vd_selector_check(
	const struct vd_transaction *transaction, const struct vd_selector *selector, struct vd_fault *fault)
{
	struct vd_bytes key = vd_bytes_of(selector->key, selector->key_size);
	if (vd_bytes_compare(key, vd_transaction_last_key(transaction)) <= 0)
		return 0;
	return vd_fault_set(
		fault, VD_CODE_KEY_OUTSIDE_LEGAL_RANGE, "key is not the user's to read: %s", VD_ESCAPE_SHORT(key));
}
