/* SPDX-License-Identifier: Apache-2.0 */
/* Records and runs: what was written is read, and whatever else is there is refused, never read beyond its end. */
#include "common/base/random.h"
#include "events/record.h"
#include "events/run.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

static const char *const tags[] = { "one", "two" };
static const uint8_t id[VD_EVENT_ID_BYTES] = "0123456789abcdef";

static struct vd_event_data data(void)
{
	return (struct vd_event_data){ .id = id,
		.type = "moved",
		.metadata = { "meta", 4 },
		.payload = { "payload", 7 },
		.tags = tags,
		.tag_count = 2,
		.time_ms = -5 };
}

static void a_record_is_read_as_it_was_written(void **state)
{
	(void)state;
	struct vd_event_data written = data();
	struct vd_buffer buffer = { 0 };
	struct vd_event event;
	const char *found[VD_EVENTS_TAGS_MAX];
	vd_events_record_add(&buffer, &written, 7);
	assert_true(vd_events_record_read(vd_buffer_bytes(&buffer), &event, found));
	assert_string_equal(event.type, "moved");
	assert_string_equal(event.content_type, "");
	assert_int_equal(event.time_ms, -5);
	assert_int_equal(event.tag_count, 2);
	assert_string_equal(event.tags[1], "two");
	assert_memory_equal(event.payload.data, "payload", event.payload.size);
	assert_int_equal(event.metadata.size, 4);
	assert_int_equal(event.position.bytes[13], 7);
	vd_buffer_fini(&buffer);
}

static void a_record_cut_short_is_none(void **state)
{
	(void)state;
	struct vd_event_data written = data();
	struct vd_buffer buffer = { 0 };
	struct vd_event event;
	written.payload.size = 0;
	vd_events_record_add(&buffer, &written, 0);
	for (size_t size = 0; size < buffer.size; size++) {
		uint8_t *cut = malloc(size + 1);
		memcpy(cut, buffer.data, size);
		assert_false(vd_events_record_read(vd_bytes_of(cut, size), &event, NULL));
		free(cut);
	}
	vd_buffer_fini(&buffer);
}

static void a_run_is_read_as_it_was_written(void **state)
{
	(void)state;
	static const char *const types[] = { "a", "a", "b", "a" };
	for (int is_large = 0; is_large < 2; is_large++) {
		char record[600];
		memset(record, 'r', sizeof record);
		struct vd_events_run_part parts[4];
		struct vd_buffer buffer = { 0 };
		struct vd_events_run run;
		const char *type;
		struct vd_bytes found;
		for (int i = 0; i < 4; i++)
			parts[i] = (struct vd_events_run_part){ types[i], vd_bytes_of(record, is_large ? 600 : 40 + i) };
		vd_events_run_add(&buffer, VD_BYTES("stream"), parts, 4);
		assert_true(vd_events_run_read(vd_buffer_bytes(&buffer), &run));
		assert_string_equal(run.stream, "stream");
		assert_int_equal(run.count, 4);
		for (int i = 0; i < 4; i++) {
			assert_true(vd_events_run_next(&run, &type, &found));
			assert_string_equal(type, types[i]);
			assert_int_equal(found.size, is_large ? 0 : 40 + i);
		}
		assert_false(vd_events_run_next(&run, &type, &found));
		vd_buffer_fini(&buffer);
	}
}

/* Bytes by chance, and good ones with a byte changed: no read beyond the end (ASan), and what is accepted can be walked. */
static void bytes_by_chance(void **state)
{
	(void)state;
	struct vd_rng random;
	struct vd_event_data written = data();
	vd_rng_seed(&random, 1);
	for (int i = 0; i < 20000; i++) {
		struct vd_buffer buffer = { 0 };
		const char *found[VD_EVENTS_TAGS_MAX], *type;
		struct vd_event event;
		struct vd_events_run run;
		struct vd_bytes record;
		struct vd_events_run_part part = { "type", VD_BYTES("some forty bytes that stand for a record") };
		if (i % 2 == 0)
			vd_events_record_add(&buffer, &written, 0);
		else
			vd_events_run_add(&buffer, VD_BYTES("s"), &part, 1);
		uint8_t *bytes = malloc(buffer.size);
		size_t size = (size_t)vd_rng_below(&random, buffer.size) + 1;
		memcpy(bytes, buffer.data, size);
		bytes[vd_rng_below(&random, size)] = (uint8_t)vd_rng_next(&random);
		uint8_t *exact = malloc(size);
		memcpy(exact, bytes, size);
		(void)vd_events_record_read(vd_bytes_of(exact, size), &event, found);
		if (vd_events_run_read(vd_bytes_of(exact, size), &run))
			for (uint32_t j = 0; j < run.count && vd_events_run_next(&run, &type, &record); j++)
				assert_true(strlen(type) < 256);
		free(exact);
		free(bytes);
		vd_buffer_fini(&buffer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_read_as_it_was_written),
		cmocka_unit_test(a_record_cut_short_is_none),
		cmocka_unit_test(a_run_is_read_as_it_was_written),
		cmocka_unit_test(bytes_by_chance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
