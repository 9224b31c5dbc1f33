/* SPDX-License-Identifier: Apache-2.0 */
/* machine.c: one place that moves states, and two ways to draw them. */
#include "common/base/machine.h"

bool vd_machine_allows(const struct vd_machine *machine, unsigned from, unsigned to)
{
	return from < machine->count && to < machine->count && (machine->states[from].next & VD_MAY(to)) != 0;
}

void vd_machine_move(const struct vd_machine *machine, unsigned *state, unsigned to, const void *owner)
{
	if (!vd_machine_allows(machine, *state, to)) {
		char what[160];
		const char *from_name = *state < machine->count ? machine->states[*state].name : "(none)";
		const char *to_name = to < machine->count ? machine->states[to].name : "(none)";
		snprintf(what, sizeof what, "%s may not go from %s to %s", machine->name, from_name, to_name);
		vd_check_failed(__FILE__, __LINE__, what);
	}
	*state = to;
	bool (*invariant)(const void *) = machine->states[to].invariant;
	if (invariant != NULL && !invariant(owner)) {
		char what[160];
		snprintf(what, sizeof what, "%s: invariant of %s is broken", machine->name, machine->states[to].name);
		vd_check_failed(__FILE__, __LINE__, what);
	}
}

static uint64_t reachable(const struct vd_machine *machine)
{
	uint64_t seen = VD_MAY(0);
	for (unsigned round = 0; round < machine->count; round++)
		for (unsigned state = 0; state < machine->count; state++)
			if (seen & VD_MAY(state))
				seen |= machine->states[state].next;
	return seen;
}

bool vd_machine_is_sound(const struct vd_machine *machine, FILE *file)
{
	bool sound = true;
	uint64_t known = machine->count >= 64 ? UINT64_MAX : VD_MAY(machine->count) - 1;
	uint64_t seen = reachable(machine);
	for (unsigned i = 0; i < machine->count; i++) {
		const struct vd_state *state = &machine->states[i];
		const char *wrong = NULL;
		if (state->name == NULL || state->sentence == NULL)
			wrong = "has no name or no sentence";
		else if (state->next & ~known)
			wrong = "moves to a state that is not in the table";
		else if (!(seen & VD_MAY(i)))
			wrong = "cannot be reached from the first state";
		if (wrong == NULL)
			continue;
		fprintf(file, "%s: state %u (%s) %s\n", machine->name, i, state->name ? state->name : "?", wrong);
		sound = false;
	}
	return sound;
}

void vd_machine_print_mermaid(const struct vd_machine *machine, FILE *file)
{
	fprintf(file, "stateDiagram-v2\n");
	for (unsigned i = 0; i < machine->count; i++)
		fprintf(file, "    %s : %s\n", machine->states[i].name, machine->states[i].sentence);
	fprintf(file, "    [*] --> %s\n", machine->states[0].name);
	for (unsigned i = 0; i < machine->count; i++) {
		for (unsigned to = 0; to < machine->count; to++)
			if (vd_machine_allows(machine, i, to))
				fprintf(file, "    %s --> %s\n", machine->states[i].name, machine->states[to].name);
		if (machine->states[i].next == 0)
			fprintf(file, "    %s --> [*]\n", machine->states[i].name);
	}
}

void vd_machine_print_dot(const struct vd_machine *machine, FILE *file)
{
	fprintf(file, "digraph \"%s\" {\n", machine->name);
	for (unsigned i = 0; i < machine->count; i++)
		fprintf(file, "    \"%s\" [tooltip=\"%s\"];\n", machine->states[i].name, machine->states[i].sentence);
	for (unsigned i = 0; i < machine->count; i++)
		for (unsigned to = 0; to < machine->count; to++)
			if (vd_machine_allows(machine, i, to))
				fprintf(file, "    \"%s\" -> \"%s\";\n", machine->states[i].name, machine->states[to].name);
	fprintf(file, "}\n");
}
