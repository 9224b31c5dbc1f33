/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/commit/reply.h"

#include "common/base/codes.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads digits; false if there are none or the number is above `most`. */
static bool read_number(const char **at, uint64_t most, uint64_t *number)
{
	const char *from = *at;
	uint64_t sum = 0;
	while (is_digit(**at)) {
		uint64_t digit = (uint64_t)(**at - '0');
		if (sum > (most - digit) / 10)
			return false;
		sum = sum * 10 + digit;
		(*at)++;
	}
	*number = sum;
	return *at != from;
}

static bool read_token(const char **at, uint64_t *token)
{
	uint64_t sum = 0;
	for (int i = 0; i < 16; i++) {
		char c = **at;
		unsigned digit;
		if (is_digit(c))
			digit = (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (unsigned)(c - 'a') + 10;
		else
			return false;
		sum = sum << 4 | digit;
		(*at)++;
	}
	*token = sum;
	return true;
}

static bool skip(const char **at, char c)
{
	if (**at != c)
		return false;
	(*at)++;
	return true;
}

static void skip_blanks(const char **at)
{
	while (skip(at, ' '))
		continue;
}

static void skip_word(const char **at)
{
	while (**at != '\0' && **at != ' ')
		(*at)++;
}

bool vd_reply_begin(struct vd_reply *reply, const char *payload)
{
	const char *at = payload;
	if (!skip(&at, 'r') || !skip(&at, '1') || !skip(&at, ' ') ||
		!read_number(&at, INT64_MAX, &reply->version) || (*at != '\0' && *at != ' '))
		return false;
	reply->next = at;
	return true;
}

static bool read_entry(const char **at, struct vd_reply_entry *entry)
{
	uint64_t code;
	if (!read_number(at, INT64_MAX, &entry->sequence) || !skip(at, ':') || !read_token(at, &entry->token) ||
		!skip(at, ':') || !read_number(at, UINT16_MAX, &code) || !skip(at, ':') ||
		!read_number(at, INT64_MAX, &entry->a) || !skip(at, ':') || !read_number(at, INT64_MAX, &entry->b))
		return false;
	uint64_t further = 0;
	entry->code = (int)code;
	entry->further = skip(at, ':') && read_number(at, UINT32_MAX, &further) ? (uint32_t)further : 0;
	for (entry->number_count = 0; entry->number_count < VD_REPLY_NUMBERS_MOST &&
								  entry->number_count < entry->further && skip(at, ':') &&
								  read_number(at, INT64_MAX, &entry->numbers[entry->number_count]);)
		entry->number_count++;
	if (entry->code == VD_CODE_SUCCESS && entry->a > UINT16_MAX)
		return false;
	return entry->sequence != 0 && entry->a <= UINT32_MAX;
}

bool vd_reply_next(struct vd_reply *reply, struct vd_reply_entry *entry)
{
	for (;;) {
		skip_blanks(&reply->next);
		if (*reply->next == '\0')
			return false;
		bool good = is_digit(*reply->next) && read_entry(&reply->next, entry);
		skip_word(&reply->next);
		if (good)
			return true;
	}
}
