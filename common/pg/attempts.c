/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/attempts.h"

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/codes.h"
#include "common/base/redact.h"
#include "common/base/vector.h"
#include "common/pg/calls.h"

#include <ctype.h>
#include <stdlib.h>

enum { KEYWORDS_MAX = 96 };

struct list {
	VD_VECTOR(char *);
};

struct pg_attempts {
	PQconninfoOption *options;
	struct list hosts, hostaddrs, ports;
	/* attempts of one round; whether hosts are given one by one */
	size_t count;
	bool split;
	bool prefer_standby;
	size_t first;
	size_t at;
	int64_t timeout_ms;
};

static const char *option(const struct pg_attempts *attempts, const char *keyword, const char *variable)
{
	for (const PQconninfoOption *o = attempts->options; o != NULL && o->keyword != NULL; o++)
		if (strcmp(o->keyword, keyword) == 0 && o->val != NULL)
			return o->val;
	const char *value = variable == NULL ? NULL : getenv(variable);
	return value != NULL && value[0] != 0 ? value : NULL;
}

static bool list_split(struct list *list, const char *text)
{
	while (text != NULL) {
		size_t length = strcspn(text, ",");
		char *item = strndup(text, length);
		if (item == NULL || !vd_vector_push(list, item)) {
			free(item);
			return false;
		}
		text = text[length] == ',' ? text + length + 1 : NULL;
	}
	return true;
}

static void list_fini(struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	vd_vector_fini(list);
}

/* Where the part of the string that libpq's message quotes begins: it ends at the message's last quotation mark, and may have
 * some in it. NULL: it quotes nothing. */
static const char *find_quoted(const char *message, const char *last, const char *dsn)
{
	const char *at = strchr(message, '"');
	for (; at != NULL && at < last; at = strchr(at + 1, '"')) {
		char *quoted = strndup(at + 1, (size_t)(last - at - 1));
		bool is_of_dsn = quoted == NULL || strstr(dsn, quoted) != NULL;
		free(quoted);
		if (is_of_dsn)
			return at + 1;
	}
	/* it was changed on the way, as a percent-encoded part is: from the first mark on it may be anything */
	at = strchr(message, '"');
	return at == NULL || at == last ? NULL : at + 1;
}

/* libpq's message quotes a part of the string; it may be shown only if it is still there in the redacted one, and is not all of a
 * URI, of which nobody knows how it was meant. */
static void add_message(struct vd_buffer *to, const char *dsn, const char *message)
{
	struct vd_buffer redacted = { 0 };
	size_t length = strlen(message);
	while (length > 0 && message[length - 1] == '\n')
		length--;
	const char *end = message + length;
	const char *last = memrchr(message, '"', length);
	const char *quoted = last == NULL ? NULL : find_quoted(message, last, dsn);
	if (quoted == NULL) {
		vd_buffer_add(to, vd_bytes_of(message, length));
		return;
	}
	vd_redact_dsn(&redacted, dsn);
	char *copy = strndup(quoted, (size_t)(last - quoted));
	bool is_shown = copy != NULL && strstr(copy, "://") == NULL && vd_buffer_ok(&redacted) &&
					strstr(vd_buffer_string(&redacted), copy) != NULL;
	vd_buffer_add(to, vd_bytes_of(message, (size_t)(quoted - message)));
	vd_buffer_add_text(to, is_shown ? copy : "***");
	vd_buffer_add(to, vd_bytes_of(last, (size_t)(end - last)));
	free(copy);
	vd_buffer_fini(&redacted);
}

static void explain(struct vd_error *error, const char *dsn, const char *message)
{
	struct vd_buffer text = { 0 };
	add_message(&text, dsn, message);
	for (size_t i = 0; i < text.size; i++) /* one line */
		if (iscntrl(text.data[i]))
			text.data[i] = '?';
	vd_error_set(error, VD_CODE_CONNECTION_STRING_INVALID, "the connection string cannot be read: %s",
		vd_buffer_ok(&text) ? vd_buffer_string(&text) : "out of memory");
	vd_error_hint(error, "it is either postgresql://user@host:port/database?option=value or \"host=… port=… "
						 "dbname=… user=…\"");
	vd_buffer_fini(&text);
}

/* A password in a URI with an @ or a / that was not encoded: libpq takes the rest of it for a host or a port, which it would tell
 * when it cannot find it. So a second @ before the parameters must be encoded, wherever it stands. */
static bool is_misread(const char *dsn, const PQconninfoOption *options)
{
	const char *authority = strstr(dsn, "://");
	if (authority == NULL || strchrnul(dsn, '=') < authority)
		return false;
	const char *at = strchr(authority, '@');
	if (at != NULL && at[1 + strcspn(at + 1, "@?")] == '@')
		return true;
	for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
		if (strcmp(o->keyword, "port") == 0 && o->val != NULL &&
			o->val[strspn(o->val, "0123456789, ")] != '\0')
			return true;
	return false;
}

static PQconninfoOption *parse(const char *dsn, struct vd_error *error)
{
	char *message = NULL;
	dsn = dsn == NULL ? "" : dsn;
	PQconninfoOption *options = pg_call_conninfo_parse(dsn, &message);
	if (options == NULL && message == NULL)
		vd_error_set(error, VD_CODE_NO_MEMORY, "out of memory");
	else if (options == NULL)
		explain(error, dsn, message);
	PQfreemem(message);
	if (options == NULL || !is_misread(dsn, options))
		return options;
	PQconninfoFree(options);
	vd_error_set(error, VD_CODE_CONNECTION_STRING_INVALID,
		"the connection string cannot be read: it has more than one @, or its port is no number");
	vd_error_hint(
		error, "in a URI, an @ in a password is written %%40, a / is %%2F, a : is %%3A and a %% is %%25");
	return NULL;
}

int vd_pg_dsn_check(const char *dsn, struct vd_error *error)
{
	PQconninfoOption *options = parse(dsn, error);
	if (options == NULL)
		return error->code;
	PQconninfoFree(options);
	return 0;
}

static bool split_hosts(struct pg_attempts *attempts)
{
	bool in_dsn = option(attempts, "host", NULL) != NULL || option(attempts, "hostaddr", NULL) != NULL;
	bool service = option(attempts, "service", "PGSERVICE") != NULL;
	if (!list_split(&attempts->hosts, option(attempts, "host", in_dsn ? NULL : "PGHOST")) ||
		!list_split(&attempts->hostaddrs, option(attempts, "hostaddr", in_dsn ? NULL : "PGHOSTADDR")) ||
		!list_split(&attempts->ports, option(attempts, "port", "PGPORT")))
		return false;
	size_t count = attempts->hostaddrs.count > 0 ? attempts->hostaddrs.count : attempts->hosts.count;
	attempts->split = count > 1 && !service &&
					  (attempts->hosts.count == 0 || attempts->hosts.count == count) &&
					  (attempts->ports.count <= 1 || attempts->ports.count == count);
	attempts->count = attempts->split ? count : 1;
	return true;
}

struct pg_attempts *pg_attempts_new(const struct vd_pg_settings *settings, struct vd_error *error)
{
	PQconninfoOption *options = parse(settings->dsn, error);
	if (options == NULL)
		return NULL;
	struct pg_attempts *attempts = calloc(1, sizeof *attempts);
	if (attempts == NULL) {
		PQconninfoFree(options);
		vd_error_set(error, VD_CODE_NO_MEMORY, "out of memory");
		return NULL;
	}
	attempts->options = options;
	if (!split_hosts(attempts)) {
		pg_attempts_free(attempts);
		vd_error_set(error, VD_CODE_NO_MEMORY, "out of memory");
		return NULL;
	}
	const char *session = option(attempts, "target_session_attrs", NULL);
	const char *balance = option(attempts, "load_balance_hosts", "PGLOADBALANCEHOSTS");
	const char *timeout_s = option(attempts, "connect_timeout", "PGCONNECT_TIMEOUT");
	attempts->prefer_standby = attempts->split && session != NULL && strcmp(session, "prefer-standby") == 0;
	if (balance != NULL && strcmp(balance, "random") == 0)
		attempts->first = (size_t)vd_clock_ns() % attempts->count;
	attempts->timeout_ms = settings->connect_timeout_ms > 0 ? settings->connect_timeout_ms : 10000;
	if (timeout_s != NULL)
		attempts->timeout_ms = strtol(timeout_s, NULL, 10) * 1000;
	return attempts;
}

void pg_attempts_free(struct pg_attempts *attempts)
{
	if (attempts == NULL)
		return;
	PQconninfoFree(attempts->options);
	list_fini(&attempts->hosts);
	list_fini(&attempts->hostaddrs);
	list_fini(&attempts->ports);
	free(attempts);
}

int64_t pg_attempts_timeout_ms(const struct pg_attempts *attempts)
{
	return attempts->timeout_ms > 0 ? attempts->timeout_ms : 0;
}

struct keywords {
	const char *names[KEYWORDS_MAX + 1];
	const char *values[KEYWORDS_MAX + 1];
	size_t count;
};

/* Of a keyword given twice libpq takes the last. */
static void add(struct keywords *keywords, const char *name, const char *value)
{
	if (value == NULL)
		return;
	VD_ASSERT(keywords->count < KEYWORDS_MAX);
	keywords->names[keywords->count] = name;
	keywords->values[keywords->count++] = value;
}

struct number {
	char text[24];
};

static const char *number(struct number *to, int64_t value)
{
	if (value <= 0)
		return NULL;
	snprintf(to->text, sizeof to->text, "%lld", (long long)value);
	return to->text;
}

/* Of a list with one entry for all, that one. */
static const char *list_at(const struct list *list, size_t i)
{
	return list->count == 0 ? NULL : list->items[list->count == 1 ? 0 : i];
}

PGconn *pg_attempts_next(struct pg_attempts *attempts, const struct vd_pg_settings *settings)
{
	struct keywords keywords = { .count = 0 };
	struct number user_timeout, idle, interval, count;
	size_t rounds = attempts->prefer_standby ? 2 : 1;
	if (attempts->at == attempts->count * rounds)
		return NULL;
	size_t round = attempts->at / attempts->count;
	size_t host = (attempts->first + attempts->at) % attempts->count;
	attempts->at++;

	add(&keywords, "target_session_attrs", settings->target_session_attrs);
	add(&keywords, "tcp_user_timeout", number(&user_timeout, settings->tcp_user_timeout_ms));
	add(&keywords, "keepalives_idle", number(&idle, settings->keepalives_idle_s));
	add(&keywords, "keepalives_interval", number(&interval, settings->keepalives_interval_s));
	add(&keywords, "keepalives_count", number(&count, settings->keepalives_count));
	for (const PQconninfoOption *o = attempts->options; o->keyword != NULL; o++)
		add(&keywords, o->keyword, o->val);
	if (attempts->split) {
		add(&keywords, "host", list_at(&attempts->hosts, host));
		add(&keywords, "hostaddr", list_at(&attempts->hostaddrs, host));
		add(&keywords, "port", list_at(&attempts->ports, host));
	}
	if (attempts->prefer_standby)
		add(&keywords, "target_session_attrs", round == 0 ? "standby" : "any");
	add(&keywords, "application_name", settings->application_name);
	add(&keywords, "client_encoding", "UTF8");
	return pg_call_connect_start(keywords.names, keywords.values);
}
