/* SPDX-License-Identifier: Apache-2.0 */
/* get_range.c: the rows between two selectors, as many as asked for.
 *
 *   begin ─▶ end ─▶ rows
 *
 * A selector that names a bound by itself (first_greater_or_equal, first_greater_than) needs no step of its own.
 */
#include "follower/get_range.h"

#include "common/base/codes.h"
#include "follower/special.h"
#include "follower/walk.h"

#include <stdlib.h>

struct get_range {
	struct vd_read read; /* first */
	struct vd_arena arena;
	struct vd_locate locate;
	struct vd_walk walk;
	struct vd_seek begin;
	struct vd_seek end;
	struct vd_range range;
	bool is_reverse;
	bool is_full; /* a limit was reached */
	bool no_memory;
	struct vd_range_owner owner;
	struct {
		VD_VECTOR(struct vd_row);
	} rows;
};

void vd_range_read_disown(struct vd_read *read)
{
	struct get_range *get = (struct get_range *)read;
	if (get->owner.slot != NULL)
		*get->owner.slot = NULL;
	get->owner = (struct vd_range_owner){ 0 };
}

void vd_range_read_claim(struct vd_read *read, bool is_snapshot)
{
	read->is_snapshot = is_snapshot;
	read->is_ahead = false;
}

static void get_range_free(struct vd_read *read)
{
	struct get_range *get = (struct get_range *)read;
	vd_range_read_disown(read);
	vd_vector_fini(&get->rows);
	vd_arena_fini(&get->arena);
	free(get);
}

/* ---- rows ---- */

static bool rows_sink(void *arg, struct vd_bytes key, struct vd_bytes value)
{
	struct get_range *get = arg;
	struct vd_arena *arena = vd_future_arena(get->read.future);
	struct vd_bytes kept_key;
	struct vd_bytes kept_value;
	if (!vd_bytes_dup(arena, key, &kept_key) || !vd_bytes_dup(arena, value, &kept_value) ||
		!vd_vector_push(
			&get->rows, (struct vd_row){ kept_key.data, kept_key.size, kept_value.data, kept_value.size })) {
		get->no_memory = true;
		return false;
	}
	get->walk.rows--;
	get->walk.bytes -= vd_row_bytes(key, value);
	get->is_full = get->walk.rows <= 0 || get->walk.bytes <= 0;
	return !get->is_full;
}

/* Cut at the last row returned when there may be more. */
static bool rows_conflict(struct get_range *get)
{
	struct vd_range range = get->range;
	if (get->is_full) {
		const struct vd_row *last = &get->rows.items[get->rows.count - 1];
		struct vd_bytes key = vd_bytes_of(last->key, last->key_size);
		if (get->is_reverse)
			range.begin = key;
		else if (!vd_bytes_successor(&get->arena, key, &range.end))
			return false;
	}
	return vd_walk_conflict(&get->walk, range);
}

static int rows_give(struct get_range *get)
{
	struct vd_future *future = get->read.future;
	struct vd_range_owner owner = get->owner;
	struct vd_row *rows = vd_arena_array(vd_future_arena(future), get->rows.count, sizeof *rows);
	bool more = get->is_full;
	if (rows == NULL || get->no_memory)
		return VD_CODE_NO_MEMORY;
	if (get->rows.count > 0)
		memcpy(rows, get->rows.items, get->rows.count * sizeof *rows);
	if (!rows_conflict(get))
		return VD_CODE_TRANSACTION_TOO_LARGE;
	vd_range_read_disown(&get->read);
	if (owner.take != NULL && !vd_future_is_abandoned(future))
		more = owner.take(owner.arg, get->range, rows, get->rows.count, get->is_full);
	vd_future_set_rows(future, rows, get->rows.count, more);
	return 0;
}

static void on_rows(void *arg, int code, const char *message)
{
	struct get_range *get = arg;
	if (code == 0)
		code = rows_give(get);
	vd_read_end(&get->read, code, message);
}

/* ---- begin, end, rows ---- */

static void go_rows(struct get_range *get)
{
	/* begin at or after end: empty, and no error; what the selectors read is what it depends on */
	if (vd_range_is_empty(get->range))
		get->range.end = get->range.begin;
	vd_walk_start(&get->walk, get->range, get->is_reverse);
}

static void on_end(void *arg, int code, const char *message)
{
	struct get_range *get = arg;
	if (code != 0) {
		vd_read_end(&get->read, code, message);
		return;
	}
	get->range.end = get->locate.key;
	go_rows(get);
}

static void go_end(struct get_range *get)
{
	if (!vd_seek_is_point(&get->end)) {
		vd_locate_start(&get->locate, &get->read, &get->arena, &get->end, on_end, get);
		return;
	}
	get->range.end = vd_bytes_min(get->end.point, vd_transaction_last_key(get->read.transaction));
	go_rows(get);
}

static void on_begin(void *arg, int code, const char *message)
{
	struct get_range *get = arg;
	if (code != 0) {
		vd_read_end(&get->read, code, message);
		return;
	}
	get->range.begin = get->locate.key;
	go_end(get);
}

static void go_begin(struct get_range *get)
{
	if (!vd_seek_is_point(&get->begin)) {
		vd_locate_start(&get->locate, &get->read, &get->arena, &get->begin, on_begin, get);
		return;
	}
	get->range.begin = get->begin.point;
	go_end(get);
}

void vd_range_read_start(struct vd_transaction *transaction, const struct vd_selector *begin,
	const struct vd_selector *end, const struct vd_range_job *job, struct vd_future **future)
{
	struct get_range *get =
		vd_read_new(transaction, sizeof *get, VD_FUTURE_ROWS, job->is_snapshot, get_range_free, future);
	if (get == NULL)
		return;
	size_t key_limit = transaction->database->settings.limits.key_bytes;
	vd_arena_init(&get->arena, SIZE_MAX);
	get->is_reverse = job->is_reverse;
	get->owner = job->owner;
	if (get->owner.slot != NULL)
		*get->owner.slot = &get->read;
	get->read.is_ahead = job->is_ahead;
	get->read.is_snapshot |= job->is_ahead;
	get->walk = (struct vd_walk){
		.read = &get->read,
		.arena = &get->arena,
		.sink = rows_sink,
		.arg = get,
		.with_values = true,
		.rows = job->limits.rows,
		.bytes = job->limits.bytes,
		.done = on_rows,
	};
	if (vd_seek_of(begin, key_limit, &get->arena, &get->begin) &&
		vd_seek_of(end, key_limit, &get->arena, &get->end))
		go_begin(get);
	else
		vd_read_end(&get->read, VD_CODE_NO_MEMORY, NULL);
}

static struct vd_future *get_range(struct vd_transaction *transaction, const struct vd_selector *begin,
	const struct vd_selector *end, const struct vd_range_options *options)
{
	struct vd_fault fault = { 0 };
	struct vd_future *future;
	struct vd_range_job job = { .is_reverse = options->reverse, .is_snapshot = options->snapshot };
	if (vd_special_spans(begin, end))
		return vd_special_get_range(transaction, begin, end, options);
	if (vd_transaction_check(transaction, &fault) != 0 ||
		vd_selector_check(transaction, begin, &fault) != 0 ||
		vd_selector_check(transaction, end, &fault) != 0 ||
		vd_range_limits_of(options, &job.limits, &fault) != 0)
		return vd_transaction_failed(transaction, &fault);
	vd_range_read_start(transaction, begin, end, &job, &future);
	return future;
}

struct vd_future *vd_transaction_get_range(struct vd_transaction *transaction,
	const struct vd_selector *begin, const struct vd_selector *end, const struct vd_range_options *options)
{
	static const struct vd_range_options all = { .mode = VD_STREAMING_WANT_ALL };
	if (vd_guard_enter(transaction->guard) != 0)
		return vd_transaction_forked(transaction);
	struct vd_future *future = get_range(transaction, begin, end, options != NULL ? options : &all);
	vd_guard_leave(transaction->guard);
	return future;
}
