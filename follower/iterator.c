/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/iterator.h"

#include "common/base/codes.h"
#include "follower/get_range.h"
#include "follower/walk.h"

#include <stdlib.h>
#include <string.h>

/* No longer key is ever stored: a row of a B-tree is shorter. */
enum { KEY_ROOM = 4096 };

struct vd_iterator {
	TAILQ_ENTRY(vd_iterator) link;
	struct vd_transaction *transaction; /* NULL: it was reset or freed */
	struct vd_guard *guard;
	/* what is still to come; the keys are in `bytes` */
	struct vd_selector begin;
	struct vd_selector end;
	int64_t rows;
	bool is_over;
	/* how */
	int64_t target_bytes;
	bool is_reverse;
	bool is_snapshot;
	int turn;
	/* what goes on */
	struct vd_read *read;                /* outstanding; NULL: none */
	struct vd_future *ahead;             /* a chunk that nobody has asked for yet; NULL: none */
	const struct vd_overlay *ahead_view; /* what it was read through */
	size_t ahead_position;               /* and how many mutations that had seen */
	uint8_t bytes[2][KEY_ROOM];
};

/* ---- the rest ---- */

static void keep(struct vd_selector *selector, uint8_t to[KEY_ROOM], struct vd_bytes key)
{
	VD_ASSERT(key.size < KEY_ROOM);
	if (key.size > 0)
		memmove(to, key.data, key.size);
	*selector = vd_first_greater_or_equal(to, key.size);
}

static struct vd_bytes last_of(const struct vd_row *rows, size_t count)
{
	return vd_bytes_of(rows[count - 1].key, rows[count - 1].key_size);
}

/* A chunk of the rest, or of the range that its selectors came to, is handed over. */
static void advance(
	struct vd_iterator *iterator, struct vd_range range, const struct vd_row *rows, size_t count, bool more)
{
	keep(&iterator->begin, iterator->bytes[0], range.begin);
	keep(&iterator->end, iterator->bytes[1], range.end);
	iterator->rows -= (int64_t)count;
	iterator->is_over = !more;
	iterator->turn++;
	if (!more)
		return;
	if (iterator->is_reverse) {
		keep(&iterator->end, iterator->bytes[1], last_of(rows, count));
		return;
	}
	keep(&iterator->begin, iterator->bytes[0], last_of(rows, count));
	iterator->bytes[0][iterator->begin.key_size++] = 0;
}

/* ---- reading ---- */

static bool on_rows(void *arg, struct vd_range range, const struct vd_row *rows, size_t count, bool is_full);

static void read_start(struct vd_iterator *iterator, bool is_ahead, struct vd_future **future)
{
	int64_t bytes = vd_iteration_bytes(iterator->turn);
	struct vd_range_job job = {
		.limits = { iterator->rows, bytes < iterator->target_bytes ? bytes : iterator->target_bytes },
		.is_reverse = iterator->is_reverse,
		.is_snapshot = iterator->is_snapshot,
		.is_ahead = is_ahead,
		.owner = { on_rows, iterator, &iterator->read },
	};
	vd_range_read_start(iterator->transaction, &iterator->begin, &iterator->end, &job, future);
}

static void read_ahead(struct vd_iterator *iterator)
{
	struct vd_transaction *transaction = iterator->transaction;
	if (iterator->is_over || vd_transaction_check(transaction, NULL) != 0)
		return;
	iterator->ahead_view = vd_transaction_view(transaction, iterator->is_snapshot);
	iterator->ahead_position = transaction->mutations.count;
	read_start(iterator, true, &iterator->ahead);
}

static bool on_rows(void *arg, struct vd_range range, const struct vd_row *rows, size_t count, bool is_full)
{
	struct vd_iterator *iterator = arg;
	bool more = is_full && (int64_t)count < iterator->rows;
	if (iterator->ahead == NULL) {
		advance(iterator, range, rows, count, more);
		read_ahead(iterator);
	}
	return more;
}

static void drop_ahead(struct vd_iterator *iterator)
{
	if (iterator->ahead == NULL)
		return;
	if (iterator->read != NULL)
		vd_read_end(iterator->read, VD_CODE_OPERATION_CANCELLED, NULL);
	vd_future_drop(iterator->ahead);
	iterator->ahead = NULL;
}

/* ---- handing over ---- */

/* What was read ahead would be read again in the same way. */
static bool is_good(const struct vd_iterator *iterator)
{
	const struct vd_transaction *transaction = iterator->transaction;
	return iterator->ahead != NULL && iterator->ahead_position == transaction->mutations.count &&
		   iterator->ahead_view == vd_transaction_view(transaction, iterator->is_snapshot) &&
		   (iterator->read != NULL || vd_future_error(iterator->ahead) == 0);
}

/* Of a chunk of the rest that came before it was asked for. False without memory. */
static bool add_conflict(struct vd_iterator *iterator, const struct vd_row *rows, size_t count, bool is_full)
{
	struct vd_transaction *transaction = iterator->transaction;
	struct vd_range range = vd_range_of(vd_bytes_of(iterator->begin.key, iterator->begin.key_size),
		vd_bytes_of(iterator->end.key, iterator->end.key_size));
	if (iterator->is_snapshot)
		return true;
	if (is_full && iterator->is_reverse)
		range.begin = last_of(rows, count);
	else if (is_full && !vd_bytes_successor(&transaction->arena, last_of(rows, count), &range.end))
		return false;
	return vd_conflicts_add_read(&transaction->reads, range, vd_transaction_view(transaction, false));
}

static int hand_over(struct vd_iterator *iterator, const struct vd_future *future)
{
	const struct vd_row *rows;
	size_t count;
	bool more;
	int code = vd_future_get_rows(future, &rows, &count, &more);
	if (code != 0)
		return code;
	if (!add_conflict(iterator, rows, count, more || (int64_t)count == iterator->rows))
		return VD_CODE_TRANSACTION_TOO_LARGE;
	advance(iterator,
		vd_range_of(vd_bytes_of(iterator->begin.key, iterator->begin.key_size),
			vd_bytes_of(iterator->end.key, iterator->end.key_size)),
		rows, count, more);
	return 0;
}

/* The chunk ahead becomes the caller's. */
static struct vd_future *take_ahead(struct vd_iterator *iterator)
{
	struct vd_future *future = iterator->ahead;
	iterator->ahead = NULL;
	if (iterator->read != NULL) {
		vd_range_read_claim(iterator->read, iterator->is_snapshot);
		return future;
	}
	int code = hand_over(iterator, future);
	if (code == 0) {
		read_ahead(iterator);
		return future;
	}
	vd_future_drop(future);
	return vd_future_failed(iterator->guard, code, NULL);
}

/* A chunk without rows. */
static struct vd_future *nothing_more(const struct vd_iterator *iterator)
{
	struct vd_future *future = vd_future_make(iterator->guard, VD_FUTURE_ROWS);
	if (future != NULL)
		vd_future_finish(future, 0, NULL);
	return future;
}

/* A chunk that the caller has cancelled or freed is none: its read is given up. */
static bool is_outstanding(struct vd_iterator *iterator)
{
	struct vd_read *read = iterator->read;
	if (read == NULL || iterator->ahead != NULL)
		return false;
	if (!vd_future_is_abandoned(read->future))
		return true;
	read->is_ahead = true; /* so its end concerns nobody */
	vd_read_end(read, VD_CODE_OPERATION_CANCELLED, NULL);
	return false;
}

static struct vd_future *next(struct vd_iterator *iterator)
{
	struct vd_fault fault = { 0 };
	if (iterator->transaction == NULL)
		return vd_future_failed(iterator->guard, VD_CODE_TRANSACTION_CANCELLED,
			"the transaction was reset: begin another iterator");
	if (vd_transaction_check(iterator->transaction, &fault) != 0)
		return vd_transaction_failed(iterator->transaction, &fault);
	if (is_outstanding(iterator))
		return vd_future_failed(iterator->guard, VD_CODE_CLIENT_INVALID_OPERATION,
			"the iterator's chunk before is still outstanding");
	if (is_good(iterator))
		return take_ahead(iterator);
	drop_ahead(iterator);
	if (iterator->is_over)
		return nothing_more(iterator);
	struct vd_future *future;
	read_start(iterator, false, &future);
	return future;
}

/* ---- the public calls ---- */

static int iterator_check(const struct vd_transaction *transaction, const struct vd_selector *begin,
	const struct vd_selector *end, const struct vd_range_options *options)
{
	int code = vd_transaction_check(transaction, NULL);
	if (code == 0)
		code = vd_selector_check(transaction, begin, NULL);
	if (code == 0)
		code = vd_selector_check(transaction, end, NULL);
	if (code == 0 && (options->limit < 0 || options->target_bytes < 0))
		code = VD_CODE_RANGE_LIMITS_INVALID;
	return code;
}

/* As vd_seek_of does: a key that is too long to be stored is cut to an equal one. */
static void keep_selector(struct vd_selector *to, uint8_t bytes[KEY_ROOM], const struct vd_selector *selector)
{
	size_t size = selector->key_size < KEY_ROOM ? selector->key_size : KEY_ROOM - 1;
	keep(to, bytes, vd_bytes_of(selector->key, size));
	to->or_equal = selector->or_equal;
	to->offset = selector->offset;
}

static int iterator_new(struct vd_transaction *transaction, const struct vd_selector *begin,
	const struct vd_selector *end, const struct vd_range_options *options, struct vd_iterator **out)
{
	int code = iterator_check(transaction, begin, end, options);
	struct vd_iterator *iterator = code == 0 ? calloc(1, sizeof *iterator) : NULL;
	if (iterator == NULL)
		return code != 0 ? code : VD_CODE_NO_MEMORY;
	iterator->transaction = transaction;
	iterator->guard = vd_guard_ref(transaction->guard);
	TAILQ_INSERT_TAIL(&transaction->iterators, iterator, link);
	keep_selector(&iterator->begin, iterator->bytes[0], begin);
	keep_selector(&iterator->end, iterator->bytes[1], end);
	iterator->rows = options->limit == 0 ? INT64_MAX : options->limit;
	iterator->target_bytes = options->target_bytes == 0 ? INT64_MAX : options->target_bytes;
	iterator->is_reverse = options->reverse;
	iterator->is_snapshot = options->snapshot || transaction->options.long_snapshot;
	iterator->turn = 1;
	*out = iterator;
	return 0;
}

int vd_iterator_new(struct vd_transaction *transaction, const struct vd_selector *begin,
	const struct vd_selector *end, const struct vd_range_options *options, struct vd_iterator **out)
{
	static const struct vd_range_options none = { 0 };
	int code = vd_guard_enter(transaction->guard);
	if (code != 0)
		return code;
	code = iterator_new(transaction, begin, end, options != NULL ? options : &none, out);
	vd_guard_leave(transaction->guard);
	return code;
}

struct vd_future *vd_iterator_next(struct vd_iterator *iterator)
{
	if (vd_guard_enter(iterator->guard) != 0)
		return vd_future_failed(iterator->guard, VD_CODE_CLIENT_INVALID_OPERATION, NULL);
	struct vd_future *future = next(iterator);
	vd_guard_leave(iterator->guard);
	return future;
}

static void iterator_end(struct vd_iterator *iterator)
{
	if (iterator->transaction == NULL)
		return;
	drop_ahead(iterator);
	if (iterator->read != NULL)
		vd_range_read_disown(iterator->read);
	TAILQ_REMOVE(&iterator->transaction->iterators, iterator, link);
	iterator->transaction = NULL;
}

void vd_iterators_end(struct vd_transaction *transaction)
{
	struct vd_iterator *iterator;
	while ((iterator = TAILQ_FIRST(&transaction->iterators)) != NULL)
		iterator_end(iterator);
}

void vd_iterator_free(struct vd_iterator *iterator)
{
	if (iterator == NULL)
		return;
	struct vd_guard *guard = iterator->guard;
	if (vd_guard_enter(guard) != 0)
		return; /* what it points to is the parent's */
	iterator_end(iterator);
	free(iterator);
	vd_guard_leave(guard);
	vd_guard_unref(guard);
}
