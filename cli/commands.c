/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c: finds commands in the tables of the groups; see command.h. */
#include "cli/command.h"

static const struct vd_command_group *const groups[] = {
	&vd_commands_read,
	&vd_commands_write,
	&vd_commands_precondition,
	&vd_commands_sequence,
	&vd_commands_transaction,
	&vd_commands_lock,
	&vd_commands_watch,
};

const struct vd_command *vd_command_at(size_t i)
{
	for (size_t group = 0; group < VD_COUNT(groups); group++) {
		if (i < groups[group]->count)
			return &groups[group]->rows[i];
		i -= groups[group]->count;
	}
	return NULL;
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
	const struct vd_command *command;
	for (size_t i = 0; (command = vd_command_at(i)) != NULL; i++)
		if (vd_command_is_name(name, command->name))
			return command;
	return NULL;
}
