/* SPDX-License-Identifier: Apache-2.0 */
/* contract.c: see contract.h. Runs the contracts against the database of VERDICT_TEST_DSN, which needs a resolver. */
#include "tests/events/contract.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct vd_database *database;
static char line[1 << 16];

struct vd_database *contract_database(void)
{
	if (database == NULL)
		assert_int_equal(vd_database_open(NULL, getenv("VERDICT_TEST_DSN"), NULL, 0, &database, NULL, 0), 0);
	return database;
}

struct vd_events *contract_store(void)
{
	static int number;
	char name[32];
	struct vd_events *events = NULL;
	snprintf(name, sizeof name, "contract-%d-%d", (int)getpid(), ++number);
	assert_int_equal(vd_events_open(contract_database(), name, &events), 0);
	return events;
}

struct vd_event_data contract_event(const char *type, const char *payload)
{
	return (struct vd_event_data){ .type = type, .payload = { payload, strlen(payload) } };
}

int contract_append(struct vd_events *events, const char *stream, int64_t expected, size_t count, ...)
{
	struct vd_events_append *append = vd_events_append_new(events);
	va_list texts;
	assert_int_equal(vd_events_append_expect(append, stream, expected), 0);
	va_start(texts, count);
	for (size_t i = 0; i < count; i++) {
		struct vd_event_data event = contract_event("said", va_arg(texts, const char *));
		assert_int_equal(vd_events_append_event(append, stream, &event), 0);
	}
	va_end(texts);
	int code = vd_future_wait(vd_events_append_begin(append));
	vd_events_append_free(append);
	return code;
}

const char *contract_all(struct vd_events_cursor *cursor)
{
	size_t count = 1, size = 0;
	line[0] = '\0';
	while (count > 0) {
		assert_int_equal(vd_future_wait(vd_events_cursor_next(cursor)), 0);
		const struct vd_event *events = vd_events_cursor_events(cursor, &count);
		for (size_t i = 0; i < count; i++)
			size += (size_t)snprintf(line + size, sizeof line - size, "%s%s/%lld:%.*s", size == 0 ? "" : " ",
				events[i].stream, (long long)events[i].version, (int)events[i].payload.size,
				(const char *)events[i].payload.data);
		assert_true(size < sizeof line);
	}
	vd_events_cursor_free(cursor);
	return line;
}

const char *contract_stream(struct vd_events *events, const char *stream)
{
	struct vd_events_cursor *cursor;
	assert_int_equal(vd_events_read_stream(events, NULL, stream, 0, 0, false, &cursor), 0);
	return contract_all(cursor);
}

const char *contract_feed(struct vd_events *events, const struct vd_events_filter *filter)
{
	struct vd_events_cursor *cursor;
	assert_int_equal(vd_events_read_feed(events, NULL, filter, NULL, 0, true, &cursor), 0);
	return contract_all(cursor);
}

int main(void)
{
	int failed = _cmocka_run_group_tests("append", contract_append_tests, contract_append_count, NULL, NULL);
	failed += _cmocka_run_group_tests("read", contract_read_tests, contract_read_count, NULL, NULL);
	failed += _cmocka_run_group_tests("feed", contract_feed_tests, contract_feed_count, NULL, NULL);
	vd_database_close(database, NULL, NULL);
	return failed;
}
