/* SPDX-License-Identifier: Apache-2.0 */
/* future.c: one result, told once.
 *
 * A future is kept by three: the user, the maker, and the loop while the user's or the library's callback is due. It is
 * freed when the last of them lets go. `ended` is written last, with release; whoever has read it may read the rest
 * without the guard.
 */
#include "follower/future.h"

#include "common/text/errors.h"
#include "follower/guard.h"

#include <stdatomic.h>
#include <stdlib.h>

struct vd_future {
	struct vd_guard *guard;
	enum vd_future_kind kind;
	bool user_holds;
	bool maker_holds;
	bool calling;   /* a callback runs now */
	bool cancelled; /* by the user */
	atomic_bool ended;
	int code;
	const char *message;
	void (*callback)(struct vd_future *future, void *arg);
	void *callback_arg;
	void (*then)(struct vd_future *future, void *arg);
	void *then_arg;
	bool (*on_cancel)(void *arg);
	void *on_cancel_arg;
	struct vd_task task;
	struct vd_arena arena;
	union {
		int64_t version;
		struct {
			bool present;
			struct vd_bytes bytes;
		} value;
		struct vd_bytes key;
		struct {
			const struct vd_row *rows;
			size_t count;
			bool more;
		} rows;
		int64_t size;
		struct {
			const struct vd_key *keys;
			size_t count;
		} keys;
	} result;
};

/* ---- made and freed ---- */

static void future_settle(struct vd_future *future)
{
	if (future->user_holds || future->maker_holds || future->task.posted || future->calling)
		return;
	vd_arena_fini(&future->arena);
	vd_guard_unref(future->guard);
	free(future);
}

static void future_call(
	struct vd_future *future, void (**callback)(struct vd_future *future, void *arg), void *arg, bool yield)
{
	void (*run)(struct vd_future * future, void *arg) = *callback;
	if (run == NULL)
		return;
	*callback = NULL;
	if (yield)
		vd_guard_yield_begin(future->guard);
	run(future, arg);
	if (yield)
		vd_guard_yield_end(future->guard);
}

static void future_run(void *arg)
{
	struct vd_future *future = arg;
	future->calling = true;
	future_call(future, &future->then, future->then_arg, false);
	future_call(future, &future->callback, future->callback_arg, true);
	future->calling = false;
	/* a callback may have asked for the other one meanwhile: then it is posted again */
	future_settle(future);
}

static bool has_ended(const struct vd_future *future)
{
	return atomic_load_explicit(&future->ended, memory_order_acquire);
}

static void future_due(struct vd_future *future)
{
	if (has_ended(future) && (future->callback != NULL || future->then != NULL))
		vd_guard_post(future->guard, &future->task);
}

struct vd_future *vd_future_make(struct vd_guard *guard, enum vd_future_kind kind)
{
	struct vd_future *future = calloc(1, sizeof *future);
	if (future == NULL)
		return NULL;
	future->guard = vd_guard_ref(guard);
	future->kind = kind;
	future->user_holds = future->maker_holds = true;
	future->message = "";
	future->task.run = future_run;
	future->task.arg = future;
	vd_arena_init(&future->arena, SIZE_MAX);
	return future;
}

static void future_end(struct vd_future *future, int code, const char *message)
{
	if (has_ended(future))
		return;
	const char *own = NULL;
	if (message != NULL && *message != '\0')
		own = vd_arena_string(&future->arena, message);
	future->message = own != NULL ? own : code == 0 ? "" : vd_code_sentence(code);
	future->code = code;
	atomic_store_explicit(&future->ended, true, memory_order_release);
	vd_guard_tell(future->guard);
	future_due(future);
}

struct vd_future *vd_future_failed(struct vd_guard *guard, int code, const char *message)
{
	struct vd_future *future = vd_future_make(guard, VD_FUTURE_NOTHING);
	if (future != NULL)
		vd_future_finish(future, code, message);
	return future;
}

void vd_future_finish(struct vd_future *future, int code, const char *message)
{
	future_end(future, code, message);
	future->maker_holds = false;
	future->on_cancel = NULL;
	future_settle(future);
}

/* ---- the maker's side ---- */

void vd_future_set_version(struct vd_future *future, int64_t version)
{
	if (!has_ended(future))
		future->result.version = version;
}

bool vd_future_set_value(struct vd_future *future, bool present, struct vd_bytes value)
{
	if (has_ended(future))
		return true;
	struct vd_bytes copy;
	if (!vd_bytes_dup(&future->arena, value, &copy))
		return false;
	future->result.value.present = present;
	future->result.value.bytes = copy;
	return true;
}

bool vd_future_set_key(struct vd_future *future, struct vd_bytes key)
{
	if (has_ended(future))
		return true;
	struct vd_bytes copy;
	if (!vd_bytes_dup(&future->arena, key, &copy))
		return false;
	future->result.key = copy;
	return true;
}

void vd_future_set_rows(struct vd_future *future, const struct vd_row *rows, size_t count, bool more)
{
	if (has_ended(future))
		return;
	future->result.rows.rows = rows;
	future->result.rows.count = count;
	future->result.rows.more = more;
}

void vd_future_set_size(struct vd_future *future, int64_t bytes)
{
	if (!has_ended(future))
		future->result.size = bytes;
}

void vd_future_set_keys(struct vd_future *future, const struct vd_key *keys, size_t count)
{
	if (has_ended(future))
		return;
	future->result.keys.keys = keys;
	future->result.keys.count = count;
}

struct vd_arena *vd_future_arena(struct vd_future *future)
{
	return &future->arena;
}

void vd_future_on_cancel(struct vd_future *future, bool (*on_cancel)(void *arg), void *arg)
{
	future->on_cancel = on_cancel;
	future->on_cancel_arg = arg;
}

void vd_future_then(
	struct vd_future *future, void (*callback)(struct vd_future *future, void *arg), void *arg)
{
	future->then = callback;
	future->then_arg = arg;
	future_due(future);
}

bool vd_future_is_abandoned(const struct vd_future *future)
{
	return !future->user_holds || has_ended(future);
}

struct vd_guard *vd_future_guard(const struct vd_future *future)
{
	return future->guard;
}

enum vd_future_kind vd_future_kind(const struct vd_future *future)
{
	return future->kind;
}

/* ---- the user's side ---- */

struct vd_future *vd_future_of_user(struct vd_guard *guard)
{
	struct vd_future *future = vd_future_make(guard, VD_FUTURE_NOTHING);
	if (future != NULL)
		future->maker_holds = false; /* the user is both */
	return future;
}

void vd_future_end(struct vd_future *future, int code)
{
	if (future == NULL || vd_guard_enter(future->guard) != 0)
		return;
	/* one that the library made is the library's to end */
	if (!future->maker_holds)
		future_end(future, code, NULL);
	vd_guard_leave(future->guard);
}

void vd_future_on_ready(
	struct vd_future *future, void (*callback)(struct vd_future *future, void *arg), void *arg)
{
	if (future == NULL || vd_guard_enter(future->guard) != 0)
		return;
	future->callback = callback;
	future->callback_arg = arg;
	future_due(future);
	vd_guard_leave(future->guard);
}

int vd_future_wait(struct vd_future *future)
{
	if (future == NULL)
		return VD_ERROR_OUT_OF_MEMORY;
	if (has_ended(future))
		return future->code;
	struct vd_guard *guard = future->guard;
	if (vd_guard_is_loop_thread(guard) || vd_guard_enter(guard) != 0)
		return VD_ERROR_CLIENT_INVALID_OPERATION;
	while (!has_ended(future))
		vd_guard_wait(guard);
	vd_guard_leave(guard);
	return future->code;
}

bool vd_future_is_ready(const struct vd_future *future)
{
	return future == NULL || has_ended(future);
}

void vd_future_cancel(struct vd_future *future)
{
	if (future == NULL || has_ended(future) || vd_guard_enter(future->guard) != 0)
		return;
	/* asked once: a maker that said no ends it in its own time */
	bool asked = future->cancelled;
	future->cancelled = true;
	if (!has_ended(future) && !asked &&
		(future->on_cancel == NULL || future->on_cancel(future->on_cancel_arg)))
		future_end(future, VD_ERROR_OPERATION_CANCELLED, NULL);
	vd_guard_leave(future->guard);
}

void vd_future_drop(struct vd_future *future)
{
	future->user_holds = false;
	future->callback = NULL;
	future->then = NULL;
	vd_guard_withdraw(future->guard, &future->task);
	future_settle(future);
}

void vd_future_free(struct vd_future *future)
{
	if (future == NULL)
		return;
	struct vd_guard *guard = future->guard;
	if (vd_guard_enter(guard) != 0)
		return; /* the child of a fork does not touch what it shares with nobody any more */
	vd_guard_ref(guard);
	vd_future_drop(future);
	vd_guard_leave(guard);
	vd_guard_unref(guard);
}

/* ---- getters ---- */

int vd_future_error(const struct vd_future *future)
{
	if (future == NULL)
		return VD_ERROR_OUT_OF_MEMORY;
	return has_ended(future) ? future->code : VD_ERROR_CLIENT_INVALID_OPERATION;
}

const char *vd_future_message(const struct vd_future *future)
{
	if (future == NULL)
		return vd_code_sentence(VD_ERROR_OUT_OF_MEMORY);
	return has_ended(future) ? future->message : "";
}

static int getter(const struct vd_future *future, enum vd_future_kind kind)
{
	int code = vd_future_error(future);
	return code == 0 && future->kind != kind ? VD_ERROR_CLIENT_INVALID_OPERATION : code;
}

int vd_future_get_version(const struct vd_future *future, int64_t *version)
{
	int code = getter(future, VD_FUTURE_VERSION);
	if (code == 0)
		*version = future->result.version;
	return code;
}

int vd_future_get_value(
	const struct vd_future *future, bool *present, const uint8_t **value, size_t *value_size)
{
	int code = getter(future, VD_FUTURE_VALUE);
	if (code != 0)
		return code;
	*present = future->result.value.present;
	*value = future->result.value.bytes.data;
	*value_size = future->result.value.bytes.size;
	return 0;
}

int vd_future_get_key(const struct vd_future *future, const uint8_t **key, size_t *key_size)
{
	int code = getter(future, VD_FUTURE_KEY);
	if (code != 0)
		return code;
	*key = future->result.key.data;
	*key_size = future->result.key.size;
	return 0;
}

int vd_future_get_rows(const struct vd_future *future, const struct vd_row **rows, size_t *count, bool *more)
{
	int code = getter(future, VD_FUTURE_ROWS);
	if (code != 0)
		return code;
	*rows = future->result.rows.rows;
	*count = future->result.rows.count;
	*more = future->result.rows.more;
	return 0;
}

int vd_future_get_size(const struct vd_future *future, int64_t *bytes)
{
	int code = getter(future, VD_FUTURE_SIZE);
	if (code == 0)
		*bytes = future->result.size;
	return code;
}

int vd_future_get_keys(const struct vd_future *future, const struct vd_key **keys, size_t *count)
{
	int code = getter(future, VD_FUTURE_KEYS);
	if (code != 0)
		return code;
	*keys = future->result.keys.keys;
	*count = future->result.keys.count;
	return 0;
}
