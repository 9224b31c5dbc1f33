/* SPDX-License-Identifier: Apache-2.0 */
/* fault.h: named places where a test can make the world go wrong.
 *
 *     if (VD_FAULT("drain.before_commit")) return fail(…);
 *     (void)VD_FAULT("drain.after_commit");
 *
 * Compiled in always, inert unless the environment says otherwise; one load and one branch then.
 *     VERDICT_FAULT=name:hit:action[,name:hit:action…]
 *         hit     3: the third time the place is passed; 3+: the third and all later ones; *: every one
 *         action  pause (SIGSTOP to this process), kill (SIGKILL), fail (VD_FAULT is true), sleep=MS (this thread)
 *     VERDICT_FAULT_LOG=file
 *         each hit of each place appends "name hit action" (action "none" if nothing is done) before it acts, so
 *         that a test can assert that its schedule took place
 * A malformed VERDICT_FAULT is reported on standard error and ignored. Names are <room>.<place>. Any thread.
 */
#ifndef VD_COMMON_BASE_FAULT_H
#define VD_COMMON_BASE_FAULT_H

#include "common/base/error.h"

#include <stdatomic.h>
#include <stdbool.h>

/* True if the place is to fail. */
#define VD_FAULT(name)                                                                                       \
	(__builtin_expect(atomic_load_explicit(&vd_fault_armed, memory_order_relaxed) != 0, 0) &&                \
		vd_fault_hit(name))

/* Negative until the environment was read; then 0 if inert, else positive. Only for the macro. */
extern _Atomic int vd_fault_armed;
bool vd_fault_hit(const char *name);

/* For unit tests: what VERDICT_FAULT and VERDICT_FAULT_LOG would say (either may be NULL), in place of the
 * environment. Returns 0, or a code with the reason and then changes nothing. Counts begin anew. */
VD_MUST_USE int vd_fault_arm(const char *spec, const char *log_path, struct vd_error *error);
void vd_fault_disarm(void);

/* True if a fault names this place, or a log is kept, which wants to see every place passed: for what goes another way so that a
 * place exists. */
bool vd_fault_is_watched(const char *name);

/* How often a place was passed since it was armed. */
unsigned vd_fault_hits(const char *name);

#endif
