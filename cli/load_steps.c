/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_steps.h"

#include "cli/cli.h"

#include <string.h>

/* Far below what the leader deletes at a time. */
enum { CLEAR_ROWS = 50000 };

struct step {
	int (*fill)(struct vd_load *load, struct vd_transaction *transaction, const void *arg);
	const void *arg;
	bool ends; /* nothing stands in the store afterwards, and it is unlocked */
};

void vd_load_fini(struct vd_load *load)
{
	vd_load_state_fini(&load->state);
	vd_buffer_fini(&load->stored);
}

/* ---- transactions ---- */

static int fail(struct vd_load *load, int code, const char *message)
{
	snprintf(load->message, sizeof load->message, "%s", message);
	return code;
}

/* Waits for a future; what it holds is still to be taken. */
static int await(struct vd_load *load, struct vd_future *future)
{
	int code = vd_cli_wait(future);
	return code == 0 ? 0 : fail(load, code, vd_future_message(future));
}

static int await_free(struct vd_load *load, struct vd_future *future)
{
	int code = await(load, future);
	vd_future_free(future);
	return code;
}

static int new_transaction(struct vd_load *load, struct vd_transaction **transaction)
{
	int code = vd_transaction_new(load->database, transaction);
	if (code == 0)
		code = vd_transaction_set_option(*transaction, "access_system_keys", NULL);
	if (code == 0)
		code = vd_transaction_set_option(*transaction, "lock_aware", NULL);
	return code == 0 ? 0 : fail(load, code, vd_error_text(code));
}

/* Tries again what may be tried again. Of a lock there is nothing to wait for: whoever gets 1038 here is not its owner. */
static int again(struct vd_load *load, struct vd_transaction *transaction, int code)
{
	if (vd_interrupted())
		return VD_ERROR_OPERATION_CANCELLED;
	if (code == VD_ERROR_DATABASE_LOCKED)
		return code;
	char message[sizeof load->message];
	memcpy(message, load->message, sizeof message);
	int end = await_free(load, vd_transaction_on_error(transaction, code));
	return end == 0 ? 0 : fail(load, end, message);
}

bool vd_load_is_overtaken(int code)
{
	return code == VD_ERROR_PRECONDITION_FAILED || code == VD_ERROR_KEY_OUTSIDE_LEGAL_RANGE;
}

/* ---- the state in the store ---- */

/* Into `text`; empty: there is none. */
static int read_state(struct vd_load *load, struct vd_transaction *transaction, struct vd_buffer *text)
{
	bool is_there = false;
	const uint8_t *value;
	size_t size;
	struct vd_bytes key = VD_LOAD_KEY;
	struct vd_future *future = vd_transaction_get(transaction, key.data, key.size, true);
	int code = await(load, future);
	if (code == 0)
		code = vd_future_get_value(future, &is_there, &value, &size);
	vd_buffer_clear(text);
	if (code == 0 && is_there)
		vd_buffer_add(text, vd_bytes_of(value, size));
	vd_future_free(future);
	return code == 0 && !vd_buffer_ok(text) ? fail(load, VD_ERROR_OUT_OF_MEMORY, "no memory") : code;
}

static int look_at(struct vd_load *load, struct vd_buffer *text)
{
	struct vd_transaction *transaction = NULL;
	int code = new_transaction(load, &transaction);
	while (code == 0 && (code = read_state(load, transaction, text)) != 0)
		if ((code = again(load, transaction, code)) != 0)
			break;
	vd_transaction_free(transaction);
	return code;
}

int vd_load_look(struct vd_load *load)
{
	int code = look_at(load, &load->stored);
	if (code == 0 && load->stored.size > 0 &&
		!vd_load_state_decode(&load->state, vd_buffer_bytes(&load->stored)))
		return fail(load, VD_ERROR_CLIENT_INVALID_OPERATION,
			"the state of the load that is under way cannot be read");
	return code;
}

/* ---- steps ---- */

static int attempt(struct vd_load *load, struct vd_transaction *transaction, const struct step *step,
	const struct vd_buffer *next)
{
	struct vd_bytes key = VD_LOAD_KEY;
	bool is_first = load->stored.size == 0;
	int code = vd_transaction_add_precondition(transaction,
		is_first ? VD_PRECONDITION_ABSENT : VD_PRECONDITION_VALUE, key.data, key.size, load->stored.data,
		load->stored.size);
	if (code == 0)
		code = step->fill(load, transaction, step->arg);
	if (code == 0 && step->ends) {
		vd_transaction_clear(transaction, key.data, key.size);
		code = vd_transaction_unlock(transaction, load->state.lock);
	} else {
		vd_transaction_set(transaction, key.data, key.size, next->data, next->size);
	}
	if (code != 0)
		return fail(load, code, vd_error_text(code));
	return await_free(load, vd_transaction_commit(transaction));
}

/* An attempt whose end was not told has landed, if the state is the one that it was to make. */
static int has_landed(struct vd_load *load, const struct vd_buffer *next, bool *landed)
{
	struct vd_buffer now = { 0 };
	int code = look_at(load, &now);
	*landed = code == 0 && vd_bytes_equal(vd_buffer_bytes(&now), vd_buffer_bytes(next));
	vd_buffer_fini(&now);
	return code;
}

/* `next`: the state afterwards; empty: none. */
static int commit(struct vd_load *load, const struct step *step, const struct vd_buffer *next)
{
	struct vd_transaction *transaction = NULL;
	bool is_unknown = false;
	int code = new_transaction(load, &transaction);
	while (code == 0 && (code = attempt(load, transaction, step, next)) != 0) {
		bool landed = false;
		if (vd_load_is_overtaken(code) && is_unknown) {
			int failed = has_landed(load, next, &landed);
			code = landed ? 0 : failed != 0 ? failed : code;
			break;
		}
		is_unknown = is_unknown || code == VD_ERROR_COMMIT_UNKNOWN_RESULT;
		if ((code = again(load, transaction, code)) != 0)
			break;
	}
	vd_transaction_free(transaction);
	return code;
}

static int take_step(struct vd_load *load, const struct step *step)
{
	struct vd_buffer next = { 0 };
	if (!step->ends)
		vd_load_state_encode(&load->state, &next);
	int code = vd_buffer_ok(&next) ? commit(load, step, &next) : VD_ERROR_OUT_OF_MEMORY;
	if (code != 0) {
		vd_buffer_fini(&next);
		return code;
	}
	vd_buffer_fini(&load->stored);
	load->stored = next;
	load->has_written = true;
	return 0;
}

/* ---- beginning ---- */

static int fill_begin(struct vd_load *load, struct vd_transaction *transaction, const void *arg)
{
	const struct vd_load_state *state = &load->state;
	struct vd_bytes first = VD_DUMP_COUNTERS_BEGIN, last = VD_DUMP_COUNTERS_END;
	const uint64_t *above_version = arg;
	int code = vd_transaction_lock(transaction, state->lock, (int64_t)*above_version);
	if (state->phase == VD_LOAD_CLEARING)
		return code;
	if (code == 0)
		code = vd_transaction_add_precondition(transaction, VD_PRECONDITION_EMPTY, state->begin.data,
			state->begin.size, state->end.data, state->end.size);
	if (code == 0 && state->has_counters)
		code = vd_transaction_add_precondition(
			transaction, VD_PRECONDITION_EMPTY, first.data, first.size, last.data, last.size);
	return code;
}

int vd_load_begin(struct vd_load *load, uint64_t above_version)
{
	return take_step(load, &(struct step){ .fill = fill_begin, .arg = &above_version });
}

/* ---- writing ---- */

static int fill_batch(struct vd_load *load, struct vd_transaction *transaction, const void *arg)
{
	(void)load;
	return vd_load_batch_write(arg, transaction);
}

int vd_load_write(struct vd_load *load, const struct vd_load_batch *batch)
{
	return take_step(load, &(struct step){ .fill = fill_batch, .arg = batch });
}

int vd_load_finish(struct vd_load *load, const struct vd_load_batch *batch)
{
	return take_step(load, &(struct step){ .fill = fill_batch, .arg = batch, .ends = true });
}

/* ---- clearing ---- */

struct clearing {
	struct vd_bytes begin[2];
	struct vd_bytes end[2];
};

static struct clearing clearing_of(const struct vd_load_state *state)
{
	struct clearing all = { { vd_buffer_bytes(&state->begin), VD_DUMP_COUNTERS_BEGIN },
		{ vd_buffer_bytes(&state->end), VD_DUMP_COUNTERS_END } };
	if (!state->has_counters)
		all.begin[1] = all.end[1] = VD_BYTES("");
	return all;
}

static int fill_clear(struct vd_load *load, struct vd_transaction *transaction, const void *arg)
{
	const struct clearing *clearing = arg;
	(void)load;
	for (size_t i = 0; i < VD_COUNT(clearing->begin); i++)
		vd_transaction_clear_range(transaction, clearing->begin[i].data, clearing->begin[i].size,
			clearing->end[i].data, clearing->end[i].size);
	return 0;
}

/* The key that CLEAR_ROWS lie before; empty: there are not so many in the range. */
static int find_cut(struct vd_load *load, struct vd_transaction *transaction, struct vd_bytes begin,
	struct vd_bytes end, struct vd_buffer *cut)
{
	struct vd_selector selector = vd_first_greater_or_equal(begin.data, begin.size);
	const uint8_t *key;
	size_t size;
	selector.offset += CLEAR_ROWS;
	struct vd_future *future = vd_transaction_get_key(transaction, &selector, true);
	int code = await(load, future);
	if (code == 0)
		code = vd_future_get_key(future, &key, &size);
	vd_buffer_clear(cut);
	if (code == 0 && vd_bytes_less(vd_bytes_of(key, size), end))
		vd_buffer_add(cut, vd_bytes_of(key, size));
	vd_future_free(future);
	return code;
}

/* A range's first rows at a time, until there are few enough for the last step. Each goes on where the one before ended: what was
 * removed is not walked over again. */
static int clear_most(struct vd_load *load, struct vd_bytes begin, struct vd_bytes end)
{
	struct vd_transaction *transaction = NULL;
	struct vd_buffer from = { 0 }, cut = { 0 };
	vd_buffer_add(&from, begin);
	int code = begin.size == end.size && end.size == 0 ? 0 : new_transaction(load, &transaction);
	while (code == 0 && transaction != NULL) {
		code = find_cut(load, transaction, vd_buffer_bytes(&from), end, &cut);
		if (code != 0) {
			code = again(load, transaction, code);
			continue;
		}
		if (cut.size == 0)
			break;
		const struct clearing part = { { vd_buffer_bytes(&from), VD_BYTES("") },
			{ vd_buffer_bytes(&cut), VD_BYTES("") } };
		code = take_step(load, &(struct step){ .fill = fill_clear, .arg = &part });
		vd_transaction_reset(transaction);
		vd_buffer_clear(&from);
		vd_buffer_add(&from, vd_buffer_bytes(&cut));
	}
	vd_transaction_free(transaction);
	vd_buffer_fini(&from);
	vd_buffer_fini(&cut);
	return code;
}

static int clear_all(struct vd_load *load, enum vd_load_phase then, bool ends)
{
	const struct clearing all = clearing_of(&load->state);
	int code = 0;
	for (size_t i = 0; i < VD_COUNT(all.begin) && code == 0; i++)
		code = clear_most(load, all.begin[i], all.end[i]);
	if (code != 0)
		return code;
	load->state.phase = then;
	return take_step(load, &(struct step){ .fill = fill_clear, .arg = &all, .ends = ends });
}

int vd_load_clear(struct vd_load *load)
{
	return clear_all(load, VD_LOAD_LOADING, false);
}

static int fill_nothing(struct vd_load *load, struct vd_transaction *transaction, const void *arg)
{
	(void)load;
	(void)transaction;
	(void)arg;
	return 0;
}

int vd_load_undo(struct vd_load *load)
{
	int code = 0;
	/* what it says of rows must not be believed any more */
	if (load->state.phase != VD_LOAD_UNDOING) {
		load->state.phase = VD_LOAD_UNDOING;
		code = take_step(load, &(struct step){ .fill = fill_nothing });
	}
	return code == 0 ? clear_all(load, VD_LOAD_UNDOING, true) : code;
}
