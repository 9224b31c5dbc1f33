/* SPDX-License-Identifier: Apache-2.0 */
/* Appends: all or nothing, over any number of streams, at the versions that were expected. */
#include "tests/events/contract.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { WRITERS = 4, APPENDS = 25, MANY = 300 };

static struct vd_events_append *append_to(struct vd_events *events, const char *stream, int64_t expected)
{
	struct vd_events_append *append = vd_events_append_new(events);
	assert_non_null(append);
	assert_int_equal(vd_events_append_expect(append, stream, expected), 0);
	return append;
}

static void add(struct vd_events_append *append, const char *stream, const char *text)
{
	struct vd_event_data event = contract_event("said", text);
	assert_int_equal(vd_events_append_event(append, stream, &event), 0);
}

static int finish(struct vd_events_append *append)
{
	return vd_future_wait(vd_events_append_begin(append));
}

static void appended_and_read(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	assert_int_equal(contract_append(events, "a", VD_EVENTS_NO_STREAM, 2, "one", "two"), 0);
	assert_int_equal(contract_append(events, "a", 2, 1, "three"), 0);
	assert_string_equal(contract_stream(events, "a"), "a/1:one a/2:two a/3:three");
	vd_events_close(events);
}

static void the_result_tells_versions_and_positions(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	struct vd_events_position first, last, earlier;
	int64_t from, to;
	struct vd_events_append *append = append_to(events, "a", VD_EVENTS_ANY);
	assert_int_equal(vd_events_append_expect(append, "b", VD_EVENTS_ANY), 0);
	assert_int_equal(vd_events_append_expect(append, "c", VD_EVENTS_ANY), 0);
	assert_int_equal(
		vd_events_append_versions(append, "a", &from, &to), VD_ERROR_TRANSACTION_INVALID_VERSION);
	add(append, "a", "1");
	add(append, "b", "2");
	add(append, "a", "3");
	assert_int_equal(finish(append), 0);
	assert_int_equal(vd_events_append_versions(append, "a", &from, &to), 0);
	assert_int_equal(from, 1);
	assert_int_equal(to, 2);
	assert_int_equal(vd_events_append_versions(append, "c", &from, &to), 0);
	assert_int_equal(from, 0);
	assert_int_equal(vd_events_append_versions(append, "d", &from, &to), VD_EVENTS_ERROR_STREAM_NOT_NAMED);
	assert_int_equal(vd_events_append_positions(append, &first, &last), 0);
	assert_true(memcmp(&first, &last, sizeof first) < 0);
	earlier = last;
	vd_events_append_free(append);
	append = append_to(events, "b", 1);
	add(append, "b", "4");
	assert_int_equal(finish(append), 0);
	assert_int_equal(vd_events_append_positions(append, &first, &last), 0);
	assert_true(memcmp(&earlier, &first, sizeof first) < 0);
	vd_events_append_free(append);
	vd_events_close(events);
}

static void a_second_append_at_a_version_is_wrong(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	assert_int_equal(contract_append(events, "a", VD_EVENTS_NO_STREAM, 1, "one"), 0);
	struct vd_events_append *append = append_to(events, "a", VD_EVENTS_NO_STREAM);
	add(append, "a", "other");
	assert_int_equal(finish(append), VD_EVENTS_ERROR_WRONG_VERSION);
	assert_non_null(strstr(vd_events_append_message(append), "stream \"a\" is at version 1"));
	vd_events_append_free(append);
	assert_int_equal(contract_append(events, "a", 3, 1, "other"), VD_EVENTS_ERROR_WRONG_VERSION);
	assert_int_equal(
		contract_append(events, "b", VD_EVENTS_EXISTS, 1, "other"), VD_EVENTS_ERROR_WRONG_VERSION);
	assert_int_equal(contract_append(events, "a", VD_EVENTS_EXISTS, 1, "two"), 0);
	assert_string_equal(contract_stream(events, "a"), "a/1:one a/2:two");
	assert_string_equal(contract_stream(events, "b"), "");
	vd_events_close(events);
}

static void a_stale_stream_of_two_leaves_both(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	assert_int_equal(contract_append(events, "a", VD_EVENTS_NO_STREAM, 1, "one"), 0);
	struct vd_events_append *append = append_to(events, "a", 1);
	assert_int_equal(vd_events_append_expect(append, "b", 7), 0);
	add(append, "a", "x");
	add(append, "b", "y");
	assert_int_equal(finish(append), VD_EVENTS_ERROR_WRONG_VERSION);
	assert_non_null(
		strstr(vd_events_append_message(append), "stream \"b\" is at version 0, expected was version 7"));
	vd_events_append_free(append);
	assert_string_equal(contract_feed(events, NULL), "a/1:one");
	vd_events_close(events);
}

static void participants_count_without_events(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	assert_int_equal(contract_append(events, "rate", VD_EVENTS_NO_STREAM, 1, "one"), 0);
	struct vd_events_append *append = append_to(events, "order", VD_EVENTS_NO_STREAM);
	assert_int_equal(vd_events_append_expect(append, "rate", 1), 0);
	add(append, "order", "current");
	assert_int_equal(finish(append), 0);
	vd_events_append_free(append);
	assert_int_equal(contract_append(events, "rate", 1, 1, "two"), 0);
	append = append_to(events, "order", 1);
	assert_int_equal(vd_events_append_expect(append, "rate", 1), 0);
	add(append, "order", "stale");
	assert_int_equal(finish(append), VD_EVENTS_ERROR_WRONG_VERSION);
	vd_events_append_free(append);
	/* nothing is appended at all */
	assert_int_equal(contract_append(events, "rate", 2, 0), 0);
	assert_int_equal(contract_append(events, "rate", 1, 0), VD_EVENTS_ERROR_WRONG_VERSION);
	assert_string_equal(contract_stream(events, "order"), "order/1:current");
	vd_events_close(events);
}

static void what_an_append_may_not_be(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	struct vd_events_append *append = vd_events_append_new(events);
	struct vd_event_data event = contract_event("said", "x");
	const char *same[] = { "t", "t" };
	assert_int_equal(vd_events_append_expect(append, "a", 1), 0);
	assert_int_equal(vd_events_append_expect(append, " a\n", 1), 0);
	assert_int_equal(vd_events_append_expect(append, "a", 2), VD_EVENTS_ERROR_STREAM_NAMED_TWICE);
	assert_int_equal(vd_events_append_expect(append, "a*", 2), VD_EVENTS_ERROR_STREAM_INVALID);
	assert_int_equal(vd_events_append_expect(append, "b", -3), VD_ERROR_INVALID_OPTION_VALUE);
	assert_int_equal(vd_events_append_event(append, "c", &event), VD_EVENTS_ERROR_STREAM_NOT_NAMED);
	event.type = "";
	assert_int_equal(vd_events_append_event(append, "a", &event), VD_EVENTS_ERROR_EVENT_INVALID);
	event.type = "said";
	event.tags = same;
	event.tag_count = 2;
	assert_int_equal(vd_events_append_event(append, "a", &event), VD_EVENTS_ERROR_EVENT_INVALID);
	vd_events_append_free(append);
	append = vd_events_append_new(events);
	assert_int_equal(finish(append), VD_ERROR_CLIENT_INVALID_OPERATION);
	assert_int_equal(vd_events_append_expect(append, "a", 1), VD_ERROR_CLIENT_INVALID_OPERATION);
	vd_events_append_free(append);
	vd_events_close(events);
}

static void events_that_stand_there_are_a_duplicate(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	uint8_t ids[3][VD_EVENT_ID_BYTES] = { "first-----------", "second----------", "third-----------" };
	struct vd_events_position first[2], last[2];
	int64_t from, to;
	for (int turn = 0; turn < 2; turn++) {
		struct vd_events_append *append = append_to(events, "a", VD_EVENTS_NO_STREAM);
		assert_int_equal(vd_events_append_expect(append, "b", VD_EVENTS_NO_STREAM), 0);
		for (int i = 0; i < 3; i++) {
			struct vd_event_data event = contract_event("said", "x");
			event.id = ids[i];
			assert_int_equal(vd_events_append_event(append, i == 1 ? "b" : "a", &event), 0);
		}
		assert_int_equal(finish(append), 0);
		assert_int_equal(vd_events_append_is_duplicate(append), turn == 1);
		assert_int_equal(vd_events_append_versions(append, "a", &from, &to), 0);
		assert_int_equal(from, 1);
		assert_int_equal(to, 2);
		assert_int_equal(vd_events_append_positions(append, &first[turn], &last[turn]), 0);
		vd_events_append_free(append);
	}
	assert_memory_equal(&first[0], &first[1], sizeof first[0]);
	assert_memory_equal(&last[0], &last[1], sizeof last[0]);
	assert_string_equal(contract_feed(events, NULL), "a/1:x b/1:x a/2:x");
	/* one other id, and it is none */
	struct vd_events_append *append = append_to(events, "a", VD_EVENTS_NO_STREAM);
	struct vd_event_data event = contract_event("said", "x");
	event.id = ids[0];
	assert_int_equal(vd_events_append_event(append, "a", &event), 0);
	event.id = ids[1];
	assert_int_equal(vd_events_append_event(append, "a", &event), 0);
	assert_int_equal(finish(append), VD_EVENTS_ERROR_WRONG_VERSION);
	vd_events_append_free(append);
	vd_events_close(events);
}

static void a_request_id_is_done_once(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	const uint8_t id[16] = "the request id -";
	struct vd_events_position first[2], last;
	int64_t from, to;
	assert_int_equal(contract_append(events, "a", VD_EVENTS_ANY, 1, "zero"), 0);
	for (int turn = 0; turn < 2; turn++) {
		struct vd_events_append *append = append_to(events, "a", VD_EVENTS_ANY);
		assert_int_equal(vd_events_append_request_id(append, id), 0);
		add(append, "a", "one");
		add(append, "a", "two");
		assert_int_equal(finish(append), 0);
		assert_int_equal(vd_events_append_is_duplicate(append), turn == 1);
		assert_int_equal(vd_events_append_versions(append, "a", &from, &to), 0);
		assert_int_equal(from, 2);
		assert_int_equal(to, 3);
		assert_int_equal(vd_events_append_positions(append, &first[turn], &last), 0);
		vd_events_append_free(append);
		assert_int_equal(contract_append(events, "a", VD_EVENTS_ANY, 1, "more"), 0);
	}
	assert_memory_equal(&first[0], &first[1], sizeof first[0]);
	assert_string_equal(contract_stream(events, "a"), "a/1:zero a/2:one a/3:two a/4:more a/5:more");
	vd_events_close(events);
}

/* ---- many at once ---- */

struct writer {
	pthread_t thread;
	struct vd_events *events;
	int done;
};

static void *write_any(void *arg)
{
	struct writer *writer = arg;
	for (int i = 0; i < APPENDS; i++)
		writer->done += contract_append(writer->events, "shared", VD_EVENTS_ANY, 1, "x") == 0;
	return NULL;
}

static void versions_have_no_gap(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	struct vd_events_cursor *cursor;
	struct writer writers[WRITERS];
	int64_t expected = 1;
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){ .events = events };
		pthread_create(&writers[i].thread, NULL, write_any, &writers[i]);
	}
	for (int i = 0; i < WRITERS; i++) {
		pthread_join(writers[i].thread, NULL);
		assert_int_equal(writers[i].done, APPENDS);
	}
	assert_int_equal(vd_events_read_stream(events, NULL, "shared", 0, 0, false, &cursor), 0);
	for (size_t count = 1; count > 0;) {
		assert_int_equal(vd_future_wait(vd_events_cursor_next(cursor)), 0);
		const struct vd_event *page = vd_events_cursor_events(cursor, &count);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(page[i].version, expected++);
	}
	assert_int_equal(expected - 1, WRITERS * APPENDS);
	vd_events_cursor_free(cursor);
	vd_events_close(events);
}

/* One append over many streams: each gets its event, each in the same commit. */
static void many_streams_at_once(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	struct vd_events_append *append = vd_events_append_new(events);
	char stream[32];
	int64_t from, to;
	for (int i = 0; i < MANY; i++) {
		snprintf(stream, sizeof stream, "stream-%d", i);
		assert_int_equal(vd_events_append_expect(append, stream, VD_EVENTS_NO_STREAM), 0);
		add(append, stream, "x");
	}
	assert_int_equal(finish(append), 0);
	for (int i = 0; i < MANY; i++) {
		snprintf(stream, sizeof stream, "stream-%d", i);
		assert_int_equal(vd_events_append_versions(append, stream, &from, &to), 0);
		assert_int_equal(from, 1);
		assert_int_equal(to, 1);
	}
	vd_events_append_free(append);
	vd_events_close(events);
}

static void freed_while_it_goes_on(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	for (int i = 0; i < 20; i++) {
		struct vd_events_append *append = append_to(events, "a", VD_EVENTS_ANY);
		add(append, "a", "x");
		assert_non_null(vd_events_append_begin(append));
		vd_events_append_free(append);
	}
	assert_int_equal(contract_append(events, "a", VD_EVENTS_ANY, 1, "x"), 0);
	vd_events_close(events);
}

const struct CMUnitTest contract_append_tests[] = {
	cmocka_unit_test(appended_and_read),
	cmocka_unit_test(the_result_tells_versions_and_positions),
	cmocka_unit_test(a_second_append_at_a_version_is_wrong),
	cmocka_unit_test(a_stale_stream_of_two_leaves_both),
	cmocka_unit_test(participants_count_without_events),
	cmocka_unit_test(what_an_append_may_not_be),
	cmocka_unit_test(events_that_stand_there_are_a_duplicate),
	cmocka_unit_test(a_request_id_is_done_once),
	cmocka_unit_test(versions_have_no_gap),
	cmocka_unit_test(many_streams_at_once),
	cmocka_unit_test(freed_while_it_goes_on),
};
const size_t contract_append_count = sizeof contract_append_tests / sizeof contract_append_tests[0];
