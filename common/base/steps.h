/* SPDX-License-Identifier: Apache-2.0 */
/* steps.h: a pipeline as a table of steps, so that reading order is execution order.
 *
 *     static const struct vd_step drain_steps[] = { { "claim", drain_claim }, { "base", drain_base }, … };
 *     static const struct vd_steps drain = VD_STEPS("drain", drain_steps);
 *
 *     switch (vd_steps_go(&batch->run, batch)) {  // to start, and again from every callback: one resume for all
 *     case VD_STEP_WAIT: return;                  // an answer is outstanding; its callback goes on
 *     case VD_STEP_REST: …                        // nothing to do; the run stands at its first step again
 *     case VD_STEP_DONE: …                        // the last step is over; it stands at its first step again
 *     case VD_STEP_FAIL: …                        // handled here, in one place; vd_steps_name says which step
 *     }
 *
 * A step that waits is over: what comes next finds the answers stored. A step that must look again says so with
 * vd_steps_again, one that must go elsewhere (resolve again after a refusal) with vd_steps_jump.
 * Going on from inside a step is a bug: what may be asynchronous always is. One thread.
 */
#ifndef VD_COMMON_BASE_STEPS_H
#define VD_COMMON_BASE_STEPS_H

#include "common/base/check.h"

#include <stdbool.h>
#include <stddef.h>

enum vd_step_result {
	VD_STEP_NEXT, /* go on with the step after this one */
	VD_STEP_WAIT, /* stop; going on begins with the step after this one */
	VD_STEP_REST, /* nothing to do: stop, and stand at the first step */
	VD_STEP_FAIL, /* stop, and stay at this step until reset */
	VD_STEP_DONE, /* only from vd_steps_go: the last step said next */
};

struct vd_step {
	const char *name;
	enum vd_step_result (*run)(void *subject);
};

struct vd_steps {
	const char *name;
	const struct vd_step *steps;
	size_t count;
};

#define VD_STEPS(pipeline_name, table)                                                                       \
	{                                                                                                        \
		.name = (pipeline_name), .steps = (table), .count = VD_COUNT(table)                                  \
	}

/* One walk through the table. */
struct vd_run {
	const struct vd_steps *steps;
	size_t at;   /* the step that runs, or ran last */
	size_t next; /* the one that runs when it goes on */
	bool running;
	bool failed;
};

void vd_steps_init(struct vd_run *run, const struct vd_steps *steps);

/* Runs steps until one does not say next. Asserts that no step is running and that the run has not failed. */
VD_MUST_USE enum vd_step_result vd_steps_go(struct vd_run *run, void *subject);

/* From within a step: the step to run next instead of the one after this. `return vd_steps_jump(run, APPLY);`
 * goes on at once; with VD_STEP_WAIT returned after it, the jump is made when it goes on. */
enum vd_step_result vd_steps_jump(struct vd_run *run, size_t step);

/* From within a step: wait, then run the same step again. */
enum vd_step_result vd_steps_again(struct vd_run *run);

/* From a callback, while no step runs: the run has failed at the step that waited. */
void vd_steps_fail(struct vd_run *run);

/* Back to the first step, whatever happened. Not from within a step. */
void vd_steps_reset(struct vd_run *run);

/* The step that runs, waits or failed. */
const char *vd_steps_name(const struct vd_run *run);

#endif
