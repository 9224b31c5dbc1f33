/* SPDX-License-Identifier: Apache-2.0 */
/* look.c: why an append was refused. All that may explain it is read in one snapshot: the streams' versions, and either what
 * its request id left behind, or the events that stand where its own would.
 */
#include "events/append.h"
#include "events/record.h"

#include "common/base/endian.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vd_events_look {
	struct vd_events_append *append;
	struct vd_transaction *transaction;
	void (*callback)(struct vd_events_append *append, enum vd_events_finding finding, int code);
	size_t stream_count;
	size_t count;                /* of futures */
	size_t pending;              /* how many of them have not ended */
	struct vd_future *futures[]; /* versions of all streams; then those of the request id, or of the events */
};

static void ask(struct vd_events_look *look);

static void finish(struct vd_events_look *look, enum vd_events_finding finding, int code)
{
	struct vd_events_append *append = look->append;
	for (size_t i = 0; i < look->count; i++)
		vd_future_free(look->futures[i]);
	vd_transaction_free(look->transaction);
	void (*callback)(struct vd_events_append *, enum vd_events_finding, int) = look->callback;
	free(look);
	callback(append, finding, code);
}

/* ---- what was read ---- */

/* A value of `size` bytes at least; NULL if there is none. */
static const uint8_t *value_of(const struct vd_future *future, size_t size, struct vd_bytes *value)
{
	bool is_present = false;
	value->data = NULL;
	if (vd_future_get_value(future, &is_present, &value->data, &value->size) != 0 || !is_present ||
		value->size < size)
		return NULL;
	return value->data;
}

static bool was_requested(struct vd_events_look *look)
{
	struct vd_events_append *append = look->append;
	struct vd_future *const *futures = look->futures + look->stream_count;
	struct vd_bytes value;
	const uint8_t *stamp = value_of(futures[0], VD_EVENTS_STAMP_BYTES, &value);
	if (stamp == NULL)
		return false;
	memcpy(append->stamp, stamp, VD_EVENTS_STAMP_BYTES);
	size_t i = 1;
	for (struct vd_events_part *part = append->parts; part != NULL; part = part->hh.next, i++) {
		const uint8_t *number = value_of(futures[i], VD_EVENTS_NUMBER_BYTES, &value);
		part->first_version = number == NULL ? 0 : (int64_t)vd_load_be64(number) + 1;
	}
	append->first_position = vd_events_position_of(append->stamp, 0);
	append->last_position = vd_events_position_of(append->stamp, (uint32_t)append->entries.count - 1);
	return true;
}

static bool stands_there(struct vd_events_look *look)
{
	struct vd_events_append *append = look->append;
	struct vd_event event = { 0 };
	struct vd_bytes value;
	if (look->count == look->stream_count)
		return false;
	for (size_t i = 0; i < append->entries.count; i++) {
		const struct vd_events_entry *entry = &append->entries.items[i];
		if (value_of(look->futures[look->stream_count + i], 0, &value) == NULL ||
			!vd_events_record_read(value, &event, NULL) ||
			memcmp(event.id, entry->id, VD_EVENT_ID_BYTES) != 0)
			return false;
		if (i == 0)
			append->first_position = event.position;
		entry->part->first_version = entry->part->expected + 1;
	}
	append->last_position = event.position;
	return true;
}

/* Whether a stream's expectation does not hold; then the message says so. */
static bool is_wrong(struct vd_events_append *append, const struct vd_events_part *part, int64_t version)
{
	char expected[32];
	if (part->expected == VD_EVENTS_ANY || (part->expected == VD_EVENTS_EXISTS && version > 0) ||
		part->expected == version)
		return false;
	snprintf(expected, sizeof expected, "version %lld", (long long)part->expected);
	snprintf(append->message, sizeof append->message, "stream \"%.120s\" is at version %lld, expected was %s",
		(const char *)part->name.data, (long long)version,
		part->expected == VD_EVENTS_EXISTS      ? "that it exists"
		: part->expected == VD_EVENTS_NO_STREAM ? "no stream"
												: expected);
	return true;
}

static enum vd_events_finding judge(struct vd_events_look *look)
{
	struct vd_events_append *append = look->append;
	struct vd_bytes value;
	if (append->has_request_id ? was_requested(look) : stands_there(look))
		return VD_EVENTS_FOUND_DUPLICATE;
	size_t i = 0;
	for (struct vd_events_part *part = append->parts; part != NULL; part = part->hh.next, i++) {
		const uint8_t *number = value_of(look->futures[i], VD_EVENTS_NUMBER_BYTES, &value);
		if (is_wrong(append, part, number == NULL ? 0 : (int64_t)vd_load_be64(number)))
			return VD_EVENTS_FOUND_WRONG;
	}
	return VD_EVENTS_FOUND_NOTHING;
}

/* ---- asking ---- */

static void on_waited(struct vd_future *future, void *arg)
{
	struct vd_events_look *look = arg;
	int code = vd_future_error(future);
	vd_future_free(future);
	if (code == 0)
		ask(look);
	else
		finish(look, VD_EVENTS_FOUND_ERROR, code);
}

static void all_read(struct vd_events_look *look)
{
	struct vd_events_append *append = look->append;
	int code = 0;
	for (size_t i = 0; i < look->count && code == 0; i++) {
		code = vd_future_error(look->futures[i]);
		if (code != 0)
			snprintf(append->message, sizeof append->message, "%s", vd_future_message(look->futures[i]));
	}
	if (code == 0) {
		finish(look, judge(look), 0);
		return;
	}
	for (size_t i = 0; i < look->count; i++)
		vd_future_free(look->futures[i]);
	look->count = 0;
	struct vd_future *wait = vd_transaction_on_error(look->transaction, code);
	if (wait != NULL)
		vd_future_on_ready(wait, on_waited, look);
	else
		finish(look, VD_EVENTS_FOUND_ERROR, VD_ERROR_OUT_OF_MEMORY);
}

static void on_read(struct vd_future *future, void *arg)
{
	struct vd_events_look *look = arg;
	(void)future;
	if (--look->pending == 0)
		all_read(look);
}

static void get(struct vd_events_look *look, const struct vd_events_key *key)
{
	look->futures[look->count++] = vd_transaction_get(look->transaction, key->data, key->size, true);
}

static void get_request(struct vd_events_look *look)
{
	const struct vd_events_append *append = look->append;
	struct vd_events_key key;
	vd_events_key_request(&key, append->events, append->request_id, vd_bytes_of(NULL, 0));
	get(look, &key);
	for (struct vd_events_part *part = append->parts; part != NULL; part = part->hh.next) {
		vd_events_key_request(&key, append->events, append->request_id, part->name);
		get(look, &key);
	}
}

/* The event that stands where each of the append's own would. */
static void get_events(struct vd_events_look *look)
{
	struct vd_events_append *append = look->append;
	struct vd_events_key key;
	for (struct vd_events_part *part = append->parts; part != NULL; part = part->hh.next)
		part->first_version = part->expected;
	for (size_t i = 0; i < append->entries.count; i++) {
		struct vd_events_part *part = append->entries.items[i].part;
		vd_events_key_event(&key, append->events, part->name, (uint64_t)part->first_version++);
		get(look, &key);
	}
}

static void ask(struct vd_events_look *look)
{
	struct vd_events_append *append = look->append;
	struct vd_events_key key;
	/* an option that is refused shows in the reads */
	(void)!vd_transaction_set_option(look->transaction, "read_system_keys", NULL);
	for (struct vd_events_part *part = append->parts; part != NULL; part = part->hh.next) {
		vd_events_key_counter(&key, append->events, part->name);
		get(look, &key);
	}
	look->stream_count = look->count;
	if (append->has_request_id)
		get_request(look);
	else if (vd_events_append_can_repeat(append))
		get_events(look);
	/* one that is NULL, without memory, calls nobody; and one more, so that nothing is judged before all were asked */
	look->pending = look->count + 1;
	for (size_t i = 0; i < look->count; i++)
		if (look->futures[i] != NULL)
			vd_future_on_ready(look->futures[i], on_read, look);
		else
			look->pending--;
	if (--look->pending == 0)
		all_read(look);
}

void vd_events_look_begin(struct vd_events_append *append,
	void (*callback)(struct vd_events_append *append, enum vd_events_finding finding, int code))
{
	size_t streams = HASH_COUNT(append->parts);
	size_t futures = streams + (append->has_request_id ? 1 + streams : append->entries.count);
	struct vd_events_look *look = calloc(1, sizeof *look + futures * sizeof look->futures[0]);
	if (look == NULL || vd_transaction_new(append->events->database, &look->transaction) != 0) {
		free(look);
		callback(append, VD_EVENTS_FOUND_ERROR, VD_ERROR_OUT_OF_MEMORY);
		return;
	}
	look->append = append;
	look->callback = callback;
	ask(look);
}
