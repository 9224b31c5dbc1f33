/* SPDX-License-Identifier: Apache-2.0 */
/* measure.c: about how much is stored in a range, and where to cut it into pieces of about equal size.
 *
 *   count ─▶ told, if it reached the end
 *     └─ sample ─▶ told
 *
 * What is stored counts; own writes do not, and nothing becomes a conflict.
 */
#include "common/base/codes.h"
#include "common/text/escape.h"
#include "follower/read.h"

#include <stdlib.h>
#include <string.h>

struct measure {
	struct vd_read read; /* first */
	struct vd_arena arena;
	struct vd_range range;
	int64_t chunk_bytes; /* 0: the size is asked for */
	int64_t counted_bytes;
};

static void measure_free(struct vd_read *read)
{
	struct measure *measure = (struct measure *)read;
	vd_arena_fini(&measure->arena);
	free(measure);
}

static void ask(struct measure *measure, bool is_sample, int64_t chunk_bytes, vd_fetch_handler *handler)
{
	struct vd_read *read = &measure->read;
	struct vd_transaction *transaction = read->transaction;
	struct vd_range range = vd_range_clamp(measure->range, transaction->database->settings.limits.key_bytes);
	const char *message;
	int code = vd_read_join(transaction, &message);
	if (code == 0 && (read->fetch = vd_fetch_measure(
						  &transaction->member, range, is_sample, chunk_bytes, handler, measure)) == NULL)
		code = VD_CODE_NO_MEMORY;
	if (code != 0)
		vd_read_end(read, code, message);
}

/* ---- the size ---- */

static void size_answer(struct measure *measure, int64_t bytes)
{
	vd_future_set_size(measure->read.future, bytes);
	vd_read_end(&measure->read, 0, NULL);
}

static void on_sampled(void *arg, const struct vd_fetched *fetched)
{
	struct measure *measure = arg;
	measure->read.fetch = NULL;
	if (fetched->code != 0)
		vd_read_end(&measure->read, fetched->code, fetched->message);
	else /* there is no less than what was counted */
		size_answer(
			measure, fetched->bytes < measure->counted_bytes ? measure->counted_bytes : fetched->bytes);
}

/* ---- the cuts ---- */

static bool add_key(struct vd_arena *arena, struct vd_bytes key, struct vd_key *to)
{
	struct vd_bytes copy;
	if (!vd_bytes_dup(arena, key, &copy))
		return false;
	*to = (struct vd_key){ copy.data, copy.size };
	return true;
}

/* Begin, cuts, end. */
static bool give_cuts(struct measure *measure, const struct vd_stored_row *rows, size_t row_count)
{
	struct vd_arena *arena = vd_future_arena(measure->read.future);
	struct vd_key *keys = vd_arena_array(arena, row_count + 2, sizeof *keys);
	size_t count = 0;
	if (keys == NULL || !add_key(arena, measure->range.begin, &keys[count++]))
		return false;
	for (size_t i = 0; i < row_count; i++)
		if (!add_key(arena, rows[i].key, &keys[count++]))
			return false;
	if (!vd_range_is_empty(measure->range) && !add_key(arena, measure->range.end, &keys[count++]))
		return false;
	vd_future_set_keys(measure->read.future, keys, count);
	return true;
}

static void on_cuts(void *arg, const struct vd_fetched *fetched)
{
	struct measure *measure = arg;
	int code = fetched->code;
	measure->read.fetch = NULL;
	if (code == 0 && !give_cuts(measure, fetched->rows, fetched->count))
		code = VD_CODE_NO_MEMORY;
	vd_read_end(&measure->read, code, fetched->message);
}

/* ---- count first ---- */

static void on_counted(void *arg, const struct vd_fetched *fetched)
{
	struct measure *measure = arg;
	measure->read.fetch = NULL;
	measure->counted_bytes = fetched->bytes;
	if (fetched->code != 0)
		vd_read_end(&measure->read, fetched->code, fetched->message);
	else if (measure->chunk_bytes > 0)
		ask(measure, !fetched->is_complete, measure->chunk_bytes, on_cuts);
	else if (!fetched->is_complete)
		ask(measure, true, 0, on_sampled);
	else
		size_answer(measure, fetched->bytes);
}

static int range_check(
	const struct vd_transaction *transaction, struct vd_range range, struct vd_fault *fault)
{
	int code = vd_transaction_check(transaction, fault);
	if (code != 0)
		return code;
	if (vd_bytes_compare(range.begin, range.end) > 0)
		return vd_fault_set(fault, VD_CODE_INVERTED_RANGE, "%s", "");
	if (vd_bytes_less(vd_transaction_last_key(transaction), range.end))
		return vd_fault_set(fault, VD_CODE_KEY_OUTSIDE_LEGAL_RANGE, "key is not the user's to read: %s",
			VD_ESCAPE_SHORT(range.end));
	return 0;
}

static struct vd_future *measure_start(
	struct vd_transaction *transaction, struct vd_range range, enum vd_future_kind kind, int64_t chunk_bytes)
{
	struct vd_fault fault = { 0 };
	struct vd_future *future;
	if (range_check(transaction, range, &fault) == 0 && kind == VD_FUTURE_KEYS && chunk_bytes <= 0)
		vd_fault_set(&fault, VD_CODE_CLIENT_INVALID_OPERATION, "chunks are to have a size above 0");
	if (fault.code != 0)
		return vd_transaction_failed(transaction, &fault);
	struct measure *measure = vd_read_new(transaction, sizeof *measure, kind, true, measure_free, &future);
	if (measure == NULL)
		return NULL;
	vd_arena_init(&measure->arena, SIZE_MAX);
	measure->chunk_bytes = chunk_bytes;
	if (vd_bytes_dup(&measure->arena, range.begin, &measure->range.begin) &&
		vd_bytes_dup(&measure->arena, range.end, &measure->range.end))
		ask(measure, false, 0, on_counted);
	else
		vd_read_end(&measure->read, VD_CODE_NO_MEMORY, NULL);
	return future;
}

static struct vd_future *measure_enter(
	struct vd_transaction *transaction, struct vd_range range, enum vd_future_kind kind, int64_t chunk_bytes)
{
	if (vd_guard_enter(transaction->guard) != 0)
		return vd_transaction_forked(transaction);
	struct vd_future *future = measure_start(transaction, range, kind, chunk_bytes);
	vd_guard_leave(transaction->guard);
	return future;
}

struct vd_future *vd_transaction_get_estimated_range_size(struct vd_transaction *transaction,
	const void *begin, size_t begin_size, const void *end, size_t end_size)
{
	struct vd_range range = vd_range_of(vd_bytes_of(begin, begin_size), vd_bytes_of(end, end_size));
	return measure_enter(transaction, range, VD_FUTURE_SIZE, 0);
}

struct vd_future *vd_transaction_get_range_split_points(struct vd_transaction *transaction, const void *begin,
	size_t begin_size, const void *end, size_t end_size, int64_t chunk_bytes)
{
	struct vd_range range = vd_range_of(vd_bytes_of(begin, begin_size), vd_bytes_of(end, end_size));
	return measure_enter(transaction, range, VD_FUTURE_KEYS, chunk_bytes);
}
