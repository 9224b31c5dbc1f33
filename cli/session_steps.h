/* SPDX-License-Identifier: Apache-2.0 */
/* session_steps.h: one function for each kind of command. Private to session*.c. */
#ifndef VD_CLI_SESSION_STEPS_H
#define VD_CLI_SESSION_STEPS_H

#include "cli/session.h"

/* Runs one step of the transaction under way, and prints what it gives; 0, or the error number that ends the transaction. Not
 * for commit. */
int session_step(struct vd_session *session, const struct vd_script_step *step);

void session_print_bytes(FILE *out, struct vd_bytes bytes);

/* Keeps what a transaction failed with, in words, if the number does not say it all; returns the number. */
int session_fail(int code, const char *message);
/* The words; "" for none. Forgets them. */
const char *session_take_failure(void);

/* Drops the transaction, and what was asked for in it. */
void session_drop(struct vd_session *session);

#endif
