/* SPDX-License-Identifier: Apache-2.0 */
/* commands_read.c: commands that read. */
#include "cli/session.h"

#include "common/base/buffer.h"

#include <inttypes.h>

#define ROWS_BYTES 80000

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

enum { SELECTOR, SELECTOR_KEY, SELECTOR_OFFSET, SELECTOR_SNAPSHOT };

static struct vd_selector selector_of(const struct vd_script_step *step)
{
	const struct vd_argument *given = step->arguments;
	const void *key = given[SELECTOR_KEY].bytes.data;
	size_t size = given[SELECTOR_KEY].bytes.size;
	struct vd_selector selector = { 0 };
	switch ((enum vd_selector_form)given[SELECTOR].number) {
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
	selector.offset += (int)given[SELECTOR_OFFSET].number;
	return selector;
}

static int run_get_key(struct vd_session *session, const struct vd_script_step *step)
{
	struct vd_selector selector = selector_of(step);
	const uint8_t *key;
	size_t size;
	struct vd_future *future =
		vd_transaction_get_key(session->transaction, &selector, step->arguments[SELECTOR_SNAPSHOT].given);
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

enum { RANGE_BEGIN, RANGE_END, RANGE_LIMIT, RANGE_REVERSE, RANGE_SNAPSHOT };

/* Where a range read stands: it comes in pieces, so that a large range needs no large memory. */
struct range_read {
	struct vd_buffer begin;
	struct vd_buffer end;
	bool after_begin; /* begin is the last key printed */
	int64_t left;     /* of the limit; 0: no limit */
	bool more;
};

static void print_rows(struct vd_session *session, const struct vd_script_step *step, struct range_read *read,
	struct vd_future *future)
{
	const struct vd_row *rows;
	size_t count;
	if (vd_future_get_rows(future, &rows, &count, &read->more) != 0 || count == 0) {
		read->more = false;
		return;
	}
	for (size_t i = 0; i < count; i++)
		session_print_pair(session, vd_bytes_of(rows[i].key, rows[i].key_size),
			vd_bytes_of(rows[i].value, rows[i].value_size));
	struct vd_buffer *edge = step->arguments[RANGE_REVERSE].given ? &read->end : &read->begin;
	vd_buffer_clear(edge);
	vd_buffer_add(edge, vd_bytes_of(rows[count - 1].key, rows[count - 1].key_size));
	read->after_begin = read->after_begin || !step->arguments[RANGE_REVERSE].given;
	if (step->arguments[RANGE_LIMIT].given) {
		read->left -= (int64_t)count;
		read->more = read->more && read->left > 0;
	}
}

static int read_piece(struct vd_session *session, const struct vd_script_step *step, struct range_read *read)
{
	struct vd_selector begin = vd_first_greater_or_equal(read->begin.data, read->begin.size);
	struct vd_selector end = vd_first_greater_or_equal(read->end.data, read->end.size);
	struct vd_range_options options = { .limit = (int)read->left,
		.target_bytes = ROWS_BYTES,
		.mode = VD_STREAMING_WANT_ALL,
		.snapshot = step->arguments[RANGE_SNAPSHOT].given,
		.reverse = step->arguments[RANGE_REVERSE].given };
	if (read->after_begin)
		begin = vd_first_greater_than(read->begin.data, read->begin.size);
	struct vd_future *future = vd_transaction_get_range(session->transaction, &begin, &end, &options);
	int code = session_wait(session, future);
	if (code == 0)
		print_rows(session, step, read, future);
	vd_future_free(future);
	return code;
}

static int run_get_range(struct vd_session *session, const struct vd_script_step *step)
{
	struct range_read read = { .left = step->arguments[RANGE_LIMIT].number, .more = true };
	vd_buffer_add(&read.begin, step->arguments[RANGE_BEGIN].bytes);
	vd_buffer_add(&read.end, step->arguments[RANGE_END].bytes);
	int code = 0;
	while (code == 0 && read.more)
		code = vd_buffer_ok(&read.begin) && vd_buffer_ok(&read.end) ? read_piece(session, step, &read)
																	: VD_ERROR_OUT_OF_MEMORY;
	vd_buffer_fini(&read.begin);
	vd_buffer_fini(&read.end);
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

static const struct vd_command rows[] = {
	{ "get", "KEY [snapshot]", "prints key = value, or key absent", .run = run_get },
	{ "getrange", "BEGIN END [limit N] [reverse] [snapshot]",
		"prints the rows from BEGIN (inclusive) to END (exclusive)", .run = run_get_range },
	{ "getkey", "SELECTOR KEY [OFFSET] [snapshot]",
		"prints the key that last_less_than, last_less_or_equal, first_greater_than or "
		"first_greater_or_equal finds",
		.run = run_get_key },
	{ "readversion", "", "prints the version that this transaction reads", .run = run_read_version },
};

const struct vd_command_group vd_commands_read = { rows, VD_COUNT(rows) };
