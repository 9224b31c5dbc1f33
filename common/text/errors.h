/* SPDX-License-Identifier: Apache-2.0 */
/* errors.h: names and sentences of the error numbers in common/base/codes.h, and what a retry loop asks about
 * them. Pure; what is returned is constant and lives for ever. */
#ifndef VD_COMMON_TEXT_ERRORS_H
#define VD_COMMON_TEXT_ERRORS_H

#include "common/base/codes.h"

#include <stdbool.h>

/* "not_committed"; "unknown_error" for a number that is not listed. */
const char *vd_code_name(int code);

/* "transaction not committed due to a conflict with another one" */
const char *vd_code_sentence(int code);

/* The number of a name; -1 if there is none. */
int vd_code_of_name(const char *name);

bool vd_code_is_known(int code);

/* FoundationDB's predicates. Retryable: the body may run again after a wait. Maybe committed: retryable, but
 * the transaction may have been applied. Retryable and not committed: retryable, and certainly not applied.
 */
bool vd_code_is_retryable(int code);
bool vd_code_is_maybe_committed(int code);
bool vd_code_is_retryable_not_committed(int code);

/* All of them, for documentation and tests: the i-th number, or -1 past the end. */
int vd_code_at(unsigned i);

#endif
