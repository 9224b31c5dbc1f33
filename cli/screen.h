/* SPDX-License-Identifier: Apache-2.0 */
/* screen.h: a full screen that is redrawn in place, and a terminal that is afterwards as it was before.
 *
 * It is the terminal's alternate screen, without a cursor; keys are not echoed and come one by one (Ctrl-C still interrupts). It is
 * left whatever ends the process: vd_screen_close, exit(), a second Ctrl-C, a hang-up, or a signal that kills (all but SIGKILL,
 * against which nothing can be done: `reset` is what then helps). Ctrl-Z leaves it too, and it comes back with `fg`.
 *
 * One a process; main thread, but vd_screen_restore, which may be called from anywhere, also from a signal's handler.
 */
#ifndef VD_CLI_SCREEN_H
#define VD_CLI_SCREEN_H

#include "common/base/buffer.h"
#include "common/base/check.h"

#include <stdbool.h>
#include <stddef.h>

/* Whether standard output is a terminal that can do this. */
bool vd_screen_is_possible(void);

/* Takes the terminal. wake: an eventfd that is written to when the size has changed or the screen is back, and has to be drawn
 * again; it outlives the screen. False: it cannot be taken, and nothing has changed. */
VD_MUST_USE bool vd_screen_open(int wake);
/* Does nothing if none is open. */
void vd_screen_close(void);
/* Gives the terminal back at once, if it was taken. */
void vd_screen_restore(void);

/* Where keys come from, one by one; -1: from nowhere. */
int vd_screen_keys(void);

struct vd_screen_size {
	size_t rows;
	size_t columns;
};
struct vd_screen_size vd_screen_size(void);
/* The terminal shows UTF-8. */
bool vd_screen_is_utf8(void);

/* Shows these lines, each ended by '\n', in place of what was shown: one write, so that nothing flickers. What is wider or longer
 * than the screen is cut; bytes that could command the terminal are shown as '?'. False: it cannot be written. */
VD_MUST_USE bool vd_screen_show(const struct vd_buffer *lines);

#endif
