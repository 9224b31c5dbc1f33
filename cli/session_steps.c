/* SPDX-License-Identifier: Apache-2.0 */
/* session_steps.c: the commands of the language, on a transaction. */
#include "cli/session_steps.h"

#include "cli/cli.h"

#include "common/base/buffer.h"
#include "common/base/endian.h"
#include "common/text/escape.h"

#include <inttypes.h>
#include <string.h>

#define ROWS_BYTES 80000

/* One transaction at a time, so one failure. */
static char failure[512];

int session_fail(int code, const char *message)
{
	snprintf(failure, sizeof failure, "%s", message);
	return code;
}

const char *session_take_failure(void)
{
	static char taken[sizeof failure];
	memcpy(taken, failure, sizeof taken);
	failure[0] = '\0';
	return taken;
}

/* ---- printing ---- */

void session_print_bytes(FILE *out, struct vd_bytes bytes)
{
	struct vd_buffer text = { 0 };
	vd_escape(&text, bytes);
	fputs(vd_buffer_string(&text), out);
	vd_buffer_fini(&text);
}

static void print_pair(FILE *out, struct vd_bytes key, struct vd_bytes value)
{
	session_print_bytes(out, key);
	fputs(" = ", out);
	session_print_bytes(out, value);
	fputc('\n', out);
}

/* Waits for a read; 0, or its error. */
static int wait_read(struct vd_future *future)
{
	int code = vd_cli_wait(future);
	return code == 0 ? 0 : session_fail(code, vd_future_message(future));
}

/* ---- reads ---- */

static int run_get(struct vd_session *session, const struct vd_script_step *step)
{
	bool present;
	const uint8_t *value;
	size_t size;
	struct vd_future *future =
		vd_transaction_get(session->transaction, step->first.data, step->first.size, step->snapshot);
	int code = wait_read(future);
	if (code == 0)
		code = vd_future_get_value(future, &present, &value, &size);
	if (code == 0 && present) {
		print_pair(session->out, step->first, vd_bytes_of(value, size));
	} else if (code == 0) {
		session_print_bytes(session->out, step->first);
		fputs(" absent\n", session->out);
	}
	vd_future_free(future);
	return code;
}

static struct vd_selector selector_of(const struct vd_script_step *step)
{
	const void *key = step->first.data;
	size_t size = step->first.size;
	struct vd_selector selector = { 0 };
	switch (step->selector) {
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
	selector.offset += (int)step->number;
	return selector;
}

static int run_get_key(struct vd_session *session, const struct vd_script_step *step)
{
	struct vd_selector selector = selector_of(step);
	const uint8_t *key;
	size_t size;
	struct vd_future *future = vd_transaction_get_key(session->transaction, &selector, step->snapshot);
	int code = wait_read(future);
	if (code == 0)
		code = vd_future_get_key(future, &key, &size);
	if (code == 0) {
		fputs("key ", session->out);
		session_print_bytes(session->out, vd_bytes_of(key, size));
		fputc('\n', session->out);
	}
	vd_future_free(future);
	return code;
}

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
		print_pair(session->out, vd_bytes_of(rows[i].key, rows[i].key_size),
			vd_bytes_of(rows[i].value, rows[i].value_size));
	struct vd_buffer *edge = step->reverse ? &read->end : &read->begin;
	vd_buffer_clear(edge);
	vd_buffer_add(edge, vd_bytes_of(rows[count - 1].key, rows[count - 1].key_size));
	read->after_begin = read->after_begin || !step->reverse;
	if (step->number != 0) {
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
		.snapshot = step->snapshot,
		.reverse = step->reverse };
	if (read->after_begin)
		begin = vd_first_greater_than(read->begin.data, read->begin.size);
	struct vd_future *future = vd_transaction_get_range(session->transaction, &begin, &end, &options);
	int code = wait_read(future);
	if (code == 0)
		print_rows(session, step, read, future);
	vd_future_free(future);
	return code;
}

static int run_get_range(struct vd_session *session, const struct vd_script_step *step)
{
	struct range_read read = { .left = step->number, .more = true };
	vd_buffer_add(&read.begin, step->first);
	vd_buffer_add(&read.end, step->second);
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
	int code = wait_read(future);
	if (code == 0)
		code = vd_future_get_version(future, &version);
	if (code == 0)
		fprintf(session->out, "readversion %" PRId64 "\n", version);
	vd_future_free(future);
	return code;
}

/* ---- writes; what is wrong with them surfaces at the commit ---- */

static int run_set(struct vd_session *session, const struct vd_script_step *step)
{
	vd_transaction_set(
		session->transaction, step->first.data, step->first.size, step->second.data, step->second.size);
	return 0;
}

static int run_clear(struct vd_session *session, const struct vd_script_step *step)
{
	vd_transaction_clear(session->transaction, step->first.data, step->first.size);
	return 0;
}

static int run_clear_range(struct vd_session *session, const struct vd_script_step *step)
{
	vd_transaction_clear_range(
		session->transaction, step->first.data, step->first.size, step->second.data, step->second.size);
	return 0;
}

static int run_add(struct vd_session *session, const struct vd_script_step *step)
{
	uint8_t operand[8];
	vd_store_le64(operand, (uint64_t)step->number);
	vd_transaction_atomic_op(
		session->transaction, VD_MUTATION_ADD, step->first.data, step->first.size, operand, sizeof operand);
	return 0;
}

static int run_atomic(struct vd_session *session, const struct vd_script_step *step)
{
	vd_transaction_atomic_op(session->transaction, (enum vd_mutation_type)step->command->code,
		step->first.data, step->first.size, step->second.data, step->second.size);
	return 0;
}

static int run_conflict_range(struct vd_session *session, const struct vd_script_step *step)
{
	int code = vd_transaction_add_conflict_range(session->transaction, step->first.data, step->first.size,
		step->second.data, step->second.size, (enum vd_conflict_range_type)step->command->code);
	return code == 0 ? 0 : session_fail(code, vd_error_text(code));
}

/* ---- about the transaction ---- */

static int run_versionstamp(struct vd_session *session, const struct vd_script_step *step)
{
	(void)step;
	if (session->stamp == NULL)
		session->stamp = vd_transaction_get_versionstamp(session->transaction);
	return 0;
}

static int run_option(struct vd_session *session, const struct vd_script_step *step)
{
	char name[64];
	char value[64];
	snprintf(name, sizeof name, "%.*s", (int)step->first.size, (const char *)step->first.data);
	snprintf(value, sizeof value, "%.*s", (int)step->second.size, (const char *)step->second.data);
	return vd_transaction_set_option(session->transaction, name, step->has_second ? value : NULL);
}

static int run_begin(struct vd_session *session, const struct vd_script_step *step)
{
	(void)step;
	session->begun = true;
	return 0;
}

static int run_reset(struct vd_session *session, const struct vd_script_step *step)
{
	(void)step;
	session_drop(session);
	return 0;
}

/* ---- the table ---- */

static int (*const runners[])(struct vd_session *session, const struct vd_script_step *step) = {
	[VD_COMMAND_GET] = run_get,
	[VD_COMMAND_GET_KEY] = run_get_key,
	[VD_COMMAND_GET_RANGE] = run_get_range,
	[VD_COMMAND_READ_VERSION] = run_read_version,
	[VD_COMMAND_SET] = run_set,
	[VD_COMMAND_CLEAR] = run_clear,
	[VD_COMMAND_CLEAR_RANGE] = run_clear_range,
	[VD_COMMAND_ADD] = run_add,
	[VD_COMMAND_ATOMIC] = run_atomic,
	[VD_COMMAND_CONFLICT_RANGE] = run_conflict_range,
	[VD_COMMAND_VERSIONSTAMP] = run_versionstamp,
	[VD_COMMAND_OPTION] = run_option,
	[VD_COMMAND_BEGIN] = run_begin,
	[VD_COMMAND_RESET] = run_reset,
};

int session_step(struct vd_session *session, const struct vd_script_step *step)
{
	return runners[step->command->kind](session, step);
}
