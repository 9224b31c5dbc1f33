/* SPDX-License-Identifier: Apache-2.0 */
/* errors.c: what the numbers from 8001 on mean. */
#include "common/base/check.h"

#include <verdict/events.h>

static const struct {
	int code;
	const char *name;
	const char *text;
} errors[] = {
	{ VD_EVENTS_ERROR_WRONG_VERSION, "wrong_version", "a stream is not at the version that was expected" },
	{ VD_EVENTS_ERROR_STREAM_INVALID, "stream_invalid",
		"a stream's name has 1 to 255 characters of UTF-8, and none of * ? [ ] and NUL" },
	{ VD_EVENTS_ERROR_STREAM_NAMED_TWICE, "stream_named_twice",
		"the append names a stream twice, with different expectations" },
	{ VD_EVENTS_ERROR_STREAM_NOT_NAMED, "stream_not_named",
		"the append has an event for a stream that it does not name" },
	{ VD_EVENTS_ERROR_EVENT_INVALID, "event_invalid",
		"an event has a type of 1 to 255 bytes, a content type of up to 255, and up to 32 tags of 1 to 255 "
		"that differ" },
	{ VD_EVENTS_ERROR_PATTERN_INVALID, "pattern_invalid", "the pattern is no glob" },
	{ VD_EVENTS_ERROR_RECORD_INVALID, "record_invalid",
		"what is stored is no event of a format that this library knows" },
};

const char *vd_events_error_name(int code)
{
	for (size_t i = 0; i < VD_COUNT(errors); i++)
		if (errors[i].code == code)
			return errors[i].name;
	return vd_error_name(code);
}

const char *vd_events_error_text(int code)
{
	for (size_t i = 0; i < VD_COUNT(errors); i++)
		if (errors[i].code == code)
			return errors[i].text;
	return vd_error_text(code);
}
