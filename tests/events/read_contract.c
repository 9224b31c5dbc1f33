/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a stream: forward and backward, from anywhere, a page at a time. */
#include "events/keys.h"
#include "tests/events/contract.h"

#include <string.h>

enum { LONG = 3000 };

static void isolated_and_missing(void **state)
{
	(void)state;
	struct vd_events *events = contract_store(), *other = contract_store();
	assert_int_equal(contract_append(events, "a", VD_EVENTS_ANY, 1, "one"), 0);
	assert_int_equal(contract_append(events, "ab", VD_EVENTS_ANY, 1, "two"), 0);
	assert_int_equal(contract_append(other, "a", VD_EVENTS_ANY, 1, "other"), 0);
	assert_string_equal(contract_stream(events, "a"), "a/1:one");
	assert_string_equal(contract_stream(events, "b"), "");
	assert_string_equal(contract_stream(other, "a"), "a/1:other");
	assert_string_equal(contract_feed(other, NULL), "a/1:other");
	vd_events_close(events);
	vd_events_close(other);
}

static const char *read_from(struct vd_events *events, int64_t from, int64_t limit, bool is_reverse)
{
	struct vd_events_cursor *cursor;
	assert_int_equal(vd_events_read_stream(events, NULL, "a", from, limit, is_reverse, &cursor), 0);
	return contract_all(cursor);
}

static void from_anywhere_in_both_directions(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	struct vd_events_cursor *cursor;
	assert_int_equal(contract_append(events, "a", VD_EVENTS_ANY, 4, "1", "2", "3", "4"), 0);
	assert_string_equal(read_from(events, 1, 0, false), "a/1:1 a/2:2 a/3:3 a/4:4");
	assert_string_equal(read_from(events, 3, 0, false), "a/3:3 a/4:4");
	assert_string_equal(read_from(events, 5, 0, false), "");
	assert_string_equal(read_from(events, 2, 2, false), "a/2:2 a/3:3");
	assert_string_equal(read_from(events, 0, 0, true), "a/4:4 a/3:3 a/2:2 a/1:1");
	assert_string_equal(read_from(events, 2, 0, true), "a/2:2 a/1:1");
	assert_string_equal(read_from(events, 9, 1, true), "a/4:4");
	assert_int_equal(
		vd_events_read_stream(events, NULL, "a", -1, 0, false, &cursor), VD_ERROR_INVALID_OPTION_VALUE);
	assert_int_equal(
		vd_events_read_stream(events, NULL, "a", 0, -1, false, &cursor), VD_ERROR_INVALID_OPTION_VALUE);
	assert_int_equal(
		vd_events_read_stream(events, NULL, "[a]", 0, 0, false, &cursor), VD_EVENTS_ERROR_STREAM_INVALID);
	vd_events_close(events);
}

static void an_event_comes_back_whole(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	const char *tags[] = { "account:1", "account:2" };
	const uint8_t id[VD_EVENT_ID_BYTES] = "an id of 16 byte";
	struct vd_event_data data = { .id = id,
		.type = "moved",
		.content_type = "application/json",
		.metadata = { "m\0m", 3 },
		.payload = { "p\0p", 3 },
		.tags = tags,
		.tag_count = 2,
		.time_ms = 1234567890123 };
	struct vd_events_position first, last;
	struct vd_events_cursor *cursor;
	size_t count;
	struct vd_events_append *append = vd_events_append_new(events);
	assert_int_equal(vd_events_append_expect(append, "a", VD_EVENTS_ANY), 0);
	assert_int_equal(vd_events_append_event(append, "a", &data), 0);
	assert_int_equal(vd_future_wait(vd_events_append_begin(append)), 0);
	assert_int_equal(vd_events_append_positions(append, &first, &last), 0);
	vd_events_append_free(append);
	for (int of_feed = 0; of_feed < 2; of_feed++) {
		int code = of_feed ? vd_events_read_feed(events, NULL, NULL, NULL, 0, true, &cursor)
						   : vd_events_read_stream(events, NULL, "a", 0, 0, false, &cursor);
		assert_int_equal(code, 0);
		assert_int_equal(vd_future_wait(vd_events_cursor_next(cursor)), 0);
		const struct vd_event *event = vd_events_cursor_events(cursor, &count);
		assert_int_equal(count, 1);
		assert_string_equal(event->stream, "a");
		assert_int_equal(event->version, 1);
		assert_memory_equal(&event->position, &first, sizeof first);
		assert_memory_equal(event->id, id, sizeof id);
		assert_string_equal(event->type, "moved");
		assert_string_equal(event->content_type, "application/json");
		assert_int_equal(event->metadata.size, 3);
		assert_memory_equal(event->metadata.data, "m\0m", 3);
		assert_int_equal(event->payload.size, 3);
		assert_memory_equal(event->payload.data, "p\0p", 3);
		assert_int_equal(event->tag_count, 2);
		assert_string_equal(event->tags[0], "account:1");
		assert_string_equal(event->tags[1], "account:2");
		assert_int_equal(event->time_ms, 1234567890123);
		vd_events_cursor_free(cursor);
	}
	vd_events_close(events);
}

/* More than one page, read in a transaction and without one. */
static void a_long_stream_comes_in_pages(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	struct vd_transaction *transaction;
	char payload[200];
	memset(payload, 'x', sizeof payload);
	struct vd_events_append *append = vd_events_append_new(events);
	assert_int_equal(vd_events_append_expect(append, "a", VD_EVENTS_ANY), 0);
	struct vd_event_data data = { .type = "said", .payload = { payload, sizeof payload } };
	for (int i = 0; i < LONG; i++)
		assert_int_equal(vd_events_append_event(append, "a", &data), 0);
	assert_int_equal(vd_future_wait(vd_events_append_begin(append)), 0);
	vd_events_append_free(append);
	assert_int_equal(vd_transaction_new(contract_database(), &transaction), 0);
	for (int kind = 0; kind < 4; kind++) {
		struct vd_events_cursor *cursor;
		bool is_reverse = kind % 2 == 1;
		int64_t expected = is_reverse ? LONG : 1;
		int pages = -1;
		assert_int_equal(
			vd_events_read_stream(events, kind < 2 ? NULL : transaction, "a", 0, 0, is_reverse, &cursor), 0);
		for (size_t count = 1; count > 0; pages++) {
			assert_int_equal(vd_future_wait(vd_events_cursor_next(cursor)), 0);
			const struct vd_event *page = vd_events_cursor_events(cursor, &count);
			for (size_t i = 0; i < count; i++, expected += is_reverse ? -1 : 1)
				assert_int_equal(page[i].version, expected);
		}
		assert_int_equal(expected, is_reverse ? 0 : LONG + 1);
		assert_true(pages > 3);
		vd_events_cursor_free(cursor);
	}
	vd_transaction_free(transaction);
	vd_events_close(events);
}

static void a_cursor_goes_on_with_what_came_since(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	struct vd_events_cursor *cursor;
	size_t count;
	assert_int_equal(contract_append(events, "a", VD_EVENTS_ANY, 1, "1"), 0);
	assert_int_equal(vd_events_read_stream(events, NULL, "a", 0, 0, false, &cursor), 0);
	for (int64_t version = 1; version < 4; version++) {
		assert_int_equal(vd_future_wait(vd_events_cursor_next(cursor)), 0);
		const struct vd_event *page = vd_events_cursor_events(cursor, &count);
		assert_int_equal(count, 1);
		assert_int_equal(page->version, version);
		assert_int_equal(vd_future_wait(vd_events_cursor_next(cursor)), 0);
		vd_events_cursor_events(cursor, &count);
		assert_int_equal(count, 0);
		assert_int_equal(contract_append(events, "a", VD_EVENTS_ANY, 1, "x"), 0);
	}
	vd_events_cursor_free(cursor);
	vd_events_close(events);
}

static void freed_while_a_page_is_on_its_way(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	struct vd_events_cursor *cursor;
	assert_int_equal(contract_append(events, "a", VD_EVENTS_ANY, 1, "1"), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(vd_events_read_stream(events, NULL, "a", 0, 0, false, &cursor), 0);
		assert_non_null(vd_events_cursor_next(cursor));
		vd_events_cursor_free(cursor);
	}
	assert_string_equal(contract_stream(events, "a"), "a/1:1");
	vd_events_close(events);
}

/* What cannot be read is said, and what lies before it is not passed over. */
static void a_page_that_failed_comes_again(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	struct vd_transaction *transaction;
	struct vd_events_cursor *cursor;
	struct vd_events_key key;
	size_t count;
	assert_int_equal(contract_append(events, "a", VD_EVENTS_ANY, 2, "1", "2"), 0);
	vd_events_key_event(&key, events, VD_BYTES("a"), 2);
	assert_int_equal(vd_transaction_new(contract_database(), &transaction), 0);
	vd_transaction_set(transaction, key.data, key.size, "no event", 8);
	struct vd_future *future = vd_transaction_commit(transaction);
	assert_int_equal(vd_future_wait(future), 0);
	vd_future_free(future);
	assert_int_equal(vd_events_read_stream(events, NULL, "a", 0, 0, false, &cursor), 0);
	for (int turn = 0; turn < 2; turn++) {
		assert_int_equal(vd_future_wait(vd_events_cursor_next(cursor)), VD_EVENTS_ERROR_RECORD_INVALID);
		assert_string_not_equal(vd_events_cursor_message(cursor), "");
		(void)vd_events_cursor_events(cursor, &count);
		assert_int_equal(count, 0);
	}
	vd_transaction_reset(transaction);
	vd_transaction_clear(transaction, key.data, key.size);
	future = vd_transaction_commit(transaction);
	assert_int_equal(vd_future_wait(future), 0);
	vd_future_free(future);
	vd_transaction_free(transaction);
	assert_string_equal(contract_all(cursor), "a/1:1 a/2:2");
	vd_events_close(events);
}

const struct CMUnitTest contract_read_tests[] = {
	cmocka_unit_test(a_page_that_failed_comes_again),
	cmocka_unit_test(isolated_and_missing),
	cmocka_unit_test(from_anywhere_in_both_directions),
	cmocka_unit_test(an_event_comes_back_whole),
	cmocka_unit_test(a_long_stream_comes_in_pages),
	cmocka_unit_test(a_cursor_goes_on_with_what_came_since),
	cmocka_unit_test(freed_while_a_page_is_on_its_way),
};
const size_t contract_read_count = sizeof contract_read_tests / sizeof contract_read_tests[0];
