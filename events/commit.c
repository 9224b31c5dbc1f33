/* SPDX-License-Identifier: Apache-2.0 */
/* commit.c: an append under way.
 *
 *   attempt ─▶ committed ─▶ done
 *      ▲          ├─ a demand failed (7001) ─▶ look ─▶ duplicate, wrong, or attempt again
 *      └─ wait ◀──┴─ an error that may be tried again
 */
#include "events/append.h"

#include "common/base/endian.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void attempt(struct vd_events_append *append);

static void end(struct vd_events_append *append, int code, const char *message)
{
	if (append->transaction != NULL)
		vd_transaction_free(append->transaction);
	append->transaction = NULL;
	append->is_done = code == 0;
	if (message != append->message)
		snprintf(append->message, sizeof append->message, "%s", message);
	vd_future_end(append->future, code);
	vd_events_append_unref(append);
}

/* ---- committed ---- */

static int take_versions(struct vd_events_append *append)
{
	struct vd_events_key counter;
	int64_t number;
	int code = 0;
	for (struct vd_events_part *part = append->parts; part != NULL && code == 0; part = part->hh.next) {
		if (part->event_count == 0)
			continue;
		vd_events_key_counter(&counter, append->events, part->name);
		code = vd_transaction_get_first_number(append->transaction, counter.data, counter.size, &number);
		part->first_version = number + 1;
	}
	return code;
}

static int take_stamp(struct vd_events_append *append)
{
	int64_t version;
	int order;
	int code = vd_transaction_get_committed_version(append->transaction, &version);
	if (code == 0)
		code = vd_transaction_get_committed_order(append->transaction, &order);
	if (code != 0)
		return code;
	vd_store_be64(append->stamp, (uint64_t)version);
	vd_store_be16(append->stamp + 8, (uint16_t)order);
	append->first_position = vd_events_position_of(append->stamp, 0);
	append->last_position = vd_events_position_of(append->stamp, (uint32_t)append->entries.count - 1);
	return 0;
}

static void committed(struct vd_events_append *append)
{
	int code = append->entries.count == 0 ? 0 : take_versions(append);
	if (code == 0 && append->entries.count > 0)
		code = take_stamp(append);
	end(append, code, code == 0 ? "" : vd_events_error_text(code));
}

/* ---- not committed ---- */

static void on_looked(struct vd_events_append *append, enum vd_events_finding finding, int code)
{
	switch (finding) {
	case VD_EVENTS_FOUND_DUPLICATE:
		append->is_duplicate = true;
		end(append, 0, "");
		break;
	case VD_EVENTS_FOUND_WRONG:
		end(append, VD_EVENTS_ERROR_WRONG_VERSION, append->message);
		break;
	case VD_EVENTS_FOUND_NOTHING:
		vd_transaction_reset(append->transaction);
		attempt(append);
		break;
	case VD_EVENTS_FOUND_ERROR:
		end(append, code, append->message);
		break;
	}
}

static void on_waited(struct vd_future *future, void *arg)
{
	struct vd_events_append *append = arg;
	int code = vd_future_error(future);
	vd_future_free(future);
	if (code == 0)
		attempt(append);
	else
		end(append, code, append->message);
}

static void on_committed(struct vd_future *future, void *arg)
{
	struct vd_events_append *append = arg;
	int code = vd_future_error(future);
	snprintf(append->message, sizeof append->message, "%s", code == 0 ? "" : vd_future_message(future));
	vd_future_free(future);
	if (code == 0)
		committed(append);
	else if (code == VD_ERROR_PRECONDITION_FAILED)
		vd_events_look_begin(append, on_looked);
	else if (code == VD_ERROR_COMMIT_UNKNOWN_RESULT && !vd_events_append_can_repeat(append))
		end(append, code, append->message);
	else if ((future = vd_transaction_on_error(append->transaction, code)) != NULL)
		vd_future_on_ready(future, on_waited, append);
	else
		end(append, VD_ERROR_OUT_OF_MEMORY, vd_error_text(VD_ERROR_OUT_OF_MEMORY));
}

/* ---- begun ---- */

static void attempt(struct vd_events_append *append)
{
	struct vd_future *future = NULL;
	int code = vd_events_append_write(append, append->transaction);
	if (code == 0 && (future = vd_transaction_commit(append->transaction)) == NULL)
		code = VD_ERROR_OUT_OF_MEMORY;
	if (code == 0)
		vd_future_on_ready(future, on_committed, append);
	else
		end(append, code, vd_events_error_text(code));
}

struct vd_future *vd_events_append_begin(struct vd_events_append *append)
{
	if (append->is_begun)
		return append->future;
	append->is_begun = true;
	atomic_fetch_add(&append->references, 1);
	int code = append->parts == NULL ? VD_ERROR_CLIENT_INVALID_OPERATION
									 : vd_transaction_new(append->events->database, &append->transaction);
	if (code == 0)
		attempt(append);
	else
		end(append, code, vd_events_error_text(code));
	return append->future;
}
