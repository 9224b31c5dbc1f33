/* SPDX-License-Identifier: Apache-2.0 */
/* deadline.c: a tree by time; the timer stands at the first of it, or earlier (then it looks and is armed again). */
#include "follower/deadline.h"

#include "common/base/clock.h"
#include "common/loop/loop.h"
#include "follower/guard.h"

#include <stdlib.h>

RB_HEAD(deadline_tree, vd_deadline);

struct vd_deadlines {
	struct deadline_tree tree;
	struct vd_guard *guard;
	struct vd_timer timer;
	struct vd_task arm;
};

static int compare(const struct vd_deadline *a, const struct vd_deadline *b)
{
	if (a->at_us != b->at_us)
		return a->at_us < b->at_us ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* RB_GENERATE_STATIC, whose __unused is not defined on Linux. */
RB_GENERATE_INTERNAL(deadline_tree, vd_deadline, link, compare, __attribute__((unused)) static)

static void arm(void *arg)
{
	struct vd_deadlines *deadlines = arg;
	const struct vd_deadline *first = RB_MIN(deadline_tree, &deadlines->tree);
	if (first != NULL)
		vd_timer_arm_us(&deadlines->timer, first->at_us - vd_clock_us());
	else
		vd_timer_cancel(&deadlines->timer);
}

static void fire(void *arg)
{
	struct vd_deadlines *deadlines = arg;
	int64_t now_us = vd_clock_us();
	struct vd_deadline *first;
	while ((first = RB_MIN(deadline_tree, &deadlines->tree)) != NULL && first->at_us <= now_us) {
		vd_deadline_cancel(first);
		first->callback(first->arg);
	}
	arm(deadlines);
}

struct vd_deadlines *vd_deadlines_new(struct vd_guard *guard, struct vd_loop *loop)
{
	struct vd_deadlines *deadlines = calloc(1, sizeof *deadlines);
	if (deadlines == NULL)
		return NULL;
	RB_INIT(&deadlines->tree);
	deadlines->guard = guard;
	deadlines->arm = (struct vd_task){ .run = arm, .arg = deadlines };
	if (!vd_timer_init(&deadlines->timer, loop, fire, deadlines)) {
		free(deadlines);
		return NULL;
	}
	return deadlines;
}

void vd_deadlines_free(struct vd_deadlines *deadlines)
{
	if (deadlines == NULL)
		return;
	struct vd_deadline *deadline;
	while ((deadline = RB_MIN(deadline_tree, &deadlines->tree)) != NULL)
		vd_deadline_cancel(deadline);
	vd_guard_withdraw(deadlines->guard, &deadlines->arm);
	vd_timer_fini(&deadlines->timer);
	free(deadlines);
}

void vd_deadline_arm(struct vd_deadlines *deadlines, struct vd_deadline *deadline, int64_t at_us)
{
	vd_deadline_cancel(deadline);
	deadline->at_us = at_us;
	deadline->armed_in = deadlines;
	RB_INSERT(deadline_tree, &deadlines->tree, deadline);
	if (RB_MIN(deadline_tree, &deadlines->tree) == deadline)
		vd_guard_post(deadlines->guard, &deadlines->arm);
}

void vd_deadline_cancel(struct vd_deadline *deadline)
{
	if (deadline->armed_in == NULL)
		return;
	RB_REMOVE(deadline_tree, &deadline->armed_in->tree, deadline);
	deadline->armed_in = NULL;
}
