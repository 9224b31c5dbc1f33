/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c: a watch from its call until it is armed, and its end. */
#include "common/base/codes.h"
#include "common/text/escape.h"
#include "follower/read.h"
#include "follower/special.h"
#include "follower/watch/internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- the end ---- */

static void uncount(struct vd_watch *watch)
{
	if (watch->is_counted)
		watch->watcher->count--;
	watch->is_counted = false;
}

void watch_end(struct vd_watch *watch, int code, const char *message)
{
	struct vd_watcher *watcher = watch->watcher;
	TAILQ_REMOVE(watch->list, watch, link);
	uncount(watch);
	vd_guard_withdraw(watcher->database->guard, &watch->forget);
	if (watch->seen != NULL)
		vd_future_drop(watch->seen);
	vd_future_finish(watch->future, code, message);
	free(watch);
}

static void forget(void *arg)
{
	struct vd_watch *watch = arg;
	if (!watch->in_look)
		watch_end(watch, VD_CODE_OPERATION_CANCELLED, NULL);
}

static bool on_cancel(void *arg)
{
	struct vd_watch *watch = arg;
	watch->is_over = true;
	vd_guard_post(watch->watcher->database->guard, &watch->forget);
	return true;
}

void vd_watches_end(struct vd_transaction *transaction, int code)
{
	struct vd_watch *watch;
	while ((watch = TAILQ_FIRST(&transaction->watches)) != NULL)
		watch_end(watch, code, NULL);
}

/* ---- armed ---- */

void vd_watches_arm(struct vd_transaction *transaction)
{
	if (TAILQ_EMPTY(&transaction->watches))
		return; /* a commit may outlast its database's close, which has ended them */
	struct vd_watcher *watcher = transaction->database->watcher;
	struct vd_watch *watch;
	while ((watch = TAILQ_FIRST(&transaction->watches)) != NULL) {
		TAILQ_REMOVE(&transaction->watches, watch, link);
		TAILQ_INSERT_TAIL(&watcher->armed, watch, link);
		watch->list = &watcher->armed;
		watch->state = WATCH_ARMED;
		vd_guard_post(watcher->database->guard, &watcher->pump);
	}
}

/* ---- what the transaction sees ---- */

static void on_seen(struct vd_future *seen, void *arg)
{
	struct vd_watch *watch = arg;
	bool is_present = false;
	const uint8_t *value;
	size_t value_size;
	int code = vd_future_get_value(seen, &is_present, &value, &value_size);
	if (code != 0) {
		watch_end(watch, code, vd_future_message(seen));
		return;
	}
	watch->has_seen = true;
	watch->is_absent = !is_present;
	vd_guard_post(watch->watcher->database->guard, &watch->watcher->pump);
}

/* ---- the call ---- */

void watches_sweep(struct vd_watch_list *list)
{
	struct vd_watch *watch, *next;
	for (watch = TAILQ_FIRST(list); watch != NULL; watch = next) {
		next = TAILQ_NEXT(watch, link);
		if (!vd_future_is_abandoned(watch->future))
			continue;
		if (!watch->in_look) {
			watch_end(watch, VD_CODE_OPERATION_CANCELLED, NULL);
			continue;
		}
		watch->is_over = true;
		uncount(watch);
	}
}

static bool has_room(struct vd_database *database)
{
	const struct vd_watcher *watcher = database->watcher;
	size_t most = (size_t)database->settings.max_watches;
	struct vd_transaction *transaction;
	if (watcher->count < most)
		return true;
	watches_sweep(&database->watcher->armed);
	TAILQ_FOREACH(transaction, &database->transactions, link)
	watches_sweep(&transaction->watches);
	return watcher->count < most;
}

static int watch_check(struct vd_transaction *transaction, struct vd_bytes key, struct vd_fault *fault)
{
	struct vd_database *database = transaction->database;
	int code = vd_transaction_check(transaction, fault);
	if (code != 0)
		return code;
	if (transaction->options.read_your_writes_disabled)
		return vd_fault_set(fault, VD_CODE_WATCHES_DISABLED,
			"a transaction with read_your_writes_disable cannot watch: %s", VD_ESCAPE_SHORT(key));
	if (key.size > database->settings.limits.key_bytes)
		return vd_fault_set(fault, VD_CODE_KEY_TOO_LARGE, "key of %zu bytes, %zu are allowed: %s", key.size,
			database->settings.limits.key_bytes, VD_ESCAPE_SHORT(key));
	if (vd_special_has(key))
		return vd_fault_set(fault, VD_CODE_KEY_OUTSIDE_LEGAL_RANGE,
			"a special key is not stored, so it cannot be watched: %s", VD_ESCAPE_SHORT(key));
	if (has_room(database))
		return 0;
	return vd_fault_set(fault, VD_CODE_TOO_MANY_WATCHES,
		"%zu watches wait already: cancel some, or open the database with a larger max_watches",
		database->watcher->count);
}

static struct vd_watch *watch_new(struct vd_transaction *transaction, struct vd_bytes key)
{
	struct vd_watch *watch = calloc(1, sizeof *watch + key.size);
	struct vd_future *future = watch == NULL ? NULL : vd_future_make(transaction->guard, VD_FUTURE_NOTHING);
	if (future == NULL) {
		free(watch);
		return NULL;
	}
	watch->watcher = transaction->database->watcher;
	watch->future = future;
	watch->forget = (struct vd_task){ .run = forget, .arg = watch };
	watch->list = &transaction->watches;
	watch->key_size = key.size;
	if (key.size > 0)
		memcpy(watch->key, key.data, key.size);
	TAILQ_INSERT_TAIL(watch->list, watch, link);
	watch->is_counted = true;
	watch->watcher->count++;
	return watch;
}

static struct vd_future *watch_key(struct vd_transaction *transaction, struct vd_bytes key)
{
	struct vd_fault fault = { 0 };
	if (watch_check(transaction, key, &fault) != 0)
		return vd_transaction_failed(transaction, &fault);
	struct vd_future *seen = vd_read_key(transaction, key, false);
	if (seen == NULL)
		return NULL;
	struct vd_watch *watch = watch_new(transaction, key);
	if (watch == NULL) {
		vd_future_drop(seen);
		return NULL;
	}
	watch->seen = seen;
	vd_future_on_cancel(watch->future, on_cancel, watch);
	vd_future_then(seen, on_seen, watch);
	return watch->future;
}

struct vd_future *vd_transaction_watch(struct vd_transaction *transaction, const void *key, size_t key_size)
{
	if (vd_guard_enter(transaction->guard) != 0)
		return vd_transaction_forked(transaction);
	struct vd_future *future = watch_key(transaction, vd_bytes_of(key, key_size));
	vd_guard_leave(transaction->guard);
	return future;
}
