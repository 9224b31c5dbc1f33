/* SPDX-License-Identifier: Apache-2.0 */
/* The feed: all events in the order of the commits, filtered, from any position on. */
#include "tests/events/contract.h"

#include <stdlib.h>
#include <string.h>

static void in_order_across_streams(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	assert_string_equal(contract_feed(events, NULL), "");
	assert_int_equal(contract_append(events, "b", VD_EVENTS_ANY, 2, "1", "2"), 0);
	assert_int_equal(contract_append(events, "a", VD_EVENTS_ANY, 1, "3"), 0);
	assert_int_equal(contract_append(events, "b", VD_EVENTS_ANY, 1, "4"), 0);
	assert_string_equal(contract_feed(events, NULL), "b/1:1 b/2:2 a/1:3 b/3:4");
	vd_events_close(events);
}

/* From each position, also one in the middle of an append, what lies behind it. */
static void resumed_behind_each_position(void **state)
{
	(void)state;
	static const char *const left[] = { "a/1:1 a/2:2 a/3:3 b/1:4", "a/2:2 a/3:3 b/1:4", "a/3:3 b/1:4",
		"b/1:4", "" };
	struct vd_events *events = contract_store();
	struct vd_events_position at[5] = { 0 };
	struct vd_events_cursor *cursor;
	size_t count;
	assert_int_equal(contract_append(events, "a", VD_EVENTS_ANY, 3, "1", "2", "3"), 0);
	assert_int_equal(contract_append(events, "b", VD_EVENTS_ANY, 1, "4"), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(vd_events_read_feed(events, NULL, NULL, &at[i], 1, true, &cursor), 0);
		assert_int_equal(vd_future_wait(vd_events_cursor_next(cursor)), 0);
		const struct vd_event *page = vd_events_cursor_events(cursor, &count);
		assert_int_equal(count, 1);
		at[i + 1] = vd_events_cursor_position(cursor);
		assert_memory_equal(&page->position, &at[i + 1], sizeof at[i]);
		vd_events_cursor_free(cursor);
	}
	for (int i = 0; i < 5; i++) {
		assert_int_equal(vd_events_read_feed(events, NULL, NULL, &at[i], 0, true, &cursor), 0);
		assert_string_equal(contract_all(cursor), left[i]);
	}
	vd_events_close(events);
}

static void filtered_by_stream(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	static const char *const streams[] = { "account-1", "my-account", "a_b", "axb", "account-2", "accoünt" };
	struct {
		struct vd_events_filter filter;
		const char *seen;
	} cases[] = {
		{ { .prefix = "account-" }, "account-1/1:x account-2/1:x" },
		{ { .prefix = "a_b" }, "a_b/1:x" },
		{ { .prefix = "%" }, "" },
		{ { .pattern = "*account*" }, "account-1/1:x my-account/1:x account-2/1:x" },
		{ { .pattern = "a?b" }, "a_b/1:x axb/1:x" },
		{ { .pattern = "acco?nt*" }, "account-1/1:x account-2/1:x accoünt/1:x" },
		{ { .pattern = "account-[1]" }, "account-1/1:x" },
		{ { .pattern = "account-[!1]" }, "account-2/1:x" },
		{ { .pattern = "a[w-y]b" }, "axb/1:x" },
		{ { .prefix = "a", .pattern = "*b" }, "a_b/1:x axb/1:x" },
	};
	struct vd_events_filter wrong = { .pattern = "a[" };
	struct vd_events_cursor *cursor;
	for (size_t i = 0; i < sizeof streams / sizeof streams[0]; i++)
		assert_int_equal(contract_append(events, streams[i], VD_EVENTS_ANY, 1, "x"), 0);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_string_equal(contract_feed(events, &cases[i].filter), cases[i].seen);
	assert_int_equal(
		vd_events_read_feed(events, NULL, &wrong, NULL, 0, true, &cursor), VD_EVENTS_ERROR_PATTERN_INVALID);
	vd_events_close(events);
}

static void append_types(struct vd_events *events, const char *stream, const char *types, const char *payload)
{
	struct vd_events_append *append = vd_events_append_new(events);
	char type[2] = "";
	assert_int_equal(vd_events_append_expect(append, stream, VD_EVENTS_ANY), 0);
	for (; *types != '\0'; types++) {
		type[0] = *types;
		struct vd_event_data event = contract_event(type, payload);
		assert_int_equal(vd_events_append_event(append, stream, &event), 0);
	}
	assert_int_equal(vd_future_wait(vd_events_append_begin(append)), 0);
	vd_events_append_free(append);
}

/* The filter comes before the limit; what the feed does not hold itself, being large, is filtered alike. */
static void filtered_by_type_and_limited(void **state)
{
	(void)state;
	struct vd_events *events = contract_store();
	static const char *const wanted[] = { "b", "d" };
	struct vd_events_filter filter = { .types = wanted, .type_count = 2 };
	struct vd_events_cursor *cursor;
	char large[3000];
	memset(large, 'L', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	append_types(events, "s", "aabca", "x");
	append_types(events, "large", "abd", large);
	append_types(events, "s", "cb", "y");
	assert_int_equal(vd_events_read_feed(events, NULL, &filter, NULL, 3, true, &cursor), 0);
	const char *seen = contract_all(cursor);
	assert_memory_equal(seen, "s/3:x large/2:LLL", 17);
	assert_non_null(strstr(seen, " large/3:LLL"));
	assert_null(strstr(seen, "s/7"));
	assert_int_equal(strlen(seen), strlen("s/3:x large/2: large/3:") + 2 * strlen(large));
	vd_events_close(events);
}

/* Whoever reads the feed while others append sees each event once, in the order that it has for ever. */
static void nothing_is_ever_passed_over(void **state)
{
	(void)state;
	enum { APPENDS = 120 };
	struct vd_events *events = contract_store();
	struct vd_events_append *appends[APPENDS];
	struct vd_events_cursor *cursor;
	struct vd_events_position last = { 0 };
	char stream[16];
	int seen = 0;
	assert_int_equal(vd_events_read_feed(events, NULL, NULL, NULL, 0, true, &cursor), 0);
	for (int i = 0; i < APPENDS; i++) {
		struct vd_event_data event = contract_event("said", "x");
		snprintf(stream, sizeof stream, "s%d", i % 7);
		appends[i] = vd_events_append_new(events);
		assert_int_equal(vd_events_append_expect(appends[i], stream, VD_EVENTS_ANY), 0);
		assert_int_equal(vd_events_append_event(appends[i], stream, &event), 0);
		assert_non_null(vd_events_append_begin(appends[i]));
	}
	while (seen < APPENDS) {
		size_t count;
		assert_int_equal(vd_future_wait(vd_events_cursor_next(cursor)), 0);
		const struct vd_event *page = vd_events_cursor_events(cursor, &count);
		for (size_t i = 0; i < count; i++, seen++) {
			assert_true(memcmp(&last, &page[i].position, sizeof last) < 0);
			last = page[i].position;
		}
	}
	vd_events_cursor_free(cursor);
	for (int i = 0; i < APPENDS; i++)
		vd_events_append_free(appends[i]);
	vd_events_close(events);
}

const struct CMUnitTest contract_feed_tests[] = {
	cmocka_unit_test(in_order_across_streams),
	cmocka_unit_test(resumed_behind_each_position),
	cmocka_unit_test(filtered_by_stream),
	cmocka_unit_test(filtered_by_type_and_limited),
	cmocka_unit_test(nothing_is_ever_passed_over),
};
const size_t contract_feed_count = sizeof contract_feed_tests / sizeof contract_feed_tests[0];
