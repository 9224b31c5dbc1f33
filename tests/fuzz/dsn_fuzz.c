/* SPDX-License-Identifier: Apache-2.0 */
/* Connection strings. What libpq takes is taken, what it refuses is refused in one printable line, and nothing that is said of
 * one tells a secret: two strings that differ in a secret only, which libpq reads as such, are told alike, well formed or not.
 * The input has a mark, \x01, in place of the secret. */
#include "common/base/error.h"
#include "common/base/redact.h"
#include "common/pg/connection.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MARK = 1 };

static const char *const secrets[] = { "kQ7zWx", "Jv93Yd" };

/* The input with each mark replaced. The caller frees it. */
static char *fill(const uint8_t *data, size_t size, const char *secret)
{
	struct vd_buffer text = { 0 };
	for (size_t i = 0; i < size && data[i] != '\0'; i++)
		if (data[i] == MARK)
			vd_buffer_add_text(&text, secret);
		else
			vd_buffer_add_byte(&text, data[i]);
	char *copy = strdup(vd_buffer_string(&text));
	vd_buffer_fini(&text);
	if (copy == NULL)
		abort();
	return copy;
}

static bool is_secret_option(const char *keyword)
{
	return strcmp(keyword, "password") == 0 || strcmp(keyword, "sslpassword") == 0;
}

/* True if the string is well formed, the secret stands in it only where libpq takes it for one, and it does. */
static bool holds_secret(const char *dsn, const char *secret)
{
	bool is_in_secret = false;
	bool is_elsewhere = false;
	PQconninfoOption *options = PQconninfoParse(dsn, NULL);
	for (const PQconninfoOption *option = options; option != NULL && option->keyword != NULL; option++)
		if (option->val != NULL && strstr(option->val, secret) != NULL) {
			is_in_secret |= is_secret_option(option->keyword);
			is_elsewhere |= !is_secret_option(option->keyword);
		}
	PQconninfoFree(options);
	return is_in_secret && !is_elsewhere;
}

static void check_said(const char *dsn)
{
	struct vd_error error = { 0 };
	PQconninfoOption *options = PQconninfoParse(dsn, NULL);
	int code = vd_pg_dsn_check(dsn, &error);
	/* in a URI more is refused: what libpq would take for a host or a port */
	VD_ASSERT(code != 0 || options != NULL);
	VD_ASSERT(code == 0 || options == NULL || strstr(dsn, "://") != NULL);
	VD_ASSERT(code == 0 || (error.message[0] != '\0' && error.hint[0] != '\0'));
	PQconninfoFree(options);
	for (const char *at = error.message; *at != '\0'; at++)
		VD_ASSERT(*at != '\n' && *at != '\r');
}

/* A well-formed string with one byte left out, or cut off: if it is malformed now, what was a secret is one still. */
static void check_slips(const char *dsn, const char *secret)
{
	size_t length = strlen(dsn);
	char *other = malloc(length + 1);
	for (size_t at = 0; other != NULL && at < 2 * length && length < 200; at++) {
		struct vd_error error = { 0 };
		size_t cut = at / 2;
		memcpy(other, dsn, cut);
		other[cut] = '\0';
		if (at % 2 == 0)
			strcpy(other + cut, dsn + cut + 1);
		if (vd_pg_dsn_check(other, &error) != 0)
			VD_ASSERT(strstr(error.message, secret) == NULL && strstr(error.hint, secret) == NULL);
	}
	free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vd_buffer shown[2] = { { 0 }, { 0 } };
	char *dsns[2];
	size_t marks = 0;
	for (size_t i = 0; i < size; i++)
		marks += data[i] == MARK;
	bool is_secret = marks == 1; /* else one may stand in what another overrides */
	for (int i = 0; i < 2; i++) {
		dsns[i] = fill(data, size, secrets[i]);
		vd_redact_dsn(&shown[i], dsns[i]);
		check_said(dsns[i]);
		is_secret = is_secret && holds_secret(dsns[i], secrets[i]);
	}
	if (is_secret)
		for (int i = 0; i < 2; i++) {
			VD_ASSERT(strcmp(vd_buffer_string(&shown[0]), vd_buffer_string(&shown[1])) == 0);
			VD_ASSERT(strstr(vd_buffer_string(&shown[i]), secrets[i]) == NULL);
		}
	if (is_secret)
		check_slips(dsns[0], secrets[0]);
	for (int i = 0; i < 2; i++) {
		free(dsns[i]);
		vd_buffer_fini(&shown[i]);
	}
	return 0;
}
