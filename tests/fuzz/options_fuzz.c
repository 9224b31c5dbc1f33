/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a database, and of a transaction: name, tab, value, line by line; the first line is the connection string; a line
 * that begins with "!" is of the transaction. A value is taken as what it says, within what docs/api.md allows, or not at all. */
#include "common/pg/names.h"
#include "follower/options.h"
#include "follower/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OPTIONS_MAX = 32 };

static bool is_within(int64_t number, int64_t least, int64_t most)
{
	return number >= least && number <= most;
}

static void must_be_legal(const struct vd_database_settings *s)
{
	VD_ASSERT(vd_pg_schema_is_legal(s->schema) && s->application_name != NULL && s->dsn != NULL);
	VD_ASSERT(is_within(s->max_connections, 2, 1000) && is_within(s->max_long_snapshots, 0, 100));
	VD_ASSERT(is_within(s->connect_timeout_ms, 1, 86400000) && is_within(s->max_in_flight, 1, 1000000));
	VD_ASSERT(is_within(s->max_watches, 0, 1000000) && is_within(s->transaction_timeout_ms, 0, INT32_MAX));
	VD_ASSERT(is_within(s->transaction_retry_limit, -1, INT32_MAX));
	VD_ASSERT(is_within(s->transaction_max_retry_delay_ms, 0, INT32_MAX));
	VD_ASSERT(s->limits.transaction_bytes >= 32 && s->limits.transaction_bytes <= 10000000);
	VD_ASSERT(s->limits.key_bytes >= 1 && s->limits.key_bytes <= 2600);
	VD_ASSERT(s->limits.value_bytes >= 1 && s->limits.value_bytes <= 1000000);
}

/* One option of a transaction: refused, it has changed nothing. */
static void set_one(struct vd_options *options, const char *name, const char *value, bool is_used)
{
	struct vd_options before = *options;
	int code = vd_options_set(options, name, value, is_used);
	VD_ASSERT(code == 0 || code == 2000 || code == 2006 || code == 2007);
	VD_ASSERT(code == 0 || memcmp(&before, options, sizeof before) == 0);
	VD_ASSERT(is_within(options->timeout_ms, 0, INT32_MAX) && is_within(options->retry_limit, -1, INT32_MAX));
	VD_ASSERT(is_within(options->max_retry_delay_ms, 0, INT32_MAX));
	VD_ASSERT(is_within(options->size_limit_bytes, 32, 10000000));
	if (code != 0 || value == NULL)
		return;
	/* whoever takes a value takes what it says */
	int64_t said = strtoll(value, NULL, 10);
	VD_ASSERT(options->timeout_ms == said || options->retry_limit == said ||
			  options->max_retry_delay_ms == said || options->size_limit_bytes == said);
}

static void check(const char *dsn, const struct vd_option *given, size_t count)
{
	struct vd_database_settings settings;
	struct vd_error error = { 0 };
	int code = vd_database_settings_init(&settings, dsn, given, count, &error);
	if (code == 0) {
		must_be_legal(&settings);
		for (size_t i = 0; i < count; i++)
			if (strcmp(given[i].name, "schema") == 0)
				VD_ASSERT(vd_pg_schema_is_legal(settings.schema));
	} else {
		VD_ASSERT(code == error.code && error.message[0] != '\0');
		VD_ASSERT(code == 2006 || code == 2007 || code == 2104 || code == 1501);
	}
	vd_database_settings_fini(&settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vd_option given[OPTIONS_MAX];
	size_t count = 0;
	char *text = malloc(size + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	struct vd_database_settings defaults;
	struct vd_error error = { 0 };
	struct vd_options options;
	VD_ASSERT(vd_database_settings_init(&defaults, "", NULL, 0, &error) == 0);
	memset(&options, 0, sizeof options); /* its holes too: it is compared as bytes */
	vd_options_init(&options, &defaults);
	vd_database_settings_fini(&defaults);
	char *rest = text;
	const char *dsn = strsep(&rest, "\n");
	for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
		char *value = strchr(line, '\t');
		if (value != NULL)
			*value++ = '\0';
		if (line[0] == '!')
			set_one(&options, line + 1, value, count % 2 != 0);
		else if (count < OPTIONS_MAX)
			given[count++] = (struct vd_option){ line, value };
	}
	check(dsn, given, count);
	free(text);
	return 0;
}
