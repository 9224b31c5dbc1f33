/* SPDX-License-Identifier: Apache-2.0 */
/* machine.h: a life as a table: the states' names, what each means in a sentence, and which may follow which.
 *
 *     enum life { LIFE_STANDBY, LIFE_CAMPAIGNING, LIFE_LEADING };
 *     static const struct vd_state life_states[] = {
 *         [LIFE_STANDBY] = { "standby", "waiting for the lease to become free", VD_MAY(LIFE_CAMPAIGNING) },
 *         …
 *     };
 *     static const struct vd_machine life = VD_MACHINE("life", life_states);
 *
 *     vd_machine_move(&life, &node->state, LIFE_LEADING, node);   // asserts that the move is allowed
 *
 * One mover of state: only vd_machine_move changes it. The sentence is what the log says on entering the state,
 * and both the log and the diagram in the documentation come from the table. A state may name an invariant, which
 * the mover asserts. Tables are constant; a move belongs to the thread that owns the state.
 */
#ifndef VD_COMMON_BASE_MACHINE_H
#define VD_COMMON_BASE_MACHINE_H

#include "common/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct vd_state {
	const char *name;
	const char *sentence;
	uint64_t next;                        /* VD_MAY(a) | VD_MAY(b): states that may follow; 0 is an end */
	bool (*invariant)(const void *owner); /* what holds in this state; NULL: nothing to check */
};

struct vd_machine {
	const char *name;
	const struct vd_state *states;
	unsigned count; /* at most 64; the first is where a life begins */
};

#define VD_MAY(state) ((uint64_t)1 << (state))
#define VD_MACHINE(machine_name, table)                                                                      \
	{                                                                                                        \
		.name = (machine_name), .states = (table), .count = VD_COUNT(table)                                  \
	}

bool vd_machine_allows(const struct vd_machine *machine, unsigned from, unsigned to);

/* Moves *state and asserts that the table allows it and that the new state's invariant holds for `owner`. */
void vd_machine_move(const struct vd_machine *machine, unsigned *state, unsigned to, const void *owner);

static inline const char *vd_machine_name(const struct vd_machine *machine, unsigned state)
{
	VD_ASSERT(state < machine->count);
	return machine->states[state].name;
}
static inline const char *vd_machine_sentence(const struct vd_machine *machine, unsigned state)
{
	VD_ASSERT(state < machine->count);
	return machine->states[state].sentence;
}

/* True if each state has a name and a sentence, moves lead to states of the table, and every state can be
 * reached from the first; else writes what is wrong to `file`. For tests. */
VD_MUST_USE bool vd_machine_is_sound(const struct vd_machine *machine, FILE *file);

/* The life as a diagram. */
void vd_machine_print_mermaid(const struct vd_machine *machine, FILE *file);
void vd_machine_print_dot(const struct vd_machine *machine, FILE *file);

#endif
