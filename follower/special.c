/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/special.h"

#include "common/base/codes.h"
#include "common/text/escape.h"
#include "follower/limits.h"
#include "follower/read.h"
#include "follower/seek.h"

#include <stdlib.h>

#define MODULE_BEGIN VD_BYTES("\xff\xff/transaction/")
#define MODULE_END   VD_BYTES("\xff\xff/transaction0")

/* A read of special keys, from its call until the reads before it have ended. */
struct special {
	struct vd_read read; /* first */
	struct vd_arena arena;
	struct vd_fault fault; /* of the reads before it: the first one */
	bool is_key;
	struct vd_seek begin; /* of a key: its point */
	struct vd_seek end;
	struct vd_range_limits limits;
	bool is_reverse;
};

static void special_free(struct vd_read *read)
{
	struct special *special = (struct special *)read;
	read->transaction->special_count--;
	vd_arena_fini(&special->arena);
	free(special);
}

/* ---- answers ---- */

static struct vd_bytes key_of(const struct vd_row *row)
{
	return vd_bytes_of(row->key, row->key_size);
}

/* How many rows lie before the key. */
static size_t rows_before(const struct vd_row *rows, size_t count, struct vd_bytes key)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (vd_bytes_less(key_of(&rows[middle]), key))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The number of the row that a selector means; `count` off the end. */
static size_t row_at(const struct vd_row *rows, size_t count, const struct vd_seek *seek)
{
	size_t at = rows_before(rows, count, seek->point);
	if (seek->is_reverse)
		return seek->count < at ? at - (size_t)seek->count : 0;
	return seek->count - 1 < count - at ? at + (size_t)(seek->count - 1) : count;
}

static int answer_key(struct special *special, const struct vd_row *rows, size_t count)
{
	size_t at = rows_before(rows, count, special->begin.point);
	bool is_present = at < count && vd_bytes_equal(key_of(&rows[at]), special->begin.point);
	struct vd_bytes value =
		is_present ? vd_bytes_of(rows[at].value, rows[at].value_size) : vd_bytes_of(NULL, 0);
	return vd_future_set_value(special->read.future, is_present, value) ? 0 : VD_CODE_NO_MEMORY;
}

static int answer_range(struct special *special, const struct vd_row *rows, size_t count)
{
	struct vd_future *future = special->read.future;
	size_t begin = row_at(rows, count, &special->begin);
	size_t end = row_at(rows, count, &special->end);
	size_t most = begin < end ? end - begin : 0;
	struct vd_row *taken = vd_arena_array(vd_future_arena(future), most, sizeof *taken);
	struct vd_range_limits left = special->limits;
	size_t given = 0;
	bool is_full = false;
	if (taken == NULL)
		return VD_CODE_NO_MEMORY;
	for (; given < most && !is_full; given++) {
		const struct vd_row *row = &rows[special->is_reverse ? end - 1 - given : begin + given];
		struct vd_bytes value = vd_bytes_of(row->value, row->value_size);
		struct vd_bytes key;
		if (!vd_bytes_dup(vd_future_arena(future), key_of(row), &key))
			return VD_CODE_NO_MEMORY;
		taken[given] = (struct vd_row){ key.data, key.size, value.data, value.size };
		left.rows--;
		left.bytes -= vd_row_bytes(key, value);
		is_full = left.rows <= 0 || left.bytes <= 0;
	}
	vd_future_set_rows(future, taken, given, is_full);
	return 0;
}

static void answer(struct special *special)
{
	const struct vd_row *rows;
	size_t count;
	int code = special->fault.code;
	if (code == 0 && !vd_special_rows(special->read.transaction, &special->arena, &rows, &count))
		code = VD_CODE_NO_MEMORY;
	else if (code == 0)
		code = special->is_key ? answer_key(special, rows, count) : answer_range(special, rows, count);
	vd_read_close(&special->read, code, special->fault.message);
}

static struct special *special_of(struct vd_read *read)
{
	return read != NULL && read->free == special_free ? (struct special *)read : NULL;
}

void vd_specials_read_ended(struct vd_transaction *transaction, const struct vd_fault *fault)
{
	struct vd_read *read;
	struct special *special;
	if (transaction->special_count == 0)
		return;
	if (fault->code != 0)
		TAILQ_FOREACH(read, &transaction->reading, link)
	if ((special = special_of(read)) != NULL && special->fault.code == 0)
		special->fault = *fault;
	while ((special = special_of(TAILQ_FIRST(&transaction->reading))) != NULL)
		answer(special);
}

/* ---- calls ---- */

/* Unlike other calls they are legal from the commit on: it is then that one asks what it lost to. */
static int special_check(const struct vd_transaction *transaction, struct vd_fault *fault)
{
	if (transaction->ended != 0)
		return vd_fault_set(fault, transaction->ended, "%s", "");
	if (transaction->deferred.code != 0)
		return vd_fault_set(fault, transaction->deferred.code, "%s", transaction->deferred.message);
	return 0;
}

/* A key to be read, or the key of a selector, which may also stand at the end. */
static int module_check(struct vd_bytes key, bool is_selector, struct vd_fault *fault)
{
	if (vd_bytes_compare(key, MODULE_BEGIN) >= 0 && vd_bytes_compare(key, MODULE_END) < (is_selector ? 1 : 0))
		return 0;
	return vd_fault_set(fault, VD_CODE_KEY_OUTSIDE_LEGAL_RANGE,
		"of the special keys only those under \\xff\\xff/transaction/ can be read: %s", VD_ESCAPE_SHORT(key));
}

static struct special *special_new(
	struct vd_transaction *transaction, enum vd_future_kind kind, bool snapshot, struct vd_future **future)
{
	struct special *special = vd_read_new(transaction, sizeof *special, kind, snapshot, special_free, future);
	if (special == NULL)
		return NULL;
	transaction->special_count++;
	vd_arena_init(&special->arena, SIZE_MAX);
	return special;
}

static void special_start(struct special *special)
{
	if (TAILQ_FIRST(&special->read.transaction->reading) == &special->read)
		answer(special);
}

struct vd_future *vd_special_get(struct vd_transaction *transaction, struct vd_bytes key, bool snapshot)
{
	struct vd_fault fault = { 0 };
	struct vd_future *future;
	if (special_check(transaction, &fault) != 0 || module_check(key, false, &fault) != 0)
		return vd_transaction_failed(transaction, &fault);
	struct special *special = special_new(transaction, VD_FUTURE_VALUE, snapshot, &future);
	if (special == NULL)
		return NULL;
	special->is_key = true;
	if (vd_bytes_dup(&special->arena, key, &special->begin.point))
		special_start(special);
	else
		vd_read_close(&special->read, VD_CODE_NO_MEMORY, NULL);
	return future;
}

bool vd_special_spans(const struct vd_selector *begin, const struct vd_selector *end)
{
	struct vd_bytes first = vd_bytes_of(begin->key, begin->key_size);
	struct vd_bytes last = vd_bytes_of(end->key, end->key_size);
	return vd_special_has(first) && vd_bytes_compare(VD_SPECIAL_BEGIN, last) <= 0 &&
		   vd_bytes_compare(last, VD_SPECIAL_END) <= 0;
}

struct vd_future *vd_special_get_range(struct vd_transaction *transaction, const struct vd_selector *begin,
	const struct vd_selector *end, const struct vd_range_options *options)
{
	struct vd_fault fault = { 0 };
	struct vd_range_limits limits;
	struct vd_future *future;
	if (special_check(transaction, &fault) != 0 || vd_range_limits_of(options, &limits, &fault) != 0 ||
		module_check(vd_bytes_of(begin->key, begin->key_size), true, &fault) != 0 ||
		module_check(vd_bytes_of(end->key, end->key_size), true, &fault) != 0)
		return vd_transaction_failed(transaction, &fault);
	struct special *special = special_new(transaction, VD_FUTURE_ROWS, options->snapshot, &future);
	if (special == NULL)
		return NULL;
	special->limits = limits;
	special->is_reverse = options->reverse;
	if (vd_seek_of(begin, SIZE_MAX - 1, &special->arena, &special->begin) &&
		vd_seek_of(end, SIZE_MAX - 1, &special->arena, &special->end))
		special_start(special);
	else
		vd_read_close(&special->read, VD_CODE_NO_MEMORY, NULL);
	return future;
}
