/* SPDX-License-Identifier: Apache-2.0 */
/* commands_write.c: commands that write, and conflict ranges. What is wrong with a write surfaces at the commit. */
#include "cli/session.h"

#include "common/base/endian.h"

static int run_op(struct vd_session *session, const struct vd_script_step *step)
{
	enum { FIRST, SECOND };
	const struct vd_op op = { .kind = step->command->op,
		.code = step->command->code,
		.first = step->arguments[FIRST].bytes,
		.second = step->command->op == VD_OP_CLEAR ? (struct vd_bytes){ 0 } : step->arguments[SECOND].bytes };
	int code = vd_op_apply(session->transaction, &op);
	return code == 0 ? 0 : session_fail(session, code, vd_error_text(code));
}

static int run_add(struct vd_session *session, const struct vd_script_step *step)
{
	enum { KEY, NUMBER };
	uint8_t operand[8];
	vd_store_le64(operand, (uint64_t)step->arguments[NUMBER].number);
	return vd_op_apply(session->transaction, &(struct vd_op){ .kind = step->command->op,
												 .code = step->command->code,
												 .first = step->arguments[KEY].bytes,
												 .second = vd_bytes_of(operand, sizeof operand) });
}

#define ATOMIC(name, code, words, help)                                                                      \
	{                                                                                                        \
		name, words, help, run_op, VD_COMMAND_INSIDE, VD_OP_ATOMIC, code                                     \
	}

static const struct vd_command rows[] = {
	{ "set", "KEY VALUE", "writes a key", run_op, .op = VD_OP_SET },
	{ "clear", "KEY", "removes a key", run_op, .op = VD_OP_CLEAR },
	{ "clearrange", "BEGIN END", "removes all keys from BEGIN (inclusive) to END (exclusive)", run_op,
		.op = VD_OP_CLEAR_RANGE },
	{ "add", "KEY NUMBER", "adds a number, 8 bytes little-endian, signed", run_add, .op = VD_OP_ATOMIC,
		.code = VD_MUTATION_ADD },
	ATOMIC("bit_and", VD_MUTATION_BIT_AND, "KEY OPERAND", "bitwise and"),
	ATOMIC("bit_or", VD_MUTATION_BIT_OR, "KEY OPERAND", "bitwise or"),
	ATOMIC("bit_xor", VD_MUTATION_BIT_XOR, "KEY OPERAND", "bitwise exclusive or"),
	ATOMIC("append_if_fits", VD_MUTATION_APPEND_IF_FITS, "KEY OPERAND", "appends, if the value stays legal"),
	ATOMIC("max", VD_MUTATION_MAX, "KEY OPERAND", "the greater, as unsigned little-endian numbers"),
	ATOMIC("min", VD_MUTATION_MIN, "KEY OPERAND", "the lesser, as unsigned little-endian numbers"),
	ATOMIC("byte_max", VD_MUTATION_BYTE_MAX, "KEY OPERAND", "the greater, as byte strings"),
	ATOMIC("byte_min", VD_MUTATION_BYTE_MIN, "KEY OPERAND", "the lesser, as byte strings"),
	ATOMIC("compare_and_clear", VD_MUTATION_COMPARE_AND_CLEAR, "KEY OPERAND",
		"removes the key if its value is the operand"),
	ATOMIC("set_versionstamped_key", VD_MUTATION_SET_VERSIONSTAMPED_KEY, "KEY VALUE",
		"the last 4 bytes of KEY say (little-endian) where in it the 10 bytes of the stamp go"),
	ATOMIC("set_versionstamped_value", VD_MUTATION_SET_VERSIONSTAMPED_VALUE, "KEY VALUE",
		"the last 4 bytes of VALUE say (little-endian) where in it the 10 bytes of the stamp go"),
	{ "read_conflict", "BEGIN END", "conflicts as if the range had been read", run_op,
		.op = VD_OP_CONFLICT_RANGE, .code = VD_CONFLICT_RANGE_READ },
	{ "write_conflict", "BEGIN END", "conflicts as if the range had been written", run_op,
		.op = VD_OP_CONFLICT_RANGE, .code = VD_CONFLICT_RANGE_WRITE },
};

const struct vd_command_group vd_commands_write = { rows, VD_COUNT(rows) };
