/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c: the table of commands of the language; see script.h. */
#include "cli/script.h"

static const struct vd_command commands[] = {
	{ "get", VD_COMMAND_GET, 0, "KEY [snapshot]", "prints key = value, or key absent" },
	{ "getrange", VD_COMMAND_GET_RANGE, 0, "BEGIN END [limit N] [reverse] [snapshot]",
		"prints the rows from BEGIN (inclusive) to END (exclusive)" },
	{ "getkey", VD_COMMAND_GET_KEY, 0, "SELECTOR KEY [OFFSET] [snapshot]",
		"prints the key that last_less_than, last_less_or_equal, first_greater_than or "
		"first_greater_or_equal finds" },
	{ "readversion", VD_COMMAND_READ_VERSION, 0, "", "prints the version that this transaction reads" },
	{ "set", VD_COMMAND_SET, 0, "KEY VALUE", "writes a key" },
	{ "clear", VD_COMMAND_CLEAR, 0, "KEY", "removes a key" },
	{ "clearrange", VD_COMMAND_CLEAR_RANGE, 0, "BEGIN END",
		"removes all keys from BEGIN (inclusive) to END (exclusive)" },
	{ "add", VD_COMMAND_ADD, VD_MUTATION_ADD, "KEY NUMBER", "adds a number, 8 bytes little-endian, signed" },
	{ "bit_and", VD_COMMAND_ATOMIC, VD_MUTATION_BIT_AND, "KEY OPERAND", "bitwise and" },
	{ "bit_or", VD_COMMAND_ATOMIC, VD_MUTATION_BIT_OR, "KEY OPERAND", "bitwise or" },
	{ "bit_xor", VD_COMMAND_ATOMIC, VD_MUTATION_BIT_XOR, "KEY OPERAND", "bitwise exclusive or" },
	{ "append_if_fits", VD_COMMAND_ATOMIC, VD_MUTATION_APPEND_IF_FITS, "KEY OPERAND",
		"appends, if the value stays legal" },
	{ "max", VD_COMMAND_ATOMIC, VD_MUTATION_MAX, "KEY OPERAND",
		"the greater, as unsigned little-endian numbers" },
	{ "min", VD_COMMAND_ATOMIC, VD_MUTATION_MIN, "KEY OPERAND",
		"the lesser, as unsigned little-endian numbers" },
	{ "byte_max", VD_COMMAND_ATOMIC, VD_MUTATION_BYTE_MAX, "KEY OPERAND", "the greater, as byte strings" },
	{ "byte_min", VD_COMMAND_ATOMIC, VD_MUTATION_BYTE_MIN, "KEY OPERAND", "the lesser, as byte strings" },
	{ "compare_and_clear", VD_COMMAND_ATOMIC, VD_MUTATION_COMPARE_AND_CLEAR, "KEY OPERAND",
		"removes the key if its value is the operand" },
	{ "set_versionstamped_key", VD_COMMAND_ATOMIC, VD_MUTATION_SET_VERSIONSTAMPED_KEY, "KEY VALUE",
		"the last 4 bytes of KEY say (little-endian) where in it the 10 bytes of the stamp go" },
	{ "set_versionstamped_value", VD_COMMAND_ATOMIC, VD_MUTATION_SET_VERSIONSTAMPED_VALUE, "KEY VALUE",
		"the last 4 bytes of VALUE say (little-endian) where in it the 10 bytes of the stamp go" },
	{ "read_conflict", VD_COMMAND_CONFLICT_RANGE, VD_CONFLICT_RANGE_READ, "BEGIN END",
		"conflicts as if the range had been read" },
	{ "write_conflict", VD_COMMAND_CONFLICT_RANGE, VD_CONFLICT_RANGE_WRITE, "BEGIN END",
		"conflicts as if the range had been written" },
	{ "versionstamp", VD_COMMAND_VERSIONSTAMP, 0, "",
		"prints the stamp of this transaction when it has committed" },
	{ "option", VD_COMMAND_OPTION, 0, "NAME [VALUE]",
		"sets an option of this transaction, such as timeout 5000" },
	{ "begin", VD_COMMAND_BEGIN, 0, "", "begins a transaction, which ends with commit" },
	{ "commit", VD_COMMAND_COMMIT, 0, "", "commits, and prints the verdict" },
	{ "reset", VD_COMMAND_RESET, 0, "", "drops what this transaction has read and written" },
};

const struct vd_command *vd_command_at(size_t i)
{
	return i < VD_COUNT(commands) ? &commands[i] : NULL;
}

bool vd_command_is_name(struct vd_bytes word, const char *name)
{
	size_t i = 0;
	for (;;) {
		while (i < word.size && word.data[i] == '_')
			i++;
		while (*name == '_')
			name++;
		if (i == word.size || *name == '\0')
			return i == word.size && *name == '\0';
		if (word.data[i++] != (uint8_t)*name++)
			return false;
	}
}

const struct vd_command *vd_command_of(struct vd_bytes name)
{
	for (size_t i = 0; i < VD_COUNT(commands); i++)
		if (vd_command_is_name(name, commands[i].name))
			return &commands[i];
	return NULL;
}
