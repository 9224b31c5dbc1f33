/* SPDX-License-Identifier: Apache-2.0 */
/* steps.c: the loop that walks a table of steps. */
#include "common/base/steps.h"

void vd_steps_init(struct vd_run *run, const struct vd_steps *steps)
{
	VD_ASSERT(steps->count > 0);
	*run = (struct vd_run){ .steps = steps };
}

enum vd_step_result vd_steps_go(struct vd_run *run, void *subject)
{
	VD_ASSERT(!run->running && !run->failed);
	while (run->next < run->steps->count) {
		run->at = run->next++;
		run->running = true;
		enum vd_step_result result = run->steps->steps[run->at].run(subject);
		run->running = false;
		switch (result) {
		case VD_STEP_NEXT:
			continue;
		case VD_STEP_WAIT:
			return result;
		case VD_STEP_REST:
			vd_steps_reset(run);
			return result;
		case VD_STEP_FAIL:
			run->failed = true;
			return result;
		case VD_STEP_DONE:
			break;
		}
		VD_UNREACHABLE("a step returned none of next, wait, rest, fail");
	}
	vd_steps_reset(run);
	return VD_STEP_DONE;
}

enum vd_step_result vd_steps_jump(struct vd_run *run, size_t step)
{
	VD_ASSERT(run->running && step < run->steps->count);
	run->next = step;
	return VD_STEP_NEXT;
}

enum vd_step_result vd_steps_again(struct vd_run *run)
{
	VD_ASSERT(run->running);
	run->next = run->at;
	return VD_STEP_WAIT;
}

void vd_steps_fail(struct vd_run *run)
{
	VD_ASSERT(!run->running);
	run->failed = true;
}

void vd_steps_reset(struct vd_run *run)
{
	VD_ASSERT(!run->running);
	vd_steps_init(run, run->steps);
}

const char *vd_steps_name(const struct vd_run *run)
{
	return run->steps->steps[run->at].name;
}
