/* SPDX-License-Identifier: Apache-2.0 */
/* parse.c: see parse.h. */
#include "follower/admin/parse.h"

#include <string.h>

/* A decimal number without sign and leading blanks, up to `most`. */
static bool take_number(const char **at, int64_t most, int64_t *number)
{
	const char *digit = *at;
	int64_t value = 0;
	for (; *digit >= '0' && *digit <= '9'; digit++) {
		if (value > (most - (*digit - '0')) / 10)
			return false;
		value = value * 10 + (*digit - '0');
	}
	if (digit == *at)
		return false;
	*at = digit;
	*number = value;
	return true;
}

static bool take_text(const char **at, const char *text)
{
	size_t size = strlen(text);
	if (strncmp(*at, text, size) != 0)
		return false;
	*at += size;
	return true;
}

/* 16 lower-case hex digits. */
static bool take_hex(const char **at, uint64_t *number)
{
	static const char digits[] = "0123456789abcdef";
	*number = 0;
	for (int i = 0; i < 16; i++, (*at)++) {
		const char *digit = **at == '\0' ? NULL : strchr(digits, **at);
		if (digit == NULL)
			return false;
		*number = *number << 4 | (uint64_t)(digit - digits);
	}
	return true;
}

static bool take_count(const char **at, const char *name, int64_t *count)
{
	return take_text(at, name) && take_number(at, INT64_MAX, count);
}

static bool batch(struct admin_payload *payload, struct vd_admin_event *event)
{
	const char *at = payload->at;
	event->kind = VD_ADMIN_BATCH;
	bool good =
		take_count(&at, "b1 version=", &event->version) && take_count(&at, " requests=", &event->requests) &&
		take_count(&at, " committed=", &event->committed) &&
		take_count(&at, " conflict=", &event->conflict) && take_count(&at, " too_old=", &event->too_old) &&
		take_count(&at, " rejected=", &event->rejected);
	/* Later leaders may say more behind it. */
	payload->at = "";
	return good && (*at == '\0' || *at == ' ');
}

static bool verdict(struct admin_payload *payload, struct vd_admin_event *event)
{
	int64_t code;
	int64_t order;
	const char *at = payload->at;
	event->kind = VD_ADMIN_VERDICT;
	event->version = payload->version;
	payload->at = "";
	if (!take_text(&at, " ") || !take_hex(&at, &event->reply) || !take_text(&at, ":") ||
		!take_number(&at, INT64_MAX, &event->sequence) || !take_text(&at, ":") ||
		!take_number(&at, INT32_MAX, &code) || !take_text(&at, ":") || !take_number(&at, INT32_MAX, &order) ||
		(*at != '\0' && *at != ' '))
		return false;
	event->code = (int)code;
	event->order = (int)order;
	payload->at = at;
	return true;
}

bool admin_payload_next(struct admin_payload *payload, struct vd_admin_event *event)
{
	*event = (struct vd_admin_event){ .text = "" };
	if (payload->version == 0) {
		if (strncmp(payload->at, "b1 ", 3) == 0)
			return batch(payload, event);
		if (!take_count(&payload->at, "v1 version=", &payload->version))
			return false;
	}
	return verdict(payload, event);
}
