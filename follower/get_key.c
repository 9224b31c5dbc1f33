/* SPDX-License-Identifier: Apache-2.0 */
/* get_key.c: the key that a selector means. */
#include "common/base/codes.h"
#include "follower/walk.h"

#include <stdlib.h>

struct get_key {
	struct vd_read read; /* first */
	struct vd_arena arena;
	struct vd_locate locate;
};

static void get_key_free(struct vd_read *read)
{
	struct get_key *get = (struct get_key *)read;
	vd_arena_fini(&get->arena);
	free(get);
}

static void on_located(void *arg, int code, const char *message)
{
	struct get_key *get = arg;
	if (code == 0 && !vd_future_set_key(get->read.future, get->locate.key))
		code = VD_CODE_NO_MEMORY;
	vd_read_end(&get->read, code, message);
}

static struct vd_future *get_key(
	struct vd_transaction *transaction, const struct vd_selector *selector, bool snapshot)
{
	struct vd_fault fault = { 0 };
	struct vd_future *future;
	struct vd_seek seek;
	if (vd_transaction_check(transaction, &fault) != 0 ||
		vd_selector_check(transaction, selector, &fault) != 0)
		return vd_transaction_failed(transaction, &fault);
	struct get_key *get =
		vd_read_new(transaction, sizeof *get, VD_FUTURE_KEY, snapshot, get_key_free, &future);
	if (get == NULL)
		return NULL;
	vd_arena_init(&get->arena, SIZE_MAX);
	if (vd_seek_of(selector, transaction->database->settings.limits.key_bytes, &get->arena, &seek))
		vd_locate_start(&get->locate, &get->read, &get->arena, &seek, on_located, get);
	else
		vd_read_end(&get->read, VD_CODE_NO_MEMORY, NULL);
	return future;
}

struct vd_future *vd_transaction_get_key(
	struct vd_transaction *transaction, const struct vd_selector *selector, bool snapshot)
{
	if (vd_guard_enter(transaction->guard) != 0)
		return vd_transaction_forked(transaction);
	struct vd_future *future = get_key(transaction, selector, snapshot);
	vd_guard_leave(transaction->guard);
	return future;
}
