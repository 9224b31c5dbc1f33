/* SPDX-License-Identifier: Apache-2.0 */
/* redact.c: a reader of both forms that copies all but the secrets; it need not be as strict as libpq, only
 * never laxer about what is secret. */
#include "common/base/redact.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const char hidden[] = "***";

enum key { KEY_PLAIN, KEY_SECRET, KEY_BLURRED };

/* Blurred is what can be no key of libpq's, or begins as the key of a secret does and goes on: the secret may stand in it, as
 * where a "=" was forgotten, or the scheme of a URI is misspelled, with a "=" somewhere behind it. */
static enum key judge(const char *key, size_t size)
{
	static const char *const names[] = { "password", "sslpassword", "scram_client_key", "scram_server_key",
		"oauth_client_secret" };
	for (size_t i = 0; i < size; i++)
		if (!isalnum((unsigned char)key[i]) && key[i] != '_')
			return KEY_BLURRED;
	for (size_t i = 0; i < VD_COUNT(names); i++) {
		size_t length = strlen(names[i]);
		if (length <= size && strncasecmp(names[i], key, length) == 0)
			return length == size ? KEY_SECRET : KEY_BLURRED;
	}
	return KEY_PLAIN;
}

static void add(struct vd_buffer *out, const char *from, const char *to)
{
	vd_buffer_add(out, vd_bytes_of(from, (size_t)(to - from)));
}

/* From a value's first byte to behind its last; NULL if a quote is not closed. */
static const char *value_end(const char *at)
{
	bool quoted = *at == '\'';
	at += quoted;
	while (*at != '\0' && (quoted ? *at != '\'' : !isspace((unsigned char)*at)))
		at += at[0] == '\\' && at[1] != '\0' ? 2 : 1;
	if (quoted && *at == '\0')
		return NULL;
	return at + quoted;
}

static void redact_pairs(struct vd_buffer *out, const char *at)
{
	while (*at != '\0') {
		const char *key = at + strspn(at, " \t\r\n\f\v");
		add(out, at, key);
		if (*key == '\0')
			return;
		const char *key_end = key + strcspn(key, "= \t\r\n\f\v");
		const char *equals = key_end + strspn(key_end, " \t\r\n\f\v");
		enum key judged = judge(key, (size_t)(key_end - key));
		if (*equals != '=' || key_end == key || judged == KEY_BLURRED) {
			vd_buffer_add_text(out, hidden); /* malformed: it may be the rest of a password with a blank */
			return;
		}
		const char *value = equals + 1 + strspn(equals + 1, " \t\r\n\f\v");
		add(out, key, value);
		const char *end = value_end(value);
		if (end == NULL || judged == KEY_SECRET)
			vd_buffer_add_text(out, hidden);
		else
			add(out, value, end);
		if (end == NULL)
			return;
		at = end;
	}
}

/* key of a URI's parameter, which may be percent-encoded: decode it before judging */
static enum key judge_encoded(const char *key, size_t size)
{
	char plain[32];
	size_t used = 0;
	for (size_t i = 0; i < size; i++) {
		if (used == sizeof plain)
			return KEY_BLURRED;
		unsigned char byte = (unsigned char)key[i];
		if (byte == '%' && size - i > 2 && isxdigit((unsigned char)key[i + 1]) &&
			isxdigit((unsigned char)key[i + 2])) {
			char digits[3] = { key[i + 1], key[i + 2], '\0' };
			byte = (unsigned char)strtoul(digits, NULL, 16);
			i += 2;
		}
		plain[used++] = (char)byte;
	}
	return judge(plain, used);
}

static void redact_parameters(struct vd_buffer *out, const char *at)
{
	while (*at != '\0') {
		const char *end = at + strcspn(at, "&");
		const char *equals = memchr(at, '=', (size_t)(end - at));
		enum key judged = equals == NULL ? KEY_BLURRED : judge_encoded(at, (size_t)(equals - at));
		if (judged == KEY_SECRET) {
			add(out, at, equals + 1);
			vd_buffer_add_text(out, hidden);
		} else if (judged == KEY_BLURRED && end > at) {
			vd_buffer_add_text(out, hidden);
		} else {
			add(out, at, end);
		}
		if (*end == '&')
			vd_buffer_add_byte(out, '&');
		at = *end == '&' ? end + 1 : end;
	}
}

/* postgresql://[user[:password]@]hosts[/db][?parameters]. libpq ends the password at the first @, and lets it
 * hold a ?; what follows up to the last @ before the parameters may be the rest of a password with an @ that
 * was not encoded. */
static void redact_uri(struct vd_buffer *out, const char *uri)
{
	const char *authority = strstr(uri, "://") + 3;
	const char *first_at = strchrnul(authority, '@');
	const char *slash = strchrnul(authority, '/');
	bool in_parameters = slash < first_at && memchr(slash, '?', (size_t)(first_at - slash)) != NULL;
	const char *question = in_parameters ? strchrnul(authority, '?') : strchrnul(first_at, '?');
	if (*first_at == '\0')
		question = strchrnul(authority, '?');
	const char *at_sign = memrchr(authority, '@', (size_t)(question - authority));
	const char *rest = authority;
	add(out, uri, authority);
	if (at_sign != NULL) {
		const char *colon = memchr(authority, ':', (size_t)(at_sign - authority));
		add(out, authority, colon == NULL ? at_sign : colon + 1);
		if (colon != NULL)
			vd_buffer_add_text(out, hidden);
		rest = at_sign;
	}
	add(out, rest, question);
	if (*question == '?') {
		vd_buffer_add_byte(out, '?');
		redact_parameters(out, question + 1);
	}
}

void vd_redact_dsn(struct vd_buffer *out, const char *dsn)
{
	if (strncasecmp(dsn, "postgresql://", 13) == 0 || strncasecmp(dsn, "postgres://", 11) == 0)
		redact_uri(out, dsn);
	else
		redact_pairs(out, dsn);
}

const char *vd_redact_word(char *to, size_t size, const char *word)
{
	struct vd_buffer safe = { 0 };
	VD_ASSERT(size > 0);
	if (strstr(word, "://") != NULL || strchr(word, '=') != NULL)
		vd_redact_dsn(&safe, word);
	else
		vd_buffer_add_text(&safe, strchr(word, '@') != NULL ? hidden : word);
	snprintf(to, size, "%s", vd_buffer_ok(&safe) ? vd_buffer_string(&safe) : hidden);
	vd_buffer_fini(&safe);
	return to;
}
