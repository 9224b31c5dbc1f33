/* SPDX-License-Identifier: Apache-2.0 */
/* load_steps.h: the transactions of a load: each one moves the state that stands in the store, together with what it does.
 *
 *   nothing ─ begin ─▶ clearing ─▶ loading ─ write… ─ finish ─▶ nothing        locked in between
 *                         │            └─ undo ─▶ undoing ─▶ nothing
 *                         └───────────────┘
 *
 * Each demands that the state is still the one that it knows, so of two processes that go on with the same load one ends, and a commit
 * whose end was not told is recognised when it is tried again. A function returns 0, or the error number that ended it, with what it
 * says in load->message; a Ctrl-C is VD_ERROR_OPERATION_CANCELLED.
 */
#ifndef VD_CLI_LOAD_STEPS_H
#define VD_CLI_LOAD_STEPS_H

#include "cli/load_batch.h"
#include "cli/load_state.h"

struct vd_load {
	struct vd_database *database;
	struct vd_load_state state;
	struct vd_buffer stored; /* the state as it stands in the store; empty: nothing does */
	bool has_written;        /* this process has committed something */
	char message[512];
};

void vd_load_fini(struct vd_load *load);

/* The step found the state not to be the one that it knows, or the store unlocked, where no system key can be written. */
bool vd_load_is_overtaken(int code);

/* Reads the state. load->stored is empty if there is none; VD_ERROR_CLIENT_INVALID_OPERATION if it cannot be read. */
VD_MUST_USE int vd_load_look(struct vd_load *load);
/* Locks the store with load->state, which is new, and moves its version above that one. Unless it is going to be cleared, it has to
 * be empty: else VD_ERROR_PRECONDITION_FAILED, also if somebody was faster. VD_ERROR_DATABASE_LOCKED: by somebody else. */
VD_MUST_USE int vd_load_begin(struct vd_load *load, uint64_t above_version);
/* Removes what is in the range, and then loads. */
VD_MUST_USE int vd_load_clear(struct vd_load *load);
/* Writes a batch behind what is stored: load->state has been moved already. */
VD_MUST_USE int vd_load_write(struct vd_load *load, const struct vd_load_batch *batch);
/* Writes the last batch, and unlocks. */
VD_MUST_USE int vd_load_finish(struct vd_load *load, const struct vd_load_batch *batch);
/* Removes all that was loaded, and unlocks. */
VD_MUST_USE int vd_load_undo(struct vd_load *load);

#endif
