/* SPDX-License-Identifier: Apache-2.0 */
/* get.c: one key, and the read version. */
#include "common/base/codes.h"
#include "common/text/escape.h"
#include "follower/read.h"
#include "follower/special.h"

#include <stdlib.h>
#include <string.h>

/* ---- get ---- */

struct get {
	struct vd_read read; /* first */
	bool is_pending;     /* ops of this transaction wait for the value */
	struct vd_bytes key;
	uint8_t key_bytes[];
};

static void get_free(struct vd_read *read)
{
	free(read);
}

static void get_answer(struct vd_read *read, bool is_present, struct vd_bytes value)
{
	bool is_set = vd_future_set_value(read->future, is_present, value);
	vd_read_end(read, is_set ? 0 : VD_CODE_NO_MEMORY, NULL);
}

/* Writes came after the call: what it is to see is made from the mutations before it. */
static bool replay(const struct get *get, struct vd_arena *arena, struct vd_value *value)
{
	const struct vd_transaction *transaction = get->read.transaction;
	size_t limit = transaction->database->settings.limits.value_bytes;
	for (size_t i = 0; i < get->read.position; i++) {
		const struct vd_mutation *mutation = &transaction->mutations.items[i];
		/* nothing but ops stands before, or they would not have waited */
		if (vd_op_needs_base(mutation->op) && vd_bytes_equal(mutation->key, get->key) &&
			!vd_atomic_apply(mutation->op, value, mutation->value, limit, arena))
			return false;
	}
	return true;
}

static void get_pending(struct get *get, const struct vd_fetched *fetched)
{
	struct vd_transaction *transaction = get->read.transaction;
	struct vd_value value = { .is_present = fetched->is_present };
	bool is_good =
		(!fetched->is_present || vd_bytes_dup(&transaction->arena, fetched->value, &value.bytes)) &&
		vd_overlay_set_base(transaction->overlay, get->key, fetched->is_present ? &value.bytes : NULL) &&
		replay(get, &transaction->arena, &value);
	if (is_good)
		get_answer(&get->read, value.is_present, value.bytes);
	else
		vd_read_end(&get->read, VD_CODE_TRANSACTION_TOO_LARGE, NULL);
}

static void on_value(void *arg, const struct vd_fetched *fetched)
{
	struct get *get = arg;
	get->read.fetch = NULL;
	if (fetched->code != 0)
		vd_read_end(&get->read, fetched->code, fetched->message);
	else if (get->is_pending)
		get_pending(get, fetched);
	else
		get_answer(&get->read, fetched->is_present, fetched->value);
}

static void get_start(struct get *get, struct vd_overlay_view view)
{
	struct vd_read *read = &get->read;
	struct vd_transaction *transaction = read->transaction;
	bool is_known = view.state == VD_OVERLAY_PRESENT || view.state == VD_OVERLAY_ABSENT;
	if (!read->is_snapshot && !view.is_own && !vd_conflicts_add_key(&transaction->reads, get->key)) {
		vd_read_end(read, VD_CODE_TRANSACTION_TOO_LARGE, NULL);
		return;
	}
	if (is_known) {
		get_answer(read, view.state == VD_OVERLAY_PRESENT, view.value);
		return;
	}
	const char *message;
	int code = vd_read_join(transaction, &message);
	get->is_pending = view.state == VD_OVERLAY_PENDING;
	if (code == 0 && (read->fetch = vd_fetch_key(&transaction->member, get->key, on_value, get)) == NULL)
		code = VD_CODE_NO_MEMORY;
	if (code != 0)
		vd_read_end(read, code, message);
}

/* 2004 and 1036. */
static int get_check(const struct vd_transaction *transaction, struct vd_bytes key,
	struct vd_overlay_view view, struct vd_fault *fault)
{
	int code = vd_transaction_check(transaction, fault);
	if (code != 0)
		return code;
	if (vd_bytes_compare(key, vd_transaction_last_key(transaction)) >= 0)
		return vd_fault_set(fault, VD_CODE_KEY_OUTSIDE_LEGAL_RANGE, "key is not the user's to read: %s",
			VD_ESCAPE_SHORT(key));
	if (view.is_unreadable && !transaction->options.bypass_unreadable)
		return vd_fault_set(fault, VD_CODE_ACCESSED_UNREADABLE,
			"what stands there is known only after the commit: %s", VD_ESCAPE_SHORT(key));
	return 0;
}

struct vd_future *vd_read_key(struct vd_transaction *transaction, struct vd_bytes key, bool snapshot)
{
	struct vd_overlay *overlay = vd_transaction_view(transaction, snapshot);
	struct vd_overlay_view view = { .state = VD_OVERLAY_UNKNOWN };
	struct vd_fault fault = { 0 };
	struct vd_future *future;
	bool is_storable = key.size <= transaction->database->settings.limits.key_bytes;
	if (vd_special_has(key))
		return vd_special_get(transaction, key, snapshot);
	if (overlay != NULL && is_storable)
		view = vd_overlay_get(overlay, key);
	if (get_check(transaction, key, view, &fault) != 0)
		return vd_transaction_failed(transaction, &fault);
	struct get *get =
		vd_read_new(transaction, sizeof *get + key.size, VD_FUTURE_VALUE, snapshot, get_free, &future);
	if (get == NULL)
		return NULL;
	if (key.size > 0)
		memcpy(get->key_bytes, key.data, key.size);
	get->key = vd_bytes_of(get->key_bytes, key.size);
	if (is_storable)
		get_start(get, view);
	else
		get_answer(&get->read, false, VD_BYTES(""));
	return future;
}

struct vd_future *vd_transaction_get(
	struct vd_transaction *transaction, const void *key, size_t key_size, bool snapshot)
{
	if (vd_guard_enter(transaction->guard) != 0)
		return vd_transaction_forked(transaction);
	struct vd_future *future = vd_read_key(transaction, vd_bytes_of(key, key_size), snapshot);
	vd_guard_leave(transaction->guard);
	return future;
}

/* ---- the read version ---- */

static void version_answer(struct vd_read *read)
{
	vd_future_set_version(read->future, (int64_t)read->transaction->member.version);
	vd_read_end(read, 0, NULL);
}

static void on_version(void *arg, const struct vd_fetched *fetched)
{
	struct vd_read *read = arg;
	read->fetch = NULL;
	if (fetched->code != 0)
		vd_read_end(read, fetched->code, fetched->message);
	else
		version_answer(read);
}

static int set_read_version(struct vd_transaction *transaction, int64_t version)
{
	struct vd_member *member = &transaction->member;
	if (member->snapshot != NULL || member->has_version)
		return VD_ERROR_READ_VERSION_ALREADY_SET;
	if (version <= 0)
		return VD_ERROR_VERSION_INVALID;
	member->asked = member->version = (uint64_t)version;
	member->has_version = true;
	return 0;
}

int vd_transaction_set_read_version(struct vd_transaction *transaction, int64_t version)
{
	if (vd_guard_enter(transaction->guard) != 0)
		return VD_ERROR_CLIENT_INVALID_OPERATION;
	int code = vd_transaction_check(transaction, NULL);
	if (code == 0)
		code = set_read_version(transaction, version);
	vd_guard_leave(transaction->guard);
	return code;
}

static struct vd_future *get_read_version(struct vd_transaction *transaction)
{
	struct vd_fault fault = { 0 };
	struct vd_future *future;
	if (vd_transaction_check(transaction, &fault) != 0)
		return vd_transaction_failed(transaction, &fault);
	struct vd_read *read = vd_read_new(transaction, sizeof *read, VD_FUTURE_VERSION, true, get_free, &future);
	if (read == NULL)
		return NULL;
	if (transaction->member.has_version) {
		version_answer(read);
		return future;
	}
	const char *message;
	int code = vd_read_join(transaction, &message);
	if (code == 0 && (read->fetch = vd_fetch_version(&transaction->member, on_version, read)) == NULL)
		code = VD_CODE_NO_MEMORY;
	if (code != 0)
		vd_read_end(read, code, message);
	return future;
}

struct vd_future *vd_transaction_get_read_version(struct vd_transaction *transaction)
{
	if (vd_guard_enter(transaction->guard) != 0)
		return vd_transaction_forked(transaction);
	struct vd_future *future = get_read_version(transaction);
	vd_guard_leave(transaction->guard);
	return future;
}
