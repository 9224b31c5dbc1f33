/* SPDX-License-Identifier: Apache-2.0 */
/* commands_read.c: commands that read. */
#include "cli/session.h"

#include <inttypes.h>
#include <string.h>

static int run_get(struct vd_session *session, const struct vd_script_step *step)
{
	enum { KEY, SNAPSHOT };
	struct vd_bytes key = step->arguments[KEY].bytes;
	bool present;
	const uint8_t *value;
	size_t size;
	struct vd_future *future =
		vd_transaction_get(session->transaction, key.data, key.size, step->arguments[SNAPSHOT].given);
	int code = session_wait(session, future);
	if (code == 0)
		code = vd_future_get_value(future, &present, &value, &size);
	if (code == 0 && present) {
		session_print_pair(session, key, vd_bytes_of(value, size));
	} else if (code == 0) {
		session_print_bytes(session, key);
		fputs(" absent\n", session->out);
	}
	vd_future_free(future);
	return code;
}

/* The selector that stands at this place and the two after it. */
static struct vd_selector selector_at(const struct vd_script_step *step, size_t place)
{
	enum { FORM, KEY, OFFSET };
	const struct vd_argument *given = &step->arguments[place];
	const void *key = given[KEY].bytes.data;
	size_t size = given[KEY].bytes.size;
	struct vd_selector selector = { 0 };
	switch ((enum vd_selector_form)given[FORM].number) {
	case VD_SELECT_LAST_LESS_THAN:
		selector = vd_last_less_than(key, size);
		break;
	case VD_SELECT_LAST_LESS_OR_EQUAL:
		selector = vd_last_less_or_equal(key, size);
		break;
	case VD_SELECT_FIRST_GREATER_THAN:
		selector = vd_first_greater_than(key, size);
		break;
	case VD_SELECT_FIRST_GREATER_OR_EQUAL:
		selector = vd_first_greater_or_equal(key, size);
		break;
	}
	selector.offset += (int)given[OFFSET].number;
	return selector;
}

static int run_get_key(struct vd_session *session, const struct vd_script_step *step)
{
	enum { SELECTOR, SNAPSHOT = 3 };
	struct vd_selector selector = selector_at(step, SELECTOR);
	const uint8_t *key;
	size_t size;
	struct vd_future *future =
		vd_transaction_get_key(session->transaction, &selector, step->arguments[SNAPSHOT].given);
	int code = session_wait(session, future);
	if (code == 0)
		code = vd_future_get_key(future, &key, &size);
	if (code == 0) {
		fputs("key ", session->out);
		session_print_bytes(session, vd_bytes_of(key, size));
		fputc('\n', session->out);
	}
	vd_future_free(future);
	return code;
}

/* Waits for rows, prints and frees them. */
static int print_rows(struct vd_session *session, struct vd_future *future, bool *more)
{
	const struct vd_row *rows;
	size_t count = 0;
	int code = session_wait(session, future);
	if (code == 0)
		code = vd_future_get_rows(future, &rows, &count, more);
	for (size_t i = 0; code == 0 && i < count; i++)
		session_print_pair(session, vd_bytes_of(rows[i].key, rows[i].key_size),
			vd_bytes_of(rows[i].value, rows[i].value_size));
	vd_future_free(future);
	return code;
}

/* A chunk at a time, so that a large range needs no large memory. What the library shows under special keys is small. */
static int print_range(struct vd_session *session, const struct vd_selector *begin,
	const struct vd_selector *end, const struct vd_range_options *options)
{
	struct vd_iterator *iterator;
	bool more = true;
	if (begin->key_size >= 2 && memcmp(begin->key, "\xff\xff", 2) == 0)
		return print_rows(
			session, vd_transaction_get_range(session->transaction, begin, end, options), &more);
	int code = vd_iterator_new(session->transaction, begin, end, options, &iterator);
	if (code != 0)
		return session_fail(session, code, vd_error_text(code));
	while (code == 0 && more)
		code = print_rows(session, vd_iterator_next(iterator), &more);
	vd_iterator_free(iterator);
	return code;
}

static struct vd_range_options range_options(const struct vd_script_step *step, size_t place)
{
	enum { LIMIT, REVERSE, SNAPSHOT };
	const struct vd_argument *given = &step->arguments[place];
	return (struct vd_range_options){ .limit = (int)given[LIMIT].number,
		.mode = VD_STREAMING_WANT_ALL,
		.reverse = given[REVERSE].given,
		.snapshot = given[SNAPSHOT].given };
}

static int run_get_range(struct vd_session *session, const struct vd_script_step *step)
{
	enum { BEGIN, END, OPTIONS };
	const struct vd_argument *given = step->arguments;
	const struct vd_selector begin =
		vd_first_greater_or_equal(given[BEGIN].bytes.data, given[BEGIN].bytes.size);
	const struct vd_selector end = vd_first_greater_or_equal(given[END].bytes.data, given[END].bytes.size);
	const struct vd_range_options options = range_options(step, OPTIONS);
	return print_range(session, &begin, &end, &options);
}

static int run_select_range(struct vd_session *session, const struct vd_script_step *step)
{
	enum { BEGIN, END = 3, OPTIONS = 6 };
	const struct vd_selector begin = selector_at(step, BEGIN), end = selector_at(step, END);
	const struct vd_range_options options = range_options(step, OPTIONS);
	return print_range(session, &begin, &end, &options);
}

static int run_range_size(struct vd_session *session, const struct vd_script_step *step)
{
	enum { BEGIN, END };
	const struct vd_argument *given = step->arguments;
	int64_t size;
	struct vd_future *future = vd_transaction_get_estimated_range_size(session->transaction,
		given[BEGIN].bytes.data, given[BEGIN].bytes.size, given[END].bytes.data, given[END].bytes.size);
	int code = session_wait(session, future);
	if (code == 0)
		code = vd_future_get_size(future, &size);
	if (code == 0)
		fprintf(session->out, "rangesize %" PRId64 "\n", size);
	vd_future_free(future);
	return code;
}

static int run_split_points(struct vd_session *session, const struct vd_script_step *step)
{
	enum { BEGIN, END, BYTES };
	const struct vd_argument *given = step->arguments;
	const struct vd_key *keys;
	size_t count = 0;
	struct vd_future *future =
		vd_transaction_get_range_split_points(session->transaction, given[BEGIN].bytes.data,
			given[BEGIN].bytes.size, given[END].bytes.data, given[END].bytes.size, given[BYTES].number);
	int code = session_wait(session, future);
	if (code == 0)
		code = vd_future_get_keys(future, &keys, &count);
	for (size_t i = 0; code == 0 && i < count; i++) {
		fputs("key ", session->out);
		session_print_bytes(session, vd_bytes_of(keys[i].key, keys[i].key_size));
		fputc('\n', session->out);
	}
	vd_future_free(future);
	return code;
}

static int run_read_version(struct vd_session *session, const struct vd_script_step *step)
{
	int64_t version;
	struct vd_future *future = vd_transaction_get_read_version(session->transaction);
	(void)step;
	int code = session_wait(session, future);
	if (code == 0)
		code = vd_future_get_version(future, &version);
	if (code == 0)
		fprintf(session->out, "readversion %" PRId64 "\n", version);
	vd_future_free(future);
	return code;
}

static int run_read_at(struct vd_session *session, const struct vd_script_step *step)
{
	enum { VERSION };
	int code = vd_transaction_set_read_version(session->transaction, step->arguments[VERSION].number);
	return code == 0 ? 0 : session_fail(session, code, vd_error_text(code));
}

static const struct vd_command rows[] = {
	{ "get", "KEY [snapshot]", "prints key = value, or key absent", .run = run_get },
	{ "getrange", "BEGIN END [limit N] [reverse] [snapshot]",
		"prints the rows from BEGIN (inclusive) to END (exclusive)", .run = run_get_range },
	{ "selectrange", "SELECTOR KEY OFFSET SELECTOR KEY OFFSET [limit N] [reverse] [snapshot]",
		"the same between the keys that two selectors find", .run = run_select_range },
	{ "getkey", "SELECTOR KEY [OFFSET] [snapshot]",
		"prints the key that last_less_than, last_less_or_equal, first_greater_than or "
		"first_greater_or_equal finds",
		.run = run_get_key },
	{ "rangesize", "BEGIN END",
		"prints about how many bytes are stored from BEGIN (inclusive) to END (exclusive)",
		.run = run_range_size },
	{ "splitpoints", "BEGIN END N", "prints keys that cut that range into pieces of about N bytes",
		.run = run_split_points },
	{ "readversion", "", "prints the version that this transaction reads", .run = run_read_version },
	{ "readat", "VERSION", "sets the version that this transaction reads, before it has read",
		.run = run_read_at },
};

const struct vd_command_group vd_commands_read = { rows, VD_COUNT(rows) };
